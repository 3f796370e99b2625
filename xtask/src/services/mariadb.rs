//! MariaDB.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::place::Place;
use crate::tools::works;

/// The server, and the program that creates a data directory.
pub(super) fn programs() -> Option<(PathBuf, PathBuf)> {
    // `/usr/sbin` is not on every user's path.
    let server = ["mariadbd", "/usr/sbin/mariadbd"].into_iter().find(|name| works(name))?;
    let install = ["/usr/bin/mariadb-install-db", "/usr/local/bin/mariadb-install-db"];
    let install = install.into_iter().find(|name| Path::new(name).exists())?;
    // `mariadb-install-db` runs this program, which is in another package.
    Path::new("/usr/bin/my_print_defaults").exists().then(|| (server.into(), install.into()))
}

pub(super) fn prepare(place: &Place) -> Result<(), String> {
    let (_, install) = programs().ok_or("MariaDB is not installed")?;
    let Place { password, .. } = place;
    place.write(
        "init.sql",
        &format!(
            "CREATE DATABASE IF NOT EXISTS gatewright;\n\
             CREATE USER IF NOT EXISTS 'gatewright'@'127.0.0.1' IDENTIFIED BY '{password}';\n\
             GRANT ALL ON *.* TO 'gatewright'@'127.0.0.1';\n\
             ALTER USER 'root'@'localhost' IDENTIFIED BY '{password}';\n"
        ),
    )?;
    let mut install = place.command(&install)?;
    install.args(["--no-defaults", "--skip-test-db", "--auth-root-authentication-method=normal"]);
    install.arg(format!("--datadir={}", place.directory.join("data").display()));
    place.finish(&mut install)
}

pub(super) fn server(place: &Place) -> Result<Command, String> {
    let (server, _) = programs().ok_or("MariaDB is not installed")?;
    let mut mariadb = place.command(&server)?;
    let inside = |name: &str| place.directory.join(name).display().to_string();
    mariadb.args(["--no-defaults", "--bind-address=127.0.0.1", "--skip-name-resolve"]);
    mariadb.args(["--innodb-flush-log-at-trx-commit=2", "--max-connections=400"]);
    mariadb.args(["--innodb-buffer-pool-size=64M", "--performance-schema=OFF"]);
    mariadb.args([
        format!("--port={}", place.port),
        format!("--datadir={}", inside("data")),
        format!("--socket={}", inside("socket")),
        format!("--pid-file={}", inside("pid")),
        format!("--init-file={}", inside("init.sql")),
    ]);
    Ok(mariadb)
}
