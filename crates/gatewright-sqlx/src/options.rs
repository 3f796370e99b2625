//! The options of a store that opens its own connections.

use crate::Failure;

/// The largest number of connections that [`SqlOptions::with_max_connections`] accepts.
pub const MAX_POOL_SIZE: u32 = 1_000;

/// The options of `connect_with`.
///
/// ```
/// use gatewright::SqliteStore;
/// use gatewright::store::SqlOptions;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let options = SqlOptions::new().with_max_connections(0);
/// let error = SqliteStore::connect_with("sqlite::memory:", options).await.unwrap_err();
/// let cause = std::error::Error::source(&error).unwrap().to_string();
/// assert_eq!(cause, "max_connections: must be 2 to 1000, is 0");
/// # }
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct SqlOptions {
    max_connections: Option<u32>,
}

impl SqlOptions {
    /// The options of `connect`.
    pub const fn new() -> Self {
        Self { max_connections: None }
    }

    /// Sets how many connections the store opens at most: up to [`MAX_POOL_SIZE`].
    ///
    /// On PostgreSQL and MySQL the least is 1 and the default `MAX_CONNECTIONS` (10). On SQLite the least
    /// is 2 and the default 5: one connection writes, the others read. A database in memory always has
    /// one.
    pub const fn with_max_connections(mut self, connections: u32) -> Self {
        self.max_connections = Some(connections);
        self
    }

    pub(crate) fn max_connections(&self, least: u32, default: u32) -> Result<u32, Failure> {
        let connections = self.max_connections.unwrap_or(default);
        if (least..=MAX_POOL_SIZE).contains(&connections) {
            return Ok(connections);
        }
        Err(format!("max_connections: must be {least} to {MAX_POOL_SIZE}, is {connections}").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_connections_has_limits() {
        let of = |number: u32| SqlOptions::new().with_max_connections(number).max_connections(1, 10);
        assert_eq!((of(1).unwrap(), of(MAX_POOL_SIZE).unwrap()), (1, MAX_POOL_SIZE));
        for number in [0, MAX_POOL_SIZE + 1] {
            let error = of(number).unwrap_err().to_string();
            assert_eq!(error, format!("max_connections: must be 1 to 1000, is {number}"));
        }
        assert_eq!(SqlOptions::new().max_connections(1, 10).unwrap(), 10);
    }
}
