//! Passwords that are a name of the user or of the service.

use zeroize::Zeroizing;

use crate::types::{fold, unicode_address};

/// The shortest word that is compared: 3 letters. Shorter ones would refuse good passwords.
const MIN_LETTERS: usize = 3;

/// Whether a folded password is one of the names, also repeated or with digits, signs and spaces around it.
///
/// Of an address, its local part, its domain and the first label of its domain are names too, in both forms of an
/// internationalised domain.
pub(super) fn is_a_name(folded: &str, names: impl IntoIterator<Item = impl AsRef<str>>) -> bool {
    let password = letters(folded);
    names.into_iter().any(|name| {
        let unicode = unicode_address(name.as_ref()).map(|name| fold(&name));
        let names = [Some(fold(name.as_ref())), unicode];
        names
            .iter()
            .flatten()
            .flat_map(|name| parts(name))
            .any(|part| part == folded || is_repeated(&password, &letters(part)))
    })
}

/// The name and, of an address, its parts.
fn parts(name: &str) -> impl Iterator<Item = &str> {
    let (local, domain) =
        name.rsplit_once('@').map_or((None, None), |(local, domain)| (Some(local), Some(domain)));
    let label = domain.and_then(|domain| domain.split('.').next());
    [Some(name), local, domain, label].into_iter().flatten()
}

fn letters(text: &str) -> Zeroizing<String> {
    // Not longer than the text, so no reallocation leaves a copy behind.
    let mut letters = Zeroizing::new(String::with_capacity(text.len()));
    letters.extend(text.chars().filter(|character| character.is_alphabetic()));
    letters
}

fn is_repeated(password: &str, word: &str) -> bool {
    let mut rest = password;
    while let Some(after) = rest.strip_prefix(word).filter(|_| word.chars().count() >= MIN_LETTERS) {
        rest = after;
    }
    rest.is_empty() && !password.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_repeated_and_with_digits_around_it() {
        let names = ["ada.lovelace@example.com", "Countess", "\u{212b}str\u{f6}m"];
        for text in [
            "ada.lovelace@example.com",
            "adalovelaceexamplecom",
            "1815 ada lovelace 1852",
            "adalovelaceadalovelace",
            "example.com-2024",
            "example-example-1",
            "countess12345678",
            "\u{e5}str\u{f6}m 20240101",
        ] {
            assert!(is_a_name(text, names), "{text}");
        }
        for text in ["countess of lovelace", "correct horse battery staple", "123456789", ""] {
            assert!(!is_a_name(text, names), "{text}");
        }
    }

    #[test]
    fn both_forms_of_an_internationalised_domain_are_names() {
        for text in
            ["b\u{fc}cher-b\u{fc}cher-b\u{fc}cher", "ada@b\u{fc}cher.example", "xn--bcher-kva.example"]
        {
            assert!(is_a_name(text, ["ada@xn--bcher-kva.example"]), "{text}");
        }
    }

    #[test]
    fn names_without_letters_and_short_ones_are_compared_as_a_whole() {
        assert!(is_a_name("8391042718273645", ["8391042718273645"]));
        assert!(!is_a_name("8391042718273645", ["4711", "", "@", "x", "jo@b"]));
        assert!(!is_a_name("jo83910427182736", ["jo"]));
    }
}
