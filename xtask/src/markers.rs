//! The names of tests that do not always run: a part of their path says what they need.

use crate::arguments::Settings;

/// The environment variable that names the folder of published test vectors.
pub(crate) const VECTORS: &str = "GATEWRIGHT_VECTORS";

/// Tests that one option leaves out: the markers in their paths, and why they did not run.
type Group = (&'static [&'static str], &'static str);

const SERVERS: Group = (
    &["on_postgres", "on_mysql", "on_redis"],
    "every test on PostgreSQL, MySQL and Redis, because of --only embedded",
);
const PUBLISHED: Group =
    (&["needs_vectors"], "tests against published vectors. Set GATEWRIGHT_VECTORS to their folder");
const FULL: Group = (&["full_product"], "tests in full size. They run with --full");

/// What this run leaves out.
#[derive(Debug)]
pub(crate) struct LeftOut(Vec<Group>);

impl LeftOut {
    pub(crate) fn new(settings: Settings, has_vectors: bool) -> Self {
        let groups = [(SERVERS, settings.only_embedded), (PUBLISHED, !has_vectors), (FULL, !settings.full)];
        Self(groups.into_iter().filter_map(|(group, is_left_out)| is_left_out.then_some(group)).collect())
    }

    /// A test whose path contains one of these does not run.
    pub(crate) fn markers(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().flat_map(|(markers, _)| *markers).copied()
    }

    /// One line for each group of tests that did not run.
    pub(crate) fn text(&self) -> String {
        self.0.iter().map(|(_, reason)| format!("\n=== NOT RUN: {reason}.\n")).collect()
    }
}

/// Fails if the path of an ignored test contains no marker: the test would run, and fail, on a
/// machine without what it needs. `list` has lines such as `feeds::on_redis::restart: test`.
pub(crate) fn check_ignored(list: &str) -> Result<(), String> {
    let markers = [SERVERS.0, PUBLISHED.0, FULL.0].concat();
    let tests = list.lines().filter_map(|line| line.strip_suffix(": test"));
    let unmarked: Vec<_> = tests.filter(|test| !markers.iter().any(|marker| test.contains(marker))).collect();
    if unmarked.is_empty() {
        return Ok(());
    }
    Err(format!("ignored tests must name what they need in their path: {}", unmarked.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Settings = Settings { repeat: 5, only_embedded: false, full: false };

    #[test]
    fn each_option_leaves_out_its_own_tests() {
        let left_out = |settings, vectors| LeftOut::new(settings, vectors).markers().collect::<Vec<_>>();
        assert_eq!(left_out(PLAIN, true), ["full_product"]);
        assert_eq!(left_out(PLAIN, false), ["needs_vectors", "full_product"]);
        assert!(left_out(Settings { full: true, ..PLAIN }, true).is_empty());
        let embedded = Settings { only_embedded: true, full: true, ..PLAIN };
        assert_eq!(left_out(embedded, true), ["on_postgres", "on_mysql", "on_redis"]);
    }

    #[test]
    fn each_group_that_did_not_run_is_reported() {
        let embedded = Settings { only_embedded: true, ..PLAIN };
        let text = LeftOut::new(embedded, false).text();
        assert_eq!(text.matches("NOT RUN").count(), 3, "{text}");
        assert!(text.contains(VECTORS), "{text}");
        assert_eq!(LeftOut::new(Settings { full: true, ..PLAIN }, true).text(), "");
    }

    #[test]
    fn ignored_tests_without_a_marker_are_found() {
        let marked =
            "feeds::on_redis::restart: test\n\npublished::needs_vectors::rsa: test\n2 tests, 0 benchmarks\n";
        assert_eq!(check_ignored(marked), Ok(()));
        assert!(check_ignored(&format!("{marked}slow: test\n")).unwrap_err().ends_with(": slow"));
    }
}
