//! Logout of all sessions, and administrators who end sessions.

use gatewright::store::SessionStore;
use gatewright::types::RoleChange;
use gatewright::{AuthError, Identity, MemoryStore, RoleName, TokenPair, UserId};
use gatewright_testkit::store::Store;
use gatewright_testkit::{CountingStore, FailingStore};
use gatewright_tests::{World, memory};

use super::{EMAIL, authenticate, on_each_store};

const OTHER_EMAIL: &str = "other@example.com";

/// For each session: whether its access token and its refresh token are accepted.
async fn accepted<S: Store>(world: &World<S>, pairs: &[TokenPair]) -> Vec<(bool, bool)> {
    let mut accepted = Vec::new();
    for pair in pairs {
        let is_authenticated = world.status(&pair.access_token).await == 200;
        accepted.push((is_authenticated, world.refresh(&pair.refresh_token).await.is_ok()));
    }
    accepted
}

/// Creates three cached sessions of one user, then one of another user. Returns the identity of the
/// first.
async fn cached_sessions<S: Store>(world: &World<S>) -> ([TokenPair; 4], Identity) {
    world.add(EMAIL).await;
    world.add(OTHER_EMAIL).await;
    let [first, second, third] =
        [world.login(EMAIL).await, world.login(EMAIL).await, world.login(EMAIL).await];
    let pairs = [first, second, third, world.login(OTHER_EMAIL).await];
    for pair in &pairs {
        assert_eq!(world.status(&pair.access_token).await, 200);
    }
    let _ = world.events.take();
    let caller = authenticate(world, &pairs[0].access_token).await;
    (pairs, caller)
}

/// The sessions of the first user have ended.
const ENDED: [(bool, bool); 4] = [(false, false), (false, false), (false, false), (true, true)];
const ALL_LIVE: [(bool, bool); 4] = [(true, true); 4];

on_each_store! { logout_all_ends_every_session_of_the_user }

async fn logout_all_ends_every_session_of_the_user<S: Store>([store, _]: [S; 2]) {
    let world = World::new(store);
    let (pairs, caller) = cached_sessions(&world).await;
    world.auth.logout_all(&caller).await.unwrap();
    let event = format!("LoggedOutEverywhere {{ user: {:?} }}", caller.user().id);
    assert_eq!(world.events.take(), [event]);
    assert_eq!(accepted(&world, &pairs).await, ENDED);
    let found = SessionStore::find(&world.store, &caller.user().id, caller.session()).await.unwrap();
    assert!(found.is_none(), "the sessions are deleted");
    let next = world.login(EMAIL).await;
    assert_eq!(accepted(&world, &[next]).await, [(true, true)]);
}

#[tokio::test]
async fn logout_all_without_the_session_store_rejects_every_session() {
    let (store, outage) = FailingStore::new(MemoryStore::new());
    let world = World::new(store);
    let (pairs, caller) = cached_sessions(&world).await;
    outage.fail_sessions();
    assert!(world.auth.logout_all(&caller).await.is_err());
    outage.recover();
    assert_eq!(accepted(&world, &pairs).await, ENDED, "the user's epoch is changed first");
    assert!(world.events.take()[0].starts_with("LoggedOutEverywhere"));
}

#[tokio::test]
async fn logout_all_without_the_users_store_ends_nothing() {
    let (store, outage) = FailingStore::new(MemoryStore::new());
    let world = World::new(store);
    let (pairs, caller) = cached_sessions(&world).await;
    outage.fail_users();
    assert!(world.auth.logout_all(&caller).await.is_err());
    outage.recover();
    assert_eq!(world.events.take(), [""; 0]);
    assert_eq!(accepted(&world, &pairs).await, ALL_LIVE);
}

#[tokio::test]
async fn logout_all_rejects_an_identity_of_another_auth() {
    let [store, other] = memory().await;
    let (world, other) = (World::new(store), World::new(other));
    let (pairs, _) = cached_sessions(&world).await;
    let foreign = authenticate(&other, &pairs[0].access_token).await;
    let refused = world.auth.logout_all(&foreign).await.unwrap_err();
    assert!(matches!(refused.kind(), AuthError::Access(_)));
    assert_eq!(accepted(&world, &pairs).await, ALL_LIVE);
}

#[tokio::test]
async fn an_administrator_can_end_one_session_or_all_of_a_user() {
    let world = World::new(MemoryStore::new());
    let (pairs, first) = cached_sessions(&world).await;
    let accounts = world.auth.accounts().unwrap();
    let (user, session) = (&first.user().id, first.session());
    accounts.end_session(user, session).await.unwrap();
    assert_eq!(
        world.events.take(),
        [format!("SessionEnded {{ user: {user:?}, session: {session:?}, actor: System }}")]
    );
    assert_eq!(world.status(&pairs[0].access_token).await, 401);
    assert_eq!(world.status(&pairs[1].access_token).await, 200);
    let refused = accounts.end_session(user, session).await.unwrap_err();
    assert!(matches!(refused.kind(), AuthError::NotFound { .. }));

    let _ = world.events.take();
    accounts.end_sessions(user).await.unwrap();
    assert_eq!(world.events.take(), [format!("SessionsEnded {{ user: {user:?}, actor: System }}")]);
    assert_eq!(accepted(&world, &pairs).await, ENDED);
    assert!(accounts.find(user).await.unwrap().is_active);
    let unknown = UserId::new("unknown").unwrap();
    let refused = accounts.end_sessions(&unknown).await.unwrap_err();
    assert!(matches!(refused.kind(), AuthError::NotFound { .. }));
}

#[tokio::test]
async fn a_login_that_overlaps_logout_all_is_rejected() {
    let (store, watch) = CountingStore::new(MemoryStore::new());
    let world = World::new(store);
    let (_, caller) = cached_sessions(&world).await;
    watch.pause_next_create();
    let late = world.clone();
    let login = tokio::spawn(async move { late.login(EMAIL).await });
    watch.paused().await;
    world.auth.logout_all(&caller).await.unwrap();
    watch.resume().await;
    let pair = login.await.unwrap();
    assert_eq!(accepted(&world, &[pair]).await, [(false, false)], "the session has the old epoch");
}

#[tokio::test]
async fn changed_roles_end_sessions_only_if_the_policy_says_so() {
    for (policy, expected) in [(RoleChange::KeepSessions, ALL_LIVE), (RoleChange::EndSessions, ENDED)] {
        let world = World::with(MemoryStore::new(), |builder| builder.with_role_change(policy));
        let (pairs, caller) = cached_sessions(&world).await;
        let accounts = world.auth.accounts().unwrap();
        let roles = |names: &[&'static str]| Some(names.iter().copied().map(RoleName::from_static).collect());
        accounts.update(&caller.user().id, roles(&["user"]), None).await.unwrap();
        for pair in &pairs {
            assert_eq!(world.status(&pair.access_token).await, 200, "the roles are the same");
        }
        accounts.update(&caller.user().id, roles(&["editor", "user"]), None).await.unwrap();
        assert_eq!(accepted(&world, &pairs).await, expected, "{policy:?}");
        let unknown = UserId::new("42").unwrap();
        let updated = accounts.update(&unknown, roles(&["user"]), None).await.map_err(AuthError::from);
        assert!(matches!(updated, Err(AuthError::NotFound { .. })));
    }
}
