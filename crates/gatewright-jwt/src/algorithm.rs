//! The signature algorithms (RFC 7518 §3.1, RFC 8037). Each key has exactly one.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::hmac;
use aws_lc_rs::rsa::RsaParameters;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED,
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding,
};

/// A signature algorithm. There is no `none`. `parse` reads the names of RFC 7518, RFC 8037 and RFC
/// 9864.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
    /// Ed25519. Written as `EdDSA` (RFC 8037); read as `EdDSA` and as `Ed25519` (RFC 9864).
    EdDsa,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
}

/// The error of parsing an [`Algorithm`]: no algorithm of this name is supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownAlgorithm {}

impl fmt::Display for UnknownAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no algorithm of this name is supported; names are case-sensitive:")?;
        Algorithm::ALL.into_iter().try_for_each(|algorithm| write!(f, " {algorithm}"))
    }
}

impl std::error::Error for UnknownAlgorithm {}

impl Algorithm {
    /// All algorithms.
    pub const ALL: [Self; 12] = [
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
        Self::EdDsa,
        Self::Es256,
        Self::Es384,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
    ];

    /// The value of `alg` in the tokens and keys that this library writes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
        }
    }

    /// Whether the same secret signs and verifies (HMAC). Such a key is never published.
    #[must_use]
    pub const fn is_symmetric(self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
    }

    /// Whether `name` is a name of this algorithm. Case matters.
    pub(crate) fn is_named(self, name: &str) -> bool {
        name == self.name() || (self == Self::EdDsa && name == "Ed25519")
    }

    /// The kind of key, with the parameters for the cryptographic library.
    pub(crate) fn family(self) -> Family {
        let rsa = |verify, sign| Family::Rsa { verify, sign };
        match self {
            Self::Hs256 => Family::Hmac(hmac::HMAC_SHA256),
            Self::Hs384 => Family::Hmac(hmac::HMAC_SHA384),
            Self::Hs512 => Family::Hmac(hmac::HMAC_SHA512),
            Self::EdDsa => Family::Ed25519,
            Self::Es256 => Family::Ec(&P256),
            Self::Es384 => Family::Ec(&P384),
            Self::Rs256 => rsa(&RSA_PKCS1_2048_8192_SHA256, &RSA_PKCS1_SHA256),
            Self::Rs384 => rsa(&RSA_PKCS1_2048_8192_SHA384, &RSA_PKCS1_SHA384),
            Self::Rs512 => rsa(&RSA_PKCS1_2048_8192_SHA512, &RSA_PKCS1_SHA512),
            Self::Ps256 => rsa(&RSA_PSS_2048_8192_SHA256, &RSA_PSS_SHA256),
            Self::Ps384 => rsa(&RSA_PSS_2048_8192_SHA384, &RSA_PSS_SHA384),
            Self::Ps512 => rsa(&RSA_PSS_2048_8192_SHA512, &RSA_PSS_SHA512),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Case matters, as everywhere in JOSE.
///
/// ```
/// use gatewright::token::Algorithm;
///
/// assert_eq!("Ed25519".parse(), Ok(Algorithm::EdDsa));
/// assert!("none".parse::<Algorithm>().is_err() && "hs256".parse::<Algorithm>().is_err());
/// ```
impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        Self::ALL.into_iter().find(|own| own.is_named(name)).ok_or(UnknownAlgorithm {})
    }
}

/// The kinds of keys, each with the parameters for the cryptographic library.
#[derive(Clone, Copy)]
pub(crate) enum Family {
    Hmac(hmac::Algorithm),
    Ed25519,
    Ec(&'static Curve),
    Rsa { verify: &'static RsaParameters, sign: &'static dyn RsaEncoding },
}

/// An elliptic curve: its names and parameters.
pub(crate) struct Curve {
    /// `crv` in a JWK.
    pub(crate) name: &'static str,
    /// The object identifier in a SubjectPublicKeyInfo.
    pub(crate) oid: &'static str,
    /// The length of a coordinate, in bytes.
    pub(crate) bytes: usize,
    pub(crate) verify: &'static EcdsaVerificationAlgorithm,
    pub(crate) sign: &'static EcdsaSigningAlgorithm,
}

static P256: Curve = Curve {
    name: "P-256",
    oid: "1.2.840.10045.3.1.7",
    bytes: 32,
    verify: &ECDSA_P256_SHA256_FIXED,
    sign: &ECDSA_P256_SHA256_FIXED_SIGNING,
};

static P384: Curve = Curve {
    name: "P-384",
    oid: "1.3.132.0.34",
    bytes: 48,
    verify: &ECDSA_P384_SHA384_FIXED,
    sign: &ECDSA_P384_SHA384_FIXED_SIGNING,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn algorithms_parse_from_their_exact_names_only() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.name().parse(), Ok(algorithm));
            assert!(algorithm.name().to_lowercase().parse::<Algorithm>().is_err(), "{algorithm}");
        }
        for name in ["none", "None", "", "HS256 ", "ed25519", "ES512", "ES256K", "Ed448", "RSA-OAEP", "dir"] {
            assert_eq!(name.parse::<Algorithm>(), Err(UnknownAlgorithm {}), "{name}");
        }
    }
}
