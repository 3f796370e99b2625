//! The core of Gatewright: authentication and authorization for web services, without a framework, a database or a
//! cipher. Adapters bring the framework, store crates the database, `gatewright-jwt` and `gatewright-password` the
//! ciphers.
//!
//! The modules below stand in the order of the path; each uses only those above it.
//!
//! ```text
//! request ──► request ──► credential ──► authenticator ──► identity ──► guard ──► handler
//!                         Bearer          │ token    VerifiedClaims     │ requirement: met?
//!                                         │ cache    LivePair, or:      │
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

// Words
pub mod secret;
pub mod clock;
pub mod random;
pub mod id;
pub mod email;
pub mod client;
mod named;
pub mod scope;
pub mod role;
pub mod api_key;
pub mod requirement;
// Seams
pub mod token;
pub mod store;
pub mod rotation;
pub mod session;
pub mod password;
pub mod revocation;
pub mod feed;
// Refusals and answers
pub mod error;
pub mod denial;
pub mod reply;
pub mod render;
pub mod event;
// What is remembered of the stores
mod fence;
mod liveness;
mod proof;
pub mod cache;
// The handle
pub mod request;
pub mod proxies;
pub mod credential;
pub mod auth;
pub mod builder;
pub mod resource_server;
mod revoke;
// The path
pub mod identity;
pub mod authenticator;
pub mod guard;
mod extractors;
// The endpoints
mod body;
pub mod grant;
pub mod login;
pub mod refresh;
pub mod logout;
pub mod session_list;
mod revoke_token;
pub mod introspect;
pub mod account;
pub mod operation;
mod endpoints;

pub use bytes::Bytes;

pub use account::{Accounts, PasswordChange, Registration};
pub use api_key::{ApiKeys, InvalidApiKey};
pub use auth::Auth;
pub use body::{BodyCollector, MAX_BODY_BYTES, MAX_DISCARDED_BYTES};
pub use builder::{AuthBuilder, BuildError};
pub use client::{ClientInfo, UserAgent};
pub use clock::{Clock, SystemClock, Timestamp};
pub use denial::Denial;
pub use email::{Email, InvalidEmail};
pub use error::AuthError;
pub use event::{Event, EventSink, TracingSink};
pub use feed::{Announcement, LocalFeed, Reach, RevocationFeed, RevocationReceiver};
pub use grant::TokenPair;
pub use guard::{Guard, missing_auth};
pub use id::{Epoch, InvalidId, SessionId, UserId};
pub use identity::{ApiKeyIdentity, Caller, CredentialKind, Identity};
pub use introspect::{ActiveToken, INTROSPECTION, Introspection};
pub use login::Login;
#[doc(hidden)]
pub use named::assert_distinct;
pub use operation::Operation;
pub use password::{HasherError, PasswordHasher, PasswordVerdict};
pub use proxies::TrustedProxies;
pub use random::{Randomness, RandomnessError, SystemRandomness};
pub use refresh::Refresh;
pub use render::{DetailRenderer, ProblemRenderer, Rendered, Renderer, TokenEndpoint};
pub use reply::Reply;
pub use request::{Headers, RequestView};
pub use requirement::{AllOf, AnyOf, Authenticated, Demand, Guards, Policy, Requirement};
pub use resource_server::NoUser;
pub use revocation::{InvalidRevocation, Revocation, RevocationCheck, Revoked};
#[doc(hidden)]
pub use role::assert_roles;
pub use role::{RoleChange, RoleName, UnknownRole};
pub use rotation::{Rotation, RotationRequest};
#[doc(hidden)]
pub use scope::assert_scopes;
pub use scope::{InvalidScopes, RoleScopes, Scopes};
pub use secret::{Password, PasswordHash, TokenText};
pub use session::{Session, SessionStore};
pub use session_list::{SessionInfo, SessionList};
pub use store::{Account, AccountStore, AuthUser, StoreError, UserStore};
pub use token::{Claims, TokenId, TokenIssuer, TokenKind, TokenRefusal, TokenVerifier, VerifiedClaims};

#[doc(hidden)]
pub use serde;
