//! Ending servers that other processes started.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::compose;
use super::place::NAME_PREFIX;
use super::process::{self, is_server_of};
use super::registry::{Entry, NO_OWNER, entries};

/// The servers that an entry of the registry describes.
enum Running {
    Process { process: u32, directory: PathBuf },
    Containers { project: String, servers: usize },
}

/// Fails if `services up` left servers running: a second set would hide the first.
pub(super) fn check_none() -> Result<(), String> {
    let runs = |running: Running| match running {
        Running::Process { process, directory } => is_server_of(process, &directory),
        Running::Containers { .. } => true,
    };
    let mut left = entries().into_iter().filter(|entry| entry.owner == NO_OWNER);
    if left.any(|entry| Running::of(&entry).is_some_and(runs)) {
        return Err("already running; first: cargo xtask services down".to_owned());
    }
    Ok(())
}

/// Ends every server without a living owner, and returns how many there were.
pub(super) fn end_unowned() -> Result<usize, String> {
    end_all_of(|entry, _| entry.owner == NO_OWNER || !is_alive(entry.owner))
}

/// Ends what processes started that have ended since. A failure is printed and does not stop this
/// run; the next run tries again.
pub(super) fn end_orphans() {
    let ended = end_all_of(|entry, running| {
        entry.owner != NO_OWNER && !is_alive(entry.owner) && running.can_be_ended()
    });
    if let Err(errors) = ended {
        eprintln!("left running by an earlier run: {errors}");
    }
}

/// Tries every matching entry, also after one failed.
fn end_all_of(matches: impl Fn(&Entry, &Running) -> bool) -> Result<usize, String> {
    let (mut ended, mut errors) = (0, Vec::new());
    for entry in entries() {
        let Some(running) = Running::of(&entry).filter(|running| matches(&entry, running)) else { continue };
        match running.end() {
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
    fn of(entry: &Entry) -> Option<Self> {
        if entry.name.starts_with(compose::PREFIX) {
            let servers = entry.text.split_whitespace().count();
            return Some(Self::Containers { project: entry.name.clone(), servers });
        }
        let (process, directory) = (entry.name.parse().ok()?, PathBuf::from(&entry.text));
        // `end` removes the directory with everything in it.
        is_data_directory(&directory).then_some(Self::Process { process, directory })
    }

    /// Containers can only be ended while a Docker engine answers. Until then their entry stays.
    fn can_be_ended(&self) -> bool {
        matches!(self, Self::Process { .. }) || compose::is_available()
    }

    /// Returns how many servers it ended.
    fn end(self) -> Result<usize, String> {
        match self {
            Self::Containers { project, servers } => compose::end(&project).map(|()| servers),
            Self::Process { process, directory } => {
                let is_running = is_server_of(process, &directory);
                if is_running {
                    process::end(process, &directory, || false)?;
                }
                let _ = fs::remove_dir_all(directory);
                Ok(usize::from(is_running))
            }
        }
    }
}

/// Without `/proc` every process counts as alive; `services down` ends what is left.
fn is_alive(process: u32) -> bool {
    let processes = Path::new("/proc");
    !processes.join("self").exists() || processes.join(process.to_string()).exists()
}

/// Whether the name is that of a server's data directory: its owner, a number, and 32 hexadecimal
/// digits.
fn is_data_directory(directory: &Path) -> bool {
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
    fn only_data_directories_of_servers_are_removed() {
        let random = "0123456789abcdef0123456789abcdef";
        assert!(is_data_directory(Path::new(&format!("/var/tmp/gatewright-42-0-{random}"))));
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
        assert_eq!(others.map(|other| is_data_directory(Path::new(&other))), [false; 8]);
    }
}
