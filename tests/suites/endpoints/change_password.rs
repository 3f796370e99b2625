//! Password changes: the session that replaces all others, and what happens at the same time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatewright::endpoints::PasswordChange;
use gatewright::error::{AccessError, RefreshError};
use gatewright::http::Denial;
use gatewright::store::{AccountChange, AccountStore, EpochChange, SessionStore, StoreError};
use gatewright::types::{ClientInfo, Clock, Epoch, UserAgent};
use gatewright::{AuthError, Error, Login, MemoryStore, Password, Scopes, TokenPair, UserId};
use gatewright_testkit::store::{Sessions, Store};
use gatewright_testkit::{CountingStore, FailingStore, Hook, Intercepted, Method};
use gatewright_tests::{PASSWORD, World, sqlite};
use tokio::sync::Barrier;

use super::{EMAIL, NEW_PASSWORD, authenticate, new_password, session_of, world, world_on};

const HOUR: Duration = Duration::from_secs(3_600);

async fn user_of<S: Store>(world: &World<S>) -> UserId {
    world.auth.accounts().unwrap().page(None, 1).await.unwrap().remove(0).id
}

async fn count<S: Sessions>(store: &S, user: &UserId) -> usize {
    store.list(user).await.unwrap().len()
}

async fn change<S: Store>(world: &World<S>, pair: &TokenPair) -> Result<TokenPair, Error> {
    let caller = authenticate(world, &pair.access_token).await;
    world.auth.change_password(&caller, new_password()).await
}

/// Id, seed and epoch are new. Client, scopes, time of login and absolute expiry are those of the caller's
/// session.
async fn the_new_session_continues_the_callers<S: Store>(store: S) {
    let world = world_on(store).await;
    let client = ClientInfo::new("192.0.2.1".parse().ok(), UserAgent::clean(b"lamp/1"));
    let login = Login::new(EMAIL, Password::new(PASSWORD)).with_scopes(Scopes::parse("read").unwrap());
    let old = world.auth.login(login.with_client(client.clone())).await.unwrap();
    let other = world.login(EMAIL).await;
    let user = user_of(&world).await;
    let before = world.store.find(&user, session_of(&old.access_token)).await.unwrap().unwrap();
    world.clock.advance(HOUR / 6);
    let new = change(&world, &old).await.unwrap();
    let sessions = world.store.list(&user).await.unwrap();
    let [after] = &sessions[..] else { panic!("{sessions:?}") };
    assert_eq!(after.id, session_of(&new.access_token));
    assert_ne!(after.id, before.id);
    assert_ne!(after.epoch, before.epoch);
    assert_ne!(after.seed.expose(), before.seed.expose());
    assert_eq!((&after.client, &after.scopes), (&client, &before.scopes));
    assert_eq!((after.created_at, after.expires_at), (before.created_at, before.expires_at));
    let now = world.clock.now();
    assert_eq!(
        [after.last_used_at, after.pending_used_at, after.earlier_used_at],
        [now, before.created_at, before.created_at]
    );
    assert_eq!(new.scopes.as_str(), "read");
    for dead in [&old, &other] {
        assert_eq!(world.status(&dead.access_token).await, 401);
        let refused = world.refresh(&dead.refresh_token).await.map_err(AuthError::from);
        let ended = RefreshError::Session(AccessError::SessionEnded);
        assert!(matches!(refused, Err(AuthError::Refresh(cause)) if cause == ended), "never reuse");
    }
    assert_eq!(world.status(&new.access_token).await, 200);
    assert!(world.refresh(&new.refresh_token).await.is_ok());
}

#[tokio::test]
async fn the_new_session_continues_the_callers_in_memory() {
    the_new_session_continues_the_callers(MemoryStore::new()).await;
}

#[tokio::test]
async fn the_new_session_continues_the_callers_in_sqlite() {
    the_new_session_continues_the_callers(sqlite().await[0].clone()).await;
}

/// Changes at the end of the maximum age do not extend it.
#[tokio::test]
async fn a_password_change_does_not_extend_the_maximum_age() {
    let world = World::with(MemoryStore::new(), |builder| builder.with_session_lifetime(2 * HOUR));
    world.add(EMAIL).await;
    let mut pair = world.login(EMAIL).await;
    world.clock.advance(2 * HOUR - Duration::from_secs(600));
    pair = world.refresh(&pair.refresh_token).await.unwrap();
    pair = change(&world, &pair).await.unwrap();
    assert_eq!(pair.expires_in, 600);
    world.clock.advance(Duration::from_secs(600));
    assert_eq!(world.status(&pair.access_token).await, 401);
    assert!(world.refresh(&pair.refresh_token).await.is_err());
}

