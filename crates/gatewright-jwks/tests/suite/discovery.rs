//! Issuers that are named by their URL alone: their metadata name the key set.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatewright_core::{Claims, TokenError, TokenId, TokenKind, TokenVerifier, UserId};
use gatewright_jwks::{DiscoveryFailure, FetchFailure, RemoteIssuer, RemoteIssuerBuilder};
use gatewright_jwt::{Algorithm, Jwt, KeyRing, NewKey, SigningKey, TokenProfile};
use rcgen::{KeyPair, PKCS_ED25519, SigningKey as _};
use serde_json::{Value, json};

use crate::common::{AUDIENCE, ManualClock, START, Setup, issue, key, ready, verify, wait_for_fetches};
use crate::server::{Response, Server};

const OPENID: &str = "/.well-known/openid-configuration";
const OAUTH: &str = "/.well-known/oauth-authorization-server";
const SET: &str = "/jwks.json";

/// A server, and an issuer with its URL and one key.
struct Issuer {
    server: Server,
    jwt: Jwt,
}

impl Issuer {
    fn new() -> Self {
        let server = Server::https(Response::status(404));
        let jwt =
            Jwt::builder(KeyRing::new(key("a"))).issuer(&server.origin).audience(AUDIENCE).build().unwrap();
        Self { server, jwt }
    }

    fn metadata(&self) -> Value {
        json!({"issuer": self.server.origin, "jwks_uri": self.server.url, "token_endpoint": "x"})
    }

    fn set(&self) -> Response {
        Response::ok(&self.jwt.ring().jwks())
    }

    /// Serves these metadata and the key set.
    fn serve(&self, path: &'static str, metadata: Response) {
        self.server.respond_with(Response::Paths(vec![(path, metadata), (SET, self.set())]));
    }

    fn builder(&self) -> RemoteIssuerBuilder {
        RemoteIssuer::discover(&self.server.origin)
            .audience(AUDIENCE)
            .with_root_certificate(&self.server.certificate)
    }

    fn token(&self) -> String {
        let expires_at = START.saturating_add(Duration::from_secs(80_000));
        let claims = Claims::new(UserId::new("42").unwrap(), TokenId::new("1"), START, expires_at);
        self.jwt.sign(TokenKind::Access, &claims).unwrap().expose().to_owned()
    }
}

#[test]
fn the_metadata_of_both_standards_name_the_key_set() {
    for (path, requests) in [(OPENID, 2), (OAUTH, 3)] {
        let issuer = Issuer::new();
        issuer.serve(path, Response::ok(&issuer.metadata().to_string()));
        let remote = ready(issuer.builder());
        assert_eq!(verify(&remote, &issuer.token()), Ok(()));
        assert_eq!(issuer.server.requests(), requests, "{path}");
    }
}

/// An access token in the shape of Okta's, signed with a key that the set of the issuer contains.
#[test]
fn the_profile_of_a_discovered_issuer_is_used() {
    let issuer = Issuer::new();
    let pair = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let encode = |text: &[u8]| URL_SAFE_NO_PAD.encode(text);
    let set = json!({"keys": [
        {"kty": "RSA", "kid": "e", "use": "enc", "alg": "RSA-OAEP", "n": "AA", "e": "AQAB"},
        {"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": encode(pair.public_key_raw()), "x5c": null},
    ]});
    let paths =
        vec![(OPENID, Response::ok(&issuer.metadata().to_string())), (SET, Response::ok(&set.to_string()))];
    issuer.server.respond_with(Response::Paths(paths));
    let now = START.as_seconds();
    let claims = json!({
        "iss": issuer.server.origin, "aud": AUDIENCE, "sub": "ada@example.com", "uid": "00u1", "cid": "0oab", "ver": 1,
        "jti": "AT.1", "scp": ["items:read"], "iat": now, "exp": now + 900,
    });
    let header = json!({"alg": "EdDSA", "kid": "k"});
    let signed =
        format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
    let token = format!("{signed}.{}", encode(&pair.sign(signed.as_bytes()).unwrap()));
    let okta = ready(issuer.builder().with_profile(TokenProfile::okta().with_subject_claim("uid")));
    let claims = okta.verify(TokenKind::Access, &token, START).unwrap();
    assert_eq!((claims.subject().as_str(), claims.issuer()), ("00u1", issuer.server.origin.as_str()));
    assert_eq!(okta.rejected_keys(), 1, "the key for encryption");
    assert_eq!(verify(&ready(issuer.builder()), &token), Err(TokenError::Kind));
    let keycloak = ready(issuer.builder().with_profile(TokenProfile::keycloak(AUDIENCE)));
    assert_eq!(verify(&keycloak, &token), Err(TokenError::Kind));
}

