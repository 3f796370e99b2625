//! The rules that a new password must meet.

use crate::types::Password;

/// The shortest password: 15 Unicode code points. NIST SP 800-63B-4 §3.1.1.2 requires it for passwords that
/// are the only factor.
pub const MIN_PASSWORD_CODE_POINTS: usize = 15;

/// The longest password: 1,024 bytes. A longer one is refused before any look-up or hash.
pub const MAX_PASSWORD_BYTES: usize = 1024;

/// Why a new password is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordPolicyError {
    /// Fewer than [`MIN_PASSWORD_CODE_POINTS`] code points.
    #[error("the password is shorter than {MIN_PASSWORD_CODE_POINTS} characters")]
    TooShort,
    /// More than [`MAX_PASSWORD_BYTES`] bytes.
    #[error("the password is longer than {MAX_PASSWORD_BYTES} bytes")]
    TooLong,
}

/// Checks a new password against the rules.
///
/// # Errors
/// The rule that it breaks.
///
/// ```
/// use gatewright::Password;
/// use gatewright::password::PasswordPolicyError;
/// use gatewright_core::password::check_policy;
///
/// assert_eq!(check_policy(&Password::new("correct horse battery staple")), Ok(()));
/// assert_eq!(check_policy(&Password::new("too short")), Err(PasswordPolicyError::TooShort));
/// ```
pub fn check_policy(password: &Password) -> Result<(), PasswordPolicyError> {
    if is_overlong(password) {
        return Err(PasswordPolicyError::TooLong);
    }
    if password.expose().chars().count() < MIN_PASSWORD_CODE_POINTS {
        return Err(PasswordPolicyError::TooShort);
    }
    Ok(())
}

/// Whether the password is longer than [`MAX_PASSWORD_BYTES`].
pub(crate) fn is_overlong(password: &Password) -> bool {
    password.expose().len() > MAX_PASSWORD_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minimum_counts_code_points_and_the_maximum_bytes() {
        let check = |text: String| check_policy(&Password::new(text));
        assert_eq!(check("é".repeat(14)), Err(PasswordPolicyError::TooShort));
        assert_eq!(check("é".repeat(15)), Ok(()));
        assert_eq!(check("\u{1f600}".repeat(64)), Ok(()));
        assert_eq!(check("a".repeat(1024)), Ok(()));
        assert_eq!(check("é".repeat(513)), Err(PasswordPolicyError::TooLong));
    }
}
