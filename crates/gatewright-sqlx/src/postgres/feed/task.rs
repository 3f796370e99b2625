//! The task of a feed: it sends and delivers messages, and reconnects when it must.

use std::collections::VecDeque;
use std::mem;
use std::time::Duration;

use gatewright_core::RevocationReceiver;
use gatewright_core::revocation::{HEARTBEAT_INTERVAL, CACHE_TTL_WITH_FEED, HEARTBEAT_TIMEOUT};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use super::connections::{Connections, Connector};
use crate::{Failure, Parsed};

/// The pause before the first attempt to reconnect; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How long a connection is kept on which nobody listens.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// How many messages are sent at once, at most.
const BATCH: usize = 256;

/// What the feed's handles ask of the task.
pub(super) enum Command {
    Subscribe(RevocationReceiver),
    Announce(Outgoing),
}

/// A message to be sent.
pub(super) struct Outgoing {
    pub(super) text: String,
    pub(super) announced_at: Instant,
    /// Resolved once the server has it.
    pub(super) handed_over: oneshot::Sender<()>,
    pub(super) _permit: OwnedSemaphorePermit,
}

/// Why connections that still work are closed.
enum Close {
    /// The last handle is gone.
    NoHandle,
    /// Nobody listens, and nothing was announced for a while.
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

    /// Runs until the feed's last handle is gone.
    pub(super) async fn run(mut self, first: Connections) {
        let mut connections = Ok(first);
        loop {
            let end = match connections {
                Ok(connections) => self.serve(connections).await,
                Err(failure) => Err(failure),
            };
            let goes_on = match end {
                Ok(Close::NoHandle) => return,
                Ok(Close::Idle) => true,
                Err(failure) => {
                    self.warn_once(&failure);
                    self.back_off().await
                }
            };
            if !goes_on || !self.wait_until_needed().await {
                return;
            }
            connections = Connections::reopen(&self.connector).await;
        }
    }

    /// Sends and delivers until the connections are lost or not needed.
    async fn serve(&mut self, mut connections: Connections) -> Parsed<Close> {
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
        self.receivers.iter().for_each(|receiver| receiver.receive(message));
        self.received_at = Instant::now();
        // Only what comes in shows that a connection is good: one that was merely made may be of no use.
        self.pause = FIRST_PAUSE;
        if mem::replace(&mut self.is_lost, false) {
            tracing::info!(target: "gatewright", "the feed is back");
        }
    }

    /// The heartbeats to send now; an error when none came back for too long.
    fn heartbeats(&mut self) -> Parsed<Vec<String>> {
        self.receivers.retain(|receiver| !receiver.is_gone());
        if self.receivers.is_empty() {
            self.received_at = Instant::now();
        }
        if self.received_at.elapsed() > HEARTBEAT_TIMEOUT {
            return Err("no heartbeat comes back".into());
        }
        Ok(self.receivers.iter().filter_map(RevocationReceiver::heartbeat).collect())
    }

    /// Sends what waits, and heartbeats last.
    async fn send(&mut self, connections: &mut Connections, heartbeats: &[String]) -> Parsed<()> {
        while !self.outgoing.is_empty() {
            let batch: Vec<&str> = self.outgoing.iter().take(BATCH).map(|message| &*message.text).collect();
            let sent = batch.len();
            connections.send(&batch).await?;
            for message in self.outgoing.drain(..sent) {
                // Whoever announced it may not wait for it.
                let _ = message.handed_over.send(());
            }
        }
        if heartbeats.is_empty() {
            return Ok(());
        }
        connections.send(&heartbeats.iter().map(String::as_str).collect::<Vec<_>>()).await
    }

    /// Accepts a command and all that wait behind it, and says whether a receiver subscribed.
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
            Command::Announce(message) => self.outgoing.push_back(message),
            Command::Subscribe(receiver) => {
                receiver.clear();
                self.receivers.push(receiver);
            }
        }
    }

    /// Logs a loss once, not each failed attempt to reconnect.
    fn warn_once(&mut self, failure: &Failure) {
        if !mem::replace(&mut self.is_lost, true) {
            tracing::warn!(target: "gatewright", %failure, "the feed is lost: guards ask the stores until it is back");
        }
    }

    fn is_idle(&self) -> bool {
        self.outgoing.is_empty() && self.last_command_at.elapsed() > IDLE_TIMEOUT
    }

    /// Waits before the next attempt, and says whether a handle is left. Drops messages that are too old to matter: nothing
    /// that they revoke is cached any more.
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
        self.outgoing.retain(|message| message.announced_at.elapsed() < CACHE_TTL_WITH_FEED);
        true
    }

    /// Waits until somebody listens or announces; `false` when the last handle is gone.
    async fn wait_until_needed(&mut self) -> bool {
        self.receivers.retain(|receiver| !receiver.is_gone());
        if self.receivers.is_empty() && self.outgoing.is_empty() {
            let Some(command) = self.commands.recv().await else { return false };
            self.accept(command);
        }
        true
    }
}
