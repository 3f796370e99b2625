//! The situation of a session's clients, and how an answer changes it.

use gatewright_core::store::MAX_USED_TOKENS;

use crate::rules::{Age, Kept, LOST, Network};

pub(crate) const MAX_TABS: usize = 3;

/// A refresh token: its session, and how many steps it is behind the session's current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Token {
    pub(crate) session: u8,
    pub(crate) behind: u8,
}

impl Token {
    pub(crate) const NONE: Self = Self { session: u8::MAX, behind: u8::MAX };

    pub(crate) const fn first_of(session: u8) -> Self {
        Self { session, behind: 0 }
    }

    pub(crate) fn session(self) -> usize {
        usize::from(self.session)
    }
}

/// A tab: idle, or waiting for the answer to a token that it read from the client's storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Tab {
    pub(crate) presented: Token,
    /// An answer on its way.
    pub(crate) answer: Token,
}

impl Tab {
    pub(crate) const IDLE: Self = Self { presented: Token::NONE, answer: Token::NONE };
}

/// A session in the store, and what an observer knows about it without the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Session {
    pub(crate) kept: Kept,
    /// The real ages of the uses of the latest tokens, the youngest first.
    pub(crate) real: [Age; MAX_USED_TOKENS],
    /// The network of the latest rotation.
    pub(crate) rotator: Network,
    /// How many rotations were followed by an answer to another network, in the whole session.
    pub(crate) foreign: u8,
    /// Whether the latest one was.
    pub(crate) foreign_seen: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct State {
    /// The session of the login, and the one that a password change creates.
    pub(crate) sessions: [Option<Session>; 2],
    pub(crate) epoch_changed: bool,
    pub(crate) replaced: bool,
    /// The client's storage.
    pub(crate) storage: Token,
    pub(crate) tabs: [Tab; MAX_TABS],
    pub(crate) thief: Token,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Tab(usize),
    Thief,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Answered,
    /// The answer is lost, or the node crashes after the store's change: the client can retry.
    Lost,
    /// The answer is lost, and the tab closes.
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Tick,
    /// A tab reads the client's storage and sends a request.
    Read(usize),
    /// A node uses the token.
    Use {
        who: Who,
        ahead: Age,
        outcome: Outcome,
    },
    /// The answer arrives at the tab.
    Receive(usize),
    /// The thief copies the client's storage, once.
    Steal,
    /// The first step of a password change: the user's epoch.
    ChangeEpoch,
    /// The second step: one session replaces all.
    ReplaceAll(Outcome),
}

/// Time passes.
pub(crate) fn tick(mut state: State) -> State {
    for session in state.sessions.iter_mut().flatten() {
        session.kept.ages.iter_mut().for_each(|age| *age += 1);
        session.kept.rotated += 1;
        session.real.iter_mut().for_each(|age| *age += 1);
    }
    state
}

/// The client's request was refused.
pub(crate) fn refused(mut state: State, who: Who) -> State {
    match who {
        Who::Tab(tab) => state.tabs[tab] = Tab::IDLE,
        Who::Thief => state.thief = Token { session: state.thief.session, behind: LOST },
    }
    state
}

/// After a rotation each token is one more step behind.
pub(crate) fn advance(state: &mut State, session: u8) {
    let tokens = state.tabs.iter_mut().flat_map(|tab| [&mut tab.presented, &mut tab.answer]);
    for token in tokens.chain([&mut state.storage, &mut state.thief]) {
        if token.session == session {
            token.behind = (token.behind + 1).min(LOST);
        }
    }
}

pub(crate) fn deliver(state: &mut State, who: Who, outcome: Outcome, answer: Token) {
    match (who, outcome) {
        (Who::Tab(tab), Outcome::Answered) => state.tabs[tab].answer = answer,
        (Who::Tab(tab), Outcome::Closed) => state.tabs[tab] = Tab::IDLE,
        (Who::Thief, Outcome::Answered) => state.thief = answer,
        (_, Outcome::Lost) | (Who::Thief, Outcome::Closed) => {}
    }
}
