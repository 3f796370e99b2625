//! Database URLs: when TLS is required.

use std::net::IpAddr;

/// Whether the connection must use TLS, with a verified certificate and host name.
///
/// This is required unless the server is on this machine or the URL sets another mode. By default
/// the drivers fall back to plain text.
pub(crate) fn must_verify(url: &str, host: &str, is_socket: bool) -> bool {
    !(is_socket || is_loopback(host) || sets_mode(url))
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost") || bare.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

fn sets_mode(url: &str) -> bool {
    // The driver ignores the fragment, so a mode there is not set.
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
    fn other_machines_are_verified_unless_the_url_sets_a_mode() {
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
    fn a_server_on_this_machine_may_use_plain_text() {
        for host in ["localhost", "LocalHost", "127.0.0.1", "127.8.9.10", "::1", "[::1]"] {
            assert!(!must_verify("x://h/db", host, false), "{host}");
        }
        assert!(!must_verify("x://h/db", "db.example.com", true), "a socket");
    }
}
