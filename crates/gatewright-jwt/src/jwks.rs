//! JWK sets (RFC 7517 §5): reading those of other issuers, and publishing our own.

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::algorithm::Algorithm;
use crate::error::KeyError;
use crate::jwk::{Jwk, Wanted};
use crate::key::{MAX_KEY_ID_BYTES, VerifyingKey};
use crate::public::PublicMembers;

/// The maximal length of a JWK set: 1 MiB.
pub const MAX_JWKS_BYTES: usize = 1024 * 1024;

/// The maximal number of keys in a JWK set: 256, usable or not.
pub const MAX_JWKS_KEYS: usize = 256;

/// The usable keys of a JWK set, and the reasons why the others are rejected. An entry that cannot be used
/// costs that entry alone.
///
/// ```
/// use gatewright::token::{JwkSet, KeyError};
///
/// let set = JwkSet::parse(
///     r#"{"keys":[
///         {"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"a"},
///         {"kty":"oct","k":"c2VjcmV0","alg":"HS256","kid":"b"}
///     ]}"#,
/// )?;
/// assert_eq!(set.keys().len(), 1);
/// let rejected = set.rejected();
/// assert_eq!((rejected[0].position(), rejected[0].id(), rejected[0].error()), (1, Some("b"), KeyError::Private));
/// # Ok::<(), KeyError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct JwkSet {
    keys: Vec<VerifyingKey>,
    rejected: Vec<RejectedKey>,
}

/// An entry of a set that is not used, and why.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RejectedKey {
    position: usize,
    id: Option<String>,
    error: KeyError,
}

impl RejectedKey {
    /// The position in the set. The first entry is 0.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.position
    }

    /// The entry's `kid`, if it has one of at most [`MAX_KEY_ID_BYTES`].
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Why it is not used.
    #[must_use]
    pub const fn error(&self) -> KeyError {
        self.error
    }
}

/// The issuer chooses the `kid`, so it is escaped.
impl fmt::Display for RejectedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {}", self.position)?;
        if let Some(id) = &self.id {
            write!(f, " with the kid {id:?}")?;
        }
        write!(f, " {}", self.error.problem())
    }
}

/// The only member that is read of a rejected key.
#[derive(Deserialize)]
struct KeyId {
    kid: String,
}

#[derive(Deserialize)]
struct RawSet<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

