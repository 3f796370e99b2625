//! The two connections of a feed: one listens, one notifies.

use std::future::pending;
use std::mem;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgListener, PgNotification, PgPoolOptions};
use sqlx::{Acquire, Connection, query, query_scalar};
use tokio::time::timeout;

use crate::Failure;
use crate::server::CALL_TIMEOUT;

/// How long it may take to replace lost connections.
const OPEN_TIMEOUT: Duration = Duration::from_secs(3);

/// Sends an array of messages in one commit, in their order. The server orders notifications by
/// commit, so every message that any node sends after this statement was answered arrives later.
const NOTIFY: &str = "SELECT pg_catalog.pg_notify($1, message) FROM pg_catalog.unnest($2::text[]) AS message";

/// The required encoding of the database. A database in another encoding could reject a message,
/// and with it all others of the same statement. A database in `SQL_ASCII` could deliver payloads
/// that are not UTF-8, which the driver does not handle.
const ENCODING: &str = "UTF8";
const FIND_ENCODING: &str = "SELECT pg_catalog.current_setting('server_encoding')";

/// Disables the server's timeout for idle connections: a connection that only listens is idle.
/// Servers before PostgreSQL 14 do not have this setting.
const NO_IDLE_TIMEOUT: &str = "SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings
     WHERE name = 'idle_session_timeout'";

/// The database and the channel to connect to.
pub(super) struct Connector {
    pub(super) options: PgConnectOptions,
    pub(super) channel: String,
}

/// The two connections. If one is lost, messages may be lost too, and both are replaced. After a
/// flood there is for a moment only the one that sends.
///
/// LISTEN and NOTIFY use separate connections because of poolers. On one connection, a node
/// receives its own notifications with the response to NOTIFY. This works even through a pooler in
/// transaction mode, which drops all notifications that arrive between two transactions. The node
/// would receive its own heartbeats, but no message of another node.
pub(super) struct Connections {
    listener: Option<PgListener>,
    sender: PgConnection,
}

impl Connections {
    pub(super) async fn reopen(connector: &Connector) -> Result<Self, Failure> {
        in_time(Self::open(connector)).await
    }

    pub(super) async fn open(connector: &Connector) -> Result<Self, Failure> {
        let sender = open_sender(connector).await?;
        Ok(Self { listener: Some(listen(connector).await?), sender })
    }

    /// Opens the connection that sends, and not the one that listens.
    pub(super) async fn reopen_sender(connector: &Connector) -> Result<Self, Failure> {
        let sender = in_time(open_sender(connector)).await?;
        Ok(Self { listener: None, sender })
    }

    pub(super) const fn is_listening(&self) -> bool {
        self.listener.is_some()
    }

    /// Opens the connection that listens.
    pub(super) async fn listen(&mut self, connector: &Connector) -> Result<(), Failure> {
        self.listener = Some(in_time(listen(connector)).await?);
        Ok(())
    }

    /// Closes the connections without reading what they hold.
    ///
    /// A [`PgListener`] that is dropped sends UNLISTEN and reads everything up to the reply, which
    /// can be a million messages. So its connection is exchanged for the other one before.
    pub(super) async fn discard(self) {
        let Some(mut listener) = self.listener else { return };
        if let Ok(listening) = listener.acquire().await {
            drop(mem::replace(listening, self.sender));
        }
    }

    /// Receives the next message. Waits forever without a connection that listens.
    ///
    /// # Cancel safety
    /// A dropped call loses no message.
    pub(super) async fn receive(&mut self) -> Result<PgNotification, Failure> {
        let Some(listener) = &mut self.listener else { return pending().await };
        // `recv` would reconnect without an error, and hide that messages were lost.
        let received = listener.try_recv().await?;
        if received.is_none() {
            self.listener = None;
        }
        received.ok_or_else(|| "the connection was lost".into())
    }

    /// Sends messages. When it returns, the server has them.
    ///
    /// # Cancel safety
    /// After an error or a dropped call, the connections must be replaced.
    pub(super) async fn send(&mut self, channel: &str, messages: &[&str]) -> Result<(), Failure> {
        let notify = query(NOTIFY).bind(channel).bind(messages);
        let sent = timeout(CALL_TIMEOUT, notify.execute(&mut self.sender)).await;
        sent.map_err(|_| format!("NOTIFY timed out after {CALL_TIMEOUT:?}"))??;
        Ok(())
    }
}

async fn in_time<T>(opening: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    timeout(OPEN_TIMEOUT, opening).await.map_err(|_| format!("timed out after {OPEN_TIMEOUT:?}"))?
}

async fn open_sender(connector: &Connector) -> Result<PgConnection, Failure> {
    let mut sender = PgConnection::connect_with(&connector.options).await?;
    query(NO_IDLE_TIMEOUT).execute(&mut sender).await?;
    let encoding: String = query_scalar(FIND_ENCODING).fetch_one(&mut sender).await?;
    if encoding != ENCODING {
        return Err(format!("the database's encoding is {encoding}, not {ENCODING}").into());
    }
    Ok(sender)
}

async fn listen(connector: &Connector) -> Result<PgListener, Failure> {
    // A `PgListener` takes its connection from a pool. This pool has no other user.
    let pool = PgPoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
    let pool = pool.test_before_acquire(false).connect_lazy_with(connector.options.clone());
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.ignore_pool_close_event(true);
    listener.eager_reconnect(false);
    query(NO_IDLE_TIMEOUT).execute(&mut listener).await?;
    listener.listen(&connector.channel).await?;
    Ok(listener)
}
