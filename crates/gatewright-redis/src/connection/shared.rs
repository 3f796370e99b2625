//! One connection for all callers, with a deadline for each call.
//!
//! The driver's `ConnectionManager` is not used. It never replaces a connection on which replies
//! stopped arriving, and it keeps a refusal that it received while connecting (a wrong password,
//! too many clients) forever. Here the next call opens a new connection in both cases.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::ConnectionLike;
use redis::cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr};
use redis::{
    Cmd, ErrorKind, FromRedisValue, Pipeline, RedisError, ServerErrorKind, Value, cmd, from_redis_value,
};
use tokio::time::Instant;

use super::address::Address;
use super::deadline::{call_deadline, pause, until};
use super::opener::{Connection, Opener};
use super::{primary, redirect};
use crate::failure::{Failure, Result};

/// The pause before a command that was not executed, or a failed attempt to connect, is tried
/// again.
const RETRY_PAUSE: Duration = Duration::from_millis(25);

/// How long the result of a primary check is valid. Redis does not notify clients of a demotion.
const PRIMARY_CHECK_VALIDITY: Duration = Duration::from_secs(1);

/// A connection that all callers share. The first call opens it, and the call after a failure
/// replaces it.
pub(crate) struct SharedConnection {
    opener: Opener,
    current: Mutex<Option<Current>>,
    next_generation: AtomicU64,
    /// Held by the caller that connects; the others wait for it.
    connecting: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Current {
    /// A caller discards only the connection that failed, not its replacement.
    generation: u64,
    connection: Connection,
    /// When the server was last known to be a primary.
    checked_at: Instant,
}

impl SharedConnection {
    pub(crate) fn for_server(address: &Address) -> Result<Self> {
        Ok(Self::new(Opener::Server(Box::new(address.client()?))))
    }

    pub(crate) fn for_cluster(nodes: &[Address]) -> Result<Self> {
        Ok(Self::new(Opener::Cluster(Box::new(Address::cluster_client(nodes)?))))
    }

    fn new(opener: Opener) -> Self {
        let (current, next_generation) = (Mutex::new(None), AtomicU64::new(0));
        Self { opener, current, next_generation, connecting: tokio::sync::Mutex::new(()) }
    }

    /// Sends a command and returns the reply.
    ///
    /// The command is sent again only if the server replied that it did not execute it. If the
    /// reply is lost, the outcome is unknown and the call fails.
    pub(crate) async fn query<T: FromRedisValue>(&self, command: &Cmd, deadline: Instant) -> Result<T> {
        self.query_at(None, command, deadline).await
    }

    /// [`query`](Self::query) on the primary that owns `slot`, one of the
    /// [`primary_slots`](Self::primary_slots).
    pub(crate) async fn query_at<T: FromRedisValue>(
        &self,
        slot: Option<u16>,
        command: &Cmd,
        deadline: Instant,
    ) -> Result<T> {
        loop {
            let failure = match self.attempt(slot, command, deadline).await {
                Ok(value) => return Ok(from_redis_value(value)?),
                Err(failure) => failure,
            };
            let may_retry = failure.downcast_ref::<RedisError>().is_some_and(was_not_executed);
            if !may_retry || Instant::now() + RETRY_PAUSE >= deadline {
                return Err(failure);
            }
            pause(RETRY_PAUSE).await;
        }
    }

    async fn attempt(&self, slot: Option<u16>, command: &Cmd, deadline: Instant) -> Result<Value> {
        let current = self.connect(deadline).await?;
        if current.checked_at.elapsed() > PRIMARY_CHECK_VALIDITY {
            self.check_current(&current, deadline).await?;
        }
        let reply = until(deadline, send(slot, command, current.connection.clone())).await;
        self.discard_if_broken(&current, reply.and_then(|reply| Ok(reply?)))
    }

    /// Fails unless the server is a primary now. A cluster is not checked: its replicas redirect
    /// callers to the primary.
    pub(crate) async fn check_primary(&self, deadline: Instant) -> Result<()> {
        let current = self.connect(deadline).await?;
        self.check_current(&current, deadline).await
    }

    async fn check_current(&self, current: &Current, deadline: Instant) -> Result<()> {
        let Connection::Server(mut connection) = current.connection.clone() else { return Ok(()) };
        let checked_at = Instant::now();
        let check = until(deadline, primary::check(&mut connection)).await;
        self.discard_if_broken(current, check.and_then(|check| Ok(check?)))?;
        if let Some(now) = self.lock().as_mut().filter(|now| now.generation == current.generation) {
            now.checked_at = now.checked_at.max(checked_at);
        }
        Ok(())
    }

