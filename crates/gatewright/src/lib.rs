//! Authentication and authorization for Rust web services: OAuth2 password login, JWT access
//! tokens, refresh tokens that rotate and detect theft, password hashing, and guards for users,
//! roles, scopes and API keys.
//!
//! Applications depend on this crate. It contains no logic: it re-exports the other crates by
//! feature.
//!
//! | feature | adds |
//! |---|---|
//! | `actix-web` | [`actix_web`](mod@actix_web): extractors, guards and routes for actix-web |
//! | `axum` | [`axum`](mod@axum): extractors, guards and routes for axum |
//! | `poem` | [`poem`](mod@poem): extractors, guards and routes for poem |
//! | `jsonwebtoken` | conversions from the algorithms, keys and key sets of the crate `jsonwebtoken` |
//! | `jwks` | `RemoteIssuer`: fetches the keys of other issuers over HTTPS |
//! | `memory` | `MemoryStore`: accounts and sessions in memory |
//! | `metrics` | [`metrics`](mod@metrics): counts and times, through the crate `metrics` |
//! | `mysql` | `MySqlStore`: accounts and sessions in MySQL or MariaDB |
//! | `openapi` | [`openapi`](mod@openapi): access control in utoipa documents |
//! | `postgres` | `PostgresStore`: accounts and sessions in PostgreSQL; `PostgresFeed`: revocations between nodes |
//! | `redis` | `RedisStore`: sessions in Redis; `RedisFeed`: revocations between nodes |
//! | `sqlite` | `SqliteStore`: accounts and sessions in SQLite |
//! | `swagger-ui` | `openapi::SwaggerUi`: a page that shows the document, with login |
//! | `time` | conversions between [`types::Timestamp`] and `time::OffsetDateTime` |
//!
//! The module `guide` has a page for each task, from the first program to operations. It exists if all
//! features are on.
//!
//! A service on axum:
//!
#![cfg_attr(all(feature = "axum", feature = "memory"), doc = "```")]
#![cfg_attr(not(all(feature = "axum", feature = "memory")), doc = "```ignore")]
//! use axum::{Router, routing::get};
//! use gatewright::axum::{CurrentUser, routes};
//! use gatewright::{
//!     Auth, HashingPool, HmacSecret, Jwt, Login, MemoryStore, Password, Registration, RoleName,
//! };
//!
//! async fn me(user: CurrentUser) -> String {
//!     format!("you are {}", user.email)
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let secret = HmacSecret::generate()?; // in production the text of AUTH_SECRET_KEY
//! let tokens = Jwt::hs256(secret).issuer("https://example.com").audience("example-api").build()?;
//! let auth = Auth::local(MemoryStore::new(), tokens, HashingPool::new()?)
//!     .with_registration_role(RoleName::new("user")?)
//!     .build()?;
//! let app: Router = Router::new()
//!     .route("/users/me", get(me))
//!     .nest("/auth", routes(&auth)) // register, login, refresh, logout, sessions and more
//!     .with_state(auth.clone());
//! # drop(app); // for `axum::serve`
//!
//! // The endpoints make these calls:
//! let password = Password::new("correct horse battery staple");
//! auth.register(Registration::new("ada@example.com", password.clone())?).await?;
//! let pair = auth.login(Login::new("ada@example.com", password)).await?;
//! assert_eq!(pair.expires_in, 900);
//! # Ok(())
//! # }
//! ```
//!
//! Start with [`Auth::local`] if Gatewright keeps the accounts, or with [`Auth::builder`] if the
//! application has a users table of its own. The store and hasher traits use the
//! `async-trait` crate. If you implement one of them, add `async-trait` to your dependencies.
//!
//! - The cause of a rejected request is only in the log. Gatewright logs with `tracing` under the
//!   target `gatewright`, so install a subscriber. Set an [`event::EventSink`] to receive the events
//!   yourself.
//! - Import by name. With `use gatewright::*` the modules `axum`, `actix_web` and `poem` shadow the
//!   crates of these names.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub use gatewright_core::auth::{Auth, Error};
pub use gatewright_core::endpoints::{Login, Registration, SessionOptions, TokenPair};
pub use gatewright_core::error::AuthError;
pub use gatewright_core::guard::Identity;
pub use gatewright_core::store::{Account, AuthUser, UserStore};
pub use gatewright_core::types::{
    AllOf, AnyOf, ApiKeys, Email, LoginName, Password, PasswordHash, RoleName, RoleScopes, Scopes, UserId,
};
pub use gatewright_core::{roles, scopes};
pub use gatewright_jwt::{HmacSecret, Jwt};
pub use gatewright_password::HashingPool;

