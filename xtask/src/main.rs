//! `cargo xtask test` runs every test, `cargo xtask ci` checks everything that must hold before a change lands.
//!
//! Neither needs more than a Rust toolchain and a C compiler; what else they use they install below `target`.

mod checks;
mod fuzz;
mod test;
mod tools;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask <command>

  test [--repeat N]   every test; cases that race are repeated N times (20)
  ci [--repeat N]     formatting, lints, dependencies, documentation, and every test
  fuzz [--seconds N]  the fuzz targets on their seeds, then each for N seconds (60); needs the nightly toolchain
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
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
