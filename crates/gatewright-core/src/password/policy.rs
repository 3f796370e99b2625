//! The rules that a new password must meet.

use std::fmt;
use std::sync::Arc;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};
use zeroize::Zeroizing;

use super::breached::{BreachedPasswords, BreachedPasswordsError};
use super::common::is_common;
use super::repetition::is_repetitive;
use super::words::is_a_name;
use crate::types::{ClientNetwork, Password, fold};

/// The shortest password, unless set: 15 Unicode code points. NIST SP 800-63B-4 §3.1.1.2 requires it for passwords
/// that are the only factor.
pub const MIN_PASSWORD_CODE_POINTS: usize = 15;

/// The shortest password that can be set: 8 Unicode code points. NIST SP 800-63B-4 §3.1.1.2 allows it for passwords
/// that are used with a second factor only.
pub const LEAST_PASSWORD_CODE_POINTS: usize = 8;

/// The longest minimum that can be set: 64 Unicode code points. NIST SP 800-63B-4 §3.1.1.2 requires that passwords of
/// this length are accepted.
pub const MAX_MIN_PASSWORD_CODE_POINTS: usize = 64;

/// The longest password: 1,024 bytes as received. A longer one is refused before any look-up or hash. A new password
/// must not be longer in its normal form either ([`Password::normalized`]): that form could not log in.
pub const MAX_PASSWORD_BYTES: usize = 1024;

/// Why a new password is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordPolicyError {
    /// Fewer code points than the minimum, after [`Password::normalized`].
    #[error("the password is shorter than {minimum} characters")]
    TooShort {
        /// The minimum.
        minimum: usize,
    },
    /// More than [`MAX_PASSWORD_BYTES`] bytes, as received or in its normal form.
    #[error("the password is longer than {MAX_PASSWORD_BYTES} bytes")]
    TooLong,
    /// A control character, or a code point that Unicode has not assigned.
    #[error("the password has control or unassigned characters")]
    InvalidCharacters,
    /// The list of common passwords has it.
    #[error("the password is a common one")]
    Common,
    /// Fewer than [`MIN_DIFFERENT_CHARACTERS`](super::MIN_DIFFERENT_CHARACTERS) different characters, one block
    /// repeated, or one sequence such as `abcdef`.
    #[error("the password repeats itself or is a sequence")]
    Repetitive,
    /// It is the user's address or name, or a word of the service.
    #[error("the password is a name of the user or of the service")]
    ContainsContext,
    /// It was disclosed in a breach.
    #[error("the password is known from a breach")]
    Breached,
}

