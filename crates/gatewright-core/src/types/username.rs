//! User names: public names of accounts, unique without their case.

use std::borrow::Cow;
use std::fmt;

use precis_profiles::precis_core::Error;
use precis_profiles::precis_core::profile::PrecisFastInvocation;
use precis_profiles::{UsernameCaseMapped, UsernameCasePreserved};
use unicode_security::MixedScript;

use super::characters::{begins_with_mark, has_hidden_marks, is_blank, is_joiner};
use super::email::MAX_EMAIL_BYTES;
use super::fold::{composed, fold_case};

/// The longest user name: 64 bytes, in the form that is shown. The text as received has at most
/// [`MAX_EMAIL_BYTES`].
pub const MAX_USERNAME_BYTES: usize = 64;

/// The longest [`Username::key`]: 254 bytes.
pub const MAX_USERNAME_KEY_BYTES: usize = 254;

/// The name of an account beside its address, with its case kept.
///
/// It has 1 to [`MAX_USERNAME_BYTES`] bytes. Space around it is trimmed. It has no `@`: at a login, a text with an `@` is
/// an address. User names are public, so a registration says if a name is taken.
///
/// | form | rules | for |
/// |---|---|---|
/// | [`as_str`](Self::as_str) | PRECIS `UsernameCasePreserved` (RFC 8265 §3.4) | showing |
/// | [`key`](Self::key) | PRECIS `UsernameCaseMapped` (RFC 8265 §3.3), then case folded | uniqueness, look-up, throttling |
///
/// - Letters, digits and marks of all scripts are allowed, and the visible characters of ASCII (RFC 8264 §4.2). Spaces,
///   invisible characters, symbols, and variants of other characters, such as `ﬁ`, are not.
/// - The joiners U+200C and U+200D are allowed where a script needs them (RFC 5892 A.1 and A.2). They are drawn as
///   nothing, so the key has none.
/// - The text is brought into Unicode NFC first, so that texts which Unicode calls equivalent are one name. Full-width and
///   half-width characters become the usual ones.
/// - A name with letters from right to left meets the Bidi Rule of RFC 5893, and has marks only at its end. So Arabic and
///   Hebrew names with vowel marks are refused, and most names in Thaana.
/// - A name does not begin with a combining mark, and has no marks that a reader does not see (UTS 39 §5.4): no dot above on
///   a letter that has one, no mark twice in a row, at most four in a row, none of another script than its letter.
/// - The key has both forms of the Greek sigma as one, which RFC 8265 §3.5 leaves to the service. `ß` is not `ss`.
///
/// Letters of two scripts can look alike: [`is_single_script`](Self::is_single_script).
///
/// ```
/// use gatewright::types::Username;
///
/// let name = Username::parse(" Ada ")?;
/// assert_eq!((name.as_str(), name.key()), ("Ada", "ada"));
/// assert!(Username::parse("ada@example.com").is_err());
/// assert!(Username::parse("ad\u{200b}a").is_err(), "U+200B is invisible");
/// # Ok::<(), gatewright::types::InvalidUsername>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Username {
    text: String,
    key: String,
}

/// The text is not a user name. The reason never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidUsername {
    /// Empty, or longer than [`MAX_USERNAME_BYTES`] or [`MAX_USERNAME_KEY_BYTES`].
    #[error("not a user name: must have 1 to {MAX_USERNAME_BYTES} bytes")]
    Length,
    /// An `@`, which only addresses have.
    #[error("not a user name: must not have an \"@\"")]
    AtSign,
    /// A character that RFC 8264 §4.2 does not allow, a combining mark at the beginning, or marks that a reader does not
    /// see.
    #[error("not a user name: has a space, a symbol or another character that user names must not have")]
    Characters,
    /// Letters from left to right and from right to left in one name (RFC 5893 §2), or a mark between letters from right to
    /// left.
    #[error(
        "not a user name: must have letters of one direction, and no marks between letters from right to left"
    )]
    Direction,
    /// Letters of several scripts, where the service
    /// [refuses them](crate::AuthBuilder::with_single_script_usernames).
    #[error("not a user name: must have letters of one script")]
    MixedScripts,
}

