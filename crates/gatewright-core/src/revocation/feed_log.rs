//! The log lines of feeds between nodes: a lost connection, and a flood. Feeds use them; the core does not.

use std::fmt::Display;
use std::time::Instant;

use super::flood::{Flood, LogLimit};

/// Logs what happens to one of a feed's connections, with `tracing` and the target `gatewright`.
///
/// Operators see a lost connection in one line until it works again, however many attempts fail. Each cause
/// is logged once a minute at most, with its count.
///
/// ```
/// use std::time::Instant;
///
/// use gatewright_core::revocation::FeedLog;
///
/// let (mut log, now) = (FeedLog::of_listener("PostgreSQL"), Instant::now());
/// assert!(log.lost(&"the connection was closed", now));
/// assert!(!log.lost(&"connection refused", now), "the same loss");
/// assert!(log.works());
/// assert!(!log.lost(&"the connection was closed", now), "within the same minute");
/// ```
#[derive(Debug)]
pub struct FeedLog {
    feed: &'static str,
    listens: bool,
    /// Whether a loss was logged, and the connection has not worked since.
    is_lost: bool,
    losses: LogLimit,
    floods: LogLimit,
}

impl FeedLog {
    /// The log of the connection that listens. `feed` is the name of the server's software.
    #[must_use]
    pub fn of_listener(feed: &'static str) -> Self {
        Self { feed, listens: true, is_lost: false, losses: LogLimit::default(), floods: LogLimit::default() }
    }

    /// The log of the connection that sends.
    #[must_use]
    pub fn of_sender(feed: &'static str) -> Self {
        Self { listens: false, ..Self::of_listener(feed) }
    }

    /// The connection was lost, or an attempt to replace it failed. Returns whether that was logged.
    pub fn lost(&mut self, failure: &impl Display, now: Instant) -> bool {
        if self.is_lost {
            return false;
        }
        let Some(count) = self.losses.count(now) else { return false };
        self.is_lost = true;
        if self.listens {
            tracing::warn!(
                target: "gatewright",
                feed = self.feed,
                %failure,
                count,
                "the revocation feed does not listen; guards query the stores until it does; will retry"
            );
        } else {
            tracing::warn!(
                target: "gatewright",
                feed = self.feed,
                %failure,
                count,
                "the revocation feed cannot send; guards query the stores until it can; will retry"
            );
        }
        true
    }

    /// The connection works. Returns whether that was logged: only after a loss that was logged.
    pub fn works(&mut self) -> bool {
        let was_lost = std::mem::take(&mut self.is_lost);
        match (was_lost, self.listens) {
            (false, _) => {}
            (true, true) => {
                tracing::info!(target: "gatewright", feed = self.feed, "the revocation feed listens again");
            }
            (true, false) => {
                tracing::info!(target: "gatewright", feed = self.feed, "the revocation feed sends again");
            }
        }
        was_lost
    }

    /// The connection was flooded, and the feed closed it. `advice` says who must not be able to do that.
    pub fn flooded(&mut self, flood: Flood, channel: &str, advice: &'static str, now: Instant) {
        if let Some(count) = self.floods.count(now) {
            tracing::warn!(
                target: "gatewright",
                feed = self.feed,
                %flood,
                count,
                channel,
                advice,
                "the revocation feed was flooded and its connection closed; guards query the stores until it \
                 listens again"
            );
        }
    }
}
