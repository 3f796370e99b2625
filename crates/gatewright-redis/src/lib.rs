//! Sessions in Redis, and revocations between nodes over it.
//!
//! ```text
//! RedisStore ──► sessions.rs ──► script.rs   one step on one key
//!    │ warning.rs    │ record.rs     │
//!    │               ▼ key.rs        ▼
//!    └── address.rs ──────────────► link.rs ──► Redis, or a cluster
//!                                   role.rs     whether it is a primary
//!                                   redirect.rs where a slot is on its way
//! RedisFeed ───► feed.rs, feed/sender.rs (PUBLISH), feed/listener.rs (SUBSCRIBE)
//! ```
//!
//! All sessions of a user are one hash, a field for each, below a key whose braces hold the user: one slot of a cluster. Each
//! verb is one command, or one script, on that key. A rotation is read, judged by `RotationState::rotate` and written if
//! what was judged still stands, so that what a token comes to is decided in one place, for all stores. A key lives a day
//! longer than the longest of its sessions may, by the callers' clock: the server's is not asked. A user's sessions that are
//! over are forgotten at the next login; a clean-up forgets everybody's.
//!
//! One connection serves all callers. A call that fails has failed after [`CALL_TIMEOUT`], and the connection it was made on
//! is made anew. A command is sent once: when its answer is lost nobody knows what became of it, and the store says so with
//! an error; the grace window gives the same successor either way. A command that the server took may be carried out later
//! than its caller waited for.
//!
//! The server is Redis 7 or later, or one that does as it does. It is asked whether it is a primary when a connection is
//! opened, at the first call after a second, and at each heartbeat: one that was demoted (`FAILOVER`, `REPLICAOF`) goes on to
//! answer, with what it last knew. It is used no more, until its name leads to a primary.
//!
//! In a cluster, a replica sends callers on by itself. While a slot is moved from one node to another (`ASK`), callers follow
//! to a node that has slots already. To one that has none yet they do not: calls for users whose key has been moved there,
//! or who have none, fail until it has its first slot.
//!
//! # What may be lost
//! Redis acknowledges before others have what it acknowledged. What a crash or a failover undoes is as it was before: a
//! session that was begun is gone, one that was ended by a logout lives, a token that was used may be used. Passwords,
//! roles and disabled users are safe from it as long as users are kept elsewhere: their epoch is held against each session. A
//! client that had gone on from a rotation which is undone presents a token that the store does not know, and its session
//! ends: nothing forks.
//!
//! | the server's settings | what is undone |
//! |---|---|
//! | `appendonly yes`, `appendfsync always` | nothing, by a crash or a power cut of one server |
//! | `appendfsync everysec` | by a power cut, the last second or two |
//! | `no-appendfsync-on-rewrite yes` | by a power cut while the log is rewritten, what was not on the disk |
//! | `save` alone | by a crash, all since the last snapshot |
//! | another `maxmemory-policy` than `noeviction` | a full server drops whole users |
//! | replicas, a cluster, a managed failover | what the primary had not passed on: moments, or what a partition lasts |
//!
//! A store asks for these settings when it connects, and [tells](RedisStore::warnings) and logs what it finds. Where no
//! logout may ever be undone, keep sessions in PostgreSQL.

mod address;
mod role;
mod redirect;
mod link;
mod key;
mod script;
mod record;
mod warning;
mod store;
mod sessions;
mod feed;

use std::error::Error;

use gatewright_core::StoreError;

pub use feed::{MAX_WAITING, RedisFeed};
pub use key::{DEFAULT_PREFIX, InvalidPrefix, MAX_PREFIX_BYTES, Prefix};
pub use link::CALL_TIMEOUT;
pub use store::RedisStore;
pub use warning::Warning;

type Failure = Box<dyn Error + Send + Sync>;
type Parsed<T> = Result<T, Failure>;

/// A failure as the store's error.
fn broken(action: &'static str) -> impl FnOnce(Failure) -> StoreError {
    move |failure| StoreError::new(action, failure)
}
