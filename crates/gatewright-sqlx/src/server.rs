//! What stores on a server have in common: deadlines, repetition of what another's lock spoilt, and the rule for TLS.

pub(crate) mod accounts;
pub(crate) mod lease;
pub(crate) mod sessions;

use std::future::Future;
use std::net::IpAddr;
use std::time::Duration;

use gatewright_core::StoreError;
use sqlx::migrate::MigrateError;
use tokio::time::timeout;

use crate::{Failure, Parsed};

/// How long a call to a server may take, its waits for a connection and for locks included. A refresh makes three calls:
/// it has failed after 5 seconds at the latest.
pub const CALL_TIMEOUT: Duration = Duration::from_millis(1_600);

/// How many connections a store holds at most.
pub const MAX_CONNECTIONS: u32 = 10;

/// How long a start may take: another node may be making the tables.
pub const START_TIMEOUT: Duration = Duration::from_secs(60);

/// How often a call is tried that the database undid because of another's lock.
const ATTEMPTS: u32 = 10;

/// How long a migration that finds a table in use lets everybody else have it, before it asks again. Whoever wants the
/// table waits behind one that waits for it.
const MIGRATION_PAUSE: Duration = Duration::from_secs(1);

/// Carries out one verb. The database has undone a conflict whole, so it is tried again; whatever else fails is not: the
/// store may not know what became of it.
pub(crate) async fn within<T, F>(
    action: &'static str,
    is_conflict: fn(&sqlx::Error) -> bool,
    verb: impl Fn() -> F,
) -> Result<T, StoreError>
where
    F: Future<Output = Parsed<T>>,
{
    let attempts = async {
        let mut attempt = 1;
        loop {
            match verb().await {
                Err(failure) if attempt < ATTEMPTS && failure.downcast_ref().is_some_and(is_conflict) => {
                    attempt += 1
                }
                done => return done,
            }
        }
    };
    match timeout(CALL_TIMEOUT, attempts).await {
        Ok(done) => done.map_err(|failure| StoreError::new(action, failure)),
        Err(elapsed) => Err(StoreError::new(action, elapsed)),
    }
}

/// Whether a migration failed for another's lock.
pub(crate) fn is_in_use(error: &MigrateError, is_conflict: fn(&sqlx::Error) -> bool) -> bool {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => is_conflict(error),
        _ => false,
    }
}

/// Lets others have the tables.
#[expect(clippy::disallowed_methods, reason = "nobody tells when a table is free; only while a node starts")]
pub(crate) async fn stand_aside() {
    tokio::time::sleep(MIGRATION_PAUSE).await;
}

/// Opens a store, in bounded time.
pub(crate) async fn start<T>(opening: impl Future<Output = Parsed<T>>) -> Result<T, StoreError> {
    let opened = timeout(START_TIMEOUT, opening).await;
    let opened = opened.unwrap_or_else(|elapsed| Err(Failure::from(elapsed)));
    opened.map_err(|failure| StoreError::new("open the database", failure))
}

/// Refuses a URL for another kind of database. The URL is not repeated: it may hold a password.
pub(crate) fn check_scheme(url: &str, schemes: [&'static str; 2]) -> Parsed<()> {
    let scheme = url.split(':').next().unwrap_or_default();
    if schemes.contains(&scheme) {
        return Ok(());
    }
    Err(format!("the URL must begin with {}: or {}:", schemes[0], schemes[1]).into())
}

/// Whether a connection must be encrypted and the server's certificate and name verified: unless the URL says otherwise,
/// always, except on this machine. Drivers by themselves fall back to plain text.
pub(crate) fn must_verify(url: &str, host: &str, is_socket: bool) -> bool {
    !(is_socket || is_loopback(host) || names_a_mode(url))
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost") || bare.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

fn names_a_mode(url: &str) -> bool {
    // What stands behind `#` is no query, whatever it looks like, and the driver reads nothing of it.
    let before_fragment = url.split('#').next().unwrap_or_default();
    let query = before_fragment.split_once('?').map(|(_, query)| query).unwrap_or_default();
    query.split('&').any(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        name == "sslmode" || name == "ssl-mode"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_machine_is_verified_unless_the_url_says_otherwise() {
        for host in [
            "db.example.com",
            "10.0.0.1",
            "192.168.1.2",
            "localhost.example.com",
            "::2",
            "[fd00::1]",
            "128.0.0.1",
        ] {
            assert!(must_verify("x://h/db", host, false), "{host}");
            assert!(must_verify("x://h/db?application_name=sslmode", host, false), "{host}");
            for url in [
                "x://sslmode=disable:p@h/db#?sslmodes=x",
                "x://h/db#?sslmode=disable",
                "x://h/db?a=b#?sslmode=disable",
                "x://h/db?a=b#&ssl-mode=DISABLED",
            ] {
                assert!(must_verify(url, host, false), "{host} {url}");
            }
            for query in ["sslmode=disable", "a=b&ssl-mode=REQUIRED", "sslmode=verify-ca&x=y"] {
                assert!(!must_verify(&format!("x://h/db?{query}"), host, false), "{host} {query}");
            }
        }
    }

    #[test]
    fn this_machine_may_be_spoken_to_in_plain_text() {
        for host in ["localhost", "LocalHost", "127.0.0.1", "127.8.9.10", "::1", "[::1]"] {
            assert!(!must_verify("x://h/db", host, false), "{host}");
        }
        assert!(!must_verify("x://h/db", "db.example.com", true), "a socket");
    }

    #[test]
    fn another_kind_of_url_is_refused_and_not_repeated() {
        assert!(check_scheme("postgres://u:secret@h/db", ["postgres", "postgresql"]).is_ok());
        for url in ["mysql://u:secret@h/db", "u:secret@h", "POSTGRES", ""] {
            let error = check_scheme(url, ["postgres", "postgresql"]).unwrap_err().to_string();
            assert_eq!(error, "the URL must begin with postgres: or postgresql:");
        }
    }

    #[tokio::test]
    async fn conflicts_are_tried_again_a_bounded_number_of_times_and_nothing_else_is() {
        for (conflict, calls) in [(true, ATTEMPTS), (false, 1)] {
            let count = std::cell::Cell::new(0);
            let is_conflict: fn(&sqlx::Error) -> bool = if conflict { |_| true } else { |_| false };
            let done = within("try", is_conflict, || {
                count.set(count.get() + 1);
                std::future::ready(Err::<(), _>(sqlx::Error::PoolClosed.into()))
            });
            assert_eq!(done.await.unwrap_err().to_string(), "the store could not try");
            assert_eq!(count.get(), calls);
        }
    }
}
