//! Revocation between nodes: the messages, and the feed that carries them.

mod message;
mod feed;

pub use feed::{FeedReach, LocalFeed, Publication, RevocationFeed, RevocationListener, RevocationReceiver};
pub use message::{
    CACHE_TTL_WITH_FEED, CACHE_TTL_WITHOUT_FEED, HEARTBEAT_INTERVAL, HEARTBEAT_TIMEOUT, InvalidRevocation,
    Revocation, RevocationCheck, Revoked, UNCONFIRMED_WINDOW,
};
