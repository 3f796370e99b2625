//! The examples' Swagger UI in a browser.

use xtask::debian;
use xtask::tools::{cargo, step, target, works};

/// The programs that are driven, each by the name of its package.
const PROGRAMS: [&str; 3] = ["axum-app", "actix-app", "poem-app"];

const BROWSER: &str = "chromium";
const DRIVER: &str = "chromedriver";

/// Installs what is missing, builds the programs, and drives them. A screenshot of the first is kept if a file is named.
pub(crate) fn run(screenshot: Option<&str>) -> Result<(), String> {
    if !works(BROWSER.as_ref()) || !works(DRIVER.as_ref()) {
        debian::install(&["chromium", "chromium-driver"])?;
    }
    let mut build = cargo(&["build", "--locked", "-p", "gatewright-browser"]);
    step("building what the browser drives", build.args(PROGRAMS.iter().flat_map(|name| ["-p", name])))?;

    let built = target().join("debug");
    let mut drive = cargo(&["run", "--quiet", "--locked", "-p", "gatewright-browser", "--"]);
    drive.arg(target().join("browser"));
    drive.args(screenshot.iter().flat_map(|file| ["--screenshot", file]));
    step("Swagger UI in a browser", drive.args(PROGRAMS.iter().map(|name| built.join(name))))
}
