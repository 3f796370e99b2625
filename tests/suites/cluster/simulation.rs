//! A run: nodes, users, revocations and requests in a random order, and what must hold after each.

use std::time::Duration;

use gatewright::auth::AuthBuilder;
use gatewright::revocation::{CACHE_TTL_WITH_FEED, HEARTBEAT_TIMEOUT, RevocationFeed};
use gatewright::store::SessionStore;
use gatewright::types::{Clock, SessionId, Timestamp, TokenText};
use gatewright::{Account, MemoryStore, UserId};
use gatewright_testkit::FixedClock;
use gatewright_tests::World;

use super::network::{Fault, MessageId, Network};
use super::random::Random;
use crate::endpoints::{authenticate, session_of};

const NODES: usize = 4;
const USERS: usize = 3;
const STEPS: usize = 400;
/// The longest step of the clock.
const MAX_STEP: Duration = Duration::from_millis(400);
/// The most sessions that live at one time.
const MAX_LIVE: usize = 12;
/// How many requests follow each other.
const REQUESTS: usize = 4;
/// The longest time for which a connection is cut.
const MAX_CUT: Duration = Duration::from_secs(10);
/// In one run of so many, an attacker writes to the feed.
const ATTACKED: u64 = 4;
/// How many of the last steps a failure shows.
const SHOWN: usize = 40;

/// What happened in a run.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Outcome {
    pub(super) requests: usize,
    pub(super) revocations: usize,
    /// Requests that a cache admitted after the revocation, within the bound.
    pub(super) late: usize,
    /// The latest of them, after the revocation.
    pub(super) latest: Duration,
}

impl Outcome {
    pub(super) fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.revocations += other.revocations;
        self.late += other.late;
        self.latest = self.latest.max(other.latest);
    }
}

/// A session, and how it was revoked.
struct Issued {
    token: TokenText,
    user: UserId,
    id: SessionId,
    revoked: Option<Revoked>,
}

#[derive(Clone, Copy)]
struct Revoked {
    /// When the store had the change.
    at: Timestamp,
    /// The node that made it. `None` if that node crashed before it published anything.
    by: Option<usize>,
    /// The messages that it published.
    messages: (MessageId, MessageId),
}

pub(super) struct Simulation {
    random: Random,
    clock: FixedClock,
    network: Network,
    nodes: Vec<World<MemoryStore>>,
    users: Vec<String>,
    sessions: Vec<Issued>,
    /// How late a cache may notice a revocation that the server of the feed has taken.
    bound: Duration,
    is_attacked: bool,
    outcome: Outcome,
    log: Vec<String>,
}

impl Simulation {
    /// A cluster on one store, whose feed has this fault.
    pub(super) async fn new(seed: u64, fault: Fault) -> Self {
        let (clock, random) = (FixedClock::default(), Random::new(seed));
        let network = Network::new(clock.clone(), Random::new(!seed), fault);
        let store = MemoryStore::new();
        let nodes: Vec<_> = (0..NODES).map(|number| node(&store, &clock, network.connect(number))).collect();
        let mut users = Vec::new();
        for user in 0..USERS {
            let email = format!("user{user}@example.com");
            nodes[0].add(&email).await;
            users.push(email);
        }
        let bound = if fault == Fault::LosesMessages { CACHE_TTL_WITH_FEED } else { HEARTBEAT_TIMEOUT };
        let (sessions, outcome, log) = (Vec::new(), Outcome::default(), Vec::new());
        let is_attacked = seed.is_multiple_of(ATTACKED);
        Self { random, clock, network, nodes, users, sessions, bound, is_attacked, outcome, log }
    }

    /// Runs all steps.
    ///
    /// # Errors
    /// The first request with the wrong answer, and the last steps before it.
    pub(super) async fn run(mut self) -> Result<Outcome, String> {
        for _ in 0..STEPS {
            let step = self.random.time_below(MAX_STEP);
            self.clock.advance(step);
            self.network.run();
            if let Err(wrong) = self.act().await {
                let shown = self.log.len().saturating_sub(SHOWN);
                return Err(format!("{wrong}\nthe last steps:\n{}", self.log[shown..].join("\n")));
            }
        }
        Ok(self.outcome)
    }

    async fn act(&mut self) -> Result<(), String> {
        let node = self.random.below(NODES);
        match self.random.below(100) {
            0..10 => self.log_in(node).await,
            10..18 => self.revoke(node).await,
            18..20 => self.crash_after_a_deletion(node).await,
            20..30 => self.cut(node),
            30 if self.is_attacked => self.network.inject(node, "session 42"),
            _ => {
                for _ in 0..REQUESTS {
                    let node = self.random.below(NODES);
                    self.request(node).await?;
                }
            }
        }
        Ok(())
    }

    async fn log_in(&mut self, node: usize) {
        if self.live().len() == MAX_LIVE {
            return;
        }
        let user = self.random.below(USERS);
        let token = self.nodes[node].login(&self.users[user]).await.access_token;
        let user = authenticate(&self.nodes[node], &token).await.user().id.clone();
        let id = session_of(&token);
        self.note(format!("node {node}: login of session {}", self.sessions.len()));
        self.sessions.push(Issued { token, user, id, revoked: None });
    }

