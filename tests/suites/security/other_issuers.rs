//! Tokens of another issuer never reach a session or a user of this service.

use gatewright::endpoints::{Introspection, Refresh};
use gatewright::error::RefreshError;
use gatewright::http::RequestView;
use gatewright::token::{Issuers, TokenError, TokenKind, TokenVerifier};
use gatewright::types::{Clock, TokenText};
use gatewright::{Auth, AuthError, Jwt, Login, Password};
use gatewright_testkit::{TestHasher, shared_secret};
use gatewright_tests::{PASSWORD, jwt};

use crate::endpoints::{EMAIL, bearer, world};

const PARTNER: &str = "https://partner.example";

fn partner() -> Jwt {
    Jwt::hs256(shared_secret("partner")).issuer(PARTNER).audience("api").build().unwrap()
}

#[tokio::test]
async fn tokens_of_another_issuer_reach_no_session_and_no_user() {
    let world = world().await;
    let pair = world.login(EMAIL).await;
    let now = world.clock.now();
    let issuers = Issuers::new().with_own(jwt()).unwrap().with(partner()).unwrap();
    let auth = Auth::builder(world.store.clone(), world.store.clone(), issuers, TestHasher::new())
        .with_clock(world.clock.clone())
        .build()
        .unwrap();
    let status = async |token: &TokenText| {
        let identity = auth.authenticate(&RequestView::new("GET", &bearer(token))).await;
        identity.map_or_else(|error| error.reply().status, |_| 200)
    };

    // The partner's token has the same claims as ours, including session and epoch.
    let ours = jwt().verify(TokenKind::Access, pair.access_token.expose(), now).unwrap();
    let theirs = partner().sign(TokenKind::Access, &ours.to_claims()).unwrap();
    assert_eq!(status(&pair.access_token).await, 200);
    assert_eq!(status(&theirs).await, 401);
    let claims = auth.require_claims(&RequestView::new("GET", &bearer(&theirs))).unwrap();
    assert_eq!((claims.issuer(), claims.session(), claims.epoch()), (PARTNER, None, None));
    auth.revoke(&theirs).await.unwrap();
    assert_eq!(status(&pair.access_token).await, 200, "no session ended");
    assert_eq!(auth.introspect(&theirs).await.unwrap(), Introspection::Inactive);

    let ours = jwt().verify(TokenKind::Refresh, pair.refresh_token.expose(), now).unwrap();
    let theirs = partner().sign(TokenKind::Refresh, &ours.to_claims()).unwrap();
    auth.revoke(&theirs).await.unwrap();
    match auth.refresh(Refresh::new(theirs)).await.map_err(AuthError::from) {
        Err(AuthError::Refresh(RefreshError::Token(TokenError::Kind))) => {}
        other => panic!("{other:?}"),
    }
    assert!(auth.refresh(Refresh::new(pair.refresh_token)).await.is_ok(), "nothing was consumed");
}

#[tokio::test]
async fn a_resource_server_verifies_claims_and_has_no_users_or_sessions() {
    let world = world().await;
    let pair = world.login(EMAIL).await;
    let ours = jwt().verify(TokenKind::Access, pair.access_token.expose(), world.clock.now()).unwrap();
    let token = partner().sign(TokenKind::Access, &ours.to_claims()).unwrap();
    let auth = Auth::resource_server(partner()).with_clock(world.clock.clone()).build().unwrap();

    let headers = bearer(&token);
    let view = RequestView::new("GET", &headers);
    assert_eq!(auth.require_claims(&view).unwrap().subject(), ours.subject());
    // Even a token with a session and an epoch authenticates no user.
    let own = Auth::resource_server(jwt()).with_clock(world.clock.clone()).build().unwrap();
    let live = bearer(&pair.access_token);
    for (auth, headers) in [(&auth, &headers), (&own, &live)] {
        let refused = auth.authenticate(&RequestView::new("GET", headers)).await.unwrap_err();
        assert_eq!(refused.status(), 401);
    }
    let login = own.login(Login::new(EMAIL, Password::new(PASSWORD))).await.map_err(AuthError::from);
    assert!(matches!(login, Err(AuthError::Login { .. })), "{login:?}");
    let refresh = own.refresh(Refresh::new(pair.refresh_token.clone())).await.map_err(AuthError::from);
    assert!(matches!(refresh, Err(AuthError::Refresh { .. })), "{refresh:?}");
    // A logout must not succeed, because the session continues elsewhere.
    let logout = own.logout_by_refresh_token(&pair.refresh_token).await.map_err(AuthError::from);
    assert!(matches!(logout, Err(AuthError::Store { .. })), "{logout:?}");
    assert!(own.accounts().is_err());
    assert_eq!(&*own.public_keys().body, br#"{"keys":[]}"#);
}
