//! Email addresses in two forms: one to show and to mail, one for uniqueness, look-up and throttling.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use unicode_normalization::UnicodeNormalization;

use super::characters::{begins_with_mark, has_hidden_marks, is_visible};
use super::domain::ascii_domain;
use super::fold::{composed, fold_case};

/// The longest address: 254 bytes, as received with the space around it, in Unicode NFC and in both forms (RFC 5321
/// §4.5.3.1.3 without the angle brackets).
pub const MAX_EMAIL_BYTES: usize = 254;

/// The longest local part, which is the part before the `@`: 64 bytes in both forms (RFC 5321 §4.5.3.1.1).
pub const MAX_LOCAL_PART_BYTES: usize = 64;

/// The beginning of an encoded word (RFC 2047 §2), which may hold any other address.
const ENCODED_WORD: &str = "=?";

/// An email address.
///
/// | form | local part | domain | for |
/// |---|---|---|---|
/// | [`as_str`](Self::as_str) | as entered, in Unicode NFC | in its ASCII form | showing and mailing |
/// | [`key`](Self::key) | also with its case folded | the same | uniqueness, look-up, throttling |
///
/// Two addresses are equal if their keys are. So `Ada@Example.com` and `ada@example.com` are one address, and mail goes to
/// the spelling of the registration. serde reads an address with [`Email::parse`] and writes [`as_str`](Self::as_str).
///
/// The rules:
/// - There is one `@`. Space around the address is trimmed.
/// - The local part is a dot-atom of RFC 6531 §3.3: no quotes, no white space, none of `<>(),;:"[]\`, no dot at its start,
///   at its end or after another dot. It has no invisible, unassigned or private-use characters, does not begin with a
///   combining mark, and Unicode NFKC changes neither of its forms. It has at most [`MAX_LOCAL_PART_BYTES`].
/// - The local part has no `=?`, with which an encoded word begins (RFC 2047 §5): mail software that decodes one finds
///   another address. It does not begin with `-`, which programs take for an option.
/// - The local part has no marks that a reader does not see (UTS 39 §5.4): no dot above on a letter that has one, no mark
///   twice in a row, at most four in a row, none of another script than its letter.
/// - Case is folded with the simple mappings of Unicode (status C and S of `CaseFolding.txt`). Dots and `+tags` stay,
///   and `ß` is not `ss`: they make another mailbox.
/// - The domain is valid for UTS 46 (non-transitional, STD3 rules, labels of 1 to 63 bytes). It has no dot at its end and
///   is no IP address. Both spellings of an internationalised domain have one ASCII form.
///
/// ```
/// use gatewright::Email;
///
/// let email = Email::parse(" Ada@B\u{fc}cher.example ")?;
/// assert_eq!(email.as_str(), "Ada@xn--bcher-kva.example");
/// assert_eq!(email.key(), "ada@xn--bcher-kva.example");
/// assert_eq!(email, Email::parse("ADA@xn--bcher-kva.example")?);
/// assert_ne!(Email::parse("ada@stra\u{df}e.example")?, Email::parse("ada@strasse.example")?);
/// assert!(Email::parse("ada\u{200b}@example.com").is_err(), "U+200B is invisible");
/// # Ok::<(), gatewright::types::InvalidEmail>(())
/// ```
#[derive(Clone)]
pub struct Email {
    text: String,
    key: String,
}

/// The text is not a valid email address. The reason never repeats the text.
///
/// ```
/// use gatewright::Email;
/// use gatewright::types::InvalidEmail;
///
/// assert_eq!(Email::parse("ada").unwrap_err(), InvalidEmail::AtSign);
/// assert_eq!(Email::parse("ada@example.com.").unwrap_err(), InvalidEmail::Domain);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEmail {
    /// More than [`MAX_EMAIL_BYTES`], as received, in Unicode NFC or in one of its forms.
    #[error("not a valid email address: must have at most {MAX_EMAIL_BYTES} bytes")]
    TooLong,
    /// No `@`, or more than one.
    #[error("not a valid email address: must have one \"@\"")]
    AtSign,
    /// An empty local part, or one of more than [`MAX_LOCAL_PART_BYTES`].
    #[error(
        "not a valid email address: the part before the \"@\" must have 1 to {MAX_LOCAL_PART_BYTES} bytes"
    )]
    LocalPartLength,
    /// A dot at the start or end of the local part, or two in a row.
    #[error("not a valid email address: a dot must be between other characters")]
    Dots,
    /// The local part has white space, an invisible character, one of `<>(),;:"[]\`, `=?`, or marks that a reader does
    /// not see, or begins with `-` or a combining mark.
    #[error("not a valid email address: the part before the \"@\" has a character that is not allowed there")]
    Characters,
    /// The local part has a variant of another character (Unicode NFKC), such as a full-width letter.
    #[error(
        "not a valid email address: the part before the \"@\" has a variant of a character; write the usual one (Unicode NFKC)"
    )]
    CompatibleCharacters,
    /// The domain is empty, too long, not valid for UTS 46, or an IP address.
    #[error("not a valid email address: the part after the \"@\" must be the name of a domain")]
    Domain,
}

