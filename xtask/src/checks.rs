//! Everything that must hold before a change lands.

use std::process::Command;

use xtask::tools::{cargo, cargo_deny, root, step};

use crate::{Settings, browser, documents, fuzz, test};

/// Formatting, lints, dependencies, documentation, tests, documents, the browser: the quick ones first.
pub(crate) fn run(settings: Settings) -> Result<(), String> {
    components()?;
    step("formatting", &mut cargo(&["fmt", "--all", "--check"]))?;
    let lints =
        ["clippy", "--workspace", "--all-targets", "--all-features", "--locked", "--", "-D", "warnings"];
    step("lints", &mut cargo(&lints))?;
    dependencies()?;
    let mut documentation = cargo(&["doc", "--workspace", "--all-features", "--no-deps", "--locked"]);
    step("documentation", documentation.env("RUSTDOCFLAGS", "-D warnings"))?;
    front_door()?;
    fuzz::seeds()?;
    test::run(settings)?;
    documents::validate()?;
    browser::run(None)
}

/// A minimal toolchain lacks the formatter and the linter.
fn components() -> Result<(), String> {
    let present =
        |name: &str| cargo(&[name, "--version"]).output().is_ok_and(|output| output.status.success());
    if present("fmt") && present("clippy") {
        return Ok(());
    }
    let mut rustup = Command::new("rustup");
    step("installing rustfmt and clippy", rustup.args(["component", "add", "rustfmt", "clippy"]))
}

/// Bans, licences and sources always; advisories where their database can be fetched.
fn dependencies() -> Result<(), String> {
    let program = cargo_deny()?;
    let deny = |checks: &[&str]| {
        let mut command = Command::new(&program);
        command.args(["--all-features", "check"]).args(checks).current_dir(root());
        command
    };
    step("dependencies: bans, licenses, sources", &mut deny(&["bans", "licenses", "sources"]))?;
    let fetched = Command::new(&program).args(["fetch", "db"]).current_dir(root()).output();
    if fetched.is_ok_and(|output| output.status.success()) {
        step("dependencies: advisories", &mut deny(&["--disable-fetch", "advisories"]))
    } else {
        println!("\n=== NOT CHECKED: advisories. Their database cannot be fetched from here.");
        Ok(())
    }
}

/// Each feature of the front door builds alone.
fn front_door() -> Result<(), String> {
    let features = [
        "actix-web",
        "axum",
        "jwks",
        "memory",
        "mysql",
        "openapi",
        "poem",
        "postgres",
        "redis",
        "sqlite",
        "swagger-ui",
    ];
    for feature in features {
        let check = ["check", "-p", "gatewright", "--no-default-features", "--features", feature, "--locked"];
        step(&format!("the front door with {feature} alone"), &mut cargo(&check))?;
    }
    Ok(())
}
