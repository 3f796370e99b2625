//! The real rules: every use of a token goes through `RotationState::rotate` and through the
//! derivation of `SessionSeed`.
//!
//! The model counts time in ticks, relative to now, and tokens in steps behind the current one. So
//! equal situations are equal states, however long the session is, and the search ends. For each use
//! the session is rebuilt with real digests and times, and the state after it is translated back.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use gatewright_core::store::{
    GraceClient, GracePolicy, MAX_FOREIGN_GRACES, MAX_USED_TOKENS, Rotation, RotationRequest, RotationState,
    SessionSeed, StateChange, TokenDigest, USED_TOKEN_RETENTION, UsedToken,
};
use gatewright_core::{ClientInfo, SessionId, SystemRandom, Timestamp, TokenId, UserId};

/// The position of the current token in [`Rules::digests`].
const CURRENT: usize = 12;
/// A token so far behind that the store does not keep its digest.
pub(crate) const LOST: u8 = 12;
/// The ages of a token's digest, in ticks. A node that is ahead makes an age of -1.
pub(crate) type Age = i8;

/// A mistake in the rules. The model must find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mistake {
    None,
    /// The window is compared with the latest rotation, not with the use of the token.
    WindowOfTheLatestRotation,
    /// The node derives one step, and does not check that it reached the current digest.
    NoDigestCheck,
    /// A password change keeps the old session.
    OldSessionKept,
    /// The store keeps one used digest.
    OneDigestKept,
    /// With eight digests kept, the current token is rotated, and the oldest digest is dropped.
    NoLimitOfRotations,
    /// A rotation ends the row of foreign graces although its window is open.
    RowEndsInTheWindow,
    /// A rotation ends the row when its window closes by the clock of one node.
    RowEndsWithTheWindow,
    /// Grace answers to other networks are not counted.
    NoCount,
}

/// What the store keeps about a session, in ticks and steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Kept {
    /// How many digests of used tokens are kept. The youngest belongs to the token one step behind.
    pub(crate) count: u8,
    /// Their ages, the youngest first.
    pub(crate) ages: [Age; MAX_USED_TOKENS],
    pub(crate) rotated: Age,
    pub(crate) rotated_by: Network,
    pub(crate) foreign_graces: u8,
    pub(crate) foreign_grace_seen: bool,
}

impl Kept {
    pub(crate) const NEW: Self = Self {
        count: 0,
        ages: [0; MAX_USED_TOKENS],
        rotated: 0,
        rotated_by: Network::Home,
        foreign_graces: 0,
        foreign_grace_seen: false,
    };
}

/// The network of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Network {
    Home,
    Elsewhere,
}

/// One use of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Use {
    /// How many steps the token is behind the current one.
    pub(crate) behind: u8,
    pub(crate) network: Network,
    /// How many ticks the clock of the node is ahead.
    pub(crate) ahead: Age,
}

/// What the client receives, and what happens to the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Answer {
    Rotated,
    /// The current token in answer to itself, because of [R8].
    Limit,
    /// The current token in answer to a used one of the same network.
    Grace,
    /// The same, reported as of another network.
    ForeignGrace,
    Reused,
    GraceAbused,
    /// The chain does not reach the current token: 401, and nothing changes.
    NotDerived,
}

/// The answer; the state after it, or `None` if the session is deleted; and how many steps the token in
/// the answer is then behind the current one.
pub(crate) type Decision = (Answer, Option<Kept>, u8);

/// The real rules, and the spans of the model.
pub(crate) struct Rules {
    /// The digests of a real chain of tokens, around the current one.
    digests: Vec<TokenDigest>,
    /// For each number of steps, the position that the real derivation reaches.
    derived: Vec<Option<usize>>,
    known: RefCell<HashMap<(Kept, Use), Decision>>,
    ids: (UserId, SessionId),
    tick: Duration,
    pub(crate) grace: Age,
    pub(crate) retention: Age,
    pub(crate) policy: GracePolicy,
    pub(crate) mistake: Mistake,
}

