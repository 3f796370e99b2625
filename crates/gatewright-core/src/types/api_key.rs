//! Static API keys, for services that call services: a list from the configuration, as FastAPI's guide has it.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::scope::Scopes;

/// The longest API key, in bytes.
pub const MAX_API_KEY_BYTES: usize = 256;

/// A key shorter than this, in bytes, can be guessed sooner or later; [`ApiKeys::has_short`] tells.
pub const SHORT_API_KEY_BYTES: usize = 16;

/// The keys that are accepted in `X-API-Key`, each with the scopes it has. None unless configured.
///
/// Only digests are kept, and all of them are compared whatever is presented, so the time taken tells nothing.
///
/// ```
/// use gatewright_core::ApiKeys;
///
/// let keys = ApiKeys::parse("k9J2mQ7xVb4TzW8L, R5nYp3HdF6sGaE1c:introspect items:read")?;
/// assert_eq!(keys.len(), 2);
/// assert!(ApiKeys::parse("a key with spaces").is_err());
/// # Ok::<(), gatewright_core::InvalidApiKey>(())
/// ```
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

/// A text that is no API key, or no list of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidApiKey {
    /// Empty, longer than [`MAX_API_KEY_BYTES`], or not visible ASCII without colons and commas.
    #[error("a key must be 1 to 256 visible ASCII characters, without colons and commas")]
    Key,
    /// What stands behind a key's colon is no list of scopes.
    #[error("a key's scopes are no list of scopes")]
    Scopes,
    /// The same key stands in the list before: which scopes it has would be anybody's guess.
    #[error("a key stands in the list twice")]
    Repeated,
}

impl ApiKeys {
    /// No keys.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads keys separated by commas, each `key` or `key:scope scope`: what stands behind a key's first colon are its
    /// scopes, so no key has a colon in it. White space around a key and empty places between commas do not count.
    ///
    /// A text that was meant as one key with a colon in it would be read as a shorter key: hold [`ApiKeys::scopes`]
    /// against the scopes there are.
    ///
    /// # Errors
    /// When something in the list is no key, no list of scopes, or stands there twice; the error does not repeat it.
    pub fn parse(text: &str) -> Result<Self, InvalidApiKey> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        entries.into_iter().try_fold(Self::new(), |keys, entry| {
            let (key, scopes) = entry.split_once(':').unwrap_or((entry, ""));
            keys.with(key, Scopes::parse(scopes).map_err(|_| InvalidApiKey::Scopes)?)
        })
    }

    /// Adds a key that has these scopes.
    ///
    /// # Errors
    /// When it is no key, or is there already.
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

    /// Every scope that some key has.
    #[must_use]
    pub fn scopes(&self) -> Scopes {
        self.entries.iter().fold(Scopes::default(), |all, entry| all.union(&entry.scopes))
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether one of them is shorter than [`SHORT_API_KEY_BYTES`]; worth a warning at start.
    #[must_use]
    pub const fn has_short(&self) -> bool {
        self.has_short
    }

    /// The scopes of the key presented, if it is one of ours. Every key is compared, whole.
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
    fn a_key_is_found_whole_and_with_its_own_scopes() {
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
    fn what_is_no_key_is_refused() {
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
    fn a_short_key_is_told_and_no_key_is_shown() {
        let short = ApiKeys::parse("fifteen-letters,k9J2mQ7xVb4TzW8L").unwrap();
        assert!(short.has_short());
        assert!(!ApiKeys::parse("k9J2mQ7xVb4TzW8L").unwrap().has_short());
        let shown = format!("{short:?}");
        assert!(shown.contains('2') && !shown.contains("fifteen") && !shown.contains("entries"), "{shown}");
    }
}
