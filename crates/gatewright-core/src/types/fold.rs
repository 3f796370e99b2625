//! Texts without the differences that do not count.

use icu_casemap::CaseMapper;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// NFKC makes at most this many bytes of one, so no reallocation leaves a copy behind.
const MAX_GROWTH: usize = 11;

/// The trimmed text in Unicode NFC. `None` if it has more bytes than `longest`, with the space around it or in NFC.
///
/// All names begin with it, so a text that one of their types accepts is not too long for another one. The length as
/// received is checked before any other work.
pub(super) fn composed(text: &str, longest: usize) -> Option<String> {
    if text.len() > longest {
        return None;
    }
    let composed = text.trim().nfc().collect::<String>();
    (composed.len() <= longest).then_some(composed)
}

/// Folds the case of a name with the simple mappings of Unicode (status C and S of `CaseFolding.txt`), and normalises it
/// (NFC). They fold both forms of the Greek sigma, and never one letter into two: `ß` is not `ss`.
pub(super) fn fold_case(text: &str) -> String {
    let mapper = CaseMapper::new();
    text.nfc().map(|character| mapper.simple_fold(character)).nfc().collect()
}

/// Folds case and compatible characters, for comparisons of passwords with words. The two changes of case also fold
/// characters whose upper case has two letters, and both forms of the Greek sigma.
///
/// The text may be a password, so what is made on the way is wiped. The caller wipes the result.
pub(crate) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let lower = Zeroizing::new(compatible(text).to_lowercase());
    let upper = Zeroizing::new(lower.to_uppercase());
    let lower = Zeroizing::new(upper.to_lowercase());
    compatible(&lower).as_str().to_owned()
}

fn compatible(text: &str) -> Zeroizing<String> {
    let mut folded = Zeroizing::new(String::with_capacity(text.len().saturating_mul(MAX_GROWTH)));
    folded.extend(text.nfkc());
    folded
}

#[cfg(test)]
mod tests {
    use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

    use super::*;

    #[test]
    fn case_is_folded_by_the_simple_mappings() {
        for (text, folded) in [
            ("ADA", "ada"),
            ("\u{3a3}\u{3c3}\u{3c2}", "\u{3c3}\u{3c3}\u{3c3}"),
            ("\u{212a}", "k"),
            ("E\u{301}", "\u{e9}"),
            ("\u{17f}", "s"),
            ("\u{1e9e}", "\u{df}"),
            ("\u{df}", "\u{df}"),
            ("\u{130}I\u{131}", "\u{130}i\u{131}"),
            ("\u{13a0}\u{ab70}", "\u{13a0}\u{13a0}"),
            ("\u{fb01}", "\u{fb01}"),
        ] {
            assert_eq!(fold_case(text), folded, "{text}");
        }
    }

    /// A capital letter that ICU4X does not know would be accepted and not folded. Cherokee's capitals are its folded form,
    /// and U+0130 has only a mapping of status F and T.
    #[test]
    fn all_capital_letters_of_the_properties_are_folded() {
        let mapper = CaseMapper::new();
        let is_capital = |character: &char| character.general_category() == GeneralCategory::UppercaseLetter;
        let is_usual = |character: &char| character.nfkc().eq([*character]);
        let capitals = ('\0'..='\u{10ffff}').filter(is_capital).filter(is_usual);
        let unfolded: Vec<char> =
            capitals.filter(|capital| mapper.simple_fold(*capital) == *capital).collect();
        let others: Vec<char> =
            unfolded.iter().copied().filter(|capital| !('\u{13a0}'..='\u{13f5}').contains(capital)).collect();
        assert_eq!(others, ['\u{130}']);
        assert_eq!(unfolded.len(), 1 + 86);
        // Unicode 17: Beria Erfe and Latin.
        assert_eq!(fold_case("\u{16ea0}\u{a7ce}"), "\u{16ebb}\u{a7cf}");
    }

    proptest::proptest! {
        #[test]
        fn a_folded_name_does_not_change_when_it_is_folded_again(text in "\\PC{1,60}") {
            let folded = fold_case(&text);
            proptest::prop_assert_eq!(fold_case(&folded), folded);
        }

        #[test]
        fn a_key_does_not_change_when_it_is_folded_again(text in "\\PC{1,60}") {
            let key = fold(&text);
            proptest::prop_assert_eq!(fold(&key), key.clone());
            proptest::prop_assert_eq!(fold(&text.to_uppercase()), key.clone());
            proptest::prop_assert_eq!(fold(&text.to_lowercase()), key);
        }

        #[test]
        fn ascii_is_folded_as_other_text(text in "[ -~]{0,60}") {
            let other = fold(&format!("{text}\u{e9}"));
            proptest::prop_assert_eq!(fold(&text) + "\u{e9}", other);
        }
    }
}
