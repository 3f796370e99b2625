//! What runs, in a folder below `target`: a file for each server, named by who started it and by the server's process,
//! with the server's directory in it. Whoever starts a server ends it; when that was not possible (Ctrl-C), the next does.

use std::fs;
use std::path::{Path, PathBuf};

use super::process::{NAME_PREFIX, end, is_ours};
use crate::tools::target;

/// The owner of what `services up` left running.
const NOBODY: u32 = 0;

/// A server as its file describes it.
struct Entry {
    file: PathBuf,
    owner: u32,
    process: u32,
    directory: PathBuf,
}

fn folder() -> PathBuf {
    target().join("servers")
}

fn file(owner: u32, process: u32) -> PathBuf {
    folder().join(format!("{owner}-{process}"))
}

/// Notes that this process started a server.
pub(super) fn note(process: u32, directory: &Path) -> Result<(), String> {
    let file = file(std::process::id(), process);
    let fail = |error| format!("{}: {error}", file.display());
    fs::create_dir_all(folder()).map_err(fail)?;
    fs::write(&file, directory.display().to_string()).map_err(fail)
}

/// Forgets a server that has ended.
pub(super) fn forget(process: u32) {
    let _ = fs::remove_file(file(std::process::id(), process));
}

/// Notes that a server stays when this process ends.
pub(super) fn leave(process: u32) -> Result<(), String> {
    let left = fs::rename(file(std::process::id(), process), file(NOBODY, process));
    left.map_err(|error| format!("{}: {error}", folder().display()))
}

/// Refuses to start a second set, which would hide the first.
pub(super) fn check_none() -> Result<(), String> {
    let running = |entry: &Entry| entry.owner == NOBODY && is_ours(entry.process, &entry.directory);
    if entries().iter().any(running) {
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
    end_those(|entry| entry.owner != NOBODY && !is_alive(entry.owner))
}

fn end_those(which: impl Fn(&Entry) -> bool) -> Result<usize, String> {
    let mut ended = 0;
    for entry in entries().into_iter().filter(which) {
        if is_ours(entry.process, &entry.directory) {
            end(entry.process, &entry.directory, || false)?;
            ended += 1;
        }
        let _ = fs::remove_dir_all(entry.directory);
        let _ = fs::remove_file(entry.file);
    }
    Ok(ended)
}

fn is_alive(process: u32) -> bool {
    Path::new("/proc").join(process.to_string()).exists()
}

fn entries() -> Vec<Entry> {
    let Ok(files) = fs::read_dir(folder()) else { return Vec::new() };
    files.flatten().filter_map(|file| entry(file.path())).collect()
}

fn entry(file: PathBuf) -> Option<Entry> {
    let (owner, process) = file.file_name()?.to_str()?.split_once('-')?;
    let (owner, process) = (owner.parse().ok()?, process.parse().ok()?);
    let directory = PathBuf::from(fs::read_to_string(&file).ok()?);
    // It is removed with all that is in it.
    let is_a_servers = directory.is_absolute() && directory.file_name()?.to_str()?.starts_with(NAME_PREFIX);
    is_a_servers.then_some(Entry { file, owner, process, directory })
}
