//! The client of a request: its address and its user agent.

use std::fmt;
use std::net::IpAddr;

/// The longest user agent that is kept: 256 bytes. The rest is cut off.
pub const MAX_USER_AGENT_BYTES: usize = 256;

/// Address and user agent of a client.
///
/// A session keeps those of its login, to show them to the user, and those of its latest refresh. They
/// never prove who a client is: an address may be shared, and a client may send any user agent. They
/// decide two things:
/// - The address decides which share of the hasher's queue a password takes
///   ([`ClientNetwork`](crate::ClientNetwork)).
/// - A used refresh token that the grace window still accepts is reported if it comes from another
///   network or user agent than the latest refresh. Repeated use from another network ends the session
///   ([`GracePolicy`](crate::GracePolicy)).
///
/// ```
/// use gatewright::types::ClientInfo;
///
/// let client = ClientInfo::new(Some("::ffff:192.0.2.1".parse()?), None);
/// assert_eq!(client.address, Some("192.0.2.1".parse()?), "IPv4-mapped addresses are IPv4");
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[doc(alias("device", "ip address"))]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientInfo {
    /// The address, if the framework provides it.
    pub address: Option<IpAddr>,
    /// The `User-Agent` header, if the request has one.
    pub user_agent: Option<UserAgent>,
    is_behind_unknown_proxy: bool,
}

impl ClientInfo {
    /// Without address and user agent.
    pub(crate) const NONE: Self = Self { address: None, user_agent: None, is_behind_unknown_proxy: false };

    /// Creates the description of a client. An IPv4-mapped IPv6 address becomes the IPv4 address.
    #[must_use]
    pub fn new(address: Option<IpAddr>, user_agent: Option<UserAgent>) -> Self {
        let address = address.map(|address| address.to_canonical());
        Self { address, user_agent, is_behind_unknown_proxy: false }
    }

    /// The address is that of a proxy that is not configured, or names no clients. Its clients share it.
    #[must_use]
    pub(crate) const fn behind_unknown_proxy(mut self) -> Self {
        self.is_behind_unknown_proxy = true;
        self
    }

    /// Whether the request has a forwarding header, and came from a loopback or private address that is not a trusted
    /// proxy, or from a trusted proxy that names no client in `X-Forwarded-For`. Then all clients of that proxy seem to have one address, so the throttle counts them together with
    /// a larger budget. See [`with_trusted_proxies`](crate::AuthBuilder::with_trusted_proxies).
    #[must_use]
    pub const fn is_behind_unknown_proxy(&self) -> bool {
        self.is_behind_unknown_proxy
    }

    /// Whether both addresses are in one network: the same /24 of IPv4, or the same /48 of IPv6. An
    /// unknown address is only in the network of another unknown one, so that an application without
    /// addresses (behind a Unix socket) has one network, and none of its users is in another.
    pub(crate) fn is_in_network_of(&self, other: &Self) -> bool {
        match (self.address, other.address) {
            (Some(one), Some(other)) => share_network(one.to_canonical(), other.to_canonical()),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        }
    }
}