impl Rules {
    /// Rules with a grace window of `grace` ticks. The retention lasts `retention` ticks.
    pub(crate) fn new(grace: Age, retention: Age, policy: GracePolicy, mistake: Mistake) -> Self {
        let seed = SessionSeed::from_bytes([7; 32]);
        let first = TokenId::new("the id of the first token");
        let chain: Vec<_> =
            std::iter::successors(Some(first), |id| Some(seed.successor(id))).take(CURRENT + 2).collect();
        let digests: Vec<_> = chain.iter().map(TokenDigest::of).collect();
        let derived = (0..=CURRENT).map(|steps| {
            let reached = match mistake {
                Mistake::NoDigestCheck => Some(seed.successor(&chain[CURRENT - steps])),
                _ => seed.derive_current(&chain[CURRENT - steps], digests[CURRENT], MAX_USED_TOKENS),
            };
            reached.and_then(|id| digests.iter().position(|digest| *digest == TokenDigest::of(&id)))
        });
        let derived = derived.collect();
        let now = Timestamp::from_seconds(1_700_000_000);
        let ids = (UserId::from(1_u64), SessionId::generate(now, &SystemRandom).unwrap());
        let tick = USED_TOKEN_RETENTION / u32::try_from(retention).unwrap();
        Self { digests, derived, known: RefCell::default(), ids, tick, grace, retention, policy, mistake }
    }

    /// The age from which a digest is dropped at the next rotation, on every node.
    pub(crate) fn oldest(&self) -> Age {
        self.grace + self.retention
    }

    /// Uses a token. Each situation goes through the real rules once.
    pub(crate) fn apply(&self, kept: &Kept, used: Use) -> Decision {
        if let Some(known) = self.known.borrow().get(&(*kept, used)) {
            return *known;
        }
        let result = self.decide(kept, used);
        self.known.borrow_mut().insert((*kept, used), result);
        result
    }

    fn decide(&self, kept: &Kept, used: Use) -> Decision {
        let presented = CURRENT - usize::from(used.behind);
        let mut state = self.rebuild(kept);
        let request = self.request(presented, used);
        self.break_before(&mut state, &request);
        let before = state.clone();
        let (rotation, change) = state.rotate(&request);
        let is_changed = change == StateChange::Replace;
        assert!(is_changed || change == StateChange::Delete || state == before, "`Keep` changed the state");
        let kept = || Some(self.translate(&state, kept));
        match rotation {
            Rotation::Rotated(_) => (Answer::Rotated, self.break_after(kept()), 0),
            Rotation::Grace { current, client, .. } => {
                assert!(current == self.digests[CURRENT], "a grace answer is not the current token");
                let answer = match client {
                    _ if used.behind == 0 => Answer::Limit,
                    GraceClient::Same => Answer::Grace,
                    GraceClient::OtherNetwork => Answer::ForeignGrace,
                    other => panic!("the clients have one user agent: {other:?}"),
                };
                match self.derived[usize::from(used.behind)] {
                    Some(reached) => (answer, kept(), u8::try_from(CURRENT.abs_diff(reached)).unwrap()),
                    None => (Answer::NotDerived, kept(), 0),
                }
            }
            Rotation::Reused => (Answer::Reused, None, 0),
            Rotation::GraceAbused => (Answer::GraceAbused, None, 0),
            other => panic!("the model has no expiry: {other:?}"),
        }
    }

    fn now() -> Timestamp {
        Timestamp::from_seconds(1_700_000_000)
    }

    /// The time that is `age` ticks ago.
    fn time(&self, age: Age) -> Timestamp {
        let span = self.tick * u32::from(age.unsigned_abs());
        if age < 0 { Self::now().saturating_add(span) } else { Self::now().saturating_sub(span) }
    }

    fn age(&self, time: Timestamp) -> Age {
        let tick = i128::try_from(self.tick.as_micros()).unwrap();
        let micros = i128::from(Self::now().as_micros()) - i128::from(time.as_micros());
        Age::try_from(micros / tick).unwrap()
    }

