//! The task of a feed: it carries messages out and in, and connects again when it must.

use std::collections::VecDeque;
use std::mem;
use std::time::Duration;

use gatewright_core::RevocationReceiver;
use gatewright_core::revocation::{FED_MAX_AGE, HEARTBEAT_INTERVAL, MAX_SILENCE};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use super::line::{Door, Line};
use crate::{Failure, Parsed};

/// How long the first attempt to connect again is waited for; each further one takes twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How long a connection is kept on which nobody listens.
const LINGER: Duration = Duration::from_secs(5);

/// How many messages are sent at once, at most.
const BATCH: usize = 256;

/// What is asked of the task.
pub(super) enum Wish {
    Subscribe(RevocationReceiver),
    Announce(Letter),
}

/// A message on its way out.
pub(super) struct Letter {
    pub(super) text: String,
    pub(super) announced_at: Instant,
    /// Told once the server has it.
    pub(super) handed_over: oneshot::Sender<()>,
    pub(super) _place: OwnedSemaphorePermit,
}

/// Why a connection is given up that is as good as ever.
enum End {
    /// Nobody can announce or subscribe any more.
    NoHandle,
    /// There is nothing to hear and to say.
    Idle,
}

pub(super) struct Carrier {
    door: Door,
    wishes: mpsc::UnboundedReceiver<Wish>,
    receivers: Vec<RevocationReceiver>,
    waiting: VecDeque<Letter>,
    latest_wish: Instant,
    heard_at: Instant,
    pause: Duration,
    is_lost: bool,
}

impl Carrier {
    pub(super) fn new(door: Door, wishes: mpsc::UnboundedReceiver<Wish>) -> Self {
        let now = Instant::now();
        let (receivers, waiting) = (Vec::new(), VecDeque::new());
        let (latest_wish, heard_at, pause, is_lost) = (now, now, FIRST_PAUSE, false);
        Self { door, wishes, receivers, waiting, latest_wish, heard_at, pause, is_lost }
    }

    /// Until the feed's last handle is gone.
    pub(super) async fn run(mut self, first: Line) {
        let mut line = Ok(first);
        loop {
            let end = match line {
                Ok(line) => self.talk(line).await,
                Err(failure) => Err(failure),
            };
            let goes_on = match end {
                Ok(End::NoHandle) => return,
                Ok(End::Idle) => true,
                Err(failure) => {
                    self.say_that_it_is_lost(&failure);
                    self.rest().await
                }
            };
            if !goes_on || !self.is_wanted().await {
                return;
            }
            line = Line::open_again(&self.door).await;
        }
    }

    /// Carries out and in until the connection is lost.
    async fn talk(&mut self, mut line: Line) -> Parsed<End> {
        self.receivers.iter().for_each(RevocationReceiver::reset);
        self.heard_at = Instant::now();
        let mut beats = interval(HEARTBEAT_INTERVAL);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let mut heartbeats = Vec::new();
            tokio::select! {
                wish = self.wishes.recv() => {
                    let Some(wish) = wish else { return Ok(End::NoHandle) };
                    if self.take_all(wish) {
                        beats.reset_immediately();
                    }
                }
                message = line.hear() => self.pass_on(&message?),
                _ = beats.tick() => {
                    heartbeats = self.heartbeats()?;
                    if heartbeats.is_empty() && self.is_idle() {
                        return Ok(End::Idle);
                    }
                }
            }
            self.send(&mut line, &heartbeats).await?;
        }
    }

    fn pass_on(&mut self, message: &str) {
        self.receivers.iter().for_each(|receiver| receiver.hear(message));
        self.heard_at = Instant::now();
        // Only what comes in shows that a connection is good: one that was merely made may be of no use.
        self.pause = FIRST_PAUSE;
        if mem::replace(&mut self.is_lost, false) {
            tracing::info!(target: "gatewright", "the feed is back");
        }
    }

    /// What to send now, so that it comes back; an error when nothing did for too long.
    fn heartbeats(&mut self) -> Parsed<Vec<String>> {
        self.receivers.retain(|receiver| !receiver.is_gone());
        if self.receivers.is_empty() {
            self.heard_at = Instant::now();
        }
        if self.heard_at.elapsed() > MAX_SILENCE {
            return Err("no heartbeat comes back".into());
        }
        Ok(self.receivers.iter().filter_map(RevocationReceiver::heartbeat).collect())
    }

    /// Sends what waits, and heartbeats last.
    async fn send(&mut self, line: &mut Line, heartbeats: &[String]) -> Parsed<()> {
        while !self.waiting.is_empty() {
            let batch: Vec<&str> = self.waiting.iter().take(BATCH).map(|letter| &*letter.text).collect();
            let sent = batch.len();
            line.send(&batch).await?;
            for letter in self.waiting.drain(..sent) {
                // Whoever announced it may not wait for it.
                let _ = letter.handed_over.send(());
            }
        }
        if heartbeats.is_empty() {
            return Ok(());
        }
        line.send(&heartbeats.iter().map(String::as_str).collect::<Vec<_>>()).await
    }

    /// Takes a wish and all that wait behind it, and says whether somebody new listens.
    fn take_all(&mut self, first: Wish) -> bool {
        let before = self.receivers.len();
        let mut next = Some(first);
        while let Some(wish) = next {
            self.take(wish);
            next = self.wishes.try_recv().ok();
        }
        self.receivers.len() > before
    }

    fn take(&mut self, wish: Wish) {
        self.latest_wish = Instant::now();
        match wish {
            Wish::Announce(letter) => self.waiting.push_back(letter),
            Wish::Subscribe(receiver) => {
                receiver.reset();
                self.receivers.push(receiver);
            }
        }
    }

    /// Once for each loss: attempts to connect again fail in numbers.
    fn say_that_it_is_lost(&mut self, failure: &Failure) {
        if !mem::replace(&mut self.is_lost, true) {
            tracing::warn!(target: "gatewright", %failure, "the feed is lost: guards ask the stores until it is back");
        }
    }

    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.latest_wish.elapsed() > LINGER
    }

    /// Lets a pause pass, and says whether anybody has a handle still. What nobody remembers any more is given up.
    async fn rest(&mut self) -> bool {
        let until = Instant::now() + self.pause;
        self.pause = LONGEST_PAUSE.min(self.pause * 2);
        loop {
            match timeout_at(until, self.wishes.recv()).await {
                Ok(Some(wish)) => self.take(wish),
                Ok(None) => return false,
                Err(_) => break,
            }
        }
        self.waiting.retain(|letter| letter.announced_at.elapsed() < FED_MAX_AGE);
        true
    }

    /// Waits until there is something to hear or to say; `false` when there never will be.
    async fn is_wanted(&mut self) -> bool {
        self.receivers.retain(|receiver| !receiver.is_gone());
        if self.receivers.is_empty() && self.waiting.is_empty() {
            let Some(wish) = self.wishes.recv().await else { return false };
            self.take(wish);
        }
        true
    }
}
