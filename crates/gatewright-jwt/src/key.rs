//! Verifying keys: parsed once, for one algorithm, with one id.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::ParsedPublicKey;
use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatewright_core::TokenError;
use zeroize::Zeroizing;

use crate::algorithm::{Algorithm, Family};
use crate::derive::Derivation;
use crate::error::KeyError;
use crate::jwk::{Jwk, Wanted};
use crate::pem;
use crate::public::{PublicMembers, PublicParts};
use crate::secret;

/// The maximal length of a key id, in bytes. A token with a longer `kid` is rejected.
pub const MAX_KEY_ID_BYTES: usize = 128;

/// Signatures up to this length are decoded on the stack. Only those of RSA are longer.
const STACK_SIGNATURE_BYTES: usize = 96;

/// A key that verifies, for one algorithm, with one id. Cloning is cheap.
///
/// ```
/// use gatewright::token::{Algorithm, VerifyingKey};
///
/// let key = VerifyingKey::from_jwk(
///     r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
/// )?;
/// assert_eq!(key.algorithm(), Algorithm::EdDsa);
/// assert_eq!(key.id(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"); // RFC 8037 A.3
/// # Ok::<(), gatewright::token::KeyError>(())
/// ```
#[derive(Clone)]
pub struct VerifyingKey {
    id: Arc<str>,
    algorithm: Algorithm,
    signature_bytes: usize,
    /// Equal for keys with the same numbers or secret, also if their algorithms differ.
    material: Fingerprint,
    /// The member `issuer` of the JWK. Profiles of several tenants read it.
    issuer: Option<Arc<str>>,
    verifier: Verifier,
}

type Fingerprint = [u8; 32];

#[derive(Clone)]
enum Verifier {
    Hmac { key: Arc<hmac::Key>, derivation: Derivation },
    Public { key: ParsedPublicKey, members: Arc<PublicMembers> },
}

impl VerifyingKey {
    /// Reads the PEM text of a public key (SubjectPublicKeyInfo, `PUBLIC KEY`). The key's id is its
    /// thumbprint (RFC 7638).
    ///
    /// # Errors
    /// If the text is not such a PEM, is a private key, or the key does not fit `algorithm`.
    pub fn from_pem(algorithm: Algorithm, text: &str) -> Result<Self, KeyError> {
        let der = pem::public(text)?;
        Self::from_parts(algorithm, PublicParts::from_spki(algorithm, &der)?)
    }

    /// Reads a JWK: a public key, or a secret (`oct`). The key's id is its `kid`, or else its
    /// thumbprint. A key that fits several algorithms must name one.
    ///
    /// # Errors
    /// If the text is not a JWK, has a duplicate member or one of a wrong type, is a private key,
    /// is not for signatures, or is not valid.
    pub fn from_jwk(text: &str) -> Result<Self, KeyError> {
        Self::from_parsed(&Jwk::parse(text)?, None, Wanted::Verifying)
    }

    /// Reads a JWK that names this algorithm or no algorithm.
    ///
    /// # Errors
    /// As [`VerifyingKey::from_jwk`], or if the key is for another algorithm.
    pub fn from_jwk_for(algorithm: Algorithm, text: &str) -> Result<Self, KeyError> {
        Self::from_parsed(&Jwk::parse(text)?, Some(algorithm), Wanted::Verifying)
    }

    /// Uses the bytes of a secret, unchanged. There must be at least as many as the hash has. The
    /// id is derived from the secret and is the same each time.
    ///
    /// # Errors
    /// If the algorithm is not an HMAC, or if the secret is too short, is a placeholder, has too
    /// few different bytes, or is a key file.
    pub fn from_secret(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, KeyError> {
        let Family::Hmac(hash) = algorithm.family() else { return Err(KeyError::Algorithm) };
        let signature_bytes = hash.digest_algorithm().output_len();
        secret::check(bytes, signature_bytes)?;
        let key = hmac::Key::new(hash, bytes);
        let id = derive_id(&key).into();
        let material = fingerprint(trim_zeros(bytes));
        let verifier = Verifier::Hmac { key: Arc::new(key), derivation: Derivation::from_secret(bytes) };
        Ok(Self { id, algorithm, signature_bytes, material, issuer: None, verifier })
    }

    pub(crate) fn from_parsed(
        jwk: &Jwk<'_>,
        expected: Option<Algorithm>,
        wanted: Wanted,
    ) -> Result<Self, KeyError> {
        jwk.check_use(wanted)?;
        let algorithm = jwk.algorithm(expected)?;
        let mut key = if algorithm.is_symmetric() {
            Self::from_secret(algorithm, &jwk.secret()?)?
        } else {
            Self::from_parts(algorithm, jwk.public()?)?
        };
        key.issuer = jwk.issuer().map(Arc::from);
        match jwk.id() {
            Some(id) => key.with_id(id),
            None => Ok(key),
        }
    }

    pub(crate) fn from_parts(algorithm: Algorithm, parts: PublicParts) -> Result<Self, KeyError> {
        let checked = parts.check(algorithm)?;
        let thumbprint = checked.members.thumbprint();
        Ok(Self {
            material: fingerprint(thumbprint.as_bytes()),
            id: thumbprint.into(),
            algorithm,
            signature_bytes: checked.signature_bytes,
            issuer: None,
            verifier: Verifier::Public { key: checked.key, members: Arc::new(checked.members) },
        })
    }

    /// Gives the key another id: the `kid` of its tokens.
    ///
    /// # Errors
    /// If the id is empty or longer than [`MAX_KEY_ID_BYTES`].
    pub fn with_id(mut self, id: impl AsRef<str>) -> Result<Self, KeyError> {
        let id = id.as_ref();
        if id.is_empty() || id.len() > MAX_KEY_ID_BYTES {
            return Err(KeyError::Id);
        }
        self.id = id.into();
        Ok(self)
    }

    /// The key's id: the `kid` of its tokens.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The only algorithm that the key is used for.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The members that may be published. `None` for a secret.
    pub(crate) fn members(&self) -> Option<&PublicMembers> {
        match &self.verifier {
            Verifier::Hmac { .. } => None,
            Verifier::Public { members, .. } => Some(members),
        }
    }

    /// The only issuer that the key signs for, if its JWK names one.
    pub(crate) const fn issuer(&self) -> Option<&Arc<str>> {
        self.issuer.as_ref()
    }

    /// Whether both are the same key for the same algorithm and issuer under the same id.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let same_use = self.algorithm == other.algorithm && self.issuer == other.issuer;
        self.is_same_material(other) && self.id == other.id && same_use
    }

