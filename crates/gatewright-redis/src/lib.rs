//! Sessions in Redis, and a revocation feed over Redis, for Gatewright.
//!
//! [`RedisStore`] implements `SessionStore`: it keeps the users' sessions. [`RedisFeed`] implements
//! `RevocationFeed`: it publishes revocations to all nodes, which then invalidate the entries in
//! their caches.
//!
//! ```text
//! RedisStore ──► sessions ──► scripts ──┐
//! store, warning   └ record, key        ├──► connection ──► Redis server or cluster
//! RedisFeed ───► feed ──► sender ───────┘    PUBLISH
//!                  └────► listener ────────► SUBSCRIBE, on a connection of its own
//! ```
//!
//! ```no_run
//! # async fn connect() -> Result<(), Box<dyn std::error::Error>> {
//! use gatewright_redis::{RedisFeed, RedisStore};
//!
//! let url = "rediss://app:secret@redis.example.com/";
//! let sessions = RedisStore::connect(url).await?;
//! let feed = RedisFeed::connect(url).await?;
//! # Ok(()) }
//! ```
//! Give both to `AuthBuilder`: the store with the users' store, the feed with
//! `with_revocation_feed`.
//!
//! # How sessions are stored
//! - All sessions of a user are one hash with a field per session. The key contains the user id in
//!   braces, so in a cluster all sessions of a user are in one slot.
//! - Each operation is one command or one Lua script on that key. A rotation reads the record,
//!   calls `RotationState::rotate`, and writes the result if the record has not changed meanwhile.
//!   So the rules of rotation are in one place for all stores.
//! - The callers' clocks decide when a session expires; the server's clock is not used. A key is
//!   kept for a day longer than the longest lifetime of its sessions.
//! - A login deletes the expired sessions of its user. `delete_expired` deletes those of all users.
//!
//! # Connections
//! All callers share one connection. No command takes longer than [`CALL_TIMEOUT`]. After a timeout
//! or a connection failure, the next call opens a new connection.
//!
//! A command is sent again only if the server replied that it did not execute it. If the reply is
//! lost, the outcome is unknown and the call returns an error. Within the grace window, a second
//! refresh with the same token returns the same successor in both cases. A command that has reached
//! the server may be executed after its caller has given up.
//!
//! # Servers
//! The server must be Redis 7 or later, or compatible with it, and must be a primary. The role is
//! checked when a connection is opened, at the first call more than one second after the last
//! check, and with each heartbeat. A demoted server (`FAILOVER`, `REPLICAOF`) continues to answer
//! with old data. It is not used until its name resolves to a primary.
//!
//! In a cluster, replicas redirect callers to the primary. While a slot moves to another node
//! (`ASK`), callers follow to a target node that owns a slot already. They cannot follow to a node
//! without slots: until it owns its first slot, calls fail for users of the moving slot whose key
//! has moved or does not exist.
//!
//! # Durability
//! With most settings, Redis acknowledges a write before the disk or the replicas have it. Such
//! writes can be lost in a crash or failover: new sessions disappear, logged-out sessions come
//! back, used refresh tokens become valid again. Passwords, roles and disabled users are not
//! affected if users are kept elsewhere, because each session is checked against its user's epoch.
//! A client that continues from a lost rotation presents an unknown token, and its session ends. A
//! token has only one successor, so a lost rotation never creates two chains of valid tokens.
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

mod failure;
mod connection;
mod key;
mod record;
mod scripts;
mod warning;
mod store;
mod sessions;
mod feed;

pub use connection::CALL_TIMEOUT;
pub use feed::{MAX_WAITING, RedisFeed};
pub use key::{DEFAULT_PREFIX, InvalidPrefix, MAX_PREFIX_BYTES, Prefix};
pub use store::RedisStore;
pub use warning::Warning;
