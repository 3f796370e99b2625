//! The cache of sessions and users, and what keeps it from serving revoked entries.

mod atomics;
mod generations;
mod heartbeat;
mod distrust;
mod recent_messages;
mod cached_session;
mod session_cache;

pub use session_cache::{DEFAULT_CACHE_CAPACITY, MAX_CACHE_CAPACITY};

pub(crate) use cached_session::{ActiveUser, CachedSession, LiveSession};
pub(crate) use session_cache::SessionCache;
