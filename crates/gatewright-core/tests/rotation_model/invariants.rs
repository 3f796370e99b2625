//! The invariants [I1] to [I6] and [L1] of `docs/rotation.md`, without the code under test.

use gatewright_core::store::{GracePolicy, MAX_FOREIGN_GRACES};

use crate::rules::{Age, Answer, Kept, Network};
use crate::state::Session;

/// One use of a token as an observer sees it, who knows every clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Observed {
    /// How many steps the token is behind the current one.
    pub(crate) behind: u8,
    pub(crate) network: Network,
    /// How long ago the token was used first. `None` if it is current.
    pub(crate) real_age: Option<Age>,
    pub(crate) answer: Answer,
    /// How many steps the token in the answer is behind the current one.
    pub(crate) reached: u8,
}

/// When a token is certainly inside or outside its window, and what ends a session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// The real age below which a token is inside its window on every node.
    pub(crate) open: Age,
    /// The real age from which a token is outside its window on every node.
    pub(crate) closed: Age,
    pub(crate) policy: GracePolicy,
}

/// The rules that hold for every use of a token, checked without the code under test.
pub(crate) fn check(bounds: Bounds, session: &Session, observed: Observed) -> Result<(), String> {
    let Observed { behind, network, real_age, answer, reached } = observed;
    let is_granted = matches!(answer, Answer::Rotated | Answer::Limit | Answer::Grace | Answer::ForeignGrace);
    if matches!(answer, Answer::Rotated | Answer::Limit) && behind != 0 {
        return Err(rule("I1", "two tokens were current"));
    }
    if answer == Answer::NotDerived || is_granted && reached != 0 {
        return Err(rule("I3", "an answer is not the current token"));
    }
    if is_granted && real_age.is_some_and(|age| age >= bounds.closed) {
        return Err(rule("I2", "a token was accepted outside its window"));
    }
    if answer == Answer::Reused && real_age.is_none_or(|age| age < bounds.open) {
        return Err(rule("I2", "a token inside its window ended the session"));
    }
    let is_foreign = behind != 0 && network != session.rotator;
    if answer == Answer::Grace && is_foreign {
        return Err(rule("I4", "an answer to another network was not reported"));
    }
    if answer == Answer::ForeignGrace && !is_foreign {
        return Err(rule("I4", "an answer to the same network was reported"));
    }
    let count = session.foreign + u8::from(!session.foreign_seen);
    let ends = bounds.policy == GracePolicy::EndSession;
    if is_granted && is_foreign && ends && count >= MAX_FOREIGN_GRACES {
        return Err(rule("I5", "a third rotation was followed by an answer to another network"));
    }
    if answer == Answer::GraceAbused && !(is_foreign && ends && count >= MAX_FOREIGN_GRACES) {
        return Err(rule("I5", "a session ended before the third rotation"));
    }
    Ok(())
}

/// What an observer of the answers knows after one more.
pub(crate) fn observe(mut session: Session, kept: Kept, answer: Answer, network: Network) -> Session {
    session.kept = kept;
    if answer == Answer::Rotated {
        session.real.rotate_right(1);
        session.real[0] = 0;
        session.rotator = network;
        session.foreign_seen = false;
    } else if answer == Answer::ForeignGrace && !session.foreign_seen {
        session.foreign = (session.foreign + 1).min(MAX_FOREIGN_GRACES);
        session.foreign_seen = true;
    }
    session
}

/// The violation of an invariant.
pub(crate) fn rule(name: &str, what: &str) -> String {
    format!("[{name}] {what}")
}
