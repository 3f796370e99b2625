//! The background task of a feed: it sends and delivers messages, and replaces lost connections.

use std::collections::VecDeque;
use std::mem;
use std::time::Duration;

use gatewright_core::RevocationReceiver;
use gatewright_core::revocation::{
    CACHE_TTL_WITH_FEED, Flood, FloodGate, HEARTBEAT_INTERVAL, HEARTBEAT_TIMEOUT, LogLimit,
    MAX_FEED_MESSAGE_BYTES, Received, flood_pause,
};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout_at};

use super::connections::{Connections, Connector};
use crate::Failure;

/// The pause before the first attempt to reconnect. Each further pause is twice as long, up to
/// [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How long the connections stay open without receivers.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// How many messages one statement sends at most.
const BATCH: usize = 256;

/// A command of the feed's handles to its task.
pub(super) enum Command {
    Subscribe(RevocationReceiver),
    Publish(Outgoing),
}

/// A message to send.
pub(super) struct Outgoing {
    pub(super) text: String,
    /// Resolved when the server has the message.
    pub(super) sent: oneshot::Sender<()>,
    pub(super) _permit: OwnedSemaphorePermit,
}

/// A message that waits to be sent.
struct Waiting {
    message: Outgoing,
    since: Instant,
}

/// Why connections that still work are closed.
enum Close {
    /// The last handle was dropped.
    NoHandle,
    /// There are no receivers, and nothing was published for [`IDLE_TIMEOUT`].
    Idle,
    /// Too much arrives.
    Flooded(Flood),
}

pub(super) struct FeedTask {
    connector: Connector,
    commands: mpsc::UnboundedReceiver<Command>,
    receivers: Vec<RevocationReceiver>,
    outgoing: VecDeque<Waiting>,
    last_command_at: Instant,
    received_at: Instant,
    /// When to listen again after a flood.
    listen_at: Instant,
    pause: Duration,
    is_lost: bool,
    losses: LogLimit,
    floods: LogLimit,
}

impl FeedTask {
    pub(super) fn new(connector: Connector, commands: mpsc::UnboundedReceiver<Command>) -> Self {
        let now = Instant::now();
        Self {
            connector,
            commands,
            receivers: Vec::new(),
            outgoing: VecDeque::new(),
            last_command_at: now,
            received_at: now,
            listen_at: now,
            pause: FIRST_PAUSE,
            is_lost: false,
            losses: LogLimit::default(),
            floods: LogLimit::default(),
        }
    }

    /// Runs until the feed's last handle is dropped.
    pub(super) async fn run(mut self, first: Connections) {
        let mut connections = Ok(first);
        loop {
            let end = match connections {
                Ok(mut connections) => {
                    let end = self.serve(&mut connections).await;
                    connections.discard().await;
                    end
                }
                Err(failure) => Err(failure),
            };
            connections = match end {
                Ok(Close::NoHandle) => return,
                Ok(Close::Flooded(flood)) => self.reopen_after(flood).await,
                Ok(Close::Idle) if self.wait_until_needed().await => {
                    Connections::reopen(&self.connector).await
                }
                Err(failure) if self.back_off(&failure).await && self.wait_until_needed().await => {
                    Connections::reopen(&self.connector).await
                }
                Ok(Close::Idle) | Err(_) => return,
            };
        }
    }

