//! Time. All code of this workspace takes the current time from a [`Clock`].

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MICROS_PER_SECOND: u64 = 1_000_000;
/// 9999-12-31T23:59:59.999999Z.
#[cfg(feature = "time")]
const LAST_OF_9999: u64 = 253_402_300_799_999_999;

/// A point in time: whole microseconds since 1970-01-01T00:00:00Z, without leap seconds (Unix time).
///
/// It is never before 1970 and never more than `i64::MAX` microseconds (the year 294,246). So every
/// store can keep it exactly in a signed 64-bit column. Arithmetic saturates.
///
/// ```
/// use gatewright::types::Timestamp;
/// use std::time::Duration;
///
/// let login = Timestamp::from_seconds(1_700_000_000);
/// assert_eq!(login.saturating_add(Duration::from_millis(1_500)).as_seconds(), 1_700_000_001);
/// assert_eq!(login.saturating_sub(Duration::MAX), Timestamp::from_seconds(0));
/// ```
///
/// It converts to and from [`SystemTime`] and, with the feature `time`, to and from
/// `time::OffsetDateTime`. A time before 1970 becomes 1970, and fractions of a microsecond are dropped:
///
/// ```
/// use gatewright::types::Timestamp;
/// use std::time::{Duration, SystemTime, UNIX_EPOCH};
///
/// let login = Timestamp::from_seconds(1_700_000_000);
/// assert_eq!(SystemTime::from(login), UNIX_EPOCH + Duration::from_secs(1_700_000_000));
/// assert_eq!(Timestamp::from(UNIX_EPOCH - Duration::from_secs(1)), Timestamp::from_seconds(0));
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

/// A time before 1970 becomes 1970.
impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        Self::from_seconds(0).saturating_add(time.duration_since(UNIX_EPOCH).unwrap_or_default())
    }
}

/// Where the system cannot represent the time, it becomes 1970. Every supported system can.
impl From<Timestamp> for SystemTime {
    fn from(time: Timestamp) -> Self {
        UNIX_EPOCH.checked_add(Duration::from_micros(time.0)).unwrap_or(UNIX_EPOCH)
    }
}

/// A time before 1970 becomes 1970.
#[cfg(feature = "time")]
#[cfg_attr(docsrs, doc(cfg(feature = "time")))]
impl From<time::OffsetDateTime> for Timestamp {
    fn from(time: time::OffsetDateTime) -> Self {
        let micros = (time.unix_timestamp_nanos() / 1_000).max(0);
        Self::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}

/// In UTC. A time after the year 9999, which `time` cannot represent, becomes the last microsecond of that year.
#[cfg(feature = "time")]
#[cfg_attr(docsrs, doc(cfg(feature = "time")))]
impl From<Timestamp> for time::OffsetDateTime {
    fn from(timestamp: Timestamp) -> Self {
        let nanos = i128::from(timestamp.0.min(LAST_OF_9999)).saturating_mul(1_000);
        Self::from_unix_timestamp_nanos(nanos).unwrap_or(Self::UNIX_EPOCH)
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
/// use gatewright::types::{Clock, SystemClock, Timestamp};
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
        Timestamp::from(SystemTime::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_convert_to_those_of_the_system_and_back() {
        for micros in [0, 1, 1_700_000_000_123_456, i64::MAX.unsigned_abs()] {
            let time = Timestamp::from_micros(micros);
            assert_eq!(Timestamp::from(SystemTime::from(time)), time);
        }
        assert_eq!(Timestamp::from(UNIX_EPOCH - Duration::from_nanos(1)), Timestamp::from_micros(0));
        assert_eq!(Timestamp::from(UNIX_EPOCH + Duration::from_nanos(1_999)), Timestamp::from_micros(1));
    }

    #[cfg(feature = "time")]
    #[test]
    fn times_convert_to_those_of_the_time_crate_and_back() {
        use time::{OffsetDateTime, UtcOffset};

        let moment = OffsetDateTime::from_unix_timestamp_nanos(1_700_000_000_123_456_789).unwrap();
        let micros = Timestamp::from_micros(1_700_000_000_123_456);
        assert_eq!(Timestamp::from(moment), micros);
        assert_eq!(Timestamp::from(OffsetDateTime::from(micros)), micros);
        assert_eq!(Timestamp::from(moment.to_offset(UtcOffset::from_hms(2, 0, 0).unwrap())), micros);
        assert_eq!(OffsetDateTime::from(micros).unix_timestamp(), 1_700_000_000);
        let before = OffsetDateTime::from_unix_timestamp_nanos(-1).unwrap();
        assert_eq!(Timestamp::from(before), Timestamp::from_micros(0));
        let last = OffsetDateTime::from(Timestamp::from_micros(u64::MAX));
        assert_eq!((last.year(), last.hour(), last.microsecond()), (9999, 23, 999_999));
    }
}
