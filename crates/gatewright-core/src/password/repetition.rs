//! Passwords that repeat themselves, or are one sequence.

use zeroize::Zeroizing;

use super::additions::{is_sequence, without_additions};

/// The least number of different characters in a password: 5.
pub const MIN_DIFFERENT_CHARACTERS: usize = 5;

/// The shortest text that is judged without its additions: 8 characters. What is left of a shorter one is often
/// regular by chance.
const MIN_WITHOUT_ADDITIONS: usize = 8;

/// Whether a folded password has fewer than [`MIN_DIFFERENT_CHARACTERS`] different characters, repeats one block
/// (the last time perhaps in part), or is one sequence. The last two also with a few digits and signs around it.
pub(super) fn is_repetitive(folded: &str) -> bool {
    let is_regular = |text: &str| repeats_one_block(text) || is_sequence(text);
    let is_long = |text: &&str| text.chars().count() >= MIN_WITHOUT_ADDITIONS;
    has_few(folded) || is_regular(folded) || without_additions(folded).filter(is_long).any(is_regular)
}

fn has_few(text: &str) -> bool {
    let mut different = Zeroizing::new(Vec::with_capacity(MIN_DIFFERENT_CHARACTERS));
    for character in text.chars() {
        if different.len() < MIN_DIFFERENT_CHARACTERS && !different.contains(&character) {
            different.push(character);
        }
    }
    different.len() < MIN_DIFFERENT_CHARACTERS
}

/// Whether the text equals itself when it is moved by at most half of its length.
fn repeats_one_block(text: &str) -> bool {
    // As many places as bytes, so no reallocation leaves a copy behind.
    let mut characters = Zeroizing::new(Vec::with_capacity(text.len()));
    characters.extend(text.chars());
    let block = shortest_block(&characters);
    block < characters.len() && block <= characters.len().div_ceil(2)
}

/// The least distance by which the text can be moved and equals itself: Knuth, Morris and Pratt. Its time is linear.
fn shortest_block(characters: &[char]) -> usize {
    // For each beginning of the text: the length of the longest shorter beginning that it ends with.
    let mut borders = Vec::with_capacity(characters.len());
    let mut border: usize = 0;
    for (index, character) in characters.iter().enumerate() {
        while border > 0 && characters.get(border) != Some(character) {
            border = borders.get(border - 1).copied().unwrap_or_default();
        }
        if index > 0 && characters.get(border) == Some(character) {
            border += 1;
        }
        borders.push(border);
    }
    characters.len() - border
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_characters_one_block_and_one_sequence_are_repetitive() {
        for text in [
            "               ",
            "aaaaaaaaaaaaaaa",
            "abcdabcddcbaabcd",
            "correct horse correct horse",
            "abcdefabcdefabc",
            "abcdefghijklmno",
            "onmlkjihgfedcba",
            "123456789012345",
            "987654321098765",
            "\u{3b1}\u{3b2}\u{3b3}\u{3b4}\u{3b5}\u{3b6}",
            "12345678901234!",
            "1234567890123457",
            "#abcdefghijklmn99",
            "aaaaaaaaaaaa1234",
            "abcabcabcabc2024",
            "abcdefgh12345678",
        ] {
            assert!(is_repetitive(text), "{text}");
        }
        for text in [
            "correct horse battery staple",
            "abcdefghijklmnp",
            "abcdexabcdey",
            "8391042718273645",
            "abcdefg 8391042",
            "!aaaa123",
        ] {
            assert!(!is_repetitive(text), "{text}");
        }
    }

    #[test]
    fn the_shortest_texts_are_handled() {
        assert!(is_repetitive("") && is_repetitive("a"));
        assert!(!repeats_one_block("") && !repeats_one_block("a") && repeats_one_block("aa"));
    }

    proptest::proptest! {
        #[test]
        fn the_shortest_block_is_the_least_move_onto_itself(text in "[abc]{1,12}") {
            let characters: Vec<char> = text.chars().collect();
            let moves = (1..=characters.len()).find(|block| characters.starts_with(&characters[*block..]));
            proptest::prop_assert_eq!(Some(shortest_block(&characters)), moves);
        }
    }
}
