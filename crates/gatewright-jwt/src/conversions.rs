//! Conversions from the types of the crate `jsonwebtoken`. Each key gets the same checks as one
//! that is read from JSON.

use std::io;

use jsonwebtoken::jwk;
use jsonwebtoken::jwk::AlgorithmParameters;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::algorithm::{Algorithm, UnknownAlgorithm};
use crate::error::KeyError;
use crate::jwk::{Jwk, Wanted};
use crate::jwks::{JwkSet, MAX_JWKS_KEYS};
use crate::key::VerifyingKey;

/// `jsonwebtoken` has no other algorithms than these twelve today.
///
/// ```
/// use gatewright::token::Algorithm;
///
/// assert_eq!(Algorithm::try_from(jsonwebtoken::Algorithm::ES256), Ok(Algorithm::Es256));
/// ```
#[cfg_attr(docsrs, doc(cfg(feature = "jsonwebtoken")))]
impl TryFrom<jsonwebtoken::Algorithm> for Algorithm {
    type Error = UnknownAlgorithm;

    fn try_from(theirs: jsonwebtoken::Algorithm) -> Result<Self, UnknownAlgorithm> {
        use jsonwebtoken::Algorithm as Theirs;
        Ok(match theirs {
            Theirs::HS256 => Self::Hs256,
            Theirs::HS384 => Self::Hs384,
            Theirs::HS512 => Self::Hs512,
            Theirs::EdDSA => Self::EdDsa,
            Theirs::ES256 => Self::Es256,
            Theirs::ES384 => Self::Es384,
            Theirs::RS256 => Self::Rs256,
            Theirs::RS384 => Self::Rs384,
            Theirs::RS512 => Self::Rs512,
            Theirs::PS256 => Self::Ps256,
            Theirs::PS384 => Self::Ps384,
            Theirs::PS512 => Self::Ps512,
            _ => return Err(UnknownAlgorithm {}),
        })
    }
}

/// Accepts public keys only, with the checks of [`VerifyingKey::from_jwk`]: size, `use`, `key_ops`,
/// `alg`, `kid` and the numbers.
///
/// - A secret (`oct`) is [`KeyError::Private`]. Use [`VerifyingKey::from_secret`].
/// - An RSA key that names no algorithm is [`KeyError::Ambiguous`].
/// - `jsonwebtoken` drops the private numbers of a key while it reads it. So they are not found
///   here. [`VerifyingKey::from_jwk`] rejects such a text.
/// - `jsonwebtoken` does not know the algorithm name `Ed25519` (RFC 9864). A key that has it is
///   [`KeyError::Algorithm`].
///
/// ```
/// use gatewright::token::{Algorithm, KeyError, VerifyingKey};
///
/// let theirs: jsonwebtoken::jwk::Jwk = serde_json::from_str(
///     r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"a"}"#,
/// )?;
/// let key = VerifyingKey::try_from(&theirs)?;
/// assert_eq!((key.id(), key.algorithm()), ("a", Algorithm::EdDsa));
///
/// let for_encryption: jsonwebtoken::jwk::Jwk = serde_json::from_str(
///     r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","use":"enc"}"#,
/// )?;
/// assert_eq!(VerifyingKey::try_from(for_encryption).unwrap_err(), KeyError::Use);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg_attr(docsrs, doc(cfg(feature = "jsonwebtoken")))]
impl TryFrom<&jwk::Jwk> for VerifyingKey {
    type Error = KeyError;

    fn try_from(theirs: &jwk::Jwk) -> Result<Self, KeyError> {
        // Before anything is copied: `k` is the secret.
        if matches!(theirs.algorithm, AlgorithmParameters::OctetKey(_)) {
            return Err(KeyError::Private);
        }
        Self::from_parsed(&Jwk::parse(&json(theirs)?)?, None, Wanted::Public)
    }
}

/// As for a reference.
#[cfg_attr(docsrs, doc(cfg(feature = "jsonwebtoken")))]
impl TryFrom<jwk::Jwk> for VerifyingKey {
    type Error = KeyError;

    fn try_from(theirs: jwk::Jwk) -> Result<Self, KeyError> {
        Self::try_from(&theirs)
    }
}

/// Reads the set as [`JwkSet::parse`] does: unusable keys and secrets are left out and listed in
/// [`JwkSet::rejected`].
///
/// ```
/// use gatewright::token::{JwkSet, KeyError};
///
/// let theirs: jsonwebtoken::jwk::JwkSet = serde_json::from_str(
///     r#"{"keys":[
///         {"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"a"},
///         {"kty":"oct","k":"c2VjcmV0","alg":"HS256","kid":"b"}
///     ]}"#,
/// )?;
/// let set = JwkSet::try_from(&theirs)?;
/// assert_eq!(set.keys().len(), 1);
/// assert_eq!(set.rejected()[0].error(), KeyError::Private);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg_attr(docsrs, doc(cfg(feature = "jsonwebtoken")))]
impl TryFrom<&jwk::JwkSet> for JwkSet {
    type Error = KeyError;

    fn try_from(theirs: &jwk::JwkSet) -> Result<Self, KeyError> {
        if theirs.keys.len() > MAX_JWKS_KEYS {
            return Err(KeyError::Long);
        }
        Self::parse(&json(theirs)?)
    }
}

/// As for a reference.
#[cfg_attr(docsrs, doc(cfg(feature = "jsonwebtoken")))]
impl TryFrom<jwk::JwkSet> for JwkSet {
    type Error = KeyError;

    fn try_from(theirs: jwk::JwkSet) -> Result<Self, KeyError> {
        Self::try_from(&theirs)
    }
}

/// The JSON text. It is wiped, because a set may contain secrets. It is written twice, first to measure it: so no
/// reallocation leaves a copy behind.
fn json(value: &impl Serialize) -> Result<Zeroizing<String>, KeyError> {
    let mut length = Length(0);
    serde_json::to_writer(&mut length, value).map_err(|_| KeyError::Format)?;
    let mut text = Zeroizing::new(Vec::with_capacity(length.0));
    serde_json::to_writer(&mut *text, value).map_err(|_| KeyError::Format)?;
    String::from_utf8(std::mem::take(&mut *text)).map(Zeroizing::new).map_err(|_| KeyError::Format)
}

/// Counts the bytes that are written.
struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
