//! Generates keys. This is the only module that writes private keys as text.

use std::fmt;

use aws_lc_rs::encoding::{AsBigEndian, AsDer, Curve25519SeedBin, EcPrivateKeyBin, Pkcs8V1Der};
use aws_lc_rs::rand;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pkcs8::der::Decode;
use pkcs8::der::pem::{LineEnding, encode_string};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::algorithm::{Algorithm, Family};
use crate::error::KeyError;
use crate::public::PublicMembers;
use crate::signing::SigningKey;

/// A new private key or secret as text, to be stored: as PEM, and as a JWK with `kid`, `alg` and
/// `use`. The text is wiped from memory on drop.
///
/// ```
/// use gatewright::token::{Algorithm, KeyRing, NewKey, SigningKey};
///
/// let new = NewKey::generate(Algorithm::EdDsa)?;
/// let ring = KeyRing::new(SigningKey::from_jwk(new.jwk())?);
/// assert!(ring.jwks().contains(new.id()));
/// # Ok::<(), gatewright::token::KeyError>(())
/// ```
pub struct NewKey {
    id: String,
    pem: Option<Zeroizing<String>>,
    jwk: Zeroizing<String>,
}

/// A private key's members in a JWK.
#[derive(Serialize)]
struct PrivateJwk<'a> {
    #[serde(flatten)]
    public: Option<&'a PublicMembers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kty: Option<&'static str>,
    #[serde(flatten)]
    private: PrivateMembers,
    kid: &'a str,
    alg: &'static str,
    #[serde(rename = "use")]
    usage: &'static str,
}

type Text = Zeroizing<String>;

#[derive(Serialize)]
#[serde(untagged)]
enum PrivateMembers {
    Secret { k: Text },
    One { d: Text },
    Rsa { d: Text, p: Text, q: Text, dp: Text, dq: Text, qi: Text },
}

impl NewKey {
    /// Generates a key: a secret as long as the hash, or a key pair (RSA with 3072 bits).
    ///
    /// # Errors
    /// [`KeyError::Unavailable`] if the random source fails.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        match algorithm.family() {
            Family::Hmac(hash) => Self::secret(algorithm, hash.digest_algorithm().output_len()),
            Family::Ed25519 => {
                let pair = Ed25519KeyPair::generate().map_err(unavailable)?;
                let seed: Curve25519SeedBin<'_> =
                    pair.seed().and_then(|seed| seed.as_be_bytes()).map_err(unavailable)?;
                let d = encode(seed.as_ref());
                let der: Pkcs8V1Der<'_> = pair.as_der().map_err(unavailable)?;
                Self::pair(algorithm, der.as_ref(), |_| Ok(PrivateMembers::One { d }))
            }
            Family::Ec(curve) => {
                let pair = EcdsaKeyPair::generate(curve.sign).map_err(unavailable)?;
                let number: EcPrivateKeyBin<'_> = pair.private_key().as_be_bytes().map_err(unavailable)?;
                let d = encode(number.as_ref());
                let der = pair.to_pkcs8v1().map_err(unavailable)?;
                Self::pair(algorithm, der.as_ref(), |_| Ok(PrivateMembers::One { d }))
            }
            Family::Rsa { .. } => {
                let pair = RsaKeyPair::generate(KeySize::Rsa3072).map_err(unavailable)?;
                let der: Pkcs8V1Der<'_> = pair.as_der().map_err(unavailable)?;
                Self::pair(algorithm, der.as_ref(), rsa_members)
            }
        }
    }

    /// The key's id: its thumbprint (RFC 7638), or for a secret an id derived from it. The JWK
    /// contains it as `kid`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The private key as PEM (PKCS#8). `None` for a secret.
    #[must_use]
    pub fn pem(&self) -> Option<&str> {
        self.pem.as_ref().map(|text| text.as_str())
    }

    /// The private key, or the secret, as a JWK.
    #[must_use]
    pub fn jwk(&self) -> &str {
        &self.jwk
    }

    fn secret(algorithm: Algorithm, length: usize) -> Result<Self, KeyError> {
        let mut bytes = Zeroizing::new(vec![0; length]);
        rand::fill(&mut bytes).map_err(unavailable)?;
        let key = SigningKey::from_secret(algorithm, &bytes)?;
        Self::write(&key, None, PrivateMembers::Secret { k: encode(&bytes) })
    }

    fn pair(
        algorithm: Algorithm,
        der: &[u8],
        members: impl FnOnce(&[u8]) -> Result<PrivateMembers, KeyError>,
    ) -> Result<Self, KeyError> {
        let pem = encode_string("PRIVATE KEY", LineEnding::LF, der);
        let pem = Zeroizing::new(pem.map_err(|_| KeyError::Unavailable)?);
        let key = SigningKey::from_pem(algorithm, &pem)?;
        Self::write(&key, Some(pem), members(der)?)
    }

    fn write(key: &SigningKey, pem: Option<Text>, private: PrivateMembers) -> Result<Self, KeyError> {
        let public = key.verifying_key().members();
        let kty = if public.is_none() { Some("oct") } else { None };
        let (kid, alg) = (key.id(), key.algorithm().name());
        let jwk = serde_json::to_string(&PrivateJwk { public, kty, private, kid, alg, usage: "sig" });
        let jwk = Zeroizing::new(jwk.map_err(|_| KeyError::Unavailable)?);
        Ok(Self { id: kid.to_owned(), pem, jwk })
    }
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewKey").field("id", &self.id).finish_non_exhaustive()
    }
}

fn rsa_members(pkcs8: &[u8]) -> Result<PrivateMembers, KeyError> {
    let unreadable = KeyError::Unavailable;
    let info = pkcs8::PrivateKeyInfoRef::try_from(pkcs8).map_err(|_| unreadable)?;
    let key = pkcs1::RsaPrivateKeyRef::from_der(info.private_key.as_bytes()).map_err(|_| unreadable)?;
    Ok(PrivateMembers::Rsa {
        d: encode(key.private_exponent.as_bytes()),
        p: encode(key.prime1.as_bytes()),
        q: encode(key.prime2.as_bytes()),
        dp: encode(key.exponent1.as_bytes()),
        dq: encode(key.exponent2.as_bytes()),
        qi: encode(key.coefficient.as_bytes()),
    })
}

fn encode(bytes: &[u8]) -> Text {
    Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes))
}

fn unavailable<E>(_: E) -> KeyError {
    KeyError::Unavailable
}
