//! Password hashing in a bounded pool of threads. New hashes are argon2id. Stored argon2 and bcrypt
//! hashes are verified.
//!
//! ```text
//! HashingPool ──► queue (bounded) ──► worker, with its own memory ──► argon2 | bcrypt ──► verdict
//! ```
//!
//! Hashing occupies a core for milliseconds, so it never runs on an async thread.
//!
//! **Memory.** Each worker has the memory for one hash and uses it again for the next, so the
//! memory of a pool does not grow with the load. A stored hash that needs more gets it while it is
//! verified, up to [`MAX_ARGON2_MEMORY_KIB`]. The next hash overwrites the memory; it is not wiped.
//!
//! **Load.** If the queue is full, a call fails at once because the hasher is busy (503).
//!
//! **Timing.** Each verification computes one hash, also if the user does not exist, the stored
//! text is not a hash, or the hash costs more than the maximum. So these cases take as long as a
//! user with a new hash.
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