impl Email {
    /// Parses an address and makes its two forms.
    ///
    /// # Errors
    /// The rule of the [type](Self) that the text breaks. The length of the text as received is checked before any other
    /// work.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let text = composed(text, MAX_EMAIL_BYTES).ok_or(InvalidEmail::TooLong)?;
        let (local, domain) = text.split_once('@').ok_or(InvalidEmail::AtSign)?;
        if domain.contains('@') {
            return Err(InvalidEmail::AtSign);
        }
        let local = local_forms(local)?;
        let domain = ascii_domain(domain).ok_or(InvalidEmail::Domain)?;
        let [text, key] = local.map(|local| format!("{local}@{domain}"));
        let fits = [&text, &key].into_iter().all(|form| form.len() <= MAX_EMAIL_BYTES);
        if fits { Ok(Self { text, key }) } else { Err(InvalidEmail::TooLong) }
    }

    /// The address as it was entered, to show it and to send mail to it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The form by which addresses are compared. Stores have a unique index on it and search it, byte for byte.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// A local part in Unicode NFC: as it is shown, and with its case folded.
fn local_forms(local: &str) -> Result<[String; 2], InvalidEmail> {
    let forms = [local.to_owned(), fold_case(local)];
    if !forms.iter().all(|form| (1..=MAX_LOCAL_PART_BYTES).contains(&form.len())) {
        return Err(InvalidEmail::LocalPartLength);
    }
    if local.split('.').any(str::is_empty) {
        return Err(InvalidEmail::Dots);
    }
    // U+226E is `<` with a stroke: programs that decompose the text would find the `<`.
    if begins_with_mark(local) || !local.chars().chain(local.nfd()).all(is_allowed) {
        return Err(InvalidEmail::Characters);
    }
    if local.starts_with('-')
        || local.contains(ENCODED_WORD)
        || forms.iter().any(|form| has_hidden_marks(form))
    {
        return Err(InvalidEmail::Characters);
    }
    if !forms.iter().all(|form| form.nfkc().eq(form.chars())) {
        return Err(InvalidEmail::CompatibleCharacters);
    }
    Ok(forms)
}

/// The characters of a dot-atom: `atext` of RFC 5322 §3.2.3, the dot, and those that RFC 6531 §3.3 adds.
fn is_allowed(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(character);
    }
    is_visible(character)
}

/// A part of an address as keys have it, to search for: a domain behind an `@` in its ASCII form, the rest folded.
pub(crate) fn search_key(text: &str) -> String {
    let whole = text.split_once('@').and_then(|(local, domain)| Some((local, ascii_domain(domain)?)));
    whole.map_or_else(|| fold_case(text), |(local, domain)| format!("{}@{domain}", fold_case(local)))
}

/// As [`Email::parse`].
impl FromStr for Email {
    type Err = InvalidEmail;

    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        Self::parse(text)
    }
}

/// By the [`key`](Email::key).
impl PartialEq for Email {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Email {}

/// By the [`key`](Email::key).
impl PartialOrd for Email {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// By the [`key`](Email::key).
impl Ord for Email {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

/// By the [`key`](Email::key).
impl Hash for Email {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

/// Writes [`Email::as_str`].
impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Redacted: an address is personal data, and what people type into its field is at times their password.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use sha2::{Digest, Sha256};

    use super::super::characters::{hex, visible_texts};
    use super::*;

    fn parse(text: &str) -> Email {
        Email::parse(text).unwrap_or_else(|reason| panic!("{text:?}: {reason:?}"))
    }

    #[test]
    fn the_spelling_is_kept_and_does_not_count() {
        let [entered, other] = ["E\u{301}va@EXAMPLE.com\n", "\u{e9}VA@example.com"].map(parse);
        assert_eq!(entered.as_str(), "\u{c9}va@example.com");
        assert_eq!(other.as_str(), "\u{e9}VA@example.com");
        assert_eq!(entered.key(), "\u{e9}va@example.com");
        assert_eq!(entered, other);
        assert_eq!(entered.cmp(&other), Ordering::Equal);
        assert_eq!(HashSet::from([entered, other]).len(), 1);
    }

