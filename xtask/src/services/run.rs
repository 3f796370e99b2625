//! The servers of one run, and servers that stay.

use super::cleanup;
use super::compose::Project;
use super::install::{WITHOUT, install};
use super::kind::Kind;
use super::server::Server;

/// The servers of one run: those that the environment names, and others that end with this value.
#[derive(Debug)]
pub struct Services {
    named: Vec<(Kind, String)>,
    started: Started,
}

impl Services {
    /// Finds or starts a server of each kind.
    ///
    /// # Errors
    /// If the environment does not name a server and none can be started. Servers that this call
    /// started have ended.
    pub fn start() -> Result<Self, String> {
        cleanup::end_orphans();
        let (mut named, mut wanted) = (Vec::new(), Vec::new());
        for kind in Kind::ALL {
            match std::env::var(kind.variable()) {
                Ok(url) if !url.is_empty() => named.push((kind, url)),
                _ => wanted.push(kind),
            }
        }
        Ok(Self { named, started: Started::start(&wanted)? })
    }

    /// The environment variables for tests: name and URL.
    #[must_use]
    pub fn variables(&self) -> Vec<(&'static str, &str)> {
        let named = self.named.iter().map(|(kind, url)| (kind.variable(), url.as_str()));
        named.chain(self.started.variables()).collect()
    }
}

/// Starts a server of each kind and leaves it running. Returns lines for a shell to evaluate, which
/// set and export the variables.
///
/// # Errors
/// If an earlier call left servers running, or a server cannot be started.
pub fn up() -> Result<String, String> {
    cleanup::check_none()?;
    cleanup::end_orphans();
    let started = Started::start(&Kind::ALL)?;
    let lines: String = started.variables().map(|(name, url)| format!("{name}='{url}'\n")).collect();
    started.leave()?;
    Ok(format!("{lines}export {}\n", Kind::ALL.map(Kind::variable).join(" ")))
}

/// Ends the servers that [`up`] left running, and those of test runs that were interrupted. Returns
/// how many there were.
///
/// # Errors
/// If a server cannot be ended.
pub fn down() -> Result<usize, String> {
    cleanup::end_unowned()
}

/// Servers that end with this value.
#[derive(Debug)]
struct Started {
    programs: Vec<Server>,
    containers: Option<Project>,
}

impl Started {
    fn start(kinds: &[Kind]) -> Result<Self, String> {
        let (programs, containers) = choose(kinds, install, Project::start)?;
        let programs = programs.into_iter().map(Server::start).collect::<Result<_, _>>()?;
        Ok(Self { programs, containers })
    }

    fn variables(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let programs = self.programs.iter().map(|server| (server.kind(), server.url()));
        let containers = self.containers.iter().flat_map(Project::servers);
        programs.chain(containers).map(|(kind, url)| (kind.variable(), url))
    }

    fn leave(self) -> Result<(), String> {
        self.programs.into_iter().try_for_each(Server::leave)?;
        self.containers.map_or(Ok(()), Project::leave)
    }
}

/// Splits the kinds: those whose programs are installed or can be, and containers for the others.
/// Programs are preferred, because some tests start further servers with settings of their own.
fn choose<P>(
    kinds: &[Kind],
    install: impl Fn(Kind) -> Result<(), String>,
    start_containers: impl FnOnce(&[Kind]) -> Result<P, String>,
) -> Result<(Vec<Kind>, Option<P>), String> {
    let (mut programs, mut missing, mut reasons) = (Vec::new(), Vec::new(), Vec::new());
    for &kind in kinds {
        match install(kind) {
            Ok(()) => programs.push(kind),
            Err(reason) => {
                missing.push(kind);
                reasons.push(reason);
            }
        }
    }
    if missing.is_empty() {
        return Ok((programs, None));
    }
    match start_containers(&missing) {
        Ok(project) => Ok((programs, Some(project))),
        Err(reason) => Err(cannot_start(&missing, &reasons, &reason)),
    }
}

fn cannot_start(missing: &[Kind], reasons: &[String], no_containers: &str) -> String {
    let variables: Vec<&str> = missing.iter().map(|kind| kind.variable()).collect();
    let (variables, reasons) = (variables.join(", "), reasons.join("\n"));
    format!(
        "servers are missing and cannot be started:\n{reasons}\n\
         containers: {no_containers}\n\
         Install the packages, start Docker, or set {variables} to the URLs of running servers.\n{WITHOUT}"
    )
}

#[cfg(test)]
mod tests;