    /// Sends commands in one round trip. Fails unless the server accepted all of them and still is
    /// a primary afterwards.
    pub(crate) async fn send_to_primary(&self, mut commands: Pipeline, deadline: Instant) -> Result<()> {
        let mut current = self.connect(deadline).await?;
        commands.add_command(primary::command());
        let count = commands.len();
        let replies = until(deadline, async {
            match &mut current.connection {
                Connection::Server(server) => server.req_packed_commands(&commands, 0, count).await,
                Connection::Cluster(cluster) => cluster.req_packed_commands(&commands, 0, count).await,
            }
        });
        let result = replies.await.and_then(|replies| {
            let mut replies = replies?;
            primary::check_reply(replies.pop().unwrap_or(Value::Nil))?;
            replies.into_iter().try_for_each(|reply| reply.extract_error().map(drop))?;
            Ok(())
        });
        self.discard_if_broken(&current, result)
    }

    /// One slot per primary of a cluster, to address each of them. For a single server, `None`
    /// once.
    pub(crate) async fn primary_slots(&self) -> Result<Vec<Option<u16>>> {
        if matches!(self.opener, Opener::Server(_)) {
            return Ok(vec![None]);
        }
        let mut command = cmd("CLUSTER");
        command.arg("SLOTS");
        let ranges: Vec<Vec<Value>> = self.query_at(Some(0), &command, call_deadline()).await?;
        let mut slots = HashMap::new();
        for range in ranges {
            let mut fields = range.into_iter();
            let (Some(start), _, Some(primary)) = (fields.next(), fields.next(), fields.next()) else {
                return Err("CLUSTER SLOTS: a range of slots has no primary".into());
            };
            slots.insert(format!("{primary:?}"), from_redis_value(start)?);
        }
        Ok(slots.into_values().map(Some).collect())
    }

    /// The current connection, or a new one. Retries until the deadline while the server cannot be
    /// reached, because it may be starting.
    async fn connect(&self, deadline: Instant) -> Result<Current> {
        if let Some(current) = self.lock().clone() {
            return Ok(current);
        }
        let _connecting = until(deadline, self.connecting.lock()).await?;
        let mut last_error = None;
        loop {
            if let Some(current) = self.lock().clone() {
                return Ok(current);
            }
            match until(deadline, self.opener.open()).await {
                Ok(Ok(connection)) => return Ok(self.set_current(connection)),
                Ok(Err(error)) if !is_outage(&error) => return Err(error.into()),
                Ok(Err(error)) => last_error = Some(error),
                Err(timeout) => return Err(last_error.map_or(timeout, Failure::from)),
            }
            pause(RETRY_PAUSE).await;
        }
    }

    fn set_current(&self, connection: Connection) -> Current {
        let generation = self.next_generation.fetch_add(1, Ordering::Relaxed);
        let current = Current { generation, connection, checked_at: Instant::now() };
        *self.lock() = Some(current.clone());
        current
    }

    /// Discards the connection if `result` is a failure that the next call on it would meet as
    /// well. Calls that wait for replies on it continue.
    fn discard_if_broken<T>(&self, used: &Current, result: Result<T>) -> Result<T> {
        result.inspect_err(|failure| {
            if failure.downcast_ref::<RedisError>().is_none_or(is_broken) {
                self.lock().take_if(|current| current.generation == used.generation);
            }
        })
    }

    /// Closes the connection. The next call opens a new one.
    pub(crate) fn close(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Current>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn send(slot: Option<u16>, command: &Cmd, connection: Connection) -> Result<Value, RedisError> {
    match (connection, slot) {
        (Connection::Server(mut server), _) => server.req_packed_command(command).await?.extract_error(),
        (Connection::Cluster(mut cluster), None) => redirect::send(&mut cluster, command).await,
        (Connection::Cluster(mut cluster), Some(slot)) => {
            let node = SingleNodeRoutingInfo::SpecificNode(Route::new(slot, SlotAddr::Master));
            cluster.route_command(command.clone(), RoutingInfo::SingleNode(node)).await?.extract_error()
        }
    }
}

/// Connection refused, still loading, or a replica: worth retrying.
fn is_outage(error: &RedisError) -> bool {
    error.is_io_error()
        || matches!(error.kind(), ErrorKind::Server(ServerErrorKind::BusyLoading | ServerErrorKind::ReadOnly))
}

/// Whether the connection must be replaced. A server that has become a replica counts: its name may
/// resolve to the new primary by now.
fn is_broken(error: &RedisError) -> bool {
    error.is_unrecoverable_error()
        || error.is_io_error()
        || error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
}

/// Whether the server rejected the command before executing it, for a reason that passes or that
/// another node does not have.
fn was_not_executed(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Server(
            ServerErrorKind::Ask
                | ServerErrorKind::BusyLoading
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::MasterDown
                | ServerErrorKind::Moved
                | ServerErrorKind::ReadOnly
                | ServerErrorKind::TryAgain
        )
    )
}
