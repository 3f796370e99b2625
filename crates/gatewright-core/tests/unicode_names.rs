//! What Unicode does to an address and to a user name: which texts are one account, which are two, and which are refused.
//! Each row names the section of its standard. `unicode_passwords.rs` has the rows for passwords.
//!
//! `CaseFolding.txt` is of the Unicode Character Database; C and S are the status of its lines. UAX #15 is "Unicode
//! Normalization Forms", UTS 46 "Unicode IDNA Compatibility Processing", UTS 39 "Unicode Security Mechanisms".

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step fails the test")]

use gatewright::Email;
use gatewright::types::{InvalidEmail, InvalidUsername, LoginName, Username};

use Expected::{Different, Refused, Same};
use InvalidEmail::{AtSign, Characters, CompatibleCharacters, Domain, Dots, LocalPartLength};

#[derive(Debug)]
enum Expected<Reason> {
    /// Both texts are accepted, and are one account.
    Same,
    /// Both texts are accepted, and are two accounts.
    Different,
    /// The first text is refused. There is no second one.
    Refused(Reason),
}

/// The section, the two texts, and what they are to each other.
type Row<Reason> = (&'static str, &'static str, &'static str, Expected<Reason>);

const ADDRESSES: [Row<InvalidEmail>; 100] = [
    // The local part: case.
    ("CaseFolding.txt (C)", "Ada@example.com", "aDA@example.com", Same),
    (
        "CaseFolding.txt (C): Greek",
        "\u{39f}\u{394}\u{3a5}@example.com",
        "\u{3bf}\u{3b4}\u{3c5}@example.com",
        Same,
    ),
    ("CaseFolding.txt (C): final sigma", "\u{3bf}\u{3c2}@example.com", "\u{3bf}\u{3c3}@example.com", Same),
    ("CaseFolding.txt (C): final sigma", "\u{3bf}\u{3c2}@example.com", "\u{39f}\u{3a3}@example.com", Same),
    ("CaseFolding.txt (C): Cherokee", "\u{13a0}@example.com", "\u{ab70}@example.com", Same),
    ("CaseFolding.txt (C): Deseret", "\u{10400}@example.com", "\u{10428}@example.com", Same),
    ("CaseFolding.txt (S): capital sharp s", "gro\u{1e9e}@example.com", "gro\u{df}@example.com", Same),
    ("CaseFolding.txt: F is not used", "stra\u{df}e@example.com", "strasse@example.com", Different),
    ("CaseFolding.txt: T is not used", "\u{130}@example.com", "i@example.com", Different),
    ("CaseFolding.txt: T is not used", "\u{131}@example.com", "I@example.com", Different),
    ("CaseFolding.txt: no accents are dropped", "ada@example.com", "\u{e4}da@example.com", Different),
    // The local part: normalisation.
    ("UAX #15 §1.2: NFC", "E\u{301}va@example.com", "\u{e9}va@example.com", Same),
    ("UAX #15 §1.2: Kelvin sign", "\u{212a}elvin@example.com", "kelvin@example.com", Same),
    ("UAX #15 §1.2: \u{c5}ngstr\u{f6}m sign", "\u{212b}@example.com", "a\u{30a}@example.com", Same),
    ("UAX #15 §1.2: Hangul", "\u{ac01}@example.com", "\u{1100}\u{1161}\u{11a8}@example.com", Same),
    ("UAX #15 §1.1: order of marks", "q\u{323}\u{307}@example.com", "q\u{307}\u{323}@example.com", Same),
    ("UAX #15 §1.2: NFKC is not NFC", "\u{fb01}n@example.com", "", Refused(CompatibleCharacters)),
    ("UAX #15 §1.2: full-width letters", "\u{ff41}da@example.com", "", Refused(CompatibleCharacters)),
    ("UAX #15 §1.2: superscripts", "ada\u{b2}@example.com", "", Refused(CompatibleCharacters)),
    ("UAX #15 §1.2: mathematical letters", "\u{1d41a}da@example.com", "", Refused(CompatibleCharacters)),
    ("UAX #15 §1.2: the long s", "wa\u{17f}ser@example.com", "", Refused(CompatibleCharacters)),
    ("UAX #15 §1.2: the micro sign", "\u{b5}@example.com", "", Refused(CompatibleCharacters)),
    ("UAX #15 §1.2: a hidden @", "ada\u{ff20}example@example.com", "", Refused(CompatibleCharacters)),
    ("UAX #15 §1.2: a hidden comma", "a\u{ff0c}b@example.com", "", Refused(CompatibleCharacters)),
    // The local part: nothing else is removed.
    ("RFC 5321 §2.4: the host decides", "a.da@example.com", "ada@example.com", Different),
    ("RFC 5321 §2.4: the host decides", "ada+news@example.com", "ada@example.com", Different),
    ("RFC 5321 §2.4: the host decides", "ada-x@example.com", "ada@example.com", Different),
    ("UTS 39 §4: similar letters", "ada@example.com", "ad\u{430}@example.com", Different),
    ("UTS 39 §4: similar letters", "paul@example.com", "pau1@example.com", Different),
    // The local part: characters.
    ("RFC 5322 §3.2.3: atext", "!#$%&'*+-/?=^_`{|}~@example.com", "ada@example.com", Different),
    ("RFC 6531 §3.3: other letters", "\u{7528}\u{6237}@example.com", "\u{7528}@example.com", Different),
    ("RFC 6531 §3.3: right to left", "\u{5d0}\u{5d1}@example.com", "\u{5d0}@example.com", Different),
    ("RFC 6531 §3.3: symbols", "\u{2764}@example.com", "\u{1f600}@example.com", Different),
    ("RFC 5322 §3.2.3: specials", "x<victim@example.com", "", Refused(Characters)),
    ("RFC 5322 §3.2.3: specials", "x>victim@example.com", "", Refused(Characters)),
    ("RFC 5322 §3.4: an address list", "a,b@example.com", "", Refused(Characters)),
    ("RFC 5322 §3.4: a group", "a:b;c@example.com", "", Refused(Characters)),
    ("RFC 5322 §3.2.2: a comment", "a(b)@example.com", "", Refused(Characters)),
    ("RFC 5322 §3.2.4: a quoted string", "\"ada\"@example.com", "", Refused(Characters)),
    ("RFC 5322 §3.2.1: a quoted pair", "a\\b@example.com", "", Refused(Characters)),
    ("RFC 5322 §3.4.1: brackets", "[ada]@example.com", "", Refused(Characters)),
    (
        "RFC 2047 §5: an encoded word",
        "=?utf-8?q?eve=40evil.example=3e=20?=@example.com",
        "",
        Refused(Characters),
    ),
    ("RFC 2047 §5: an encoded word", "ada=?x@example.com", "", Refused(Characters)),
    ("RFC 5321 §2.4: the host decides", "ada%evil.example@example.com", "ada@example.com", Different),
    ("RFC 5321 §2.4: the host decides", "evil.example!ada@example.com", "ada@example.com", Different),
    ("POSIX XBD §12.2: an option", "-oQ/tmp/ada@example.com", "", Refused(Characters)),
    ("UTS 39 §5.4: a dot on a dotted letter", "admi\u{307}n@example.com", "", Refused(Characters)),
    ("UTS 39 §5.4: a dot on a dotted letter", "adm\u{131}\u{307}n@example.com", "", Refused(Characters)),
    ("UTS 39 §5.4: a dot on another letter", "z\u{307}@example.com", "z@example.com", Different),
    ("UTS 39 §5.4: a mark twice", "\u{e9}\u{301}@example.com", "", Refused(Characters)),
    ("UTS 39 §5.4: five marks", "a\u{300}\u{301}\u{302}\u{303}\u{304}@example.com", "", Refused(Characters)),
    ("UTS 39 §5.4: a mark of another script", "admin\u{1039}@example.com", "", Refused(Characters)),
    (
        "UTS 39 §5.4: letters of other scripts stay",
        "caca@example.com",
        "\u{441}\u{430}\u{441}\u{430}@example.com",
        Different,
    ),
    ("Unicode §19.3: a joiner of consonants", "admin\u{2d7f}@example.com", "", Refused(Characters)),
    ("RFC 5322 §3.2.3: spaces", "a b@example.com", "", Refused(Characters)),
    ("RFC 5322 §3.2.3: a dot between", ".ada@example.com", "", Refused(Dots)),
    ("RFC 5322 §3.2.3: a dot between", "ada.@example.com", "", Refused(Dots)),
    ("RFC 5322 §3.2.3: a dot between", "a..da@example.com", "", Refused(Dots)),
    ("UAX #15 §1.1: `<` and a stroke", "x\u{226e}victim@example.com", "", Refused(Characters)),
    ("UAX #15 §1.1: a Greek question mark", "x\u{37e}y@example.com", "", Refused(Characters)),
    ("UAX #15 §1.1: a mark without a base", "\u{338}ada@example.com", "", Refused(Characters)),
    ("Unicode §4.5: control (Cc)", "a\0da@example.com", "", Refused(Characters)),
    ("Unicode §4.5: control (Cc)", "a\u{85}da@example.com", "", Refused(Characters)),
    ("Unicode §4.5: format (Cf)", "admin\u{200b}@example.com", "", Refused(Characters)),
    ("Unicode §4.5: format (Cf)", "ad\u{ad}min@example.com", "", Refused(Characters)),
    ("Unicode §4.5: format (Cf)", "admin\u{202e}@example.com", "", Refused(Characters)),
    ("Unicode §4.5: format (Cf)", "\u{feff}admin@example.com", "", Refused(Characters)),
    ("Unicode §4.5: format (Cf)", "ad\u{200d}min@example.com", "", Refused(Characters)),
    ("Unicode §4.5: space (Zs)", "a\u{a0}da@example.com", "", Refused(Characters)),
    ("Unicode §4.5: private use (Co)", "ada\u{e000}@example.com", "", Refused(Characters)),
    ("Unicode §4.5: unassigned (Cn)", "ada\u{378}@example.com", "", Refused(Characters)),
    ("Unicode §5.21: default-ignorable", "admin\u{3164}@example.com", "", Refused(Characters)),
    ("Unicode §5.21: default-ignorable", "admin\u{34f}@example.com", "", Refused(Characters)),
    ("Unicode §5.21: default-ignorable", "\u{2764}\u{fe0f}@example.com", "", Refused(Characters)),
    ("Unicode §5.21: default-ignorable", "admin\u{e0061}@example.com", "", Refused(Characters)),
    ("Unicode §21.1: the blank of Braille", "admin\u{2800}@example.com", "", Refused(Characters)),
    ("RFC 5321 §4.5.3.1.1: length", "@example.com", "", Refused(LocalPartLength)),
    ("RFC 5321 §4.1.2: one @", "ada@mail@example.com", "", Refused(AtSign)),
    // The domain.
    ("RFC 5321 §2.4: case", "ada@EXAMPLE.com", "ada@example.com", Same),
    ("UTS 46 §4.2: ToASCII", "ada@b\u{fc}cher.example", "ada@xn--bcher-kva.example", Same),
    ("UTS 46 §4.2: ToASCII", "ada@B\u{dc}CHER.example", "ada@XN--BCHER-KVA.example", Same),
    ("UTS 46 §4: NFC", "ada@bu\u{308}cher.example", "ada@b\u{fc}cher.example", Same),
    ("UTS 46 §4: mapping", "ada@\u{ff45}xample.com", "ada@example.com", Same),
    ("UTS 46 §4: other full stops", "ada@example\u{3002}com", "ada@example.com", Same),
    ("UTS 46 §4: non-transitional", "ada@stra\u{df}e.example", "ada@xn--strae-oqa.example", Same),
    ("UTS 46 §4: non-transitional", "ada@stra\u{df}e.example", "ada@strasse.example", Different),
    ("UTS 46 §4: non-transitional", "ada@\u{3bf}\u{3c2}.example", "ada@\u{3bf}\u{3c3}.example", Different),
    ("UTS 39 §4: similar letters", "ada@\u{435}xample.com", "ada@example.com", Different),
    ("RFC 1035 §2.3.1: another name", "ada@mail.example.com", "ada@example.com", Different),
    ("UTS 46 §4.1: STD3", "ada@exam_ple.com", "", Refused(Domain)),
    ("UTS 46 §4.1: STD3, after mapping", "ada@a\u{2100}b.example", "", Refused(Domain)),
    ("UTS 46 §4.1: hyphens", "ada@-example.com", "", Refused(Domain)),
    ("UTS 46 §4.1: a mark without a base", "ada@\u{301}a.example", "", Refused(Domain)),
    ("UTS 46 §4.2: empty labels", "ada@example..com", "", Refused(Domain)),
    ("UTS 46 §4.2: no dot at the end", "ada@example.com.", "", Refused(Domain)),
    ("UTS 46 §4.1: Punycode of nothing", "ada@xn--a.example", "", Refused(Domain)),
    ("UTS 46 §4: characters that it drops", "ada@exam\u{ad}ple.com", "", Refused(Domain)),
    ("RFC 5893 §2: the Bidi Rule", "ada@a\u{5d0}.example", "", Refused(Domain)),
    ("RFC 5321 §4.1.3: an address literal", "ada@[192.0.2.1]", "", Refused(Domain)),
    ("RFC 3696 §2: a number", "ada@192.0.2.1", "", Refused(Domain)),
];

const USER_NAMES: [Row<InvalidUsername>; 48] = [
    // Width.
    ("RFC 8265 §3.3.2 (1): width", "\u{ff21}\u{ff24}\u{ff21}", "ada", Same),
    ("RFC 8265 §3.3.2 (1): width", "\u{ff76}\u{ff85}", "\u{30ab}\u{30ca}", Same),
    // Case.
    ("RFC 8265 §3.3.2 (3): case", "Ada", "aDA", Same),
    ("RFC 8265 §3.3.2 (3): case", "\u{410}\u{434}\u{430}", "\u{430}\u{434}\u{430}", Same),
    ("RFC 8265 §3.3.2 (3): case", "\u{130}", "i", Different),
    ("RFC 8265 §3.5: examples 6 and 7", "\u{3a3}", "\u{3c3}", Same),
    ("RFC 8265 §3.5: example 8, by policy", "\u{3c3}", "\u{3c2}", Same),
    ("RFC 8265 §3.5: examples 3 and 4", "fussball", "fu\u{df}ball", Different),
    ("RFC 8265 §3.3.2 (3): no language", "I", "\u{131}", Different),
    // Normalisation.
    ("RFC 8265 §3.3.2 (4): NFC", "E\u{301}va", "\u{e9}va", Same),
    ("RFC 8265 §3.3.2 (4): NFC", "q\u{323}\u{307}", "q\u{307}\u{323}", Same),
    ("UAX #15 §1.2: Kelvin sign", "\u{212a}elvin", "kelvin", Same),
    ("UAX #15 §1.2: Hangul", "\u{ac00}", "\u{1100}\u{1161}", Same),
    ("RFC 8265 §3.3.2 (4): no accents are dropped", "ada", "\u{e4}da", Different),
    // What counts.
    ("RFC 8264 §9.11: ASCII", "a.da", "ada", Different),
    ("RFC 8264 §9.11: ASCII", "a_da!", "a-da!", Different),
    ("UTS 39 §4: similar letters", "ada", "ad\u{430}", Different),
    ("UTS 39 §4: similar letters", "paul", "pau1", Different),
    ("RFC 8264 §9.1: letters and digits", "\u{7528}\u{6237}1", "\u{7528}\u{6237}", Different),
    ("RFC 5892 A.3: a middle dot between two l", "l\u{b7}l", "ll", Different),
    ("RFC 5892 A.2: a joiner after a virama", "\u{915}\u{94d}\u{200d}\u{937}", "\u{915}\u{94d}\u{937}", Same),
    ("RFC 5892 A.1: a joiner at the end", "\u{915}\u{94d}\u{200c}", "\u{915}\u{94d}", Same),
    ("RFC 5892 A.1: a joiner between letters", "\u{628}\u{200c}\u{628}", "\u{628}\u{628}", Same),
    ("RFC 5893 §2: one direction", "\u{5d0}\u{5d1}1", "\u{5d0}\u{5d1}", Different),
    // What is refused.
    ("RFC 5893 §2: two directions", "a\u{5d0}", "", Refused(InvalidUsername::Direction)),
    (
        "RFC 5893 §2 (2): a mark between letters",
        "\u{645}\u{62d}\u{645}\u{651}\u{62f}",
        "",
        Refused(InvalidUsername::Direction),
    ),
    ("UTS 39 §5.4: a dot on a dotted letter", "admi\u{307}n", "", Refused(InvalidUsername::Characters)),
    ("UTS 39 §5.4: a mark twice", "e\u{301}\u{301}", "", Refused(InvalidUsername::Characters)),
    ("UTS 39 §5.4: a mark of another script", "admin\u{1039}", "", Refused(InvalidUsername::Characters)),
    ("Unicode §19.3: a joiner of consonants", "admin\u{2d7f}", "", Refused(InvalidUsername::Characters)),
    ("RFC 8264 §9.17: compatible characters", "\u{fb01}n", "", Refused(InvalidUsername::Characters)),
    ("RFC 8264 §9.17: the long s", "wa\u{17f}ser", "", Refused(InvalidUsername::Characters)),
    ("RFC 8264 §9.14: spaces", "a da", "", Refused(InvalidUsername::Characters)),
    ("RFC 8264 §9.14: spaces", "a\u{3000}da", "", Refused(InvalidUsername::Characters)),
    ("RFC 8264 §9.15: symbols", "ada\u{1f600}", "", Refused(InvalidUsername::Characters)),
    ("RFC 8264 §9.15: the blank of Braille", "ada\u{2800}", "", Refused(InvalidUsername::Characters)),
    ("RFC 8264 §9.16: punctuation", "ada\u{2026}", "", Refused(InvalidUsername::Characters)),
    ("RFC 8264 §9.12: controls", "a\0da", "", Refused(InvalidUsername::Characters)),
    ("RFC 8264 §9.13: ignorable", "admin\u{200b}", "", Refused(InvalidUsername::Characters)),
    ("RFC 8264 §9.13: ignorable", "admin\u{ad}", "", Refused(InvalidUsername::Characters)),
    ("RFC 8264 §9.13: ignorable", "admin\u{202e}", "", Refused(InvalidUsername::Characters)),
    ("RFC 8264 §9.13: ignorable", "admin\u{3164}", "", Refused(InvalidUsername::Characters)),
    ("RFC 8264 §9.9: old Hangul", "\u{1113}\u{1161}", "", Refused(InvalidUsername::Characters)),
    ("RFC 8264 §9.10: unassigned", "ada\u{378}", "", Refused(InvalidUsername::Characters)),
    ("RFC 5892 A.2: a joiner elsewhere", "a\u{200d}da", "", Refused(InvalidUsername::Characters)),
    ("RFC 5322 §3.4.1: an address", "ada@example.com", "", Refused(InvalidUsername::AtSign)),
    ("RFC 8265 §3.3.2 (1): a hidden @", "ada\u{ff20}example", "", Refused(InvalidUsername::AtSign)),
    ("RFC 8265 §3.1: never empty", "", "", Refused(InvalidUsername::Length)),
];

/// Parses both texts of each row. Returns how many rows are the same, different and refused.
fn walk<N, R: PartialEq + std::fmt::Debug>(
    table: impl IntoIterator<Item = Row<R>>,
    parse: fn(&str) -> Result<N, R>,
    key: fn(&N) -> &str,
) -> [usize; 3] {
    let throttle_key = |text: &str| LoginName::parse(text).unwrap().throttle_key();
    let (mut same, mut different, mut refused) = (0, 0, 0);
    for (section, one, other, expected) in table {
        let accepted =
            |text: &str| parse(text).unwrap_or_else(|error| panic!("{section}: {text:?}: {error:?}"));
        if let Refused(reason) = expected {
            assert_eq!(parse(one).map(drop), Err(reason), "{section}: {one:?}");
            refused += 1;
            continue;
        }
        let is_same = matches!(expected, Same);
        assert_eq!(key(&accepted(one)) == key(&accepted(other)), is_same, "{section}: {one:?} {other:?}");
        assert_eq!(throttle_key(one) == throttle_key(other), is_same, "{section}: {one:?} {other:?}");
        assert_eq!(throttle_key(one), key(&accepted(one)), "{section}: {one:?}");
        *if is_same { &mut same } else { &mut different } += 1;
    }
    [same, different, refused]
}

#[test]
fn texts_are_one_address_two_or_refused_as_the_standards_say() {
    assert_eq!(walk(ADDRESSES, Email::parse, Email::key), [19, 21, 60]);
}

#[test]
fn texts_are_one_user_name_two_or_refused_as_the_standards_say() {
    assert_eq!(walk(USER_NAMES, Username::parse, Username::key), [13, 11, 24]);
}
