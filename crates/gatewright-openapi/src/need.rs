//! What a requirement says in a document: in words, as JSON, and as sets of scopes.

use std::collections::BTreeSet;

use gatewright_core::Requirement;
use serde_json::{Value, json};

/// How many alternatives are written out. What needs more is described by the scopes that all of them have in common.
const MAX_ALTERNATIVES: usize = 16;

pub(crate) type ScopeSet = BTreeSet<&'static str>;

/// Whether any valid credential will do.
pub(crate) fn asks_nothing(need: &Requirement) -> bool {
    match need {
        Requirement::Authenticated => true,
        Requirement::Scopes(scopes) => scopes.is_empty(),
        Requirement::AnyOf(parts) => parts.iter().any(asks_nothing),
        Requirement::AllOf(parts) => parts.iter().all(asks_nothing),
        _ => false,
    }
}

/// The requirement in words: "the role `moderator` or the role `admin`".
pub(crate) fn words(need: &Requirement) -> String {
    match need {
        Requirement::Role(role) => format!("the role `{role}`"),
        Requirement::Scopes([scope]) => format!("the scope `{scope}`"),
        Requirement::Scopes(scopes) if !scopes.is_empty() => format!("the scopes {}", quoted(scopes)),
        Requirement::AnyOf([]) => "what nobody has".to_owned(),
        Requirement::AnyOf(parts) => joined(parts, " or "),
        Requirement::AllOf(parts) if !parts.is_empty() => words_of_all(parts),
        Requirement::Authenticated | Requirement::Scopes(_) | Requirement::AllOf(_) => {
            "a valid credential".to_owned()
        }
        _ => "more than can be said here".to_owned(),
    }
}

/// Several requirements in words.
pub(crate) fn words_of_all(needs: &[Requirement]) -> String {
    joined(needs, " and ")
}

fn quoted(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(" and ")
}

fn joined(parts: &[Requirement], by: &str) -> String {
    let parts: Vec<String> = parts.iter().map(|part| grouped(part, parts.len())).collect();
    parts.join(by)
}

/// A list inside a list of several stands in parentheses.
fn grouped(part: &Requirement, beside: usize) -> String {
    match part {
        Requirement::AnyOf([_, _, ..]) | Requirement::AllOf([_, _, ..]) if beside > 1 => {
            format!("({})", words(part))
        }
        _ => words(part),
    }
}

/// The requirement as programs read it: exactly what is enforced.
pub(crate) fn as_json(need: &Requirement) -> Value {
    let list = |parts: &[Requirement]| parts.iter().map(as_json).collect::<Vec<_>>();
    match need {
        Requirement::Role(role) => json!({ "role": role }),
        Requirement::Scopes(scopes) => json!({ "scopes": scopes }),
        Requirement::AnyOf(parts) => json!({ "anyOf": list(parts) }),
        Requirement::AllOf(parts) => json!({ "allOf": list(parts) }),
        Requirement::Authenticated => json!({ "allOf": [] }),
        _ => json!({ "other": true }),
    }
}

/// The least sets of scopes of which each may be enough, as far as scopes go. A set that holds all of another is not
/// named, since the other is enough: beside a role that opens the route, no scope is required.
///
/// An empty list is met by nobody.
pub(crate) fn scope_alternatives(need: &Requirement) -> Vec<ScopeSet> {
    match need {
        Requirement::Scopes(scopes) => vec![scopes.iter().copied().collect()],
        Requirement::AnyOf(parts) => bounded(least(parts.iter().flat_map(scope_alternatives).collect())),
        Requirement::AllOf(parts) => alternatives_of_all(parts),
        _ => vec![ScopeSet::new()],
    }
}

/// As [`scope_alternatives`], for several requirements that must all be met.
pub(crate) fn alternatives_of_all(needs: &[Requirement]) -> Vec<ScopeSet> {
    needs.iter().fold(vec![ScopeSet::new()], |all, need| both(&all, need))
}

fn both(left: &[ScopeSet], need: &Requirement) -> Vec<ScopeSet> {
    let right = scope_alternatives(need);
    let pairs = left.iter().flat_map(|one| right.iter().map(move |other| one | other));
    bounded(least(pairs.collect()))
}

fn least(sets: Vec<ScopeSet>) -> Vec<ScopeSet> {
    let sets: BTreeSet<ScopeSet> = sets.into_iter().collect();
    let has_less = |set: &ScopeSet| sets.iter().any(|other| other != set && other.is_subset(set));
    sets.iter().filter(|set| !has_less(set)).cloned().collect()
}

