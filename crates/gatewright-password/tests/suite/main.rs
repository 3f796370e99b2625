//! `HashingPool` through the public API.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step fails the test")]

mod hashing;
mod peppers;
mod published_vectors;

use gatewright_core::{HashContext, Password, PasswordHash, PasswordHasher, PasswordVerdict};
use gatewright_password::{Argon2Costs, HashingPool, HashingPoolBuilder};

/// The lowest costs that are allowed.
fn cheap() -> HashingPoolBuilder {
    HashingPool::builder().with_costs(Argon2Costs::new(7 * 1024, 5, 1))
}

/// The verdict. The test fails if the pool fails.
async fn verify(pool: &HashingPool, password: &str, stored: &str) -> PasswordVerdict {
    pool.verify(Password::new(password), Some(PasswordHash::new(stored)), &HashContext::new()).await.unwrap()
}
