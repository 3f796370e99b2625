//! Digits, signs and sequences that people add to a password.

/// This many digits and signs before or behind a text are not looked at.
const MAX_ADDED: usize = 4;

/// The text, and the text without what people add to it: 0 to [`MAX_ADDED`] digits and signs at each side, or all of
/// them at a side where they are one sequence, such as `12345678`. At most 26 texts.
pub(super) fn without_additions(text: &str) -> impl Iterator<Item = &str> {
    let trimmed = successive(text, |text| text.strip_prefix(is_addition));
    let trimmed = trimmed.flat_map(|rest| successive(rest, |rest| rest.strip_suffix(is_addition)));
    trimmed.chain(core(text))
}

/// The text, and what `shorten` makes of it up to [`MAX_ADDED`] times.
fn successive<'a>(
    text: &'a str,
    shorten: impl Fn(&&'a str) -> Option<&'a str>,
) -> impl Iterator<Item = &'a str> {
    std::iter::successors(Some(text), shorten).take(MAX_ADDED + 1)
}

/// The text without all digits and signs at both sides, if they are few or a sequence at each.
fn core(text: &str) -> Option<&str> {
    let core = text.trim_matches(is_addition);
    let (before, behind) = text.split_once(core)?;
    (!core.is_empty() && is_predictable(before) && is_predictable(behind)).then_some(core)
}

fn is_addition(character: char) -> bool {
    !character.is_alphabetic()
}

fn is_predictable(added: &str) -> bool {
    added.chars().count() <= MAX_ADDED || is_sequence(added)
}

/// Whether each character follows the one before it, in one direction: `abc`, `321`, `aaa`. After `9` comes `0`.
pub(super) fn is_sequence(text: &str) -> bool {
    let follows =
        |step: i64| text.chars().zip(text.chars().skip(1)).all(|(one, next)| is_step(one, next, step));
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
    fn every_number_of_additions_is_taken_away_at_each_side() {
        let texts: Vec<&str> = without_additions("1a2!").collect();
        assert_eq!(texts, ["1a2!", "1a2", "1a", "a2!", "a2", "a", "a"]);
        assert_eq!(without_additions("").collect::<Vec<_>>(), [""]);
        assert_eq!(without_additions("\u{e9}").collect::<Vec<_>>(), ["\u{e9}", "\u{e9}"]);
        assert_eq!(without_additions("12345678word87654321").last(), Some("word"));
        assert_eq!(without_additions("83910427word").last(), Some("0427word"), "no sequence");
        assert_eq!(without_additions(&"1".repeat(30)).count(), 25);
        assert_eq!(without_additions("1234567words1234567").count(), 26);
    }

    #[test]
    fn the_shortest_texts_are_sequences() {
        assert!(is_sequence("") && is_sequence("a") && is_sequence("890") && !is_sequence("ac"));
    }
}
