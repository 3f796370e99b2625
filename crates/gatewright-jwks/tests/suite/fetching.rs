//! Fetches: when they happen, how they fail, and which connections are allowed.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use gatewright_core::{TokenError, TokenKind, TokenVerifier};
use gatewright_jwks::{FetchFailure, RemoteIssuer, RemoteIssuerBuilder};
use gatewright_jwt::{Algorithm, HmacSecret, Issuers, Jwt, KeyRing, NewKey, SigningKey};

use crate::common::{
    AUDIENCE, ISSUER, ManualClock, START, Setup, builder, issue, issuer, jwks, key, ready, verify,
    wait_for_fetches, wait_until,
};
use crate::server::{Response, Server};

#[test]
fn tokens_are_accepted_once_the_keys_are_fetched() {
    let setup = Setup::new();
    assert_eq!(setup.remote.key_ids(), ["a"]);
    assert_eq!(setup.verify(&issue(&setup.issuer)), Ok(()));
    assert_eq!(setup.verify(&issue(&issuer("a"))), Err(TokenError::Signature));
    let Setup { server, remote, .. } = setup;
    assert_eq!((server.requests(), remote.fetches(), remote.last_failure()), (1, 1, None));
}

#[test]
fn dropping_the_verifier_ends_its_thread() {
    let Setup { clock, remote, .. } = Setup::new();
    drop(remote);
    wait_until(|| Arc::strong_count(&clock.0) == 1, "the thread to drop its clock");
}

#[test]
fn many_unknown_key_ids_cause_one_fetch_per_cool_down() {
    let setup = Setup::new();
    let unknown = issue(&issuer("unknown"));
    let flood = || {
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        assert_eq!(setup.verify(&unknown), Err(TokenError::Key));
                    }
                });
            }
        });
    };
    flood();
    setup.clock.advance(29);
    flood();
    assert_eq!(setup.server.requests(), 1, "the cool-down began with the first fetch");
    setup.clock.advance(1);
    flood();
    setup.wait_for_fetches(2);
    flood();
    assert_eq!((setup.server.requests(), setup.remote.fetches()), (2, 2));
    assert_eq!(setup.verify(&issue(&setup.issuer)), Ok(()));
}

#[test]
fn a_rotation_adds_the_new_key_and_removes_the_old_one() {
    let setup = Setup::new();
    let ring = setup.issuer.ring();
    let old_token = issue(&setup.issuer);
    ring.publish(key("b")).unwrap();
    ring.activate("b").unwrap();
    setup.server.respond_with(jwks(&setup.issuer));
    setup.clock.advance(30);
    let new_token = issue(&setup.issuer);
    assert_eq!(setup.verify(&new_token), Err(TokenError::Key), "a request does not wait for the network");
    setup.wait_for_fetches(2);
    assert_eq!((setup.verify(&old_token), setup.verify(&new_token)), (Ok(()), Ok(())));
    ring.retire("a").unwrap();
    setup.server.respond_with(jwks(&setup.issuer));
    setup.clock.advance(3_600);
    assert_eq!(setup.verify(&old_token), Ok(()), "the set is due: this request triggers the fetch");
    setup.wait_for_fetches(3);
    assert_eq!((setup.verify(&old_token), setup.verify(&new_token)), (Err(TokenError::Key), Ok(())));
}

#[test]
fn max_age_sets_the_time_of_the_next_fetch_within_limits() {
    let issuer = issuer("a");
    for (max_age, seconds) in [("300", 300), ("0", 60), ("1", 60), ("99999999999", 43_200)] {
        let headers = format!("cache-control: public, max-age={max_age}\r\n");
        let server = Server::https(Response::Body(headers, issuer.ring().jwks().to_string()));
        let clock = ManualClock::new();
        let remote = ready(builder(&server).with_clock(clock.clone()));
        let token = issue(&issuer);
        clock.advance(seconds - 1);
        assert_eq!(verify(&remote, &token), Ok(()));
        assert_eq!(server.requests(), 1, "max-age={max_age}");
        clock.advance(1);
        assert_eq!(verify(&remote, &token), Ok(()));
        wait_for_fetches(&remote, 2);
        assert_eq!(server.requests(), 2, "max-age={max_age}");
    }
}

