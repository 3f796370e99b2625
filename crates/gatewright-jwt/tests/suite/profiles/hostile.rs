//! Hostile tokens against every profile: nothing is accepted beyond what the parts of the profile say.

use std::collections::{BTreeMap, BTreeSet};

use gatewright_core::{TokenError, TokenKind, TokenVerifier};
use gatewright_jwt::{
    GithubId, HeaderMember, Jwt, JwtBuilder, KeyRing, MAX_PROFILE_LIFETIME, MAX_PROFILE_TOKEN_BYTES,
    TokenProfile,
};
use serde_json::{Value, json};

use super::rows::{Row, rows};
use super::signing::{sign, sign_text, subject, verifier, with};
use crate::common::{AUDIENCE, ISSUER, NOW, decode, encode, hs256_key, vectors, verify};

/// Every profile, for the issuer and the audience of the vectors.
fn profiles() -> Vec<(&'static str, TokenProfile)> {
    vec![
        ("rfc9068", TokenProfile::rfc9068()),
        ("auth0", TokenProfile::auth0()),
        ("entra_id", TokenProfile::entra_id(AUDIENCE, ["issuer-example"])),
        ("okta", TokenProfile::okta()),
        ("cognito", TokenProfile::cognito([AUDIENCE])),
        ("keycloak", TokenProfile::keycloak(AUDIENCE)),
        ("google_id_token", TokenProfile::google_id_token([AUDIENCE])),
        ("firebase", TokenProfile::firebase(AUDIENCE)),
        ("supabase", TokenProfile::supabase()),
        ("kubernetes", TokenProfile::kubernetes(AUDIENCE, ["shop"])),
        ("spring_authorization_server", TokenProfile::spring_authorization_server()),
        ("ory_hydra", TokenProfile::ory_hydra()),
        ("cloud_foundry_uaa", TokenProfile::cloud_foundry_uaa()),
        ("github_actions", TokenProfile::github_actions(AUDIENCE, [GithubId::Owner(1)])),
    ]
}

/// The parts that weaken a check, one by one.
fn parts() -> Vec<(&'static str, TokenProfile)> {
    let base = TokenProfile::rfc9068;
    vec![
        ("types", base().with_types(["at+jwt", "JWT"])),
        ("no type", base().without_type()),
        ("no id", base().with_optional_token_id()),
        ("audiences", base().with_audiences([AUDIENCE, "https://api.example/other"])),
        ("client", base().with_audiences([AUDIENCE]).with_client_claim("sub", ["user-1"])),
        ("spelling", base().with_issuer_spelling("issuer.example")),
        ("lifetime", base().with_max_lifetime(MAX_PROFILE_LIFETIME)),
        ("size", base().with_max_token_bytes(MAX_PROFILE_TOKEN_BYTES)),
        ("jku", base().with_ignored_header(HeaderMember::Jku)),
        ("x5u", base().with_ignored_header(HeaderMember::X5u)),
        ("x5c", base().with_ignored_header(HeaderMember::X5c)),
        ("subject", base().with_subject_claim("sub")),
    ]
}

/// The ids of the corpus's tokens that the verifier accepts. The key is that of the default settings.
fn accepted(build: impl FnOnce(JwtBuilder) -> JwtBuilder) -> BTreeSet<&'static str> {
    let ring = KeyRing::verifying([hs256_key().verifying_key().clone()]).unwrap();
    let jwt = build(Jwt::builder(ring)).build().unwrap();
    vectors().filter(|vector| verify(&jwt, vector.token).is_ok()).map(|vector| vector.id).collect()
}

/// Under the issuer of the vectors, and under their audience unless the profile has one.
fn accepted_by(name: &str, profile: TokenProfile) -> BTreeSet<&'static str> {
    accepted(|jwt| {
        let audience = if name == "supabase" { "" } else { AUDIENCE };
        let issuer = if name == "entra_id" { "https://{tenantid}" } else { ISSUER };
        jwt.issuer(issuer).audience(audience).with_profile(profile)
    })
}

