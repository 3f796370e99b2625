//! The numbers of the throttle: their defaults and their bounds.

use std::time::Duration;

/// Failures of an account, or of an account from one network, before the first wait, unless set: 10.
pub const ACCOUNT_FAILURES: u32 = 10;
/// The first wait of an account, unless set: 30 seconds. Each further failure doubles it.
pub const FIRST_WAIT: Duration = Duration::from_secs(30);
/// The longest wait of an account, unless set: 15 minutes.
pub const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
/// After how long without a failure the failures of an account are forgotten, unless set: 24 hours.
pub const FAILURES_RESET: Duration = Duration::from_secs(24 * 60 * 60);
/// Completed failures of a network at once, unless set: 30.
pub const NETWORK_FAILURES: u32 = 30;
/// After how long a network that has used them may fail once more, unless set: 2 seconds.
pub const NETWORK_INTERVAL: Duration = Duration::from_secs(2);
/// Attempts of a network that are in flight at once, unless set: 64.
pub const NETWORK_IN_FLIGHT: u32 = 64;
/// How long a client waits if its network has too many attempts in flight: 1 second.
pub const IN_FLIGHT_RETRY: Duration = Duration::from_secs(1);
/// After how long an attempt in flight without an outcome is forgotten: 30 seconds. For an account it is a
/// failure then, unless it is given back within 10 minutes.
pub const IN_FLIGHT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long an attempt whose outcome is late can still be given back to its account.
pub(super) const LATE_OUTCOME: Duration = Duration::from_secs(10 * 60);
/// The budget of an IPv6 /48 is that of a /64 times 8.
pub const WIDE_NETWORK_FACTOR: u32 = 8;
/// The budget of all clients behind a proxy that is not configured is that of a network times 20.
pub const SHARED_NETWORK_FACTOR: u32 = 20;
/// The budget of a state that several keys share, because a throttle in memory is full, is that of a key times 20.
pub const SHARED_BUCKET_FACTOR: u32 = 20;
/// How many known networks an account has: 5, the latest ones.
pub const KNOWN_NETWORKS: usize = 5;
/// How long a network stays known after a login, unless set: 30 days.
pub const KNOWN_NETWORK_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// After how many consecutive failures only known networks may try, unless set: 80.
pub const KNOWN_NETWORKS_ONLY_AFTER: u32 = 80;
/// After how many consecutive failures an account is locked, unless set: 100 (NIST SP 800-63B-4 §3.2.2).
pub const LOCK_AFTER: u32 = 100;
/// On how many different accounts a network fails within [`STUFFING_WINDOW`] until it is slowed, unless set: 20.
pub const STUFFING_ACCOUNTS: u32 = 20;
/// The time within which failures on different accounts are counted: 10 minutes.
pub const STUFFING_WINDOW: Duration = Duration::from_secs(10 * 60);
/// After how long a slowed network may fail once more, unless set: 30 seconds.
pub const STUFFING_INTERVAL: Duration = Duration::from_secs(30);
/// How long a network is slowed, unless set: 1 hour.
pub const STUFFING_DURATION: Duration = Duration::from_secs(60 * 60);
/// Registrations of a network at once, unless set: 20.
pub const REGISTRATIONS: u32 = 20;
/// After how long a network that has used them may register once more, unless set: 3 minutes.
pub const REGISTRATION_INTERVAL: Duration = Duration::from_secs(3 * 60);
/// Wrong current passwords at a password change that end the session, unless set: 5.
pub const PASSWORD_CHANGE_FAILURES: u32 = 5;
/// Refused refreshes and API keys of a network at once, in each process, unless set: 300.
pub const REFUSED_REQUESTS: u32 = 300;
/// After how long a network that has used them may be refused once more, unless set: 1 second.
pub const REFUSED_REQUEST_INTERVAL: Duration = Duration::from_secs(1);

