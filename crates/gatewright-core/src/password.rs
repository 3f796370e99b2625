//! Passwords: the rules for a new one, and the trait that hashes and verifies them.

mod policy;
mod context;
mod hasher;

pub use context::{AccountKey, HashContext};
pub use hasher::{HasherError, PasswordHasher, PasswordVerdict};
pub use policy::{MAX_PASSWORD_BYTES, MIN_PASSWORD_CODE_POINTS, PasswordPolicyError, check_policy};

pub(crate) use hasher::verify_bounded;
pub(crate) use policy::is_overlong;
