//! What Unicode does to a password: which texts are one password, which are two, and which are refused. Each row names
//! the section of its standard. NIST is SP 800-63B-4 §3.1.1.2.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step fails the test")]

use gatewright::Password;
use gatewright::password::{PasswordCheckError, PasswordPolicyError, PasswordRules};

use Expected::{Different, Refused, Same};
use PasswordPolicyError::{Common, ContainsContext, InvalidCharacters, Repetitive, TooLong, TooShort};

#[derive(Debug)]
enum Expected {
    /// Both texts are accepted, and are one password.
    Same,
    /// Both texts are accepted, and are two passwords.
    Different,
    /// The first text is refused. There is no second one.
    Refused(PasswordPolicyError),
}

const SHORT: PasswordPolicyError = TooShort { minimum: 15 };

/// The section, the two texts, and what they are to each other.
const TABLE: [(&str, &str, &str, Expected); 44] = [
    // Normalisation.
    ("RFC 8265 §4.2.2 (4): NFC", "caf\u{e9} noir, 2 sucres", "cafe\u{301} noir, 2 sucres", Same),
    ("RFC 8265 §4.2.2 (4): NFC", "\u{c5}ngstr\u{f6}m constants", "\u{212b}ngstro\u{308}m constants", Same),
    ("RFC 8265 §4.2.2 (4): NFC", "\u{2126} resistors glow", "\u{3a9} resistors glow", Same),
    ("RFC 8265 §4.2.2 (4): NFC", "300 \u{212a} is room warm", "300 K is room warm", Same),
    (
        "RFC 8265 §4.2.2 (4): NFC",
        "\u{ac00}\u{b098}\u{b2e4} means abcdefg",
        "\u{1100}\u{1161}\u{1102}\u{1161}\u{1103}\u{1161} means abcdefg",
        Same,
    ),
    ("RFC 8265 §4.2.2 (4): NFC", "q\u{323}\u{307} under and over", "q\u{307}\u{323} under and over", Same),
    ("RFC 8265 §4.2.2 (4): NFC", "\u{1e69} has two small dots", "s\u{307}\u{323} has two small dots", Same),
    ("RFC 8265 §4.2.2 (4): NFC", "\u{958} with a nukta below", "\u{915}\u{93c} with a nukta below", Same),
    ("RFC 8265 §4.2.2 (4): NFC", "\u{95b} with a nukta below", "\u{91c}\u{93c} with a nukta below", Same),
    ("RFC 8265 §4.2.2 (4): NFC", "\u{1f71} and \u{1f79} with tonos", "\u{3ac} and \u{3cc} with tonos", Same),
    // Spaces.
    ("RFC 8265 §4.2.2 (2): spaces", "correct horse battery", "correct\u{a0}horse battery", Same),
    ("RFC 8265 §4.2.2 (2): spaces", "correct horse battery", "correct\u{3000}horse\u{2003}battery", Same),
    ("RFC 8265 §4.2.2 (2): spaces", "correct horse battery", "correct\u{202f}horse\u{1680}battery", Same),
    ("RFC 8265 §4.2.2 (2): spaces", "correct horse battery", "correct\u{205f}horse\u{2007}battery", Same),
    ("RFC 8265 §4.2.2: nothing is trimmed", "correct horse battery", " correct horse battery ", Different),
    ("RFC 8265 §4.2.2: nothing is trimmed", "correct horse battery", "correct  horse battery", Different),
    // No other mapping.
    ("RFC 8265 §4.2.2 (3): no case mapping", "correct horse battery", "Correct Horse Battery", Different),
    (
        "RFC 8265 §4.2.2 (3): no case mapping",
        "hei\u{df}e Schokolade, bitte",
        "heisse Schokolade, bitte",
        Different,
    ),
    (
        "RFC 8265 §4.2.2 (1): no width mapping",
        "correct horse battery",
        "\u{ff43}orrect horse battery",
        Different,
    ),
    (
        "RFC 8265 §4.2.2 (1): no width mapping",
        "\u{30ab}\u{30bf}\u{30ab}\u{30ca} correct horse",
        "\u{ff76}\u{ff80}\u{ff76}\u{ff85} correct horse",
        Different,
    ),
    ("RFC 8265 §4.2.2 (4): NFC, not NFKC", "\u{fb01}ve correct horses", "five correct horses", Different),
    ("RFC 8265 §4.2.2 (4): NFC, not NFKC", "x\u{b2} + y\u{b2} = radius", "x2 + y2 = radius", Different),
    ("RFC 8265 §4.2.2 (4): NFC, not NFKC", "No\u{2116} 5, eau de parfum", "NoNo 5, eau de parfum", Different),
    ("RFC 8265 §8.5: similar letters", "correct horse battery", "\u{441}orrect horse battery", Different),
    ("NIST: all printing characters", "correct \u{1f40e} battery", "correct \u{1f434} battery", Different),
    ("NIST: all printing characters", "~!@#$%^&*()_+{}|:<>?", "~!@#$%^&*()_+{}|:<>;", Different),
    // Accepted, although RFC 8264 restricts them: joiners and selectors of emoji, characters of private use.
    (
        "RFC 8264 §9.8: joiners",
        "a \u{1f469}\u{200d}\u{1f680} flies to mars",
        "a \u{1f469}\u{1f680} flies to mars",
        Different,
    ),
    (
        "RFC 8264 §9.13: selectors",
        "I \u{2764}\u{fe0f} correct horses",
        "I \u{2764} correct horses",
        Different,
    ),
    ("RFC 8264 §8: private use", "an \u{f8ff} a day, or two", "an x a day, or two", Different),
    // Characters that are refused.
    ("RFC 8264 §9.12: controls", "correct\0horse battery", "", Refused(InvalidCharacters)),
    ("RFC 8264 §9.12: controls", "correct\thorse battery", "", Refused(InvalidCharacters)),
    ("RFC 8264 §9.12: controls", "correct horse battery\n", "", Refused(InvalidCharacters)),
    ("RFC 8264 §9.12: controls", "correct\u{7f}horse battery", "", Refused(InvalidCharacters)),
    ("RFC 8264 §9.12: controls", "correct\u{85}horse battery", "", Refused(InvalidCharacters)),
    ("RFC 8264 §9.10: unassigned", "correct \u{378} horse battery", "", Refused(InvalidCharacters)),
    ("RFC 8264 §9.10: unassigned", "correct \u{e0080} horse battery", "", Refused(InvalidCharacters)),
    ("RFC 8264 §9.10: noncharacters", "correct \u{ffff} horse battery", "", Refused(InvalidCharacters)),
    ("RFC 8264 §9.10: noncharacters", "correct \u{fdd0} horse battery", "", Refused(InvalidCharacters)),
    // Length and lists.
    (
        "NIST: a code point is one character",
        "\u{1f600}\u{1f601}\u{1f602}\u{1f603}\u{1f604}\u{1f605}\u{1f606}\u{1f607}",
        "",
        Refused(SHORT),
    ),
    (
        "NIST: length after normalisation",
        "e\u{301}a\u{301}o\u{301}i\u{301}u\u{301}y\u{301}n\u{303} abcd",
        "",
        Refused(SHORT),
    ),
    (
        "NIST: a list of common values",
        "\u{ff50}\u{ff41}\u{ff53}\u{ff53}\u{ff57}\u{ff4f}\u{ff52}\u{ff44}12345678",
        "",
        Refused(Common),
    ),
    (
        "NIST: repetitive characters",
        "\u{e9}e\u{301}\u{e9}e\u{301}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}",
        "",
        Refused(Repetitive),
    ),
    (
        "NIST: sequential characters",
        "\u{3b1}\u{3b2}\u{3b3}\u{3b4}\u{3b5}\u{3b6}\u{3b7}\u{3b8}\u{3b9}\u{3ba}\u{3bb}\u{3bc}\u{3bd}\u{3be}\u{3bf}",
        "",
        Refused(Repetitive),
    ),
    ("NIST: the name of the service", "Caf\u{e9} der K\u{fc}nste 1900", "", Refused(ContainsContext)),
];

