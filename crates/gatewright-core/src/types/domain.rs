//! Domains of email addresses: internationalised names in their ASCII form.

use idna::domain_to_unicode;
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use super::characters::{is_joiner, is_visible};

/// The ASCII form of a domain (UTS 46 §4.2 ToASCII): non-transitional, with the STD3 rules, checked hyphens, labels of 1
/// to 63 bytes and at most 253 bytes in all.
///
/// `None` if it has none. Refused too are a dot at the end, the forms of an IP address, and characters that UTS 46 drops
/// or keeps although they are [invisible](is_visible). Joiners are left to UTS 46: some scripts need them.
pub(super) fn ascii_domain(domain: &str) -> Option<String> {
    if !are_visible(domain) {
        return None;
    }
    let rules = (AsciiDenyList::STD3, Hyphens::Check, DnsLength::Verify);
    let ascii = Uts46::new().to_ascii(domain.as_bytes(), rules.0, rules.1, rules.2).ok()?;
    // A client can send invisible characters in their ASCII form too.
    let is_name = are_visible(&unicode_domain(&ascii)) && !ends_in_number(&ascii);
    is_name.then(|| ascii.into_owned())
}

/// The Unicode form of a domain in its ASCII form.
pub(super) fn unicode_domain(ascii: &str) -> String {
    domain_to_unicode(ascii).0
}

/// An address with the Unicode form of its domain, or `None` if that is its ASCII form.
pub(crate) fn unicode_address(address: &str) -> Option<String> {
    let (local, domain) = address.rsplit_once('@')?;
    let unicode = unicode_domain(domain);
    (unicode != domain).then(|| format!("{local}@{unicode}"))
}

fn are_visible(domain: &str) -> bool {
    domain.chars().all(|character| is_visible(character) || is_joiner(character))
}

/// Whether the last label is a number, as in `192.0.2.1` and `0x7f.1`. No top-level domain is one (RFC 3696 §2), and
/// software that connects to such a name takes it for an IPv4 address (URL Standard §3.5).
fn ends_in_number(ascii: &str) -> bool {
    let last = ascii.rsplit('.').next().unwrap_or_default();
    let is_hex =
        last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    is_hex || last.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::super::characters::visible_texts;
    use super::*;

    #[test]
    fn both_forms_of_a_domain_are_one_domain() {
        for (domain, ascii) in [
            ("Example.COM", "example.com"),
            ("B\u{fc}cher.example", "xn--bcher-kva.example"),
            ("bu\u{308}cher.example", "xn--bcher-kva.example"),
            ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
            ("b\u{fc}cher\u{3002}example", "xn--bcher-kva.example"),
            ("stra\u{df}e.example", "xn--strae-oqa.example"),
            ("localhost", "localhost"),
            ("1.example", "1.example"),
            ("0xg.example.0xg", "0xg.example.0xg"),
            // A joiner where Persian needs it.
            ("\u{646}\u{627}\u{645}\u{647}\u{200c}\u{627}\u{6cc}.example", "xn--mgba3gch31f060k.example"),
        ] {
            assert_eq!(ascii_domain(domain).as_deref(), Some(ascii), "{domain}");
            assert_eq!(ascii_domain(&unicode_domain(ascii)).as_deref(), Some(ascii), "{domain}");
        }
    }

    #[test]
    fn the_unicode_form_of_every_accepted_character_is_that_domain() {
        let mut accepted = 0;
        for text in visible_texts() {
            let Some(ascii) = ascii_domain(&format!("b{text}b.example")) else { continue };
            accepted += 1;
            assert_eq!(ascii_domain(&unicode_domain(&ascii)), Some(ascii), "{text:?}");
        }
        assert!(accepted > 60_000, "{accepted} were accepted");
    }

    #[test]
    fn names_that_are_no_domain_are_refused() {
        let label = "x".repeat(63);
        let longest = format!("{}.{}", [label.as_str(); 3].join("."), "x".repeat(61));
        assert_eq!(longest.len(), 253);
        assert!(ascii_domain(&label).is_some() && ascii_domain(&longest).is_some());
        for domain in [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "a\u{3002}",
            "a b",
            "a_b.example",
            "-a.example",
            "a-.example",
            "ab--c.example",
            "[192.0.2.1]",
            "192.0.2.1",
            "0x7f.1",
            "a.0x",
            "\u{ff11}\u{ff12}",
            "a\u{ad}b.example",
            "a\u{200b}b.example",
            "a\u{200d}b.example",
            "\u{301}a.example",
            "a\u{ff20}b.example",
            "a\u{2100}b.example",
            "xn--a.example",
            "xn--abc-.example",
            // The ASCII form of a label with U+2800.
            "xn--a-4rq.example",
            &format!("{label}x"),
            &format!("{longest}x"),
        ] {
            assert_eq!(ascii_domain(domain), None, "{domain:?}");
        }
    }
}
