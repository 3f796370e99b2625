//! Every test.

use std::path::PathBuf;

use xtask::services::Services;
use xtask::tools::{cargo, step};

use crate::arguments::Settings;
use crate::markers::{LeftOut, VECTORS, without_marker};
use crate::programs::{self, Program, TESTED};
use crate::runner::Run;
use crate::scenarios::Table;
use crate::steps::Steps;
use crate::{documents, report, scenarios};

/// Runs the workspace's tests and the examples in its documentation, and reports what they found.
/// Returns what was left out.
pub(crate) fn run(steps: &mut Steps, settings: Settings) -> Result<LeftOut, String> {
    let vectors = vectors()?;
    let left_out = LeftOut::new(settings, vectors.is_some());
    let (programs, services) = start(steps, settings, &[])?;
    check_markers(&programs)?;

    let mut variables = variables(settings, services.as_ref());
    variables.push((documents::FOLDER, documents::folder()?.display().to_string()));
    variables.push((report::FILE, report::new_file()?.display().to_string()));
    variables.extend(vectors.map(|folder| (VECTORS, folder.display().to_string())));
    let run = Run { selection: &[], only: None, skip: left_out.markers().collect(), variables };
    let (cases, passed) = steps.time("tests", || run.start(&programs))?;

    let table = Table::new(&cases);
    print!("{}{}", report::text(&cases), table.text());
    passed?;
    table.check()?;
    let mut examples = cargo(&["test", "--doc"]);
    steps.time("examples of the docs", || step("examples of the documentation", examples.args(TESTED)))?;
    Ok(left_out)
}

/// Runs the refresh scenarios alone.
pub(crate) fn scenarios(settings: Settings) -> Result<(), String> {
    let selection = ["--test", "suites"];
    let (programs, services) = start(&mut Steps::start(), settings, &selection)?;
    let left_out = LeftOut::new(settings, true);
    let run = Run {
        selection: &selection,
        only: Some(scenarios::PREFIX),
        skip: left_out.markers().collect(),
        variables: variables(settings, services.as_ref()),
    };
    let (cases, passed) = run.start(&programs)?;
    let table = Table::new(&cases);
    print!("{}", table.text());
    passed.and_then(|()| table.check())
}

/// Builds the test programs while the servers start.
fn start(
    steps: &mut Steps,
    settings: Settings,
    selection: &[&str],
) -> Result<(Vec<Program>, Option<Services>), String> {
    std::thread::scope(|scope| {
        let services = scope.spawn(|| (!settings.only_embedded).then(Services::start).transpose());
        let programs = steps.time("build of the tests", || {
            println!("\n=== build of the tests");
            programs::build(selection)
        });
        let services = services.join().map_err(|_| "servers: their thread panicked".to_owned())?;
        Ok((programs?, services?))
    })
}

fn variables(settings: Settings, services: Option<&Services>) -> Vec<(&'static str, String)> {
    let servers =
        services.into_iter().flat_map(Services::variables).map(|(name, url)| (name, url.to_owned()));
    servers.chain([("GATEWRIGHT_TEST_REPEAT", settings.repeat.to_string())]).collect()
}

fn check_markers(programs: &[Program]) -> Result<(), String> {
    let ignored = programs::ignored(programs)?;
    let unmarked = without_marker(ignored.iter().map(String::as_str));
    if unmarked.is_empty() {
        return Ok(());
    }
    Err(format!("ignored tests must name what they need in their path: {}", unmarked.join(", ")))
}

/// The folder of published vectors. If the variable is set, the folder must exist.
fn vectors() -> Result<Option<PathBuf>, String> {
    let Some(folder) = std::env::var_os(VECTORS).filter(|folder| !folder.is_empty()) else { return Ok(None) };
    let folder = PathBuf::from(folder);
    match folder.canonicalize() {
        Ok(folder) => Ok(Some(folder)),
        Err(error) => Err(format!("{VECTORS}: {}: {error}", folder.display())),
    }
}
