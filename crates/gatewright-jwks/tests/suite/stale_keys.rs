//! How long a key is used when no successful fetch contains it.

use std::time::Duration;

use gatewright_core::TokenError;

use crate::common::{Setup, issue, jwks, key};
use crate::server::Response;

const DAY: u64 = 24 * 60 * 60;

#[test]
fn all_keys_are_stale_after_max_stale_without_a_successful_fetch() {
    let empty = || Response::ok(r#"{"keys":[]}"#);
    let five_minutes = Some(Duration::from_secs(300));
    for (max_stale, failure) in [(None, Response::status(500)), (None, empty()), (five_minutes, empty())] {
        let setup = Setup::with(|builder| {
            let builder = builder.with_rules(|jwt| jwt.with_cache(8));
            max_stale.into_iter().fold(builder, |builder, time| builder.with_max_stale(time))
        });
        let token = issue(&setup.issuer);
        setup.server.respond_with(failure);
        setup.clock.advance(max_stale.map_or(DAY, |time| time.as_secs()) - 1);
        assert_eq!(setup.verify(&token), Ok(()));
        setup.wait_for_fetches(2);
        assert_eq!(setup.verify(&token), Ok(()), "a failed fetch changes nothing");
        setup.clock.advance(1);
        assert_eq!(setup.verify(&token), Err(TokenError::Key));
        assert!(setup.remote.key_ids().is_empty());
        setup.server.respond_with(jwks(&setup.issuer));
        setup.clock.advance(30);
        assert_eq!(setup.verify(&token), Err(TokenError::Key));
        setup.wait_for_fetches(3);
        assert_eq!(setup.verify(&token), Ok(()));
    }
}

#[test]
fn a_key_that_became_unusable_is_stale_after_a_day_and_the_others_stay() {
    let setup = Setup::new();
    let ring = setup.issuer.ring();
    let of_a = issue(&setup.issuer);
    ring.publish(key("b")).unwrap();
    ring.activate("b").unwrap();
    let of_b = issue(&setup.issuer);
    let verify_both = || (setup.verify(&of_a), setup.verify(&of_b));
    setup.server.respond_with(jwks(&setup.issuer));
    setup.clock.advance(30);
    assert_eq!(verify_both(), (Ok(()), Err(TokenError::Key)));
    setup.wait_for_fetches(2);

    let unusable = ring.jwks().replace(r#""kid":"a","alg":"EdDSA""#, r#""kid":"a","alg":"EdDSA-next""#);
    setup.server.respond_with(Response::ok(&unusable));
    setup.clock.advance(DAY / 2);
    assert_eq!(verify_both(), (Ok(()), Ok(())));
    setup.wait_for_fetches(3);
    assert_eq!((setup.remote.rejected_keys(), setup.remote.last_failure()), (1, None));
    setup.clock.advance(DAY / 2 - 1);
    assert_eq!(verify_both(), (Ok(()), Ok(())));
    setup.wait_for_fetches(4);
    setup.clock.advance(1);
    assert_eq!(verify_both(), (Err(TokenError::Key), Ok(())));
    assert_eq!(setup.remote.key_ids(), ["b"]);

    setup.server.respond_with(jwks(&setup.issuer));
    setup.clock.advance(30);
    assert_eq!(verify_both(), (Err(TokenError::Key), Ok(())));
    setup.wait_for_fetches(5);
    assert_eq!(verify_both(), (Ok(()), Ok(())));
}
