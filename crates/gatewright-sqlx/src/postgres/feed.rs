//! Revocations between nodes, over LISTEN and NOTIFY.
//!
//! ```text
//! announce ──► queue ──► task.rs ──► connections.rs   NOTIFY ──► server ──► every node, this one too
//!                        one task     two connections
//! receivers ◄─────────── task.rs ◄── connections.rs   LISTEN ◄────────────┘
//! ```

mod connections;
mod task;

use std::fmt;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use gatewright_core::{Publication, FeedReach, Revocation, RevocationFeed, RevocationReceiver, StoreError};
use sqlx::ConnectOptions;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use connections::{Connections, Connector};
use task::{Command, FeedTask, Outgoing};

use super::connect::options;
use crate::server::start;
use crate::{Failure, Parsed};

/// The channel on which nodes speak, unless another is named.
pub const DEFAULT_CHANNEL: &str = "gatewright_revocations";

/// The longest name of a channel, in bytes: PostgreSQL's own limit.
pub const MAX_CHANNEL_BYTES: usize = 63;

/// How long an announcement may take until the server has it: 5 seconds, new connections included.
pub const ANNOUNCE_TIMEOUT: Duration = Duration::from_secs(5);

/// How many announcements may wait for the server: 10 000. What is beyond them fails at once.
pub const MAX_WAITING: usize = 10_000;

/// What each connection asks of the server. A notification is in no log, so that nobody need wait for a disk or a standby.
const SETTINGS: [(&str, &str); 2] = [("statement_timeout", "1500"), ("synchronous_commit", "off")];

const ACTION: &str = "announce a revocation";

/// A feed between all nodes that use one PostgreSQL database. Clones are one.
///
/// It has two connections and a task of its own, in the runtime that it was connected in. Messages of one node are sent in
/// the order in which they were announced, many at a time where many wait. Lost connections are made again after 0.1
/// seconds at first and 2 at most, and so are those over which a node's own heartbeats do not come back. What could not be
/// sent is told to whoever announced it after [`ANNOUNCE_TIMEOUT`], and tried for as long as anybody may remember what it
/// revokes ([`CACHE_TTL_WITH_FEED`](gatewright_core::revocation::CACHE_TTL_WITH_FEED)). While nobody listens, they are closed
/// 5 seconds after the last message; the task ends with the last clone.
///
/// All nodes must name the same database, not only the same server, and the same channel. A pooler keeps LISTEN in
/// session mode alone: through PgBouncer in transaction mode the feed does not start, or none of its heartbeats comes back,
/// and guards read through. Whoever may connect to the database may listen and notify: what they hear are ids, what they
/// can do is empty caches.
#[derive(Clone)]
pub struct PostgresFeed {
    commands: mpsc::UnboundedSender<Command>,
    permits: Arc<Semaphore>,
}

impl PostgresFeed {
    /// Connects to the database that `url` names, as [`PostgresStore::connect`](super::PostgresStore::connect) does, and
    /// listens on [`DEFAULT_CHANNEL`].
    ///
    /// # Errors
    /// When the URL is none, the database cannot be reached, or its encoding is another than UTF8. The error does not show
    /// the password.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Self::connect_on(url, DEFAULT_CHANNEL).await
    }

    /// As [`connect`](Self::connect), on a channel of one's own: 1 to [`MAX_CHANNEL_BYTES`] bytes without a NUL.
    ///
    /// # Errors
    /// As [`connect`](Self::connect), and when the name is none.
    pub async fn connect_on(url: &str, channel: &str) -> Result<Self, StoreError> {
        start(Self::open(url, channel)).await
    }

    async fn open(url: &str, channel: &str) -> Parsed<Self> {
        check_channel(channel)?;
        // Who looks at statements is not shown a heartbeat every second.
        let options = options(url)?.options(SETTINGS).disable_statement_logging();
        let connector = Connector { options, channel: channel.to_owned() };
        let connections = Connections::open(&connector).await?;
        let (commands, receiver) = mpsc::unbounded_channel();
        tokio::spawn(FeedTask::new(connector, receiver).run(connections));
        Ok(Self { commands, permits: Arc::new(Semaphore::new(MAX_WAITING)) })
    }
}

impl RevocationFeed for PostgresFeed {
    fn reach(&self) -> FeedReach {
        FeedReach::Cluster
    }

    fn subscribe(&self, receiver: RevocationReceiver) {
        if self.commands.send(Command::Subscribe(receiver)).is_err() {
            tracing::error!(target: "gatewright", "the feed's runtime has ended: guards ask the stores");
        }
    }

    fn publish(&self, revocation: &Revocation) -> Publication {
        let announced_at = Instant::now();
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            return Box::pin(ready(Err(StoreError::new(ACTION, "too many wait"))));
        };
        let (handed_over, answer) = oneshot::channel();
        let message = Outgoing { text: revocation.to_string(), announced_at, handed_over, _permit: permit };
        // Refused or dropped, it takes its end of the answer along.
        let _ = self.commands.send(Command::Announce(message));
        Box::pin(async move {
            let answered = timeout_at(announced_at + ANNOUNCE_TIMEOUT, answer).await.map_err(Failure::from);
            let answered = answered.and_then(|answer| answer.map_err(|_| "the feed has ended".into()));
            answered.map_err(|failure| StoreError::new(ACTION, failure))
        })
    }
}

impl fmt::Debug for PostgresFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresFeed").finish_non_exhaustive()
    }
}

/// A longer name would be cut off where one listens and refused where one notifies.
fn check_channel(channel: &str) -> Parsed<()> {
    let fits = !channel.is_empty() && channel.len() <= MAX_CHANNEL_BYTES && !channel.contains('\0');
    if fits { Ok(()) } else { Err("a channel's name has 1 to 63 bytes, and no NUL".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatewright_core::UserId;
    use gatewright_core::types::MAX_USER_ID_BYTES;

    /// A notification's payload is shorter than this.
    const PAYLOAD_LIMIT: usize = 8_000;

    #[test]
    fn the_longest_message_fits_into_a_notification() {
        let user = UserId::new("u".repeat(MAX_USER_ID_BYTES)).unwrap();
        assert!(Revocation::user(user).unconfirmed().to_string().len() < PAYLOAD_LIMIT);
    }

    #[tokio::test]
    async fn a_channel_without_a_proper_name_is_refused_before_anybody_connects() {
        for channel in ["", "a\0b", &"c".repeat(MAX_CHANNEL_BYTES + 1)] {
            let error = PostgresFeed::connect_on("postgres://u@127.0.0.1:1/x", channel).await.unwrap_err();
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert!(cause.contains("channel"), "{channel:?}: {cause}");
        }
    }

    #[tokio::test]
    async fn a_url_that_cannot_be_used_is_an_error_without_its_password() {
        for url in ["postgres://ada:hush@127.0.0.1:notaport/x", "mysql://ada:hush@127.0.0.1/x", "hush"] {
            let error = PostgresFeed::connect(url).await.unwrap_err();
            let cause = std::error::Error::source(&error).unwrap();
            let shown = format!("{error} {error:?} {cause} {cause:?}");
            assert!(!shown.contains("hush"), "{shown}");
        }
    }
}
