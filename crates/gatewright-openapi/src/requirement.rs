//! A requirement in a document: in words, as JSON, and as sets of scopes.

use std::collections::BTreeSet;

use gatewright_core::Requirement;
use serde_json::{Value, json};

/// How many alternatives are listed. If there are more, only the scopes that all alternatives share
/// are listed.
const MAX_ALTERNATIVES: usize = 16;

pub(crate) type ScopeSet = BTreeSet<&'static str>;

/// Whether every valid credential meets the requirement.
pub(crate) fn is_met_by_any_credential(requirement: &Requirement) -> bool {
    match requirement {
        Requirement::Authenticated => true,
        Requirement::Scopes(scopes) => scopes.is_empty(),
        Requirement::AnyOf(parts) => parts.iter().any(is_met_by_any_credential),
        Requirement::AllOf(parts) => parts.iter().all(is_met_by_any_credential),
        _ => false,
    }
}

/// The requirement in words: "the role `moderator` or the role `admin`".
pub(crate) fn words(requirement: &Requirement) -> String {
    match requirement {
        Requirement::Role(role) => format!("the role `{role}`"),
        Requirement::Scopes([scope]) => format!("the scope `{scope}`"),
        Requirement::Scopes(scopes) if !scopes.is_empty() => format!("the scopes {}", quoted(scopes)),
        Requirement::AnyOf([]) => "a permission that no caller can have".to_owned(),
        Requirement::AnyOf(parts) => joined(parts, " or "),
        Requirement::AllOf(parts) if !parts.is_empty() => words_of_all(parts),
        Requirement::Authenticated | Requirement::Scopes(_) | Requirement::AllOf(_) => {
            "a valid credential".to_owned()
        }
        _ => "a requirement that this version cannot describe".to_owned(),
    }
}

/// Several requirements in words.
pub(crate) fn words_of_all(requirements: &[Requirement]) -> String {
    joined(requirements, " and ")
}

fn quoted(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(" and ")
}

fn joined(parts: &[Requirement], by: &str) -> String {
    let parts: Vec<String> = parts.iter().map(|part| grouped(part, parts.len())).collect();
    parts.join(by)
}

/// Puts a list in parentheses if it is one of several parts.
fn grouped(part: &Requirement, parts: usize) -> String {
    match part {
        Requirement::AnyOf([_, _, ..]) | Requirement::AllOf([_, _, ..]) if parts > 1 => {
            format!("({})", words(part))
        }
        _ => words(part),
    }
}

/// The requirement as JSON, exactly as it is enforced.
pub(crate) fn as_json(requirement: &Requirement) -> Value {
    let list = |parts: &[Requirement]| parts.iter().map(as_json).collect::<Vec<_>>();
    match requirement {
        Requirement::Role(role) => json!({ "role": role }),
        Requirement::Scopes(scopes) => json!({ "scopes": scopes }),
        Requirement::AnyOf(parts) => json!({ "anyOf": list(parts) }),
        Requirement::AllOf(parts) => json!({ "allOf": list(parts) }),
        Requirement::Authenticated => json!({ "allOf": [] }),
        _ => json!({ "other": true }),
    }
}

/// The minimal sets of scopes that can meet the requirement, if roles are ignored. A superset of
/// another set is left out. A role counts as the empty set, so beside it every set that names
/// scopes is left out.
///
/// An empty list means that no caller can meet the requirement.
pub(crate) fn scope_alternatives(requirement: &Requirement) -> Vec<ScopeSet> {
    match requirement {
        Requirement::Scopes(scopes) => vec![scopes.iter().copied().collect()],
        Requirement::AnyOf(parts) => bounded(minimal(parts.iter().flat_map(scope_alternatives).collect())),
        Requirement::AllOf(parts) => alternatives_of_all(parts),
        _ => vec![ScopeSet::new()],
    }
}

