//! Every test.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use xtask::services::{Kind, Services};
use xtask::tools::{cargo, step};

use crate::{Settings, documents, marker, scenarios};

/// The variable that names a folder of published test vectors, for tests that need them.
const VECTORS: &str = "GATEWRIGHT_VECTORS";

/// How the tests that need them are named: something in their path says so.
const VECTORS_MARKER: &str = "needs_vectors";

/// Runs the workspace's tests, its documentation's examples included.
pub(crate) fn run(settings: Settings) -> Result<(), String> {
    let services = if settings.only_embedded { None } else { Some(Services::start()?) };
    let vectors = vectors()?;
    let left_out = left_out(services.is_some(), vectors.is_some());
    can_be_left_out()?;
    let mut tests = cargo(&["test", "--workspace", "--all-features", "--locked"]);
    tests.env("GATEWRIGHT_TEST_REPEAT", settings.repeat.to_string());
    tests.env(documents::FOLDER, documents::folder()?);
    tests.envs(services.iter().flat_map(Services::variables));
    tests.envs(vectors.iter().map(|folder| (VECTORS, folder)));
    // What needs something is ignored, so that it never passes without it; here it is left out by name.
    tests.args(["--", "--include-ignored"]).args(left_out.iter().flat_map(|name| ["--skip", name]));
    step("tests", &mut tests)?;
    report(services.as_ref())?;
    say_what_did_not_run(services.is_some(), vectors.is_some());
    Ok(())
}

/// Runs the refresh scenarios alone.
pub(crate) fn scenarios(settings: Settings) -> Result<(), String> {
    let services = if settings.only_embedded { None } else { Some(Services::start()?) };
    let mut tests = suites("scenarios", services.as_ref());
    scenarios::run(tests.env("GATEWRIGHT_TEST_REPEAT", settings.repeat.to_string()))
}

fn left_out(with_servers: bool, with_vectors: bool) -> Vec<&'static str> {
    let servers = Kind::ALL.into_iter().map(marker).filter(|_| !with_servers);
    servers.chain([VECTORS_MARKER].into_iter().filter(|_| !with_vectors)).collect()
}

/// Every test that needs something names it in its path: one that does not would run, and fail, where it is not there.
fn can_be_left_out() -> Result<(), String> {
    let list = ["test", "--workspace", "--all-features", "--locked", "--tests", "--", "--list", "--ignored"];
    let listed = cargo(&list).stderr(Stdio::inherit()).output().map_err(|error| format!("tests: {error}"))?;
    if !listed.status.success() {
        return Err(format!("tests: cannot be listed ({})", listed.status));
    }
    let named = left_out(false, false);
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let tests = listed.lines().filter_map(|line| line.strip_suffix(": test"));
    let nameless: Vec<&str> = tests.filter(|test| !named.iter().any(|name| test.contains(name))).collect();
    if nameless.is_empty() {
        Ok(())
    } else {
        Err(format!("ignored tests whose names do not say what they need: {}", nameless.join(", ")))
    }
}

/// Last of all, where it is seen.
fn say_what_did_not_run(with_servers: bool, with_vectors: bool) {
    if !with_servers {
        println!("\n=== NOT RUN: every test on PostgreSQL, MySQL and Redis, because of --only embedded.");
    }
    if !with_vectors {
        println!("\n=== NOT RUN: tests against published vectors. Set {VECTORS} to their folder.");
    }
}

/// The example applications: each runs the HTTP suites.
const APPLICATIONS: [&str; 3] = ["actix-app", "axum-app", "poem-app"];

/// Says how many cases the HTTP suites have, as the test programs list them, how many requests were compared, and what the
/// refresh scenarios came to.
fn report(services: Option<&Services>) -> Result<(), String> {
    println!("\n=== HTTP suites, cases");
    for application in APPLICATIONS {
        let list =
            ["test", "-p", application, "--all-features", "--locked", "--test", "http", "--", "--list"];
        let listed = cargo(&list).output().map_err(|error| format!("{application}: {error}"))?;
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        let mut suites = BTreeMap::<&str, usize>::new();
        for case in listed.lines().filter_map(|line| line.strip_suffix(": test")) {
            *suites.entry(case.split("::").next().unwrap_or(case)).or_default() += 1;
        }
        let counts: Vec<String> = suites.iter().map(|(suite, cases)| format!("{suite} {cases}")).collect();
        println!("{application}: {}", counts.join(", "));
    }
    step("differences between them", suites("differences", services).args(["--nocapture", "--quiet"]))?;
    scenarios::run(&mut suites("scenarios", services))
}

/// Runs a part of the suites of several crates once more, for what it has to say.
fn suites(part: &str, services: Option<&Services>) -> Command {
    let mut tests =
        cargo(&["test", "-p", "gatewright-tests", "--all-features", "--locked", "--test", "suites"]);
    tests.envs(services.iter().flat_map(|services| services.variables()));
    tests.args([part, "--", "--include-ignored"]);
    tests.args(left_out(services.is_some(), true).iter().flat_map(|name| ["--skip", name]));
    tests
}

/// The folder of published vectors. One that is named and not there is a mistake.
fn vectors() -> Result<Option<PathBuf>, String> {
    let Some(folder) = std::env::var_os(VECTORS).filter(|folder| !folder.is_empty()) else { return Ok(None) };
    let folder = PathBuf::from(folder);
    match folder.canonicalize() {
        Ok(folder) => Ok(Some(folder)),
        Err(error) => Err(format!("{VECTORS}: {}: {error}", folder.display())),
    }
}
