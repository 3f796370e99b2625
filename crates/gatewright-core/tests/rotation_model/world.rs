//! The world around one session: tabs of one client, nodes, a thief and a password change.
//!
//! Each action is one step that nothing interrupts, as the store's atomic methods are. Lost answers,
//! crashes of nodes and slow networks are the order of the actions: a tab reads the client's storage,
//! later a node uses the token, later the answer arrives or not.

use std::cell::RefCell;
use std::collections::BTreeMap;

use gatewright_core::store::{GracePolicy, MAX_USED_TOKENS};

use crate::invariants::{Bounds, Observed, check, observe, rule};
use crate::rules::{Age, Answer, Kept, LOST, Mistake, Network, Rules, Use};
use crate::search::Model;
use crate::state::{
    Action, MAX_TABS, Outcome, Session, State, Tab, Token, Who, advance, deliver, refused, tick,
};

/// Who is in a world, and its spans in ticks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) tabs: usize,
    /// The networks of the tabs.
    pub(crate) networks: [Network; MAX_TABS],
    pub(crate) grace: Age,
    pub(crate) retention: Age,
    /// How far the clocks of the two nodes differ.
    pub(crate) skew: Age,
    /// Whether the client keeps its rules [R18] to [R20]. Otherwise it may use any token at any time.
    pub(crate) honest: bool,
    pub(crate) thief: bool,
    pub(crate) password_change: bool,
    pub(crate) policy: GracePolicy,
}

/// All sessions have ended, and nothing more happens.
const ENDED: State = State {
    sessions: [None, None],
    epoch_changed: true,
    replaced: true,
    storage: Token::NONE,
    tabs: [Tab::IDLE; MAX_TABS],
    thief: Token::NONE,
};

pub(crate) struct World {
    setting: Setting,
    rules: Rules,
    answers: RefCell<BTreeMap<Answer, usize>>,
}

impl World {
    pub(crate) fn new(setting: Setting, mistake: Mistake) -> Self {
        let rules = Rules::new(setting.grace, setting.retention, setting.policy, mistake);
        Self { setting, rules, answers: RefCell::default() }
    }

    /// How often the search met each answer of the store.
    pub(crate) fn answers(&self) -> BTreeMap<Answer, usize> {
        self.answers.borrow().clone()
    }

    fn bounds(&self) -> Bounds {
        let Setting { grace, skew, policy, .. } = self.setting;
        Bounds { open: grace - skew, closed: grace + skew, policy }
    }

    fn new_session(&self) -> Session {
        let real = [self.bounds().closed; MAX_USED_TOKENS];
        Session { kept: Kept::NEW, real, rotator: Network::Home, foreign: 0, foreign_seen: false }
    }

    fn network(&self, who: Who) -> Network {
        match who {
            Who::Tab(tab) => self.setting.networks[tab],
            Who::Thief => Network::Elsewhere,
        }
    }

    /// The real age of a token's use. `None` if the token is current.
    fn real_age(&self, state: &State, token: Token) -> Option<Age> {
        let session = state.sessions[token.session()]?;
        let behind = usize::from(token.behind).checked_sub(1)?;
        Some(session.real.get(behind).copied().unwrap_or(self.bounds().closed))
    }

    /// [R20] Whether the client may wait: it retries until it has a token that was not used.
    fn may_wait(&self, state: &State) -> bool {
        let answers = state.tabs.iter().filter(|tab| tab.presented == state.storage).map(|tab| tab.answer);
        let presented = state.tabs.iter().map(|tab| tab.presented);
        let in_time = |token: Token| {
            let is_old = token == Token::NONE || state.replaced && token.session == 0;
            is_old || self.real_age(state, token).is_none_or(|age| age + 1 < self.bounds().open)
        };
        [state.storage].into_iter().chain(answers).chain(presented).all(in_time)
    }

    fn use_token(&self, mut state: State, who: Who, ahead: Age, outcome: Outcome) -> Result<State, String> {
        let token = match who {
            Who::Tab(tab) => state.tabs[tab].presented,
            Who::Thief => state.thief,
        };
        let at = token.session();
        // A refused client reads its storage again, and a refused thief has nothing left.
        let refuse = |state: State| {
            let is_lost = self.setting.honest && !(state.epoch_changed && at == 0);
            if is_lost { Err(rule("L1", "an honest client was logged out")) } else { Ok(refused(state, who)) }
        };
        // Without a session the store answers `Unknown`.
        let Some(before) = state.sessions[at] else { return refuse(state) };
        if state.replaced && at == 0 {
            return Err(rule("I6", "a token from before the password change still names a session"));
        }
        let network = self.network(who);
        let (answer, kept, reached) =
            self.rules.apply(&before.kept, Use { behind: token.behind, network, ahead });
        *self.answers.borrow_mut().entry(answer).or_default() += 1;
        let (behind, real_age) = (token.behind, self.real_age(&state, token));
        check(self.bounds(), &before, Observed { behind, network, real_age, answer, reached })?;
        let Some(kept) = kept else {
            state.sessions[at] = None;
            return refuse(state);
        };
        state.sessions[at] = Some(observe(before, kept, answer, network));
        if answer == Answer::Rotated {
            advance(&mut state, token.session);
        }
        deliver(&mut state, who, outcome, Token { session: token.session, behind: reached });
        Ok(state)
    }

