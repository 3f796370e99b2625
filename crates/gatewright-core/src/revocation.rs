//! Revocation between nodes: the messages, their authentication, and the feed that carries them.

mod message;
mod feed_key;
mod envelope;
mod feed;
mod flood;
mod feed_log;

pub use envelope::{
    FEED_KEY_LABEL, FeedCodec, FeedMessage, InvalidFeedMessage, MAX_FEED_KEYS, MAX_FEED_MESSAGE_BYTES,
    OpenedMessage,
};
pub use feed::{
    FeedReach, LocalFeed, Publication, Received, RevocationFeed, RevocationListener, RevocationReceiver,
};
pub use feed_key::{FEED_KEY_BYTES, FeedKey, InvalidFeedKey};
pub use feed_log::FeedLog;
pub use flood::{
    FIRST_RETRY_PAUSE, Flood, FloodGate, LogLimit, MAX_BYTES_PER_SECOND, MAX_FLOOD_PAUSE,
    MAX_MESSAGES_PER_SECOND, MAX_REJECTED_PER_SECOND, MAX_RETRY_PAUSE, MIN_FLOOD_PAUSE, RetryPauses,
    flood_pause,
};
pub use message::{
    CACHE_TTL_WITH_FEED, CACHE_TTL_WITHOUT_FEED, DISTRUST_WINDOW, HEARTBEAT_INTERVAL, HEARTBEAT_TIMEOUT,
    InvalidRevocation, Revocation, RevocationCheck, Revoked, UNCONFIRMED_WINDOW,
};
