//! The core of Gatewright: authentication and authorization for web services, without a framework, a database or a
//! cipher. Adapters bring the framework, store crates the database, `gatewright-jwt` and `gatewright-password` the
//! ciphers.
//!
//! The modules below stand in the order of the path; each uses only those above it.
//!
//! ```text
//! request ──► request ──► credential ──► authenticator ──► identity ──► guard ──► handler
//!                         Bearer          │ token    VerifiedClaims     │ requirement: met?
//!                                         │ cache    CachedSession, or:      │
//!                                         │ session  LiveSession        │
//!                                         │ store    ActiveUser         ▼
//!                                         ▼                          error: AuthError ──► Denial
//!                                       refused ─────────────────────► reply: status, headers, body
//!
//! POST /login … ──► endpoints ──► body ──► login | refresh | logout | account ──► Reply
//!                                                    └ revoke ──► store, cache, feed ──► the caches of other nodes
//! ```
//!
//! An application does not use this crate by name but through the front door, `gatewright`, whose README shows the smallest
//! program. Whoever implements a seam ([`UserStore`], [`SessionStore`], [`PasswordHasher`], …) needs this
//! crate alone, and proves the implementation with `gatewright-testkit`.

pub mod types;
pub mod token;
pub mod password;
pub mod store;
pub mod revocation;
pub mod error;
pub mod event;
pub mod http;
pub mod cache;
pub mod auth;
pub mod guard;
pub mod endpoints;

pub use bytes::Bytes;

pub use auth::{Auth, AuthBuilder, BuildError, NoUser};
pub use endpoints::{
    Accounts, ActiveToken, Endpoint, INTROSPECTION, Introspection, Login, PasswordChange, Refresh,
    Registration, SessionInfo, SessionList, TokenPair,
};
pub use error::AuthError;
pub use event::{Event, EventSink, TracingSink};
pub use guard::{
    AccessRule, ApiKeyIdentity, Caller, CredentialKind, Guard, GuardedExtractor, Identity, missing_auth,
};
pub use http::{
    BodyCollector, Denial, DetailRenderer, Headers, MAX_BODY_BYTES, MAX_DISCARDED_BYTES, ProblemRenderer,
    Rendered, Renderer, Reply, RequestView, TokenEndpoint, TrustedProxies,
};
pub use password::{HasherError, PasswordHasher, PasswordVerdict};
pub use revocation::{
    FeedReach, InvalidRevocation, LocalFeed, Publication, Revocation, RevocationCheck, RevocationFeed,
    RevocationReceiver, Revoked,
};
pub use store::{
    Account, AccountStore, AuthUser, Rotation, RotationRequest, Session, SessionStore, StoreError, UserStore,
};
pub use token::{Claims, TokenError, TokenId, TokenIssuer, TokenKind, TokenVerifier, VerifiedClaims};
pub use types::{
    AllOf, AnyOf, ApiKeys, Authenticated, ClientInfo, Clock, Email, Epoch, InvalidApiKey, InvalidEmail,
    InvalidId, InvalidScopes, Password, PasswordHash, Policy, RandomError, Requirement, RoleChange, RoleName,
    RoleScopes, Scopes, SecureRandom, SessionId, SystemClock, SystemRandom, Timestamp, TokenText,
    UnknownRole, UserAgent, UserId,
};
#[doc(hidden)]
pub use types::{assert_distinct, assert_roles, assert_scopes};

#[doc(hidden)]
pub use serde;