/// The metadata of a failure, and why they cannot be used.
fn failures(issuer: &Issuer) -> Vec<(Response, DiscoveryFailure)> {
    let changed = |name: &str, value: Value| {
        let mut metadata = issuer.metadata();
        metadata[name] = value;
        Response::ok(&metadata.to_string())
    };
    let elsewhere = Issuer::new().server.origin;
    let redirect = format!("location: {}/other\r\n", issuer.server.origin);
    vec![
        (changed("issuer", json!(elsewhere)), DiscoveryFailure::Issuer),
        (changed("issuer", json!(format!("{}/", issuer.server.origin))), DiscoveryFailure::Issuer),
        (changed("issuer", json!(null)), DiscoveryFailure::Malformed),
        (changed("jwks_uri", json!(issuer.server.url.replace("https", "http"))), DiscoveryFailure::KeySetUrl),
        (changed("jwks_uri", json!(issuer.server.url.replace("//", "//user@"))), DiscoveryFailure::KeySetUrl),
        (changed("jwks_uri", json!("file:///etc/passwd")), DiscoveryFailure::KeySetUrl),
        (Response::ok("<html>login</html>"), DiscoveryFailure::Malformed),
        (Response::ok("[]"), DiscoveryFailure::Malformed),
        (Response::Flood(1200 * 1024), DiscoveryFailure::Large),
        (Response::Status(302, redirect.clone()), DiscoveryFailure::Redirect),
        (Response::Status(307, redirect), DiscoveryFailure::Redirect),
        (Response::status(500), DiscoveryFailure::Status),
        (Response::status(404), DiscoveryFailure::Status),
        (Response::Half("{}".to_owned()), DiscoveryFailure::Unreachable),
    ]
}

#[test]
fn metadata_that_cannot_be_used_are_an_error_at_the_start() {
    let issuer = Issuer::new();
    let all = failures(&issuer);
    assert_eq!(all.len(), 14);
    for (response, failure) in all {
        issuer.serve(OPENID, response);
        let error = issuer.builder().build().unwrap_err();
        assert_eq!((error.setting, error.problem), ("issuer", failure.problem()), "{failure:?}");
    }
    // No redirect is followed, also if the key set may be redirected.
    let target = Issuer::new();
    let location = format!("location: {}{OPENID}\r\n", target.server.origin);
    issuer.serve(OPENID, Response::Status(302, location));
    let error = issuer.builder().dangerous().with_redirects().build().unwrap_err();
    assert_eq!((error.problem, target.server.requests()), (DiscoveryFailure::Redirect.problem(), 0));
}

/// A busy machine can miss the short timeout too, so the verifier never gets the metadata here.
#[test]
fn slow_metadata_are_an_error_in_time() {
    let issuer = Issuer::new();
    for response in [Response::Silence, Response::Drip] {
        issuer.serve(OPENID, response);
        let error = issuer.builder().with_timeout(Duration::from_millis(500)).build().unwrap_err();
        assert_eq!(error.problem, DiscoveryFailure::Unreachable.problem());
    }
}

#[test]
fn discovery_in_the_background_is_repeated_until_it_succeeds() {
    let (issuer, clock) = (Issuer::new(), ManualClock::new());
    issuer.serve(OPENID, Response::status(503));
    let remote = issuer.builder().with_background_discovery().with_clock(clock.clone()).build().unwrap();
    wait_for_fetches(&remote, 1);
    assert_eq!(remote.last_failure(), Some(FetchFailure::Discovery(DiscoveryFailure::Status)));
    assert_eq!(verify(&remote, &issuer.token()), Err(TokenError::Key));
    issuer.serve(OPENID, Response::ok(&issuer.metadata().to_string()));
    clock.advance(30);
    assert_eq!(verify(&remote, &issuer.token()), Err(TokenError::Key), "this token triggers the next fetch");
    wait_for_fetches(&remote, 2);
    assert_eq!((remote.last_failure(), verify(&remote, &issuer.token())), (None, Ok(())));
}

