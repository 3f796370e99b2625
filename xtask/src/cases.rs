//! The tests that ran, read from the output of a test runner.

use std::collections::BTreeMap;

/// Whether each test passed, by the name of its program, such as `axum_suites`, and its path in
/// the program.
#[derive(Debug, Default)]
pub(crate) struct Cases {
    passed: BTreeMap<(String, String), bool>,
    /// The program that `cargo test` runs at present. `cargo nextest` names the program with each
    /// test.
    current: String,
}

impl Cases {
    /// Reads a line of the output of `cargo nextest` or `cargo test`.
    pub(crate) fn line(&mut self, line: &str) {
        if let Some(program) = running(line) {
            program.clone_into(&mut self.current);
            return;
        }
        let cargo_test = || cargo_test(line).map(|(test, passed)| (self.current.as_str(), test, passed));
        if let Some((program, test, passed)) = nextest(line).or_else(cargo_test) {
            *self.passed.entry((program.to_owned(), test.to_owned())).or_insert(true) &= passed;
        }
    }

    /// The paths of the tests of one program, and whether each passed.
    pub(crate) fn of<'a>(&'a self, program: &'a str) -> impl Iterator<Item = (&'a str, bool)> {
        let own = self.passed.iter().filter(move |((in_program, _), _)| in_program == program);
        own.map(|((_, test), passed)| (test.as_str(), *passed))
    }
}

/// Reads a line such as `PASS [   0.012s] ( 3/99) axum-app::axum_suites http::on_memory::login`.
fn nextest(line: &str) -> Option<(&str, &str, bool)> {
    let (verdict, rest) = line.trim_start().split_once(" [")?;
    // A test that leaks a handle passed. The other words are of failures: FAIL, TIMEOUT, ABORT,
    // SIGSEGV and more.
    let passed = matches!(verdict, "PASS" | "LEAK");
    let is_verdict = verdict.len() > 3 && verdict.bytes().all(|byte| byte.is_ascii_uppercase());
    if !is_verdict || verdict == "SLOW" {
        return None;
    }
    let mut words = rest.split_whitespace().rev();
    let (test, program) = (words.next()?, words.next()?);
    Some((program.rsplit("::").next()?, test, passed))
}

/// The program that `cargo test` runs next, from a line such as
/// `Running tests/app.rs (target/debug/deps/axum_suites-0a1b)`.
fn running(line: &str) -> Option<&str> {
    let (_, path) = line.trim_start().strip_prefix("Running ")?.split_once('(')?;
    let file = path.trim_end().strip_suffix(')')?.rsplit('/').next()?;
    file.rsplit_once('-').map(|(program, _hash)| program)
}

/// Reads a line such as `test http::on_memory::login ... ok`.
fn cargo_test(line: &str) -> Option<(&str, bool)> {
    let (test, verdict) = line.strip_prefix("test ")?.split_once(" ... ")?;
    (!verdict.starts_with("ignored")).then(|| (test.trim_end_matches(" - should panic"), verdict == "ok"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEXTEST: &str = "\
    Starting 4 tests across 2 binaries (59 binaries skipped)
        PASS [   0.005s] (1/4) axum-app::axum_suites on_memory::login
        SLOW [> 60.000s] (───) gatewright-tests::suites slow::one
        LEAK [   0.105s] (2/4) axum-app::axum_suites on_memory::logout
        FAIL [   0.005s] (3/4) gatewright-tests::suites scenarios::in_memory::restart
  stdout ───
    PASS said the test
        PASS [  61.005s] (4/4) gatewright-tests::suites slow::one
     Summary [  61.177s] 4 tests run: 3 passed, 1 failed, 0 skipped
        FAIL [   0.005s] (3/4) gatewright-tests::suites scenarios::in_memory::restart
";

    const CARGO_TEST: &str = "\
     Running tests/app.rs (target/debug/deps/axum_suites-0a1b)
running 2 tests
test on_memory::login ... ok
test on_mysql::login ... ignored, needs a server
test on_memory::panics - should panic ... ok
     Running suites/main.rs (/tmp/target/debug/deps/suites-0c)
test scenarios::in_memory::restart ... FAILED
test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

    fn read(output: &str) -> Cases {
        let mut cases = Cases::default();
        output.lines().for_each(|line| cases.line(line));
        cases
    }

    #[test]
    fn verdicts_of_nextest_are_read() {
        let cases = read(NEXTEST);
        let http: Vec<_> = cases.of("axum_suites").collect();
        assert_eq!(http, [("on_memory::login", true), ("on_memory::logout", true)]);
        let suites: Vec<_> = cases.of("suites").collect();
        assert_eq!(suites, [("scenarios::in_memory::restart", false), ("slow::one", true)]);
        assert_eq!(cases.passed.len(), 4);
    }

    #[test]
    fn verdicts_of_cargo_test_are_read_for_each_program() {
        let cases = read(CARGO_TEST);
        let http: Vec<_> = cases.of("axum_suites").collect();
        assert_eq!(http, [("on_memory::login", true), ("on_memory::panics", true)]);
        let suites: Vec<_> = cases.of("suites").collect();
        assert_eq!(suites, [("scenarios::in_memory::restart", false)]);
    }
}
