//! Running programs, and finding or installing those that are not part of Rust.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The versions that are installed when there is none.
const CARGO_DENY: &str = "0.20.2";
const CARGO_FUZZ: &str = "0.13.2";

/// The workspace's root.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Where cargo builds.
#[must_use]
pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |named| root().join(named))
}

/// Cargo, as it runs this program.
#[must_use]
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// Runs a step, saying which.
///
/// # Errors
/// When it cannot be run or fails.
pub fn step(name: &str, command: &mut Command) -> Result<(), String> {
    println!("\n=== {name}");
    let status = command.status().map_err(|error| format!("{name}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{name}: failed ({status})")) }
}

/// `cargo-deny`: the one on the path, or one built below `target`; an unoptimized build takes a minute and is fast
/// enough.
///
/// # Errors
/// When it cannot be built.
pub fn cargo_deny() -> Result<PathBuf, String> {
    tool("cargo-deny", CARGO_DENY)
}

/// `cargo-fuzz`, likewise.
///
/// # Errors
/// When it cannot be built.
pub fn cargo_fuzz() -> Result<PathBuf, String> {
    tool("cargo-fuzz", CARGO_FUZZ)
}

fn tool(name: &str, version: &str) -> Result<PathBuf, String> {
    let on_path = PathBuf::from(name);
    if works(&on_path) {
        return Ok(on_path);
    }
    let tools = target().join("tools");
    let installed = tools.join("bin").join(name);
    if !works(&installed) {
        let directory = tools.display().to_string();
        let install = ["install", name, "--version", version, "--locked", "--debug", "--root", &directory];
        step(&format!("installing {name}"), &mut cargo(&install))?;
    }
    Ok(installed)
}

/// Whether the program is there and says its version.
#[must_use]
pub fn works(program: &Path) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}
