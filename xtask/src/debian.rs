//! Packages of the operating system.

use std::io::stderr;
use std::process::{Command, Stdio};

use crate::tools::{finish, works};

/// Installs packages if this process is root on Debian; otherwise the error names them. All output
/// goes to the standard error, because a shell can evaluate the caller's standard output.
///
/// # Errors
/// If packages cannot be installed on this system, or the installation fails.
pub fn install(packages: &[&str]) -> Result<(), String> {
    let wanted = format!("apt-get install --no-install-recommends {}", packages.join(" "));
    if !is_root() || !works("apt-get") {
        return Err(format!("not installed; only root on Debian can install it automatically: {wanted}"));
    }
    step("updating the list of packages", apt().arg("update"))?;
    step(&wanted, apt().args(["install", "-y", "--no-install-recommends"]).args(packages))
}

fn step(name: &str, command: &mut Command) -> Result<(), String> {
    eprintln!("\n=== {name}");
    finish(name, command.stdout(Stdio::from(stderr())))
}

/// Waits up to five minutes for another process that installs packages.
fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.args(["-q", "-o", "DPkg::Lock::Timeout=300"]).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
