//! The tests that ran, read from the output of a test runner.

use std::collections::BTreeMap;

/// A test: its program, such as `axum-app::http`, and its path in the program.
type Name = (String, String);

/// Whether each test passed.
#[derive(Debug, Default)]
pub(crate) struct Cases(BTreeMap<Name, bool>);

impl Cases {
    fn add(&mut self, program: &str, test: &str, passed: bool) {
        let all = self.0.entry((program.to_owned(), test.to_owned())).or_insert(true);
        *all &= passed;
    }

    /// The paths of the tests of one program, and whether each passed.
    pub(crate) fn of<'a>(&'a self, program: &'a str) -> impl Iterator<Item = (&'a str, bool)> {
        let own = self.0.iter().filter(move |((in_program, _), _)| in_program == program);
        own.map(|((_, test), passed)| (test.as_str(), *passed))
    }
}

/// Reads the output of a runner, line by line.
#[derive(Debug)]
pub(crate) enum Reader {
    /// `cargo nextest`: `PASS [   0.012s] ( 3/99) axum-app::http on_memory::login`.
    Nextest(Cases),
    /// `cargo test`: a line with the program's file, then `test on_memory::login ... ok`.
    CargoTest {
        /// The programs by the names of their files.
        programs: BTreeMap<String, String>,
        current: String,
        cases: Cases,
    },
}

impl Reader {
    pub(crate) fn line(&mut self, line: &str) {
        match self {
            Self::Nextest(cases) => {
                if let Some((program, test, passed)) = nextest(line) {
                    cases.add(program, test, passed);
                }
            }
            Self::CargoTest { programs, current, cases } => {
                if let Some(file) = running(line) {
                    programs.get(file).unwrap_or(&String::new()).clone_into(current);
                } else if let Some((test, passed)) = cargo_test(line) {
                    cases.add(current, test, passed);
                }
            }
        }
    }

    pub(crate) fn into_cases(self) -> Cases {
        match self {
            Self::Nextest(cases) | Self::CargoTest { cases, .. } => cases,
        }
    }
}

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
    Some((program, test, passed))
}

/// The file of the program that `cargo test` runs next.
fn running(line: &str) -> Option<&str> {
    let (_, path) = line.trim_start().strip_prefix("Running ")?.split_once('(')?;
    path.trim_end().strip_suffix(')')?.rsplit('/').next()
}

fn cargo_test(line: &str) -> Option<(&str, bool)> {
    let (test, verdict) = line.strip_prefix("test ")?.split_once(" ... ")?;
    (!verdict.starts_with("ignored")).then(|| (test.trim_end_matches(" - should panic"), verdict == "ok"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEXTEST: &str = "\
    Starting 4 tests across 2 binaries (59 binaries skipped)
        PASS [   0.005s] (1/4) axum-app::http on_memory::login
        SLOW [> 60.000s] (───) gatewright-tests::suites slow::one
        LEAK [   0.105s] (2/4) axum-app::http on_memory::logout
        FAIL [   0.005s] (3/4) gatewright-tests::suites scenarios::in_memory::restart
  stdout ───
    PASS said the test
        PASS [  61.005s] (4/4) gatewright-tests::suites slow::one
     Summary [  61.177s] 4 tests run: 3 passed, 1 failed, 0 skipped
        FAIL [   0.005s] (3/4) gatewright-tests::suites scenarios::in_memory::restart
";

    const CARGO_TEST: &str = "\
     Running tests/http.rs (target/debug/deps/http-0a1b)
running 2 tests
test on_memory::login ... ok
test on_mysql::login ... ignored, needs a server
test on_memory::panics - should panic ... ok
     Running suites/main.rs (/tmp/target/debug/deps/suites-0c)
test scenarios::in_memory::restart ... FAILED
test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

    fn read(mut reader: Reader, output: &str) -> Cases {
        output.lines().for_each(|line| reader.line(line));
        reader.into_cases()
    }

    #[test]
    fn verdicts_of_nextest_are_read() {
        let cases = read(Reader::Nextest(Cases::default()), NEXTEST);
        let http: Vec<_> = cases.of("axum-app::http").collect();
        assert_eq!(http, [("on_memory::login", true), ("on_memory::logout", true)]);
        let suites: Vec<_> = cases.of("gatewright-tests::suites").collect();
        assert_eq!(suites, [("scenarios::in_memory::restart", false), ("slow::one", true)]);
        assert_eq!(cases.0.len(), 4);
    }

    #[test]
    fn verdicts_of_cargo_test_are_read_for_each_program() {
        let programs = [("http-0a1b", "axum-app::http"), ("suites-0c", "gatewright-tests::suites")];
        let programs = programs.map(|(file, program)| (file.to_owned(), program.to_owned())).into();
        let reader = Reader::CargoTest { programs, current: String::new(), cases: Cases::default() };
        let cases = read(reader, CARGO_TEST);
        let http: Vec<_> = cases.of("axum-app::http").collect();
        assert_eq!(http, [("on_memory::login", true), ("on_memory::panics", true)]);
        let suites: Vec<_> = cases.of("gatewright-tests::suites").collect();
        assert_eq!(suites, [("scenarios::in_memory::restart", false)]);
    }
}
