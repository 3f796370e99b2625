//! Authentication and authorization for Rust web services: OAuth2 password login, JWT access tokens, refresh tokens
//! that rotate and notice theft, password hashing, guards for users, roles, scopes and API keys.
//!
//! This crate is the front door: it re-exports, by feature, what an application uses, and holds no logic.
//!
//! | feature | brings |
//! |---|---|
//! | `actix-web` | [`actix_web`](mod@actix_web): extractors, guards and routes for actix-web |
//! | `axum` | [`axum`](mod@axum): extractors, guards and routes for axum |
//! | `poem` | [`poem`](mod@poem): extractors, guards and routes for poem |
//! | `jwks` | `RemoteIssuer`: the keys of other issuers, fetched over HTTPS |
//! | `memory` | `MemoryStore`: accounts and sessions in memory |
//! | `mysql` | `MySqlStore`: accounts and sessions in MySQL or MariaDB |
//! | `openapi` | [`openapi`](mod@openapi): who may call what, in utoipa documents |
//! | `postgres` | `PostgresStore`: accounts and sessions in PostgreSQL; `PostgresFeed`: revocations between its nodes |
//! | `redis` | `RedisStore`: sessions in Redis; `RedisFeed`: revocations between nodes |
//! | `sqlite` | `SqliteStore`: accounts and sessions in SQLite |
//! | `swagger-ui` | `openapi::SwaggerUi`: the page that shows a document and logs in |
//!
//! A service on axum; the README shows it on actix-web and poem too, and goes on from there:
//!
#![cfg_attr(all(feature = "axum", feature = "memory"), doc = "```")]
#![cfg_attr(not(all(feature = "axum", feature = "memory")), doc = "```ignore")]
//! use axum::{Router, routing::get};
//! use gatewright::axum::{CurrentUser, routes};
//! use gatewright::{Auth, HashingPool, Jwt, Login, MemoryStore, Password, Registration, RoleName};
//!
//! async fn me(user: CurrentUser) -> String {
//!     format!("you are {}", user.email)
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let secret = "fu8F0qTz1nQmX3vKd7RwYb2LhJc9PsEa"; // at least 32 random bytes, from the environment
//! let tokens = Jwt::hs256(secret, "https://example.com", "example-api").build()?;
//! let auth = Auth::local(MemoryStore::new(), tokens, HashingPool::builder().build()?)
//!     .with_registration_role(RoleName::new("user")?)
//!     .build()?;
//! let app: Router = Router::new()
//!     .route("/users/me", get(me))
//!     .nest("/auth", routes(&auth)) // register, login, refresh, logout, sessions and more
//!     .with_state(auth.clone());
//! # drop(app); // `axum::serve` takes it
//!
//! // What the endpoints do, as calls:
//! let password = Password::new("correct horse battery staple");
//! auth.register(Registration::new("ada@example.com", password.clone())?).await?;
//! let pair = auth.login(Login::new("ada@example.com", password)).await?;
//! assert_eq!(pair.expires_in, 900);
//! # Ok(())
//! # }
//! ```
//!
//! What happens is told through `tracing`, target `gatewright`, unless [`EventSink`] says otherwise: without a subscriber nobody
//! hears why a request was refused. Forget expired sessions now and then with [`Auth::purge_expired_sessions`].
//!
//! Import by name: with `use gatewright::*`, the modules `axum`, `actix_web` and `poem` stand in front of the crates.
//!
//! Begin with [`Auth::local`] for Gatewright's own accounts, or [`Auth::builder`] for an application's own users. The
//! store and hasher traits are `async` by way of the `async-trait` crate, which whoever implements them adds.

