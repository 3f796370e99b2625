//! Opens connections to a server or to a cluster.

use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{AsyncConnectionConfig, Client, RedisError};

use super::deadline::{CALL_TIMEOUT, CONNECT_TIMEOUT};
use super::primary;

/// What to connect to.
pub(super) enum Opener {
    Server(Box<Client>),
    Cluster(Box<ClusterClient>),
}

/// A connection that many callers can use at the same time.
#[derive(Clone)]
pub(super) enum Connection {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Opener {
    /// Connects. A single server must be a primary; the nodes of a cluster redirect callers to the
    /// primary.
    pub(super) async fn open(&self) -> Result<Connection, RedisError> {
        match self {
            Self::Server(client) => {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(CONNECT_TIMEOUT))
                    .set_response_timeout(Some(CALL_TIMEOUT));
                let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
                primary::check(&mut connection).await?;
                Ok(Connection::Server(connection))
            }
            Self::Cluster(client) => client.get_async_connection().await.map(Connection::Cluster),
        }
    }
}
