//! The store traits: users, accounts and sessions, and the rules of refresh token rotation.

mod error;
mod users;
mod token_chain;
mod rotation;
mod sessions;

pub use error::StoreError;
pub use rotation::{
    GraceClient, GracePolicy, InvalidUsedTokens, MAX_FOREIGN_GRACES, MAX_USED_TOKENS, Rotation,
    RotationRequest, RotationState, StateChange, USED_TOKEN_RETENTION, UsedToken, Validity,
};
pub use sessions::{
    MAX_EXPIRED_PER_LOGIN, MAX_SESSIONS_PER_USER, Session, SessionStore, USE_DISCLOSURE_DELAY,
};
pub use token_chain::{SessionSeed, TokenDigest};
pub use users::{
    Account, AccountChange, AccountCounts, AccountStore, AccountView, AuthUser, CompareAndSwap,
    CreateOutcome, EpochChange, NewAccount, StoredPassword, UpdateOutcome, UserStore,
};

pub(crate) use token_chain::{access_token_id, first_token_id};
