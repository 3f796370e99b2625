//! The settings of the audit trail.

use std::fmt;
use std::time::Duration;

use super::key::AuditKey;
use super::row::WriterId;

/// How many rows wait at most to be stored, unless set: 10,000.
pub const DEFAULT_QUEUE_ROWS: usize = 10_000;

/// The largest number of rows that may wait: 1,000,000. A row takes up to 3 KiB.
pub const MAX_QUEUE_ROWS: usize = 1_000_000;

/// How long an administrator's change waits at most until its attempt is stored, unless set: 5 s.
pub const DEFAULT_ATTEMPT_WAIT: Duration = Duration::from_secs(5);

/// The longest time that a change may wait: 60 s.
pub const MAX_ATTEMPT_WAIT: Duration = Duration::from_secs(60);

/// The settings of the audit trail, for [`with_audit`](crate::AuthBuilder::with_audit) and
/// [`with_audit_settings`](crate::AuthBuilder::with_audit_settings).
///
/// ```
/// use gatewright::audit::{AuditKey, AuditSettings, DEFAULT_QUEUE_ROWS};
///
/// # let text = gatewright_testkit::shared_secret("audit");
/// let settings = AuditSettings::new().with_key(AuditKey::new(text)?);
/// assert_eq!(DEFAULT_QUEUE_ROWS, 10_000);
/// # drop(settings);
/// # Ok::<(), gatewright::audit::InvalidAuditKey>(())
/// ```
#[derive(Clone)]
pub struct AuditSettings {
    pub(super) key: Option<AuditKey>,
    pub(super) writer: Option<WriterId>,
    pub(super) queue_rows: usize,
    pub(super) attempt_wait: Duration,
}

impl Default for AuditSettings {
    fn default() -> Self {
        Self { key: None, writer: None, queue_rows: DEFAULT_QUEUE_ROWS, attempt_wait: DEFAULT_ATTEMPT_WAIT }
    }
}

/// Without the key.
impl fmt::Debug for AuditSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditSettings")
            .field("has_key", &self.key.is_some())
            .field("writer", &self.writer)
            .field("queue_rows", &self.queue_rows)
            .field("attempt_wait", &self.attempt_wait)
            .finish()
    }
}

impl AuditSettings {
    /// The defaults, without a key.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the key of the chains. Without one the rows have no MAC: a change of a row does not show, and login names
    /// that belong to no account are left out.
    #[must_use]
    pub fn with_key(mut self, key: AuditKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Sets the name of this process, whose chain then continues over restarts. No other process may have it at the
    /// same time. Unless set, each start has a random one, and a chain of its own.
    #[must_use]
    pub fn with_writer(mut self, writer: WriterId) -> Self {
        self.writer = Some(writer);
        self
    }

    /// Sets how many rows wait at most to be stored: 1 to [`MAX_QUEUE_ROWS`], and [`DEFAULT_QUEUE_ROWS`] unless set.
    /// Further ones are counted in one row. If the process is killed, the rows that wait are lost.
    #[must_use]
    pub const fn with_queue_rows(mut self, rows: usize) -> Self {
        self.queue_rows = rows;
        self
    }

    /// Sets how long an administrator's change waits at most until its attempt is stored: more than zero, at most
    /// [`MAX_ATTEMPT_WAIT`], and [`DEFAULT_ATTEMPT_WAIT`] unless set. Then it is refused with 503.
    #[must_use]
    pub const fn with_attempt_wait(mut self, wait: Duration) -> Self {
        self.attempt_wait = wait;
        self
    }
}

/// # Errors
/// The rule that a setting breaks, and the value.
pub(crate) fn check(settings: &AuditSettings) -> Result<(), (&'static str, String)> {
    if settings.queue_rows == 0 || settings.queue_rows > MAX_QUEUE_ROWS {
        return Err(("queue_rows must be 1 to 1000000; 10000 is usual", settings.queue_rows.to_string()));
    }
    if settings.attempt_wait.is_zero() || settings.attempt_wait > MAX_ATTEMPT_WAIT {
        let found = format!("{:?}", settings.attempt_wait);
        return Err(("attempt_wait must be more than zero and at most 60 s; 5 s is usual", found));
    }
    Ok(())
}
