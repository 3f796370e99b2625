//! Running the vectors: on a store, and on the rules alone.

use std::collections::HashMap;

use gatewright_core::store::{
    MAX_SESSIONS_PER_USER, MAX_USED_TOKENS, RotationState, SessionSeed, StateChange, TokenDigest, Validity,
};
use gatewright_core::{Epoch, Rotation, Session, SessionId, SystemRandom, TokenId, UserId};
use serde_json::Value;

use super::document::{Document, Scenario, SessionOf, Step, grace_client, text, time};
use crate::store::Sessions;

/// Runs a scenario on a store, each step on the other handle than the step before.
///
/// # Panics
/// If an answer, a session or the number of steps differs from the vectors.
pub async fn run<S: Sessions>(name: &str, stores: [S; 2]) {
    let document = Document::read();
    let scenario = document.scenarios().find(|scenario| scenario.name() == name);
    let scenario = scenario.unwrap_or_else(|| panic!("no scenario {name}"));
    let sessions: HashMap<&str, Session> = ["A", "B"].map(|name| (name, new_session(scenario, name))).into();
    let (mut count, first) = (0, scenario.session("A"));
    let current = first.digest(text(&first.new_state()["current"]));
    stores[1].create(&sessions["A"], current, MAX_SESSIONS_PER_USER).await.unwrap();
    for (number, step) in scenario.steps().enumerate() {
        let at = format!("{name}, step {}", number + 1);
        let (store, of) = (&stores[number % 2], scenario.session(step.session()));
        let session = &sessions[step.session()];
        match step.kind() {
            "use" => use_token(store, of, session, step, &at).await,
            "delete" => store.delete(&session.user, session.id).await.unwrap(),
            "replace_all" => {
                let current = of.digest(text(&of.new_state()["current"]));
                store.replace_all(session, current).await.unwrap();
            }
            other => panic!("{at}: no step {other}"),
        }
        count += 1;
    }
    assert!(count > 0 && count == scenario.steps().count(), "{name}: {count} steps ran");
}

async fn use_token<S: Sessions>(store: &S, of: SessionOf<'_>, session: &Session, step: Step<'_>, at: &str) {
    let request = step.request(of, &session.user, session.id);
    let before = store.find(&session.user, session.id).await.unwrap();
    assert_eq!(before.is_none(), step.before().is_null(), "{at}: the session before");
    let rotation = store.rotate(&request).await.unwrap();
    expect_answer(of, step, rotation, before.map_or_else(|| of.seed(), |session| session.seed), at);
    let after = store.find(&session.user, session.id).await.unwrap();
    expect_times(step.after(), after.as_ref(), at);
}

/// Runs each step of all scenarios alone: it makes the state before, and compares the state after.
/// Returns the number of scenarios and of uses.
///
/// # Panics
/// If an answer or a state differs from the vectors.
#[must_use]
pub fn run_on_rules(document: &Document) -> (usize, usize) {
    let (mut scenarios, mut uses) = (0, 0);
    for scenario in document.scenarios() {
        scenarios += 1;
        for (number, step) in scenario.steps().enumerate().filter(|(_, step)| step.kind() == "use") {
            use_rules(scenario, step, &format!("{}, step {}", scenario.name(), number + 1));
            uses += 1;
        }
    }
    (scenarios, uses)
}

fn use_rules(scenario: Scenario<'_>, step: Step<'_>, at: &str) {
    let of = scenario.session(step.session());
    let mut session = new_session(scenario, step.session());
    let request = step.request(of, &session.user, session.id);
    if step.before().is_null() {
        // No session, no rules: the store answers.
        expect_answer(of, step, Rotation::Unknown, of.seed(), at);
        return;
    }
    let mut state = of.state(step.before());
    set_uses(&mut session, step.before());
    session.idle_expires_at = time(&step.before()["idle_expires_at"]);
    let (rotation, change) = state.rotate(&request);
    expect_answer(of, step, rotation, of.seed(), at);
    session.apply(&rotation);
    let is_changed = step.before() != step.after();
    let expected = match (step.after(), is_changed) {
        (Value::Null, _) => StateChange::Delete,
        (_, true) => StateChange::Replace,
        (_, false) => StateChange::Keep,
    };
    assert_eq!(change, expected, "{at}");
    if !step.after().is_null() {
        assert_eq!(state, of.state(step.after()), "{at}");
        assert_eq!(RotationState::decode_used(&state.encode_used()).as_ref(), Ok(&state.used), "{at}");
        expect_times(step.after(), Some(&session), at);
    }
}

fn new_session(scenario: Scenario<'_>, name: &str) -> Session {
    // A scenario without a second session gets one that is never used.
    let of = if scenario.session(name).new_state().is_null() {
        scenario.session("A")
    } else {
        scenario.session(name)
    };
    let [created_at, idle, end] =
        ["earlier_used_at", "idle_expires_at", "expires_at"].map(|name| time(&of.new_state()[name]));
    let id = SessionId::generate(created_at, &SystemRandom).unwrap();
    let user = UserId::new("ada").unwrap();
    let mut session =
        Session::new(id, user, Epoch::from_u64(1), of.seed(), created_at).with_expiry(idle, end);
    set_uses(&mut session, of.new_state());
    session
}

/// Sets the times of use to those of a state.
fn set_uses(session: &mut Session, state: &Value) {
    [session.last_used_at, session.pending_used_at, session.earlier_used_at] =
        ["last_used_at", "pending_used_at", "earlier_used_at"].map(|name| time(&state[name]));
}

/// Compares the verdict, and the token that a node derives from it.
fn expect_answer(of: SessionOf<'_>, step: Step<'_>, rotation: Rotation, seed: SessionSeed, at: &str) {
    let answer = step.answer();
    let validity = || Validity::new(time(&answer["issued_at"]), time(&answer["expires_at"]));
    let presented = of.token(step.presented());
    let derived = match (text(&answer["verdict"]), rotation) {
        ("rotated", Rotation::Rotated(granted)) => {
            assert_eq!(granted, validity(), "{at}");
            Some(seed.successor(&presented))
        }
        ("grace", Rotation::Grace { validity: granted, current, client, .. }) => {
            assert_eq!((granted, client), (validity(), grace_client(&answer["client"])), "{at}");
            seed.derive_current(&presented, current, MAX_USED_TOKENS)
        }
        ("reused", Rotation::Reused)
        | ("grace_abused", Rotation::GraceAbused)
        | ("expired", Rotation::Expired)
        | ("unknown", Rotation::Unknown) => None,
        (expected, other) => panic!("{at}: {other:?} instead of {expected}"),
    };
    let derived = derived.as_ref().map(TokenId::as_str);
    let expected = answer["token"].as_str().map(|label| of.token(label));
    assert_eq!(derived, expected.as_ref().map(TokenId::as_str), "{at}: the token");
    let digest = derived.map(|id| TokenDigest::of(&TokenId::new(id)));
    assert_eq!(digest, answer["token"].as_str().map(|label| of.digest(label)), "{at}: its digest");
}

/// Compares the session with the times in the state, or its absence.
fn expect_times(state: &Value, session: Option<&Session>, at: &str) {
    let expected = (!state.is_null()).then(|| {
        ["last_used_at", "pending_used_at", "earlier_used_at", "idle_expires_at", "expires_at"]
            .map(|name| time(&state[name]))
    });
    let times = session.map(|session| {
        [
            session.last_used_at,
            session.pending_used_at,
            session.earlier_used_at,
            session.idle_expires_at,
            session.expires_at,
        ]
    });
    assert_eq!(times, expected, "{at}: latest, pending and earlier use, idle end, absolute end");
}
