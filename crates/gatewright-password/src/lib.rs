//! Password hashing: argon2id for new hashes, argon2 and bcrypt accepted, in a bounded pool of threads.
//!
//! ```text
//! HashingPool ──► queue (bounded) ──► worker, with memory of its own ──► argon2 | bcrypt ──► verdict
//! ```
//!
//! Hashing takes milliseconds of a whole core, so it never runs on an async thread. The threads of a pool reuse the
//! memory argon2 works in, so that the pool holds one hash's memory for each of its workers, whatever the load (a stored
//! hash that asks for more, up to its ceiling, gets it for as long as it is verified). The memory is overwritten by the
//! next hash, not wiped. Beyond the queue's length callers are told at once that the hasher is busy (503).
//!
//! ```
//! use gatewright_core::{Password, PasswordHasher, PasswordVerdict};
//! use gatewright_password::HashingPool;
//!
//! # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let pool = HashingPool::builder().build()?;
//! let hash = pool.hash(Password::new("correct horse battery staple")).await?;
//! assert!(hash.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
//! let verdict = pool.verify(Password::new("correct horse battery staple"), Some(hash)).await?;
//! assert_eq!(verdict, PasswordVerdict::Match);
//! # Ok(()) }
//! ```

mod argon;
mod bcrypt_hash;
mod worker;
mod pool;

pub use argon::{Argon2Costs, MAX_ARGON2_LANES, MAX_ARGON2_MEMORY_KIB, MAX_ARGON2_PASSES, MIN_ARGON2_COSTS};
pub use bcrypt_hash::{MAX_BCRYPT_COST, MAX_BCRYPT_PASSWORD_BYTES};
pub use pool::{DEFAULT_QUEUE, HashingPool, HashingPoolBuilder};
