//! Migrations on a server, which other nodes may be using.

use std::time::Duration;

use crate::Failure;
use crate::dialect::Dialect;
use crate::migrations::Version;

/// The pause after a migration has found a table in use. While a migration waits for a table, all
/// later users of that table wait behind it; during the pause they get it.
const PAUSE: Duration = Duration::from_secs(1);

/// A server on which several nodes can migrate at once.
pub(crate) trait ServerMigration: Dialect {
    /// Excludes the migrations of other nodes, and runs the files that the tables lack. If a table
    /// is in use, it gives up after a short time with a conflict.
    fn run_exclusively(connection: &mut Self::Connection)
    -> impl Future<Output = Result<(), Failure>> + Send;
}

/// Brings the tables up to date. As long as another node uses one of them, it tries again after a
/// pause. If they are up to date, it only reads their version: this needs no right to change them.
///
/// The connection must not be used for anything else afterwards.
pub(crate) async fn migrate<D: ServerMigration>(connection: &mut D::Connection) -> Result<(), Failure> {
    if Version::find::<D>(connection).await?.is_current::<D>() {
        return Ok(());
    }
    loop {
        match D::run_exclusively(connection).await {
            Err(failure) if failure.downcast_ref().is_some_and(D::RETRY.is_conflict) => pause().await,
            result => return result,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "servers do not notify when a table is free; only at a start")]
async fn pause() {
    tokio::time::sleep(PAUSE).await;
}
