//! bcrypt: stored hashes are verified, new ones are never created.

use gatewright_core::PasswordVerdict;

use crate::argon::Outcome;

/// The maximal cost of a bcrypt hash, which takes about 2 seconds. A hash with a higher cost never
/// matches.
pub const MAX_BCRYPT_COST: u32 = 15;

/// bcrypt ignores all bytes of a password after these 72. A longer password never matches a bcrypt
/// hash.
pub const MAX_BCRYPT_PASSWORD_BYTES: usize = 72;

const HASH_BYTES: usize = 60;

/// Whether the text begins like a bcrypt hash.
pub(crate) fn is_bcrypt(stored: &str) -> bool {
    stored.starts_with("$2")
}

/// Verifies a password against a stored hash. A match is always an upgrade to argon2id.
pub(crate) fn verify(password: &str, stored: &str) -> Outcome {
    if !is_well_formed(stored) {
        return Outcome::Unusable;
    }
    // bcrypt ignores bytes after the 72nd, and repeats a shorter password after a NUL. So a longer
    // password, or one with a NUL, could match the hash of another one. The hash is still computed,
    // for equal timing.
    let supported = password.len() <= MAX_BCRYPT_PASSWORD_BYTES && !password.contains('\0');
    match bcrypt::verify(if supported { password } else { "" }, stored) {
        Ok(true) if supported => Outcome::Verdict(PasswordVerdict::MatchUpgrade),
        Ok(_) => Outcome::Verdict(PasswordVerdict::Mismatch),
        Err(_) => Outcome::Unusable,
    }
}

/// Whether the text is `$2a$`, `$2b$` or `$2y$`, then two digits of a cost within the maximum, then
/// 22 characters of salt and 31 of hash in bcrypt's base64.
fn is_well_formed(stored: &str) -> bool {
    let prefixes = ["$2a$", "$2b$", "$2y$"];
    let Some(rest) = prefixes.iter().find_map(|prefix| stored.strip_prefix(prefix)) else { return false };
    let Some((cost, text)) = rest.split_once('$') else { return false };
    let digits = cost.len() == 2 && cost.bytes().all(|b| b.is_ascii_digit());
    let affordable = cost.parse().is_ok_and(|cost: u32| (4..=MAX_BCRYPT_COST).contains(&cost));
    let alphabet = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'/');
    stored.len() == HASH_BYTES && digits && affordable && alphabet
}
