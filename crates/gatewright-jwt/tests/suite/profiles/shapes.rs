//! Access tokens in the shapes that providers document, from `tests/vectors/provider_shapes.json`.

use std::collections::BTreeMap;

use gatewright_core::{TokenError, TokenKind, TokenVerifier};
use gatewright_jwt::{GithubId, Jwt, TokenProfile};
use serde_json::{Value, json};

use super::signing::{ring, set, sign, with};
use crate::common::NOW;

fn shapes() -> Vec<Value> {
    let file: Value = serde_json::from_str(include_str!("../../vectors/provider_shapes.json")).unwrap();
    file["tokens"].as_array().unwrap().clone()
}

fn text<'a>(shape: &'a Value, name: &str) -> &'a str {
    shape[name].as_str().unwrap()
}

/// The token, issued now.
fn token(shape: &Value) -> String {
    let at = |offset: &Value| match offset.as_i64() {
        Some(seconds) => json!(i64::try_from(NOW.as_seconds()).unwrap() + seconds),
        None => json!(1_700_000_000.0 + offset.as_f64().unwrap()),
    };
    let times = shape["times_from_iat"].as_object().unwrap();
    let times: serde_json::Map<String, Value> =
        times.iter().map(|(name, offset)| (name.clone(), at(offset))).collect();
    sign(&shape["header"], &with(&shape["claims"], &Value::Object(times)))
}

fn profile(shape: &Value) -> TokenProfile {
    let audience = text(shape, "audience");
    match text(shape, "profile") {
        "rfc9068" => TokenProfile::rfc9068(),
        "auth0" => TokenProfile::auth0(),
        "entra_id" => TokenProfile::entra_id(audience, ["9122"]),
        "okta" => TokenProfile::okta(),
        "cognito" => TokenProfile::cognito([audience]),
        "keycloak" => TokenProfile::keycloak(audience),
        "google_id_token" => TokenProfile::google_id_token([audience]),
        "firebase" => TokenProfile::firebase(audience),
        "supabase" => TokenProfile::supabase(),
        "kubernetes" => TokenProfile::kubernetes(audience, ["d"]),
        "spring_authorization_server" => TokenProfile::spring_authorization_server(),
        "ory_hydra" => TokenProfile::ory_hydra(),
        "cloud_foundry_uaa" => TokenProfile::cloud_foundry_uaa(),
        "github_actions" => TokenProfile::github_actions(audience, [GithubId::Owner(1)]),
        other => panic!("{other} is not a profile"),
    }
}

/// The verdict of a verifier with the provider's key set, with a profile or with the default.
fn verdict(shape: &Value, profile: Option<TokenProfile>) -> Result<(), TokenError> {
    let entries: Vec<Value> = shape["key_set_members"].as_array().unwrap().clone();
    let jwt =
        Jwt::builder(ring(set(&entries))).issuer(text(shape, "issuer")).audience(text(shape, "audience"));
    let jwt = match profile {
        Some(profile) => jwt.with_profile(profile),
        None => jwt.of_another_issuer(),
    };
    jwt.build().unwrap().verify(TokenKind::Access, &token(shape), NOW).map(drop)
}

/// The names and errors of the rejected shapes.
fn rejected(verdict: impl Fn(&Value) -> Result<(), TokenError>) -> BTreeMap<String, TokenError> {
    let name = |shape: &Value| text(shape, "name").to_owned();
    shapes().iter().filter_map(|shape| Some((name(shape), verdict(shape).err()?))).collect()
}

/// The shape for GitHub Actions lacks the ids by which its profile knows repositories. The tokens that GitHub
/// documents have them: `rows.rs` has one.
#[test]
fn shapes_are_accepted_under_their_profile_but_keycloak_without_sub() {
    let rejected = rejected(|shape| verdict(shape, Some(profile(shape))));
    let expected = [
        ("github-actions".to_owned(), TokenError::ClaimMissing),
        ("keycloak-lightweight-no-sub".to_owned(), TokenError::SubjectMissing),
    ];
    assert_eq!(rejected, BTreeMap::from(expected));
    assert!(TokenError::SubjectMissing.to_string().contains("`sub`"));
    assert_eq!(shapes().len(), 19);
}

#[test]
fn the_default_rejects_the_shapes_that_it_rejected_before_there_were_profiles() {
    let rejected = rejected(|shape| verdict(shape, None));
    let before: Vec<String> = shapes()
        .iter()
        .filter(|shape| shape["rejected_by_the_default_today"] == true)
        .map(|shape| text(shape, "name").to_owned())
        .collect();
    assert_eq!(before.len(), 13);
    for name in &before {
        assert!(rejected.contains_key(name), "{name}");
    }
    let accepted: Vec<String> = shapes().iter().map(|shape| text(shape, "name").to_owned()).collect();
    let accepted: Vec<&String> = accepted.iter().filter(|name| !rejected.contains_key(*name)).collect();
    assert_eq!(accepted, ["auth0-rfc9068-profile", "float-iat"], "the others have no `typ` of access tokens");
}

#[test]
fn the_profile_rfc9068_gives_every_shape_the_verdict_of_the_default() {
    for shape in shapes() {
        let named = verdict(&shape, Some(TokenProfile::rfc9068()));
        assert_eq!(named, verdict(&shape, None), "{}", shape["name"]);
    }
}
