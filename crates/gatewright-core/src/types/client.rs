//! The client that begins a session, as far as it shows: an address and what it calls itself.

use std::fmt;
use std::net::IpAddr;

/// How much of a client's name for itself is kept.
pub const MAX_USER_AGENT_BYTES: usize = 256;

/// Where a login came from. It is shown to the user and decides nothing: an address may be shared, and a name is
/// whatever the client says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientInfo {
    /// The address, where it is known.
    pub address: Option<IpAddr>,
    /// What the client calls itself, where it does.
    pub user_agent: Option<UserAgent>,
}

impl ClientInfo {
    /// A client. An IPv4 address in IPv6's clothes is kept as the IPv4 address.
    #[must_use]
    pub fn new(address: Option<IpAddr>, user_agent: Option<UserAgent>) -> Self {
        Self { address: address.map(|address| address.to_canonical()), user_agent }
    }
}

/// A `User-Agent` (RFC 9110 §10.1.5), cleaned: text of 1 to [`MAX_USER_AGENT_BYTES`] bytes without control characters and
/// others that do not show, such as those that turn the direction of text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UserAgent(String);

impl UserAgent {
    /// Makes text of a header's bytes: whatever is not UTF-8 or cannot be printed becomes `U+FFFD`, and text that is too long
    /// is cut off between two characters. `None` when nothing is left.
    ///
    /// ```
    /// use gatewright_core::types::UserAgent;
    ///
    /// assert_eq!(UserAgent::clean(b" curl/8.5\0 ").unwrap().as_str(), "curl/8.5\u{fffd}");
    /// assert_eq!(UserAgent::clean(b"  "), None);
    /// ```
    #[must_use]
    pub fn clean(bytes: &[u8]) -> Option<Self> {
        // Each byte makes at most one character, of at least one byte: the rest cannot matter.
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

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a character shows, by the standard library's tables. A string's `Debug` escapes what does not, besides quotes and
/// the backslash; behind a letter, an accent is part of what shows.
fn is_printable(character: char) -> bool {
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
    fn a_user_agent_is_short_text_without_control_characters_and_cleaning_it_again_changes_nothing() {
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
    fn a_user_agent_as_browsers_send_it_is_kept_as_it_is() {
        for usual in ["Mozilla/5.0 (X11; Linux x86_64) \"quoted\" 'it' \\ é e\u{301} ก็ 東京", "curl/8.5.0"]
        {
            assert_eq!(UserAgent::clean(usual.as_bytes()).unwrap().as_str(), usual);
        }
    }

    #[test]
    fn an_ipv4_address_is_the_same_in_either_clothes() {
        let mapped = ClientInfo::new(Some("::ffff:192.0.2.1".parse().unwrap()), None);
        assert_eq!(mapped, ClientInfo::new(Some("192.0.2.1".parse().unwrap()), None));
    }
}