    /// Sends and delivers until the connections are lost or no longer needed.
    async fn serve(&mut self, connections: &mut Connections) -> Result<Close, Failure> {
        let mut gate = self.start_to_listen();
        let mut beats = interval(HEARTBEAT_INTERVAL);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let mut heartbeats = Vec::new();
            tokio::select! {
                command = self.commands.recv() => {
                    let Some(command) = command else { return Ok(Close::NoHandle) };
                    if self.accept_all(command) {
                        beats.reset_immediately();
                    }
                }
                message = connections.receive() => {
                    if let Err(flood) = self.deliver(message?.payload(), &mut gate) {
                        return Ok(Close::Flooded(flood));
                    }
                }
                () = sleep_until(self.listen_at), if !connections.is_listening() => {
                    connections.listen(&self.connector).await?;
                    gate = self.start_to_listen();
                    beats.reset_immediately();
                }
                _ = beats.tick(), if connections.is_listening() => {
                    heartbeats = self.heartbeats()?;
                    if heartbeats.is_empty() && self.is_idle() {
                        return Ok(Close::Idle);
                    }
                }
            }
            self.send(connections, &heartbeats).await?;
        }
    }

    /// Clears the caches, because messages may have been lost before.
    fn start_to_listen(&mut self) -> FloodGate {
        self.receivers.iter().for_each(RevocationReceiver::clear);
        self.received_at = Instant::now();
        FloodGate::new(self.received_at.into_std())
    }

    /// Passes a message to all receivers, unless it exceeds a limit.
    fn deliver(&mut self, message: &str, gate: &mut FloodGate) -> Result<(), Flood> {
        let now = Instant::now();
        gate.admit(message.len(), now.into_std())?;
        let received = if message.len() > MAX_FEED_MESSAGE_BYTES {
            self.receivers.iter().for_each(RevocationReceiver::reject);
            Received::Rejected
        } else {
            let verdicts = self.receivers.iter().map(|receiver| receiver.receive(message));
            verdicts.max().unwrap_or(Received::Ignored)
        };
        if received == Received::Accepted {
            self.show_that_it_works(now);
        }
        gate.count(received)
    }

    /// Only an authentic message shows that the connections work; opening them is not enough.
    fn show_that_it_works(&mut self, now: Instant) {
        self.received_at = now;
        self.pause = FIRST_PAUSE;
        if mem::replace(&mut self.is_lost, false) {
            tracing::info!(target: "gatewright", "the revocation feed is connected again");
        }
    }

    /// Suspends the receivers, and opens a connection that only sends. Another that listens follows
    /// after a pause.
    async fn reopen_after(&mut self, flood: Flood) -> Result<Connections, Failure> {
        self.receivers.iter().for_each(RevocationReceiver::suspend);
        let now = Instant::now();
        self.listen_at = now + flood_pause();
        if let Some(count) = self.floods.count(now.into_std()) {
            tracing::warn!(
                target: "gatewright",
                %flood,
                count,
                channel = self.connector.channel,
                "the revocation feed was flooded and its connection closed; guards query the stores until it \
                 listens again; take the right to connect to the database from roles that do not need it"
            );
        }
        Connections::reopen_sender(&self.connector).await
    }

    /// The heartbeats to send now. Fails if no message has arrived for [`HEARTBEAT_TIMEOUT`].
    fn heartbeats(&mut self) -> Result<Vec<String>, Failure> {
        self.receivers.retain(|receiver| !receiver.is_gone());
        if self.receivers.is_empty() {
            self.received_at = Instant::now();
        }
        if self.received_at.elapsed() > HEARTBEAT_TIMEOUT {
            return Err(format!("no heartbeat arrived within {HEARTBEAT_TIMEOUT:?}").into());
        }
        Ok(self.receivers.iter().filter_map(RevocationReceiver::heartbeat).collect())
    }

    /// Sends all waiting messages, then the heartbeats.
    async fn send(&mut self, connections: &mut Connections, heartbeats: &[String]) -> Result<(), Failure> {
        while !self.outgoing.is_empty() {
            let batch: Vec<&str> =
                self.outgoing.iter().take(BATCH).map(|waiting| &*waiting.message.text).collect();
            let count = batch.len();
            connections.send(&self.connector.channel, &batch).await?;
            for Waiting { message, .. } in self.outgoing.drain(..count) {
                // The publisher may have stopped waiting.
                let _ = message.sent.send(());
            }
        }
        if heartbeats.is_empty() {
            return Ok(());
        }
        let heartbeats: Vec<&str> = heartbeats.iter().map(String::as_str).collect();
        connections.send(&self.connector.channel, &heartbeats).await
    }

    /// Accepts a command and all that wait behind it. Returns whether a receiver subscribed.
    fn accept_all(&mut self, first: Command) -> bool {
        let before = self.receivers.len();
        let mut next = Some(first);
        while let Some(command) = next {
            self.accept(command);
            next = self.commands.try_recv().ok();
        }
        self.receivers.len() > before
    }

    fn accept(&mut self, command: Command) {
        self.last_command_at = Instant::now();
        match command {
            Command::Publish(message) => {
                self.outgoing.push_back(Waiting { message, since: self.last_command_at });
            }
            Command::Subscribe(receiver) => {
                receiver.clear();
                self.receivers.push(receiver);
            }
        }
    }

    /// Logs that the feed was lost: not for each failed attempt to reconnect, and at most once a minute.
    fn log_loss(&mut self, failure: &Failure) {
        if self.is_lost {
            return;
        }
        if let Some(count) = self.losses.count(Instant::now().into_std()) {
            self.is_lost = true;
            tracing::warn!(
                target: "gatewright",
                %failure,
                count,
                "lost the revocation feed; guards query the stores until it is connected again"
            );
        }
    }

    fn is_idle(&self) -> bool {
        self.outgoing.is_empty() && self.last_command_at.elapsed() > IDLE_TIMEOUT
    }

    /// Waits before the next attempt. Returns `false` if the last handle was dropped.
    ///
    /// Afterwards it drops outdated messages: every cache entry that they affect has expired.
    async fn back_off(&mut self, failure: &Failure) -> bool {
        self.log_loss(failure);
        let until = Instant::now() + self.pause;
        self.pause = LONGEST_PAUSE.min(self.pause * 2);
        loop {
            match timeout_at(until, self.commands.recv()).await {
                Ok(Some(command)) => self.accept(command),
                Ok(None) => return false,
                Err(_) => break,
            }
        }
        self.outgoing.retain(|waiting| waiting.since.elapsed() < CACHE_TTL_WITH_FEED);
        true
    }

    /// Waits until there is a receiver or a message. Returns `false` if the last handle was
    /// dropped.
    async fn wait_until_needed(&mut self) -> bool {
        self.receivers.retain(|receiver| !receiver.is_gone());
        if self.receivers.is_empty() && self.outgoing.is_empty() {
            let Some(command) = self.commands.recv().await else { return false };
            self.accept(command);
        }
        true
    }
}
