//! How an application tests a handler as a logged-in administrator: no password, no hash, no request to log in.

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::get;
use gatewright::axum::Authorized;
use gatewright::store::CreateOutcome;
use gatewright::{MemoryStore, Password, Registration, SessionOptions, UserId};
use gatewright_tests::{PASSWORD, World};
use tower::ServiceExt;

gatewright::roles! { enum Role: role { User = "user", Admin = "admin" } }

async fn secrets(_admin: Authorized<role::Admin>) -> &'static str {
    "the secrets"
}

async fn add<S: gatewright_testkit::store::Store>(world: &World<S>, email: &str, role: Role) -> UserId {
    let new = Registration::new(email, Password::new(PASSWORD)).unwrap();
    match world.auth.accounts().unwrap().create(new, [role]).await.unwrap() {
        CreateOutcome::Created(account) => account.id,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn handlers_are_tested_as_an_administrator_without_a_password() {
    let world = World::new(MemoryStore::new());
    let admin = add(&world, "admin@example.com", Role::Admin).await;
    let user = add(&world, "user@example.com", Role::User).await;
    let auth = &world.auth;
    let app = Router::new().route("/secrets", get(secrets)).with_state(auth.clone());
    let before = world.hasher.calls();

    let pair = auth.create_session(&admin, SessionOptions::new()).await.unwrap();
    let get = |token: &str| Request::get("/secrets").header("authorization", format!("Bearer {token}"));
    let request = get(pair.access_token.expose()).body(Body::empty()).unwrap();
    assert_eq!(app.clone().oneshot(request).await.unwrap().status(), 200);

    let pair = auth.create_session(&user, SessionOptions::new()).await.unwrap();
    let request = get(pair.access_token.expose()).body(Body::empty()).unwrap();
    assert_eq!(app.oneshot(request).await.unwrap().status(), 403);
    assert_eq!(world.hasher.calls(), before);
}
