//! The store traits: users, accounts and sessions, and the rules of refresh token rotation.

mod error;
mod users;
mod rotation;
mod sessions;

pub use error::StoreError;
pub use rotation::{Rotation, RotationRequest, RotationState, SessionSeed, TokenDigest, Validity};
pub use sessions::{MAX_SESSIONS_PER_USER, Session, SessionStore};
pub use users::{
    Account, AccountChange, AccountCounts, AccountStore, AuthUser, CompareAndSwap, CreateOutcome, NewAccount,
    UpdateOutcome, UserStore,
};

pub(crate) use rotation::{access_token_id, first_token_id};
