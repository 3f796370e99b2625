//! Servers in containers: used if a program is not installed and cannot be, and a Docker engine
//! answers.

use std::io::stderr;
use std::process::{Command, Stdio};

use super::kind::Kind;
use super::place::random;
use super::registry;

/// The environment variable from which `compose.yaml` reads the password.
const PASSWORD: &str = "GATEWRIGHT_SERVERS_PASSWORD";

/// The prefix of project names.
pub(super) const PREFIX: &str = "gatewright-";

/// The Compose program and its first arguments.
#[derive(Debug)]
struct Compose {
    program: String,
    first: Vec<String>,
}

/// Servers in containers, which end with this value.
#[derive(Debug)]
pub(super) struct Project {
    compose: Compose,
    name: String,
    servers: Vec<(Kind, String)>,
    /// Whether they keep running when this value is dropped.
    stays: bool,
}

/// Finds a Compose program that reaches a Docker engine.
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

/// Whether this version has `up --wait`, as version 2 and later do.
fn can_wait(version: &str) -> bool {
    let version = version.trim().trim_start_matches('v');
    version.split('.').next().and_then(|major| major.parse().ok()).is_some_and(|major: u32| major >= 2)
}

/// Whether a Docker engine answers and Compose is installed.
pub(super) fn is_available() -> bool {
    find().is_ok()
}

/// Ends a project that another process started, and removes its data.
pub(super) fn end(project: &str) -> Result<(), String> {
    find()?.end(project)
}

impl Compose {
    fn new(program: &str, first: &[&str]) -> Self {
        Self { program: program.to_owned(), first: first.iter().map(|&it| it.to_owned()).collect() }
    }

    /// Runs a command to its end and returns its standard output.
    fn ask(&self, arguments: &[&str]) -> Result<String, String> {
        let fail = |reason: &str| format!("{} {}: {reason}", self.program, arguments.join(" "));
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
        // Their data is discarded, so they are killed without a grace period.
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
        // Recorded before the start: the engine continues if this process is ended.
        registry::add(&project.name, services.join(" "))?;
        project.up(&services, &password)?;
        for &kind in kinds {
            let port = project.port(kind)?;
            project.servers.push((kind, kind.url("root", &password, port)));
        }
        Ok(project)
    }

    /// The engine can have to download images: its progress goes to the standard error at once.
    fn up(&self, services: &[&str], password: &str) -> Result<(), String> {
        let mut up = self.compose.command(&of(&self.name, &["up", "--detach", "--wait"]));
        up.args(services).env(PASSWORD, password).stdout(Stdio::from(stderr()));
        eprintln!("\n=== starting in containers: {}", services.join(", "));
        eprintln!("Tests that start their own servers need the installed programs, and fail without them.");
        let status = up.status().map_err(|error| format!("Compose: {error}"))?;
        if status.success() {
            return Ok(());
        }
        let logs =
            self.compose.ask(&of(&self.name, &["logs", "--no-color", "--tail", "10"])).unwrap_or_default();
        Err(format!("the containers do not start ({status})\n{logs}"))
    }

    fn port(&self, kind: Kind) -> Result<u16, String> {
        let (service, inside) = service(kind);
        let answer = self.compose.ask(&of(&self.name, &["port", service, inside]))?;
        published(&answer).ok_or_else(|| format!("{service}: Compose prints no port: {answer}"))
    }

    /// Each server with its URL, which includes the password.
    pub(super) fn servers(&self) -> impl Iterator<Item = (Kind, &str)> {
        self.servers.iter().map(|(kind, url)| (*kind, url.as_str()))
    }

    /// Leaves the containers running when this process ends.
    pub(super) fn leave(mut self) -> Result<(), String> {
        self.stays = true;
        registry::leave(&self.name)
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        if self.stays {
            return;
        }
        // On failure the record stays, and a later run ends the containers.
        if self.compose.end(&self.name).is_ok() {
            registry::remove(&self.name);
        }
    }
}

/// Compose's arguments for a command about a project.
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

/// The host's port in the output of `port`, such as `127.0.0.1:32768`. Port 0 means that none is
/// published.
fn published(answer: &str) -> Option<u16> {
    let (_, port) = answer.lines().next()?.rsplit_once(':')?;
    port.trim().parse().ok().filter(|&port| port != 0)
}

#[cfg(test)]
mod tests;
