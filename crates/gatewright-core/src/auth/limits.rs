//! The defaults and bounds of the settings.

use std::time::Duration;

use super::build_error::BuildError;
use super::inner::Settings;
use super::refusal_floor::MAX_REFUSAL_FLOOR;
use crate::cache::MAX_CACHE_CAPACITY;
use crate::http::is_realm;
use crate::password::PasswordRules;
use crate::token::{MAX_ACCESS_LIFETIME, MAX_LARGE_TOKEN_BYTES, MAX_REFRESH_LIFETIME, MAX_TOKEN_BYTES};
use crate::types::MAX_SCOPES_BYTES;

/// How long an access token is valid unless set: 15 minutes.
pub const DEFAULT_ACCESS_LIFETIME: Duration = Duration::from_secs(15 * 60);
/// After how long without a refresh a session expires unless set: 7 days. It is the lifetime of a
/// refresh token.
pub const DEFAULT_REFRESH_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How long a session lasts at most, used or not, unless set: 30 days.
pub const DEFAULT_SESSION_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How long after its use a refresh token returns the session's current token unless set: 10 seconds.
pub const DEFAULT_REFRESH_GRACE: Duration = Duration::from_secs(10);
/// The longest grace window that can be set: 60 seconds.
pub const MAX_REFRESH_GRACE: Duration = Duration::from_secs(60);
/// How long a password waits to be hashed unless set: 12 seconds. One thread hashes more than 500 passwords in that time.
pub const DEFAULT_HASH_WAIT: Duration = Duration::from_secs(12);
/// The longest time that a password can be set to wait: 60 seconds, without a throttle.
pub const MAX_HASH_WAIT: Duration = Duration::from_secs(60);
/// The longest time that a password can be set to wait with a throttle: 12 seconds. A login whose password has two forms
/// waits twice, and must end before its reservation expires
/// ([`IN_FLIGHT_TIMEOUT`](crate::throttle::IN_FLIGHT_TIMEOUT)). A password change can wait three times, longer than that:
/// its attempt is a failure until its outcome, which still gives it back. In a shared bucket of a full throttle in memory
/// the failure stays.
pub const MAX_THROTTLED_HASH_WAIT: Duration = Duration::from_secs(12);

/// Checks the bounds of the settings, each with what it depends on.
pub(super) fn check(settings: &Settings) -> Result<(), BuildError> {
    let Settings {
        access_lifetime,
        refresh_lifetime,
        session_lifetime,
        refresh_grace,
        refusal_floor,
        hash_wait,
        ..
    } = settings;
    whole_seconds("access_lifetime", *access_lifetime)?;
    whole_seconds("refresh_lifetime", *refresh_lifetime)?;
    whole_seconds("session_lifetime", *session_lifetime)?;
    let rules = [
        (
            *access_lifetime <= MAX_ACCESS_LIFETIME,
            "access_lifetime",
            "must be at most 24 hours",
            access_lifetime,
        ),
        (
            *refresh_lifetime <= MAX_REFRESH_LIFETIME,
            "refresh_lifetime",
            "must be at most 400 days",
            refresh_lifetime,
        ),
        (
            refresh_lifetime >= access_lifetime,
            "refresh_lifetime",
            "must be at least the access lifetime",
            refresh_lifetime,
        ),
        (
            session_lifetime >= access_lifetime,
            "session_lifetime",
            "must be at least the access lifetime",
            session_lifetime,
        ),
        (*refresh_grace <= MAX_REFRESH_GRACE, "refresh_grace", "must be at most 60 seconds", refresh_grace),
        (*refusal_floor <= MAX_REFUSAL_FLOOR, "refusal_floor", "must be at most 2 seconds", refusal_floor),
        (
            !hash_wait.is_zero() && *hash_wait <= MAX_HASH_WAIT,
            "hash_wait",
            "must be more than zero and at most 60 seconds",
            hash_wait,
        ),
    ];
    if let Some((_, setting, rule, found)) = rules.into_iter().find(|(kept, ..)| !kept) {
        return Err(BuildError::new(setting, rule).with_found(format_args!("{found:?}")));
    }
    if !(MAX_TOKEN_BYTES..=MAX_LARGE_TOKEN_BYTES).contains(&settings.max_token_bytes) {
        let error = BuildError::new("max_token_bytes", "must be 8192 to 32768");
        return Err(error.with_found(settings.max_token_bytes));
    }
    let scopes = settings.role_scopes.all().as_str().len();
    if scopes > MAX_SCOPES_BYTES {
        return Err(BuildError::new("role_scopes", "must be at most 1024 bytes together").with_found(scopes));
    }
    Ok(())
}

/// Checks that an attempt ends before its reservation in the throttle expires.
pub(super) fn check_hash_wait(wait: Duration, is_throttled: bool) -> Result<(), BuildError> {
    if wait <= MAX_THROTTLED_HASH_WAIT || !is_throttled {
        return Ok(());
    }
    let rule = "must be at most 12 seconds with a throttle; a login may wait twice, and its reservation in the throttle \
                expires after 30 seconds: set less, or turn the throttle off with `without_throttle`";
    Err(BuildError::new("hash_wait", rule).with_found(format_args!("{wait:?}")))
}

/// Checks the shortest length of a password.
pub(super) fn check_password_rules(rules: &PasswordRules) -> Result<(), BuildError> {
    let rule = "must be 15 to 64; 8 to 14 need `dangerous()` of the rules";
    match rules.invalid_minimum() {
        Some(found) => Err(BuildError::new("min_code_points", rule).with_found(found)),
        None => Ok(()),
    }
}

fn whole_seconds(setting: &'static str, span: Duration) -> Result<(), BuildError> {
    let whole = !span.is_zero() && span.subsec_nanos() == 0;
    if whole {
        return Ok(());
    }
    let error = BuildError::new(setting, "must be a positive number of whole seconds");
    Err(error.with_found(format_args!("{span:?}")))
}

/// # Errors
/// The realm cannot be written in a challenge.
pub(super) fn check_realm(realm: Option<&str>) -> Result<(), BuildError> {
    match realm {
        Some(realm) if !is_realm(realm) => {
            let error = BuildError::new("realm", "must be visible ASCII without quotes and backslashes");
            Err(error.with_found(format_args!("{realm:?}")))
        }
        _ => Ok(()),
    }
}

/// # Errors
/// The cache would hold no session, or too many.
pub(super) fn check_cache_capacity(sessions: usize) -> Result<(), BuildError> {
    if (1..=MAX_CACHE_CAPACITY).contains(&sessions) {
        return Ok(());
    }
    let rule = "must be 1 to 10000000; to disable the cache, use RevocationCheck::ReadThrough";
    Err(BuildError::new("cache_capacity", rule).with_found(sessions))
}