    fn client(network: Network) -> ClientInfo {
        let address = match network {
            Network::Home => [192, 0, 2, 1],
            Network::Elsewhere => [198, 51, 100, 1],
        };
        ClientInfo::new(Some(address.into()), None)
    }

    fn request(&self, presented: usize, used: Use) -> RotationRequest {
        let (user, session) = self.ids.clone();
        let (token, successor) = (self.digests[presented], self.digests[presented + 1]);
        let grace = self.tick * u32::from(self.grace.unsigned_abs());
        let now = self.time(-used.ahead);
        RotationRequest::new(user, session, token, successor, now, grace, Self::end())
            .with_client(Self::client(used.network))
            .with_grace_policy(self.policy)
    }

    /// Sessions of the model do not expire.
    fn end() -> Timestamp {
        Self::now().saturating_add(Duration::from_secs(1_000_000))
    }

    fn rebuild(&self, kept: &Kept) -> RotationState {
        let mut state =
            RotationState::new(self.digests[CURRENT], self.time(kept.rotated), Self::end(), Self::end());
        let digests = (1..=usize::from(kept.count))
            .rev()
            .map(|behind| UsedToken::new(self.digests[CURRENT - behind], self.time(kept.ages[behind - 1])));
        state.used = digests.collect();
        state.rotated_by = Self::client(kept.rotated_by);
        state.foreign_graces = kept.foreign_graces;
        state.foreign_grace_seen = kept.foreign_grace_seen;
        state
    }

    fn translate(&self, state: &RotationState, before: &Kept) -> Kept {
        let current = self.digests.iter().position(|digest| *digest == state.current).unwrap();
        assert!(current == CURRENT || current == CURRENT + 1, "a rotation goes one step");
        let mut ages = [0; MAX_USED_TOKENS];
        for (behind, used) in state.used.iter().rev().enumerate() {
            assert!(used.digest == self.digests[current - 1 - behind], "the digests of the chain in order");
            ages[behind] = self.age(used.used_at);
        }
        let networks = [Network::Home, Network::Elsewhere];
        let by = networks.into_iter().find(|network| Self::client(*network) == state.rotated_by);
        Kept {
            count: u8::try_from(state.used.len()).unwrap(),
            // A mistake may change ages for one decision only.
            ages: if current == CURRENT { before.ages } else { ages },
            rotated: self.age(state.rotated_at),
            rotated_by: by.unwrap(),
            foreign_graces: state.foreign_graces.min(MAX_FOREIGN_GRACES),
            foreign_grace_seen: state.foreign_grace_seen,
        }
    }

    /// Makes the mistakes that can be made in front of the real rules.
    fn break_before(&self, state: &mut RotationState, request: &RotationRequest) {
        let rotates = request.presented == state.current;
        let in_row = rotates && state.foreign_grace_seen;
        let is_closed = request.now >= state.rotated_at.saturating_add(request.grace);
        match self.mistake {
            Mistake::WindowOfTheLatestRotation if !rotates => {
                state.used.iter_mut().for_each(|used| used.used_at = state.rotated_at);
            }
            Mistake::NoLimitOfRotations if rotates && state.used.len() == MAX_USED_TOKENS => {
                state.used.remove(0);
            }
            Mistake::RowEndsInTheWindow if rotates && !in_row => state.foreign_graces = 0,
            Mistake::RowEndsWithTheWindow if rotates && !in_row && is_closed => state.foreign_graces = 0,
            Mistake::NoCount => state.foreign_graces = 0,
            _ => {}
        }
    }

    /// Makes the mistakes that can be made behind them.
    fn break_after(&self, kept: Option<Kept>) -> Option<Kept> {
        kept.map(|kept| match self.mistake {
            Mistake::OneDigestKept => Kept { count: kept.count.min(1), ..kept },
            _ => kept,
        })
    }
}