pub use gatewright_core::account::{Accounts, PasswordChange, Registration};
pub use gatewright_core::api_key::MAX_API_KEY_BYTES;
pub use gatewright_core::api_key::{ApiKeys, InvalidApiKey, SHORT_API_KEY_BYTES};
pub use gatewright_core::builder::{AuthBuilder, BuildError};
pub use gatewright_core::builder::{
    DEFAULT_ACCESS_LIFETIME, DEFAULT_REFRESH_GRACE, DEFAULT_REFRESH_LIFETIME, DEFAULT_SESSION_LIFETIME,
    MAX_REFRESH_GRACE,
};
pub use gatewright_core::cache::{DEFAULT_CACHE_CAPACITY, MAX_CACHE_CAPACITY};
pub use gatewright_core::client::{ClientInfo, MAX_USER_AGENT_BYTES, UserAgent};
pub use gatewright_core::clock::{Clock, SystemClock, Timestamp};
pub use gatewright_core::denial::RETRY_AFTER;
pub use gatewright_core::email::MAX_EMAIL_BYTES;
pub use gatewright_core::error::{
    AccessRefusal, AuthError, LoginRefusal, PolicyRefusal, RefreshRefusal, RequestError,
};
pub use gatewright_core::event::{Event, EventSink, TracingSink};
pub use gatewright_core::feed::{Announcement, LocalFeed, Reach, RevocationFeed, RevocationReceiver};
pub use gatewright_core::introspect::{ActiveToken, INTROSPECTION, Introspection};
pub use gatewright_core::operation::PUBLIC_KEYS_MAX_AGE;
pub use gatewright_core::password::{HasherError, PasswordHasher, PasswordVerdict, PolicyViolation};
pub use gatewright_core::password::{MAX_PASSWORD_BYTES, MIN_PASSWORD_CODE_POINTS};
pub use gatewright_core::proxies::{
    InvalidProxies, MAX_FORWARDED_BYTES, MAX_FORWARDED_HOPS, MAX_TRUSTED_PROXIES, TrustedProxies,
};
pub use gatewright_core::render::{DetailRenderer, ProblemRenderer, Rendered, Renderer, TokenEndpoint};
pub use gatewright_core::requirement::{AllOf, AnyOf, Authenticated, Demand, Guards, Policy, Requirement};
pub use gatewright_core::resource_server::NoUser;
pub use gatewright_core::revocation::{
    HEARTBEAT_INTERVAL, InvalidRevocation, MAX_AGE_WITH_FEED, MAX_AGE_WITHOUT_FEED, MAX_SILENCE, Revocation,
    RevocationCheck, Revoked, SETTLING_TIME,
};
pub use gatewright_core::role::MAX_ROLE_BYTES;
pub use gatewright_core::rotation::{
    Rotation, RotationRequest, RotationState, SessionSeed, TokenDigest, TokenLife,
};
pub use gatewright_core::scope::MAX_SCOPES_BYTES;
pub use gatewright_core::scope::{InvalidScopes, RoleScopes, Scopes};
pub use gatewright_core::session::{MAX_SESSIONS_PER_USER, Session, SessionStore};
pub use gatewright_core::session_list::{SessionInfo, SessionList};
pub use gatewright_core::store::{
    Account, AccountChange, AccountCounts, AccountStore, AuthUser, Change, Created, NewAccount, StoreError,
    Swap, UserStore,
};
pub use gatewright_core::token::{
    FUTURE_TOLERANCE, IssueError, MAX_ACCESS_LIFETIME, MAX_REFRESH_LIFETIME, MAX_TOKEN_BYTES,
};
pub use gatewright_core::{
    ApiKeyIdentity, Auth, BodyCollector, Bytes, Caller, Claims, CredentialKind, Denial, Email, Epoch, Guard,
    Headers, Identity, InvalidEmail, InvalidId, Login, Operation, Password, PasswordHash, Randomness,
    RandomnessError, Refresh, Reply, RequestView, RoleChange, RoleName, SessionId, SystemRandomness, TokenId,
    TokenIssuer, TokenKind, TokenPair, TokenRefusal, TokenText, TokenVerifier, UnknownRole, UserId,
    VerifiedClaims, roles, scopes,
};
pub use gatewright_core::{MAX_BODY_BYTES, MAX_DISCARDED_BYTES};
pub use gatewright_jwt::{
    Algorithm, DangerousJwtBuilder, ExtendedClaims, IssuerVerifier, Issuers, JwkSet, Jwt, JwtBuilder,
    KeyError, KeyRing, MAX_CACHE_TOKENS, MAX_JWKS_BYTES, MAX_JWKS_KEYS, MAX_KEY_ID_BYTES, MAX_LEEWAY,
    MIN_SECRET_BYTES, NewKey, RingError, SigningKey, UnknownAlgorithm, VerifyingKey,
};
pub use gatewright_password::{Argon2Costs, HashingPool, HashingPoolBuilder};

