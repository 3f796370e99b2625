//! The commands, and how long each takes.

/// The text for `help` and for mistakes: a paragraph for each command, after a heading.
pub(crate) const TEXT: &str = include_str!("../usage.txt");

/// The first line of a run. `None` for unknown commands and for `help`.
pub(crate) fn announcement(arguments: &[&str]) -> Option<String> {
    let call = arguments.join(" ");
    let (name, time) = times().find(|(name, _)| call.starts_with(name))?;
    Some(format!("cargo xtask {name}: takes {time}"))
}

/// The name of each command, and the line that says how long it takes.
fn times() -> impl Iterator<Item = (&'static str, &'static str)> {
    TEXT.split("\n\n").skip(1).filter_map(|paragraph| {
        let name = paragraph.lines().next()?.split('[').next()?.trim();
        Some((name, paragraph.lines().find_map(|line| line.trim().strip_prefix("Takes "))?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_says_how_long_it_takes() {
        let names: Vec<&str> = times().map(|(name, _)| name).collect();
        assert_eq!(
            names,
            ["test", "scenarios", "services up", "services down", "ci", "loom", "prepare", "fuzz"]
        );
        assert!(announcement(&["services", "up"]).unwrap().contains("seconds"));
        assert_eq!(announcement(&["bench"]), None);
    }
}
