//! Which servers run: one file for each in a folder below `target`. The file's name is the process
//! that started the server, and the server's own process; the file holds the server's directory.
//! For containers the name ends with the project, and the file holds the names of its services.
//!
//! The process that starts a server also ends it. If it cannot (Ctrl-C), the next run does.

use std::fmt::Display;
use std::fs;
use std::path::PathBuf;

use crate::tools::target;

/// The owner of servers that `services up` left running.
pub(super) const NO_OWNER: u32 = 0;

/// One file.
pub(super) struct Entry {
    pub(super) file: PathBuf,
    pub(super) owner: u32,
    /// The server's process, or the project of containers.
    pub(super) name: String,
    pub(super) text: String,
}

fn folder() -> PathBuf {
    target().join("servers")
}

fn file(owner: u32, name: impl Display) -> PathBuf {
    folder().join(format!("{owner}-{name}"))
}

/// Records a server that this process started, under its process or project.
pub(super) fn add(name: impl Display, text: impl Display) -> Result<(), String> {
    let file = file(std::process::id(), name);
    let fail = |error| format!("{}: {error}", file.display());
    fs::create_dir_all(folder()).map_err(fail)?;
    fs::write(&file, text.to_string()).map_err(fail)
}

/// Removes the record of a server that has ended.
pub(super) fn remove(name: impl Display) {
    let _ = fs::remove_file(file(std::process::id(), name));
}

/// Records that a server keeps running when this process ends.
pub(super) fn leave(name: impl Display) -> Result<(), String> {
    let left = fs::rename(file(std::process::id(), &name), file(NO_OWNER, &name));
    left.map_err(|error| format!("{}: {error}", folder().display()))
}

/// Every record.
pub(super) fn entries() -> Vec<Entry> {
    let Ok(files) = fs::read_dir(folder()) else { return Vec::new() };
    files.flatten().filter_map(|file| entry(file.path())).collect()
}

fn entry(file: PathBuf) -> Option<Entry> {
    let (owner, name) = file.file_name()?.to_str()?.split_once('-')?;
    let (owner, name) = (owner.parse().ok()?, name.to_owned());
    let text = fs::read_to_string(&file).ok()?;
    Some(Entry { file, owner, name, text })
}