/// The most attempts in flight that can be set. A state then fits into
/// [`MAX_STATE_BYTES`](super::MAX_STATE_BYTES).
const MAX_IN_FLIGHT: u32 = 150;
/// The most accounts that can be set for stuffing.
const MAX_STUFFING_ACCOUNTS: u32 = 200;
/// The largest other count that can be set.
const MAX_COUNT: u32 = 1_000;
/// The longest time that can be set: 400 days.
const MAX_SPAN: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// The numbers of the throttle. Change those that do not fit, and give them to
/// [`with_throttle_settings`](crate::AuthBuilder::with_throttle_settings). All nodes need the same.
///
/// ```
/// use std::time::Duration;
///
/// use gatewright::throttle::{LONGEST_WAIT, ThrottleSettings};
///
/// let mut settings = ThrottleSettings::default();
/// settings.account_failures = 5;
/// settings.first_wait = Duration::from_secs(60);
/// assert_eq!(settings.longest_wait, LONGEST_WAIT);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThrottleSettings {
    /// Failures of an account before the first wait; [`ACCOUNT_FAILURES`]. Also of an account from one network.
    pub account_failures: u32,
    /// The first wait of an account; [`FIRST_WAIT`].
    pub first_wait: Duration,
    /// The longest wait of an account; [`LONGEST_WAIT`].
    pub longest_wait: Duration,
    /// After how long without a failure the failures of an account are forgotten; [`FAILURES_RESET`].
    pub failures_reset: Duration,
    /// Completed failures of a network at once; [`NETWORK_FAILURES`].
    pub network_failures: u32,
    /// After how long it may fail once more; [`NETWORK_INTERVAL`].
    pub network_interval: Duration,
    /// Attempts of a network in flight; [`NETWORK_IN_FLIGHT`], at most 150.
    pub network_in_flight: u32,
    /// How long a network stays known after a login; [`KNOWN_NETWORK_LIFETIME`].
    pub known_network_lifetime: Duration,
    /// After how many consecutive failures only known networks may try; [`KNOWN_NETWORKS_ONLY_AFTER`]. At most
    /// `lock_after`.
    pub known_networks_only_after: u32,
    /// After how many consecutive failures an account is locked; [`LOCK_AFTER`], at most 100, as NIST requires.
    pub lock_after: u32,
    /// On how many accounts a network fails within 10 minutes until it is slowed; [`STUFFING_ACCOUNTS`], at most
    /// 200.
    pub stuffing_accounts: u32,
    /// After how long a slowed network may fail once more; [`STUFFING_INTERVAL`].
    pub stuffing_interval: Duration,
    /// How long a network is slowed; [`STUFFING_DURATION`].
    pub stuffing_duration: Duration,
    /// Registrations of a network at once; [`REGISTRATIONS`].
    pub registrations: u32,
    /// After how long it may register once more; [`REGISTRATION_INTERVAL`].
    pub registration_interval: Duration,
    /// Wrong current passwords that end a session; [`PASSWORD_CHANGE_FAILURES`].
    pub password_change_failures: u32,
    /// Refused refreshes and API keys of a network in this process; [`REFUSED_REQUESTS`].
    pub refused_requests: u32,
    /// After how long it may be refused once more; [`REFUSED_REQUEST_INTERVAL`].
    pub refused_request_interval: Duration,
}

impl Default for ThrottleSettings {
    fn default() -> Self {
        Self {
            account_failures: ACCOUNT_FAILURES,
            first_wait: FIRST_WAIT,
            longest_wait: LONGEST_WAIT,
            failures_reset: FAILURES_RESET,
            network_failures: NETWORK_FAILURES,
            network_interval: NETWORK_INTERVAL,
            network_in_flight: NETWORK_IN_FLIGHT,
            known_network_lifetime: KNOWN_NETWORK_LIFETIME,
            known_networks_only_after: KNOWN_NETWORKS_ONLY_AFTER,
            lock_after: LOCK_AFTER,
            stuffing_accounts: STUFFING_ACCOUNTS,
            stuffing_interval: STUFFING_INTERVAL,
            stuffing_duration: STUFFING_DURATION,
            registrations: REGISTRATIONS,
            registration_interval: REGISTRATION_INTERVAL,
            password_change_failures: PASSWORD_CHANGE_FAILURES,
            refused_requests: REFUSED_REQUESTS,
            refused_request_interval: REFUSED_REQUEST_INTERVAL,
        }
    }
}

