//! Signing keys. Each contains its verifying key. The private part cannot be read back.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::rsa::KeyPairComponents;
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaEncoding, RsaPublicKeyComponents};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::algorithm::{Algorithm, Family};
use crate::derive::Derivation;
use crate::error::KeyError;
use crate::jwk::{Jwk, Wanted};
use crate::key::VerifyingKey;
use crate::pem;
use crate::public::{PublicParts, check_pkcs8, point, strip_zeros};

/// A key that signs, for one algorithm, with one id. [`KeyRing::new`](crate::KeyRing::new) and
/// [`KeyRing::publish`](crate::KeyRing::publish) take it.
///
/// ```
/// use gatewright::token::{Algorithm, NewKey, SigningKey};
///
/// let new = NewKey::generate(Algorithm::Es256)?;
/// let key = SigningKey::from_pem(Algorithm::Es256, new.pem().expect("not a secret"))?;
/// assert_eq!(key.id(), SigningKey::from_jwk(new.jwk())?.id());
/// # Ok::<(), gatewright::token::KeyError>(())
/// ```
pub struct SigningKey {
    verifying: VerifyingKey,
    signer: Signer,
    derivation: Derivation,
}

enum Signer {
    Hmac(Arc<hmac::Key>),
    Ed25519(Ed25519KeyPair),
    Ec(EcdsaKeyPair),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
}

impl SigningKey {
    /// Reads the PEM text of a private key (PKCS#8, `PRIVATE KEY`, not encrypted). The key's id is
    /// its thumbprint.
    ///
    /// # Errors
    /// If the text is not such a PEM, is a public key, or the key does not fit `algorithm`.
    pub fn from_pem(algorithm: Algorithm, text: &str) -> Result<Self, KeyError> {
        let der = pem::private(text)?;
        check_pkcs8(algorithm, &der)?;
        let signer = match algorithm.family() {
            Family::Hmac(_) => return Err(KeyError::KeyFile),
            Family::Ed25519 => Ed25519KeyPair::from_pkcs8(&der).map(Signer::Ed25519),
            Family::Ec(curve) => EcdsaKeyPair::from_pkcs8(curve.sign, &der).map(Signer::Ec),
            Family::Rsa { sign, .. } => RsaKeyPair::from_pkcs8(&der).map(|pair| Signer::Rsa(pair, sign)),
        };
        Self::from_signer(algorithm, signer.map_err(|_| KeyError::Invalid)?)
    }

    /// Reads a JWK: a private key, or a secret (`oct`). The key's id is its `kid`, or else its
    /// thumbprint. A key that fits several algorithms must name one.
    ///
    /// # Errors
    /// If the text is not a JWK, has a duplicate member or one of a wrong type, is a public key, is
    /// not for signatures, or if its private and public halves do not match.
    pub fn from_jwk(text: &str) -> Result<Self, KeyError> {
        Self::from_parsed(&Jwk::parse(text)?, None)
    }

    /// Reads a JWK that names this algorithm or no algorithm.
    ///
    /// # Errors
    /// As [`SigningKey::from_jwk`], or if the key is for another algorithm.
    pub fn from_jwk_for(algorithm: Algorithm, text: &str) -> Result<Self, KeyError> {
        Self::from_parsed(&Jwk::parse(text)?, Some(algorithm))
    }

    /// Uses the bytes of a secret, unchanged. There must be at least as many as the hash has. The
    /// id is derived from the secret and is the same each time.
    ///
    /// # Errors
    /// If the algorithm is not an HMAC, or if the secret is too short, is a placeholder, has too
    /// few different bytes, or is a key file.
    pub fn from_secret(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, KeyError> {
        let verifying = VerifyingKey::from_secret(algorithm, bytes)?;
        let key = Arc::clone(verifying.hmac().ok_or(KeyError::Algorithm)?);
        let derivation = verifying.derivation().ok_or(KeyError::Algorithm)?.clone();
        Ok(Self { verifying, signer: Signer::Hmac(key), derivation })
    }

    /// Gives the key another id: the `kid` of its tokens.
    ///
    /// # Errors
    /// If the id is empty or longer than [`MAX_KEY_ID_BYTES`](crate::MAX_KEY_ID_BYTES).
    pub fn with_id(mut self, id: impl AsRef<str>) -> Result<Self, KeyError> {
        self.verifying = self.verifying.with_id(id)?;
        Ok(self)
    }

    /// The key's id: the `kid` of its tokens.
    #[must_use]
    pub fn id(&self) -> &str {
        self.verifying.id()
    }

    /// The only algorithm that the key is used for.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.verifying.algorithm()
    }