#[cfg(feature = "memory")]
pub use gatewright_memory::MemoryStore;
#[cfg(feature = "redis")]
pub use gatewright_redis::{RedisFeed, RedisStore};
#[cfg(feature = "mysql")]
pub use gatewright_sqlx::MySqlStore;
#[cfg(feature = "sqlite")]
pub use gatewright_sqlx::SqliteStore;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
pub use gatewright_sqlx::sqlx;
#[cfg(feature = "postgres")]
pub use gatewright_sqlx::{PostgresFeed, PostgresStore};

#[cfg(all(
    feature = "actix-web",
    feature = "axum",
    feature = "jsonwebtoken",
    feature = "jwks",
    feature = "memory",
    feature = "openapi",
    feature = "poem",
    feature = "postgres",
    feature = "redis",
    feature = "sqlite"
))]
pub mod guide;

/// The builder of [`Auth`], its defaults and limits.
pub mod auth {
    pub use gatewright_core::auth::{
        Auth, AuthBuilder, BuildError, DEFAULT_ACCESS_LIFETIME, DEFAULT_HASH_WAIT, DEFAULT_REFRESH_GRACE,
        DEFAULT_REFRESH_LIFETIME, DEFAULT_REFUSAL_FLOOR, DEFAULT_SESSION_LIFETIME, DangerousAuthBuilder,
        Error, MAX_HASH_WAIT, MAX_HELD_REFUSALS, MAX_REFRESH_GRACE, MAX_REFUSAL_FLOOR,
        MAX_THROTTLED_HASH_WAIT, NoUser, ThrottleFailure,
    };
}

/// The audit trail: its rows, its stores, and how its chains are verified.
pub mod audit {
    pub use gatewright_core::audit::{
        AppendOutcome, AuditActor, AuditChain, AuditCheckpoint, AuditCursor, AuditDamage, AuditFilter,
        AuditKey, AuditOutcome, AuditReach, AuditRecord, AuditReport, AuditRow, AuditSettings, AuditStore,
        AuditTask, CHANGE_ROWS, CHECKPOINT_INTERVAL, CHECKPOINT_ROWS, ChainCheck, DEFAULT_ATTEMPT_WAIT,
        DEFAULT_QUEUE_ROWS, FLUSH_WAIT, InvalidAuditKey, InvalidCheckpoint, InvalidWriter, MAX_APPENDED_ROWS,
        MAX_ATTEMPT_WAIT, MAX_AUDIT_KEY_BYTES, MAX_CAUSE_BYTES, MAX_DETAIL_BYTES, MAX_QUEUE_ROWS,
        MAX_WRITER_BYTES, MIN_AUDIT_KEY_BYTES, Removal, SALT_BYTES, WriterId, is_audited, run_on_thread,
        verify,
    };
}

/// Limits of the cache of sessions.
pub mod cache {
    pub use gatewright_core::cache::{DEFAULT_CACHE_CAPACITY, MAX_CACHE_CAPACITY};
}

/// The requests and replies of the ready-made endpoints, and the administration of accounts.
pub mod endpoints {
    pub use gatewright_core::endpoints::{
        Accounts, ActiveToken, Audit, Endpoint, INTROSPECTION, Introspection, Login, PUBLIC_KEYS_MAX_AGE,
        PasswordChange, Refresh, Registration, SessionInfo, SessionList, SessionOptions, TokenPair,
    };
}

/// Why something was refused or failed. For operators, never for clients.
pub mod error {
    pub use gatewright_core::error::{
        AcceptedTypes, AccessError, AuthError, BodyProblem, ExtraClaimsError, FieldProblem, LoginError,
        PolicyError, RefreshError, RequestError,
    };
}

