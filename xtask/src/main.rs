//! `cargo xtask test` runs every test, `cargo xtask ci` checks everything that must hold before a change lands,
//! `cargo xtask services` starts and ends the servers that some tests need.
//!
//! The tests need a Rust toolchain and a C compiler, and PostgreSQL, MariaDB and Redis unless they are told to do without.
//! The rest is installed: tools below `target`, and, where it runs as root on Debian, packages: the servers, and what `ci`
//! and `test --browser` need (Chromium and its driver, Python). Servers that cannot be installed run in containers, where a
//! Docker engine answers.

mod browser;
mod checks;
mod documents;
mod fuzz;
mod scenarios;
mod test;

use std::process::ExitCode;

use xtask::services::{self, Kind};

const USAGE: &str = "\
cargo xtask <command>

  test [--repeat N] [--only embedded]
                         every test; cases that race are repeated N times (20). Tests that need PostgreSQL,
                         MariaDB or Redis use the servers that GATEWRIGHT_TEST_POSTGRES_URL, .._MYSQL_URL and
                         .._REDIS_URL name, or others that are started and end with the run; they are left
                         out with --only embedded
  test --browser [FILE]  the examples' Swagger UI in Chromium; a screenshot goes to FILE
  scenarios [--only embedded]
                         the refresh scenarios alone, and what each came to on each storage, as a table
  services up            starts those servers and leaves them running; prints the variables, for
                         eval \"$(cargo xtask services up)\"
  services down          ends them
  ci [--repeat N]        formatting, lints, dependencies, documentation, every test, the browser,
                         and the examples' documents held against OpenAPI 3.1
  fuzz [--seconds N]     the fuzz targets on their seeds, then each for N seconds (60); needs the
                         nightly toolchain
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["test", "--browser"] => browser::run(None),
        ["test", "--browser", file] => browser::run(Some(file)),
        ["test", options @ ..] => settings(options).and_then(test::run),
        ["scenarios", options @ ..] => settings(options).and_then(test::scenarios),
        ["services", "up"] => services::up().map(|lines| print!("{lines}")),
        ["services", "down"] => services::down().map(|ended| eprintln!("{ended} servers ended")),
        ["ci", options @ ..] => settings(options).and_then(checks::run),
        ["fuzz"] => fuzz::run(60),
        ["fuzz", "--seconds", seconds] => count("--seconds", seconds).and_then(fuzz::run),
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// What the tests are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Settings {
    /// How often cases that race are repeated.
    repeat: u32,
    /// Whether tests that need servers are left out.
    only_embedded: bool,
}

fn settings(options: &[&str]) -> Result<Settings, String> {
    let mut settings = Settings { repeat: 20, only_embedded: false };
    let mut options = options;
    while let [name, value, rest @ ..] = options {
        match (*name, *value) {
            ("--repeat", number) => settings.repeat = count("--repeat", number)?,
            ("--only", "embedded") => settings.only_embedded = true,
            _ => return Err(USAGE.to_owned()),
        }
        options = rest;
    }
    if options.is_empty() { Ok(settings) } else { Err(USAGE.to_owned()) }
}

fn count(option: &str, number: &str) -> Result<u32, String> {
    match number.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("{option}: {number} is not a number above zero")),
    }
}

/// How the tests that need a server are named: something in their path says so.
const fn marker(kind: Kind) -> &'static str {
    match kind {
        Kind::Postgres => "on_postgres",
        Kind::Mysql => "on_mysql",
        Kind::Redis => "on_redis",
    }
}
