//! PostgreSQL.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::place::Place;
use crate::tools::works;

/// The folder of its programs, empty if they are on the path. Debian has one folder for each
/// version.
pub(super) fn programs() -> Option<PathBuf> {
    if works("initdb") && works("postgres") {
        return Some(PathBuf::new());
    }
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut folders: Vec<PathBuf> = versions.flatten().map(|version| version.path().join("bin")).collect();
    folders.sort();
    folders.into_iter().rfind(|folder| works(folder.join("initdb")) && works(folder.join("postgres")))
}

fn program(name: &str) -> Result<PathBuf, String> {
    programs().map(|folder| folder.join(name)).ok_or_else(|| format!("{name} is not installed"))
}

pub(super) fn prepare(place: &Place) -> Result<(), String> {
    let password = place.write("password", &place.password)?;
    let mut initdb = place.command(&program("initdb")?)?;
    // Plain passwords are acceptable on loopback. SCRAM would be slow: a debug build hashes 4096
    // times per connection.
    initdb.args(["--username=gatewright", "--auth=password", "--encoding=UTF8", "--no-sync"]);
    initdb.arg("--pgdata").arg(place.directory.join("data")).arg("--pwfile").arg(&password);
    place.finish(&mut initdb)
}

pub(super) fn server(place: &Place) -> Result<Command, String> {
    let mut postgres = place.command(&program("postgres")?)?;
    postgres.arg("-D").arg(place.directory.join("data")).arg("-k").arg(&place.directory);
    postgres.args(["-h", "127.0.0.1", "-p", &place.port.to_string()]);
    // A deadlock must show soon: after the usual second, calls would have missed their own time limit.
    postgres.args(["-c", "max_connections=400", "-c", "deadlock_timeout=50ms"]);
    if !place.durable {
        postgres.args(["-c", "fsync=off", "-c", "full_page_writes=off"]);
    }
    Ok(postgres)
}

/// PostgreSQL accepts connections before it is ready to answer them. The eighth line of this file
/// holds its state, and the first one its process: a server that was killed leaves its file behind.
pub(super) fn is_ready(place: &Place, process: u32) -> bool {
    let status = fs::read_to_string(place.directory.join("data/postmaster.pid")).unwrap_or_default();
    let line = |number: usize| status.lines().nth(number).map(str::trim);
    line(0) == Some(process.to_string().as_str()) && line(7) == Some("ready")
}
