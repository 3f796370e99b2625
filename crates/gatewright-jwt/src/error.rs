//! The errors of keys and key rings.

use std::convert::Infallible;
use std::fmt;

use gatewright_core::BuildError;

/// Why a key is rejected. The error contains no part of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyError {
    /// The text or secret is empty.
    Missing,
    /// The secret is a placeholder, such as `changeme`.
    Placeholder,
    /// The key is shorter than the minimum: for HMAC the length of the hash, for RSA 2048 bits.
    Short,
    /// The key is longer than the maximum: 8192 bits for RSA, 64 KiB for a document, 1 MiB or 256
    /// keys for a set.
    Long,
    /// The secret has fewer than 8 different bytes.
    LowEntropy,
    /// The secret is a PEM, SSH or JSON text. Anyone who has a public key file could sign with it.
    KeyFile,
    /// The text is not in the expected format (PEM, JWK, JWK set).
    Format,
    /// The PEM block has another type, such as `RSA PRIVATE KEY` (PKCS#1), `EC PRIVATE KEY` (SEC 1)
    /// or an encrypted key.
    PemType,
    /// The key is private where a public one is expected, or the set contains a secret.
    Private,
    /// The key is public where a private one is expected.
    Public,
    /// The key fits several algorithms and names none.
    Ambiguous,
    /// The key is for another algorithm, or for one that is not supported.
    Algorithm,
    /// The key is not for signatures (`use`, `key_ops`).
    Use,
    /// The numbers are not a valid key. For instance, a point is not on the curve, or the private
    /// and public halves do not match.
    Invalid,
    /// The id is empty or longer than [`MAX_KEY_ID_BYTES`](crate::MAX_KEY_ID_BYTES).
    Id,
    /// Another key of the set has the same id and algorithm.
    Duplicate,
    /// The random source or the cryptographic library failed.
    Unavailable,
}

impl KeyError {
    /// The problem, as a phrase that follows the name of the key's setting: "is too long".
    #[must_use]
    pub const fn problem(self) -> &'static str {
        match self {
            Self::Missing => "is missing",
            Self::Placeholder => "is a placeholder; use at least 32 random bytes",
            Self::Short => "is shorter than its algorithm requires",
            Self::Long => "is too long",
            Self::LowEntropy => "has too few different bytes; use at least 32 random bytes",
            Self::KeyFile => "looks like a key file; an HMAC secret must be random bytes",
            Self::Format => "is not in the expected format (PEM, JWK or JWK set)",
            Self::PemType => {
                "is PEM of another type: a private key must be PKCS#8 and not encrypted (openssl pkcs8 -topk8 -nocrypt), \
                 a public key must be `PUBLIC KEY`"
            }
            Self::Private => "is private, but a public key is required",
            Self::Public => "is public, but a private key is required",
            Self::Ambiguous => "names no algorithm, but fits several",
            Self::Algorithm => "is for another algorithm or an unsupported one",
            Self::Use => "is not for signatures",
            Self::Invalid => "is not valid",
            Self::Id => "has an id that is not 1 to 128 bytes long",
            Self::Duplicate => "has the same id and algorithm as another key",
            Self::Unavailable => {
                "could not be processed: the random source or the cryptographic library failed"
            }
        }
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the key {}", self.problem())
    }
}

impl std::error::Error for KeyError {}

/// A value that already is a key or secret never fails to become one.
impl From<Infallible> for KeyError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// For functions that read keys and build an `Auth`. The setting is `key`.
impl From<KeyError> for BuildError {
    fn from(error: KeyError) -> Self {
        Self::new("key", error.problem())
    }
}

/// Why a change of a [`KeyRing`](crate::KeyRing) failed. The ring is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RingError {
    /// The ring has a key with this id, or the same key material under another id.
    Duplicate,
    /// The ring has no key with this id, or that key cannot sign.
    Unknown,
    /// The key is the one that signs. Activate another one first.
    Active,
    /// The ring signs, and the change would leave it without a signing key.
    NoSigningKey,
}

impl fmt::Display for RingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Duplicate => "the ring already has this key, or another key with its id",
            Self::Unknown => "the ring has no key with this id that can be used for this",
            Self::Active => "the key is the one that signs; activate another one first",
            Self::NoSigningKey => "the ring signs, and the new keys contain no signing key",
        })
    }
}

impl std::error::Error for RingError {}
