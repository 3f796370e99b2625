//! Transactions on a connection that the application uses too.

use sqlx::SqlStr;

use crate::connection::{Shared, warn_of_open_transaction};
use crate::dialect::Dialect;

/// A server whose connections a store can share with the application.
pub(crate) trait SharedServer: Dialect {
    /// Commits, and restores the application's settings.
    const COMMIT_SHARED: &'static str;

    /// Rolls back, and restores the application's settings.
    const ROLL_BACK_SHARED: &'static str;

    /// Runs `Shared::begin`. If it finds an open transaction, nothing of the store has run in it.
    fn try_begin(
        connection: &mut Self::Connection,
        begin: SqlStr,
    ) -> impl Future<Output = sqlx::Result<Begun>> + Send;
}

/// What `Shared::begin` found on a connection.
pub(crate) enum Begun {
    /// A new transaction has begun.
    New,
    /// The application had left a transaction open.
    Open,
}

/// Begins a transaction with the store's settings. If the application has returned the connection
/// to the pool inside a transaction, that transaction is rolled back.
pub(crate) async fn begin<D: SharedServer>(
    connection: &mut D::Connection,
    shared: &Shared,
) -> sqlx::Result<()> {
    if matches!(D::try_begin(connection, shared.begin.clone()).await?, Begun::New) {
        return Ok(());
    }
    warn_of_open_transaction();
    D::execute(connection, D::ROLL_BACK_SHARED).await?;
    match D::try_begin(connection, shared.begin.clone()).await? {
        Begun::New => Ok(()),
        Begun::Open => Err(sqlx::Error::BeginFailed),
    }
}