/// Events: what happened, for logs and audits. Measurements: what is counted and timed, for metrics.
pub mod event {
    pub use gatewright_core::event::{
        Actor, AttemptOutcome, AttemptedName, CacheResult, Event, EventSink, GuardOutcome, HashOutcome,
        MAX_METHOD_BYTES, MAX_REQUEST_ID_BYTES, MAX_ROUTE_BYTES, Measurement, MetricsSink, QueueOutcome,
        RefreshOutcome, RequestContext, TracingSink,
    };
}

/// What guards check, and what they add to a request for its handler.
pub mod guard {
    pub use gatewright_core::guard::{
        AccessRule, ApiKeyIdentity, Caller, CredentialKind, Guard, GuardedExtractor, Identity,
    };
}

/// What crosses the wire: bodies, replies, renderers, trusted proxies.
pub mod http {
    pub use gatewright_core::Bytes;
    pub use gatewright_core::http::{
        BodyCollector, Denial, DetailRenderer, Headers, InvalidProxies, MAX_BODY_BYTES, MAX_DISCARDED_BYTES,
        MAX_FORWARDED_BYTES, MAX_FORWARDED_HOPS, MAX_TRUSTED_PROXIES, ProblemRenderer, RETRY_AFTER, Rendered,
        Renderer, Reply, RequestRoute, RequestView, TokenEndpoint, TrustedProxies,
    };
}

/// Metrics, through the facade of the crate `metrics`: [`Metrics`](metrics::Metrics) for an [`Auth`] and a hashing pool.
#[cfg(feature = "metrics")]
pub mod metrics {
    pub use gatewright_metrics::{METRICS, Metric, MetricKind, Metrics};
}

/// Password hashing: the pool of threads, its settings, and the trait behind it.
pub mod password {
    pub use gatewright_core::password::{
        AccountKey, BreachedPasswords, BreachedPasswordsError, DangerousPasswordRules, HashContext,
        HasherError, LEAST_PASSWORD_CODE_POINTS, MAX_MIN_PASSWORD_CODE_POINTS, MAX_PASSWORD_BYTES,
        MIN_DIFFERENT_CHARACTERS, MIN_PASSWORD_CODE_POINTS, PasswordCheckError, PasswordHasher,
        PasswordPolicyError, PasswordRules, PasswordVerdict,
    };
    pub use gatewright_password::{
        Argon2Costs, BreachFilter, HashingPool, HashingPoolBuilder, InvalidPepper, LOWERED_BY,
        MAX_PEPPER_BYTES, MAX_PEPPER_ID_BYTES, MAX_PREVIOUS_PEPPERS, MAX_PWNED_LINE_BYTES,
        MAX_WAITING_LOOKUPS, MAX_WAITING_LOOKUPS_PER_NETWORK, MIN_PEPPER_BYTES, Pepper, PwnedPasswords,
        ThreadPriority, Upgrade,
    };
}

/// Revocations, and the feeds that carry them between nodes.
pub mod revocation {
    pub use gatewright_core::revocation::{
        CACHE_TTL_WITH_FEED, CACHE_TTL_WITHOUT_FEED, DISTRUST_WINDOW, FEED_KEY_BYTES, FeedKey, FeedMessage,
        FeedReach, HEARTBEAT_INTERVAL, HEARTBEAT_TIMEOUT, InvalidFeedKey, InvalidRevocation, LocalFeed,
        MAX_FEED_KEYS, MAX_FEED_MESSAGE_BYTES, Publication, Received, Revocation, RevocationCheck,
        RevocationFeed, RevocationReceiver, Revoked, UNCONFIRMED_WINDOW,
    };
}

/// The traits of stores, and their parts.
pub mod store {
    pub use gatewright_core::store::{
        Account, AccountChange, AccountCounts, AccountStore, AccountView, AuthUser, CompareAndSwap,
        CreateOutcome, EpochChange, GraceClient, GracePolicy, InvalidUsedTokens, MAX_EXPIRED_PER_LOGIN,
        MAX_FOREIGN_GRACES, MAX_SESSIONS_PER_USER, MAX_USED_TOKENS, NewAccount, Rotation, RotationRequest,
        RotationState, Session, SessionSeed, SessionStore, StateChange, StoreError, StoredPassword,
        TokenDigest, USE_DISCLOSURE_DELAY, USED_TOKEN_RETENTION, UpdateOutcome, UsedToken, UserStore,
        Validity,
    };
    #[cfg(feature = "redis")]
    pub use gatewright_redis::{DEFAULT_PREFIX, InvalidPrefix, MAX_PREFIX_BYTES, Prefix, Warning};
    #[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
    pub use gatewright_sqlx::{MAX_POOL_SIZE, SqlOptions};
}

