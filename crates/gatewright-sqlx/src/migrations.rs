//! The history of the tables.
//!
//! Published migrations must not change, because each database stores their checksums.
//!
//! Migrations only add tables, indexes, and columns that are nullable or have a default. Therefore
//! nodes of two versions can use one database. A node of the older version can even start again
//! after the newer one has migrated.

use sqlx::SqlStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use crate::dialect::Dialect;

/// The migrations, numbered from 1.
const NAMES: [&str; 2] = ["users and sessions", "clients of sessions"];

/// The migrations of a database. They are recorded in `_gatewright_migrations`, apart from those of
/// the application.
pub(crate) fn migrator<D: Dialect>() -> Migrator {
    let migrations = (1..).zip(NAMES).zip(D::MIGRATIONS).map(|((version, name), statements)| {
        let statements = SqlStr::from_static(statements);
        Migration::new(version, name.into(), MigrationType::Simple, statements, false)
    });
    let mut migrator = Migrator::with_migrations(migrations.collect());
    migrator.dangerous_set_table_name("_gatewright_migrations");
    migrator.set_ignore_missing(true);
    migrator
}
