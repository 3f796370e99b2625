//! Building and running the tests: with `cargo nextest`, or with `cargo test` if it is not
//! installed.

use std::io::{BufRead, BufReader, pipe};
use std::process::Command;

use xtask::tools::{cargo, step, succeeds};

use crate::cases::Cases;
use crate::markers::LeftOut;

/// The selection of commands that only check. With another selection, Cargo would check dependencies
/// again, with other features.
pub(crate) const EVERYTHING: [&str; 3] = ["--workspace", "--all-features", "--locked"];

/// The selection of commands that build programs, for the same reason. The benches have no tests,
/// and many dependencies.
pub(crate) const TESTED: [&str; 5] =
    ["--workspace", "--exclude", "gatewright-benches", "--all-features", "--locked"];

/// The arguments that select every test program, without the examples in the documentation.
pub(crate) const PROGRAMS: &[&str] = &["--lib", "--bins", "--tests"];

/// A command of Cargo for the test programs, and perhaps tests, that `selection` names.
fn tested(command: &[&str], selection: &[&str]) -> Command {
    let mut command = cargo(command);
    command.args(TESTED).args(selection);
    command
}

/// Builds the test programs.
pub(crate) fn build(selection: &[&str]) -> Result<(), String> {
    step("build of the tests", &mut tested(&["test", "--no-run"], selection))
}

/// Lists the tests that are ignored by default: lines such as `feeds::on_redis::restart: test`.
pub(crate) fn ignored() -> Result<String, String> {
    let output = tested(&["test"], PROGRAMS).args(["--", "--list", "--ignored"]).output();
    let output = output.map_err(|error| format!("list of ignored tests: {error}"))?;
    if !output.status.success() {
        return Err(format!("list of ignored tests: {}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs the tests and returns the result of each, and whether the runner succeeded.
///
/// # Errors
/// If the runner cannot be started.
pub(crate) fn run(
    selection: &[&str],
    left_out: &LeftOut,
    variables: Vec<(&str, String)>,
) -> Result<(Cases, Result<(), String>), String> {
    println!("\n=== tests");
    let has_nextest = succeeds(&mut cargo(&["nextest", "--version"]));
    let runner: &[&str] = if has_nextest { &["nextest", "run", "--status-level", "pass"] } else { &["test"] };
    let mut command = tested(runner, selection);
    // Tests that need something are ignored, so that they never pass without it. This run includes
    // them, and skips by name those whose needs are not met.
    command.args(["--no-fail-fast", "--", "--include-ignored"]);
    command.args(left_out.markers().flat_map(|marker| ["--skip", marker])).envs(variables);
    // Many tests wait for a server or a heartbeat: twice as many run at once as there are cores.
    let threads = (2 * std::thread::available_parallelism().map_or(1, usize::from)).to_string();
    command.env("NEXTEST_TEST_THREADS", &threads).env("RUST_TEST_THREADS", &threads);
    follow(command).map_err(|error| format!("tests: {error}"))
}

/// Prints the output of the command as it comes, and reads the tests' results in it.
fn follow(mut command: Command) -> std::io::Result<(Cases, Result<(), String>)> {
    let (output, input) = pipe()?;
    command.stdout(input.try_clone()?).stderr(input);
    let mut child = command.spawn()?;
    // The command holds the writing ends of the pipe, which would keep it open.
    drop(command);
    let mut cases = Cases::default();
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        cases.line(&line);
    }
    let status = child.wait()?;
    let done = if status.success() { Ok(()) } else { Err(format!("tests: failed ({status})")) };
    Ok((cases, done))
}
