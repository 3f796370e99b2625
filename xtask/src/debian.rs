//! Packages of the system's that some steps need.

use std::process::Command;

use crate::tools::step;

/// Installs packages where that is possible, and says what to install where it is not.
pub(crate) fn install(packages: &[&str]) -> Result<(), String> {
    let wanted = format!("apt-get install --no-install-recommends {}", packages.join(" "));
    if !is_root() || !has_apt() {
        return Err(format!("not installed, and only root on Debian can be helped: {wanted}"));
    }
    step("updating the list of packages", apt().arg("update"))?;
    step(&wanted, apt().args(["install", "-y", "--no-install-recommends"]).args(packages))
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