/// The throttle: limits of attempts, and the trait that keeps them.
pub mod throttle {
    pub use gatewright_core::throttle::{
        ACCOUNT_FAILURES, Attempt, CLOCK_TOLERANCE, ClientOrigin, DEFAULT_MEMORY_KEYS, FAILURES_RESET,
        FIRST_WAIT, IN_FLIGHT_RETRY, IN_FLIGHT_TIMEOUT, KNOWN_NETWORK_LIFETIME, KNOWN_NETWORKS,
        KNOWN_NETWORKS_ONLY_AFTER, KeyKind, LOCK_AFTER, LONGEST_WAIT, Limit, LockStage, MAX_EXPIRED_PER_STEP,
        MAX_MEMORY_KEYS, MAX_STATE_BYTES, MemoryThrottle, NETWORK_FAILURES, NETWORK_IN_FLIGHT,
        NETWORK_INTERVAL, PASSWORD_CHANGE_FAILURES, Purpose, REFUSED_REQUEST_INTERVAL, REFUSED_REQUESTS,
        REGISTRATION_INTERVAL, REGISTRATIONS, SHARED_BUCKET_FACTOR, SHARED_BUCKETS, SHARED_NETWORK_FACTOR,
        STUFFING_ACCOUNTS, STUFFING_DURATION, STUFFING_INTERVAL, STUFFING_WINDOW, Throttle, ThrottleDecision,
        ThrottleDigests, ThrottleKey, ThrottleOutcome, ThrottleReach, ThrottleSettings, ThrottleState,
        ThrottleStep, ThrottleWrite, WIDE_NETWORK_FACTOR,
    };
}

/// Tokens: claims, keys, key rings, and the tokens of other issuers.
pub mod token {
    pub use gatewright_core::token::{
        AuthMethods, Claims, ExtraClaimsMismatch, ExtraObject, FUTURE_TOLERANCE, InvalidExtraClaims,
        IssueError, MAX_ACCESS_LIFETIME, MAX_EXTRA_CLAIMS_BYTES, MAX_LARGE_TOKEN_BYTES, MAX_REFRESH_LIFETIME,
        MAX_TOKEN_BYTES, SIGNING_TIMEOUT, TokenError, TokenId, TokenIssuer, TokenKind, TokenVerifier,
        VerifiedClaims,
    };
    #[cfg(feature = "jwks")]
    pub use gatewright_jwks::{
        DEFAULT_MAX_STALE, DEFAULT_REFRESH, DangerousRemoteIssuerBuilder, DiscoveryFailure, FetchFailure,
        MAX_COOL_DOWN, MAX_REFRESH, MAX_STALE, MAX_TIMEOUT, MIN_REFRESH, MIN_STALE, RemoteIssuer,
        RemoteIssuerBuilder,
    };
    pub use gatewright_jwt::{
        Algorithm, ClaimPath, ClaimValue, DangerousJwtBuilder, DangerousTokenProfile, GithubId, HeaderMember,
        HmacSecret, IssuerVerifier, Issuers, JwkSet, Jwt, JwtBuilder, KeyError, KeyRing, MAX_CACHE_TOKENS,
        MAX_JWKS_BYTES, MAX_JWKS_KEYS, MAX_KEY_ID_BYTES, MAX_LEEWAY, MAX_PROFILE_LIFETIME,
        MAX_PROFILE_TOKEN_BYTES, MIN_SECRET_BYTES, NewKey, RejectedKey, RingError, SigningKey, TokenProfile,
        UnknownAlgorithm, VerifyingKey,
    };
}

