//! The two connections of a feed: one sends, one listens. Each is opened and replaced without the
//! other.
//!
//! LISTEN and NOTIFY use separate connections because of poolers. On one connection, a node
//! receives its own notifications with the response to NOTIFY. This works even through a pooler in
//! transaction mode, which drops all notifications that arrive between two transactions. The node
//! would receive its own heartbeats, but no message of another node.

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgNotification, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Executor, query, query_as, query_scalar};
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::abrupt::Abrupt;
use crate::Failure;
use crate::server::CALL_TIMEOUT;

/// How long it may take to replace a lost connection.
const OPEN_TIMEOUT: Duration = Duration::from_secs(3);

/// How full the server's notification queue may be for a LISTEN, as a fraction. A LISTEN can have to
/// read the whole queue, and cannot be interrupted meanwhile.
const MAX_QUEUE_USAGE: f64 = 0.05;

/// Sends an array of messages in one commit, in their order. The server orders notifications by
/// commit, so every message that any node sends after this statement was answered arrives later.
const NOTIFY: &str = "SELECT pg_catalog.pg_notify($1, message) FROM pg_catalog.unnest($2::text[]) AS message";

/// `program_limit_exceeded`: the server's notification queue is full.
const QUEUE_IS_FULL: &str = "54000";

/// The required encoding of the database. A database in another encoding could reject a message,
/// and with it all others of the same statement. A database in `SQL_ASCII` could deliver payloads
/// that are not UTF-8, which the driver does not handle.
const ENCODING: &str = "UTF8";

/// The encoding, whether the server is a standby, and which server it is.
const DESCRIBE_SENDER: &str =
    "SELECT pg_catalog.current_setting('server_encoding'), pg_catalog.pg_is_in_recovery(),
     pg_catalog.pg_postmaster_start_time()::pg_catalog.text";

/// The process of the connection, which server it is on, and how full the queue of that server is.
const DESCRIBE_LISTENER: &str = "SELECT pg_catalog.pg_backend_pid(),
     pg_catalog.pg_postmaster_start_time()::pg_catalog.text, pg_catalog.pg_notification_queue_usage()";

/// Whether a process still carries out a LISTEN. One that waits for its client has carried it out.
const IS_BUSY: &str = "SELECT pg_catalog.count(*) > 0 FROM pg_catalog.pg_stat_activity
     WHERE pid = $1 AND state = 'active' AND query LIKE 'LISTEN %' AND wait_event_type IS DISTINCT FROM 'Client'";

/// Disables the server's timeout for idle connections: a connection that only listens is idle.
/// Servers before PostgreSQL 14 do not have this setting.
const NO_IDLE_TIMEOUT: &str = "SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings
     WHERE name = 'idle_session_timeout'";

/// The database and the channel to connect to.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) options: PgConnectOptions,
    pub(super) channel: String,
}

/// The server of a connection, by the time of its start. After a failover, the old server may still
/// accept messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServerId(String);

#[cfg(test)]
impl ServerId {
    pub(super) fn started_at(time: &str) -> Self {
        Self(time.to_owned())
    }
}

/// A process of the server that had to carry out a LISTEN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Backend(i32);

impl Connector {
    /// Opens the connection that sends.
    pub(super) async fn sender(&self) -> Result<Sending, Failure> {
        let mut connection = PgConnection::connect_with(&self.options).await?;
        query(NO_IDLE_TIMEOUT).execute(&mut connection).await?;
        let (encoding, is_standby, server): (String, bool, String) =
            query_as(DESCRIBE_SENDER).fetch_one(&mut connection).await?;
        if encoding != ENCODING {
            return Err(format!("the database's encoding is {encoding}, not {ENCODING}").into());
        }
        if is_standby {
            return Err(
                "the server is a standby, which accepts no notifications: connect to the primary".into()
            );
        }
        Ok(Sending { connection, server: ServerId(server) })
    }

    /// As [`sender`](Self::sender), within [`OPEN_TIMEOUT`].
    pub(super) async fn reopen_sender(&self) -> Result<Sending, Failure> {
        in_time(self.sender()).await
    }

    /// Opens the connection that listens, and sends LISTEN. The first message that arrives shows that
    /// it has taken effect.
    ///
    /// # Errors
    /// Also if a LISTEN would take long, or if `earlier`, which an earlier connection gave up, still
    /// carries out its own.
    pub(super) async fn listener(self, earlier: Option<Backend>) -> Result<Listening, Failure> {
        in_time(self.listen(earlier)).await
    }

