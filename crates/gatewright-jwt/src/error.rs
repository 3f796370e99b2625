//! What is wrong with a key, or with what is asked of a ring.

use std::fmt;

/// Why a key is refused. Never says what the key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyError {
    /// There is no key.
    Missing,
    /// A secret that people leave in configuration files.
    Placeholder,
    /// Shorter than the algorithm demands: HMAC its hash, RSA 2048 bits.
    Short,
    /// Longer than anybody needs: RSA 8192 bits, a document 64 KiB, a set 64 keys.
    Long,
    /// A secret that repeats a few bytes.
    LowEntropy,
    /// Text of PEM or JSON in the place of a secret.
    KeyFile,
    /// Not of the form asked for (PEM, JWK, JWK set).
    Format,
    /// A private key where a public one belongs, or a secret among published keys.
    Private,
    /// A public key where a private one is needed.
    Public,
    /// No algorithm is named and the key is good for several.
    Ambiguous,
    /// The key is for another algorithm, or for one that is not supported.
    Algorithm,
    /// The key is not for signatures (`use`, `key_ops`).
    Use,
    /// The numbers are no key: a point off the curve, parts that do not belong together.
    Invalid,
    /// The id is empty or longer than 128 bytes.
    Id,
    /// Two keys of one id.
    Duplicate,
    /// The source of randomness or the library did not deliver.
    Unavailable,
}

impl KeyError {
    /// What is wrong, to be read behind the name of the setting that holds the key.
    #[must_use]
    pub const fn problem(self) -> &'static str {
        match self {
            Self::Missing => "is missing",
            Self::Placeholder => "is a placeholder: draw at least 32 random bytes",
            Self::Short => "is shorter than its algorithm demands",
            Self::Long => "is too long",
            Self::LowEntropy => "repeats a few bytes: draw at least 32 random ones",
            Self::KeyFile => "looks like a key file: an HMAC secret is random bytes",
            Self::Format => "is not of the expected form",
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

/// Why a ring did not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RingError {
    /// The ring has a key of this id, or the same key under another id.
    Duplicate,
    /// The ring has no such key, or none that could sign.
    Unknown,
    /// The key signs: another one must be activated first.
    Active,
    /// The ring signs, and would no longer.
    NoSigningKey,
}

impl fmt::Display for RingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Duplicate => "the ring has this key, or another one of its id",
            Self::Unknown => "the ring has no key of this id that could do this",
            Self::Active => "the key signs: activate another one first",
            Self::NoSigningKey => "the ring signs, and would have no key that does",
        })
    }
}

impl std::error::Error for RingError {}
