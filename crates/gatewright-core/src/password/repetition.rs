//! Passwords that repeat themselves, or are one sequence.

/// The least number of different characters in a password: 5.
pub const MIN_DIFFERENT_CHARACTERS: usize = 5;

/// Whether a folded password has fewer than [`MIN_DIFFERENT_CHARACTERS`] different characters, repeats one block
/// (the last time perhaps in part), or is one sequence.
pub(super) fn is_repetitive(folded: &str) -> bool {
    let characters: Vec<char> = folded.chars().collect();
    has_few(&characters) || repeats_one_block(&characters) || is_sequence(&characters)
}

fn has_few(characters: &[char]) -> bool {
    let mut different: Vec<char> = characters.to_vec();
    different.sort_unstable();
    different.dedup();
    different.len() < MIN_DIFFERENT_CHARACTERS
}

/// Whether the text equals itself when it is moved by at most half of its length.
fn repeats_one_block(characters: &[char]) -> bool {
    let longest = characters.len().div_ceil(2);
    (1..=longest).any(|block| {
        let moved = characters.get(block..).unwrap_or_default();
        !moved.is_empty() && moved.iter().zip(characters).all(|(one, other)| one == other)
    })
}

/// Whether each character follows the one before it, in one direction: `abc`, `321`, `aaa`. After `9` comes `0`.
pub(super) fn is_sequence(characters: &[char]) -> bool {
    let follows = |step: i64| {
        characters.windows(2).all(|pair| match pair {
            [one, next] => is_step(*one, *next, step),
            _ => false,
        })
    };
    [-1, 0, 1].into_iter().any(follows)
}

fn is_step(one: char, next: char, step: i64) -> bool {
    if let (Some(one), Some(next)) = (one.to_digit(10), next.to_digit(10)) {
        return (i64::from(one) + step).rem_euclid(10) == i64::from(next);
    }
    i64::from(u32::from(one)) + step == i64::from(u32::from(next))
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
        ] {
            assert!(is_repetitive(text), "{text}");
        }
        for text in ["correct horse battery staple", "abcdefghijklmnp", "abcdexabcdey", "1234567890123457"] {
            assert!(!is_repetitive(text), "{text}");
        }
    }

    #[test]
    fn the_shortest_texts_are_handled() {
        assert!(is_repetitive("") && is_repetitive("a"));
        assert!(is_sequence(&[]) && is_sequence(&['a']) && !is_sequence(&['a', 'c']));
    }
}