impl JwkSet {
    /// Reads the public keys of a set. Unusable keys are left out. Keys of different algorithms can have the
    /// same id. If different keys have the same id and algorithm, all of them are left out. A key that occurs
    /// twice counts once. An RSA key that names no algorithm is for RS256, as in OpenID Connect. A member that
    /// is `null` counts as absent.
    ///
    /// # Errors
    /// If the text is not a JWK set, or is longer than [`MAX_JWKS_BYTES`] or [`MAX_JWKS_KEYS`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        Self::read(text, Wanted::Public, &[])
    }

    /// Reads a set from a trusted place, such as a local file. Secrets (`oct`) are accepted too,
    /// for HS256 if they name no algorithm. If `only` lists algorithms, keys for others are
    /// rejected before ids are compared. If it lists exactly one, keys that name no algorithm are
    /// for that one.
    ///
    /// # Errors
    /// As [`JwkSet::parse`].
    pub fn parse_with_secrets(text: &str, only: &[Algorithm]) -> Result<Self, KeyError> {
        Self::read(text, Wanted::Verifying, only)
    }

    /// The usable keys.
    #[must_use]
    pub fn keys(&self) -> &[VerifyingKey] {
        &self.keys
    }

    /// The usable keys, by value, for [`KeyRing::verifying`](crate::KeyRing::verifying).
    #[must_use]
    pub fn into_keys(self) -> Vec<VerifyingKey> {
        self.keys
    }

    /// The other keys, and why they are rejected.
    #[must_use]
    pub fn rejected(&self) -> &[RejectedKey] {
        &self.rejected
    }

    fn read(text: &str, wanted: Wanted, only: &[Algorithm]) -> Result<Self, KeyError> {
        if text.len() > MAX_JWKS_BYTES {
            return Err(KeyError::Long);
        }
        // Serde would read an array as an object without names.
        let object = Some(text).filter(|text| text.trim_ascii_start().starts_with('{'));
        let raw: RawSet<'_> =
            object.and_then(|text| serde_json::from_str(text).ok()).ok_or(KeyError::Format)?;
        if raw.keys.len() > MAX_JWKS_KEYS {
            return Err(KeyError::Long);
        }
        let mut keys = Vec::new();
        let mut set = Self::default();
        for (position, entry) in raw.keys.iter().map(|entry| entry.get()).enumerate() {
            match read_key(entry, wanted, only) {
                Ok(key) => keys.push((position, key)),
                Err(error) => set.rejected.push(RejectedKey { position, id: id_of(entry), error }),
            }
        }
        set.add_distinct(keys);
        Ok(set)
    }

    /// The ids of those rejected keys that have one.
    pub(crate) fn rejected_ids(&self) -> impl Iterator<Item = &str> {
        self.rejected.iter().filter_map(RejectedKey::id)
    }

    /// Keeps one of equal keys. If different keys have the same id and algorithm, rejects all of them, because
    /// a token does not say which one it is signed with.
    fn add_distinct(&mut self, keys: Vec<(usize, VerifyingKey)>) {
        let of = |key: &VerifyingKey| (key.id().to_owned(), key.algorithm());
        let mut same: HashMap<(String, Algorithm), (VerifyingKey, bool)> = HashMap::new();
        for (_, key) in &keys {
            let (first, differ) = same.entry(of(key)).or_insert_with(|| (key.clone(), false));
            *differ |= !first.is_same(key);
        }
        let mut added = HashSet::new();
        for (position, key) in keys {
            let name = of(&key);
            if same.get(&name).is_some_and(|(_, differ)| *differ) {
                let id = Some(key.id().to_owned());
                self.rejected.push(RejectedKey { position, id, error: KeyError::Duplicate });
            } else if added.insert(name) {
                self.keys.push(key);
            }
        }
    }
}

/// The `kid` of an entry that is rejected.
fn id_of(entry: &str) -> Option<String> {
    let object = Some(entry).filter(|entry| entry.trim_ascii_start().starts_with('{'))?;
    let id = serde_json::from_str::<KeyId>(object).ok()?.kid;
    (!id.is_empty() && id.len() <= MAX_KEY_ID_BYTES).then_some(id)
}

fn read_key(text: &str, wanted: Wanted, only: &[Algorithm]) -> Result<VerifyingKey, KeyError> {
    let jwk = Jwk::parse(text)?;
    let expected = match only {
        [one] => Some(*one),
        _ => None,
    };
    let key = match VerifyingKey::from_parsed(&jwk, expected, wanted) {
        Err(KeyError::Ambiguous) => VerifyingKey::from_parsed(&jwk, jwk.usual_algorithm(), wanted),
        read => read,
    }?;
    if only.is_empty() || only.contains(&key.algorithm()) { Ok(key) } else { Err(KeyError::Algorithm) }
}

#[derive(Serialize)]
struct PublicJwk<'a> {
    #[serde(flatten)]
    members: &'a PublicMembers,
    kid: &'a str,
    alg: &'static str,
    #[serde(rename = "use")]
    usage: &'static str,
}

#[derive(Serialize)]
struct PublicSet<'a> {
    keys: Vec<PublicJwk<'a>>,
}

/// Writes the set that publishes these keys, from public members only. Secrets have none and are
/// left out.
pub(crate) fn publish<'a>(keys: impl Iterator<Item = &'a VerifyingKey>) -> String {
    let public = |key: &'a VerifyingKey| {
        let (kid, alg) = (key.id(), key.algorithm().name());
        key.members().map(|members| PublicJwk { members, kid, alg, usage: "sig" })
    };
    // Strings always serialize. The fallback is a set without keys.
    serde_json::to_string(&PublicSet { keys: keys.filter_map(public).collect() })
        .unwrap_or_else(|_| r#"{"keys":[]}"#.to_owned())
}
