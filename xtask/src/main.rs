//! `cargo xtask test` runs every test, `cargo xtask ci` checks everything that must hold before a change lands.
//!
//! The tests need a Rust toolchain and a C compiler, nothing else. The rest is installed: tools below `target`, and, where
//! it runs as root on Debian, the packages that `ci` and `test --browser` need (Chromium and its driver, Python).

mod browser;
mod checks;
mod debian;
mod documents;
mod fuzz;
mod test;
mod tools;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask <command>

  test [--repeat N]      every test; cases that race are repeated N times (20)
  test --browser [FILE]  the examples' Swagger UI in Chromium; a screenshot goes to FILE
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
        ["test", options @ ..] => repeat(options).and_then(test::run),
        ["ci", options @ ..] => repeat(options).and_then(checks::run),
        ["fuzz", options @ ..] => number(options, "--seconds", 60).and_then(fuzz::run),
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

/// How often cases that race are repeated.
fn repeat(options: &[&str]) -> Result<u32, String> {
    number(options, "--repeat", 20)
}

/// The one option of a command: a number above zero.
fn number(options: &[&str], name: &str, default: u32) -> Result<u32, String> {
    match options {
        [] => Ok(default),
        [option, number] if *option == name => match number.parse() {
            Ok(number) if number > 0 => Ok(number),
            _ => Err(format!("{name}: {number} is not a number above zero")),
        },
        _ => Err(USAGE.to_owned()),
    }
}