impl Username {
    /// Trims a text and makes its two forms.
    ///
    /// # Errors
    /// The rule of the [type](Self) that the text breaks. The length of the text as received is checked before any other
    /// work.
    pub fn parse(text: &str) -> Result<Self, InvalidUsername> {
        let text = composed(text, MAX_EMAIL_BYTES).ok_or(InvalidUsername::Length)?;
        check_length(&text, MAX_EMAIL_BYTES)?;
        let text = enforced(UsernameCasePreserved::enforce(text))?;
        check_length(&text, MAX_USERNAME_BYTES)?;
        if text.contains('@') {
            return Err(InvalidUsername::AtSign);
        }
        if begins_with_mark(&text) || has_hidden_marks(&text) || text.contains(is_blank) {
            return Err(InvalidUsername::Characters);
        }
        let mapped = enforced(UsernameCaseMapped::enforce(&*text))?;
        let key = fold_case(&mapped.replace(is_joiner, ""));
        check_length(&key, MAX_USERNAME_KEY_BYTES)?;
        Ok(Self { text, key })
    }

    /// The name with its case, to show it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The name without the differences that do not make another name. Stores have a unique index on it and search it,
    /// byte for byte.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whether all letters are of one script (UTS 39 §5.1). The scripts of Chinese, of Japanese and of Korean count as one
    /// each; digits and punctuation belong to every script.
    ///
    /// ```
    /// use gatewright::types::Username;
    ///
    /// assert!(Username::parse("ada")?.is_single_script());
    /// assert!(!Username::parse("ad\u{430}")?.is_single_script(), "the last letter is Cyrillic");
    /// # Ok::<(), gatewright::types::InvalidUsername>(())
    /// ```
    #[must_use]
    pub fn is_single_script(&self) -> bool {
        self.text.is_single_script()
    }
}

fn check_length(text: &str, longest: usize) -> Result<(), InvalidUsername> {
    if (1..=longest).contains(&text.len()) { Ok(()) } else { Err(InvalidUsername::Length) }
}

/// The text of a profile. An empty text was refused before, so the profile calls a text invalid only if its directions are.
fn enforced(text: Result<Cow<'_, str>, Error>) -> Result<String, InvalidUsername> {
    text.map(Cow::into_owned).map_err(|error| match error {
        Error::Invalid => InvalidUsername::Direction,
        Error::BadCodepoint(_) | Error::Unexpected(_) => InvalidUsername::Characters,
    })
}

