//! One connection on which a node listens and speaks.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::{query, query_scalar};
use tokio::time::timeout;

use crate::Parsed;
use crate::server::CALL_TIMEOUT;

/// How long it may take until a new connection listens.
const OPEN_TIMEOUT: Duration = Duration::from_secs(3);

/// In the order of the array. All are sent when the statement is, in one commit, and commits are what the server puts
/// notifications in order by: what begins after this was answered comes later, whoever sends it.
const NOTIFY: &str = "SELECT pg_notify($1, message) FROM unnest($2::text[]) AS message";

/// What a database must be encoded in. In another a message may be one that it cannot keep, and would hold up all that
/// are sent with it; in `SQL_ASCII` anybody could send what is no text at all, to which the driver has no answer.
const ENCODING: &str = "UTF8";

/// Where to connect, and what to listen to.
pub(super) struct Door {
    pub(super) options: PgConnectOptions,
    pub(super) channel: String,
}

/// A connection that listens. It is never mended: whoever loses it opens another, and knows that messages were lost.
pub(super) struct Line {
    listener: PgListener,
    channel: String,
}

impl Line {
    pub(super) async fn open(door: &Door) -> Parsed<Self> {
        timeout(OPEN_TIMEOUT, Self::listen(door)).await?
    }

    async fn listen(door: &Door) -> Parsed<Self> {
        // A listener takes its connection from a pool. This one is the listener's alone.
        let pool = PgPoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
        let pool = pool.test_before_acquire(false).connect_lazy_with(door.options.clone());
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.ignore_pool_close_event(true);
        listener.eager_reconnect(false);
        let encoding = query_scalar("SELECT current_setting('server_encoding')");
        let encoding: String = encoding.fetch_one(&mut listener).await?;
        if encoding != ENCODING {
            return Err("the database's encoding is not UTF8".into());
        }
        listener.listen(&door.channel).await?;
        Ok(Self { listener, channel: door.channel.clone() })
    }

    /// The next message. May be dropped: what was not returned is not lost.
    pub(super) async fn hear(&mut self) -> Parsed<String> {
        // `recv` would connect again by itself, and nobody would know that messages were lost.
        let heard = self.listener.try_recv().await?.ok_or("the connection was lost")?;
        Ok(heard.payload().to_owned())
    }

    /// Sends messages; the server has them when this returns. After an error, or when it was dropped, the connection is of
    /// no use any more.
    pub(super) async fn send(&mut self, messages: &[&str]) -> Parsed<()> {
        let notify = query(NOTIFY).bind(&self.channel).bind(messages);
        timeout(CALL_TIMEOUT, notify.execute(&mut self.listener)).await??;
        Ok(())
    }
}
