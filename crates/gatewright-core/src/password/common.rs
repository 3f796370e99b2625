//! The list of common passwords.

use super::repetition::is_sequence;

/// The list, below a header that names its sources and their licence. An empty line ends the header.
const FILE: &str = include_str!("../../data/common_passwords.txt");

/// A common password with at most this many digits and signs before and behind it is common too.
const MAX_ADDED: usize = 4;

/// Whether a folded password is on the list, also with a few digits and signs or a sequence around it, such as
/// `12345678`.
pub(super) fn is_common(folded: &str) -> bool {
    let list = entries();
    if contains(list, folded) {
        return true;
    }
    let core = folded.trim_matches(is_addition);
    let added = folded.split_once(core).map(|(before, behind)| [before, behind]);
    !core.is_empty()
        && added.is_some_and(|added| added.into_iter().all(is_predictable))
        && contains(list, core)
}

fn is_addition(character: char) -> bool {
    !character.is_alphabetic()
}

fn is_predictable(added: &str) -> bool {
    let characters: Vec<char> = added.chars().collect();
    characters.len() <= MAX_ADDED || is_sequence(&characters)
}

/// The lines of the list, sorted byte by byte.
fn entries() -> &'static str {
    FILE.split_once("\n\n").map_or("", |(_, entries)| entries)
}

/// Searches sorted lines by halving.
fn contains(mut lines: &str, entry: &str) -> bool {
    while !lines.is_empty() {
        let middle = lines.len() / 2;
        let half = lines.as_bytes().get(..middle).unwrap_or_default();
        let start = half.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let Some((before, from)) = lines.split_at_checked(start) else { return false };
        let (line, after) = from.split_once('\n').unwrap_or((from, ""));
        match entry.cmp(line) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => lines = before,
            std::cmp::Ordering::Greater => lines = after,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The search would miss entries of a list in another order.
    #[test]
    fn the_list_is_sorted_small_and_names_its_licence() {
        assert!(FILE.len() <= 300 * 1024, "{} bytes", FILE.len());
        let header = FILE.split("\n\n").next().unwrap();
        assert!(header.contains("MIT licence") && header.lines().all(|line| line.starts_with('#')));
        let lines: Vec<&str> = entries().lines().collect();
        assert_eq!(lines.len(), 25_774);
        assert!(lines.is_sorted_by(|one, next| one < next));
        assert!(lines.iter().all(|line| line.len() >= 8 && *line == line.to_lowercase()));
        assert_eq!(lines.iter().filter(|line| line.len() >= 15).count(), 7_865);
    }

    #[test]
    fn every_entry_is_found_and_nothing_else() {
        for line in entries().lines() {
            assert!(contains(entries(), line), "{line}");
        }
        for other in
            ["", "a", "passwor", "password\n", "zzzzzzzzz{", "\u{e9}", "correct horse battery staple"]
        {
            assert!(!contains(entries(), other), "{other}");
        }
        assert!(!contains("", "password"));
    }

    #[test]
    fn a_common_password_with_a_predictable_addition_is_common() {
        for text in
            ["password12345678", "12345678password", "password!!!!!!!!", "christopher2024", "!!iloveyou1!11"]
        {
            assert!(is_common(text), "{text}");
        }
        for text in ["password83910427", "passwordpastry", "xpassword12345678", "8391042718273645", "!!!!"] {
            assert!(!is_common(text), "{text}");
        }
    }
}
