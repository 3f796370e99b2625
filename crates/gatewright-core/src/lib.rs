//! The core of Gatewright: authentication and authorization for web services. It contains no
//! framework, no database, no token signatures and no password hashing. Adapter crates add the
//! frameworks. Store crates add the databases. `gatewright-jwt` signs and verifies tokens, and
//! `gatewright-password` hashes passwords.
//!
//! Applications use it through the crate `gatewright`. A crate that implements one of
//! the traits ([`UserStore`], [`SessionStore`], [`PasswordHasher`], [`RevocationFeed`], …) needs this
//! crate alone, and tests the implementation with the suites of `gatewright-testkit`.
//!
//! ```text
//! request ─► adapter ─► http              RequestView, BearerToken: parsed, not yet verified
//!                        ▼
//!                       guard::authenticate
//!                        │  token         TokenVerifier::verify ───► VerifiedClaims
//!                        │  cache         SessionCache, on a hit ──► CachedSession; on a miss:
//!                        │  store         SessionStore::find ──────► LiveSession
//!                        │  store         UserStore::find_by_id ───► ActiveUser
//!                        ▼
//!                       guard::authorize  Identity meets AccessRule ─► handler ─► response
//!                        ▼ refused in any step above
//!                       error             AuthError ─► event: the cause, for operators
//!                        ▼
//!                       http              Denial ─► Renderer ─► Reply ─► adapter ─► response
//!
//! request ─► adapter ─► endpoints         login, refresh, logout, … ─► Reply ─► adapter
//!                        ▼ a change that revokes a session or a user
//!                       audit             an administrator's attempt is stored before the change
//!                       auth::publish     store ─► event ─► cache ─► feed ─► other nodes
//! ```
//!
//! The smallest real program builds an [`Auth`] and calls it as the endpoints do:
//!
//! ```
//! use gatewright::{Auth, Login, MemoryStore, Password, Registration, RoleName};
//!
//! # gatewright_testkit::block_on(async {
//! # let secret = gatewright::HmacSecret::generate()?;
//! # let tokens = gatewright::Jwt::hs256(secret).issuer("https://issuer.example").audience("api");
//! # let (tokens, hasher) = (tokens.build()?, gatewright_testkit::TestHasher::new());
//! let auth = Auth::local(MemoryStore::new(), tokens, hasher)
//!     .with_registration_role(RoleName::new("user")?)
//!     .build()?;
//! let password = Password::new("correct horse battery staple");
//! auth.register(Registration::new("ada@example.com", password.clone())?).await?;
//! let pair = auth.login(Login::new("ada@example.com", password)).await?;
//! assert_eq!(pair.expires_in, 15 * 60);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! The modules below are in the order of their dependencies: each uses only those above it.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod types;
pub mod token;
pub mod password;
pub mod store;
pub mod throttle;
pub mod revocation;
pub mod error;
pub mod event;
pub mod audit;
pub mod http;
pub mod cache;
pub mod auth;
pub mod guard;
pub mod endpoints;

pub use bytes::Bytes;
#[doc(hidden)]
pub use serde::de::DeserializeOwned;

pub use audit::{AuditKey, AuditSettings, AuditStore};
pub use auth::{Auth, AuthBuilder, BuildError, DangerousAuthBuilder, Error, NoUser};
pub use endpoints::{
    Accounts, ActiveToken, Audit, Endpoint, INTROSPECTION, Introspection, Login, PasswordChange, Refresh,
    Registration, SessionInfo, SessionList, SessionOptions, TokenPair,
};
pub use error::AuthError;
pub use event::{Actor, Event, EventSink, RequestContext, TracingSink};
pub use guard::{
    AccessRule, ApiKeyIdentity, Caller, CredentialKind, Guard, GuardedExtractor, Identity, missing_auth,
};
pub use http::{
    BodyCollector, Denial, DetailRenderer, Headers, MAX_BODY_BYTES, MAX_DISCARDED_BYTES, ProblemRenderer,
    Rendered, Renderer, Reply, RequestRoute, RequestView, TokenEndpoint, TrustedProxies,
};
pub use password::{AccountKey, HashContext, HasherError, PasswordHasher, PasswordVerdict};
pub use revocation::{
    FeedKey, FeedMessage, FeedReach, InvalidFeedKey, InvalidRevocation, LocalFeed, Publication, Received,
    Revocation, RevocationCheck, RevocationFeed, RevocationReceiver, Revoked,
};
pub use store::{
    Account, AccountStore, AuthUser, GracePolicy, Rotation, RotationRequest, Session, SessionStore,
    StoreError, UserStore,
};
pub use throttle::{MemoryThrottle, Throttle, ThrottleReach, ThrottleSettings};
pub use token::{Claims, TokenError, TokenId, TokenIssuer, TokenKind, TokenVerifier, VerifiedClaims};
pub use types::{
    AllOf, Amr, AnyOf, ApiKeys, Authenticated, ClientInfo, ClientNetwork, Clock, Deadline, Email, Epoch,
    InvalidAmr, InvalidApiKey, InvalidEmail, InvalidId, InvalidLoginName, InvalidScopes, InvalidUsername,
    LoginName, Password, PasswordHash, Policy, RandomError, Requirement, RoleChange, RoleEnum, RoleName,
    RoleScopes, Scopes, SecureRandom, SessionId, SystemClock, SystemRandom, SystemTimer, Timer, Timestamp,
    TokenText, UnknownRole, UserAgent, UserId, Username,
};
#[doc(hidden)]
pub use types::{assert_distinct, assert_roles, assert_scopes};

#[doc(hidden)]
pub use serde;
