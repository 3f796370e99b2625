//! Static API keys for services that call services: a list from the configuration.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::scope::Scopes;

/// The longest API key: 256 bytes.
pub const MAX_API_KEY_BYTES: usize = 256;

/// A key shorter than 16 bytes may be guessed. [`ApiKeys::has_short`] finds out.
pub const SHORT_API_KEY_BYTES: usize = 16;

/// The keys that are accepted in `X-API-Key`, each with its scopes. Empty unless configured.
///
/// Only digests are kept. A presented key is compared with all of them, so the time reveals nothing.
///
/// ```
/// use gatewright::ApiKeys;
///
/// let keys = ApiKeys::parse("the-key-of-billing, the-key-of-reports:introspect items:read")?;
/// assert_eq!(keys.len(), 2);
/// assert!(ApiKeys::parse("a key with spaces").is_err());
/// # Ok::<(), gatewright::types::InvalidApiKey>(())
/// ```
#[doc(alias("machine to machine", "service account"))]
#[derive(Clone, Default)]
pub struct ApiKeys {
    entries: Vec<Entry>,
    has_short: bool,
}

#[derive(Clone)]
struct Entry {
    digest: [u8; 32],
    scopes: Scopes,
}

/// The text is not a valid API key, or not a valid list of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidApiKey {
    /// Empty, longer than [`MAX_API_KEY_BYTES`], or not visible ASCII without colons and commas.
    #[error("a key must be 1 to 256 visible ASCII characters, without colons and commas")]
    Key,
    /// The text after a key's colon is not a list of scopes.
    #[error("the text after a key's colon must be a list of scopes, separated by spaces")]
    Scopes,
    /// The list contains the same key twice, so its scopes would be ambiguous.
    #[error("a key occurs twice; list each key once, with all its scopes")]
    Repeated,
}

impl ApiKeys {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses keys separated by commas, each as `key` or `key:scope scope`.
    ///
    /// The text after the first colon of an entry is its scopes, so a key cannot contain a colon. White
    /// space around keys and empty entries are ignored. A key that was meant to contain a colon parses
    /// as a shorter key: compare [`ApiKeys::scopes`] with the scopes of your application.
    ///
    /// # Errors
    /// An entry is not a valid key, its scopes are invalid, or it occurs twice. The error does not contain
    /// the text.
    pub fn parse(text: &str) -> Result<Self, InvalidApiKey> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        entries.into_iter().try_fold(Self::new(), |keys, entry| {
            let (key, scopes) = entry.split_once(':').unwrap_or((entry, ""));
            keys.with(key, Scopes::parse(scopes).map_err(|_| InvalidApiKey::Scopes)?)
        })
    }

    /// Adds a key with its scopes.
    ///
    /// # Errors
    /// The key is invalid, or was added before.
    pub fn with(mut self, key: &str, scopes: Scopes) -> Result<Self, InvalidApiKey> {
        let is_key_byte = |byte: u8| byte.is_ascii_graphic() && byte != b':' && byte != b',';
        if !(1..=MAX_API_KEY_BYTES).contains(&key.len()) || !key.bytes().all(is_key_byte) {
            return Err(InvalidApiKey::Key);
        }
        if self.find(key.as_bytes()).is_some() {
            return Err(InvalidApiKey::Repeated);
        }
        self.has_short |= key.len() < SHORT_API_KEY_BYTES;
        self.entries.push(Entry { digest: Sha256::digest(key).into(), scopes });
        Ok(self)
    }

    /// The scopes of all keys together.
    #[must_use]
    pub fn scopes(&self) -> Scopes {
        self.entries.iter().fold(Scopes::default(), |all, entry| all.union(&entry.scopes))
    }

    /// The number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the list is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether a key is shorter than [`SHORT_API_KEY_BYTES`]. An application should warn about it at start.
    #[must_use]
    pub const fn has_short(&self) -> bool {
        self.has_short
    }

    /// The scopes of the presented key, if it is in the list. Compares all keys in constant time.
    pub(crate) fn find(&self, presented: &[u8]) -> Option<&Scopes> {
        let digest: [u8; 32] = Sha256::digest(presented).into();
        let mut found = 0_u64;
        for (place, entry) in (1_u64..).zip(&self.entries) {
            let same: Choice = entry.digest.ct_eq(&digest);
            found.conditional_assign(&place, same);
        }
        let place = usize::try_from(found).ok()?.checked_sub(1)?;
        self.entries.get(place).map(|entry| &entry.scopes)
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeys").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_matches_whole_and_has_its_own_scopes() {
        let keys = ApiKeys::parse(" one ,two:read, three:read write ,").unwrap();
        assert_eq!(keys.len(), 3);
        let scopes = |key: &str| keys.find(key.as_bytes()).map(Scopes::as_str);
        assert_eq!(scopes("one"), Some(""));
        assert_eq!(scopes("two"), Some("read"));
        assert_eq!(scopes("three"), Some("read write"));
        for other in ["", "on", "onee", "One", "two:read", " one", "one,two"] {
            assert_eq!(scopes(other), None, "{other:?}");
        }
        assert_eq!(ApiKeys::new().find(b""), None);
        assert_eq!(keys.scopes().as_str(), "read write");
    }

    #[test]
    fn invalid_keys_are_rejected() {
        let long = "x".repeat(MAX_API_KEY_BYTES + 1);
        for text in ["a b", "\u{e9}", ":read", long.as_str(), "a\tb"] {
            assert_eq!(ApiKeys::parse(text).unwrap_err(), InvalidApiKey::Key, "{text:?}");
        }
        for key in ["id:secret", "a,b", ""] {
            assert_eq!(
                ApiKeys::new().with(key, Scopes::default()).unwrap_err(),
                InvalidApiKey::Key,
                "{key:?}"
            );
        }
        assert_eq!(ApiKeys::parse("a:\"").unwrap_err(), InvalidApiKey::Scopes);
        assert_eq!(ApiKeys::parse("a:read,b,a:write").unwrap_err(), InvalidApiKey::Repeated);
        assert!(ApiKeys::parse(" , ,").unwrap().is_empty());
    }

    #[test]
    fn short_keys_are_reported_and_debug_shows_no_key() {
        let short = ApiKeys::parse("fifteen-letters,k9J2mQ7xVb4TzW8L").unwrap();
        assert!(short.has_short());
        assert!(!ApiKeys::parse("k9J2mQ7xVb4TzW8L").unwrap().has_short());
        let shown = format!("{short:?}");
        assert!(shown.contains('2') && !shown.contains("fifteen") && !shown.contains("entries"), "{shown}");
    }
}
