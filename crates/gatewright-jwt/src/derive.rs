//! Keys for other purposes, derived from a secret or private key by HKDF-SHA-256 (RFC 5869).
//!
//! The input is one canonical form of each key, so that a key derives the same whether it was read from
//! PEM or from a JWK. The salt is empty and `info` is the label of the purpose.

use std::sync::Arc;

use aws_lc_rs::encoding::{AsBigEndian, AsDer, Curve25519SeedBin, EcPrivateKeyBin, Pkcs8V1Der};
use aws_lc_rs::hkdf::{HKDF_SHA256, Prk, Salt};
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair};
use gatewright_core::types::DerivedKey;
use pkcs8::der::Decode;
use zeroize::Zeroizing;

use crate::error::KeyError;

/// Derives keys from one secret, of which it holds a copy that is wiped on drop.
#[derive(Clone)]
pub(crate) struct Derivation(Arc<Prk>);

impl Derivation {
    pub(crate) fn from_secret(secret: &[u8]) -> Self {
        Self(Arc::new(Salt::new(HKDF_SHA256, &[]).extract(secret)))
    }

    /// From the seed (RFC 8032 §5.1.5).
    pub(crate) fn from_ed25519(pair: &Ed25519KeyPair) -> Result<Self, KeyError> {
        let seed = pair.seed().map_err(unavailable)?;
        let bytes: Curve25519SeedBin<'_> = seed.as_be_bytes().map_err(unavailable)?;
        Ok(Self::from_secret(bytes.as_ref()))
    }

    /// From the private number, as long as the order of the curve.
    pub(crate) fn from_ec(pair: &EcdsaKeyPair) -> Result<Self, KeyError> {
        let number: EcPrivateKeyBin<'_> = pair.private_key().as_be_bytes().map_err(unavailable)?;
        Ok(Self::from_secret(number.as_ref()))
    }

    /// From the primes, the smaller one first. Two correct files of one key may differ in the order of
    /// the primes and in the private exponent.
    pub(crate) fn from_rsa(pair: &RsaKeyPair) -> Result<Self, KeyError> {
        let der: Pkcs8V1Der<'_> = pair.as_der().map_err(unavailable)?;
        let info = pkcs8::PrivateKeyInfoRef::try_from(der.as_ref()).map_err(unavailable)?;
        let key = pkcs1::RsaPrivateKeyRef::from_der(info.private_key.as_bytes()).map_err(unavailable)?;
        let mut primes = [key.prime1.as_bytes(), key.prime2.as_bytes()];
        primes.sort_unstable_by_key(|prime| (prime.len(), *prime));
        Ok(Self::from_secret(&Zeroizing::new(primes.concat())))
    }

    /// `None` never happens: HKDF can derive much longer keys.
    pub(crate) fn derive(&self, label: &str) -> Option<DerivedKey> {
        let mut bytes = Zeroizing::new([0; 32]);
        let info = [label.as_bytes()];
        self.0.expand(&info, HKDF_SHA256).and_then(|key| key.fill(&mut *bytes)).ok()?;
        Some(DerivedKey::new(*bytes))
    }
}

fn unavailable<E>(_: E) -> KeyError {
    KeyError::Unavailable
}