/// Like [`scope_alternatives`], for several requirements that must all be met.
pub(crate) fn alternatives_of_all(requirements: &[Requirement]) -> Vec<ScopeSet> {
    requirements.iter().fold(vec![ScopeSet::new()], |all, requirement| both(&all, requirement))
}

fn both(left: &[ScopeSet], requirement: &Requirement) -> Vec<ScopeSet> {
    let right = scope_alternatives(requirement);
    let pairs = left.iter().flat_map(|one| right.iter().map(move |other| one | other));
    bounded(minimal(pairs.collect()))
}

fn minimal(sets: Vec<ScopeSet>) -> Vec<ScopeSet> {
    let sets: BTreeSet<ScopeSet> = sets.into_iter().collect();
    let has_subset = |set: &ScopeSet| sets.iter().any(|other| other != set && other.is_subset(set));
    sets.iter().filter(|set| !has_subset(set)).cloned().collect()
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

    fn alternatives(requirement: Requirement) -> Vec<Vec<&'static str>> {
        scope_alternatives(&requirement).into_iter().map(|set| set.into_iter().collect()).collect()
    }

    #[test]
    fn alternative_scopes_are_listed_separately() {
        assert_eq!(alternatives(Requirement::AnyOf(&[READ, WRITE])), [["read"], ["write"]]);
        assert_eq!(alternatives(BOTH), [["read", "write"]]);
        assert_eq!(alternatives(Requirement::AllOf(&[READ, WRITE])), [["read", "write"]]);
    }

    #[test]
    fn supersets_are_left_out() {
        assert_eq!(alternatives(Requirement::AnyOf(&[BOTH, READ])), [["read"]]);
        assert_eq!(alternatives(Requirement::AnyOf(&[ADMIN, WRITE])), [[""; 0]]);
    }

    #[test]
    fn alternatives_inside_conjunctions_are_multiplied_out() {
        let requirement =
            Requirement::AllOf(&[Requirement::AnyOf(&[READ, WRITE]), STAFF, Requirement::Scopes(&["x"])]);
        assert_eq!(alternatives(requirement), [["read", "x"], ["write", "x"]]);
    }

    #[test]
    fn an_unmeetable_requirement_has_no_alternatives() {
        assert_eq!(alternatives(Requirement::AnyOf(&[])).len(), 0);
        assert_eq!(alternatives(Requirement::AllOf(&[READ, Requirement::AnyOf(&[])])).len(), 0);
        assert_eq!(alternatives(Requirement::AllOf(&[])), [[""; 0]]);
    }

    #[test]
    fn too_many_alternatives_become_their_common_scopes() {
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
    fn words_name_roles_scopes_and_their_combination() {
        let requirement = Requirement::AllOf(&[STAFF, BOTH]);
        let text = "(the role `moderator` or the role `admin`) and the scopes `read` and `write`";
        assert_eq!(words(&requirement), text);
        assert_eq!(words(&Requirement::AnyOf(&[ADMIN])), "the role `admin`");
        assert_eq!(words(&Requirement::AnyOf(&[])), "a permission that no caller can have");
        let json = json!({ "allOf": [
            { "anyOf": [{ "role": "moderator" }, { "role": "admin" }] },
            { "scopes": ["read", "write"] }
        ] });
        assert_eq!(as_json(&requirement), json);
    }

    #[test]
    fn finds_requirements_that_any_credential_meets() {
        for requirement in [
            Requirement::Authenticated,
            Requirement::Scopes(&[]),
            Requirement::AllOf(&[]),
            Requirement::AnyOf(&[ADMIN, Requirement::Authenticated]),
        ] {
            assert!(is_met_by_any_credential(&requirement), "{requirement:?}");
        }
        for requirement in [ADMIN, READ, STAFF, Requirement::AnyOf(&[]), Requirement::AllOf(&[ADMIN])] {
            assert!(!is_met_by_any_credential(&requirement), "{requirement:?}");
        }
    }
}
