//! The core of Gatewright: authentication and authorization for web services, without a framework, a database or a
//! cipher. Adapters bring the framework, store crates the database, `gatewright-jwt` and `gatewright-password` the
//! ciphers.
//!
//! The modules below stand in the order of the path; each uses only those above it.
//!
//! ```text
//! request ──► request ──► credential ──► authenticator ──► identity ──► guard ──► handler
//!                         Bearer          │ token    VerifiedClaims     │ requirement: met?
//!                                         │ session  LiveSession        │
//!                                         │ store    ActiveUser         ▼
//!                                         ▼                          error: AuthError ──► Denial
//!                                       refused ─────────────────────► reply: status, headers, body
//!
//! POST /login … ──► operation ──► body ──► login | refresh | logout | account ──► Reply
//! ```
//!
//! An application does not use this crate by name but through the front door, `gatewright`, which also shows the
//! smallest program. Whoever implements a seam ([`UserStore`], [`SessionStore`], [`PasswordHasher`], …) needs this
//! crate alone, and proves the implementation with `gatewright-testkit`.

// Words
pub mod secret;
pub mod clock;
pub mod random;
pub mod id;
pub mod email;
pub mod scope;
pub mod role;
pub mod requirement;
// Seams
pub mod token;
pub mod store;
pub mod rotation;
pub mod session;
pub mod password;
// Refusals and answers
pub mod error;
pub mod reply;
pub mod event;
// The handle
pub mod request;
pub mod credential;
pub mod auth;
pub mod builder;
// The path
pub mod identity;
pub mod authenticator;
pub mod guard;
// The endpoints
mod body;
pub mod grant;
pub mod login;
pub mod refresh;
pub mod logout;
pub mod account;
pub mod operation;

pub use bytes::Bytes;

pub use account::{Accounts, PasswordChange, Registration};
pub use auth::Auth;
pub use body::{MAX_BODY_BYTES, MAX_DISCARDED_BYTES};
pub use builder::{AuthBuilder, BuildError};
pub use clock::{Clock, SystemClock, Timestamp};
pub use email::{Email, InvalidEmail};
pub use error::{AuthError, Denial};
pub use event::{Event, EventSink, TracingSink};
pub use grant::TokenPair;
pub use guard::Guard;
pub use id::{Epoch, InvalidId, SessionId, UserId};
pub use identity::{CredentialKind, Identity};
pub use login::Login;
pub use operation::Operation;
pub use password::{HasherError, PasswordHasher, PasswordVerdict};
pub use random::{Randomness, RandomnessError, SystemRandomness};
pub use refresh::Refresh;
pub use reply::Reply;
pub use request::{Headers, RequestView};
pub use requirement::{AllOf, AnyOf, Authenticated, Policy, Requirement};
#[doc(hidden)]
pub use role::assert_distinct;
pub use role::{RoleName, UnknownRole};
pub use rotation::{Rotation, RotationRequest};
pub use scope::{InvalidScopes, RoleScopes, Scopes};
pub use secret::{Password, PasswordHash, TokenText};
pub use session::{Session, SessionStore};
pub use store::{Account, AccountStore, AuthUser, StoreError, UserStore};
pub use token::{Claims, TokenId, TokenIssuer, TokenKind, TokenRefusal, TokenVerifier, VerifiedClaims};

#[doc(hidden)]
pub use serde;
