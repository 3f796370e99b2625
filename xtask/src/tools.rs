//! Running programs, and finding or installing those that are not part of Rust.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The versions that are installed if a tool is missing.
const CARGO_DENY: &str = "0.20.2";
const CARGO_FUZZ: &str = "0.13.2";

/// The workspace's root.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Cargo's target folder.
#[must_use]
pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |named| root().join(named))
}

/// The folder for tools that are installed once on a machine: `gatewright-tools` in Cargo's home.
#[must_use]
pub fn tools() -> PathBuf {
    let home = || env::home_dir().unwrap_or_else(|| root().join("target"));
    let cargo_home = env::var_os("CARGO_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    cargo_home.unwrap_or_else(|| home().join(".cargo")).join("gatewright-tools")
}

/// The Cargo that runs this program.
#[must_use]
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// Prints the name of a step and runs its command.
///
/// # Errors
/// If the command cannot be run or fails.
pub fn step(name: &str, command: &mut Command) -> Result<(), String> {
    println!("\n=== {name}");
    finish(name, command)
}

/// Runs a command. The error contains the name.
pub(crate) fn finish(name: &str, command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("{name}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{name}: failed ({status})")) }
}

/// `cargo-deny`: from the path, or else installed in [`tools`]. The build is not optimized: that
/// takes a minute, and the program is fast enough.
///
/// # Errors
/// If it cannot be built.
pub fn cargo_deny() -> Result<PathBuf, String> {
    tool("cargo-deny", CARGO_DENY)
}

/// `cargo-fuzz`, found or installed as [`cargo_deny`].
///
/// # Errors
/// If it cannot be built.
pub fn cargo_fuzz() -> Result<PathBuf, String> {
    tool("cargo-fuzz", CARGO_FUZZ)
}

fn tool(name: &str, version: &str) -> Result<PathBuf, String> {
    let on_path = PathBuf::from(name);
    if works(&on_path) {
        return Ok(on_path);
    }
    let folder = tools().join(format!("{name}-{version}"));
    let installed = folder.join("bin").join(name);
    if !works(&installed) {
        let root = folder.display().to_string();
        let mut install =
            cargo(&["install", name, "--version", version, "--locked", "--debug", "--root", &root]);
        step(&format!("installing {name}"), install.env("CARGO_PROFILE_DEV_DEBUG", "0"))?;
    }
    Ok(installed)
}

/// Whether the program exists and prints its version.
#[must_use]
pub fn works(program: impl AsRef<OsStr>) -> bool {
    succeeds(Command::new(program).arg("--version"))
}

/// Whether the command can be run and succeeds. Its output is discarded.
#[must_use]
pub fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}
