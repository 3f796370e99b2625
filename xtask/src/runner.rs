//! Running the tests: with `cargo nextest`, or with `cargo test` if it is not installed.

use std::io::{BufRead, BufReader, pipe};
use std::process::Command;

use xtask::tools::cargo;

use crate::cases::{Cases, Reader};
use crate::programs::{self, Program, TESTED};

/// What runs.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    /// Cargo's arguments that select programs, beside those of the build.
    pub(crate) selection: &'a [&'a str],
    /// Parts of the paths of tests: to run only some, and to leave some out.
    pub(crate) only: Option<&'a str>,
    pub(crate) skip: Vec<&'a str>,
    pub(crate) variables: Vec<(&'a str, String)>,
}

impl Run<'_> {
    /// Runs the tests and returns what each came to, also if some failed.
    ///
    /// # Errors
    /// If the runner cannot be started.
    pub(crate) fn start(&self, built: &[Program]) -> Result<(Cases, Result<(), String>), String> {
        println!("\n=== tests");
        let (command, reader) = if has_nextest() {
            (self.nextest(), Reader::Nextest(Cases::default()))
        } else {
            let programs = programs::by_file(built);
            (
                self.cargo_test(),
                Reader::CargoTest { programs, current: String::new(), cases: Cases::default() },
            )
        };
        follow(command, reader).map_err(|error| format!("tests: {error}"))
    }

    fn nextest(&self) -> Command {
        let mut command = cargo(&["nextest", "run", "--no-fail-fast", "--status-level", "pass"]);
        command.args(["--test-threads", &threads()]);
        self.rest(command)
    }

    fn cargo_test(&self) -> Command {
        let mut command = cargo(&["test", "--no-fail-fast"]);
        if self.selection.is_empty() {
            // Every program, without the examples in the documentation.
            command.args(["--lib", "--bins", "--tests"]);
        }
        command.env("RUST_TEST_THREADS", threads());
        self.rest(command)
    }

    fn rest(&self, mut command: Command) -> Command {
        command.args(TESTED).args(self.selection);
        command.arg("--").args(self.only);
        // What needs something is ignored, so that it never passes without it. Here it is left out
        // by its name.
        command.arg("--include-ignored").args(self.skip.iter().flat_map(|part| ["--skip", part]));
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// Many tests wait for a server or a heartbeat: twice as many run at once as there are cores.
fn threads() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (2 * cores).to_string()
}

fn has_nextest() -> bool {
    cargo(&["nextest", "--version"]).output().is_ok_and(|output| output.status.success())
}

/// Prints the output of the command as it comes, and reads the tests' results in it.
fn follow(mut command: Command, mut reader: Reader) -> std::io::Result<(Cases, Result<(), String>)> {
    let (output, input) = pipe()?;
    command.stdout(input.try_clone()?).stderr(input);
    let mut child = command.spawn()?;
    // The command holds the writing ends of the pipe, which would keep it open.
    drop(command);
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        reader.line(&line);
    }
    let status = child.wait()?;
    let done = if status.success() { Ok(()) } else { Err(format!("tests: failed ({status})")) };
    Ok((reader.into_cases(), done))
}
