//! Redis.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::Place;
use crate::tools::works;

pub(super) fn program() -> Option<PathBuf> {
    works(Path::new("redis-server")).then(|| PathBuf::from("redis-server"))
}

/// The password stands in a file: everybody may read what a program was started with. Each write is on the disk before it
/// is answered: with less, Redis may keep even from the system, for seconds, what it acknowledged.
pub(super) fn prepare(place: &Place, further: &str) -> Result<(), String> {
    let Place { directory, port, password, .. } = place;
    let settings = format!(
        "bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir {}\nsave \"\"\nappendonly yes\nappendfsync always\n{further}\n",
        directory.display()
    );
    place.write("redis.conf", &settings).map(drop)
}

pub(super) fn server(place: &Place) -> Result<Command, String> {
    let mut redis = place.command(&program().ok_or("Redis is not installed")?)?;
    redis.arg(place.directory.join("redis.conf"));
    // It shows its address instead of what it was started with, unless it is told not to.
    redis.args(["--set-proc-title", "no"]);
    Ok(redis)
}