/// The identity was authenticated before the session ended.
#[tokio::test]
async fn a_session_that_ended_meanwhile_changes_no_password() {
    let world = world().await;
    let pair = world.login(EMAIL).await;
    let caller = authenticate(&world, &pair.access_token).await;
    world.auth.logout(&caller).await.unwrap();
    let calls = world.hasher.calls();
    let refused = world.auth.change_password(&caller, new_password()).await.unwrap_err();
    assert!(matches!(refused.kind(), AuthError::Access(AccessError::SessionEnded)), "{refused:?}");
    assert_eq!(world.hasher.calls(), calls, "nothing was hashed");
    assert_eq!(count(&world.store, &user_of(&world).await).await, 0, "no session was created");
    world.login(EMAIL).await;
}

/// Ends all sessions of a user while a password change verifies and hashes: when it reads the user.
#[derive(Clone)]
struct EndsDuringTheHash {
    sessions: MemoryStore,
    of: Arc<Mutex<Option<UserId>>>,
}

#[async_trait::async_trait]
impl Hook for EndsDuringTheHash {
    async fn before(&self, method: Method) -> Result<(), StoreError> {
        let armed = if method == Method::FindUserById { self.of.lock().unwrap().take() } else { None };
        match armed {
            Some(user) => self.sessions.delete_all(&user).await,
            None => Ok(()),
        }
    }
}

/// A logout that was answered while the change hashed. The session must not come back.
#[tokio::test]
async fn a_session_that_ended_during_the_hash_changes_no_password() {
    let sessions = MemoryStore::new();
    let hook = EndsDuringTheHash { sessions: sessions.clone(), of: Arc::default() };
    let world = world_on(Intercepted::with_hook(sessions, hook.clone())).await;
    let pair = world.login(EMAIL).await;
    let (user, caller) = (user_of(&world).await, authenticate(&world, &pair.access_token).await);
    let calls = world.hasher.calls();
    *hook.of.lock().unwrap() = Some(user.clone());
    let refused = world.auth.change_password(&caller, new_password()).await.unwrap_err();
    assert!(matches!(refused.kind(), AuthError::Access(AccessError::SessionEnded)), "{refused:?}");
    assert!(world.hasher.calls() > calls, "the session ended before the hash");
    assert_eq!(count(&world.store, &user).await, 0, "no session was created");
    world.login(EMAIL).await;
}

/// Replaces the epoch of a user right before the first step of a password change, as `end_sessions` does.
#[derive(Clone)]
struct EndsAtTheFirstStep {
    accounts: MemoryStore,
    of: Arc<Mutex<Option<UserId>>>,
}

#[async_trait::async_trait]
impl Hook for EndsAtTheFirstStep {
    async fn before(&self, method: Method) -> Result<(), StoreError> {
        let armed = if method == Method::ChangePassword { self.of.lock().unwrap().take() } else { None };
        let Some(user) = armed else { return Ok(()) };
        let mut end = AccountChange::default();
        end.epoch = Some(EpochChange::Always(Epoch::from_u64(7)));
        self.accounts.update(&user, &end, None).await.map(drop)
    }
}

/// The new session would survive, because it would have a newer epoch than the one that ended all sessions.
#[tokio::test]
async fn sessions_that_end_at_the_first_step_stay_ended() {
    let accounts = MemoryStore::new();
    let hook = EndsAtTheFirstStep { accounts: accounts.clone(), of: Arc::default() };
    let world = world_on(Intercepted::with_hook(accounts, hook.clone())).await;
    let pair = world.login(EMAIL).await;
    let (user, caller) = (user_of(&world).await, authenticate(&world, &pair.access_token).await);
    *hook.of.lock().unwrap() = Some(user.clone());
    let refused = world.auth.change_password(&caller, new_password()).await.unwrap_err();
    assert!(matches!(refused.kind(), AuthError::Access(AccessError::EpochReplaced)), "{refused:?}");
    assert!(world.refresh(&pair.refresh_token).await.is_err());
    assert_eq!(count(&world.store, &user).await, 1, "no session was created");
    world.login(EMAIL).await;
}

/// An administrator replaced the epoch after the identity was authenticated, and the session was not
/// deleted.
#[tokio::test]
async fn a_session_of_an_earlier_epoch_changes_no_password() {
    let (store, outage) = FailingStore::new(MemoryStore::new());
    let world = world_on(store).await;
    let pair = world.login(EMAIL).await;
    let caller = authenticate(&world, &pair.access_token).await;
    outage.fail_method(Method::DeleteAllSessions);
    assert!(world.auth.accounts().unwrap().end_sessions(&caller.user().id).await.is_err());
    outage.recover();
    let refused = world.auth.change_password(&caller, new_password()).await.unwrap_err();
    assert!(matches!(refused.kind(), AuthError::Access(AccessError::EpochReplaced)), "{refused:?}");
    world.login(EMAIL).await;
}

