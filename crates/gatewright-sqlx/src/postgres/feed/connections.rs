//! The two connections of a node: one that listens, one that notifies.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgListener, PgPoolOptions};
use sqlx::{Connection, query, query_scalar};
use tokio::time::timeout;

use crate::Parsed;
use crate::server::CALL_TIMEOUT;

/// How long it may take to replace lost connections.
const OPEN_TIMEOUT: Duration = Duration::from_secs(3);

/// In the order of the array. All are sent when the statement is, in one commit, and commits are what the server puts
/// notifications in order by: what begins after this was answered comes later, whoever sends it.
const NOTIFY: &str = "SELECT pg_catalog.pg_notify($1, message) FROM pg_catalog.unnest($2::text[]) AS message";

/// What a database must be encoded in. In another a message may be one that it cannot keep, and would hold up all that
/// are sent with it; in `SQL_ASCII` anybody could send what is no text at all, to which the driver has no answer.
const ENCODING: &str = "UTF8";
const FIND_ENCODING: &str = "SELECT pg_catalog.current_setting('server_encoding')";

/// A connection that only listens is idle to the server. Servers before PostgreSQL 14 do not know the setting.
const NO_IDLE_TIMEOUT: &str = "SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings
     WHERE name = 'idle_session_timeout'";

/// Where to connect, and what to listen to.
pub(super) struct Connector {
    pub(super) options: PgConnectOptions,
    pub(super) channel: String,
}

/// A pair of connections. When one is lost both are replaced, and messages may have been lost.
///
/// There are two for the sake of poolers. Were there one, its own notifications would come back within the answer to the
/// statement that sends them, through a pooler too that lends a session to each transaction and drops what comes in
/// between: a node would hear its heartbeats and nobody else.
pub(super) struct Connections {
    listener: PgListener,
    sender: PgConnection,
    channel: String,
}

impl Connections {
    pub(super) async fn reopen(connector: &Connector) -> Parsed<Self> {
        timeout(OPEN_TIMEOUT, Self::open(connector)).await?
    }

    pub(super) async fn open(connector: &Connector) -> Parsed<Self> {
        let mut sender = PgConnection::connect_with(&connector.options).await?;
        query(NO_IDLE_TIMEOUT).execute(&mut sender).await?;
        let encoding: String = query_scalar(FIND_ENCODING).fetch_one(&mut sender).await?;
        if encoding != ENCODING {
            return Err("the database's encoding is not UTF8".into());
        }
        Ok(Self { listener: listen(connector).await?, sender, channel: connector.channel.clone() })
    }

    /// The next message. Cancel safe.
    pub(super) async fn receive(&mut self) -> Parsed<String> {
        // `recv` would connect again by itself, and nobody would know that messages were lost.
        let received = self.listener.try_recv().await?.ok_or("the connection was lost")?;
        Ok(received.payload().to_owned())
    }

    /// Sends messages; the server has them when this returns. After an error, or when it was dropped, the connections
    /// must be replaced.
    pub(super) async fn send(&mut self, messages: &[&str]) -> Parsed<()> {
        let notify = query(NOTIFY).bind(&self.channel).bind(messages);
        timeout(CALL_TIMEOUT, notify.execute(&mut self.sender)).await??;
        Ok(())
    }
}

async fn listen(connector: &Connector) -> Parsed<PgListener> {
    // A listener takes its connection from a pool. This one is the listener's alone.
    let pool = PgPoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
    let pool = pool.test_before_acquire(false).connect_lazy_with(connector.options.clone());
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.ignore_pool_close_event(true);
    listener.eager_reconnect(false);
    query(NO_IDLE_TIMEOUT).execute(&mut listener).await?;
    listener.listen(&connector.channel).await?;
    Ok(listener)
}
