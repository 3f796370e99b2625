//! The hostile corpus in the shape of each issuer: its tokens with the claims and the type that the profile
//! requires, signed with the issuer's key. So each of them fails for what is hostile in it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::rows::{Row, row, rows};
use super::signing::{sign, subject, verifier};
use crate::common::vectors;

/// The corpus's accepted token. A member that differs from it is what is hostile.
fn baseline() -> [Map<String, Value>; 2] {
    parts(vectors().find(|vector| vector.id == "ok-baseline").unwrap().token).unwrap()
}

/// Header and claims of a token that consists of two JSON objects.
fn parts(token: &str) -> Option<[Map<String, Value>; 2]> {
    let mut segments = token.split('.');
    let mut part = || {
        let bytes =
            base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, segments.next()?)
                .ok()?;
        serde_json::from_slice(&bytes).ok()
    };
    let parts = [part()?, part()?];
    (segments.count() == 1).then_some(parts)
}

/// The row's object with the members in which the corpus's token differs from the accepted one.
fn differing(own: &Value, hostile: &Map<String, Value>, accepted: &Map<String, Value>) -> Value {
    let mut object = own.as_object().unwrap().clone();
    for (name, value) in hostile.iter().filter(|(name, value)| accepted.get(*name) != Some(*value)) {
        object.insert(name.clone(), value.clone());
    }
    for name in accepted.keys().filter(|name| !hostile.contains_key(*name)) {
        object.remove(name);
    }
    Value::Object(object)
}

/// The hostile changes that a row can have, by the id of their token.
fn changes() -> BTreeMap<&'static str, [Map<String, Value>; 2]> {
    let usable = vectors().filter(|vector| vector.policy.is_null() && !vector.accepted);
    usable.filter_map(|vector| Some((vector.id, parts(vector.token)?))).collect()
}

fn accepted(row: &Row) -> Vec<&'static str> {
    let [header, claims] = baseline();
    let jwt = verifier((row.profile)(), row.issuer, row.audience);
    let verdict = |[hostile_header, hostile_claims]: &[Map<String, Value>; 2]| {
        let header = differing(&row.header, hostile_header, &header);
        let claims = differing(&row.claims, hostile_claims, &claims);
        subject(&jwt, &sign(&header, &claims))
    };
    changes().iter().filter(|(_, parts)| verdict(parts).is_ok()).map(|(id, _)| *id).collect()
}

/// The types of access tokens that a profile accepts beside `at+jwt`, as the tokens of the corpus with that type.
const TYPES: [(&str, &[&str]); 14] = [
    ("rfc9068", &[]),
    ("auth0", &["typ-id_token"]),
    ("entra_id", &["typ-id_token"]),
    ("okta", &["typ-missing"]),
    ("cognito", &["typ-missing"]),
    ("keycloak", &["typ-id_token"]),
    ("google_id_token", &["typ-id_token"]),
    ("firebase", &["typ-id_token"]),
    ("supabase", &["typ-id_token"]),
    ("kubernetes", &["typ-missing"]),
    ("spring_authorization_server", &["typ-missing"]),
    ("ory_hydra", &["typ-id_token"]),
    ("cloud_foundry_uaa", &["typ-id_token"]),
    ("github_actions", &["typ-id_token"]),
];

#[test]
fn the_corpus_is_rejected_in_the_shape_of_every_issuer() {
    // What is hostile in the text or the signature of a token is lost when its members are signed again.
    let textual = accepted(&row("rfc9068"));
    assert_eq!((changes().len(), textual.len()), (93, 16));
    for (own, (name, types)) in rows().iter().zip(TYPES) {
        assert_eq!(own.name, name);
        let members: Vec<&str> = accepted(own).into_iter().filter(|id| !textual.contains(id)).collect();
        assert_eq!(members, types, "{name}");
    }
}
