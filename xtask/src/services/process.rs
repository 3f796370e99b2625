//! Processes by their number: whether one is still the server of a directory, and how it is ended.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// How many times a process is checked before the wait is given up, and the pause between two
/// checks: one minute.
pub(super) const CHECKS: usize = 1_200;
const PAUSE: Duration = Duration::from_millis(50);

/// Sends the process QUIT, then TERM, then KILL, and waits up to ten seconds after each. A process
/// that is no longer the server of this directory receives nothing.
pub(super) fn end(process: u32, directory: &Path, mut has_ended: impl FnMut() -> bool) -> Result<(), String> {
    for signal in ["QUIT", "TERM", "KILL"] {
        for check in 0..CHECKS / 6 {
            if has_ended() || !is_server_of(process, directory) {
                return Ok(());
            }
            if check == 0 {
                // The shell has its own `kill`; the program of that name can be missing.
                let script = format!("kill -{signal} {process}");
                let _ = Command::new("sh").args(["-c", &script]).status();
            }
            pause();
        }
    }
    Err(format!("process {process} does not end"))
}

/// Whether the process is still the server of this directory: the system reuses the numbers of
/// processes.
pub(super) fn is_server_of(process: u32, directory: &Path) -> bool {
    let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).contains(&*directory.to_string_lossy())
}

#[expect(clippy::disallowed_methods, reason = "servers do not signal that they are ready")]
pub(super) fn pause() {
    std::thread::sleep(PAUSE);
}
