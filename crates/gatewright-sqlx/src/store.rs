//! The store, generic over its database.

use std::fmt;

use gatewright_core::StoreError;
use sqlx::Database;

use crate::Failure;
use crate::connection::Pools;

/// Users, accounts, sessions and the throttle in a SQL database: the type behind `SqliteStore`,
/// `PostgresStore` and `MySqlStore`.
///
/// It implements [`UserStore`](gatewright_core::UserStore),
/// [`AccountStore`](gatewright_core::AccountStore),
/// [`SessionStore`](gatewright_core::SessionStore) and
/// [`Throttle`](gatewright_core::Throttle). Clones share their connections.
///
/// # Cancel safety
/// A dropped call takes effect completely or not at all. On PostgreSQL and MySQL its connection is
/// closed, and the pool opens another one when it needs it.
pub struct SqlStore<D: Database> {
    pub(crate) pools: Pools<D>,
}

impl<D: Database> SqlStore<D> {
    /// Waits for running operations to end, and closes all connections. Later operations on this
    /// store and its clones fail.
    ///
    /// A store on a pool of the application (`from_pool`) leaves that pool open.
    pub async fn close(&self) {
        if self.pools.shared.is_some() {
            return;
        }
        self.pools.readers.close().await;
        self.pools.writers.close().await;
    }
}

impl<D: Database> Clone for SqlStore<D> {
    fn clone(&self) -> Self {
        Self { pools: self.pools.clone() }
    }
}

impl<D: Database> fmt::Debug for SqlStore<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlStore").field("database", &D::NAME).finish_non_exhaustive()
    }
}

pub(crate) fn cannot_open(failure: Failure) -> StoreError {
    StoreError::new("open the database", failure)
}
