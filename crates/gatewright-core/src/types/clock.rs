//! Time. All code of this workspace takes the current time from a [`Clock`].

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MICROS_PER_SECOND: u64 = 1_000_000;

/// A point in time: whole microseconds since 1970-01-01T00:00:00Z, without leap seconds (Unix time).
///
/// It is never before 1970 and never more than `i64::MAX` microseconds (the year 294,246). So every
/// store can keep it exactly in a signed 64-bit column. Arithmetic saturates.
///
/// ```
/// use gatewright_core::Timestamp;
/// use std::time::Duration;
///
/// let login = Timestamp::from_seconds(1_700_000_000);
/// assert_eq!(login.saturating_add(Duration::from_millis(1_500)).as_seconds(), 1_700_000_001);
/// assert_eq!(login.saturating_sub(Duration::MAX), Timestamp::from_seconds(0));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    const MAX: u64 = i64::MAX.unsigned_abs();

    /// From microseconds. Saturates at `i64::MAX`.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(if micros > Self::MAX { Self::MAX } else { micros })
    }

    /// From seconds. Saturates as [`Timestamp::from_micros`] does.
    #[must_use]
    pub const fn from_seconds(seconds: u64) -> Self {
        Self::from_micros(seconds.saturating_mul(MICROS_PER_SECOND))
    }

    /// Microseconds since the epoch, at most `i64::MAX`.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn as_seconds(self) -> u64 {
        self.0 / MICROS_PER_SECOND
    }

    /// The same time without its fraction of a second, as tokens carry it.
    #[must_use]
    pub const fn floor_to_second(self) -> Self {
        Self::from_seconds(self.as_seconds())
    }

    /// The same time without its seconds within the minute.
    #[must_use]
    pub(crate) const fn floor_to_minute(self) -> Self {
        Self(self.0 - self.0 % (60 * MICROS_PER_SECOND))
    }

    /// The time `span` later, or the latest possible one.
    #[must_use]
    pub fn saturating_add(self, span: Duration) -> Self {
        let micros = u64::try_from(span.as_micros()).unwrap_or(Self::MAX);
        Self::from_micros(self.0.saturating_add(micros))
    }

    /// The time `span` earlier, or 1970.
    #[must_use]
    pub fn saturating_sub(self, span: Duration) -> Self {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(micros))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}s", self.as_seconds(), self.0 % MICROS_PER_SECOND)
    }
}

/// Source of the current time.
///
/// # Contract
/// - The time may step backwards, because clocks are corrected. Callers must not panic then.
/// - It must not block.
///
/// ```
/// use gatewright_core::{Clock, SystemClock, Timestamp};
///
/// assert!(SystemClock.now() > Timestamp::from_seconds(1_700_000_000));
/// ```
pub trait Clock: Send + Sync {
    /// The current time.
    fn now(&self) -> Timestamp;
}

/// The system clock. The default.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system for the time")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }
}
