//! Every test.

use std::path::PathBuf;

use xtask::services::Services;
use xtask::tools::cargo;

use crate::arguments::Settings;
use crate::markers::{LeftOut, VECTORS, check_ignored};
use crate::runner::{self, PROGRAMS, TESTED};
use crate::scenarios::Tables;
use crate::steps::Steps;
use crate::{documents, report, scenarios};

/// Runs the workspace's tests and the examples in its documentation, and reports what they found.
/// Returns what was left out.
pub(crate) fn run(steps: &mut Steps, settings: Settings) -> Result<LeftOut, String> {
    let vectors = vectors()?;
    let left_out = LeftOut::new(settings, vectors.is_some());
    let (_services, mut variables) = start(steps, settings, PROGRAMS)?;
    check_ignored(&runner::ignored()?)?;

    variables.push((documents::FOLDER, documents::folder()?.display().to_string()));
    variables.push((report::FILE, report::new_file()?.display().to_string()));
    variables.extend(vectors.map(|folder| (VECTORS, folder.display().to_string())));
    let (cases, passed) = steps.time("tests", || runner::run(PROGRAMS, &left_out, variables))?;

    let tables = Tables::new(&cases, settings.only_embedded);
    print!("{}{}", report::text(&cases), tables.text());
    passed?;
    report::check(&cases)?;
    tables.check()?;
    steps.run("examples of the documentation", cargo(&["test", "--doc"]).args(TESTED))?;
    Ok(left_out)
}

/// Runs the refresh and login scenarios and the test vectors of the rotation alone.
pub(crate) fn scenarios(settings: Settings) -> Result<(), String> {
    let selection = ["--test", scenarios::PROGRAM, scenarios::FILTER];
    let (_services, variables) = start(&mut Steps::start(), settings, &selection)?;
    let (cases, passed) = runner::run(&selection, &LeftOut::new(settings, true), variables)?;
    let tables = Tables::new(&cases, settings.only_embedded);
    print!("{}", tables.text());
    passed.and_then(|()| tables.check())
}

/// Environment variables: name and value.
type Variables = Vec<(&'static str, String)>;

/// Builds the test programs while the servers start. The servers end with the returned value.
fn start(
    steps: &mut Steps,
    settings: Settings,
    selection: &[&str],
) -> Result<(Option<Services>, Variables), String> {
    let (built, services) = std::thread::scope(|scope| {
        let services = scope.spawn(|| (!settings.only_embedded).then(Services::start).transpose());
        let built = steps.time("build of the tests", || runner::build(selection));
        (built, services.join())
    });
    built?;
    let services = services.map_err(|_| "servers: their thread panicked")??;
    let servers = services.iter().flat_map(Services::variables).map(|(name, url)| (name, url.to_owned()));
    let variables = servers.chain([("GATEWRIGHT_TEST_REPEAT", settings.repeat.to_string())]).collect();
    Ok((services, variables))
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
