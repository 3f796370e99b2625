//! A JWK (RFC 7517), read strictly: each member must have its type, no member may occur twice, and
//! sizes are checked first.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::algorithm::{Algorithm, Family};
use crate::error::KeyError;
use crate::json::walk;
use crate::public::PublicParts;

/// The maximal length of a key document, in bytes.
pub(crate) const MAX_JWK_BYTES: usize = 64 * 1024;

/// The kinds of keys that are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Only public keys.
    Public,
    /// Public keys and secrets.
    Verifying,
    /// Private keys and secrets.
    Signing,
}

/// A string that is wiped when it is dropped.
#[derive(Default)]
struct Secret(Option<Zeroizing<String>>);

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Option::<String>::deserialize(deserializer)?.map(Zeroizing::new)))
    }
}

impl Secret {
    fn decode(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let text = self.0.as_ref().ok_or(KeyError::Public)?;
        decode(text).map(Zeroizing::new)
    }
}

/// The members that are read. `null` counts as absent. All others are checked for duplicates and depth.
#[derive(Deserialize)]
pub(crate) struct Jwk<'a> {
    #[serde(borrow)]
    kty: Cow<'a, str>,
    alg: Option<String>,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    /// An extension of Microsoft: the only issuer that the key signs for.
    issuer: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    #[serde(default)]
    k: Secret,
    #[serde(default)]
    d: Secret,
    #[serde(default)]
    p: Secret,
    #[serde(default)]
    q: Secret,
    #[serde(default)]
    dp: Secret,
    #[serde(default)]
    dq: Secret,
    #[serde(default)]
    qi: Secret,
    #[serde(default)]
    oth: Option<serde::de::IgnoredAny>,
}

/// The private numbers of an RSA key.
pub(crate) struct RsaSecrets {
    pub(crate) d: Zeroizing<Vec<u8>>,
    pub(crate) p: Zeroizing<Vec<u8>>,
    pub(crate) q: Zeroizing<Vec<u8>>,
    pub(crate) dp: Zeroizing<Vec<u8>>,
    pub(crate) dq: Zeroizing<Vec<u8>>,
    pub(crate) qi: Zeroizing<Vec<u8>>,
}

impl<'a> Jwk<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, KeyError> {
        if text.len() > MAX_JWK_BYTES {
            return Err(KeyError::Long);
        }
        // Serde would read an array as an object without names.
        if !text.trim_ascii_start().starts_with('{') {
            return Err(KeyError::Format);
        }
        walk(text).map_err(|_| KeyError::Format)?;
        serde_json::from_str(text).map_err(|_| KeyError::Format)
    }

    /// The algorithm of this key: the one that it names, or else the expected one, or else the only
    /// one that it fits.
    pub(crate) fn algorithm(&self, expected: Option<Algorithm>) -> Result<Algorithm, KeyError> {
        let algorithm = match (self.alg.as_deref(), expected) {
            (Some(name), _) => name.parse().map_err(|_| KeyError::Algorithm)?,
            (None, Some(algorithm)) => algorithm,
            (None, None) => self.only_algorithm()?,
        };
        let agreed = expected.is_none_or(|expected| expected == algorithm) && self.fits(algorithm);
        if agreed { Ok(algorithm) } else { Err(KeyError::Algorithm) }
    }

    fn only_algorithm(&self) -> Result<Algorithm, KeyError> {
        let mut fitting = Algorithm::ALL.into_iter().filter(|algorithm| self.fits(*algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(algorithm), None) => Ok(algorithm),
            (None, _) => Err(KeyError::Algorithm),
            (Some(_), Some(_)) => Err(KeyError::Ambiguous),
        }
    }

    /// The default algorithm for a key of this kind: the one that every implementation has.
    pub(crate) fn usual_algorithm(&self) -> Option<Algorithm> {
        [Algorithm::Rs256, Algorithm::Hs256].into_iter().find(|algorithm| self.fits(*algorithm))
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        let crv = self.crv.as_deref();
        match algorithm.family() {
            Family::Hmac(_) => self.kty == "oct",
            Family::Rsa { .. } => self.kty == "RSA",
            Family::Ec(curve) => self.kty == "EC" && crv == Some(curve.name),
            Family::Ed25519 => self.kty == "OKP" && crv == Some("Ed25519"),
        }
    }

    /// An error if the key is not for signatures, or is not of the wanted kind.
    pub(crate) fn check_use(&self, wanted: Wanted) -> Result<(), KeyError> {
        let operation = if wanted == Wanted::Signing { "sign" } else { "verify" };
        let usage = self.usage.as_deref().is_none_or(|usage| usage == "sig");
        let operations = self.key_ops.as_ref().is_none_or(|all| all.iter().any(|one| one == operation));
        if !usage || !operations {
            return Err(KeyError::Use);
        }
        let secrets = [&self.d, &self.p, &self.q, &self.dp, &self.dq, &self.qi];
        let private = secrets.iter().any(|secret| secret.0.is_some()) || self.oth.is_some();
        let symmetric = self.kty == "oct" || self.k.0.is_some();
        match wanted {
            Wanted::Public if private || symmetric => Err(KeyError::Private),
            Wanted::Verifying if private || (symmetric && self.kty != "oct") => Err(KeyError::Private),
            Wanted::Signing if !private && !symmetric => Err(KeyError::Public),
            _ => Ok(()),
        }
    }

    pub(crate) fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    pub(crate) fn id(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    pub(crate) fn secret(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        self.k.decode()
    }

    pub(crate) fn private(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        self.d.decode()
    }

    pub(crate) fn rsa_secrets(&self) -> Result<RsaSecrets, KeyError> {
        if self.oth.is_some() {
            return Err(KeyError::Algorithm);
        }
        Ok(RsaSecrets {
            d: self.d.decode()?,
            p: self.p.decode()?,
            q: self.q.decode()?,
            dp: self.dp.decode()?,
            dq: self.dq.decode()?,
            qi: self.qi.decode()?,
        })
    }

    pub(crate) fn public(&self) -> Result<PublicParts, KeyError> {
        let member = |value: &Option<String>| decode(value.as_deref().ok_or(KeyError::Format)?);
        match &*self.kty {
            "RSA" => Ok(PublicParts::Rsa { n: member(&self.n)?, e: member(&self.e)? }),
            "EC" => Ok(PublicParts::Ec { x: member(&self.x)?, y: member(&self.y)? }),
            "OKP" => Ok(PublicParts::Ed25519(member(&self.x)?)),
            _ => Err(KeyError::Algorithm),
        }
    }
}

fn decode(text: &str) -> Result<Vec<u8>, KeyError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| KeyError::Format)
}