    #[test]
    fn each_rule_has_its_reason() {
        let local = |bytes: usize| format!("{}@example.com", "a".repeat(bytes));
        let domain = |bytes: usize| format!("a@{}", "x.".repeat(bytes / 2) + &"x".repeat(bytes % 2));
        assert!(Email::parse(&local(MAX_LOCAL_PART_BYTES)).is_ok());
        assert!(Email::parse(&domain(MAX_EMAIL_BYTES - 3)).is_ok());
        for (text, reason) in [
            (&*domain(MAX_EMAIL_BYTES), InvalidEmail::TooLong),
            (&"a".repeat(1 << 20), InvalidEmail::TooLong),
            ("", InvalidEmail::AtSign),
            ("a", InvalidEmail::AtSign),
            ("a@b@c", InvalidEmail::AtSign),
            ("\"a@b\"@c", InvalidEmail::AtSign),
            ("@", InvalidEmail::LocalPartLength),
            ("@b", InvalidEmail::LocalPartLength),
            (&local(MAX_LOCAL_PART_BYTES + 1), InvalidEmail::LocalPartLength),
            (".a@b", InvalidEmail::Dots),
            ("a.@b", InvalidEmail::Dots),
            ("a..b@c", InvalidEmail::Dots),
            ("a b@c", InvalidEmail::Characters),
            ("a\0@b", InvalidEmail::Characters),
            ("a\u{7f}@c", InvalidEmail::Characters),
            ("a\u{85}b@c", InvalidEmail::Characters),
            ("x<victim@example.com", InvalidEmail::Characters),
            ("x\u{226e}victim@example.com", InvalidEmail::Characters),
            ("x<\u{338}victim@example.com", InvalidEmail::Characters),
            ("a\u{37e}b@c", InvalidEmail::Characters),
            ("\u{338}a@b", InvalidEmail::Characters),
            ("=?utf-8?q?eve=40evil.example=3e=20?=@b", InvalidEmail::Characters),
            ("-oQ/tmp@b", InvalidEmail::Characters),
            ("admi\u{307}n@b", InvalidEmail::Characters),
            ("J\u{307}@b", InvalidEmail::Characters),
            ("\u{17f}am@b", InvalidEmail::CompatibleCharacters),
            ("\u{b5}@b", InvalidEmail::CompatibleCharacters),
            ("\u{ff41}@b", InvalidEmail::CompatibleCharacters),
            ("a\u{ff20}b@c", InvalidEmail::CompatibleCharacters),
            ("a@", InvalidEmail::Domain),
            ("a@b\0", InvalidEmail::Domain),
            ("a@\u{2028}c", InvalidEmail::Domain),
            ("a@[192.0.2.1]", InvalidEmail::Domain),
        ] {
            assert_eq!(Email::parse(text), Err(reason), "{text:.80?}");
            assert!(reason.to_string().starts_with("not a valid email address: "), "{reason}");
        }
    }

    /// U+023A has two bytes, and three in lower case. U+1D160 has four bytes, and twelve in NFC.
    #[test]
    fn the_limits_apply_to_every_form() {
        let growing = |count: usize| Email::parse(&format!("{}@b", "\u{23a}".repeat(count)));
        assert_eq!(growing(21).unwrap().key().len(), 63 + 2);
        assert_eq!(growing(22), Err(InvalidEmail::LocalPartLength));
        let composed = |count: usize| Email::parse(&format!("{}@b", "\u{1d160}".repeat(count)));
        assert_eq!(composed(5).unwrap().as_str().len(), 60 + 2);
        assert_eq!(composed(6), Err(InvalidEmail::LocalPartLength));
        // 124 bytes as received, and 257 in its ASCII form.
        let domain = ["\u{fc}"; 62].join(".") + ".x";
        assert!(domain.len() < MAX_EMAIL_BYTES);
        assert_eq!(Email::parse(&format!("a@{domain}")), Err(InvalidEmail::Domain));
    }

    #[test]
    fn a_search_has_the_form_of_the_keys() {
        for (text, key) in [
            ("Ada", "ada"),
            ("ADA@Example", "ada@example"),
            ("@B\u{fc}cher.example", "@xn--bcher-kva.example"),
            ("B\u{fc}cher", "b\u{fc}cher"),
            ("ada@", "ada@"),
            ("ada@example.", "ada@example."),
            ("a%b@c@D", "a%b@c@d"),
        ] {
            assert_eq!(search_key(text), key);
        }
    }

    #[test]
    fn every_accepted_character_has_stable_forms() {
        let (mut accepted, mut keys) = (0, Sha256::new());
        for text in visible_texts() {
            let text = text.nfc().collect::<String>();
            let Ok([shown, key]) = local_forms(&text) else { continue };
            accepted += 1;
            keys.update(format!("{text}\0{key}\n"));
            assert_eq!(local_forms(&shown).unwrap(), [shown, key.clone()], "{text:?}");
            assert_eq!(local_forms(&key).unwrap(), [key.clone(), key], "{text:?}");
        }
        assert!(accepted > 90_000, "{accepted} were accepted");
        // After an update of Unicode's tables: see that only keys of new characters were added, then write the new digest.
        assert_eq!(hex(keys), "ac32c6d99864869b");
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics_and_each_form_of_an_address_is_that_address(text in "(\\PC{1,12}|.{1,12}|[a-z.]{1,9})@\\PC{1,20}") {
            if let Ok(email) = Email::parse(&text) {
                let [shown, key] = [email.as_str(), email.key()].map(parse);
                proptest::prop_assert_eq!(shown.as_str(), email.as_str());
                proptest::prop_assert_eq!(key.as_str(), email.key());
                if email.as_str().is_ascii() {
                    proptest::prop_assert_eq!(Email::parse(&email.as_str().to_uppercase()), Ok(email));
                }
            }
        }
    }
}