/// For actix-web: `App::new().configure(install(&auth, "/auth")).route("/me", web::get().to(me))`.
///
/// [`install`](actix_web::install) gives the handlers' arguments their [`Auth`]; without it they answer 500, and the log (by
/// way of `tracing`) names the fix. `Option<CurrentUser>` is `None` for a bad token too: use `MaybeUser`. Arguments of one
/// handler are evaluated together: put `guarded` or `require` around what nobody else may send bodies to.
#[cfg(feature = "actix-web")]
pub mod actix_web {
    pub use gatewright_actix_web::{
        ApiKey, Authorized, CurrentUser, GuardedRouter, MaybeUser, Rejection, Require, RequireLayer,
        StatelessClaims, change_password, end_session, guarded, install, introspect, login, logout,
        logout_all, refresh, register, require, revoke, routes, sessions,
    };
}

/// For axum: `Router::new().route("/me", get(me)).nest("/auth", routes(&auth)).with_state(auth)`.
///
/// A state of your own implements [`HasAuth`](axum::HasAuth). When a handler does not compile, axum says no more than that it is
/// no `Handler`; under `#[axum::debug_handler(state = YourState)]` (axum's feature `macros`) the compiler names what is
/// missing. `Option<CurrentUser>` does not compile: use `MaybeUser`.
#[cfg(feature = "axum")]
pub mod axum {
    pub use gatewright_axum::{
        ApiKey, Authorized, CurrentUser, GuardedRouter, HasAuth, MaybeUser, Rejection, Require, RequireLayer,
        StatelessClaims, change_password, end_session, guarded, introspect, login, logout, logout_all,
        refresh, register, require, revoke, routes, sessions,
    };
}

/// For poem: `install(&auth, "/auth", Route::new().at("/me", get(me)))`.
///
/// [`install`](poem::install) gives the handlers' arguments their [`Auth`]; without it they answer 500, and the log (by way of
/// `tracing`) names the fix. Put CORS and the like around what `install` returns: so it sees what arguments refuse, too.
/// `Option<CurrentUser>` is `None` for a bad token too: use `MaybeUser`.
#[cfg(feature = "poem")]
pub mod poem {
    pub use gatewright_poem::{
        ApiKey, Authorized, CurrentUser, GuardedRouter, MaybeUser, Rejection, Require, RequireLayer,
        StatelessClaims, change_password, end_session, guarded, install, introspect, login, logout,
        logout_all, refresh, register, require, revoke, routes, sessions,
    };
}

/// For OpenAPI documents.
#[cfg(feature = "openapi")]
pub mod openapi {
    #[cfg(feature = "swagger-ui")]
    pub use gatewright_openapi::SwaggerUi;
    pub use gatewright_openapi::{
        API_KEY, BEARER, Document, DocumentError, GuardedHandler, OAUTH2, document_reply,
    };
}

#[cfg(feature = "jwks")]
pub use gatewright_jwks::{
    DEFAULT_MAX_STALE, DEFAULT_REFRESH, DangerousRemoteIssuerBuilder, FetchFailure, MAX_COOL_DOWN,
    MAX_REFRESH, MAX_STALE, MAX_TIMEOUT, MIN_REFRESH, MIN_STALE, RemoteIssuer, RemoteIssuerBuilder,
};

#[cfg(feature = "memory")]
pub use gatewright_memory::MemoryStore;

#[cfg(feature = "redis")]
pub use gatewright_redis::{
    DEFAULT_PREFIX, InvalidPrefix, MAX_PREFIX_BYTES, Prefix, RedisFeed, RedisStore, Warning,
};

#[cfg(feature = "mysql")]
pub use gatewright_sqlx::MySqlStore;
#[cfg(feature = "sqlite")]
pub use gatewright_sqlx::SqliteStore;
#[cfg(feature = "postgres")]
pub use gatewright_sqlx::{PostgresFeed, PostgresStore};