fn bounded(sets: Vec<ScopeSet>) -> Vec<ScopeSet> {
    if sets.len() <= MAX_ALTERNATIVES {
        return sets;
    }
    sets.into_iter().reduce(|common, set| &common & &set).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADMIN: Requirement = Requirement::Role("admin");
    const STAFF: Requirement = Requirement::AnyOf(&[Requirement::Role("moderator"), ADMIN]);
    const READ: Requirement = Requirement::Scopes(&["read"]);
    const WRITE: Requirement = Requirement::Scopes(&["write"]);
    const BOTH: Requirement = Requirement::Scopes(&["read", "write"]);

    fn alternatives(need: Requirement) -> Vec<Vec<&'static str>> {
        scope_alternatives(&need).into_iter().map(|set| set.into_iter().collect()).collect()
    }

    #[test]
    fn a_choice_of_scopes_never_claims_that_all_are_required() {
        assert_eq!(alternatives(Requirement::AnyOf(&[READ, WRITE])), [["read"], ["write"]]);
        assert_eq!(alternatives(BOTH), [["read", "write"]]);
        assert_eq!(alternatives(Requirement::AllOf(&[READ, WRITE])), [["read", "write"]]);
    }

    #[test]
    fn a_set_that_holds_another_is_not_named() {
        assert_eq!(alternatives(Requirement::AnyOf(&[BOTH, READ])), [["read"]]);
        assert_eq!(alternatives(Requirement::AnyOf(&[ADMIN, WRITE])), [[""; 0]]);
    }

    #[test]
    fn choices_inside_conjunctions_are_multiplied_out() {
        let need =
            Requirement::AllOf(&[Requirement::AnyOf(&[READ, WRITE]), STAFF, Requirement::Scopes(&["x"])]);
        assert_eq!(alternatives(need), [["read", "x"], ["write", "x"]]);
    }

    #[test]
    fn what_nobody_has_has_no_alternative() {
        assert_eq!(alternatives(Requirement::AnyOf(&[])).len(), 0);
        assert_eq!(alternatives(Requirement::AllOf(&[READ, Requirement::AnyOf(&[])])).len(), 0);
        assert_eq!(alternatives(Requirement::AllOf(&[])), [[""; 0]]);
    }

    #[test]
    fn too_many_alternatives_are_what_all_of_them_have_in_common() {
        const PAIR: fn(&'static [Requirement; 2]) -> Requirement = |pair| Requirement::AnyOf(pair);
        const S: [&[&str]; 10] =
            [&["a"], &["b"], &["c"], &["d"], &["e"], &["f"], &["g"], &["h"], &["i"], &["j"]];
        const PAIRS: [[Requirement; 2]; 5] = [
            [Requirement::Scopes(S[0]), Requirement::Scopes(S[1])],
            [Requirement::Scopes(S[2]), Requirement::Scopes(S[3])],
            [Requirement::Scopes(S[4]), Requirement::Scopes(S[5])],
            [Requirement::Scopes(S[6]), Requirement::Scopes(S[7])],
            [Requirement::Scopes(S[8]), Requirement::Scopes(S[9])],
        ];
        let four: &'static [Requirement] = PAIRS[..4].iter().map(PAIR).collect::<Vec<_>>().leak();
        let five: &'static [Requirement] = PAIRS.iter().map(PAIR).chain([BOTH]).collect::<Vec<_>>().leak();
        assert_eq!(alternatives(Requirement::AllOf(four)).len(), 16);
        assert_eq!(alternatives(Requirement::AllOf(five)), [["read", "write"]]);
    }

    #[test]
    fn words_say_which_and_how_they_combine() {
        let need = Requirement::AllOf(&[STAFF, BOTH]);
        let text = "(the role `moderator` or the role `admin`) and the scopes `read` and `write`";
        assert_eq!(words(&need), text);
        assert_eq!(words(&Requirement::AnyOf(&[ADMIN])), "the role `admin`");
        assert_eq!(words(&Requirement::AnyOf(&[])), "what nobody has");
        let json = json!({ "allOf": [
            { "anyOf": [{ "role": "moderator" }, { "role": "admin" }] },
            { "scopes": ["read", "write"] }
        ] });
        assert_eq!(as_json(&need), json);
    }

    #[test]
    fn what_any_credential_meets_asks_nothing() {
        for need in [
            Requirement::Authenticated,
            Requirement::Scopes(&[]),
            Requirement::AllOf(&[]),
            Requirement::AnyOf(&[ADMIN, Requirement::Authenticated]),
        ] {
            assert!(asks_nothing(&need), "{need:?}");
        }
        for need in [ADMIN, READ, STAFF, Requirement::AnyOf(&[]), Requirement::AllOf(&[ADMIN])] {
            assert!(!asks_nothing(&need), "{need:?}");
        }
    }
}