/// Checks the bounds. Returns the first rule that is broken, with the value found.
pub(crate) fn check(settings: &ThrottleSettings) -> Result<(), (&'static str, String)> {
    let counts = [
        ("account_failures must be 1 to 1000", settings.account_failures, MAX_COUNT),
        ("network_failures must be 1 to 1000", settings.network_failures, MAX_COUNT),
        ("network_in_flight must be 1 to 150", settings.network_in_flight, MAX_IN_FLIGHT),
        (
            "known_networks_only_after must be 1 to lock_after",
            settings.known_networks_only_after,
            settings.lock_after,
        ),
        ("lock_after must be 1 to 100", settings.lock_after, LOCK_AFTER),
        ("stuffing_accounts must be 1 to 200", settings.stuffing_accounts, MAX_STUFFING_ACCOUNTS),
        ("registrations must be 1 to 1000", settings.registrations, MAX_COUNT),
        ("password_change_failures must be 1 to 100", settings.password_change_failures, LOCK_AFTER),
        ("refused_requests must be 1 to 1000", settings.refused_requests, MAX_COUNT),
    ];
    if let Some((rule, found, _)) = counts.into_iter().find(|(_, found, most)| !(1..=*most).contains(found)) {
        return Err((rule, found.to_string()));
    }
    let spans = [
        ("first_wait must be 1 second to 400 days", settings.first_wait),
        ("longest_wait must be 1 second to 400 days", settings.longest_wait),
        ("failures_reset must be 1 second to 400 days", settings.failures_reset),
        ("network_interval must be 1 second to 400 days", settings.network_interval),
        ("known_network_lifetime must be 1 second to 400 days", settings.known_network_lifetime),
        ("stuffing_interval must be 1 second to 400 days", settings.stuffing_interval),
        ("stuffing_duration must be 1 second to 400 days", settings.stuffing_duration),
        ("registration_interval must be 1 second to 400 days", settings.registration_interval),
        ("refused_request_interval must be 1 second to 400 days", settings.refused_request_interval),
    ];
    let is_valid = |span: Duration| (Duration::from_secs(1)..=MAX_SPAN).contains(&span);
    if let Some((rule, found)) = spans.into_iter().find(|(_, span)| !is_valid(*span)) {
        return Err((rule, format!("{found:?}")));
    }
    if settings.longest_wait < settings.first_wait {
        return Err(("longest_wait must be at least first_wait", format!("{:?}", settings.longest_wait)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_numbers_out_of_bounds_are_named() {
        assert_eq!(check(&ThrottleSettings::default()), Ok(()));
        let broken = |change: fn(&mut ThrottleSettings)| {
            let mut settings = ThrottleSettings::default();
            change(&mut settings);
            check(&settings).unwrap_err().0
        };
        assert!(broken(|s| s.account_failures = 0).starts_with("account_failures"));
        assert!(broken(|s| s.network_in_flight = 151).starts_with("network_in_flight"));
        assert!(broken(|s| s.lock_after = 101).starts_with("lock_after"));
        assert!(broken(|s| s.lock_after = 79).starts_with("known_networks_only_after"));
        assert!(broken(|s| s.first_wait = Duration::ZERO).starts_with("first_wait"));
        assert!(broken(|s| s.longest_wait = Duration::from_secs(29)).starts_with("longest_wait"));
        assert!(broken(|s| s.failures_reset = Duration::MAX).starts_with("failures_reset"));
    }
}
