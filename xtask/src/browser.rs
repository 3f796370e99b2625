//! The examples' Swagger UI in a browser.

use std::process::Command;

use xtask::debian;
use xtask::tools::{cargo, root, step, target, works};

use crate::runner::TESTED;

/// The packages of the programs that are driven.
const PROGRAMS: [&str; 3] = ["axum-app", "actix-app", "poem-app"];

const DRIVER: &str = "gatewright-browser";

/// The Debian packages of Chromium and its driver.
pub(crate) const PACKAGES: &[&str] = &["chromium", "chromium-driver"];

/// Whether Chromium and its driver are installed.
pub(crate) fn is_installed() -> bool {
    works("chromium") && works("chromedriver")
}

/// Installs what is missing, builds the programs and drives them. `screenshot` names a file for a
/// picture of the first.
pub(crate) fn run(screenshot: Option<&str>) -> Result<(), String> {
    if !is_installed() {
        debian::install(PACKAGES)?;
    }
    // Without `--tests`, Cargo would build dependencies again, without the features that only
    // development dependencies enable.
    let mut build = cargo(&["build", "--tests", "--bin", DRIVER]);
    build.args(TESTED).args(PROGRAMS.iter().flat_map(|name| ["--bin", name]));
    step("building the programs for the browser", &mut build)?;

    let built = target().join("debug");
    let mut drive = Command::new(built.join(DRIVER));
    drive.current_dir(root()).arg(target().join("browser"));
    drive.args(screenshot.iter().flat_map(|file| ["--screenshot", file]));
    step("Swagger UI in a browser", drive.args(PROGRAMS.iter().map(|name| built.join(name))))
}