#[test]
fn a_key_set_that_moved_is_followed_at_the_next_fetch() {
    let (issuer, clock) = (Issuer::new(), ManualClock::new());
    issuer.serve(OPENID, Response::ok(&issuer.metadata().to_string()));
    let remote = ready(issuer.builder().with_clock(clock.clone()));
    assert_eq!(issuer.server.requests(), 2);
    // The old address still answers, with the keys of an attacker.
    let stranger = Issuer::new();
    let moved = format!("{}/moved.json", issuer.server.origin);
    let mut metadata = issuer.metadata();
    metadata["jwks_uri"] = json!(moved);
    let paths = vec![
        (OPENID, Response::ok(&metadata.to_string())),
        (SET, stranger.set()),
        ("/moved.json", issuer.set()),
    ];
    issuer.server.respond_with(Response::Paths(paths));
    clock.advance(3_600);
    assert_eq!(verify(&remote, &issuer.token()), Ok(()), "the set is due");
    wait_for_fetches(&remote, 2);
    assert_eq!((remote.last_failure(), issuer.server.requests()), (None, 4));
    assert_eq!(verify(&remote, &issuer.token()), Ok(()));
    // Metadata that cannot be used are a failed fetch, which keeps the keys.
    issuer.server.respond_with(Response::Paths(vec![(SET, stranger.set())]));
    clock.advance(3_600);
    assert_eq!(verify(&remote, &issuer.token()), Ok(()));
    wait_for_fetches(&remote, 3);
    assert_eq!(remote.last_failure(), Some(FetchFailure::Discovery(DiscoveryFailure::Status)));
    assert_eq!(verify(&remote, &issuer.token()), Ok(()));
}

#[test]
fn only_a_missing_document_leads_to_the_second_place() {
    let issuer = Issuer::new();
    let metadata = Response::ok(&issuer.metadata().to_string());
    for (status, found) in [(404, true), (410, true), (401, false), (403, false), (429, false), (500, false)]
    {
        let paths = vec![(OPENID, Response::status(status)), (OAUTH, metadata.clone()), (SET, issuer.set())];
        issuer.server.respond_with(Response::Paths(paths));
        assert_eq!(issuer.builder().build().is_ok(), found, "{status}");
    }
}

#[test]
fn a_key_of_another_algorithm_with_a_known_id_is_fetched() {
    let setup = Setup::new();
    let token = issue(&setup.issuer);
    let other = SigningKey::from_jwk(NewKey::generate(Algorithm::Es256).unwrap().jwk())
        .unwrap()
        .with_id("a")
        .unwrap();
    let both = KeyRing::verifying([key("a").verifying_key().clone(), other.verifying_key().clone()]).unwrap();
    let issuer =
        Jwt::builder(KeyRing::new(other)).issuer(crate::common::ISSUER).audience(AUDIENCE).build().unwrap();
    setup.server.respond_with(Response::ok(&both.jwks()));
    setup.clock.advance(30);
    assert_eq!(setup.verify(&issue(&issuer)), Err(TokenError::Key));
    setup.wait_for_fetches(2);
    assert_eq!(setup.verify(&issue(&issuer)), Ok(()));
    assert_eq!(
        setup.verify(&token),
        Err(TokenError::Signature),
        "the set has another key for this algorithm"
    );
}

#[test]
fn the_issuer_of_a_discovery_is_the_expected_one() {
    let build = |builder: RemoteIssuerBuilder| builder.audience(AUDIENCE).build().unwrap_err();
    for issuer in ["http://localhost:1", "https://localhost:1/?x", "issuer", ""] {
        assert_eq!(build(RemoteIssuer::discover(issuer)).setting, "issuer", "{issuer}");
    }
    let other = RemoteIssuer::discover("https://localhost:1").issuer("https://other.example");
    assert!(build(other).problem.contains("`RemoteIssuer::discover`"));
}
