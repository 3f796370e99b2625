//! What `services up` left running, in a file below `target`: a process and its directory per line.

use std::fs;
use std::path::{Path, PathBuf};

use super::process::{Server, end, is_ours};
use crate::tools::target;

fn path() -> PathBuf {
    target().join("services")
}

/// Refuses to start a second set, which would hide the first.
pub(super) fn check_none() -> Result<(), String> {
    let running = read().iter().any(|(process, directory)| is_ours(*process, directory));
    if running { Err("already running; first: cargo xtask services down".to_owned()) } else { Ok(()) }
}

pub(super) fn keep(servers: &[Server]) -> Result<(), String> {
    let line = |(process, directory): (u32, &Path)| format!("{process} {}\n", directory.display());
    let lines: String = servers.iter().filter_map(Server::trace).map(line).collect();
    let file = path();
    let fail = |error| format!("{}: {error}", file.display());
    fs::create_dir_all(target()).map_err(fail)?;
    fs::write(&file, lines).map_err(fail)
}

/// Ends all of them and forgets them.
pub(super) fn end_all() -> Result<usize, String> {
    let mut ended = 0;
    for (process, directory) in read() {
        if is_ours(process, &directory) {
            end(process, &directory, || false)?;
            ended += 1;
        }
        let _ = fs::remove_dir_all(directory);
    }
    let _ = fs::remove_file(path());
    Ok(ended)
}

fn read() -> Vec<(u32, PathBuf)> {
    let text = fs::read_to_string(path()).unwrap_or_default();
    let entry = |line: &str| {
        let (process, directory) = line.split_once(' ')?;
        Some((process.parse().ok()?, PathBuf::from(directory)))
    };
    text.lines().filter_map(entry).collect()
}
