//! Login: one hash per attempt, one answer to every refusal, hash upgrades, and the epoch of a
//! session.

use std::future::Future;
use std::time::Duration;

use gatewright::error::LoginError;
use gatewright::http::{Denial, RequestView};
use gatewright::store::{
    AccountChange, AccountStore, CompareAndSwap, SessionStore, StoredPassword, TokenDigest,
};
use gatewright::types::{Epoch, Timestamp};
use gatewright::{
    Auth, AuthError, Error, Jwt, Login, MemoryStore, Password, PasswordHash, Scopes, TokenPair, UserStore,
};
use gatewright_testkit::TestHasher;
use gatewright_testkit::store::Store;
use gatewright_tests::{PASSWORD, World, jwt, secret, sqlite};
use tokio::task::JoinHandle;

use super::{EMAIL, NEW_PASSWORD, authenticate, bearer, new_password, session_of, world, world_on};

fn login(email: &str, password: &str) -> Login {
    Login::new(email, Password::new(password))
}

async fn refused<S: Store>(world: &World<S>, email: &str, password: &str) -> LoginError {
    match world.auth.login(login(email, password)).await.map_err(AuthError::from) {
        Err(AuthError::Login(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// Pauses the hasher, starts a call and waits until the call has reached the hasher.
async fn pause_in_hasher<S: Store, T: Send + 'static>(
    world: &World<S>,
    call: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    world.hasher.pause();
    let calls = world.hasher.calls();
    let call = tokio::spawn(call);
    while world.hasher.calls() == calls {
        tokio::task::yield_now().await;
    }
    call
}

async fn pause_login<S: Store>(world: &World<S>) -> JoinHandle<Result<TokenPair, Error>> {
    let auth = world.auth.clone();
    pause_in_hasher(world, async move { auth.login(login(EMAIL, PASSWORD)).await }).await
}

#[tokio::test]
async fn every_refused_login_costs_one_hash_and_gets_the_same_answer() {
    let world = world().await;
    world.add_with_hash("unusable@example.com", PasswordHash::new("!")).await;
    let disabled = world.add("disabled@example.com").await;
    world.auth.accounts().unwrap().update(&disabled.id, None, Some(false)).await.unwrap();
    let long = "x".repeat(1_025);
    let cases = [
        (EMAIL, "wrong", LoginError::WrongPassword),
        (EMAIL, &long, LoginError::PasswordTooLong),
        ("nobody@example.com", PASSWORD, LoginError::UserUnknown),
        ("no address", PASSWORD, LoginError::UserUnknown),
        (" \0 ", PASSWORD, LoginError::InvalidName),
        ("unusable@example.com", "!", LoginError::WrongPassword),
        ("disabled@example.com", PASSWORD, LoginError::UserDisabled),
        ("disabled@example.com", "wrong", LoginError::UserDisabled),
    ];
    let mut answers = Vec::new();
    for (email, password, cause) in cases {
        let before = world.hasher.calls();
        assert_eq!(refused(&world, email, password).await, cause);
        assert_eq!(world.hasher.calls() - before, 1, "{cause:?}");
        answers.push(world.auth.reply_to(&AuthError::Login(cause)));
    }
    assert_eq!(answers.len(), 8);
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(Denial::from(&AuthError::Login(LoginError::UserUnknown)), Denial::LoginRefused);
}

/// The password changes after the login has read the user and before its hash is verified.
async fn login_uses_the_epoch_of_the_verified_user<S: Store>(store: S) {
    let world = world_on(store).await;
    let mine = world.login(EMAIL).await;
    let slow = pause_login(&world).await;
    let other = Auth::builder(world.store.clone(), world.store.clone(), jwt(), TestHasher::new())
        .with_accounts(world.store.clone())
        .with_clock(world.clock.clone())
        .build()
        .unwrap();
    let headers = bearer(&mine.access_token);
    let me = other.authenticate(&RequestView::new("GET", &headers)).await.unwrap().unwrap();
    let mine = other.change_password(&me, new_password()).await.unwrap();
    world.hasher.resume();

    let pair = slow.await.unwrap().unwrap();
    assert_eq!(world.status(&pair.access_token).await, 401, "its access token is refused");
    assert!(world.refresh(&pair.refresh_token).await.is_err(), "its refresh token is refused");
    assert!(world.refresh(&mine.refresh_token).await.is_ok(), "the caller's new session continues");
}

#[tokio::test]
async fn login_uses_the_epoch_of_the_verified_user_in_memory() {
    login_uses_the_epoch_of_the_verified_user(MemoryStore::new()).await;
}

#[tokio::test]
async fn login_uses_the_epoch_of_the_verified_user_in_sqlite() {
    login_uses_the_epoch_of_the_verified_user(sqlite().await[0].clone()).await;
}

#[tokio::test]
async fn login_upgrades_a_weak_hash_and_keeps_all_sessions() {
    let world = World::new(sqlite().await[0].clone());
    let account = world.add_with_hash(EMAIL, TestHasher::stored_weakly(PASSWORD)).await;
    let first = world.login(EMAIL).await;
    let after = world.store.find_by_id(&account.id).await.unwrap().unwrap();
    assert_eq!(after.password_hash.expose(), TestHasher::stored(PASSWORD).expose());
    assert_eq!(after.epoch, account.epoch);
    assert!(world.events.take().iter().any(|event| event.starts_with("HashUpgraded")));
    let calls = world.hasher.calls();
    world.login(EMAIL).await;
    assert_eq!(world.hasher.calls() - calls, 1, "the second login does not upgrade");
    assert_eq!(world.status(&first.access_token).await, 200);
}

#[tokio::test]
async fn login_succeeds_when_the_hash_upgrade_fails() {
    let world = World::new(MemoryStore::new());
    world.add_with_hash(EMAIL, TestHasher::stored_weakly(PASSWORD)).await;
    let login = pause_login(&world).await;
    world.hasher.be_busy(1);
    world.hasher.resume();
    assert!(login.await.unwrap().is_ok());
    expect_event(&world, "Overloaded", "error: Hasher(Busy)");
}

/// Asserts that there was an event of this name that contains this text.
fn expect_event<S: Store>(world: &World<S>, name: &str, text: &str) {
    let events = world.events.take();
    let is_expected = |event: &String| event.starts_with(name) && event.contains(text);
    assert!(events.iter().any(is_expected), "{events:?}");
}

#[tokio::test]
async fn password_change_prevails_over_an_upgrade_of_the_old_hash() {
    let world = World::new(MemoryStore::new());
    let account = world.add_with_hash(EMAIL, TestHasher::stored_weakly(PASSWORD)).await;
    let login = pause_login(&world).await;
    let new = StoredPassword::new(TestHasher::stored(NEW_PASSWORD), Epoch::from_u64(7));
    let old = account.stored_password();
    let swap = world.store.change_password(&account.id, &old, &new).await.unwrap();
    assert_eq!(swap, CompareAndSwap::Swapped);
    world.hasher.resume();
    let pair = login.await.unwrap().unwrap();
    assert_eq!(world.status(&pair.access_token).await, 401);
    let after = world.store.find_by_id(&account.id).await.unwrap().unwrap();
    assert_eq!(after.password_hash.expose(), new.hash.expose());
    expect_event(&world, "HashNotUpgraded", "cause: None");
}

#[tokio::test]
async fn password_change_succeeds_despite_a_concurrent_hash_upgrade() {
    let world = World::new(MemoryStore::new());
    let account = world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    let (me, auth) = (authenticate(&world, &pair.access_token).await, world.auth.clone());
    let change =
        pause_in_hasher(&world, async move { auth.change_password(&me, new_password()).await }).await;
    let weak = TestHasher::stored_weakly(PASSWORD);
    let swap = world.store.replace_password_hash(&account.id, &account.password_hash, &weak).await.unwrap();
    assert_eq!(swap, CompareAndSwap::Swapped);
    world.hasher.resume();
    change.await.unwrap().unwrap();
    let after = world.store.find_by_id(&account.id).await.unwrap().unwrap();
    assert_eq!(after.password_hash.expose(), TestHasher::stored(NEW_PASSWORD).expose());
}

#[tokio::test]
async fn a_busy_hasher_is_unavailable_and_creates_no_session() {
    let world = world().await;
    world.hasher.be_busy(1);
    let error = world.auth.login(login(EMAIL, PASSWORD)).await.unwrap_err();
    let reply = error.reply();
    assert_eq!(reply.status, 503);
    assert!(reply.headers.contains(&("retry-after", "2".to_owned())), "{reply:?}");
    let end = Timestamp::from_micros(u64::MAX);
    assert_eq!(world.store.delete_expired(end).await.unwrap(), 0, "no session was created");
    world.login(EMAIL).await;
    assert_eq!(world.store.delete_expired(end).await.unwrap(), 1, "the count includes new sessions");
}

#[tokio::test]
async fn disabling_or_deleting_an_account_deletes_its_sessions() {
    let world = World::new(MemoryStore::new());
    let [disabled, deleted] = [world.add(EMAIL).await, world.add("eve@example.com").await];
    world.login(EMAIL).await;
    world.login("eve@example.com").await;
    let accounts = world.auth.accounts().unwrap();
    accounts.update(&disabled.id, None, Some(false)).await.unwrap();
    accounts.delete(&deleted.id).await.unwrap();
    assert_eq!(world.store.delete_expired(Timestamp::from_micros(u64::MAX)).await.unwrap(), 0);
    assert_eq!(accounts.page(None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn disabled_users_and_foreign_identities_cannot_change_a_password() {
    let store = MemoryStore::new();
    let world = World::new(store.clone());
    let account = world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    let me = authenticate(&world, &pair.access_token).await;
    let other = World::new(store);
    let change = other.auth.change_password(&me, new_password()).await.map(drop);
    for error in [change, other.auth.logout(&me).await] {
        assert_eq!(
            Denial::from(&error.unwrap_err()),
            Denial::InvalidToken,
            "the identity is from another Auth"
        );
    }
    let mut disabled = AccountChange::default();
    disabled.is_active = Some(false);
    let _ = world.store.update(&account.id, &disabled, None).await.unwrap();
    let error = world.auth.change_password(&me, new_password()).await.unwrap_err();
    assert_eq!(Denial::from(&error), Denial::IncorrectPassword);
    assert!(world.events.take().iter().any(|event| event.starts_with("PasswordChangeRefused")));
}

#[tokio::test]
async fn token_leeway_does_not_extend_the_session() {
    let store = MemoryStore::new();
    let hour = Duration::from_secs(3_600);
    let world = World::with(store.clone(), |builder| {
        builder.with_access_lifetime(hour).with_refresh_lifetime(hour).with_session_lifetime(hour)
    });
    world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    let lenient = Jwt::hs256(secret())
        .issuer("https://issuer.example")
        .audience("api")
        .with_leeway(Duration::from_secs(60));
    let lenient = Auth::local(store, lenient.build().unwrap(), TestHasher::new())
        .with_clock(world.clock.clone())
        .build()
        .unwrap();
    world.clock.advance(hour);
    let headers = bearer(&pair.access_token);
    let view = RequestView::new("GET", &headers);
    assert!(lenient.require_claims(&view).is_ok(), "the token is valid");
    assert_eq!(lenient.authenticate(&view).await.unwrap_err().status(), 401, "the session has expired");
}

#[tokio::test]
async fn the_101st_session_ends_the_first() {
    let world = world_on(sqlite().await[0].clone()).await;
    let mut pairs = Vec::new();
    for _ in 0..101 {
        pairs.push(world.login(EMAIL).await);
        world.clock.advance(Duration::from_millis(1));
    }
    assert_eq!(world.status(&pairs[0].access_token).await, 401);
    assert_eq!(world.status(&pairs[1].access_token).await, 200);
    assert_eq!(world.status(&pairs[100].access_token).await, 200);
}

#[tokio::test]
async fn login_grants_only_the_requested_scopes_that_are_allowed() {
    let world = world().await;
    let login = login(EMAIL, PASSWORD).with_scopes(Scopes::parse("admin read").unwrap());
    let pair = world.auth.login(login).await.unwrap();
    assert_eq!(pair.scopes.as_str(), "read");
}

#[tokio::test]
async fn a_token_with_another_epoch_than_its_session_is_refused() {
    let world = World::new(MemoryStore::new());
    let account = world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    let session = session_of(&pair.access_token);
    let mut other = SessionStore::find(&world.store, &account.id, session).await.unwrap().unwrap();
    other.epoch = Epoch::from_u64(1);
    world.store.replace_all(&other, TokenDigest::from_bytes([0; 32])).await.unwrap();
    assert_eq!(world.status(&pair.access_token).await, 401);
    assert!(world.refresh(&pair.refresh_token).await.is_err());
}