fn check(text: &str) -> Result<Password, PasswordPolicyError> {
    let rules = PasswordRules::new().with_words(["CAFE\u{301} DER KU\u{308}NSTE"]);
    gatewright_testkit::block_on(rules.check(&Password::new(text), &[])).map_err(|error| match error {
        PasswordCheckError::Policy(reason) => reason,
        other => panic!("{other:?}"),
    })
}

#[test]
fn texts_are_one_password_two_or_refused_as_the_standards_say() {
    let mut counts = [0; 3];
    for (section, one, other, expected) in TABLE {
        let accepted =
            |text: &str| check(text).unwrap_or_else(|error| panic!("{section}: {text:?}: {error}"));
        match expected {
            Refused(reason) => {
                assert_eq!(check(one).map(drop), Err(reason), "{section}: {one:?}");
                counts[2] += 1;
            }
            Same => {
                assert_eq!(accepted(one).expose(), accepted(other).expose(), "{section}");
                counts[0] += 1;
            }
            Different => {
                assert_ne!(accepted(one).expose(), accepted(other).expose(), "{section}");
                counts[1] += 1;
            }
        }
    }
    assert_eq!(counts, [14, 15, 15]);
}

#[test]
fn the_limit_of_bytes_is_for_the_text_as_received_and_in_its_normal_form() {
    // Each pair has three bytes as received, and two after composition.
    let text = |pairs: usize| "correct horse ".to_owned() + &"e\u{301}".repeat(pairs);
    assert!(check(&text(336)).is_ok());
    assert_eq!(check(&text(337)).map(drop), Err(TooLong));
    // Each has four bytes as received, and eight in NFC.
    let growing = |count: usize| format!("correct horse {}", "\u{1d15e}".repeat(count));
    assert_eq!(check(&growing(126)).unwrap().expose().len(), 14 + 8 * 126);
    assert_eq!(check(&growing(127)).map(drop), Err(TooLong));
}
