//! Limits on what a node accepts from a feed. Feeds between nodes use them; the core does not.

use std::time::{Duration, Instant};

use super::feed::Received;
use crate::types::{SecureRandom, SystemRandom};

/// How many messages a node accepts over a feed within a second: 20,000.
pub const MAX_MESSAGES_PER_SECOND: usize = 20_000;
/// How many bytes of messages a node accepts over a feed within a second: 8 MiB.
pub const MAX_BYTES_PER_SECOND: usize = 8 << 20;
/// How many [`Received::Rejected`] messages a node accepts over a feed within a second: 256.
pub const MAX_REJECTED_PER_SECOND: usize = 256;
/// How long a feed waits after a flood before it subscribes again, at least: 0.1 seconds.
pub const MIN_FLOOD_PAUSE: Duration = Duration::from_millis(100);
/// How long a feed waits after a flood before it subscribes again, at most: 2 seconds.
pub const MAX_FLOOD_PAUSE: Duration = Duration::from_secs(2);

/// How long the first of the [`RetryPauses`] lasts, at most: 0.1 seconds.
pub const FIRST_RETRY_PAUSE: Duration = Duration::from_millis(100);
/// How long each of the [`RetryPauses`] lasts, at most: 2 seconds.
pub const MAX_RETRY_PAUSE: Duration = Duration::from_secs(2);

/// The period that the limits are for.
const PERIOD: Duration = Duration::from_secs(1);
/// How often one cause may be logged.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Counts what arrives over a feed's connection, and reports a flood.
///
/// On a flood, the feed calls [`RevocationReceiver::suspend`](super::RevocationReceiver::suspend),
/// closes the connection without reading what it still holds, and subscribes again after
/// [`flood_pause`]. So no backlog builds up, neither in this process nor on the server. A legitimate
/// burst above the limits costs the same: guards read the stores for a moment.
///
/// ```
/// use std::time::Instant;
///
/// use gatewright_core::revocation::{FloodGate, MAX_MESSAGES_PER_SECOND};
///
/// let now = Instant::now();
/// let mut gate = FloodGate::new(now);
/// for _ in 0..MAX_MESSAGES_PER_SECOND {
///     gate.admit(100, now)?;
/// }
/// assert!(gate.admit(100, now).is_err());
/// # Ok::<(), gatewright_core::revocation::Flood>(())
/// ```
#[derive(Debug, Clone)]
pub struct FloodGate {
    period_began: Instant,
    messages: usize,
    bytes: usize,
    rejected: usize,
}

/// Why a [`FloodGate`] refused a message. `Display` names the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Flood {
    /// More than [`MAX_MESSAGES_PER_SECOND`].
    #[error("more than {MAX_MESSAGES_PER_SECOND} messages arrived within a second")]
    Messages,
    /// More than [`MAX_BYTES_PER_SECOND`].
    #[error("more than {MAX_BYTES_PER_SECOND} bytes arrived within a second")]
    Bytes,
    /// More than [`MAX_REJECTED_PER_SECOND`].
    #[error(
        "more than {MAX_REJECTED_PER_SECOND} messages within a second were not from a node of this cluster"
    )]
    Rejected,
}

impl FloodGate {
    /// A gate for a new connection.
    #[must_use]
    pub const fn new(now: Instant) -> Self {
        Self { period_began: now, messages: 0, bytes: 0, rejected: 0 }
    }

    /// Counts a message of this length before it is read.
    ///
    /// # Errors
    /// The message exceeds a limit. It must not be read.
    pub fn admit(&mut self, bytes: usize, now: Instant) -> Result<(), Flood> {
        if now.saturating_duration_since(self.period_began) >= PERIOD {
            *self = Self::new(now);
        }
        self.messages += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        if self.messages > MAX_MESSAGES_PER_SECOND {
            return Err(Flood::Messages);
        }
        if self.bytes > MAX_BYTES_PER_SECOND {
            return Err(Flood::Bytes);
        }
        Ok(())
    }

    /// Counts what became of the message that was admitted last.
    ///
    /// # Errors
    /// Too many messages were rejected.
    pub const fn count(&mut self, received: Received) -> Result<(), Flood> {
        if matches!(received, Received::Rejected) {
            self.rejected += 1;
        }
        if self.rejected > MAX_REJECTED_PER_SECOND { Err(Flood::Rejected) } else { Ok(()) }
    }
}

/// How long to wait after a flood before subscribing again: a random time from [`MIN_FLOOD_PAUSE`] to
/// [`MAX_FLOOD_PAUSE`], so that the nodes of a cluster do not all come back in one moment.
#[must_use]
pub fn flood_pause() -> Duration {
    random_between(MIN_FLOOD_PAUSE, MAX_FLOOD_PAUSE)
}

/// A random time. Without randomness it is the longest one.
fn random_between(shortest: Duration, longest: Duration) -> Duration {
    let mut random = [u8::MAX; 2];
    if SystemRandom.fill(&mut random).is_err() {
        return longest;
    }
    let range = longest.saturating_sub(shortest);
    shortest + range * u32::from(u16::from_be_bytes(random)) / u32::from(u16::MAX)
}