/// Why a new password could not be accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordCheckError {
    /// It breaks a rule.
    #[error("the password breaks a rule")]
    Policy(#[from] PasswordPolicyError),
    /// The list of breached passwords gave no answer, so the password is not accepted.
    #[error("the password could not be checked")]
    Breached(#[from] BreachedPasswordsError),
}

/// The rules that a new password must meet: NIST SP 800-63B-4 §3.1.1.2 and RFC 8265.
///
/// They are judged when a password is set, never at a login. In this order, the first rule that is broken is the
/// answer:
///
/// | rule | error |
/// |---|---|
/// | at most [`MAX_PASSWORD_BYTES`], as received and in its normal form | [`TooLong`](PasswordPolicyError::TooLong) |
/// | no control characters, no unassigned code points | [`InvalidCharacters`](PasswordPolicyError::InvalidCharacters) |
/// | at least [`MIN_PASSWORD_CODE_POINTS`] code points, unless set | [`TooShort`](PasswordPolicyError::TooShort) |
/// | not on the list of common passwords, also with a sequence or up to four digits and signs around it | [`Common`](PasswordPolicyError::Common) |
/// | at least 5 different characters, not one block repeated, not one sequence; the last two also with up to four digits and signs around it | [`Repetitive`](PasswordPolicyError::Repetitive) |
/// | not a name of the user or a [word](Self::with_words) of the service, also repeated or with digits and signs around it | [`ContainsContext`](PasswordPolicyError::ContainsContext) |
/// | not known from a breach, if there is a [list](Self::with_breached_passwords) | [`Breached`](PasswordPolicyError::Breached) |
///
/// The comparisons ignore case and compatible characters (Unicode NFKC).
///
/// An `Auth` applies them ([`AuthBuilder::with_password_rules`](crate::AuthBuilder::with_password_rules)). A program
/// without one calls [`check`](Self::check) itself.
///
/// ```
/// use gatewright::Password;
/// use gatewright::password::{PasswordCheckError, PasswordPolicyError, PasswordRules};
///
/// # gatewright_testkit::block_on(async {
/// let rules = PasswordRules::new().with_words(["Example Books"]);
/// let names = ["ada@example.com"];
/// let accepted = rules.check(&Password::new("correct horse battery staple"), &names).await?;
/// assert_eq!(accepted.expose(), "correct horse battery staple");
///
/// let refused = rules.check(&Password::new("example-books-2024"), &names).await.unwrap_err();
/// assert!(matches!(refused, PasswordCheckError::Policy(PasswordPolicyError::ContainsContext)));
/// # Ok::<(), PasswordCheckError>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
#[must_use]
pub struct PasswordRules {
    minimum: usize,
    least: usize,
    words: Vec<String>,
    breached: Option<Arc<dyn BreachedPasswords>>,
}

impl PasswordRules {
    /// The rules with their defaults: no words, no list of breached passwords.
    pub const fn new() -> Self {
        let minimum = MIN_PASSWORD_CODE_POINTS;
        Self { minimum, least: minimum, words: Vec::new(), breached: None }
    }

    /// Sets the shortest length: [`MIN_PASSWORD_CODE_POINTS`], the default, to [`MAX_MIN_PASSWORD_CODE_POINTS`] code
    /// points. A shorter minimum is [dangerous](Self::dangerous).
    ///
    /// [`AuthBuilder::build`](crate::AuthBuilder::build) refuses other values. [`check`](Self::check) takes the
    /// nearest valid one.
    pub const fn with_min_code_points(mut self, minimum: usize) -> Self {
        self.minimum = minimum;
        self.least = MIN_PASSWORD_CODE_POINTS;
        self
    }

    /// Adds words that a password must not be: names of the service, the company, its products. The realm of an
    /// `Auth` is one of them.
    pub fn with_words(mut self, words: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.words.extend(words.into_iter().map(Into::into));
        self
    }

    /// Sets the list of breached passwords; none unless set.
    pub fn with_breached_passwords(mut self, list: impl BreachedPasswords) -> Self {
        self.breached = Some(Arc::new(list));
        self
    }

    /// Settings that weaken the rules.
    pub const fn dangerous(self) -> DangerousPasswordRules {
        DangerousPasswordRules(self)
    }

    /// Checks a new password, and returns it in the form that is to be hashed ([`Password::normalized`]). `names` are
    /// those of the user: address, user name.
    ///
    /// # Errors
    /// The first rule that it breaks, or the list of breached passwords gave no answer.
    pub async fn check(&self, password: &Password, names: &[&str]) -> Result<Password, PasswordCheckError> {
        self.check_from(password, names, None).await
    }

    /// As [`check`](Self::check), for a client of this network: a list of breached passwords shares its places fairly
    /// between networks.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    ///
    /// ```
    /// use gatewright::Password;
    /// use gatewright::password::PasswordRules;
    /// use gatewright::types::ClientNetwork;
    ///
    /// # gatewright_testkit::block_on(async {
    /// let (rules, password) = (PasswordRules::new(), Password::new("correct horse battery staple"));
    /// let network = ClientNetwork::of("192.0.2.1".parse()?);
    /// assert!(rules.check_from(&password, &["ada@example.com"], Some(network)).await.is_ok());
    /// # Ok::<(), std::net::AddrParseError>(())
    /// # }).unwrap();
    /// ```
    pub async fn check_from(
        &self,
        password: &Password,
        names: &[&str],
        network: Option<ClientNetwork>,
    ) -> Result<Password, PasswordCheckError> {
        let password = self.check_text(password, names)?;
        match &self.breached {
            Some(list) if list.contains(&password, network).await? => {
                Err(PasswordPolicyError::Breached.into())
            }
            _ => Ok(password),
        }
    }

    /// Checks the rules that need no list of breached passwords.
    fn check_text(&self, password: &Password, names: &[&str]) -> Result<Password, PasswordPolicyError> {
        check_form(password)?;
        let password = password.normalized();
        let minimum = self.minimum.clamp(self.least, MAX_MIN_PASSWORD_CODE_POINTS);
        if password.expose().chars().count() < minimum {
            return Err(PasswordPolicyError::TooShort { minimum });
        }
        let folded = Zeroizing::new(fold(password.expose()));
        let words = self.words.iter().map(String::as_str);
        if is_common(&folded) {
            Err(PasswordPolicyError::Common)
        } else if is_repetitive(&folded) {
            Err(PasswordPolicyError::Repetitive)
        } else if is_a_name(&folded, names.iter().copied().chain(words)) {
            Err(PasswordPolicyError::ContainsContext)
        } else {
            Ok(password)
        }
    }

    /// The minimum that was set, if it is not a valid one.
    pub(crate) fn invalid_minimum(&self) -> Option<usize> {
        let is_valid = (self.least..=MAX_MIN_PASSWORD_CODE_POINTS).contains(&self.minimum);
        (!is_valid).then_some(self.minimum)
    }
}

impl Default for PasswordRules {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for PasswordRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordRules").field("minimum", &self.minimum).finish_non_exhaustive()
    }
}

