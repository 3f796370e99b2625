//! One connection for all callers, and how long each waits for it.
//!
//! The driver's own `ConnectionManager` is not used: it keeps a connection on which answers stopped to come, and a refusal
//! it met while connecting (a wrong password, too many clients) for ever. Here both cost a new connection.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, Pipeline, RedisError, RedisFuture,
    ServerErrorKind, Value, cmd, from_redis_value,
};
use tokio::time::{Instant, timeout_at};

use crate::{Failure, Parsed, redirect, role};

/// How long a call to Redis may take, its wait for a connection included. A refresh makes three calls to stores: it has
/// failed after 5 seconds at the latest.
pub const CALL_TIMEOUT: Duration = Duration::from_millis(1_600);

/// How long one attempt to connect may take.
pub(crate) const OPEN_TIMEOUT: Duration = Duration::from_secs(1);

/// Between two attempts at what was certainly not carried out.
const PAUSE: Duration = Duration::from_millis(25);

/// How long a server that was a primary is believed to be one. Nobody tells who is connected when it is demoted.
const PROVEN_FOR: Duration = Duration::from_secs(1);

/// Until when one verb may take.
pub(crate) fn deadline() -> Instant {
    Instant::now() + CALL_TIMEOUT
}

#[expect(clippy::disallowed_methods, reason = "a server that is not there yet tells nobody when it will be")]
pub(crate) async fn pause(length: Duration) {
    tokio::time::sleep(length).await;
}

/// What connections are made of.
pub(crate) enum Opener {
    Single(Box<Client>),
    Cluster(Box<ClusterClient>),
}

impl Opener {
    async fn open(&self) -> Result<Connection, RedisError> {
        match self {
            Self::Single(client) => {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(OPEN_TIMEOUT))
                    .set_response_timeout(Some(CALL_TIMEOUT));
                let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
                role::prove(&mut connection).await?;
                Ok(Connection::Single(connection))
            }
            Self::Cluster(client) => client.get_async_connection().await.map(Connection::Cluster),
        }
    }
}

