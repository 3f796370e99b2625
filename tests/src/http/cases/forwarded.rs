//! Cases for an application that trusts the proxies at 127.0.0.1 and in 10.0.0.0/8.

use gatewright_testkit::auth_routes::{PASSWORD, Request, Target, Tokens};

/// The address that the session keeps of a login with these `X-Forwarded-For` lines.
fn address(target: &Target, lines: &[&str]) -> String {
    let email = target.register();
    let login = target.post("/login").form(&[("username", &email), ("password", PASSWORD)]);
    let login = login.header("forwarded", "for=192.0.2.9");
    let login = lines.iter().fold(login, |login, line| login.header("x-forwarded-for", line));
    let tokens = Tokens::from(&target.send(&login));
    let list = target.send(&Request::get(&target.path("/sessions")).bearer(&tokens.access));
    list.sessions()[0]["address"].as_str().expect("an address").to_owned()
}

/// Over one or several lines, with ports and brackets, IPv4 and IPv6.
pub fn the_address_is_the_last_hop_that_is_not_trusted(target: &Target) {
    let cases: [(&[&str], &str); 11] = [
        (&[], "127.0.0.1"),
        (&["198.51.100.7"], "198.51.100.7"),
        (&["192.0.2.1, 198.51.100.7"], "198.51.100.7"),
        (&["192.0.2.1,198.51.100.7,10.0.0.2"], "198.51.100.7"),
        (&["192.0.2.1", "198.51.100.7"], "198.51.100.7"),
        (&["198.51.100.7", "10.0.0.2, 127.0.0.1"], "198.51.100.7"),
        (&["198.51.100.7:4711"], "198.51.100.7"),
        (&["[2001:db8::7]:4711"], "2001:db8::7"),
        (&["2001:DB8:0::7"], "2001:db8::7"),
        (&["::ffff:198.51.100.7"], "198.51.100.7"),
        (&["10.0.0.9, 10.0.0.3"], "10.0.0.9"),
    ];
    for (lines, expected) in cases {
        assert_eq!(address(target, lines), expected, "{lines:?}");
    }
}

/// Hops to the left of a malformed address are ignored, and so are those beyond the limit.
pub fn a_malformed_hop_ends_the_search(target: &Target) {
    for hop in ["", "unknown", "fe80::1%eth0", "198.51.100.07", "[198.51.100.7]", "\"198.51.100.7\"", "é"] {
        assert_eq!(address(target, &[&format!("192.0.2.1, {hop}")]), "127.0.0.1", "{hop:?}");
        assert_eq!(address(target, &[&format!("192.0.2.1, {hop}, 10.0.0.5")]), "10.0.0.5", "{hop:?}");
    }
    let flood = "192.0.2.1, ".repeat(400);
    assert_eq!(address(target, &[&flood, "198.51.100.7, 10.0.0.5"]), "198.51.100.7");
}
