//! What the commands take as options.

/// How often a case that races is repeated: by default, and with `--full`.
const REPEAT: u32 = 5;
const FULL_REPEAT: u32 = 20;

/// The options of commands that run tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settings {
    /// How often cases that race are repeated.
    pub(crate) repeat: u32,
    /// Whether tests that need servers are left out.
    pub(crate) only_embedded: bool,
    /// Whether tests run in full size that otherwise run in a small one, or not at all.
    pub(crate) full: bool,
}

/// Parses the options of a command that runs tests. `usage` is the error for an unknown option.
pub(crate) fn settings(options: &[&str], usage: &str) -> Result<Settings, String> {
    let (mut repeat, mut only_embedded, mut full) = (None, false, false);
    let mut options = options.iter().copied();
    while let Some(option) = options.next() {
        match option {
            "--full" => full = true,
            "--only" if options.next() == Some("embedded") => only_embedded = true,
            "--repeat" => repeat = Some(count(option, options.next().unwrap_or_default())?),
            _ => return Err(usage.to_owned()),
        }
    }
    let repeat = repeat.unwrap_or(if full { FULL_REPEAT } else { REPEAT });
    Ok(Settings { repeat, only_embedded, full })
}

/// Parses a number above zero.
pub(crate) fn count(option: &str, number: &str) -> Result<u32, String> {
    match number.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("{option}: must be a number above zero, is {number:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_runs_repeat_more_often_unless_told_otherwise() {
        let parsed = |options: &[&str]| settings(options, "usage").map(|settings| settings.repeat);
        assert_eq!(parsed(&[]), Ok(REPEAT));
        assert_eq!(parsed(&["--full", "--only", "embedded"]), Ok(FULL_REPEAT));
        assert_eq!(parsed(&["--repeat", "3", "--full"]), Ok(3));
    }

    #[test]
    fn unknown_and_incomplete_options_are_errors() {
        for options in [&["--fast"][..], &["--only"], &["--only", "redis"], &["--repeat"], &["--repeat", "0"]]
        {
            assert!(settings(options, "usage").is_err(), "{options:?}");
        }
    }
}
