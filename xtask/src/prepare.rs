//! Installs what the steps of `ci` need, while the first steps compile.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use xtask::debian;
use xtask::services::{Kind, missing_packages};
use xtask::tools::{cargo_deny, target};

use crate::{browser, documents};

/// Installs tools and packages. Only the first run on a machine has something to do.
pub(crate) fn run() -> Result<(), String> {
    let mut packages = missing_packages(&Kind::ALL);
    if !browser::is_installed() {
        packages.extend(browser::PACKAGES);
    }
    if !documents::has_python() {
        packages.extend(documents::PACKAGES);
    }
    if !packages.is_empty() {
        debian::install(&packages)?;
    }
    documents::validator()?;
    cargo_deny().map(drop)
}

/// A second process that runs `cargo xtask prepare`. Its output goes to a file. It continues if
/// this process fails.
#[derive(Debug)]
pub(crate) struct Preparation {
    process: Child,
    log: PathBuf,
}

impl Preparation {
    pub(crate) fn start() -> Result<Self, String> {
        let fail = |error| format!("prepare: {error}");
        let log = target().join("prepare.log");
        std::fs::create_dir_all(target()).map_err(fail)?;
        let output = File::create(&log).map_err(fail)?;
        let errors = output.try_clone().map_err(fail)?;
        let program = std::env::current_exe().map_err(fail)?;
        let mut command = Command::new(program);
        command.arg("prepare").stdin(Stdio::null()).stdout(output).stderr(errors);
        Ok(Self { process: command.spawn().map_err(fail)?, log })
    }

    /// Waits for its end. A failure is printed and no more: the step that needs the missing tool
    /// tries again, and fails with its own error.
    pub(crate) fn finish(mut self) -> Result<(), String> {
        let status = self.process.wait().map_err(|error| format!("prepare: {error}"))?;
        if !status.success() {
            let output = std::fs::read_to_string(&self.log).unwrap_or_default();
            println!("\n=== not everything could be installed ({status})\n{output}");
        }
        Ok(())
    }
}