    async fn listen(self, earlier: Option<Backend>) -> Result<Listening, Failure> {
        let (reports, mut reported) = mpsc::unbounded_channel();
        let options = self.options.clone();
        // A `PgListener` takes its connection from a pool, and keeps in memory what arrives with the
        // answer to a statement. The pool's connection does not, until the listener has it.
        let pool = PgPoolOptions::new().after_connect(move |connection, _| {
            let (connector, reports) = (self.clone(), reports.clone());
            Box::pin(async move {
                let report = connector.prepare(connection, earlier).await;
                let is_ready = report.is_ok();
                // The other end is dropped after a failure, and with it this task.
                let _ = reports.send(report);
                if is_ready { Ok(()) } else { pending().await }
            })
        });
        let report = async { reported.recv().await.unwrap_or_else(|| Err("the connection was lost".into())) };
        let (listener, (server, backend)) = tokio::try_join!(Abrupt::open(pool, options), report)?;
        Ok(Listening { listener, server, backend })
    }

    /// Sends LISTEN, if it does not take long, without waiting for its answer.
    async fn prepare(
        &self,
        connection: &mut PgConnection,
        earlier: Option<Backend>,
    ) -> Result<(ServerId, Backend), Failure> {
        query(NO_IDLE_TIMEOUT).execute(&mut *connection).await?;
        let (backend, server, usage): (i32, String, f64) =
            query_as(DESCRIBE_LISTENER).fetch_one(&mut *connection).await?;
        if usage > MAX_QUEUE_USAGE {
            return Err(pinned(usage).into());
        }
        if let Some(Backend(earlier)) = earlier
            && query_scalar(IS_BUSY).bind(earlier).fetch_one(&mut *connection).await?
        {
            return Err("the server still carries out an earlier LISTEN of this node".into());
        }
        send_listen(connection, &self.channel).await?;
        Ok((ServerId(server), Backend(backend)))
    }
}

fn pinned(usage: f64) -> String {
    format!(
        "the server's notification queue is {:.0} % full, and LISTEN is used up to {:.0} %; end the session that \
         listens and keeps a transaction open",
        usage * 100.0,
        MAX_QUEUE_USAGE * 100.0
    )
}

/// Sends LISTEN without waiting for its answer, which [`Listening::receive`] skips. Fails if a message
/// has arrived already.
async fn send_listen(connection: &mut PgConnection, channel: &str) -> Result<(), Failure> {
    let statement = AssertSqlSafe(format!("LISTEN \"{}\"", channel.replace('"', "\"\"")));
    let mut listen = pin!(connection.execute(statement));
    // A task that was just scheduled may do enough in one turn to send the statement. Should it
    // fail nevertheless, no heartbeat arrives.
    yield_now().await;
    match poll_fn(|context| Poll::Ready(listen.as_mut().poll(context))).await {
        Poll::Ready(Err(failure)) => Err(failure.into()),
        Poll::Ready(Ok(_)) | Poll::Pending => Ok(()),
    }
}

async fn in_time<T>(opening: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    timeout(OPEN_TIMEOUT, opening).await.map_err(|_| format!("timed out after {OPEN_TIMEOUT:?}"))?
}

/// The connection that sends.
pub(super) struct Sending {
    connection: PgConnection,
    server: ServerId,
}

impl Sending {
    pub(super) fn is_on(&self, server: &ServerId) -> bool {
        self.server == *server
    }

    /// Sends messages. When it returns, the server has them.
    ///
    /// # Cancel safety
    /// After an error or a dropped call, the connection must be replaced, unless the error is that the
    /// [queue is full](is_queue_full).
    pub(super) async fn send(&mut self, channel: &str, messages: &[&str]) -> Result<(), Failure> {
        let notify = query(NOTIFY).bind(channel).bind(messages);
        let sent = timeout(CALL_TIMEOUT, notify.execute(&mut self.connection)).await;
        sent.map_err(|_| format!("NOTIFY timed out after {CALL_TIMEOUT:?}"))??;
        Ok(())
    }
}

/// Whether the server has no place for another notification.
pub(super) fn is_queue_full(failure: &Failure) -> bool {
    let error = failure.downcast_ref().and_then(sqlx::Error::as_database_error);
    error.and_then(|error| error.code()).is_some_and(|code| code == QUEUE_IS_FULL)
}

/// The connection that listens.
pub(super) struct Listening {
    listener: Abrupt,
    server: ServerId,
    backend: Backend,
}

impl Listening {
    pub(super) const fn server(&self) -> &ServerId {
        &self.server
    }

    pub(super) const fn backend(&self) -> Backend {
        self.backend
    }

    /// Receives the next message.
    ///
    /// # Cancel safety
    /// A dropped call loses no message.
    pub(super) async fn receive(&mut self) -> Result<PgNotification, Failure> {
        // `recv` would reconnect without an error, and hide that messages were lost.
        self.listener.listener()?.try_recv().await?.ok_or_else(|| "the connection was lost".into())
    }
}
