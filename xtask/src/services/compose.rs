//! Servers in containers: where a program is neither installed nor can be, and a Docker engine answers.

use std::io::stderr;
use std::process::{Command, Stdio};

use super::process::random;
use super::{Kind, state};

/// The variable from which `compose.yaml` takes the password.
const PASSWORD: &str = "GATEWRIGHT_SERVERS_PASSWORD";

/// How the names of projects begin.
pub(super) const PREFIX: &str = "gatewright-";

/// The program that speaks Compose.
#[derive(Debug)]
struct Compose {
    program: String,
    first: Vec<String>,
}

/// Servers in containers, which end with this.
#[derive(Debug)]
pub(super) struct Project {
    compose: Compose,
    name: String,
    servers: Vec<(Kind, String)>,
    /// Whether they stay when this ends.
    stays: bool,
}

/// Finds Compose, where an engine answers it.
fn find() -> Result<Compose, String> {
    Compose::new("docker", &[])
        .ask(&["info"])
        .map_err(|error| format!("no Docker engine answers: {error}"))?;
    let candidates = [Compose::new("docker", &["compose"]), Compose::new("docker-compose", &[])];
    let found = candidates
        .into_iter()
        .find(|compose| compose.ask(&["version", "--short"]).is_ok_and(|it| can_wait(&it)));
    found.ok_or_else(|| {
        "Docker answers, but neither `docker compose` nor `docker-compose` is version 2 or later".to_owned()
    })
}

/// Version 1 cannot wait until servers are ready.
fn can_wait(version: &str) -> bool {
    let version = version.trim().trim_start_matches('v');
    version.split('.').next().and_then(|major| major.parse().ok()).is_some_and(|major: u32| major >= 2)
}

/// Whether an engine answers, and Compose is there to speak to it.
pub(super) fn answers() -> bool {
    find().is_ok()
}

/// Ends what another process started, with all that it kept.
pub(super) fn end(project: &str) -> Result<(), String> {
    find()?.end(project)
}

impl Compose {
    fn new(program: &str, first: &[&str]) -> Self {
        Self { program: program.to_owned(), first: first.iter().map(|&it| it.to_owned()).collect() }
    }

    /// Runs it, and returns what it says.
    fn ask(&self, arguments: &[&str]) -> Result<String, String> {
        let fail = |words: &str| format!("{} {}: {words}", self.program, arguments.join(" "));
        let output = self.command(arguments).output().map_err(|error| fail(&error.to_string()))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(fail(String::from_utf8_lossy(&output.stderr).trim()))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.first).args(arguments).stdin(Stdio::null());
        command
    }

    fn end(&self, project: &str) -> Result<(), String> {
        // There is nothing to be saved: they need not be asked and waited for.
        self.ask(&of(project, &["down", "--volumes", "--timeout", "0"])).map(drop)
    }
}

impl Project {
    /// Starts a server of each kind, and waits until they are ready.
    pub(super) fn start(kinds: &[Kind]) -> Result<Self, String> {
        Self::start_with(find()?, kinds)
    }

    fn start_with(compose: Compose, kinds: &[Kind]) -> Result<Self, String> {
        let (name, password) = (format!("{PREFIX}{}", random()?), random()?);
        let mut project = Self { compose, name, servers: Vec::new(), stays: false };
        let services: Vec<&str> = kinds.iter().map(|&kind| service(kind).0).collect();
        // Before they start: an engine goes on when its client is ended.
        state::note(&project.name, services.join(" "))?;
        project.up(&services, &password)?;
        for &kind in kinds {
            let port = project.port(kind)?;
            project.servers.push((kind, kind.url("root", &password, port)));
        }
        Ok(project)
    }

    /// Images may have to be fetched: what it says goes to the standard error as it comes.
    fn up(&self, services: &[&str], password: &str) -> Result<(), String> {
        let mut up = self.compose.command(&of(&self.name, &["up", "--detach", "--wait"]));
        up.args(services).env(PASSWORD, password).stdout(Stdio::from(stderr()));
        eprintln!("\n=== starting in containers: {}", services.join(", "));
        eprintln!("Tests that start servers of their own need the programs, and fail without.");
        let status = up.status().map_err(|error| format!("Compose: {error}"))?;
        if status.success() {
            return Ok(());
        }
        let logs =
            self.compose.ask(&of(&self.name, &["logs", "--no-color", "--tail", "10"])).unwrap_or_default();
        Err(format!("they do not start ({status})\n{logs}"))
    }

    fn port(&self, kind: Kind) -> Result<u16, String> {
        let (service, inside) = service(kind);
        let answer = self.compose.ask(&of(&self.name, &["port", service, inside]))?;
        published(&answer).ok_or_else(|| format!("{service}: Compose tells no port: {answer}"))
    }

    /// Where the servers are, with their password.
    pub(super) fn servers(&self) -> impl Iterator<Item = (Kind, &str)> {
        self.servers.iter().map(|(kind, url)| (*kind, url.as_str()))
    }

    /// Leaves them running.
    pub(super) fn leave(mut self) -> Result<(), String> {
        self.stays = true;
        state::leave(&self.name)
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        if self.stays {
            return;
        }
        // What cannot be ended stays noted, for the next to end.
        if self.compose.end(&self.name).is_ok() {
            state::forget(&self.name);
        }
    }
}

/// What is said to Compose about a project.
fn of<'a>(project: &'a str, further: &[&'a str]) -> Vec<&'a str> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/compose.yaml");
    [&["--file", file, "--project-name", project], further].concat()
}

/// The name in `compose.yaml`, and the port inside the container.
const fn service(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Postgres => ("postgres", "5432"),
        Kind::Mysql => ("mariadb", "3306"),
        Kind::Redis => ("redis", "6379"),
    }
}

/// The port of this machine in what `port` says: `127.0.0.1:32768`. The port 0 stands for none.
fn published(answer: &str) -> Option<u16> {
    let (_, port) = answer.lines().next()?.rsplit_once(':')?;
    port.trim().parse().ok().filter(|&port| port != 0)
}

#[cfg(test)]
mod tests;
