//! A connection that listens, and that closes without a farewell.
//!
//! A [`PgListener`] that is dropped starts a task, which sends UNLISTEN and reads everything up to the
//! reply. That can be a million messages, or a reply that never comes.

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::runtime::{Builder, Runtime};

use crate::Failure;

/// A [`PgListener`] whose socket is closed when it is dropped. Nothing is sent or read before.
pub(super) struct Abrupt(Option<(PgListener, Runtime)>);

impl Abrupt {
    /// Connects with the callbacks of `pool`, of which the listener becomes the only user.
    pub(super) async fn open(pool: PgPoolOptions, options: PgConnectOptions) -> Result<Self, Failure> {
        let pool = pool.max_connections(1).idle_timeout(None).max_lifetime(None).test_before_acquire(false);
        let mut listener = PgListener::connect_with(&pool.connect_lazy_with(options)).await?;
        listener.ignore_pool_close_event(true);
        listener.eager_reconnect(false);
        // A runtime must not be dropped in a task, so it is made when nothing is awaited any more.
        Ok(Self(Some((listener, Builder::new_current_thread().build()?))))
    }

    pub(super) fn listener(&mut self) -> Result<&mut PgListener, Failure> {
        self.0.as_mut().map(|(listener, _)| listener).ok_or_else(|| "the connection is closed".into())
    }
}

impl Drop for Abrupt {
    /// Drops the listener inside a runtime that never runs, and that drops the task of the listener
    /// with all that it owns.
    fn drop(&mut self) {
        let Some((listener, nowhere)) = self.0.take() else { return };
        let entered = nowhere.enter();
        drop(listener);
        drop(entered);
        nowhere.shutdown_background();
    }
}