    /// The key that verifies this key's tokens. For HMAC it contains the same secret.
    #[must_use]
    pub const fn verifying_key(&self) -> &VerifyingKey {
        &self.verifying
    }

    /// Derives other keys.
    pub(crate) const fn derivation(&self) -> &Derivation {
        &self.derivation
    }

    fn from_parsed(jwk: &Jwk<'_>, expected: Option<Algorithm>) -> Result<Self, KeyError> {
        jwk.check_use(Wanted::Signing)?;
        let algorithm = jwk.algorithm(expected)?;
        let key = match algorithm.family() {
            Family::Hmac(_) => Self::from_secret(algorithm, &jwk.secret()?)?,
            _ => Self::from_signer(algorithm, signer_of(jwk, algorithm)?)?,
        };
        match jwk.id() {
            Some(id) => key.with_id(id),
            None => Ok(key),
        }
    }

    fn from_signer(algorithm: Algorithm, signer: Signer) -> Result<Self, KeyError> {
        let parts = match (&signer, algorithm.family()) {
            (Signer::Ed25519(pair), _) => PublicParts::Ed25519(pair.public_key().as_ref().to_vec()),
            (Signer::Ec(pair), Family::Ec(curve)) => {
                PublicParts::from_point(curve, pair.public_key().as_ref())?
            }
            (Signer::Rsa(pair, _), _) => PublicParts::from_pkcs1(pair.public_key().as_ref())?,
            _ => return Err(KeyError::Algorithm),
        };
        let derivation = match &signer {
            Signer::Hmac(_) => return Err(KeyError::Algorithm),
            Signer::Ed25519(pair) => Derivation::from_ed25519(pair)?,
            Signer::Ec(pair) => Derivation::from_ec(pair)?,
            Signer::Rsa(pair, _) => Derivation::from_rsa(pair)?,
        };
        Ok(Self { verifying: VerifyingKey::from_parts(algorithm, parts)?, signer, derivation })
    }

    /// Appends the signature of `text`, in base64url.
    pub(crate) fn sign_into(&self, text: &mut String) -> Result<(), KeyError> {
        let message = text.as_bytes();
        let failed = |_| KeyError::Unavailable;
        match &self.signer {
            Signer::Hmac(key) => append(&hmac::sign(key, message), text),
            Signer::Ed25519(pair) => append(&pair.try_sign(message).map_err(failed)?, text),
            Signer::Ec(pair) => append(&pair.sign(&SystemRandom::new(), message).map_err(failed)?, text),
            Signer::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &SystemRandom::new(), message, &mut signature).map_err(failed)?;
                append(&signature, text);
            }
        }
        Ok(())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("SigningKey");
        debug.field("id", &self.id()).field("algorithm", &self.algorithm()).finish_non_exhaustive()
    }
}

/// The key pair of a JWK. The cryptographic library checks that its halves match.
fn signer_of(jwk: &Jwk<'_>, algorithm: Algorithm) -> Result<Signer, KeyError> {
    let invalid = |_| KeyError::Invalid;
    match (algorithm.family(), jwk.public()?) {
        (Family::Ed25519, PublicParts::Ed25519(x)) => {
            let seed = jwk.private()?;
            if seed.len() != x.len() {
                return Err(KeyError::Invalid);
            }
            Ok(Signer::Ed25519(Ed25519KeyPair::from_seed_and_public_key(&seed, &x).map_err(invalid)?))
        }
        (Family::Ec(curve), PublicParts::Ec { x, y }) => {
            let d = jwk.private()?;
            if d.len() != curve.bytes {
                return Err(KeyError::Invalid);
            }
            let pair = EcdsaKeyPair::from_private_key_and_public_key(curve.sign, &d, &point(&x, &y));
            Ok(Signer::Ec(pair.map_err(invalid)?))
        }
        (Family::Rsa { sign, .. }, PublicParts::Rsa { n, e }) => {
            let secrets = jwk.rsa_secrets()?;
            let public_key = RsaPublicKeyComponents { n: strip_zeros(&n), e: strip_zeros(&e) };
            let pair = RsaKeyPair::from_components(&KeyPairComponents {
                public_key,
                d: secrets.d.as_slice(),
                p: secrets.p.as_slice(),
                q: secrets.q.as_slice(),
                dP: secrets.dp.as_slice(),
                dQ: secrets.dq.as_slice(),
                qInv: secrets.qi.as_slice(),
            });
            Ok(Signer::Rsa(pair.map_err(invalid)?, sign))
        }
        _ => Err(KeyError::Algorithm),
    }
}

fn append(signature: &impl AsRef<[u8]>, text: &mut String) {
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, text);
}