/// `typ-id_token` is the corpus's accepted token with the type `JWT`, which these profiles name. Its `client_id`
/// is the claim by which they tell access tokens from ID tokens.
const EXPECTED_OF_PROFILES: [(&str, &[&str]); 2] =
    [("auth0", &["typ-id_token"]), ("ory_hydra", &["typ-id_token"])];

#[test]
fn a_profile_accepts_of_the_corpus_only_what_its_parts_say() {
    let default = accepted(|jwt| jwt.issuer(ISSUER).audience(AUDIENCE).of_another_issuer());
    let mut beyond = BTreeMap::new();
    for (name, profile) in profiles() {
        let more: Vec<&str> = accepted_by(name, profile).difference(&default).copied().collect();
        beyond.insert(name, more);
    }
    assert_eq!(beyond.len(), 14);
    beyond.retain(|_, ids| !ids.is_empty());
    assert_eq!(beyond, expected(&EXPECTED_OF_PROFILES));
    assert_eq!(accepted_by("rfc9068", TokenProfile::rfc9068()), default);
}

#[test]
fn each_part_accepts_of_the_corpus_only_what_it_says() {
    let default = accepted_by("rfc9068", TokenProfile::rfc9068());
    let mut beyond: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, profile) in parts() {
        let more: Vec<&str> = accepted_by(name, profile).difference(&default).copied().collect();
        if !more.is_empty() {
            beyond.insert(name, more);
        }
    }
    assert_eq!(beyond, expected(&EXPECTED_OF_PARTS));
}

const EXPECTED_OF_PARTS: [(&str, &[&str]); 2] = [("no type", &["typ-missing"]), ("types", &["typ-id_token"])];

fn expected(all: &[(&'static str, &[&'static str])]) -> BTreeMap<&'static str, Vec<&'static str>> {
    all.iter().map(|(name, ids)| (*name, ids.to_vec())).collect()
}

/// A change of an accepted token, and the profiles that still accept it because a part says so.
struct Change {
    what: &'static str,
    token: fn(&Row) -> String,
    accepted_by: &'static [&'static str],
}

/// The accepted token with this change of the header.
fn header(row: &Row, changes: &Value) -> String {
    sign(&with(&row.header, changes), &row.claims)
}

/// The accepted token with this change of the claims.
fn claims(row: &Row, changes: &Value) -> String {
    sign(&row.header, &with(&row.claims, changes))
}

/// The accepted token with more members at the end of the payload.
fn more(row: &Row, members: &str) -> String {
    let payload = row.claims.to_string();
    sign_text(&row.header.to_string(), &format!("{},{members}}}", payload.strip_suffix('}').unwrap()))
}

/// The accepted token with another signature.
fn signature(row: &Row, change: impl FnOnce(&mut Vec<u8>)) -> String {
    let token = sign(&row.header, &row.claims);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let mut bytes = decode(signature);
    change(&mut bytes);
    format!("{signed}.{}", encode(bytes))
}

const WITHOUT_TYPE: &[&str] = &["okta", "cognito", "kubernetes", "spring_authorization_server"];
const AT_JWT: &[&str] =
    &["rfc9068", "auth0", "okta", "cognito", "keycloak", "kubernetes", "spring_authorization_server"];
const JWT: &[&str] = &[
    "auth0",
    "entra_id",
    "keycloak",
    "google_id_token",
    "firebase",
    "supabase",
    "ory_hydra",
    "cloud_foundry_uaa",
    "github_actions",
];
const WITHOUT_ID: &[&str] =
    &["rfc9068", "auth0", "entra_id", "google_id_token", "firebase", "supabase", "kubernetes"];

