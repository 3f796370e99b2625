//! bcrypt: accepted, never made.

use gatewright_core::PasswordVerdict;

use crate::argon::Outcome;

/// The highest cost a stored hash may ask for: about 2 seconds.
pub const MAX_BCRYPT_COST: u32 = 15;

/// The longest password bcrypt sees the whole of, in bytes. A longer one never matches a bcrypt hash.
pub const MAX_BCRYPT_PASSWORD_BYTES: usize = 72;

const HASH_BYTES: usize = 60;

/// Whether the text claims to be a bcrypt hash.
pub(crate) fn is_bcrypt(stored: &str) -> bool {
    stored.starts_with("$2")
}

/// Holds a password against a stored hash. What matches is to be hashed anew, with argon2id.
pub(crate) fn verify(password: &str, stored: &str) -> Outcome {
    if !is_well_formed(stored) {
        return Outcome::Unusable;
    }
    // bcrypt cuts at 72 bytes and repeats a shorter password behind a NUL: a longer one, or one with a NUL, could
    // match the hash of another. The work is done all the same.
    let whole = password.len() <= MAX_BCRYPT_PASSWORD_BYTES && !password.contains('\0');
    match bcrypt::verify(if whole { password } else { "" }, stored) {
        Ok(true) if whole => Outcome::Verdict(PasswordVerdict::MatchUpgrade),
        Ok(_) => Outcome::Verdict(PasswordVerdict::Mismatch),
        Err(_) => Outcome::Unusable,
    }
}

/// `$2a$`, `$2b$` or `$2y$`, two digits of cost within the ceiling, 22 and 31 characters of bcrypt's base64.
fn is_well_formed(stored: &str) -> bool {
    let prefixes = ["$2a$", "$2b$", "$2y$"];
    let Some(rest) = prefixes.iter().find_map(|prefix| stored.strip_prefix(prefix)) else { return false };
    let Some((cost, text)) = rest.split_once('$') else { return false };
    let digits = cost.len() == 2 && cost.bytes().all(|b| b.is_ascii_digit());
    let affordable = cost.parse().is_ok_and(|cost: u32| (4..=MAX_BCRYPT_COST).contains(&cost));
    let alphabet = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'/');
    stored.len() == HASH_BYTES && digits && affordable && alphabet
}