/// Small types: ids, scopes, policies, clients, time and randomness.
pub mod types {
    pub use gatewright_core::types::{
        AllOf, Amr, AnyOf, ApiKeys, Authenticated, ClientInfo, ClientNetwork, Clock, Deadline, DerivedKey,
        Email, Epoch, InvalidAmr, InvalidApiKey, InvalidEmail, InvalidId, InvalidLoginName, InvalidScopes,
        InvalidUsername, LoginName, MAX_AMR_BYTES, MAX_API_KEY_BYTES, MAX_EMAIL_BYTES, MAX_LOCAL_PART_BYTES,
        MAX_LOGIN_NAME_BYTES, MAX_ROLE_BYTES, MAX_SCOPES_BYTES, MAX_USER_AGENT_BYTES, MAX_USERNAME_BYTES,
        MAX_USERNAME_KEY_BYTES, Password, PasswordHash, Policy, RandomError, Requirement, RoleChange,
        RoleEnum, RoleName, RoleScopes, SHORT_API_KEY_BYTES, Scopes, SecureRandom, SessionId, SystemClock,
        SystemRandom, SystemTimer, Timer, Timestamp, TokenText, UnknownRole, UserAgent, UserId, Username,
        WeakSecret, check_secret,
    };
}

/// For actix-web: `App::new().configure(install(&auth, "/auth")).route("/me", web::get().to(me))`.
///
/// [`install`](actix_web::install) installs the [`Auth`] that handler arguments use. Without it,
/// requests to such handlers fail with 500, and the log names the fix.
///
/// `Option<CurrentUser>` is `None` for an invalid token too: use `MaybeUser`. actix-web extracts
/// all arguments of a handler concurrently, so it may read the body before the guard rejects the
/// caller. If a route must read bodies only from authorized callers, put `guarded` or `require`
/// around it.
#[cfg(feature = "actix-web")]
pub mod actix_web {
    pub use gatewright_actix_web::{
        ApiKey, Authorized, CurrentUser, Error, ExtraClaims, GuardedRouter, MaybeUser, Path, Rejection,
        Require, RequireLayer, StatelessClaims, change_password, end_session, for_request, guarded, install,
        introspect, login, logout, logout_all, refresh, register, require, revoke, routes, sessions,
    };
}

/// For axum: `Router::new().route("/me", get(me)).nest("/auth", routes(&auth)).with_state(auth)`.
///
/// Implement [`HasAuth`](axum::HasAuth) for a router state of your own. If a handler does not
/// compile, axum only reports that it does not implement `Handler`. With
/// `#[axum::debug_handler(state = YourState)]` (axum's feature `macros`) the compiler names the
/// cause.
///
/// `Option<CurrentUser>` does not compile: use `MaybeUser`.
#[cfg(feature = "axum")]
pub mod axum {
    pub use gatewright_axum::{
        ApiKey, Authorized, CurrentUser, Error, ExtraClaims, GuardedRouter, HasAuth, MaybeUser, Path,
        Rejection, Require, RequireLayer, StatelessClaims, change_password, end_session, for_request,
        guarded, introspect, login, logout, logout_all, refresh, register, require, revoke, routes, sessions,
    };
}

/// For poem: `install(&auth, "/auth", Route::new().at("/me", get(me)))`.
///
/// [`install`](poem::install) installs the [`Auth`] that handler arguments use. Without it,
/// requests to such handlers fail with 500, and the log names the fix.
///
/// Put CORS and the like around what `install` returns, so that they also handle rejections by
/// handler arguments. `Option<CurrentUser>` is `None` for an invalid token too: use `MaybeUser`.
#[cfg(feature = "poem")]
pub mod poem {
    pub use gatewright_poem::{
        ApiKey, Authorized, CurrentUser, Error, ExtraClaims, GuardedRouter, MaybeUser, Path, Rejection,
        Require, RequireLayer, StatelessClaims, change_password, end_session, for_request, guarded, install,
        introspect, login, logout, logout_all, refresh, register, require, revoke, routes, sessions,
    };
}

/// For OpenAPI documents: [`Document`](openapi::Document) adds access control to a utoipa document.
#[cfg(feature = "openapi")]
pub mod openapi {
    #[cfg(feature = "swagger-ui")]
    pub use gatewright_openapi::SwaggerUi;
    pub use gatewright_openapi::{
        API_KEY, BEARER, Document, DocumentError, GuardedHandler, OAUTH2, OperationKey, document_reply,
    };
}
