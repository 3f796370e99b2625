//! Beside our own tokens, those of another issuer: they are nobody's session here, whatever they say.

use gatewright::{
    Auth, AuthError, Clock, Introspection, Issuers, Jwt, Login, MemoryStore, Password, Refresh,
    RefreshRefusal, RequestView, TokenIssuer, TokenKind, TokenRefusal, TokenVerifier,
};
use gatewright_testkit::TestHasher;
use gatewright_tests::{Bearer, PASSWORD, World, jwt};

const EMAIL: &str = "ada@example.com";
const PARTNER: &str = "https://partner.example";

fn partner() -> Jwt {
    Jwt::hs256(*b"vG9G1rUa2oRnY4wLe8SxZc3MiKd0QtFb", PARTNER, "api").build().unwrap()
}

#[tokio::test]
async fn a_token_of_another_issuer_reaches_no_session_user_or_refresh_of_ours() {
    let world = World::new(MemoryStore::new());
    world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    let now = world.clock.now();
    let issuers = Issuers::new().with_own(jwt()).unwrap();
    let issuers = issuers.with(partner()).unwrap();
    let auth = Auth::builder(world.store.clone(), world.store.clone(), issuers)
        .with_issuer(jwt())
        .with_hasher(TestHasher::new())
        .with_clock(world.clock.clone())
        .build()
        .unwrap();
    let status = async |token: &str| {
        let headers = Bearer(format!("Bearer {token}"));
        auth.authenticate(&RequestView::new("GET", &headers)).await.map_or_else(|reply| reply.status, |_| 200)
    };

    // The partner says just what our token says, its session and epoch included.
    let ours = jwt().verify(TokenKind::Access, pair.access_token.expose(), now).unwrap();
    let theirs = partner().issue(TokenKind::Access, &ours).unwrap();
    assert_eq!(status(pair.access_token.expose()).await, 200);
    assert_eq!(status(theirs.expose()).await, 401);
    let headers = Bearer(format!("Bearer {}", theirs.expose()));
    let claims = auth.require_claims(&RequestView::new("GET", &headers)).unwrap();
    assert_eq!((claims.issuer(), claims.session, claims.epoch), (PARTNER, None, None));
    auth.revoke(&theirs).await.unwrap();
    assert_eq!(status(pair.access_token.expose()).await, 200, "nothing ended");
    assert_eq!(auth.introspect(&theirs).await.unwrap(), Introspection::Inactive);

    let ours = jwt().verify(TokenKind::Refresh, pair.refresh_token.expose(), now).unwrap();
    let theirs = partner().issue(TokenKind::Refresh, &ours).unwrap();
    auth.revoke(&theirs).await.unwrap();
    match auth.refresh(Refresh::new(theirs)).await {
        Err(AuthError::Refresh(RefreshRefusal::Token(TokenRefusal::Kind))) => {}
        other => panic!("{other:?}"),
    }
    assert!(auth.refresh(Refresh::new(pair.refresh_token)).await.is_ok(), "nothing was consumed");
}

#[tokio::test]
async fn a_resource_server_takes_claims_and_has_no_users_sessions_or_tokens_of_its_own() {
    let world = World::new(MemoryStore::new());
    world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    let ours = jwt().verify(TokenKind::Access, pair.access_token.expose(), world.clock.now()).unwrap();
    let token = partner().issue(TokenKind::Access, &ours).unwrap();
    let auth = Auth::resource_server(partner()).with_clock(world.clock.clone()).build().unwrap();

    let headers = Bearer(format!("Bearer {}", token.expose()));
    let view = RequestView::new("GET", &headers);
    assert_eq!(auth.require_claims(&view).unwrap().subject, ours.subject);
    // The same token, and even with a session and an epoch: there is no user that it could be.
    let own = Auth::resource_server(jwt()).with_clock(world.clock.clone()).build().unwrap();
    let live = Bearer(format!("Bearer {}", pair.access_token.expose()));
    for (auth, headers) in [(&auth, &headers), (&own, &live)] {
        let refused = auth.authenticate(&RequestView::new("GET", headers)).await.unwrap_err();
        assert_eq!(refused.status, 401);
    }
    let login = own.login(Login::new(EMAIL, Password::new(PASSWORD))).await;
    assert!(matches!(login, Err(AuthError::Login { .. })), "{login:?}");
    let refresh = own.refresh(Refresh::new(pair.refresh_token.clone())).await;
    assert!(matches!(refresh, Err(AuthError::Refresh { .. })), "{refresh:?}");
    // Nor is anybody told that a session has ended which goes on elsewhere.
    let logout = own.logout_by_refresh_token(&pair.refresh_token).await;
    assert!(matches!(logout, Err(AuthError::Store { .. })), "{logout:?}");
    assert!(own.accounts().is_err());
    assert_eq!(&*own.public_keys().body, br#"{"keys":[]}"#);
}
