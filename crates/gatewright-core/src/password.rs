//! Passwords: the rules for a new one, and the trait that hashes and verifies them.

mod breached;
mod additions;
mod repetition;
mod common;
mod words;
mod policy;
mod context;
mod hasher;

pub use breached::{BreachedPasswords, BreachedPasswordsError};
pub use context::{AccountKey, HashContext};
pub use hasher::{HasherError, PasswordHasher, PasswordVerdict};
pub use policy::{
    DangerousPasswordRules, LEAST_PASSWORD_CODE_POINTS, MAX_MIN_PASSWORD_CODE_POINTS, MAX_PASSWORD_BYTES,
    MIN_PASSWORD_CODE_POINTS, PasswordCheckError, PasswordPolicyError, PasswordRules,
};
pub use repetition::MIN_DIFFERENT_CHARACTERS;

pub(crate) use hasher::{has_one_form, hashes_of_refusal, verify_bounded};
pub(crate) use policy::{check_form, is_overlong};