/// The second change verifies the password that the first one has replaced. In both orders, the
/// user keeps only the session of the change that succeeded.
#[tokio::test]
async fn one_of_two_changes_at_once_succeeds() {
    let world = world().await;
    let [one, two] = [world.login(EMAIL).await, world.login(EMAIL).await];
    let callers =
        [authenticate(&world, &one.access_token).await, authenticate(&world, &two.access_token).await];
    let change = |caller: usize, new: &str| {
        let change = PasswordChange::new(Password::new(PASSWORD), Password::new(new)).unwrap();
        let (auth, caller) = (world.auth.clone(), callers[caller].clone());
        async move { auth.change_password(&caller, change).await }
    };
    let (first, second) =
        tokio::join!(change(0, "the first new password"), change(1, "the second new password"));
    let granted: Vec<TokenPair> = [first, second].into_iter().flatten().collect();
    assert_eq!(granted.len(), 1);
    assert_eq!(world.status(&granted[0].access_token).await, 200);
    assert_eq!(count(&world.store, &user_of(&world).await).await, 1);
}

/// Pauses `replace_all`, the second step of a change, before it reaches the store.
#[derive(Clone)]
struct BetweenTheSteps {
    reached: Arc<Barrier>,
    released: Arc<Barrier>,
}

#[async_trait::async_trait]
impl Hook for BetweenTheSteps {
    async fn before(&self, method: Method) -> Result<(), StoreError> {
        if method == Method::ReplaceAllSessions {
            self.reached.wait().await;
            self.released.wait().await;
        }
        Ok(())
    }
}

/// Between the two steps, a thief refreshes and uses an access token, and someone logs in with the new
/// password. Only the pair of the change is valid afterwards.
#[tokio::test]
async fn no_token_is_valid_between_the_steps_and_no_other_session_is_left() {
    let barrier = || Arc::new(Barrier::new(2));
    let hook = BetweenTheSteps { reached: barrier(), released: barrier() };
    let world = world_on(Intercepted::with_hook(MemoryStore::new(), hook.clone())).await;
    let old = world.login(EMAIL).await;
    let caller = authenticate(&world, &old.access_token).await;
    let auth = world.auth.clone();
    let changing = tokio::spawn(async move { auth.change_password(&caller, new_password()).await });
    hook.reached.wait().await;
    assert_eq!(world.status(&old.access_token).await, 401);
    assert!(world.refresh(&old.refresh_token).await.is_err());
    let between = world.auth.login(Login::new(EMAIL, Password::new(NEW_PASSWORD))).await.unwrap();
    hook.released.wait().await;
    let new = changing.await.unwrap().unwrap();
    assert_eq!(world.status(&between.access_token).await, 401);
    assert!(world.refresh(&between.refresh_token).await.is_err());
    assert_eq!(world.status(&new.access_token).await, 200);
    assert_eq!(count(&world.store, &user_of(&world).await).await, 1);
}

/// The login has read the user before the change, and creates its session after it.
#[tokio::test]
async fn a_login_with_the_old_password_does_not_survive_a_change() {
    let (store, watch) = CountingStore::new(MemoryStore::new());
    let world = world_on(store).await;
    let old = world.login(EMAIL).await;
    watch.pause_next_create();
    let login = tokio::spawn({
        let auth = world.auth.clone();
        async move { auth.login(Login::new(EMAIL, Password::new(PASSWORD))).await }
    });
    watch.paused().await;
    let new = change(&world, &old).await.unwrap();
    watch.resume().await;
    let late = login.await.unwrap().unwrap();
    assert_eq!(world.status(&late.access_token).await, 401, "the login has the old epoch");
    assert!(world.refresh(&late.refresh_token).await.is_err());
    assert_eq!(world.status(&new.access_token).await, 200);
}

/// The epoch was written, and the sessions were not replaced: 503, and every old token is dead.
#[tokio::test]
async fn a_failed_second_step_leaves_no_valid_token() {
    let (store, outage) = FailingStore::new(MemoryStore::new());
    let world = world_on(store).await;
    let [old, other] = [world.login(EMAIL).await, world.login(EMAIL).await];
    outage.fail_method(Method::ReplaceAllSessions);
    let error = change(&world, &old).await.unwrap_err();
    assert_eq!(Denial::from(&error), Denial::Unavailable);
    outage.recover();
    for pair in [&old, &other] {
        assert_eq!(world.status(&pair.access_token).await, 401);
        assert!(world.refresh(&pair.refresh_token).await.is_err());
    }
    let new = world.auth.login(Login::new(EMAIL, Password::new(NEW_PASSWORD))).await.unwrap();
    assert_eq!(world.status(&new.access_token).await, 200);
}