/// Settings that weaken the rules, from [`PasswordRules::dangerous`]. Each returns to the rules.
#[derive(Debug)]
#[must_use]
pub struct DangerousPasswordRules(PasswordRules);

impl DangerousPasswordRules {
    /// Sets the shortest length: [`LEAST_PASSWORD_CODE_POINTS`] to [`MAX_MIN_PASSWORD_CODE_POINTS`] code points.
    ///
    /// Risk: an attacker who has the stored hashes finds short passwords. NIST SP 800-63B-4 allows fewer than 15 only
    /// for a password that is used with a second factor.
    ///
    /// ```
    /// use gatewright::Password;
    /// use gatewright::password::PasswordRules;
    ///
    /// # gatewright_testkit::block_on(async {
    /// let (rules, password) = (PasswordRules::new(), Password::new("teal otter 41"));
    /// assert!(rules.check(&password, &[]).await.is_err());
    /// let rules = rules.dangerous().with_min_code_points(12);
    /// assert!(rules.check(&password, &[]).await.is_ok());
    /// # })
    /// ```
    pub fn with_min_code_points(self, minimum: usize) -> PasswordRules {
        let mut rules = self.0;
        rules.minimum = minimum;
        rules.least = LEAST_PASSWORD_CODE_POINTS;
        rules
    }
}

/// Checks the rules that no setting changes.
pub(crate) fn check_form(password: &Password) -> Result<(), PasswordPolicyError> {
    if is_overlong(password) || is_overlong(&password.normalized()) {
        Err(PasswordPolicyError::TooLong)
    } else if password.expose().chars().any(is_invalid) {
        Err(PasswordPolicyError::InvalidCharacters)
    } else {
        Ok(())
    }
}

/// Whether the password is longer than [`MAX_PASSWORD_BYTES`].
pub(crate) fn is_overlong(password: &Password) -> bool {
    password.expose().len() > MAX_PASSWORD_BYTES
}

