//! Installing the servers' programs.

use super::kind::Kind;
use super::{mariadb, postgres, redis};
use crate::debian;

/// The end of every error about a missing server.
pub(super) const WITHOUT: &str =
    "To leave out every test that needs a server: cargo xtask test --only embedded";

/// Installs the programs of this kind if they are missing.
pub(super) fn install(kind: Kind) -> Result<(), String> {
    if is_installed(kind) {
        return Ok(());
    }
    debian::install(packages(kind)).map_err(|error| format!("{kind:?}: {error}"))?;
    if is_installed(kind) { Ok(()) } else { Err(format!("{kind:?}: was installed, but does not run")) }
}

/// The packages of those kinds whose programs are missing.
#[must_use]
pub fn missing_packages(kinds: &[Kind]) -> Vec<&'static str> {
    kinds.iter().filter(|&&kind| !is_installed(kind)).flat_map(|&kind| packages(kind)).copied().collect()
}

fn is_installed(kind: Kind) -> bool {
    match kind {
        Kind::Postgres => postgres::programs().is_some(),
        Kind::Mysql => mariadb::programs().is_some(),
        Kind::Redis => redis::program().is_some(),
    }
}

const fn packages(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Postgres => &["postgresql"],
        // Only the programs: the package `mariadb-server` also starts a server.
        Kind::Mysql => &["mariadb-server-core", "mariadb-client-core"],
        Kind::Redis => &["redis-server"],
    }
}
