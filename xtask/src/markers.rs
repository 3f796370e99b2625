//! The names of tests that do not always run: a part of their path says what they need.

use xtask::services::Kind;

use crate::arguments::Settings;

/// The environment variable that names the folder of published test vectors.
pub(crate) const VECTORS: &str = "GATEWRIGHT_VECTORS";

/// What a test can need.
const NEEDS: [Need; 5] = [
    Need::Server(Kind::Postgres),
    Need::Server(Kind::Mysql),
    Need::Server(Kind::Redis),
    Need::Vectors,
    Need::Full,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    Server(Kind),
    Vectors,
    Full,
}

impl Need {
    const fn marker(self) -> &'static str {
        match self {
            Self::Server(Kind::Postgres) => "on_postgres",
            Self::Server(Kind::Mysql) => "on_mysql",
            Self::Server(Kind::Redis) => "on_redis",
            Self::Vectors => "needs_vectors",
            Self::Full => "full_product",
        }
    }
}

/// What this run leaves out.
#[derive(Debug)]
pub(crate) struct LeftOut(Vec<Need>);

impl LeftOut {
    pub(crate) fn new(settings: Settings, has_vectors: bool) -> Self {
        let is_left_out = |need: &Need| match need {
            Need::Server(_) => settings.only_embedded,
            Need::Vectors => !has_vectors,
            Need::Full => !settings.full,
        };
        Self(NEEDS.into_iter().filter(is_left_out).collect())
    }

    /// A test whose path contains one of these does not run.
    pub(crate) fn markers(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|need| need.marker())
    }

    /// One line for each group of tests that did not run.
    pub(crate) fn text(&self) -> String {
        let mut lines = String::new();
        if self.0.contains(&Need::Server(Kind::Postgres)) {
            lines +=
                "\n=== NOT RUN: every test on PostgreSQL, MySQL and Redis, because of --only embedded.\n";
        }
        if self.0.contains(&Need::Vectors) {
            lines +=
                &format!("\n=== NOT RUN: tests against published vectors. Set {VECTORS} to their folder.\n");
        }
        if self.0.contains(&Need::Full) {
            lines += "\n=== NOT RUN: tests in full size. They run with --full.\n";
        }
        lines
    }
}

/// The tests among these that are ignored but whose path contains no marker: they would run, and
/// fail, on a machine without what they need.
pub(crate) fn without_marker<'a>(ignored: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    ignored.filter(|test| !NEEDS.iter().any(|need| test.contains(need.marker()))).collect()
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
        assert_eq!(LeftOut::new(Settings { full: true, ..PLAIN }, true).text(), "");
    }

    #[test]
    fn ignored_tests_without_a_marker_are_found() {
        let ignored = ["feeds::on_redis::restart", "slow", "published::needs_vectors::rsa"];
        assert_eq!(without_marker(ignored.into_iter()), ["slow"]);
    }
}
