//! Migrations on a server, which other nodes may be using.

use std::time::Duration;

use sqlx::migrate::{Migrate, MigrateError};

use crate::dialect::Dialect;
use crate::migrations::migrator;

/// The pause after a migration has found a table in use. While a migration waits for a table, all
/// later users of that table wait behind it; during the pause they get it.
const PAUSE: Duration = Duration::from_secs(1);

/// Brings the tables up to date. As long as another node uses one of them, it tries again after a
/// pause.
///
/// The caller must hold the lock that excludes the migrations of other nodes.
pub(crate) async fn migrate<D: Dialect>(connection: &mut D::Connection) -> Result<(), MigrateError>
where
    D::Connection: Migrate,
{
    let mut migrator = migrator::<D>();
    migrator.set_locking(false);
    loop {
        // `run` would make a future that is not `Send`.
        match migrator.run_direct(None, &mut *connection, false).await {
            Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _))
                if (D::RETRY.is_conflict)(&error) =>
            {
                pause().await
            }
            result => return result,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "servers do not notify when a table is free; only at a start")]
async fn pause() {
    tokio::time::sleep(PAUSE).await;
}