fn share_network(one: IpAddr, other: IpAddr) -> bool {
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => one.to_bits() >> 8 == other.to_bits() >> 8,
        (IpAddr::V6(one), IpAddr::V6(other)) => one.to_bits() >> 80 == other.to_bits() >> 80,
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

/// A cleaned `User-Agent` (RFC 9110 §10.1.5): 1 to [`MAX_USER_AGENT_BYTES`] bytes of printable text.
///
/// It contains no control characters and no invisible ones, such as those that change the direction of
/// text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UserAgent(String);

impl UserAgent {
    /// Cleans the bytes of a header. Bytes that are not UTF-8 and unprintable characters become `U+FFFD`.
    /// A text that is too long is cut between two characters. `None` if nothing is left.
    ///
    /// ```
    /// use gatewright::types::UserAgent;
    ///
    /// assert_eq!(UserAgent::clean(b" curl/8.5\0 ").unwrap().as_str(), "curl/8.5\u{fffd}");
    /// assert_eq!(UserAgent::clean(b"  "), None);
    /// ```
    #[must_use]
    pub fn clean(bytes: &[u8]) -> Option<Self> {
        // Each byte becomes at most one character of at least one byte, so further bytes are not needed.
        let bytes = bytes.trim_ascii();
        let bytes = bytes.get(..MAX_USER_AGENT_BYTES).unwrap_or(bytes);
        let mut text = String::new();
        for character in String::from_utf8_lossy(bytes).chars() {
            let shown = if is_printable(character) { character } else { char::REPLACEMENT_CHARACTER };
            if text.len() + shown.len_utf8() > MAX_USER_AGENT_BYTES {
                break;
            }
            text.push(shown);
        }
        text.truncate(text.trim_ascii_end().len());
        (!text.is_empty()).then_some(Self(text))
    }

    /// The cleaned text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a character is printable, by the standard library's tables: `Debug` of a string escapes
/// unprintable characters, quotes and the backslash. The letter before the character makes a combining
/// accent printable.
pub(super) fn is_printable(character: char) -> bool {
    matches!(character, '"' | '\'' | '\\') || format!("a{character}").escape_debug().skip(1).eq([character])
}

impl fmt::Display for UserAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleaning_bounds_the_text_and_is_idempotent() {
        let hostile: [&[u8]; 8] = [
            &[0xff; 300],
            &[b'x'; 300],
            &[0; 300],
            "é".repeat(300).as_bytes(),
            b"a\r\nSet-Cookie: x\x1b[2J",
            &[b'y'; 255],
            format!("{} y", "x".repeat(MAX_USER_AGENT_BYTES - 1)).as_bytes(),
            "a\u{202e}b\u{200b}c\u{feff}".as_bytes(),
        ]
        .map(|bytes: &[u8]| Box::leak(bytes.to_vec().into_boxed_slice()) as &[u8]);
        for bytes in hostile {
            let cleaned = UserAgent::clean(bytes).unwrap();
            assert!((1..=MAX_USER_AGENT_BYTES).contains(&cleaned.as_str().len()), "{cleaned}");
            let hidden = |c: char| c.is_control() || "\u{202e}\u{200b}\u{feff}".contains(c);
            assert!(!cleaned.as_str().chars().any(hidden), "{cleaned}");
            assert_eq!(UserAgent::clean(cleaned.as_str().as_bytes()).unwrap(), cleaned);
        }
    }

    #[test]
    fn user_agents_of_browsers_are_unchanged() {
        for usual in ["Mozilla/5.0 (X11; Linux x86_64) \"quoted\" 'it' \\ é e\u{301} ก็ 東京", "curl/8.5.0"]
        {
            assert_eq!(UserAgent::clean(usual.as_bytes()).unwrap().as_str(), usual);
        }
    }

    #[test]
    fn networks_are_a_24_of_ipv4_and_a_48_of_ipv6() {
        let client = |address: &str| ClientInfo::new(address.parse().ok(), None);
        for (one, other, share) in [
            ("192.0.2.1", "192.0.2.254", true),
            ("192.0.2.1", "192.0.3.1", false),
            ("192.0.2.1", "::ffff:192.0.2.9", true),
            ("2001:db8:7::1", "2001:db8:7:ffff::2", true),
            ("2001:db8:7::1", "2001:db8:8::1", false),
            ("192.0.2.1", "2001:db8::1", false),
            ("", "", true),
            ("", "192.0.2.1", false),
            ("", "::", false),
        ] {
            assert_eq!(client(one).is_in_network_of(&client(other)), share, "{one} {other}");
            assert_eq!(client(other).is_in_network_of(&client(one)), share, "{other} {one}");
        }
    }

    #[test]
    fn an_ipv4_address_is_the_same_in_either_clothes() {
        let mapped = ClientInfo::new(Some("::ffff:192.0.2.1".parse().unwrap()), None);
        assert_eq!(mapped, ClientInfo::new(Some("192.0.2.1".parse().unwrap()), None));
    }
}
