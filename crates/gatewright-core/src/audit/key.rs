//! The key of the chains.

use std::collections::BTreeSet;
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The shortest key: 32 bytes.
pub const MIN_AUDIT_KEY_BYTES: usize = 32;

/// The longest key: 1,024 bytes.
pub const MAX_AUDIT_KEY_BYTES: usize = 1_024;

/// The fewest different bytes of a key. 32 random bytes have about 30.
const MIN_DISTINCT_BYTES: usize = 8;

/// The length of a MAC of HMAC-SHA-256: 32 bytes.
pub(super) const MAC_BYTES: usize = 32;

/// The MAC before the first row of a chain.
pub(super) const FIRST_MAC: [u8; MAC_BYTES] = [0; MAC_BYTES];

/// The block of SHA-256.
const BLOCK_BYTES: usize = 64;

/// The secret key under which the rows of the audit trail are chained.
///
/// An attacker with the key can write rows that verify. So keep it where the administrators of the database cannot read
/// it. Make one with `openssl rand -hex 32`. A key is never replaced within a chain: a process that starts with
/// another key begins a chain of its own, also if it has the same name, and [`verify`](super::verify()) takes all keys.
///
/// ```
/// use gatewright::audit::AuditKey;
///
/// # let text = gatewright_testkit::shared_secret("audit");
/// let key = AuditKey::new(text.as_bytes())?; // for example the contents of a file
/// assert_eq!(format!("{key:?}"), "AuditKey(..)");
/// assert_eq!(
///     AuditKey::new(b"secret").unwrap_err().to_string(),
///     "an audit key must have 32 to 1024 bytes, of which 8 differ, is 6 bytes long; generate one with \
///      `openssl rand -hex 32`"
/// );
/// # Ok::<(), gatewright::audit::InvalidAuditKey>(())
/// ```
#[derive(Clone)]
pub struct AuditKey {
    chain: Zeroizing<[u8; MAC_BYTES]>,
    names: Zeroizing<[u8; MAC_BYTES]>,
}

impl AuditKey {
    /// Makes a key of secret bytes, for example those of a file. One line break at the end is left out.
    ///
    /// # Errors
    /// There are fewer than [`MIN_AUDIT_KEY_BYTES`], more than [`MAX_AUDIT_KEY_BYTES`], or too few different ones.
    pub fn new(bytes: impl AsRef<[u8]>) -> Result<Self, InvalidAuditKey> {
        let bytes = bytes.as_ref();
        let bytes = bytes.strip_suffix(b"\n").map_or(bytes, |line| line.strip_suffix(b"\r").unwrap_or(line));
        let distinct = bytes.iter().collect::<BTreeSet<_>>().len();
        let fits = (MIN_AUDIT_KEY_BYTES..=MAX_AUDIT_KEY_BYTES).contains(&bytes.len());
        if !fits || distinct < MIN_DISTINCT_BYTES {
            return Err(InvalidAuditKey { length: bytes.len() });
        }
        let derive = |label: &[u8]| Zeroizing::new(derive(bytes, label));
        Ok(Self { chain: derive(b"gatewright audit chain v1"), names: derive(b"gatewright audit names v1") })
    }

    /// The MAC of a row, over these parts.
    pub(super) fn mac(&self, parts: &[&[u8]]) -> [u8; MAC_BYTES] {
        mac(&*self.chain, parts)
    }

    /// The digest of a login name that belongs to no account: 128 bits in hexadecimal.
    pub(super) fn name(&self, name: &str) -> String {
        let digest = mac(&*self.names, &[name.as_bytes()]);
        hex(digest.get(..16).unwrap_or_default())
    }
}

/// Redacted.
impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditKey(..)")
    }
}

/// The bytes are not a valid audit key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error(
    "an audit key must have {MIN_AUDIT_KEY_BYTES} to {MAX_AUDIT_KEY_BYTES} bytes, of which {MIN_DISTINCT_BYTES} \
     differ, is {length} bytes long; generate one with `openssl rand -hex 32`"
)]
pub struct InvalidAuditKey {
    length: usize,
}

