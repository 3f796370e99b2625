//! Login: one hash's work, one answer, upgrades, and the epoch of the row whose hash was verified.

use gatewright::{
    AuthError, Denial, Login, LoginRefusal, Password, PasswordChange, PasswordHash, Scopes, SessionStore,
    UserStore,
};
use gatewright_testkit::TestHasher;
use gatewright_testkit::store::Store;
use gatewright_tests::{Bearer, PASSWORD, World, memory, sqlite};

const EMAIL: &str = "ada@example.com";

async fn refused<S: Store>(world: &World<S>, email: &str, password: &str) -> LoginRefusal {
    match world.auth.login(Login::new(email, Password::new(password))).await {
        Err(AuthError::Login(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_refusal_costs_one_hash_and_sounds_alike() {
    let [store, _] = memory().await;
    let world = World::new(store);
    world.add(EMAIL).await;
    world.add_with_hash("unusable@example.com", PasswordHash::new("!")).await;
    let disabled = world.add("disabled@example.com").await;
    world.auth.accounts().unwrap().update(&disabled.id, None, Some(false)).await.unwrap();
    let long = "x".repeat(1_025);
    let cases = [
        (EMAIL, "wrong", LoginRefusal::WrongPassword),
        (EMAIL, &long, LoginRefusal::PasswordTooLong),
        ("nobody@example.com", PASSWORD, LoginRefusal::UserUnknown),
        ("no address", PASSWORD, LoginRefusal::NotAnEmail),
        ("unusable@example.com", "!", LoginRefusal::WrongPassword),
        ("disabled@example.com", PASSWORD, LoginRefusal::UserDisabled),
        ("disabled@example.com", "wrong", LoginRefusal::UserDisabled),
    ];
    let mut answers = Vec::new();
    for (email, password, cause) in cases {
        let before = world.hasher.calls();
        assert_eq!(refused(&world, email, password).await, cause);
        assert_eq!(world.hasher.calls() - before, 1, "{cause:?}");
        answers.push(world.auth.reply_to(&AuthError::Login(cause)));
    }
    assert_eq!(answers.len(), 7);
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(Denial::from(&AuthError::Login(LoginRefusal::UserUnknown)), Denial::LoginRefused);
}

async fn login_takes_its_epoch_from_the_verified_row<S: Store>(store: S) {
    let world = World::new(store);
    let account = world.add(EMAIL).await;
    let mine = world.login(EMAIL).await;
    let headers = Bearer(format!("Bearer {}", mine.access_token.expose()));
    let view = gatewright::RequestView::new("GET", &headers);
    let me = world.auth.authenticate(&view).await.unwrap().unwrap();

    world.hasher.pause();
    let calls = world.hasher.calls();
    let slow = tokio::spawn({
        let auth = world.auth.clone();
        async move { auth.login(Login::new(EMAIL, Password::new(PASSWORD))).await }
    });
    while world.hasher.calls() == calls {
        tokio::task::yield_now().await;
    }
    // The login has read the row and waits for its verdict. The password changes behind its back.
    let quick = gatewright_testkit::TestHasher::new();
    let other = gatewright::Auth::local(world.store.clone(), gatewright_tests::jwt(), quick)
        .with_clock(world.clock.clone())
        .build()
        .unwrap();
    let me_there = other.authenticate(&view).await.unwrap().unwrap();
    let change =
        PasswordChange::new(Password::new(PASSWORD), Password::new("another correct horse")).unwrap();
    other.change_password(&me_there, change).await.unwrap();
    assert_eq!(me.user().id, account.id);
    world.hasher.resume();

    let pair = slow.await.unwrap().unwrap();
    assert_eq!(world.status(&pair.access_token).await, 401, "its access token is refused");
    assert!(world.refresh(&pair.refresh_token).await.is_err(), "its refresh token is refused");
    assert!(world.refresh(&mine.refresh_token).await.is_ok(), "the session that made the change goes on");
}

#[tokio::test]
async fn a_login_takes_its_epoch_from_the_row_whose_hash_it_verified_in_memory() {
    let [store, _] = memory().await;
    login_takes_its_epoch_from_the_verified_row(store).await;
}

#[tokio::test]
async fn a_login_takes_its_epoch_from_the_row_whose_hash_it_verified_in_sqlite() {
    let [store, _] = sqlite().await;
    login_takes_its_epoch_from_the_verified_row(store).await;
}

#[tokio::test]
async fn a_weak_hash_is_replaced_at_login_and_nobody_is_signed_out() {
    let [store, _] = sqlite().await;
    let world = World::new(store);
    let account = world.add_with_hash(EMAIL, TestHasher::stored_weakly(PASSWORD)).await;
    let first = world.login(EMAIL).await;
    let after = world.store.find_by_id(&account.id).await.unwrap().unwrap();
    assert_eq!(after.password_hash.expose(), TestHasher::stored(PASSWORD).expose());
    assert_eq!(after.epoch, account.epoch);
    assert!(world.events.take().iter().any(|event| event.starts_with("HashUpgraded")));
    let calls = world.hasher.calls();
    world.login(EMAIL).await;
    assert_eq!(world.hasher.calls() - calls, 1, "the second login has nothing to replace");
    assert_eq!(world.status(&first.access_token).await, 200);
}

#[tokio::test]
async fn a_login_goes_on_when_the_better_hash_cannot_be_made() {
    let [store, _] = memory().await;
    let world = World::new(store);
    world.add_with_hash(EMAIL, TestHasher::stored_weakly(PASSWORD)).await;
    world.hasher.pause();
    let login = tokio::spawn({
        let auth = world.auth.clone();
        async move { auth.login(Login::new(EMAIL, Password::new(PASSWORD))).await }
    });
    while world.hasher.calls() == 0 {
        tokio::task::yield_now().await;
    }
    world.hasher.be_busy(1);
    world.hasher.resume();
    assert!(login.await.unwrap().is_ok());
    let events = world.events.take();
    let told = |event: &String| event.starts_with("HashNotUpgraded") && event.contains("cause: Some(");
    assert!(events.iter().any(told), "{events:?}");
}

#[tokio::test]
async fn a_password_change_wins_against_an_upgrade_of_the_old_hash() {
    let [store, _] = memory().await;
    let world = World::new(store);
    let account = world.add_with_hash(EMAIL, TestHasher::stored_weakly(PASSWORD)).await;
    world.hasher.pause();
    let login = tokio::spawn({
        let auth = world.auth.clone();
        async move { auth.login(Login::new(EMAIL, Password::new(PASSWORD))).await }
    });
    while world.hasher.calls() == 0 {
        tokio::task::yield_now().await;
    }
    let (old, new) = (account.password_hash.clone(), TestHasher::stored("another correct horse"));
    let epoch = gatewright::Epoch::from_u64(7);
    let swap = gatewright::AccountStore::change_password(&world.store, &account.id, &old, &new, epoch);
    assert_eq!(swap.await.unwrap(), gatewright::Swap::Done);
    world.hasher.resume();
    let pair = login.await.unwrap().unwrap();
    assert_eq!(world.status(&pair.access_token).await, 401);
    let after = world.store.find_by_id(&account.id).await.unwrap().unwrap();
    assert_eq!(after.password_hash.expose(), new.expose());
    let events = world.events.take();
    let told = |event: &String| event.starts_with("HashNotUpgraded") && event.contains("cause: None");
    assert!(events.iter().any(told), "{events:?}");
}

#[tokio::test]
async fn a_password_change_survives_an_upgrade_of_the_hash_in_its_middle() {
    let [store, _] = memory().await;
    let world = World::new(store);
    let account = world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    let headers = Bearer(format!("Bearer {}", pair.access_token.expose()));
    let me = world.auth.authenticate(&gatewright::RequestView::new("GET", &headers)).await.unwrap().unwrap();
    world.hasher.pause();
    let calls = world.hasher.calls();
    let change = tokio::spawn({
        let auth = world.auth.clone();
        let change =
            PasswordChange::new(Password::new(PASSWORD), Password::new("another correct horse")).unwrap();
        async move { auth.change_password(&me, change).await }
    });
    while world.hasher.calls() == calls {
        tokio::task::yield_now().await;
    }
    let weak = TestHasher::stored_weakly(PASSWORD);
    let swap = world.store.replace_password_hash(&account.id, &account.password_hash, &weak).await.unwrap();
    assert_eq!(swap, gatewright::Swap::Done);
    world.hasher.resume();
    change.await.unwrap().unwrap();
    let after = world.store.find_by_id(&account.id).await.unwrap().unwrap();
    assert_eq!(after.password_hash.expose(), TestHasher::stored("another correct horse").expose());
}

#[tokio::test]
async fn a_busy_hasher_is_unavailable_and_begins_no_session() {
    let [store, _] = memory().await;
    let world = World::new(store);
    world.add(EMAIL).await;
    world.hasher.be_busy(1);
    let error = world.auth.login(Login::new(EMAIL, Password::new(PASSWORD))).await.unwrap_err();
    let reply = world.auth.reply_to(&error);
    assert_eq!(reply.status, 503);
    assert!(reply.headers.contains(&("retry-after", "2".to_owned())), "{reply:?}");
    let end = gatewright::Timestamp::from_micros(u64::MAX);
    assert_eq!(world.store.purge_expired(end).await.unwrap(), 0, "no session began");
    world.login(EMAIL).await;
    assert_eq!(world.store.purge_expired(end).await.unwrap(), 1, "one would have been found");
}

#[tokio::test]
async fn disabling_and_deleting_leave_no_session_behind() {
    let [store, _] = memory().await;
    let world = World::new(store);
    let end = gatewright::Timestamp::from_micros(u64::MAX);
    let [disabled, deleted] = [world.add(EMAIL).await, world.add("eve@example.com").await];
    world.login(EMAIL).await;
    world.login("eve@example.com").await;
    let accounts = world.auth.accounts().unwrap();
    accounts.update(&disabled.id, None, Some(false)).await.unwrap();
    accounts.delete(&deleted.id).await.unwrap();
    assert_eq!(world.store.purge_expired(end).await.unwrap(), 0);
    assert_eq!(accounts.page(None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_disabled_user_and_a_stranger_change_no_password() {
    let [store, _] = memory().await;
    let world = World::new(store.clone());
    let account = world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    let headers = Bearer(format!("Bearer {}", pair.access_token.expose()));
    let me = world.auth.authenticate(&gatewright::RequestView::new("GET", &headers)).await.unwrap().unwrap();
    let change =
        || PasswordChange::new(Password::new(PASSWORD), Password::new("another correct horse")).unwrap();
    let other = World::new(store);
    for error in [other.auth.change_password(&me, change()).await, other.auth.logout(&me).await] {
        assert_eq!(Denial::from(&error.unwrap_err()), Denial::InvalidToken, "of another Auth");
    }
    world.auth.accounts().unwrap().update(&account.id, None, Some(false)).await.unwrap();
    let error = world.auth.change_password(&me, change()).await.unwrap_err();
    assert_eq!(Denial::from(&error), Denial::IncorrectPassword);
    assert!(world.events.take().iter().any(|event| event.starts_with("PasswordChangeRefused")));
}

#[tokio::test]
async fn leeway_on_a_token_is_no_leeway_on_its_session() {
    let [store, _] = memory().await;
    let hour = std::time::Duration::from_secs(3_600);
    let world = World::with(store.clone(), |builder| {
        builder.with_access_lifetime(hour).with_refresh_lifetime(hour).with_session_lifetime(hour)
    });
    world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    let jwt = gatewright::Jwt::hs256(gatewright_tests::SECRET, "https://issuer.example", "api");
    let lenient = jwt.with_leeway(std::time::Duration::from_secs(60)).build().unwrap();
    let lenient = gatewright::Auth::local(store, lenient, TestHasher::new())
        .with_clock(world.clock.clone())
        .build()
        .unwrap();
    world.clock.advance(hour);
    let headers = Bearer(format!("Bearer {}", pair.access_token.expose()));
    let view = gatewright::RequestView::new("GET", &headers);
    assert!(lenient.require_claims(&view).is_ok(), "the token is believed");
    assert_eq!(lenient.authenticate(&view).await.unwrap_err().status, 401, "its session is over");
}

#[tokio::test]
async fn the_hundred_and_first_session_ends_the_first() {
    let [store, _] = sqlite().await;
    let world = World::new(store);
    world.add(EMAIL).await;
    let mut pairs = Vec::new();
    for _ in 0..101 {
        pairs.push(world.login(EMAIL).await);
        world.clock.advance(std::time::Duration::from_millis(1));
    }
    assert_eq!(world.status(&pairs[0].access_token).await, 401);
    assert_eq!(world.status(&pairs[1].access_token).await, 200);
    assert_eq!(world.status(&pairs[100].access_token).await, 200);
}

#[tokio::test]
async fn scopes_asked_for_are_granted_as_far_as_allowed() {
    let [store, _] = memory().await;
    let world = World::new(store);
    world.add(EMAIL).await;
    let login = Login::new(EMAIL, Password::new(PASSWORD)).with_scopes(Scopes::parse("admin read").unwrap());
    let pair = world.auth.login(login).await.unwrap();
    assert_eq!(pair.scopes.as_str(), "read");
}

#[tokio::test]
async fn a_session_of_another_epoch_than_its_token_is_refused() {
    let [store, _] = memory().await;
    let world = World::new(store);
    let account = world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    let session = gatewright_testkit::http::claims(pair.access_token.expose())["sid"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    world.store.retain(&account.id, session, gatewright::Epoch::from_u64(1)).await.unwrap();
    assert_eq!(world.status(&pair.access_token).await, 401);
    assert!(world.refresh(&pair.refresh_token).await.is_err());
}
