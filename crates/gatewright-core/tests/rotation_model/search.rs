//! An exhaustive search of our own: breadth-first, with each state visited once.
//!
//! The first violation that it finds has a shortest trace.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Debug;
use std::hash::Hash;

/// A state machine with rules that every step must keep.
pub(crate) trait Model {
    /// Equal states behave equally.
    type State: Copy + Eq + Hash;
    type Action: Copy + Debug;

    fn start(&self) -> Self::State;

    /// Adds each action that is possible in this state.
    fn actions(&self, state: &Self::State, actions: &mut Vec<Self::Action>);

    /// The state after the action.
    ///
    /// # Errors
    /// The rule that the step violates.
    fn apply(&self, state: &Self::State, action: Self::Action) -> Result<Self::State, String>;
}

/// What a search found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) states: usize,
    pub(crate) steps: usize,
    /// The number of actions on the longest of the shortest ways to a state.
    pub(crate) depth: u32,
    pub(crate) violation: Option<Violation>,
}

#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) rule: String,
    pub(crate) trace: Vec<String>,
}

/// How a state was reached first: from which state, by which action, and after how many actions.
struct Reached<M: Model> {
    state: M::State,
    from: usize,
    by: Option<M::Action>,
    depth: u32,
}

/// Visits every state that the model can reach.
///
/// # Panics
/// If there are more than `limit` states: the search would not be exhaustive.
pub(crate) fn search<M: Model>(model: &M, limit: usize) -> Found {
    let mut reached = vec![Reached::<M> { state: model.start(), from: 0, by: None, depth: 0 }];
    let mut known = HashMap::from([(model.start(), 0)]);
    let (mut next, mut steps, mut actions) = (0, 0, Vec::new());
    while next < reached.len() {
        let (state, depth) = (reached[next].state, reached[next].depth);
        actions.clear();
        model.actions(&state, &mut actions);
        for action in &actions {
            steps += 1;
            match model.apply(&state, *action) {
                Ok(after) => {
                    if let Entry::Vacant(entry) = known.entry(after) {
                        entry.insert(reached.len());
                        reached.push(Reached {
                            state: after,
                            from: next,
                            by: Some(*action),
                            depth: depth + 1,
                        });
                    }
                }
                Err(rule) => {
                    let violation = Some(Violation { rule, trace: trace(&reached, next, *action) });
                    return Found { states: reached.len(), steps, depth: depth + 1, violation };
                }
            }
        }
        assert!(reached.len() <= limit, "more than {limit} states: use smaller bounds");
        next += 1;
    }
    let depth = reached.last().map_or(0, |last| last.depth);
    Found { states: reached.len(), steps, depth, violation: None }
}

/// The actions from the start to the state `at`, and the one that violates the rule.
fn trace<M: Model>(reached: &[Reached<M>], mut at: usize, last: M::Action) -> Vec<String> {
    let mut trace = vec![format!("{last:?}")];
    while let Some(action) = reached[at].by {
        trace.push(format!("{action:?}"));
        at = reached[at].from;
    }
    trace.reverse();
    trace
}