#[test]
fn a_failed_fetch_keeps_the_previous_keys() {
    let setup = Setup::new();
    let token = issue(&setup.issuer);
    let set = setup.issuer.ring().jwks().to_string();
    let redirect = format!("location: {}\r\n", setup.server.url);
    let secret = NewKey::generate(Algorithm::Hs256).unwrap();
    let failures = [
        (Response::status(500), FetchFailure::Status),
        (Response::status(404), FetchFailure::Status),
        (Response::status(204), FetchFailure::Status),
        (Response::Status(302, redirect.clone()), FetchFailure::Redirect),
        (Response::Status(307, redirect), FetchFailure::Redirect),
        (Response::Half(set.clone()), FetchFailure::Unreachable),
        (Response::Flood(1200 * 1024), FetchFailure::Large),
        (Response::Flood(1024), FetchFailure::Malformed),
        (Response::ok(""), FetchFailure::Malformed),
        (Response::ok("<html>maintenance</html>"), FetchFailure::Malformed),
        (Response::ok(set.strip_suffix('}').unwrap()), FetchFailure::Malformed),
        (Response::ok(r#"{"keys":[]}"#), FetchFailure::NoKeys),
        (Response::ok(r#"{"keys":[{"kty":"?"}]}"#), FetchFailure::NoKeys),
        (Response::ok(&format!(r#"{{"keys":[{}]}}"#, secret.jwk())), FetchFailure::NoKeys),
    ];
    for (number, (response, failure)) in (2_u64..).zip(failures) {
        setup.server.respond_with(response);
        setup.clock.advance(3_600);
        assert_eq!(setup.verify(&token), Ok(()));
        setup.wait_for_fetches(number);
        assert_eq!(setup.remote.last_failure(), Some(failure), "fetch {number}");
        assert_eq!(setup.verify(&token), Ok(()));
        assert_eq!(setup.remote.key_ids(), ["a"]);
    }
    assert_eq!(setup.remote.fetches(), 15);
    // The next fetch follows after a cool-down, also if no token has an unknown key id.
    setup.server.respond_with(jwks(&setup.issuer));
    setup.clock.advance(30);
    assert_eq!(setup.verify(&token), Ok(()));
    setup.wait_for_fetches(16);
    assert_eq!(setup.remote.last_failure(), None);
}

/// A busy machine can miss the short timeout too, so the verifier never fetches a set here.
#[test]
fn a_server_that_does_not_finish_its_response_is_unreachable_in_time() {
    for response in [Response::Silence, Response::Drip] {
        let server = Server::https(response);
        let remote = builder(&server).with_timeout(Duration::from_millis(500)).build().unwrap();
        wait_for_fetches(&remote, 1);
        assert_eq!(remote.last_failure(), Some(FetchFailure::Unreachable));
    }
}

#[test]
fn unusable_keys_and_secrets_in_a_set_are_skipped() {
    let issuer = issuer("a");
    let secret = SigningKey::from_secret(Algorithm::Hs256, HmacSecret::generate().unwrap().expose()).unwrap();
    let oct = r#"{"kty":"oct","kid":"s","alg":"HS256","k":"ZnU4RjBxVHoxblFtWDN2S2Q3UndZYjJMaEpjOVBzRWE"}"#;
    let set = issuer.ring().jwks().replace("[", &format!(r#"[{{"kty":"EC","crv":"P-521"}},7,{oct},"#));
    let remote = ready(builder(&Server::https(Response::ok(&set))));
    assert_eq!(remote.key_ids(), ["a"]);
    let ring = KeyRing::new(secret.with_id("s").unwrap());
    let forged = Jwt::builder(ring).issuer(ISSUER).audience(AUDIENCE).build().unwrap();
    assert_eq!(verify(&remote, &issue(&forged)), Err(TokenError::Key));
    assert_eq!(verify(&remote, &issue(&issuer)), Ok(()));
}

#[test]
fn only_https_servers_with_a_trusted_certificate_are_used() {
    let issuer = issuer("a");
    let plain = Server::http(jwks(&issuer));
    for url in [
        &plain.url,
        "",
        "jwks.json",
        "/jwks.json",
        "ftp://issuer.example/",
        "file:///etc/passwd",
        "https://",
        "https:///x",
    ] {
        let error = RemoteIssuer::builder(url).issuer(ISSUER).audience(AUDIENCE).build().unwrap_err();
        assert_eq!(error.setting, "jwks_url", "{url}");
    }
    assert_eq!(plain.requests(), 0);
    let (server, other) = (Server::https(jwks(&issuer)), Server::https(jwks(&issuer)));
    let untrusted = builder(&server).with_root_certificate(&other.certificate);
    let wrong_name = RemoteIssuer::builder(server.url.replace("localhost", "127.0.0.1"))
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .with_root_certificate(&server.certificate);
    for builder in [untrusted, wrong_name] {
        let remote = builder.build().unwrap();
        wait_for_fetches(&remote, 1);
        assert_eq!(remote.last_failure(), Some(FetchFailure::Unreachable));
        assert!(!remote.wait_until_ready(Duration::ZERO));
        assert_eq!(verify(&remote, &issue(&issuer)), Err(TokenError::Key));
    }
    assert_eq!(server.requests(), 0);
}

#[test]
fn plain_http_and_redirects_need_dangerous_settings() {
    let issuer = issuer("a");
    let plain = Server::http(jwks(&issuer));
    ready(RemoteIssuer::builder(&plain.url).issuer(ISSUER).audience(AUDIENCE).dangerous().with_http());
    let target = Server::http(jwks(&issuer));
    let redirecting = Server::https(Response::Status(302, format!("location: {}\r\n", target.url)));
    // A redirect to plain HTTP needs both settings.
    let remote = builder(&redirecting).dangerous().with_redirects().build().unwrap();
    wait_for_fetches(&remote, 1);
    assert_eq!((remote.last_failure(), target.requests()), (Some(FetchFailure::Redirect), 0));
    ready(builder(&redirecting).dangerous().with_redirects().dangerous().with_http());
    assert_eq!(target.requests(), 1);
}

#[test]
fn several_issuers_each_have_their_own_keys_and_audience() {
    let (ours, theirs) = (issuer("k"), issuer("k"));
    let other = "https://other.example";
    let third = Jwt::builder(KeyRing::new(key("k"))).issuer(other).audience("their-api").build().unwrap();
    let (first, second) = (Server::https(jwks(&theirs)), Server::https(jwks(&third)));
    let more = RemoteIssuer::builder(&second.url).issuer(other).audience("their-api");
    let more = ready(more.with_root_certificate(&second.certificate));
    let both = Issuers::new().with(ready(builder(&first))).unwrap().with(more).unwrap();
    let verify = |jwt: &Jwt| both.verify(TokenKind::Access, &issue(jwt), START).map(drop);
    assert_eq!((verify(&theirs), verify(&third)), (Ok(()), Ok(())));
    assert_eq!(verify(&ours), Err(TokenError::Signature));
}

#[test]
fn errors_name_the_setting_that_is_out_of_range() {
    let builder = || RemoteIssuer::builder("https://localhost:1/jwks.json").issuer(ISSUER).audience(AUDIENCE);
    let setting = |builder: RemoteIssuerBuilder| builder.build().unwrap_err().setting;
    assert_eq!(setting(builder().with_timeout(Duration::ZERO)), "timeout");
    assert_eq!(setting(builder().with_timeout(Duration::from_secs(61))), "timeout");
    assert_eq!(setting(builder().with_cool_down(Duration::from_millis(999))), "cool_down");
    assert_eq!(setting(builder().with_cool_down(Duration::from_secs(61))), "cool_down");
    assert_eq!(setting(builder().with_max_stale(Duration::from_secs(299))), "max_stale");
    assert_eq!(setting(builder().with_max_stale(Duration::from_secs(30 * 86_400 + 1))), "max_stale");
    assert_eq!(setting(builder().with_root_certificate("x")), "root_certificate");
    assert_eq!(setting(builder().with_rules(|jwt| jwt.with_leeway(Duration::from_secs(61)))), "leeway");
    let other = |_| Jwt::builder(KeyRing::default()).issuer(ISSUER).audience(AUDIENCE);
    assert_eq!(setting(builder().with_rules(other)), "rules");
    let url = "https://localhost:1/jwks.json";
    assert_eq!(setting(RemoteIssuer::builder(url).audience(AUDIENCE)), "issuer");
    assert_eq!(setting(RemoteIssuer::builder(url).issuer(ISSUER)), "audience");
}
