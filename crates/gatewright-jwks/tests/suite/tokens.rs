//! Which tokens of another issuer are accepted, which trigger a fetch, and how a set replaces the
//! keys.

use std::time::Duration;

use gatewright_core::token::ExtraObject;
use gatewright_core::{Claims, Epoch, SessionId, TokenError, TokenId, TokenKind, TokenVerifier, UserId};
use gatewright_jwks::FetchFailure;
use gatewright_jwt::KeyRing;
use serde_json::{Value, json};

use crate::common::{ISSUER, START, Setup, issue, issuer, jwks, key};
use crate::server::Response;

#[test]
fn only_access_tokens_are_accepted_and_without_a_session() {
    let Setup { issuer, remote, .. } = Setup::with(|b| b.with_rules(|jwt| jwt.with_cache(8)));
    let expires_at = START.saturating_add(Duration::from_secs(900));
    let claims = Claims::new(UserId::new("42").unwrap(), TokenId::new("1"), START, expires_at)
        .with_session("018bcfe5-6800-7000-8000-000000000001".parse::<SessionId>().unwrap())
        .with_epoch(Epoch::from_u64(2))
        .with_extra(ExtraObject::new(&json!({"tenant": 7})).unwrap());
    for kind in TokenKind::ALL {
        let token = issuer.sign(kind, &claims).unwrap();
        for _cached in [false, true] {
            let read = remote.verify(kind, token.expose(), START);
            let Ok(read) = read else {
                assert_eq!((read, kind != TokenKind::Access), (Err(TokenError::Kind), true));
                continue;
            };
            assert_eq!((read.extra::<Value>().unwrap(), kind), (json!({"tenant": 7}), TokenKind::Access));
            assert_eq!((read.session(), read.epoch(), read.issuer()), (None, None, ISSUER));
        }
    }
}

#[test]
fn a_set_replaces_the_keys_but_an_unusable_key_keeps_its_predecessor() {
    let setup = Setup::new();
    setup.issuer.ring().publish(key("b")).unwrap();
    setup.server.respond_with(jwks(&setup.issuer));
    setup.clock.advance(3_600);
    let (set, token) = (setup.issuer.ring().jwks().to_string(), issue(&setup.issuer));
    assert_eq!(setup.verify(&token), Ok(()));
    setup.wait_for_fetches(2);
    assert_eq!(setup.remote.key_ids(), ["a", "b"]);
    let unusable = set.replace(r#""kid":"a","alg":"EdDSA""#, r#""kid":"a","alg":"EdDSA-typo""#);
    let first = set.get(r#"{"keys":["#.len()..=set.find('}').unwrap()).unwrap();
    let repeated = set.replace(r#"{"keys":["#, &format!(r#"{{"keys":[{first},"#));
    let same_id = set.replace(r#""kid":"b""#, r#""kid":"a""#);
    let only_c = KeyRing::verifying([key("c").verifying_key().clone()]).unwrap().jwks().to_string();
    let same_id_and_c = same_id.replace(r#"{"keys":["#, &format!("{},", only_c.strip_suffix("]}").unwrap()));
    let sets = [
        (&unusable, 1, &["a", "b"][..]),
        (&repeated, 0, &["a", "b"]),
        (&same_id_and_c, 2, &["a", "c"]),
        (&only_c, 0, &["c"]),
    ];
    for (number, (set, rejected, ids)) in (3_u64..).zip(sets) {
        setup.server.respond_with(Response::ok(set));
        setup.clock.advance(3_600);
        assert_eq!(setup.verify(&token), Ok(()));
        setup.wait_for_fetches(number);
        assert_eq!((setup.remote.last_failure(), setup.remote.rejected_keys()), (None, rejected), "{set}");
        assert_eq!(setup.remote.key_ids(), ids, "{set}");
    }
    assert_eq!(setup.verify(&token), Err(TokenError::Key), "the set no longer has its key id");
}

#[test]
fn a_token_without_a_key_id_triggers_no_fetch() {
    let setup = Setup::new();
    setup.clock.advance(30);
    // {"alg":"EdDSA"}
    assert_eq!(setup.verify("eyJhbGciOiJFZERTQSJ9.e30.AA"), Err(TokenError::Key));
    // If it triggered one, that would be the second fetch, and this one would fall into its
    // cool-down.
    setup.server.respond_with(Response::status(500));
    assert_eq!(setup.verify(&issue(&issuer("b"))), Err(TokenError::Key));
    setup.wait_for_fetches(2);
    assert_eq!((setup.remote.last_failure(), setup.server.requests()), (Some(FetchFailure::Status), 2));
}
