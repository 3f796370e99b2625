//! Packages of the system's that some steps need.

use std::io::stderr;
use std::process::{Command, Stdio};

/// Installs packages where that is possible, and says what to install where it is not. All that it says goes to the
/// standard error: a caller's standard output may be for a shell to evaluate.
///
/// # Errors
/// When it is not possible, or fails.
pub fn install(packages: &[&str]) -> Result<(), String> {
    let wanted = format!("apt-get install --no-install-recommends {}", packages.join(" "));
    if !is_root() || !has_apt() {
        return Err(format!("not installed, and only root on Debian can be helped: {wanted}"));
    }
    step("updating the list of packages", apt().arg("update"))?;
    step(&wanted, apt().args(["install", "-y", "--no-install-recommends"]).args(packages))
}

fn step(name: &str, command: &mut Command) -> Result<(), String> {
    eprintln!("\n=== {name}");
    let status =
        command.stdout(Stdio::from(stderr())).status().map_err(|error| format!("{name}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{name}: failed ({status})")) }
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.arg("-q").env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn has_apt() -> bool {
    Command::new("apt-get").arg("--version").output().is_ok_and(|output| output.status.success())
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