    /// Ends one session or all sessions of its user.
    async fn revoke(&mut self, node: usize) {
        let Some(chosen) = self.choose_live() else { return };
        let Issued { user, id, .. } = &self.sessions[chosen];
        let (user, id) = (user.clone(), *id);
        let (accounts, first) = (self.nodes[node].auth.accounts().unwrap(), self.network.next_id());
        let all = self.random.percent(30);
        let ended =
            if all { accounts.end_sessions(&user).await } else { accounts.end_session(&user, id).await };
        // An error says that the feed could not take the message. The change in the store has happened.
        assert_eq!(ended.is_ok(), self.network.sends(node), "{ended:?}");
        let revoked =
            Revoked { at: self.clock.now(), by: Some(node), messages: (first, self.network.next_id()) };
        for session in &mut self.sessions {
            if session.revoked.is_none() && (session.id == id || all && session.user == user) {
                session.revoked = Some(revoked);
                self.outcome.revocations += 1;
            }
        }
        let what = if all { "the sessions of the user of session" } else { "session" };
        self.note(format!("node {node}: end of {what} {chosen}"));
    }

    /// The node deletes a session and crashes before it publishes that.
    async fn crash_after_a_deletion(&mut self, node: usize) {
        let Some(chosen) = self.choose_live() else { return };
        let session = &mut self.sessions[chosen];
        self.nodes[node].store.delete(&session.user, session.id).await.unwrap();
        session.revoked = Some(Revoked { at: self.clock.now(), by: None, messages: (0, 0) });
        self.outcome.revocations += 1;
        let store = &self.nodes[node].store;
        self.nodes[node] = self::node(store, &self.clock, self.network.connect(node));
        self.note(format!("node {node}: deletion of session {chosen}, then a crash and a restart"));
    }

    /// Cuts a connection of a node, half of the times so shortly that no heartbeat is missed.
    fn cut(&mut self, node: usize) {
        let longest = if self.random.percent(50) { MAX_CUT } else { MAX_CUT / 10 };
        let span = self.random.time_below(longest);
        let sends = self.random.percent(50);
        self.note(format!("node {node}: cannot {} for {span:?}", if sends { "send" } else { "receive" }));
        if sends { self.network.cut_sending(node, span) } else { self.network.cut_receiving(node, span) }
    }

    /// Sends a request with the token of one of the last sessions.
    async fn request(&mut self, node: usize) -> Result<(), String> {
        let oldest = self.sessions.len().saturating_sub(2 * MAX_LIVE);
        if self.sessions.is_empty() {
            return Ok(());
        }
        let number = oldest + self.random.below(self.sessions.len() - oldest);
        let status = self.nodes[node].status(&self.sessions[number].token).await;
        self.outcome.requests += 1;
        self.note(format!("node {node}: {status} for session {number}"));
        self.check(node, number, status).map_err(|why| format!("node {node}, session {number}: {why}"))
    }

    /// A session must be admitted while it lives, and rejected after the bound of its revocation.
    fn check(&mut self, node: usize, number: usize, status: u16) -> Result<(), String> {
        let revoked = match (self.sessions[number].revoked, status) {
            (None, 200) | (Some(_), 401) => return Ok(()),
            (Some(revoked), 200) => revoked,
            (_, other) => return Err(format!("answered {other}")),
        };
        let late = Duration::from_micros(self.clock.now().as_micros() - revoked.at.as_micros());
        let bound = self.bound_of(revoked, node);
        if bound.is_none_or(|bound| bound < late) {
            return Err(format!("admitted {late:?} after the revocation; the bound is {bound:?}"));
        }
        self.outcome.late += 1;
        self.outcome.latest = self.outcome.latest.max(late);
        Ok(())
    }

    /// For how long after the revocation a node may admit the session. `None` if it must not.
    fn bound_of(&self, revoked: Revoked, node: usize) -> Option<Duration> {
        if revoked.by == Some(node) {
            return None;
        }
        let (first, end) = revoked.messages;
        let Some(taken) = self.network.taken_at(first, end) else { return Some(CACHE_TTL_WITH_FEED) };
        let until_taken = Duration::from_micros(taken.as_micros() - revoked.at.as_micros());
        Some(CACHE_TTL_WITH_FEED.min(until_taken + self.bound))
    }

    /// The numbers of the sessions that live.
    fn live(&self) -> Vec<usize> {
        (0..self.sessions.len()).filter(|number| self.sessions[*number].revoked.is_none()).collect()
    }

    fn choose_live(&mut self) -> Option<usize> {
        let live = self.live();
        if live.is_empty() { None } else { Some(live[self.random.below(live.len())]) }
    }

    fn note(&mut self, text: String) {
        self.log.push(format!("{:?} {text}", self.clock.now()));
    }
}

/// A node with this feed.
fn node(store: &MemoryStore, clock: &FixedClock, feed: impl RevocationFeed) -> World<MemoryStore> {
    let settings =
        |builder: AuthBuilder<Account>| builder.with_clock(clock.clone()).with_revocation_feed(feed);
    World { clock: clock.clone(), ..World::with(store.clone(), settings) }
}