/// RFC 8264 §9.12 and §9.10: control characters and unassigned code points, which include noncharacters.
///
/// Other characters that RFC 8265 refuses are accepted: joiners are a part of emoji and of some scripts, and a
/// keyboard may have characters of private use.
fn is_invalid(character: char) -> bool {
    matches!(character.general_category(), GeneralCategory::Control | GeneralCategory::Unassigned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), PasswordPolicyError> {
        let rules = PasswordRules::new().with_words(["Example Books"]);
        rules.check_text(&Password::new(text), &["ada@lovelace.example"]).map(drop)
    }

    #[test]
    fn the_minimum_counts_code_points_and_the_maximum_bytes_of_both_forms() {
        let varied = |count: usize| -> String {
            "\u{e9}t\u{e9}, hiver, automne! ".chars().cycle().take(count).collect()
        };
        let too_short = Err(PasswordPolicyError::TooShort { minimum: 15 });
        assert_eq!(check(&varied(14)), too_short);
        assert_eq!(check(&varied(15)), Ok(()));
        assert_eq!(check(&"e\u{301}".repeat(14)), too_short, "28 code points are 14 after composition");
        assert_eq!(check(&"\u{1f600}".repeat(14)), too_short);
        assert_eq!(check(&"x".repeat(1_024)), Err(PasswordPolicyError::Repetitive));
        assert_eq!(check(&"x".repeat(1_025)), Err(PasswordPolicyError::TooLong));
        assert_eq!(
            check(&"e\u{301}".repeat(342)),
            Err(PasswordPolicyError::TooLong),
            "1,026 bytes as received"
        );
        let growing = |count: usize| varied(24) + &"\u{1d15e}".repeat(count);
        assert_eq!(check(&growing(124)), Ok(()), "1,020 bytes in its normal form");
        assert_eq!(
            check(&growing(125)),
            Err(PasswordPolicyError::TooLong),
            "528 bytes, 1,028 in its normal form"
        );
    }

    #[test]
    fn each_rule_has_its_reason() {
        for (text, reason) in [
            ("correct horse\0battery", PasswordPolicyError::InvalidCharacters),
            ("short\0", PasswordPolicyError::InvalidCharacters),
            ("123456789012345", PasswordPolicyError::Common),
            ("PassWord12345678", PasswordPolicyError::Common),
            ("\u{ff50}assword12345678", PasswordPolicyError::Common),
            ("               ", PasswordPolicyError::Repetitive),
            ("tealotterAtealottera", PasswordPolicyError::Repetitive),
            ("ada@lovelace.example", PasswordPolicyError::ContainsContext),
            ("Lovelace-18151852", PasswordPolicyError::ContainsContext),
            ("example books 1999", PasswordPolicyError::ContainsContext),
        ] {
            assert_eq!(check(text), Err(reason), "{text:?}");
        }
        for text in ["correct horse battery staple", "ada, countess of lovelace", "4171 Teal Otters!"] {
            assert_eq!(check(text), Ok(()), "{text:?}");
        }
    }

    #[test]
    fn a_minimum_outside_its_bounds_never_admits_a_shorter_password() {
        let minimum = |rules: PasswordRules| match rules.check_text(&Password::new("ab"), &[]) {
            Err(PasswordPolicyError::TooShort { minimum }) => (minimum, rules.invalid_minimum()),
            other => panic!("{other:?}"),
        };
        let rules = PasswordRules::new;
        assert_eq!(minimum(rules()), (15, None));
        assert_eq!(minimum(rules().with_min_code_points(8)), (15, Some(8)));
        assert_eq!(minimum(rules().with_min_code_points(20)), (20, None));
        assert_eq!(minimum(rules().with_min_code_points(65)), (64, Some(65)));
        assert_eq!(minimum(rules().dangerous().with_min_code_points(8)), (8, None));
        assert_eq!(minimum(rules().dangerous().with_min_code_points(7)), (8, Some(7)));
    }

    proptest::proptest! {
        #[test]
        fn an_accepted_password_is_accepted_again_in_its_normal_form(text in "\\PC{0,40}") {
            let rules = PasswordRules::new();
            if let Ok(accepted) = rules.check_text(&Password::new(text), &[]) {
                let again = rules.check_text(&accepted, &[]).unwrap();
                proptest::prop_assert_eq!(again.expose(), accepted.expose());
            }
        }
    }
}
