//! Drives the Swagger UI of each named program as a person would: log in, call, log out, fail to
//! log in.
//!
//! This is a program, not a test: without Chromium and its driver a test would have to be skipped,
//! and a skipped test looks like a passed one. `cargo xtask test --browser` installs both and runs
//! this program.
//!
//! ```text
//! gatewright-browser FOLDER [--screenshot FILE] PROGRAM…
//! ```

mod outcome;
mod page;
mod journey;
mod browser;

use std::path::Path;
use std::process::ExitCode;

use example_service::testing::{ADMIN_PASSWORD, Program, new_directory};

use crate::browser::Browser;
use crate::outcome::Outcome;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        [folder, "--screenshot", file, programs @ ..] => {
            drive_all(folder, programs, Some(Path::new(file))).await
        }
        [folder, programs @ ..] => drive_all(folder, programs, None).await,
        [] => Err("gatewright-browser FOLDER [--screenshot FILE] PROGRAM…".into()),
    };
    match done {
        Ok(count) => {
            println!("drove {count} programs");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Takes a screenshot of the first program only.
async fn drive_all(folder: &str, programs: &[&str], mut screenshot: Option<&Path>) -> Outcome<usize> {
    if programs.is_empty() {
        return Err("no program to drive: name at least one".into());
    }
    for program in programs {
        let driven = drive(folder, program, screenshot.take()).await;
        driven.map_err(|error| format!("{program}: {error}"))?;
        println!("{program}: logged in, called, logged out, failed to log in");
    }
    Ok(programs.len())
}

async fn drive(folder: &str, program: &str, screenshot: Option<&Path>) -> Outcome {
    let program = std::fs::canonicalize(program)?;
    let program = program.to_str().ok_or("the program's path is not UTF-8")?;
    let settings = [("DATABASE_URL", "memory:"), ("ADMIN_PASSWORD", ADMIN_PASSWORD)];
    let directory = new_directory(folder);
    let running = Program::start(program, &directory, &settings);
    let browser = Browser::start(&directory.join("profile")).await?;
    let driven = journey::drive(&browser.session, &format!("http://{}", running.address), screenshot).await;
    browser.stop().await?;
    // A profile takes megabytes. After a failure it stays, for inspection.
    driven.map(|()| drop(std::fs::remove_dir_all(&directory)))
}
