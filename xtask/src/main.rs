//! `cargo xtask test` runs every test, `cargo xtask ci` checks everything that a change must pass,
//! and `cargo xtask services` starts and ends the servers that some tests need. `cargo xtask help`
//! lists all commands.
//!
//! A Rust toolchain and a C compiler must be installed. PostgreSQL, MariaDB, Redis, Chromium and
//! Python are installed if this program runs as root on Debian. Servers that cannot be installed
//! run in containers, if a Docker engine answers.

mod usage;
mod arguments;
mod markers;
mod steps;
mod cases;
mod runner;
mod report;
mod scenarios;
mod documents;
mod browser;
mod prepare;
mod features;
mod fuzz;
mod loom;
mod test;
mod checks;

use std::process::ExitCode;

use arguments::{count, settings};
use steps::Steps;
use xtask::services;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["ci", ..] = arguments.as_slice()
        && let Some(code) = checks::restart()
    {
        return code;
    }
    if let Some(line) = usage::announcement(&arguments) {
        eprintln!("{line}");
    }
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<(), String> {
    let usage = usage::TEXT;
    match arguments {
        ["help"] => {
            print!("{usage}");
            Ok(())
        }
        ["test", "--browser"] => browser::run(None),
        ["test", "--browser", file] => browser::run(Some(file)),
        ["test", options @ ..] => {
            let left_out = test::run(&mut Steps::start(), settings(options, usage)?)?;
            print!("{}", left_out.text());
            Ok(())
        }
        ["scenarios", options @ ..] => test::scenarios(settings(options, usage)?),
        ["services", "up"] => services::up().map(|lines| print!("{lines}")),
        ["services", "down"] => services::down().map(|ended| eprintln!("{ended} servers ended")),
        ["ci", options @ ..] => checks::run(settings(options, usage)?),
        ["loom"] => loom::run(),
        ["prepare"] => prepare::run(),
        ["fuzz"] => fuzz::run(60),
        ["fuzz", "--seconds", seconds] => fuzz::run(count("--seconds", seconds)?),
        _ => Err(usage.to_owned()),
    }
}
