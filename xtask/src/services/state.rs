//! What runs, in a folder below `target`: a file for each server, named by who started it and by the server's process,
//! with the server's directory in it; or for all that run in containers, named by their project, with the servers' names in
//! it. Whoever starts a server ends it; when that was not possible (Ctrl-C), the next does.

use std::fmt::Display;
use std::fs;
use std::path::{Component, Path, PathBuf};

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

/// Ends what was started by processes that are gone. What cannot be ended is in nobody's way: it is told of, and tried by the
/// next.
pub(super) fn end_orphans() {
    let ended =
        end_those(|entry| entry.owner != NOBODY && !is_alive(entry.owner) && entry.running.can_be_ended());
    if let Err(errors) = ended {
        eprintln!("left running by an earlier run: {errors}");
    }
}

/// Ends each, whatever becomes of the others.
fn end_those(which: impl Fn(&Entry) -> bool) -> Result<usize, String> {
    let (mut ended, mut errors) = (0, Vec::new());
    for entry in entries().into_iter().filter(which) {
        match entry.running.end() {
            Ok(servers) => {
                ended += servers;
                let _ = fs::remove_file(entry.file);
            }
            Err(error) => errors.push(format!("{}: {error}", entry.file.display())),
        }
    }
    if errors.is_empty() { Ok(ended) } else { Err(errors.join("; ")) }
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

/// Where nothing tells of processes, each counts as alive: `services down` ends what is left.
fn is_alive(process: u32) -> bool {
    let processes = Path::new("/proc");
    !processes.join("self").exists() || processes.join(process.to_string()).exists()
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
    is_a_servers(&directory).then_some(Running::Process { process, directory })
}

/// Whether this is how a server's directory is named: by who started it, a number, and 32 hexadecimal digits.
fn is_a_servers(directory: &Path) -> bool {
    let name =
        directory.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix(NAME_PREFIX));
    let parts: Vec<&str> = name.into_iter().flat_map(|name| name.split('-')).collect();
    let [owner, number, random] = *parts else { return false };
    let is_straight =
        directory.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    let is_number = |text: &str| text.parse::<u32>().is_ok();
    let is_random = random.len() == 32 && random.bytes().all(|byte| byte.is_ascii_hexdigit());
    directory.is_absolute() && is_straight && is_number(owner) && is_number(number) && is_random
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_servers_own_directory_is_ever_removed() {
        let random = "0123456789abcdef0123456789abcdef";
        assert!(is_a_servers(Path::new(&format!("/var/tmp/gatewright-42-0-{random}"))));
        let others = [
            String::new(),
            "/".to_owned(),
            "/tmp".to_owned(),
            format!("gatewright-42-0-{random}"),
            format!("/var/../gatewright-42-0-{random}"),
            format!("/var/tmp/gatewright-42-0-{random}0"),
            format!("/var/tmp/gatewright-42-{random}"),
            "/x/gatewright-core".to_owned(),
        ];
        assert_eq!(others.map(|other| is_a_servers(Path::new(&other))), [false; 8]);
    }
}