/// A key of 32 bytes from secret bytes of any length.
fn derive(secret: &[u8], label: &[u8]) -> [u8; MAC_BYTES] {
    if secret.len() > BLOCK_BYTES {
        let digest: Zeroizing<[u8; MAC_BYTES]> = Zeroizing::new(Sha256::digest(secret).into());
        return mac(&*digest, &[label]);
    }
    mac(secret, &[label])
}

/// HMAC-SHA-256 (RFC 2104). The key has at most [`BLOCK_BYTES`] and is padded with zeros to a block.
fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; MAC_BYTES] {
    let mut block = Zeroizing::new([0; BLOCK_BYTES]);
    block.iter_mut().zip(key).for_each(|(padded, byte)| *padded = *byte);
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// Bytes as lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of a MAC from its hexadecimal digits.
pub(super) fn unhex(text: &str) -> Option<[u8; MAC_BYTES]> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let mut bytes = [0; MAC_BYTES];
    if pairs.len() != MAC_BYTES {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

fn digit(text: u8) -> Option<u8> {
    char::from(text).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_long_and_repetitive_keys_are_refused() {
        let varied: Vec<u8> =
            (0..=255).cycle().take(MAX_AUDIT_KEY_BYTES + 1).map(|byte| byte | 0x80).collect();
        for length in [MIN_AUDIT_KEY_BYTES, 64, 65, MAX_AUDIT_KEY_BYTES] {
            assert!(AuditKey::new(&varied[..length]).is_ok(), "{length}");
        }
        for length in [0, 1, MIN_AUDIT_KEY_BYTES - 1, MAX_AUDIT_KEY_BYTES + 1] {
            assert_eq!(AuditKey::new(&varied[..length]).unwrap_err(), InvalidAuditKey { length });
        }
        assert!(AuditKey::new([b'a'; 64]).is_err());
        assert!(AuditKey::new(b"01234560123456012345601234560123").is_err(), "seven different bytes");
    }

    #[test]
    fn a_line_break_at_the_end_of_a_file_is_no_part_of_the_key() {
        let spaces = AuditKey::new(b" 123456789abcdef0123456789abcde\t\n").unwrap();
        assert_ne!(
            spaces.name("ada"),
            AuditKey::new(b" 123456789abcdef0123456789abcde ").unwrap().name("ada")
        );
        let text = b"0123456789abcdef0123456789abcdef";
        let (bare, line) =
            (AuditKey::new(text).unwrap(), AuditKey::new([text, &b"\r\n"[..]].concat()).unwrap());
        assert_eq!(bare.mac(&[b"row"]), line.mac(&[b"row"]));
        assert_eq!(bare.name("ada"), line.name("ada"));
    }

    /// From an independent implementation, so that versions stay compatible: HMAC-SHA-256 of "row" under
    /// HMAC-SHA-256 of the label under the text.
    #[test]
    fn the_derived_keys_have_their_published_values() {
        let key = AuditKey::new(b"0123456789abcdef0123456789abcdef").unwrap();
        assert_eq!(hex(&key.mac(&[b"ro", b"w"])), CHAIN);
        assert_eq!(key.name("ada@example.com"), NAME);
    }

    const CHAIN: &str = "c0f87f893c866eded75fd5f1e0c1d3e60f9f9e136fdedc8721ab0f716286f60d";
    const NAME: &str = "c771efa8b01bfc1f0ece16df9ec72518";

    #[test]
    fn hexadecimal_digits_are_read_back_exactly() {
        let bytes: [u8; MAC_BYTES] = std::array::from_fn(|index| u8::try_from(index * 8).unwrap());
        assert_eq!(unhex(&hex(&bytes)), Some(bytes));
        for text in ["", "00", &"0".repeat(63), &"0".repeat(66), &"+f".repeat(32), &"é".repeat(32)] {
            assert_eq!(unhex(text), None, "{text}");
        }
    }
}
