//! Password hashing in a bounded pool of threads. New hashes are argon2id. Stored argon2 and bcrypt
//! hashes are verified.
//!
//! ```text
//! HashingPool ──► queue (bounded, fair) ──► worker, with its own memory ──► argon2 | bcrypt ──► verdict
//! ```
//!
//! Hashing occupies a core for milliseconds, so it never runs on an async thread.
//!
//! **Memory.** Each worker has the memory for one hash and uses it again for the next, so the
//! memory of a pool does not grow with the load. A stored hash that needs more gets it while it is
//! verified, up to [`MAX_ARGON2_MEMORY_KIB`]. The next hash overwrites the memory; it is not wiped. A waiting call
//! holds the password and a few hundred bytes.
//!
//! **Load.** A call waits for a thread until the deadline of its [`HashContext`](gatewright_core::HashContext):
//! 12 seconds, as an `Auth` sets it. Then it fails because the hasher is busy (503). A queue longer than
//! that is of no use, so its places are limited, and shared:
//!
//! | share | places | setting |
//! |---|---|---|
//! | all calls | 1,024 | [`with_queue`](HashingPoolBuilder::with_queue) |
//! | one network: an IPv4 address, or a /64 of IPv6 | a quarter of the queue | [`with_network_share`](HashingPoolBuilder::with_network_share) |
//! | one account from one network | 4 | [`with_account_share`](HashingPoolBuilder::with_account_share) |
//!
//! A call that finds its share full takes the place of the oldest call in it, which fails at once. If
//! the whole queue is full, the network with the most calls loses its oldest one. Networks take turns:
//! next is a call of the network that was served longest ago. So a flood from few networks delays a
//! login from another one by at most one hash for each of these networks. Among equal calls the
//! oldest is next; while the queue is at least half full, the newest. A flood from hundreds of networks
//! is not held off here: that is the task of a throttle in front of the application.
//!
//! **Other requests.** The threads have a lower priority than those of the requests, where the system allows that
//! ([`ThreadPriority`]). So a flood of logins delays a guarded route by little: `docs/latency.md` has figures.
//!
//! **Clients that have gone.** A call whose future is dropped gives its place free at once. Not every
//! framework drops it when the client closes the connection:
//!
//! | framework | drops the handler of a client that has gone |
//! |---|---|
//! | axum, on hyper | yes |
//! | actix-web | with `HttpServer::h1_allow_half_closed(false)`. The default is `true` |
//! | poem 3.1 | not on `poem::Server`: the call stays in the queue until its turn, its deadline, or a newer call of its share. On hyper, as in `examples/poem-app`, yes |
//!
//! A client that sends a byte after its body hides the end of its connection from hyper, so its handler is not
//! dropped. Its deadline and the shares bound the waste.
//!
//! **Peppers.** A [`Pepper`] is a secret that goes into every hash and is not in the database. Each hash names its pepper,
//! so it can be replaced.
//!
//! **Timing.** Each verification computes one hash, also if the user does not exist, the stored
//! text is not a hash, the hash costs more than the maximum, or its pepper is unknown. So these cases take as long as a
//! user with a new hash. A stored hash with other costs takes another time: the refusal floor of the
//! `Auth` hides the difference between single attempts if it is above all of them. Attempts in parallel wait for
//! each other's hashes and can show it. With [`Upgrade::ToCurrent`] the differences disappear as users log in.
//!
//! ```
//! use gatewright::password::{HashContext, PasswordHasher, PasswordVerdict};
//! use gatewright::{HashingPool, Password};
//!
//! # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let pool = HashingPool::new()?;
//! let hash = pool.hash(Password::new("correct horse battery staple"), &HashContext::new()).await?;
//! assert!(hash.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
//! let password = Password::new("correct horse battery staple");
//! let verdict = pool.verify(password, Some(hash), &HashContext::new()).await?;
//! assert_eq!(verdict, PasswordVerdict::Match);
//! # Ok(()) }
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]

mod queue;
mod meter;
mod shared;
mod lookups;
mod pwned;
mod filter;
mod pepper;
mod argon;
mod bcrypt_hash;
mod priority;
mod worker;
mod pool;

pub use argon::{
    Argon2Costs, MAX_ARGON2_LANES, MAX_ARGON2_MEMORY_KIB, MAX_ARGON2_PASSES, MIN_ARGON2_COSTS, Upgrade,
};
pub use bcrypt_hash::{MAX_BCRYPT_COST, MAX_BCRYPT_PASSWORD_BYTES};
pub use filter::BreachFilter;
pub use lookups::{MAX_WAITING_LOOKUPS, MAX_WAITING_LOOKUPS_PER_NETWORK};
pub use pepper::{
    InvalidPepper, MAX_PEPPER_BYTES, MAX_PEPPER_ID_BYTES, MAX_PREVIOUS_PEPPERS, MIN_PEPPER_BYTES, Pepper,
};
pub use pool::{DEFAULT_ACCOUNT_SHARE, DEFAULT_QUEUE, HashingPool, HashingPoolBuilder, MAX_QUEUE};
pub use priority::{LOWERED_BY, ThreadPriority};
pub use pwned::{MAX_PWNED_LINE_BYTES, PwnedPasswords};
