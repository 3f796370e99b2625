//! Sessions and the throttle in Redis, and a revocation feed over Redis, for Gatewright.
//!
//! [`RedisStore`] implements `SessionStore` and `Throttle`: it keeps the users' sessions, and the
//! states of the throttle. [`RedisFeed`] implements
//! `RevocationFeed`: it publishes revocations to all nodes, which then invalidate the entries in
//! their caches.
//!
//! ```text
//! RedisStore ──► sessions ──► scripts ──┐
//! store, warning throttle               ├──► connection ──► Redis server or cluster
//! RedisFeed ───► feed ──► sender ───────┘    PUBLISH
//!                  └────► listener ────────► SUBSCRIBE, on a connection of its own
//! ```
//!
//! ```no_run
//! # async fn connect() -> Result<(), Box<dyn std::error::Error>> {
//! use gatewright::{RedisFeed, RedisStore};
//!
//! let url = "rediss://app:secret@redis.example.com/";
//! let sessions = RedisStore::connect(url).await?;
//! let feed = RedisFeed::connect(url).await?;
//! # Ok(()) }
//! ```
//! Pass the store to `Auth::builder`, as its second argument after the store of the users, and the
//! feed to `AuthBuilder::with_revocation_feed`.
//!
//! # How sessions are stored
//! - All sessions of a user are one hash with a field per session. The key contains the user id in
//!   braces, so in a cluster all sessions of a user are in one slot.
//! - Each operation is one command or one Lua script on that key, with two exceptions. The first
//!   is a rotation: it reads the record, calls `RotationState::rotate`, which contains the rules of
//!   rotation for all stores, and writes the result with a script if the record has not changed
//!   meanwhile; otherwise it starts again. The second is `delete_expired`: it scans the keys and
//!   runs one script for each.
//! - The clocks of your nodes decide when a session expires; the clock of the Redis server is not
//!   used. A key is
//!   kept for a day longer than the longest lifetime of its sessions.
//! - A login deletes the expired sessions of its user. `delete_expired` deletes those of all users.
//!
//! # How the throttle is stored
//! - Each state is a string. Its key ends with a digest in hexadecimal digits, and contains no name and
//!   no address. All states are in one slot of a cluster, because the tag of their keys is
//!   `{throttle}`.
//! - A step reads the states of its keys, calls `ThrottleStep::decide`, and writes the result with a
//!   script if none of them has changed meanwhile; otherwise it decides again, at most 64 times.
//! - Redis deletes a state one hour after it has expired. A lock after many failures never expires.
//!
//! # Connections
//! All callers share one connection. No command takes longer than [`CALL_TIMEOUT`]. After a timeout
//! or a connection failure, the next call opens a new connection.
//!
//! A command is sent again only if the server replied that it did not execute it. If the reply is
//! lost, the outcome is unknown and the call returns an error. Within the grace window, the client
//! can send a refresh again: it gets the one successor of its token, whether the first attempt was
//! executed or not. A command that has reached the server may be executed after its caller has given
//! up.
//!
//! # Servers
//! The server must be Redis 7 or later, or compatible with it, and must be a primary. Whether it
//! is one is checked when a connection is opened, before a call if the last check is more than one
//! second old, and before each heartbeat that the feed sends. A demoted server (`FAILOVER`, `REPLICAOF`) continues to answer
//! with old data. Calls then fail until the host name in the URL leads to a primary: another server,
//! or this one after it was promoted again.
//!
//! In a cluster, replicas redirect callers to the primary. While a slot moves from one
//! node to another (the target node), the old node may get a call for a key that it does not have.
//! It then answers with a redirect to the target node (`ASK`). Callers follow this redirect if the
//! target node already owns at least one other slot. If the target node owns no slot yet, callers
//! cannot follow. Until the move of its first slot is complete, calls then fail for two
//! groups of users in this slot: users whose key has already moved, and users without sessions.
//!
//! # Durability
//! With most settings, Redis acknowledges a write before the disk or the replicas have it. Such
//! writes can be lost in a crash or failover: new sessions disappear, logged-out sessions come
//! back, used refresh tokens become valid again. Changed passwords and roles and
//! disabled users are not affected, because `RedisStore` does not store users. A password change
//! also sets a new epoch: a session from before the change is rejected, even if it comes back. If
//! Redis loses a rotation, the client has a refresh token that Redis does not know. The next refresh
//! with it counts as reuse, and the session ends. A token has only one successor, so a lost rotation never creates two chains of valid tokens.
//!
//! | server settings | what can be lost |
//! |---|---|
//! | `appendonly yes`, `appendfsync always` | nothing, in a crash or power failure of one server |
//! | `appendfsync everysec` | in a power failure, the last one or two seconds |
//! | `no-appendfsync-on-rewrite yes` | in a power failure while the log is rewritten, writes that are not on disk yet |
//! | only `save` | in a crash, all writes since the last snapshot |
//! | a `maxmemory-policy` other than `noeviction` | on a full server, all sessions of some users |
//! | replicas, a cluster, a managed failover | writes that are not replicated yet: the last moments, or all during a partition |
//!
//! [`RedisStore::connect`] reads these settings and logs each risk as a
//! [warning](RedisStore::warnings). If no logout may ever be undone, keep sessions in PostgreSQL.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod failure;
mod connection;
mod key;
mod record;
mod scripts;
mod warning;
mod store;
mod sessions;
mod throttle;
mod feed;

pub use connection::CALL_TIMEOUT;
pub use feed::{MAX_WAITING, RedisFeed};
pub use key::{DEFAULT_PREFIX, InvalidPrefix, MAX_PREFIX_BYTES, Prefix};
pub use store::RedisStore;
pub use warning::Warning;