    /// Equal situations become equal states.
    fn normal(&self, mut state: State) -> State {
        if state.sessions == [None, None] && state.epoch_changed == state.replaced {
            return ENDED;
        }
        let held = state.tabs.map(|tab| [tab.presented, tab.answer]);
        let held =
            |token| state.storage == token || state.thief == token || held.as_flattened().contains(&token);
        let mut sessions = state.sessions;
        for (at, session) in (0..).zip(&mut sessions) {
            let Some(session) = session else { continue };
            let kept = &mut session.kept;
            kept.rotated = kept.rotated.min(self.rules.oldest());
            for (behind, age) in (1..).zip(&mut kept.ages) {
                *age = if behind <= kept.count { (*age).min(self.rules.oldest()) } else { 0 };
            }
            for (behind, age) in (1..).zip(&mut session.real) {
                let is_held = held(Token { session: at, behind });
                *age = if is_held { (*age).min(self.bounds().closed) } else { self.bounds().closed };
            }
            if session.foreign == 0 {
                session.foreign_seen = false;
            }
        }
        state.sessions = sessions;
        let tokens = state.tabs.iter_mut().flat_map(|tab| [&mut tab.presented, &mut tab.answer]);
        for token in tokens.chain([&mut state.storage, &mut state.thief]) {
            if let Some(Some(session)) = state.sessions.get(token.session()) {
                // The digest is not kept, and every node has to refuse it.
                let real = session.real.get(usize::from(token.behind).wrapping_sub(1));
                if token.behind > session.kept.count && real.is_none_or(|age| *age >= self.bounds().closed) {
                    token.behind = LOST;
                }
            } else if *token != Token::NONE {
                token.behind = LOST;
            }
        }
        if self.setting.networks == [Network::Home; MAX_TABS] {
            state.tabs.sort_unstable();
        }
        state
    }
}

impl Model for World {
    type State = State;
    type Action = Action;

    fn start(&self) -> State {
        let state = State {
            sessions: [Some(self.new_session()), None],
            epoch_changed: false,
            replaced: false,
            storage: Token::first_of(0),
            tabs: [Tab::IDLE; MAX_TABS],
            thief: Token::NONE,
        };
        self.normal(state)
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if !self.setting.honest || self.may_wait(state) {
            actions.push(Action::Tick);
        }
        let nodes = if self.setting.skew == 0 { 0..=0 } else { 0..=1 };
        let nodes = nodes.map(|node| node * self.setting.skew);
        for (tab, held) in state.tabs.iter().enumerate().take(self.setting.tabs) {
            if held.presented == Token::NONE {
                if state.storage != Token::NONE {
                    actions.push(Action::Read(tab));
                }
            } else if held.answer != Token::NONE {
                actions.push(Action::Receive(tab));
            } else {
                let outcomes = [Outcome::Answered, Outcome::Lost, Outcome::Closed];
                let uses = |ahead| outcomes.map(|outcome| Action::Use { who: Who::Tab(tab), ahead, outcome });
                actions.extend(nodes.clone().flat_map(uses));
            }
        }
        if self.setting.thief && state.thief == Token::NONE && state.storage != Token::NONE {
            actions.push(Action::Steal);
        }
        if state.thief != Token::NONE {
            let outcomes = [Outcome::Answered, Outcome::Lost];
            let uses = |ahead| outcomes.map(|outcome| Action::Use { who: Who::Thief, ahead, outcome });
            actions.extend(nodes.flat_map(uses));
        }
        if self.setting.password_change && !state.epoch_changed && state.sessions[0].is_some() {
            actions.push(Action::ChangeEpoch);
        }
        if state.epoch_changed && !state.replaced {
            actions.extend([Outcome::Answered, Outcome::Lost].map(Action::ReplaceAll));
        }
    }

    fn apply(&self, state: &State, action: Action) -> Result<State, String> {
        let mut state = *state;
        match action {
            Action::Tick => state = tick(state),
            Action::Read(tab) => state.tabs[tab].presented = state.storage,
            Action::Use { who, ahead, outcome } => state = self.use_token(state, who, ahead, outcome)?,
            Action::Receive(tab) => {
                // [R19] Only if the storage still has the token that the tab presented.
                if state.storage == state.tabs[tab].presented {
                    state.storage = state.tabs[tab].answer;
                }
                state.tabs[tab] = Tab::IDLE;
            }
            Action::Steal => state.thief = state.storage,
            Action::ChangeEpoch => state.epoch_changed = true,
            Action::ReplaceAll(outcome) => {
                state.replaced = true;
                if self.rules.mistake != Mistake::OldSessionKept {
                    state.sessions[0] = None;
                }
                state.sessions[1] = Some(self.new_session());
                let answer = if outcome == Outcome::Answered { Token::first_of(1) } else { Token::NONE };
                state.storage = answer;
            }
        }
        Ok(self.normal(state))
    }
}
