//! Refresh with randomized signatures (ES256): a retry returns the same token with another
//! signature.

use std::sync::LazyLock;

use example_service::config::Keys;
use example_service::testing::serve_with_keys;
use gatewright::token::{Algorithm, Claims, KeyRing, NewKey, SigningKey, TokenId, TokenKind};
use gatewright::types::Timestamp;
use gatewright::{Jwt, UserId};
use gatewright_testkit::auth_routes::expect_same_token;
use gatewright_testkit::auth_routes::refresh::a_used_token_returns_the_current_one_within_the_grace_window;
use gatewright_tests::storages::InMemory;

/// The key of all tokens.
static KEY: LazyLock<NewKey> = LazyLock::new(|| NewKey::generate(Algorithm::Es256).unwrap());

fn tokens(issuer: &str) -> Jwt {
    let ring = KeyRing::new(SigningKey::from_jwk(KEY.jwk()).unwrap());
    Jwt::builder(ring).issuer(issuer).audience("api").build().unwrap()
}

gatewright_testkit::refresh_suite!(of_refresh, InMemory::fresh, tokens);

#[test]
fn issuing_the_same_claims_twice_gives_two_texts() {
    let tokens = tokens("https://issuer.example");
    let [now, end] = [1, 2].map(Timestamp::from_seconds);
    let claims = Claims::new(UserId::new("ada").unwrap(), TokenId::new("id"), now, end);
    let [one, other] = [(); 2].map(|()| tokens.sign(TokenKind::Refresh, &claims).unwrap());
    assert_ne!(one.expose(), other.expose());
    expect_same_token(one.expose(), other.expose());
}

#[test]
fn an_application_with_random_signatures_repeats_a_lost_answer() {
    let target = serve_with_keys("memory:", Keys::Pair(KEY.jwk().to_owned()), axum_app::serve);
    a_used_token_returns_the_current_one_within_the_grace_window(&target);
}
