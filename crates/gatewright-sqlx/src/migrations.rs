//! The tables' history. What has been published is never changed: the databases remember its checksum.
//!
//! Migrations only add: tables, indexes, and columns that may be null or have a default. So nodes of two versions work on one
//! database, and one of the older version may start after a newer one has been there.

use sqlx::SqlStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// Brings a database up to date, from the folder of its migrations.
macro_rules! migrator {
    ($database:literal) => {
        $crate::migrations::numbered([
            (
                "users and sessions",
                include_str!(concat!("../../migrations/", $database, "/0001_users_and_sessions.sql")),
            ),
            (
                "clients of sessions",
                include_str!(concat!("../../migrations/", $database, "/0002_clients_of_sessions.sql")),
            ),
        ])
    };
}

pub(crate) use migrator;

/// Numbered from 1 in their order, remembered apart from an application's own.
pub(crate) fn numbered<const N: usize>(steps: [(&'static str, &'static str); N]) -> Migrator {
    let migrations = (1..).zip(steps).map(|(version, (description, statements))| {
        let statements = SqlStr::from_static(statements);
        Migration::new(version, description.into(), MigrationType::Simple, statements, false)
    });
    let mut migrator = Migrator::with_migrations(migrations.collect());
    migrator.dangerous_set_table_name("_gatewright_migrations");
    migrator.set_ignore_missing(true);
    migrator
}
