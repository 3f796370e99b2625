//! Redis.

use std::path::PathBuf;
use std::process::Command;

use super::place::Place;
use crate::tools::works;

pub(super) fn program() -> Option<PathBuf> {
    works("redis-server").then(|| PathBuf::from("redis-server"))
}

/// Writes the configuration. The password is in the file, because every user can read a program's
/// arguments.
///
/// With `appendfsync always`, each write is on the disk before it is acknowledged. With `no`, the system
/// has it: a killed server loses nothing, and no call waits for a busy disk. With `everysec`, Redis can
/// hold acknowledged writes in its own memory for seconds.
pub(super) fn prepare(place: &Place, settings: &str) -> Result<(), String> {
    let Place { directory, port, password, durable } = place;
    let sync = if *durable { "always" } else { "no" };
    let text = format!(
        "bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir {}\nsave \"\"\nappendonly yes\nappendfsync {sync}\n{settings}\n",
        directory.display()
    );
    place.write("redis.conf", &text).map(drop)
}

pub(super) fn server(place: &Place) -> Result<Command, String> {
    let mut redis = place.command(&program().ok_or("Redis is not installed")?)?;
    redis.arg(place.directory.join("redis.conf"));
    // By default Redis replaces its command line by its address, and cleanup would not find the
    // directory there.
    redis.args(["--set-proc-title", "no"]);
    Ok(redis)
}