fn changes() -> Vec<Change> {
    let change = |what, token, accepted_by| Change { what, token, accepted_by };
    vec![
        change("typ at+jwt", |row| header(row, &json!({"typ": "at+jwt"})), AT_JWT),
        change("typ JWT", |row| header(row, &json!({"typ": "JWT"})), JWT),
        change("no typ", |row| header(row, &json!({"typ": null})), WITHOUT_TYPE),
        change("typ null", |row| sign_text(&null_type(row), &row.claims.to_string()), &[]),
        change("typ empty", |row| header(row, &json!({"typ": ""})), &[]),
        change("typ logout", |row| header(row, &json!({"typ": "logout+jwt"})), &[]),
        change("typ secevent", |row| header(row, &json!({"typ": "secevent+jwt"})), &[]),
        change("typ refresh", |row| header(row, &json!({"typ": "rt+jwt"})), &[]),
        change("jku", |row| header(row, &json!({"jku": "https://attacker.example"})), &["cloud_foundry_uaa"]),
        change("x5u", |row| header(row, &json!({"x5u": "https://attacker.example"})), &[]),
        change("x5c", |row| header(row, &json!({"x5c": ["MIIB"]})), &[]),
        change("jwk", |row| header(row, &json!({"jwk": {"kty": "RSA"}})), &[]),
        change("crit", |row| header(row, &json!({"crit": ["exp"]})), &[]),
        change("b64", |row| header(row, &json!({"b64": false})), &[]),
        change("zip", |row| header(row, &json!({"zip": "DEF"})), &[]),
        change("cty", |row| header(row, &json!({"cty": "JWT"})), &[]),
        change("alg none", |row| header(row, &json!({"alg": "none"})), &[]),
        change("alg RS512", |row| header(row, &json!({"alg": "RS512"})), &[]),
        change("alg HS256", |row| header(row, &json!({"alg": "HS256"})), &[]),
        change("no alg", |row| header(row, &json!({"alg": null})), &[]),
        change("no kid", |row| header(row, &json!({"kid": null})), &[]),
        change("other kid", |row| header(row, &json!({"kid": "other"})), &[]),
        change("no signature", |row| signature(row, Vec::clear), &[]),
        change("changed signature", |row| signature(row, |bytes| bytes[0] ^= 1), &[]),
        change("no iss", |row| claims(row, &json!({"iss": null})), &[]),
        change("other iss", |row| claims(row, &json!({"iss": "https://attacker.example"})), &[]),
        change("longer iss", |row| claims(row, &json!({"iss": format!("{}.evil", row.issuer)})), &[]),
        change("iss list", |row| claims(row, &json!({"iss": [row.issuer]})), &[]),
        change("no sub", |row| claims(row, &json!({"sub": null})), &[]),
        change("empty sub", |row| claims(row, &json!({"sub": ""})), &[]),
        change("no exp", |row| claims(row, &json!({"exp": null})), &[]),
        change("exp text", |row| claims(row, &json!({"exp": "1700003600"})), &[]),
        change("no iat", |row| claims(row, &json!({"iat": null})), &[]),
        change("iat ahead", |row| claims(row, &json!({"iat": 1_700_000_060})), &[]),
        change("nbf ahead", |row| claims(row, &json!({"nbf": 1_700_000_060})), &[]),
        change("two days", |row| claims(row, &json!({"exp": 1_700_172_800})), &["auth0"]),
        change("two months", |row| claims(row, &json!({"exp": 1_705_184_000})), &[]),
        change("other aud", |row| claims(row, &json!({"aud": "https://attacker.example"})), &[]),
        change("no aud", |row| claims(row, &json!({"aud": null})), &["cognito"]),
        change("aud number", |row| claims(row, &json!({"aud": [1]})), &[]),
        change("no jti", |row| claims(row, &json!({"jti": null})), WITHOUT_ID),
        change("jti number", |row| claims(row, &json!({"jti": 1})), &[]),
        change("events", |row| claims(row, &json!({"events": {}})), &["rfc9068"]),
        change("cnf", |row| claims(row, &json!({"cnf": {"jkt": "x"}})), &[]),
        change("iss twice", |row| more(row, &format!(r#""iss":"{}""#, row.issuer)), &[]),
        change("sub twice", |row| more(row, r#""s\u0075b":"admin""#), &[]),
        change("aud twice", |row| more(row, r#""aud":"my-api","aud":"my-api""#), &[]),
        change("reserved name", |row| more(row, r#""x":{"$serde_json::private::RawValue":"1"}"#), &[]),
        change("depth", |row| more(row, &format!(r#""x":{}{}"#, "[".repeat(100), "]".repeat(100))), &[]),
        change("9 KB", |row| claims(row, &json!({"x": "A".repeat(9_000)})), &[]),
    ]
}

/// The header with `"typ":null`.
fn null_type(row: &Row) -> String {
    let mut header = row.header.clone();
    header["typ"] = Value::Null;
    header.to_string()
}

#[test]
fn hostile_changes_of_accepted_tokens_are_rejected_by_every_profile() {
    let mut tried = 0;
    for change in changes() {
        let mut accepting = Vec::new();
        for row in rows() {
            let verdict =
                subject(&verifier((row.profile)(), row.issuer, row.audience), &(change.token)(&row));
            accepting.extend(verdict.is_ok().then_some(row.name));
            tried += 1;
        }
        assert_eq!(accepting, change.accepted_by, "{}", change.what);
    }
    assert_eq!(tried, 50 * 14);
}

/// Each claim that a profile requires, removed or made something else, ends in a refusal.
#[test]
fn a_claim_that_a_profile_requires_cannot_be_removed_or_retyped() {
    let required: [(&str, &[&str]); 13] = [
        ("auth0", &["azp"]),
        ("entra_id", &["azp", "tid", "ver"]),
        ("okta", &["cid", "jti"]),
        ("cognito", &["client_id", "token_use", "jti"]),
        ("keycloak", &["typ", "jti"]),
        ("google_id_token", &["azp"]),
        ("firebase", &["firebase"]),
        ("supabase", &["role", "session_id", "is_anonymous"]),
        ("kubernetes", &["kubernetes.io", "sub"]),
        ("spring_authorization_server", &["scope", "jti"]),
        ("ory_hydra", &["client_id", "jti"]),
        ("cloud_foundry_uaa", &["client_id", "scope", "jti"]),
        ("github_actions", &["repository_owner_id", "jti"]),
    ];
    let mut tried = 0;
    for (name, names) in required {
        let row = super::rows::row(name);
        let jwt = verifier((row.profile)(), row.issuer, row.audience);
        for claim in names {
            for value in [
                Value::Null,
                json!(1),
                json!({}),
                json!([]),
                json!(""),
                json!([row.claims[claim]]),
                json!([[row.claims[claim]]]),
            ] {
                let token = sign(&row.header, &with(&row.claims, &json!({*claim: value})));
                assert!(subject(&jwt, &token).is_err(), "{name} {claim} {value}");
                tried += 1;
            }
            // Not `null` as `with` reads it, but in the token.
            let mut claims = row.claims.clone();
            claims[claim] = Value::Null;
            assert!(subject(&jwt, &sign(&row.header, &claims)).is_err(), "{name} {claim} null");
        }
    }
    assert_eq!(tried, 27 * 7);
}

#[test]
fn a_profile_never_panics_on_claims_of_any_shape() {
    for row in rows() {
        let jwt = verifier((row.profile)(), row.issuer, row.audience);
        for payload in ["", "{", "[]", "null", "1", "\"x\"", "{}", r#"{"a":1}x"#, "{\"tid\":1}", "\u{feff}{}"]
        {
            let verdict = jwt.verify(TokenKind::Access, &sign_text(&row.header.to_string(), payload), NOW);
            assert!(verdict.is_err_and(|error| error != TokenError::Signature), "{} {payload}", row.name);
        }
    }
}
