//! Who hears a feed in its suite, and writes everything down.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use gatewright_core::feed::RevocationListener;
use gatewright_core::{Revocation, RevocationFeed, RevocationReceiver, UserId};
use tokio::sync::watch;
use tokio::time::timeout;

/// How long anything may take that a case waits for. It says that a feed is broken, not that it is slow.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);

/// After how long a listener that heard nothing of itself is called again.
const AGAIN: Duration = Duration::from_secs(1);

/// What a listener heard.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Heard {
    /// A heartbeat that came in.
    Heartbeat(String),
    /// A revocation.
    Revocation(Revocation),
    /// Forget everything.
    Reset,
}

/// Somebody who listens to a feed.
#[derive(Debug)]
pub struct Listener {
    number: u64,
    heard: Mutex<Vec<Heard>>,
    made: Mutex<Vec<String>>,
    changes: watch::Sender<()>,
}

impl Listener {
    /// Somebody who begins to listen.
    #[must_use]
    pub fn to(feed: &dyn RevocationFeed) -> Arc<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(1);
        let listener = Arc::new(Self {
            number: COUNT.fetch_add(1, Ordering::Relaxed),
            heard: Mutex::default(),
            made: Mutex::default(),
            changes: watch::Sender::new(()),
        });
        let receiving: Arc<dyn RevocationListener> = Arc::clone(&listener) as _;
        feed.subscribe(RevocationReceiver::new(&receiving));
        listener
    }

    /// Somebody who listens already: a feed may take its time over that, and tells who comes late to forget everything.
    ///
    /// # Panics
    /// When that takes longer than half a minute.
    pub(super) async fn attached(feed: &dyn RevocationFeed) -> Arc<Self> {
        let listener = Self::to(feed);
        let hello = UserId::new(format!("hello {}", listener.number)).expect("an id");
        let hello = Revocation::user(hello);
        let called = async {
            loop {
                feed.announce(&hello).await.expect("the feed takes messages");
                if timeout(AGAIN, listener.until_revoked(&hello)).await.is_ok() {
                    break;
                }
            }
        };
        timeout(DEADLINE, called).await.expect("a listener is heard to listen");
        listener
    }

    /// All that was heard until now.
    #[must_use]
    pub fn heard(&self) -> Vec<Heard> {
        lock(&self.heard).clone()
    }

    /// The heartbeats that this listener was asked for until now.
    #[must_use]
    pub fn made(&self) -> Vec<String> {
        lock(&self.made).clone()
    }

    /// Waits until what was heard is enough, and returns it.
    ///
    /// # Panics
    /// When that takes longer than half a minute.
    pub async fn until(&self, what: &str, enough: impl Fn(&[Heard]) -> bool) -> Vec<Heard> {
        let mut changes = self.changes.subscribe();
        let waiting = async {
            loop {
                changes.borrow_and_update();
                let heard = self.heard();
                if enough(&heard) {
                    return heard;
                }
                changes.changed().await.expect("the sender is this listener's");
            }
        };
        match timeout(DEADLINE, waiting).await {
            Ok(heard) => heard,
            Err(_) => panic!("{what}: not within {DEADLINE:?}; heard: {:?}", self.heard()),
        }
    }

    /// Waits until a revocation is heard.
    pub async fn until_revoked(&self, revocation: &Revocation) -> Vec<Heard> {
        let wanted = Heard::Revocation(revocation.clone());
        self.until(&format!("`{revocation}` is heard"), |heard| heard.contains(&wanted)).await
    }

    /// Waits until so many of this listener's own heartbeats, made from now on, have come back.
    pub async fn until_beaten(&self, times: usize) -> Vec<Heard> {
        let before = self.made().len();
        let back = |heard: &[Heard]| {
            let made = self.made();
            let new = made.iter().skip(before);
            new.filter(|text| heard.contains(&Heard::Heartbeat((*text).clone()))).count()
        };
        self.until("own heartbeats come back", |heard| back(heard) >= times).await
    }

    /// Waits until one more heartbeat was made, and returns how many there are.
    pub async fn until_made(&self) -> usize {
        let before = self.made().len();
        self.until("a heartbeat is asked for", |_| self.made().len() > before).await;
        self.made().len()
    }

    /// How often everything was to be forgotten until now.
    #[must_use]
    pub fn resets(&self) -> usize {
        resets(&self.heard())
    }

    fn note(&self, heard: Heard) {
        lock(&self.heard).push(heard);
        self.changes.send_replace(());
    }
}

/// How often everything was to be forgotten.
pub(super) fn resets(heard: &[Heard]) -> usize {
    heard.iter().filter(|heard| **heard == Heard::Reset).count()
}

impl RevocationListener for Listener {
    fn heartbeat(&self) -> Option<String> {
        let mut made = lock(&self.made);
        let text = format!("heartbeat {:016x} {}", self.number, made.len());
        made.push(text.clone());
        drop(made);
        self.changes.send_replace(());
        Some(text)
    }

    fn receive_heartbeat(&self, text: &str) -> bool {
        let is_one = text.starts_with("heartbeat ");
        if is_one {
            self.note(Heard::Heartbeat(text.to_owned()));
        }
        is_one
    }

    fn revoke(&self, revocation: &Revocation) {
        self.note(Heard::Revocation(revocation.clone()));
    }

    fn reset(&self) {
        self.note(Heard::Reset);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no listener panics")
}
