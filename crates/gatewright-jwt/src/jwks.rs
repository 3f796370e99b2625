//! JWK sets (RFC 7517 §5): reading those of other issuers, and publishing our own.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::algorithm::Algorithm;
use crate::error::KeyError;
use crate::json::walk;
use crate::jwk::{Jwk, Wanted};
use crate::key::VerifyingKey;
use crate::public::PublicMembers;

/// The maximal length of a JWK set, in bytes.
pub const MAX_JWKS_BYTES: usize = 256 * 1024;

/// The maximal number of keys in a JWK set.
pub const MAX_JWKS_KEYS: usize = 64;

/// The usable keys of a JWK set, and the reasons why the others are rejected.
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
/// assert_eq!(set.rejected(), [KeyError::Private]);
/// # Ok::<(), KeyError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct JwkSet {
    keys: Vec<VerifyingKey>,
    rejected: Vec<KeyError>,
    /// The ids of those rejected keys that have one.
    rejected_ids: Vec<String>,
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
    /// Reads the public keys of a set. Unusable keys are left out. If different keys have the same
    /// id, all of them are left out. A key that occurs twice counts once. An RSA key that names no
    /// algorithm is for RS256, as in OpenID Connect.
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

    /// Why the other keys are rejected: one reason for each.
    #[must_use]
    pub fn rejected(&self) -> &[KeyError] {
        &self.rejected
    }

    fn read(text: &str, wanted: Wanted, only: &[Algorithm]) -> Result<Self, KeyError> {
        if text.len() > MAX_JWKS_BYTES {
            return Err(KeyError::Long);
        }
        walk(text).map_err(|_| KeyError::Format)?;
        let raw: RawSet<'_> = serde_json::from_str(text).map_err(|_| KeyError::Format)?;
        if raw.keys.len() > MAX_JWKS_KEYS {
            return Err(KeyError::Long);
        }
        let mut set = Self::default();
        for key in raw.keys {
            match read_key(key.get(), wanted, only) {
                Ok(key) => set.keys.push(key),
                Err(error) => set.reject(key.get(), error),
            }
        }
        set.drop_duplicates();
        Ok(set)
    }

    /// The ids of those rejected keys that have one.
    pub(crate) fn rejected_ids(&self) -> impl Iterator<Item = &str> {
        self.rejected_ids.iter().map(String::as_str)
    }

    fn reject(&mut self, text: &str, error: KeyError) {
        self.rejected.push(error);
        self.rejected_ids.extend(serde_json::from_str::<KeyId>(text).ok().map(|key| key.kid));
    }

    /// Keeps one of equal keys. If different keys have the same id, removes all of them, because a
    /// token does not say which one it is signed with.
    fn drop_duplicates(&mut self) {
        let all = std::mem::take(&mut self.keys);
        let mut ids: HashMap<String, Vec<VerifyingKey>> = HashMap::new();
        let order: Vec<String> = all.iter().map(|key| key.id().to_owned()).collect();
        for key in all {
            let same = ids.entry(key.id().to_owned()).or_default();
            if !same.iter().any(|own| own.is_same(&key)) {
                same.push(key);
            }
        }
        for id in order {
            let Some(mut same) = ids.remove(&id) else { continue };
            match (same.pop(), same.len()) {
                (Some(key), 0) => self.keys.push(key),
                (_, others) => {
                    self.rejected.extend(std::iter::repeat_n(KeyError::Duplicate, others + 1));
                    self.rejected_ids.push(id);
                }
            }
        }
    }
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
