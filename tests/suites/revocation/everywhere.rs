//! Log out everywhere, and administrators who end sessions.

use gatewright::{AuthError, RoleChange, RoleName, TokenPair};
use gatewright_testkit::store::Store;
use gatewright_testkit::{FragileStore, WatchedStore};
use gatewright_tests::{World, memory, sqlite};

use super::{EMAIL, me};

/// Which of the sessions guards let in, and which may still be refreshed.
async fn alive<S: Store>(world: &World<S>, pairs: &[&TokenPair]) -> Vec<(bool, bool)> {
    let mut alive = Vec::new();
    for pair in pairs {
        let is_let_in = world.status(&pair.access_token).await == 200;
        alive.push((is_let_in, world.refresh(&pair.refresh_token).await.is_ok()));
    }
    alive
}

/// Three warm sessions of one user and one of another, in that order.
async fn warm<S: Store>(world: &World<S>) -> [TokenPair; 4] {
    for email in [EMAIL, "other@example.com"] {
        world.add(email).await;
    }
    let own = [world.login(EMAIL).await, world.login(EMAIL).await, world.login(EMAIL).await];
    let [first, second, third] = own;
    let pairs = [first, second, third, world.login("other@example.com").await];
    for pair in &pairs {
        assert_eq!(world.status(&pair.access_token).await, 200);
    }
    let _ = world.events.take();
    pairs
}

const ALL: [(bool, bool); 4] = [(false, false), (false, false), (false, false), (true, true)];

async fn everywhere<S: Store>(store: S) {
    let world = World::new(store);
    let pairs = warm(&world).await;
    let caller = me(&world, &pairs[1].access_token).await;
    world.auth.logout_all(&caller).await.unwrap();
    let event = format!("LoggedOutEverywhere {{ user: {:?} }}", caller.user().id);
    assert_eq!(world.events.take(), [event]);
    assert_eq!(alive(&world, &pairs.each_ref()).await, ALL);
    assert!(
        world.store.find(&caller.user().id, caller.session()).await.unwrap().is_none(),
        "the sessions are gone"
    );
    let again = world.login(EMAIL).await;
    assert_eq!(alive(&world, &[&again]).await, [(true, true)]);
}

#[tokio::test]
async fn a_logout_everywhere_ends_every_session_in_memory() {
    everywhere(memory().await[0].clone()).await;
}

#[tokio::test]
async fn a_logout_everywhere_ends_every_session_on_sqlite() {
    everywhere(sqlite().await[0].clone()).await;
}

#[tokio::test]
async fn a_logout_everywhere_without_the_session_store_refuses_everything_all_the_same() {
    let (store, outage) = FragileStore::new(memory().await[0].clone());
    let world = World::new(store);
    let pairs = warm(&world).await;
    let caller = me(&world, &pairs[0].access_token).await;
    outage.of_sessions();
    assert!(world.auth.logout_all(&caller).await.is_err());
    outage.end();
    assert_eq!(alive(&world, &pairs.each_ref()).await, ALL, "the epoch came first");
    assert!(world.events.take()[0].starts_with("LoggedOutEverywhere"));
}

#[tokio::test]
async fn a_logout_everywhere_without_the_users_store_ends_nothing() {
    let (store, outage) = FragileStore::new(memory().await[0].clone());
    let world = World::new(store);
    let pairs = warm(&world).await;
    let caller = me(&world, &pairs[0].access_token).await;
    outage.of_users();
    assert!(world.auth.logout_all(&caller).await.is_err());
    outage.end();
    assert_eq!(world.events.take(), [""; 0]);
    assert_eq!(alive(&world, &pairs.each_ref()).await, [(true, true); 4]);
}

#[tokio::test]
async fn an_identity_of_another_auth_logs_nobody_out() {
    let [store, other] = memory().await;
    let (world, other) = (World::new(store), World::new(other));
    let pairs = warm(&world).await;
    let foreign = me(&other, &pairs[0].access_token).await;
    assert!(matches!(world.auth.logout_all(&foreign).await, Err(AuthError::Access(_))));
    assert_eq!(alive(&world, &pairs.each_ref()).await, [(true, true); 4]);
}

#[tokio::test]
async fn an_administrator_ends_one_session_or_all_of_a_user() {
    let world = World::new(memory().await[0].clone());
    let pairs = warm(&world).await;
    let accounts = world.auth.accounts().unwrap();
    let first = me(&world, &pairs[0].access_token).await;
    let user = &first.user().id;
    accounts.end_session(user, first.session()).await.unwrap();
    let session = first.session();
    assert_eq!(world.events.take(), [format!("SessionEnded {{ user: {user:?}, session: {session:?} }}")]);
    assert_eq!(world.status(&pairs[0].access_token).await, 401);
    assert_eq!(world.status(&pairs[1].access_token).await, 200);
    assert!(matches!(accounts.end_session(user, session).await, Err(AuthError::NotFound { .. })));

    let _ = world.events.take();
    accounts.end_sessions(user).await.unwrap();
    assert_eq!(world.events.take(), [format!("SessionsEnded {{ user: {user:?} }}")]);
    assert_eq!(alive(&world, &pairs.each_ref()).await, ALL);
    assert!(accounts.find(user).await.unwrap().is_active);
    let nobody = gatewright::UserId::new("nobody").unwrap();
    assert!(matches!(accounts.end_sessions(&nobody).await, Err(AuthError::NotFound { .. })));
}

#[tokio::test]
async fn a_login_that_overlaps_a_logout_everywhere_is_refused() {
    let (store, watch) = WatchedStore::new(memory().await[0].clone());
    let world = World::new(store);
    let pairs = warm(&world).await;
    let caller = me(&world, &pairs[0].access_token).await;
    watch.stop_the_next_begin();
    let late = world.clone();
    let login = tokio::spawn(async move { late.login(EMAIL).await });
    watch.stopped().await;
    world.auth.logout_all(&caller).await.unwrap();
    watch.go_on().await;
    let pair = login.await.unwrap();
    assert_eq!(alive(&world, &[&pair]).await, [(false, false)], "it carries the epoch that is gone");
}

#[tokio::test]
async fn another_role_ends_the_sessions_of_its_user_where_that_is_the_policy_and_nowhere_else() {
    for (policy, expected) in [
        (RoleChange::KeepSessions, [(true, true); 4]),
        (RoleChange::EndSessions, [(false, false), (false, false), (false, false), (true, true)]),
    ] {
        let store = memory().await[0].clone();
        let world = World::with(store, |builder| builder.with_role_change(policy));
        let pairs = warm(&world).await;
        let caller = me(&world, &pairs[0].access_token).await;
        let accounts = world.auth.accounts().unwrap();
        let role = |name| Some(RoleName::new(name).unwrap());
        accounts.update(&caller.user().id, role("user"), None).await.unwrap();
        for pair in &pairs {
            assert_eq!(world.status(&pair.access_token).await, 200, "it is the role that they have");
        }
        accounts.update(&caller.user().id, role("editor"), None).await.unwrap();
        assert_eq!(alive(&world, &pairs.each_ref()).await, expected, "{policy:?}");
        let nobody = gatewright::UserId::new("42").unwrap();
        assert!(matches!(
            accounts.update(&nobody, role("user"), None).await,
            Err(AuthError::NotFound { .. })
        ));
    }
}
