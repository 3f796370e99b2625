//! Everything that a change must pass.

use std::process::{Command, ExitCode};

use xtask::tools::{cargo, cargo_deny, root, step, succeeds};

use crate::arguments::Settings;
use crate::markers::LeftOut;
use crate::prepare::Preparation;
use crate::runner::EVERYTHING;
use crate::steps::Steps;
use crate::{browser, documents, features, loom, test};

/// One setting for everything that is built. Debug info costs a fifth of the build, and nothing is
/// built twice.
const BUILD: [(&str, &str); 2] = [("CARGO_PROFILE_DEV_DEBUG", "0"), ("CARGO_INCREMENTAL", "0")];

/// Runs every check, and prints how long each took.
pub(crate) fn run(settings: Settings) -> Result<(), String> {
    let mut steps = Steps::start();
    let done = all(&mut steps, settings);
    print!("{}", steps.table());
    done.map(|left_out| print!("{}", left_out.text()))
}

/// Runs this program again if the variables of [`BUILD`] are not set: all its children inherit
/// them.
pub(crate) fn restart() -> Option<ExitCode> {
    if BUILD.iter().all(|(name, value)| std::env::var(name).as_deref() == Ok(value)) {
        return None;
    }
    let again = std::env::current_exe()
        .and_then(|program| Command::new(program).args(std::env::args_os().skip(1)).envs(BUILD).status());
    match again {
        Ok(status) if status.success() => Some(ExitCode::SUCCESS),
        Ok(_) => Some(ExitCode::FAILURE),
        Err(error) => {
            eprintln!("ci: {error}");
            Some(ExitCode::FAILURE)
        }
    }
}

/// The quick checks first.
fn all(steps: &mut Steps, settings: Settings) -> Result<LeftOut, String> {
    let preparation = Preparation::start()?;
    components()?;
    steps.run("formatting", &mut cargo(&["fmt", "--all", "--check"]))?;
    let mut lints = cargo(&["clippy", "--all-targets"]);
    steps.run("lints", lints.args(EVERYTHING).args(["--", "-D", "warnings"]))?;
    let mut documentation = cargo(&["doc", "--no-deps"]);
    steps.run("documentation", documentation.args(EVERYTHING).env("RUSTDOCFLAGS", "-D warnings"))?;
    steps.time("features", features::check)?;
    steps.time("waiting for tools", || preparation.finish())?;
    steps.time("dependencies", dependencies)?;
    steps.time("test vectors", vectors)?;
    steps.time("loom", loom::run)?;
    let left_out = test::run(steps, settings)?;
    steps.time("OpenAPI documents", documents::validate)?;
    steps.time("browser", || browser::run(None))?;
    Ok(left_out)
}

/// A minimal toolchain lacks the formatter and the linter.
fn components() -> Result<(), String> {
    if ["fmt", "clippy"].into_iter().all(|name| succeeds(&mut cargo(&[name, "--version"]))) {
        return Ok(());
    }
    let mut rustup = Command::new("rustup");
    step("installing rustfmt and clippy", rustup.args(["component", "add", "rustfmt", "clippy"]))
}

/// The other implementation of the rotation's rules makes the same test vectors.
fn vectors() -> Result<(), String> {
    let mut python = Command::new("python3");
    python.arg(root().join("crates/gatewright-testkit/vectors/rotation.py")).arg("--check");
    step("test vectors of the rotation", &mut python)
}

/// Bans, licences and sources always; advisories if their database can be downloaded.
fn dependencies() -> Result<(), String> {
    let program = cargo_deny()?;
    let deny = |checks: &[&str]| {
        let mut command = Command::new(&program);
        command.args(["--all-features", "check"]).args(checks).current_dir(root());
        command
    };
    step("dependencies: bans, licenses, sources", &mut deny(&["bans", "licenses", "sources"]))?;
    if succeeds(Command::new(&program).args(["fetch", "db"]).current_dir(root())) {
        step("dependencies: advisories", &mut deny(&["--disable-fetch", "advisories"]))
    } else {
        println!("\n=== NOT CHECKED: advisories. Their database cannot be downloaded.");
        Ok(())
    }
}