/// Whether accounts have a user name beside their address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Usernames {
    /// No registration takes one.
    #[default]
    None,
    /// A registration may have one.
    Optional,
    /// Every registration has one.
    Required,
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::super::characters::{hex, visible_texts};
    use super::*;

    fn parse(text: &str) -> Username {
        Username::parse(text).unwrap_or_else(|reason| panic!("{text:?}: {reason:?}"))
    }

    #[test]
    fn spellings_of_a_name_have_one_key() {
        for (one, other) in [
            ("Ada", "ADA"),
            ("E\u{301}va", "\u{e9}VA"),
            ("\u{ff41}da", "ada"),
            ("\u{3a3}\u{3b1}\u{3a3}", "\u{3c3}\u{3b1}\u{3c2}"),
            ("\u{915}\u{94d}\u{200c}", "\u{915}\u{94d}"),
            ("\u{628}\u{200c}\u{628}", "\u{628}\u{628}"),
        ] {
            assert_eq!(parse(one).key(), parse(other).key(), "{one} {other}");
        }
        for other in ["\u{e4}da", "ad\u{430}", "ad", "ada1"] {
            assert_ne!(parse("ada").key(), parse(other).key(), "{other}");
        }
        assert_ne!(parse("stra\u{df}e").key(), parse("strasse").key());
        assert_eq!(parse("\u{ff21}da").as_str(), "Ada");
    }

    #[test]
    fn each_rule_has_its_reason() {
        let long = "x".repeat(MAX_USERNAME_BYTES);
        assert!(Username::parse(&long).is_ok());
        for (text, reason) in [
            ("", InvalidUsername::Length),
            (" ", InvalidUsername::Length),
            (&*format!("{long}x"), InvalidUsername::Length),
            (&"x".repeat(1 << 20), InvalidUsername::Length),
            ("@", InvalidUsername::AtSign),
            ("ada@example.com", InvalidUsername::AtSign),
            ("ada\u{ff20}example.com", InvalidUsername::AtSign),
            ("a b", InvalidUsername::Characters),
            ("a\0", InvalidUsername::Characters),
            ("a\u{2003}b", InvalidUsername::Characters),
            ("a\u{200b}b", InvalidUsername::Characters),
            ("a\u{202e}b", InvalidUsername::Characters),
            ("a\u{2800}b", InvalidUsername::Characters),
            ("a\u{3164}b", InvalidUsername::Characters),
            ("\u{338}ada", InvalidUsername::Characters),
            ("\u{fb01}n", InvalidUsername::Characters),
            ("admi\u{307}n", InvalidUsername::Characters),
            ("e\u{301}\u{301}", InvalidUsername::Characters),
            ("admin\u{2d7f}", InvalidUsername::Characters),
            ("admin\u{1039}", InvalidUsername::Characters),
            ("\u{1f600}", InvalidUsername::Characters),
            ("a\u{5d0}", InvalidUsername::Direction),
        ] {
            assert_eq!(Username::parse(text), Err(reason), "{text:.80?}");
            assert!(reason.to_string().starts_with("not a user name: "), "{reason}");
        }
    }

    /// U+023A has two bytes, and three in lower case.
    #[test]
    fn a_key_may_be_longer_than_its_name() {
        let name = parse(&"\u{23a}".repeat(MAX_USERNAME_BYTES / 2));
        assert_eq!((name.as_str().len(), name.key().len()), (64, 96));
    }

    #[test]
    fn letters_of_two_scripts_are_found() {
        for name in
            ["ada_1815", "\u{430}\u{434}\u{430}", "\u{5c71}\u{7530}\u{306e}\u{30ab}", "\u{5d0}1", "1815"]
        {
            assert!(parse(name).is_single_script(), "{name}");
        }
        for name in ["\u{430}da", "ad\u{3b1}", "\u{5c71}taro"] {
            assert!(!parse(name).is_single_script(), "{name}");
        }
    }

    /// A key is a name, unless its letters are newer than the tables of PRECIS.
    #[test]
    fn every_accepted_character_has_stable_forms() {
        let (mut accepted, mut keys) = (0, Sha256::new());
        for text in visible_texts() {
            let Ok(name) = Username::parse(&text) else { continue };
            accepted += 1;
            keys.update(format!("{text}\0{}\n", name.key()));
            assert_eq!(parse(name.as_str()), name, "{text:?}");
            assert_eq!(fold_case(name.key()), name.key(), "{text:?}");
            if let Ok(key) = Username::parse(name.key()) {
                assert_eq!(key.key(), name.key(), "{text:?}");
            }
        }
        assert!(accepted > 30_000, "{accepted} were accepted");
        // After an update of Unicode's tables or of the toolchain: no key of a stored name may change.
        assert_eq!(hex(keys), "931cb312aca128d4");
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics_and_the_forms_of_a_name_are_that_name(text in "(\\PC{1,30}|.{1,30})") {
            if let Ok(name) = Username::parse(&text) {
                proptest::prop_assert_eq!(&parse(name.as_str()), &name);
                proptest::prop_assert_eq!(fold_case(name.key()), name.key());
                if name.as_str().is_ascii() {
                    let loud = parse(&name.as_str().to_uppercase());
                    proptest::prop_assert_eq!(loud.key(), name.key());
                }
            }
        }
    }
}
