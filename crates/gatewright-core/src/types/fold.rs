//! Names without the differences that do not make another name.

use unicode_normalization::UnicodeNormalization;

/// Folds case and compatible characters. The two changes of case also fold characters whose upper case has two
/// letters, and both forms of the Greek sigma.
pub(crate) fn fold(text: &str) -> String {
    let lower = text.nfkc().collect::<String>().to_lowercase();
    lower.to_uppercase().to_lowercase().nfkc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_key_does_not_change_when_it_is_folded_again(text in "\\PC{1,60}") {
            let key = fold(&text);
            proptest::prop_assert_eq!(fold(&key), key.clone());
            proptest::prop_assert_eq!(fold(&text.to_uppercase()), key.clone());
            proptest::prop_assert_eq!(fold(&text.to_lowercase()), key);
        }
    }
}
