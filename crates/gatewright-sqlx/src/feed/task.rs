//! The background task of a feed: it sends and delivers messages, and replaces lost connections.

use std::collections::VecDeque;
use std::mem;
use std::time::Duration;

use gatewright_core::RevocationReceiver;
use gatewright_core::revocation::{CACHE_TTL_WITH_FEED, HEARTBEAT_INTERVAL, HEARTBEAT_TIMEOUT};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

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
    pub(super) published_at: Instant,
    /// Resolved when the server has the message.
    pub(super) sent: oneshot::Sender<()>,
    pub(super) _permit: OwnedSemaphorePermit,
}

/// Why connections that still work are closed.
enum Close {
    /// The last handle was dropped.
    NoHandle,
    /// There are no receivers, and nothing was published for [`IDLE_TIMEOUT`].
    Idle,
}

pub(super) struct FeedTask {
    connector: Connector,
    commands: mpsc::UnboundedReceiver<Command>,
    receivers: Vec<RevocationReceiver>,
    outgoing: VecDeque<Outgoing>,
    last_command_at: Instant,
    received_at: Instant,
    pause: Duration,
    is_lost: bool,
}

impl FeedTask {
    pub(super) fn new(connector: Connector, commands: mpsc::UnboundedReceiver<Command>) -> Self {
        let now = Instant::now();
        let (receivers, outgoing) = (Vec::new(), VecDeque::new());
        let (last_command_at, received_at, pause, is_lost) = (now, now, FIRST_PAUSE, false);
        Self { connector, commands, receivers, outgoing, last_command_at, received_at, pause, is_lost }
    }

    /// Runs until the feed's last handle is dropped.
    pub(super) async fn run(mut self, first: Connections) {
        let mut connections = Ok(first);
        loop {
            let end = match connections {
                Ok(connections) => self.serve(connections).await,
                Err(failure) => Err(failure),
            };
            let has_handle = match end {
                Ok(Close::NoHandle) => return,
                Ok(Close::Idle) => true,
                Err(failure) => {
                    self.warn_once(&failure);
                    self.back_off().await
                }
            };
            if !has_handle || !self.wait_until_needed().await {
                return;
            }
            connections = Connections::reopen(&self.connector).await;
        }
    }

    /// Sends and delivers until the connections are lost or no longer needed.
    async fn serve(&mut self, mut connections: Connections) -> Result<Close, Failure> {
        self.receivers.iter().for_each(RevocationReceiver::clear);
        self.received_at = Instant::now();
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
                message = connections.receive() => self.deliver(&message?),
                _ = beats.tick() => {
                    heartbeats = self.heartbeats()?;
                    if heartbeats.is_empty() && self.is_idle() {
                        return Ok(Close::Idle);
                    }
                }
            }
            self.send(&mut connections, &heartbeats).await?;
        }
    }

    fn deliver(&mut self, message: &str) {
        for receiver in &self.receivers {
            receiver.receive(message);
        }
        self.received_at = Instant::now();
        // Only a received message shows that the connections work; opening them is not enough.
        self.pause = FIRST_PAUSE;
        if mem::replace(&mut self.is_lost, false) {
            tracing::info!(target: "gatewright", "the revocation feed is connected again");
        }
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
            let batch: Vec<&str> = self.outgoing.iter().take(BATCH).map(|message| &*message.text).collect();
            let count = batch.len();
            connections.send(&batch).await?;
            for message in self.outgoing.drain(..count) {
                // The publisher may have stopped waiting.
                let _ = message.sent.send(());
            }
        }
        if heartbeats.is_empty() {
            return Ok(());
        }
        connections.send(&heartbeats.iter().map(String::as_str).collect::<Vec<_>>()).await
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
            Command::Publish(message) => self.outgoing.push_back(message),
            Command::Subscribe(receiver) => {
                receiver.clear();
                self.receivers.push(receiver);
            }
        }
    }

    /// Logs that the feed was lost, once and not for each failed attempt to reconnect.
    fn warn_once(&mut self, failure: &Failure) {
        if !mem::replace(&mut self.is_lost, true) {
            tracing::warn!(
                target: "gatewright",
                %failure,
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
    async fn back_off(&mut self) -> bool {
        let until = Instant::now() + self.pause;
        self.pause = LONGEST_PAUSE.min(self.pause * 2);
        loop {
            match timeout_at(until, self.commands.recv()).await {
                Ok(Some(command)) => self.accept(command),
                Ok(None) => return false,
                Err(_) => break,
            }
        }
        self.outgoing.retain(|message| message.published_at.elapsed() < CACHE_TTL_WITH_FEED);
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