    /// Whether both have the same numbers or secret.
    pub(crate) fn is_same_material(&self, other: &Self) -> bool {
        self.material == other.material
    }

    pub(crate) fn hmac(&self) -> Option<&Arc<hmac::Key>> {
        match &self.verifier {
            Verifier::Hmac { key, .. } => Some(key),
            Verifier::Public { .. } => None,
        }
    }

    /// Derives other keys. `None` for a public key: a key derived from it would be public.
    pub(crate) const fn derivation(&self) -> Option<&Derivation> {
        match &self.verifier {
            Verifier::Hmac { derivation, .. } => Some(derivation),
            Verifier::Public { .. } => None,
        }
    }

    /// Verifies that `signature`, in base64url, is a signature of `message` under this key.
    ///
    /// This alone does not make a token valid: [`Jwt`](crate::Jwt) checks the rest.
    ///
    /// # Errors
    /// [`TokenError::Format`] if it is not canonical base64url, [`TokenError::Signature`] if it is
    /// not valid.
    pub fn verify_signature(&self, message: &[u8], signature: &str) -> Result<(), TokenError> {
        if signature.len() != base64_length(self.signature_bytes) {
            return Err(if is_base64url(signature) { TokenError::Signature } else { TokenError::Format });
        }
        // The decoder needs a buffer of its estimated length, which is up to two bytes too high.
        let mut buffer = [0; STACK_SIGNATURE_BYTES + 3];
        if self.signature_bytes <= STACK_SIGNATURE_BYTES {
            let decoded = URL_SAFE_NO_PAD.decode_slice(signature, &mut buffer);
            let length = decoded.map_err(|_| TokenError::Format)?;
            self.verify_bytes(message, buffer.get(..length).unwrap_or_default())
        } else {
            let decoded = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenError::Format)?;
            self.verify_bytes(message, &decoded)
        }
    }

    fn verify_bytes(&self, message: &[u8], signature: &[u8]) -> Result<(), TokenError> {
        let verdict = match &self.verifier {
            Verifier::Hmac { key, .. } => hmac::verify(key, message, signature),
            Verifier::Public { key, .. } => key.verify_sig(message, signature),
        };
        verdict.map_err(|_| TokenError::Signature)
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("VerifyingKey");
        debug.field("id", &self.id).field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// The length of this many bytes in base64url.
const fn base64_length(bytes: usize) -> usize {
    bytes.saturating_mul(4).div_ceil(3)
}

fn is_base64url(text: &str) -> bool {
    URL_SAFE_NO_PAD.decode(text).is_ok()
}

/// For comparisons within the process only.
fn fingerprint(material: &[u8]) -> Fingerprint {
    let hashed =
        digest::digest(&digest::SHA256, &Zeroizing::new([b"gatewright key material", material].concat()));
    let mut fingerprint = Fingerprint::default();
    fingerprint.iter_mut().zip(hashed.as_ref()).for_each(|(own, byte)| *own = *byte);
    fingerprint
}

/// HMAC pads secrets with zeros (RFC 2104 §2), so zeros at the end do not change a secret.
fn trim_zeros(secret: &[u8]) -> &[u8] {
    let zeros = secret.iter().rev().take_while(|byte| **byte == 0).count();
    secret.get(..secret.len().saturating_sub(zeros)).unwrap_or_default()
}

/// The default id of a secret, the same after every start. It reveals no more about the secret than
/// a token does.
fn derive_id(key: &hmac::Key) -> String {
    let tag = hmac::sign(key, b"gatewright key id");
    URL_SAFE_NO_PAD.encode(tag.as_ref().get(..9).unwrap_or_default())
}
