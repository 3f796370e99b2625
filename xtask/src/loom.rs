//! The models of concurrent code, which `loom` runs in every order of their steps.

use std::process::Command;

use xtask::tools::{cargo, step, target};

/// Runs every model. The flag changes every fingerprint, so this build has a folder of its own.
pub(crate) fn run() -> Result<(), String> {
    step("loom", &mut command())
}

fn command() -> Command {
    let mut command = cargo(&["test", "--package", "gatewright-loom", "--locked"]);
    command.env("RUSTFLAGS", "--cfg loom").env("CARGO_TARGET_DIR", target().join("loom"));
    command
}