/// The pauses of a feed between attempts to connect. They start with [`FIRST_RETRY_PAUSE`] and double
/// up to [`MAX_RETRY_PAUSE`]. Each lasts a random time from half of that to all of it, so that the
/// nodes of a cluster do not all come back in one moment.
///
/// ```
/// use gatewright_core::revocation::{FIRST_RETRY_PAUSE, RetryPauses};
///
/// let mut pauses = RetryPauses::default();
/// assert!(pauses.next_pause() <= FIRST_RETRY_PAUSE);
/// assert!(pauses.next_pause() >= FIRST_RETRY_PAUSE);
/// // A message arrived, so the connection works.
/// pauses.reset();
/// assert!(pauses.next_pause() <= FIRST_RETRY_PAUSE);
/// ```
#[derive(Debug, Clone)]
pub struct RetryPauses {
    longest: Duration,
}

impl Default for RetryPauses {
    fn default() -> Self {
        Self { longest: FIRST_RETRY_PAUSE }
    }
}

impl RetryPauses {
    /// How long to wait before the next attempt.
    pub fn next_pause(&mut self) -> Duration {
        let longest = self.longest;
        self.longest = MAX_RETRY_PAUSE.min(longest * 2);
        random_between(longest / 2, longest)
    }

    /// Starts again with the shortest pause.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

/// Limits the log lines of one cause to one a minute, and counts the others.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use gatewright_core::revocation::LogLimit;
///
/// let (mut limit, now) = (LogLimit::default(), Instant::now());
/// assert_eq!(limit.count(now), Some(1), "log it");
/// assert_eq!(limit.count(now), None, "do not log it");
/// assert_eq!(limit.count(now + Duration::from_secs(60)), Some(2), "two since the last line");
/// ```
#[derive(Debug, Clone, Default)]
pub struct LogLimit {
    logged_at: Option<Instant>,
    count: u64,
}

impl LogLimit {
    /// Counts an event. If a line may be logged now, returns how many events there were since the last
    /// one, this event included.
    pub fn count(&mut self, now: Instant) -> Option<u64> {
        self.count += 1;
        let may_log = |at: Instant| now.saturating_duration_since(at) >= LOG_INTERVAL;
        if !self.logged_at.is_none_or(may_log) {
            return None;
        }
        self.logged_at = Some(now);
        Some(std::mem::take(&mut self.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Any time.
    #[expect(clippy::disallowed_methods, reason = "an Instant has no other source")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn each_limit_is_for_one_second() {
        let start = start();
        let mut gate = FloodGate::new(start);
        for second in 0..3 {
            let now = start + Duration::from_secs(second);
            for _ in 0..MAX_MESSAGES_PER_SECOND {
                assert_eq!(gate.admit(0, now), Ok(()));
            }
            assert_eq!(gate.admit(0, now), Err(Flood::Messages));
        }
    }

    #[test]
    fn bytes_are_limited_however_few_messages_they_are_in() {
        let start = start();
        assert_eq!(FloodGate::new(start).admit(MAX_BYTES_PER_SECOND, start), Ok(()));
        assert_eq!(FloodGate::new(start).admit(usize::MAX, start), Err(Flood::Bytes));
        let mut gate = FloodGate::new(start);
        assert_eq!(gate.admit(MAX_BYTES_PER_SECOND, start), Ok(()));
        assert_eq!(gate.admit(1, start), Err(Flood::Bytes));
    }

    #[test]
    fn accepted_messages_do_not_reset_the_count_of_rejected_ones() {
        let start = start();
        let mut gate = FloodGate::new(start);
        for _ in 0..MAX_REJECTED_PER_SECOND {
            assert_eq!(gate.count(Received::Rejected), Ok(()));
            assert_eq!(gate.count(Received::Accepted), Ok(()));
        }
        assert_eq!(gate.count(Received::Rejected), Err(Flood::Rejected));
        gate.admit(0, start + PERIOD).unwrap();
        assert_eq!(gate.count(Received::Rejected), Ok(()), "a new second");
    }

    #[test]
    fn pauses_are_random_and_within_their_bounds() {
        let pauses: Vec<Duration> = (0..200).map(|_| flood_pause()).collect();
        assert!(pauses.iter().all(|pause| (MIN_FLOOD_PAUSE..=MAX_FLOOD_PAUSE).contains(pause)), "{pauses:?}");
        let spread = pauses.iter().max().unwrap().saturating_sub(*pauses.iter().min().unwrap());
        // Fails by chance once in 10^50 runs or less.
        assert!(spread > Duration::from_millis(500), "{spread:?}");
    }

    #[test]
    fn retry_pauses_double_up_to_their_limit_and_start_again() {
        let mut pauses = RetryPauses::default();
        for _ in 0..2 {
            for longest in [100, 200, 400, 800, 1_600, 2_000, 2_000].map(Duration::from_millis) {
                let pause = pauses.next_pause();
                assert!((longest / 2..=longest).contains(&pause), "{pause:?} of {longest:?}");
            }
            pauses.reset();
        }
    }

    #[test]
    fn a_cause_is_logged_at_most_once_a_minute() {
        let (start, mut limit) = (start(), LogLimit::default());
        let lines: Vec<u64> = (0..180).filter_map(|s| limit.count(start + Duration::from_secs(s))).collect();
        assert_eq!(lines, [1, 60, 60]);
    }
}
