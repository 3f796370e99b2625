//! What runs, in a folder below `target`: a file for each server, named by who started it and by the server's process,
//! with the server's directory in it; or for all that run in containers, named by their project, with the servers' names in
//! it. Whoever starts a server ends it; when that was not possible (Ctrl-C), the next does.

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

use super::process::{NAME_PREFIX, is_ours};
use super::{compose, process};
use crate::tools::target;

/// The owner of what `services up` left running.
const NOBODY: u32 = 0;

/// What a file describes.
struct Entry {
    file: PathBuf,
    owner: u32,
    running: Running,
}

enum Running {
    Process { process: u32, directory: PathBuf },
    Containers { project: String, servers: usize },
}

fn folder() -> PathBuf {
    target().join("servers")
}

fn file(owner: u32, name: impl Display) -> PathBuf {
    folder().join(format!("{owner}-{name}"))
}

/// Notes that this process started a server, by its process or project.
pub(super) fn note(name: impl Display, text: impl Display) -> Result<(), String> {
    let file = file(std::process::id(), name);
    let fail = |error| format!("{}: {error}", file.display());
    fs::create_dir_all(folder()).map_err(fail)?;
    fs::write(&file, text.to_string()).map_err(fail)
}

/// Forgets a server that has ended.
pub(super) fn forget(name: impl Display) {
    let _ = fs::remove_file(file(std::process::id(), name));
}

/// Notes that a server stays when this process ends.
pub(super) fn leave(name: impl Display) -> Result<(), String> {
    let left = fs::rename(file(std::process::id(), &name), file(NOBODY, &name));
    left.map_err(|error| format!("{}: {error}", folder().display()))
}

/// Refuses to start a second set, which would hide the first.
pub(super) fn check_none() -> Result<(), String> {
    let runs = |entry: &Entry| match &entry.running {
        Running::Process { process, directory } => is_ours(*process, directory),
        Running::Containers { .. } => true,
    };
    if entries().iter().any(|entry| entry.owner == NOBODY && runs(entry)) {
        return Err("already running; first: cargo xtask services down".to_owned());
    }
    Ok(())
}

/// Ends what nobody owns, and says how many there were.
pub(super) fn end_all() -> Result<usize, String> {
    end_those(|entry| entry.owner == NOBODY || !is_alive(entry.owner))
}

/// Ends what was started by processes that are gone.
pub(super) fn end_orphans() -> Result<usize, String> {
    end_those(|entry| entry.owner != NOBODY && !is_alive(entry.owner) && entry.running.can_be_ended())
}

fn end_those(which: impl Fn(&Entry) -> bool) -> Result<usize, String> {
    let mut ended = 0;
    for entry in entries().into_iter().filter(which) {
        ended += entry.running.end().map_err(|error| format!("{}: {error}", entry.file.display()))?;
        let _ = fs::remove_file(entry.file);
    }
    Ok(ended)
}

impl Running {
    /// Without their engine containers do not run; they are kept for the day it answers.
    fn can_be_ended(&self) -> bool {
        matches!(self, Self::Process { .. }) || compose::answers()
    }

    /// Says how many servers that were.
    fn end(self) -> Result<usize, String> {
        match self {
            Self::Containers { project, servers } => compose::end(&project).map(|()| servers),
            Self::Process { process, directory } => {
                let is_ours = is_ours(process, &directory);
                if is_ours {
                    process::end(process, &directory, || false)?;
                }
                let _ = fs::remove_dir_all(directory);
                Ok(usize::from(is_ours))
            }
        }
    }
}

fn is_alive(process: u32) -> bool {
    Path::new("/proc").join(process.to_string()).exists()
}

fn entries() -> Vec<Entry> {
    let Ok(files) = fs::read_dir(folder()) else { return Vec::new() };
    files.flatten().filter_map(|file| entry(file.path())).collect()
}

fn entry(file: PathBuf) -> Option<Entry> {
    let (owner, name) = file.file_name()?.to_str()?.split_once('-')?;
    let owner = owner.parse().ok()?;
    let running = running(name, &fs::read_to_string(&file).ok()?)?;
    Some(Entry { file, owner, running })
}

fn running(name: &str, text: &str) -> Option<Running> {
    if name.starts_with(compose::PREFIX) {
        let servers = text.split_whitespace().count();
        return Some(Running::Containers { project: name.to_owned(), servers });
    }
    let (process, directory) = (name.parse().ok()?, PathBuf::from(text));
    // It is removed with all that is in it.
    let is_a_servers = directory.is_absolute() && directory.file_name()?.to_str()?.starts_with(NAME_PREFIX);
    is_a_servers.then_some(Running::Process { process, directory })
}
