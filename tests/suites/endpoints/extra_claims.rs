//! Claims of the application's own: made at each login and refresh, and refused if they are not valid.

use std::fmt;
use std::sync::{Arc, Mutex};

use gatewright::error::ExtraClaimsError;
use gatewright::event::TracingSink;
use gatewright::token::InvalidExtraClaims;
use gatewright::types::TokenText;
use gatewright::{Account, AuthError, MemoryStore};
use gatewright_tests::{Log, World};
use serde_json::{Value, json};

use super::{EMAIL, authenticate, new_password};

/// What the application's function returns, in each world for itself.
type Answer = Arc<Mutex<Result<Value, fmt::Error>>>;

async fn world(claims: Value) -> (World<MemoryStore>, Answer) {
    let answer: Answer = Arc::new(Mutex::new(Ok(claims)));
    let make = Arc::clone(&answer);
    let world = World::with(MemoryStore::new(), |builder| {
        builder.with_events(TracingSink).with_extra_claims(move |user: &Account| {
            let claims = make.lock().unwrap().clone()?;
            assert_eq!(user.email.as_str(), EMAIL);
            Ok::<_, fmt::Error>(claims)
        })
    });
    world.add(EMAIL).await;
    (world, answer)
}

async fn read(world: &World<MemoryStore>, token: &TokenText) -> Value {
    authenticate(world, token).await.claims().extra().unwrap()
}

/// The number of live sessions.
async fn sessions(world: &World<MemoryStore>) -> usize {
    let login = gatewright::LoginName::parse(EMAIL).unwrap();
    let user = gatewright::UserStore::find_by_login(&world.store, &login).await;
    let user = user.unwrap().unwrap().id;
    gatewright::store::SessionStore::list(&world.store, &user).await.unwrap().len()
}

#[tokio::test]
async fn they_are_made_anew_at_login_refresh_and_password_change() {
    let (world, answer) = world(json!({"tier": "free"})).await;
    let first = world.login(EMAIL).await;
    assert_eq!(read(&world, &first.access_token).await, json!({"tier": "free"}));
    *answer.lock().unwrap() = Ok(json!({"tier": "paid", "seats": [1, 2]}));
    assert_eq!(read(&world, &first.access_token).await, json!({"tier": "free"}), "until the next refresh");
    let second = world.refresh(&first.refresh_token).await.unwrap();
    assert_eq!(read(&world, &second.access_token).await, json!({"tier": "paid", "seats": [1, 2]}));
    *answer.lock().unwrap() = Ok(json!({}));
    let caller = authenticate(&world, &second.access_token).await;
    let third = world.auth.change_password(&caller, new_password()).await.unwrap();
    assert_eq!(read(&world, &third.access_token).await, json!({}));
}

#[tokio::test]
async fn claims_that_are_not_valid_are_500_and_the_log_names_them() {
    for (claims, expected) in [
        (json!({"sub": "1"}), InvalidExtraClaims::Reserved("sub".to_owned())),
        (json!({"roles": ["admin"]}), InvalidExtraClaims::Reserved("roles".to_owned())),
        (json!({"a": "x".repeat(1024)}), InvalidExtraClaims::TooLong(1032)),
        (json!(["admin"]), InvalidExtraClaims::NotAnObject),
    ] {
        let (world, answer) = world(json!({})).await;
        let pair = world.login(EMAIL).await;
        *answer.lock().unwrap() = Ok(claims);
        let login = gatewright::Login::new(EMAIL, gatewright::Password::new(gatewright_tests::PASSWORD));
        let error = world.auth.login(login).await.unwrap_err();
        match error.kind() {
            AuthError::ExtraClaims(ExtraClaimsError::Invalid(found)) => assert_eq!(*found, expected),
            other => panic!("{other:?}"),
        }
        assert_eq!(sessions(&world).await, 1, "no session was begun");
        assert!(world.refresh(&pair.refresh_token).await.is_err());

        let log = Log::default();
        let _listening = log.listen();
        assert_eq!(error.reply().status, 500);
        assert!(log.text().contains(&expected.to_string()), "{}", log.text());

        *answer.lock().unwrap() = Ok(json!({}));
        let next = world.refresh(&pair.refresh_token).await.unwrap();
        assert_ne!(next.refresh_token.expose(), pair.refresh_token.expose(), "nothing was consumed");
    }
}

#[tokio::test]
async fn a_function_that_fails_changes_nothing() {
    let (world, answer) = world(json!({})).await;
    let pair = world.login(EMAIL).await;
    *answer.lock().unwrap() = Err(fmt::Error);
    let error = world.refresh(&pair.refresh_token).await.unwrap_err();
    assert!(matches!(error.kind(), AuthError::ExtraClaims(ExtraClaimsError::Failed(_))), "{error:?}");
    let caller = authenticate(&world, &pair.access_token).await;
    let error = world.auth.change_password(&caller, new_password()).await.unwrap_err();
    assert!(matches!(error.kind(), AuthError::ExtraClaims(_)), "{error:?}");
    *answer.lock().unwrap() = Ok(json!({}));
    assert_eq!(world.status(&pair.access_token).await, 200, "the password was not changed");
    assert!(world.refresh(&pair.refresh_token).await.is_ok());
    world.login(EMAIL).await;
}