/// A connection that many callers use at once.
#[derive(Clone)]
pub(crate) enum Connection {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Single(connection) => connection.req_packed_command(command),
            Self::Cluster(connection) => connection.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Single(connection) => connection.req_packed_commands(pipeline, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Single(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}

/// A connection in use.
#[derive(Clone)]
struct Held {
    /// So that nobody closes a younger one than failed.
    number: u64,
    connection: Connection,
    /// When its server was last known to be a primary.
    proven_at: Instant,
}

/// The connection in use, which is opened when it is needed and replaced when it fails.
pub(crate) struct Link {
    opener: Opener,
    current: Mutex<Option<Held>>,
    opened: AtomicU64,
    /// Whoever opens one; the others wait for it.
    turn: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

impl Link {
    pub(crate) fn new(opener: Opener) -> Self {
        Self {
            opener,
            current: Mutex::new(None),
            opened: AtomicU64::new(0),
            turn: tokio::sync::Mutex::new(()),
        }
    }

    /// Sends a command and reads its answer. It is sent once, unless the server said that it did not carry it out: when an
    /// answer does not come, nobody knows, and the caller hears of it.
    pub(crate) async fn ask<T: FromRedisValue>(&self, command: &Cmd, until: Instant) -> Parsed<T> {
        self.ask_at(None, command, until).await
    }

    /// As [`ask`](Self::ask), of one of the [`primaries`](Self::primaries).
    pub(crate) async fn ask_at<T: FromRedisValue>(
        &self,
        slot: Option<u16>,
        command: &Cmd,
        until: Instant,
    ) -> Parsed<T> {
        loop {
            let failure = match self.attempt(slot, command, until).await {
                Ok(value) => return Ok(from_redis_value(value)?),
                Err(failure) => failure,
            };
            let again = failure.downcast_ref::<RedisError>().is_some_and(was_not_carried_out);
            if !again || Instant::now() + PAUSE >= until {
                return Err(failure);
            }
            pause(PAUSE).await;
        }
    }

    async fn attempt(&self, slot: Option<u16>, command: &Cmd, until: Instant) -> Parsed<Value> {
        let held = self.connection(until).await?;
        if held.proven_at.elapsed() > PROVEN_FOR {
            self.check(&held, until).await?;
        }
        let done = once(slot, command, held.connection.clone(), until).await;
        self.judge(&held, done)
    }

    /// Makes sure that the server is a primary now; of a cluster, whose replicas send callers on, nothing is asked.
    pub(crate) async fn prove(&self, until: Instant) -> Parsed<()> {
        let held = self.connection(until).await?;
        self.check(&held, until).await
    }

    async fn check(&self, held: &Held, until: Instant) -> Parsed<()> {
        let Connection::Single(mut connection) = held.connection.clone() else { return Ok(()) };
        let asked_at = Instant::now();
        let proof = timeout_at(until, role::prove(&mut connection)).await;
        self.judge(held, proof.map_err(Failure::from).and_then(|proof| Ok(proof?)))?;
        self.is_proven(held.number, asked_at);
        Ok(())
    }

    /// Sends commands in one round trip. They count as carried out when the server took each, and still is a primary.
    pub(crate) async fn send_to_primary(&self, mut commands: Pipeline, until: Instant) -> Parsed<()> {
        let mut held = self.connection(until).await?;
        commands.add_command(role::question());
        let sending = held.connection.req_packed_commands(&commands, 0, commands.len());
        let answers = timeout_at(until, sending).await.map_err(Failure::from);
        let done = answers.and_then(|answers| {
            let mut answers = answers?;
            role::judge(answers.pop().unwrap_or(Value::Nil))?;
            answers.into_iter().try_for_each(|answer| answer.extract_error().map(drop))?;
            Ok(())
        });
        self.judge(&held, done)
    }

    /// Closes a connection on which something failed that will fail again.
    fn judge<T>(&self, held: &Held, done: Parsed<T>) -> Parsed<T> {
        let breaks =
            |failure: &Failure| failure.downcast_ref::<RedisError>().is_none_or(breaks_the_connection);
        if done.as_ref().err().is_some_and(breaks) {
            self.forget(held.number);
        }
        done
    }

    /// A slot of each primary of a cluster; `None` for a server that is no cluster.
    pub(crate) async fn primaries(&self) -> Parsed<Vec<Option<u16>>> {
        if matches!(self.opener, Opener::Single(_)) {
            return Ok(vec![None]);
        }
        let mut slots = cmd("CLUSTER");
        slots.arg("SLOTS");
        let ranges: Vec<Vec<Value>> = self.ask_at(Some(0), &slots, deadline()).await?;
        let mut first = HashMap::new();
        for range in ranges {
            let mut parts = range.into_iter();
            let (Some(start), _, Some(primary)) = (parts.next(), parts.next(), parts.next()) else {
                return Err("the cluster names a range of slots without a primary".into());
            };
            first.insert(format!("{primary:?}"), from_redis_value(start)?);
        }
        Ok(first.into_values().map(Some).collect())
    }

    /// The connection in use, or a new one. A server that cannot be reached is tried again until the deadline: it may be
    /// starting.
    async fn connection(&self, until: Instant) -> Parsed<Held> {
        if let Some(connection) = self.current() {
            return Ok(connection);
        }
        let _turn = timeout_at(until, self.turn.lock()).await?;
        let mut cause = None;
        loop {
            if let Some(connection) = self.current() {
                return Ok(connection);
            }
            match timeout_at(until, self.opener.open()).await {
                Ok(Ok(connection)) => return Ok(self.keep(connection)),
                Ok(Err(error)) if !is_outage(&error) => return Err(error.into()),
                Ok(Err(error)) => cause = Some(error),
                Err(elapsed) => return Err(cause.map_or_else(|| elapsed.into(), Failure::from)),
            }
            pause(PAUSE).await;
        }
    }

    fn current(&self) -> Option<Held> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, connection: Connection) -> Held {
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        let held = Held { number, connection, proven_at: Instant::now() };
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(held.clone());
        held
    }

    fn is_proven(&self, number: u64, at: Instant) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = current.as_mut().filter(|held| held.number == number) {
            held.proven_at = held.proven_at.max(at);
        }
    }

    /// Closes the connection; the next caller opens another.
    pub(crate) fn close(&self) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The next caller opens another; calls that are under way on this one go on.
    fn forget(&self, number: u64) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|held| held.number == number) {
            *current = None;
        }
    }
}

async fn once(slot: Option<u16>, command: &Cmd, connection: Connection, until: Instant) -> Parsed<Value> {
    let asking = async {
        match (connection, slot) {
            (Connection::Cluster(mut cluster), Some(slot)) => {
                let place = SingleNodeRoutingInfo::SpecificNode(Route::new(slot, SlotAddr::Master));
                cluster.route_command(command.clone(), RoutingInfo::SingleNode(place)).await
            }
            (Connection::Cluster(mut cluster), None) => redirect::ask(&mut cluster, command).await,
            (mut connection, _) => connection.req_packed_command(command).await,
        }
    };
    Ok(timeout_at(until, asking).await?.and_then(Value::extract_error)?)
}

/// Nobody is there, or not yet, or no primary.
fn is_outage(error: &RedisError) -> bool {
    let passing = [ServerErrorKind::BusyLoading, ServerErrorKind::ReadOnly].map(ErrorKind::Server);
    error.is_io_error() || passing.contains(&error.kind())
}

/// A server that has become a replica is the wrong one: its name may lead to another by now.
fn breaks_the_connection(error: &RedisError) -> bool {
    error.is_unrecoverable_error()
        || error.is_io_error()
        || error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
}

/// What the server refuses before it looks at a command, and will take a moment later, there or elsewhere.
fn was_not_carried_out(error: &RedisError) -> bool {
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
