//! The errors of keys and key rings.

use std::fmt;

/// Why a key is refused. Contains nothing of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyError {
    /// The text or secret is empty.
    Missing,
    /// A placeholder instead of a secret, such as `changeme`.
    Placeholder,
    /// Shorter than the minimum: for HMAC the length of the hash, for RSA 2048 bits.
    Short,
    /// Longer than the maximum: for RSA 8192 bits, for a document 64 KiB, for a set 256 KiB or 64 keys.
    Long,
    /// A secret of too few different bytes.
    LowEntropy,
    /// A PEM, SSH or JSON text instead of a secret.
    KeyFile,
    /// Not in the expected format (PEM, JWK, JWK set).
    Format,
    /// PEM of another type, such as `RSA PRIVATE KEY` (PKCS#1), `EC PRIVATE KEY` (SEC 1) or an encrypted key.
    PemType,
    /// A private key instead of a public one, or a secret in a published set.
    Private,
    /// A public key instead of a private one.
    Public,
    /// The key fits several algorithms and names none.
    Ambiguous,
    /// The key is for another algorithm, or for one that is not supported.
    Algorithm,
    /// The key is not for signatures (`use`, `key_ops`).
    Use,
    /// The numbers are no valid key: for instance a point off the curve, or a private and a public half that do not match.
    Invalid,
    /// The id is empty or longer than 128 bytes.
    Id,
    /// Different keys with the same id.
    Duplicate,
    /// The random source or the cryptographic library failed.
    Unavailable,
}

impl KeyError {
    /// What is wrong, as a phrase that follows the name of the setting that has the key.
    #[must_use]
    pub const fn problem(self) -> &'static str {
        match self {
            Self::Missing => "is missing",
            Self::Placeholder => "is a placeholder: draw at least 32 random bytes",
            Self::Short => "is shorter than its algorithm demands",
            Self::Long => "is too long",
            Self::LowEntropy => "repeats a few bytes: draw at least 32 random ones",
            Self::KeyFile => "looks like a key file: an HMAC secret is random bytes",
            Self::Format => "is not in the expected format (PEM, JWK or JWK set)",
            Self::PemType => {
                "is PEM of another type: a private key must be PKCS#8, not encrypted (openssl pkcs8 -topk8 -nocrypt), \
                 and a public key `PUBLIC KEY`"
            }
            Self::Private => "is private where only public keys belong",
            Self::Public => "is public where a private key is needed",
            Self::Ambiguous => "names no algorithm and is good for several",
            Self::Algorithm => "is for another algorithm or an unsupported one",
            Self::Use => "is not for signatures",
            Self::Invalid => "is not valid",
            Self::Id => "has an id that is not 1 to 128 bytes long",
            Self::Duplicate => "has an id that another key has",
            Self::Unavailable => "could not be made",
        }
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the key {}", self.problem())
    }
}

impl std::error::Error for KeyError {}

/// Why a ring was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RingError {
    /// The ring has a key of this id, or the same key material under another id.
    Duplicate,
    /// The ring has no key of this id, or none that can sign.
    Unknown,
    /// The key signs. Another one must be activated first.
    Active,
    /// The ring signs, and would be left without a signing key.
    NoSigningKey,
}

impl fmt::Display for RingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Duplicate => "the ring has this key, or another one of its id",
            Self::Unknown => "the ring has no key of this id that can do this",
            Self::Active => "the key signs: activate another one first",
            Self::NoSigningKey => "the ring signs, and would be left without a signing key",
        })
    }
}

impl std::error::Error for RingError {}
