//! Lists of sessions, and the deletion of single sessions.

use std::time::Duration;

use gatewright::endpoints::Endpoint;
use gatewright::http::{Bytes, Denial, Headers, Reply, RequestView};
use gatewright::store::SessionStore;
use gatewright::types::{Clock, SessionId};
use gatewright::{Auth, AuthError, Identity, Login, MemoryStore, Password, TokenPair, UserId};
use gatewright_testkit::store::Store;
use gatewright_testkit::{Method, Outage};
use gatewright_tests::{World, sqlite};

use super::{EMAIL, NEW_PASSWORD, authenticate, bearer, failing_world, new_password, world, world_on};

async fn me<S: Store>(world: &World<S>, pair: &TokenPair) -> Identity {
    authenticate(world, &pair.access_token).await
}

async fn handle(auth: &Auth, endpoint: Endpoint, headers: &dyn Headers, id: Option<&str>) -> Reply {
    let view = RequestView::new(endpoint.method(), headers).with_id(id);
    auth.handle(endpoint, &view, Ok(Bytes::new())).await
}

/// Returns the ids of the caller's sessions, in the order of the list.
async fn listed<S: Store>(world: &World<S>, pair: &TokenPair) -> Vec<SessionId> {
    let list = world.auth.sessions(&me(world, pair).await).await.unwrap();
    list.sessions.iter().map(|session| session.id).collect()
}

async fn live_sessions_are_listed_newest_first<S: Store>(store: S) {
    let world = world_on(store).await;
    let first = world.login(EMAIL).await;
    let first_id = me(&world, &first).await.session();
    world.clock.advance(Duration::from_secs(86_400));
    let second = world.login(EMAIL).await;
    let second_id = me(&world, &second).await.session();
    assert_eq!(listed(&world, &second).await, [second_id, first_id]);

    // The first session expires after seven idle days. It is then not listed, although it still
    // exists.
    let idle = Duration::from_secs(6 * 86_400);
    world.clock.advance(idle - Duration::from_secs(1));
    let second = world.refresh(&second.refresh_token).await.unwrap();
    assert_eq!(listed(&world, &second).await, [second_id, first_id]);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(listed(&world, &second).await, [second_id]);
    let caller = me(&world, &second).await;
    let expired = world.auth.end_session(&caller, first_id).await.map_err(AuthError::from);
    assert!(matches!(expired, Err(AuthError::NotFound { .. })));
    let accounts = world.auth.accounts().unwrap();
    assert_eq!(accounts.sessions(&caller.user().id).await.unwrap().sessions.len(), 1);
    world.auth.delete_expired_sessions().await.unwrap();
    assert_eq!(listed(&world, &second).await, [second_id]);
}

#[tokio::test]
async fn live_sessions_are_listed_newest_first_in_memory() {
    live_sessions_are_listed_newest_first(MemoryStore::new()).await;
}

#[tokio::test]
async fn live_sessions_are_listed_newest_first_in_sqlite() {
    live_sessions_are_listed_newest_first(sqlite().await[0].clone()).await;
}

#[tokio::test]
async fn the_list_has_exactly_the_documented_fields_in_whole_seconds() {
    let world = world().await;
    let created = world.clock.now().as_seconds();
    let pair = world.login(EMAIL).await;
    world.clock.advance(Duration::from_millis(90_900));
    let pair = world.refresh(&pair.refresh_token).await.unwrap();
    let id = me(&world, &pair).await.session();
    world.clock.advance(Duration::from_secs(120));
    let reply = handle(&world.auth, Endpoint::Sessions, &bearer(&pair.access_token), None).await;
    let used = (created + 90) / 60 * 60;
    let expires = used + 7 * 86_400;
    let times = format!(r#""created_at":{created},"last_used_at":{used},"expires_at":{expires}"#);
    let body = format!(
        r#"{{"sessions":[{{"id":"{id}",{times},"address":null,"user_agent":null,"current":true}}]}}"#
    );
    assert_eq!((reply.status, &*reply.body), (200, body.as_bytes()));
    assert!(reply.headers.contains(&("cache-control", "no-store".to_owned())));
}

/// A thief who has an access token reads the list each second. The list changes two minutes after a
/// refresh and never before, so it does not show when the grace window is open.
async fn the_list_never_shows_a_recent_refresh<S: Store>(store: S) {
    let world = world_on(store).await;
    let mut pair = world.login(EMAIL).await;
    let thief = me(&world, &pair).await;
    let start = world.clock.now().as_seconds();
    let refreshes = [300_u64, 600, 660, 779, 1_000];
    let mut shown = Vec::new();
    for second in 0..1_200 {
        if refreshes.contains(&second) {
            pair = world.refresh(&pair.refresh_token).await.unwrap();
        }
        let list = world.auth.sessions(&thief).await.unwrap();
        let info = &list.sessions[0];
        assert_eq!(info.expires_at, info.last_used_at.saturating_add(Duration::from_secs(7 * 86_400)));
        let used = info.last_used_at.as_seconds();
        if shown.last().is_none_or(|(_, last)| *last != used) {
            shown.push((second, used));
        }
        world.clock.advance(Duration::from_secs(1));
    }
    let minute = |second: u64| (start + second) / 60 * 60;
    let expected = [(0, 0), (420, 300), (720, 600), (780, 660), (899, 779), (1_120, 1_000)];
    assert_eq!(shown, expected.map(|(second, used)| (second, minute(used))));

    let exact = world.auth.accounts().unwrap().sessions(&thief.user().id).await.unwrap();
    assert_eq!(exact.sessions[0].last_used_at.as_seconds(), start + 1_000);
    assert_eq!(exact.sessions[0].expires_at.as_seconds(), start + 1_000 + 7 * 86_400);
}

#[tokio::test]
async fn the_list_never_shows_a_recent_refresh_in_memory() {
    the_list_never_shows_a_recent_refresh(MemoryStore::new()).await;
}

#[tokio::test]
async fn the_list_never_shows_a_recent_refresh_in_sqlite() {
    the_list_never_shows_a_recent_refresh(sqlite().await[0].clone()).await;
}

/// A session that is used more often than every two minutes, for more than its idle lifetime. Its list
/// shows a use that is at least two and at most five minutes old, one of which is the rounding. A use never
/// changes what the list shows.
#[tokio::test]
async fn the_list_shows_uses_of_a_busy_session() {
    for pause in [1, 59, 60, 119, 120, 121] {
        let lifetime = Duration::from_secs(1_200);
        let world = World::with(MemoryStore::new(), |builder| builder.with_refresh_lifetime(lifetime));
        world.add(EMAIL).await;
        let mut pair = world.login(EMAIL).await;
        let start = world.clock.now().as_seconds();
        for used in 0..1_800 / pause {
            let now = world.clock.now();
            let before = world.auth.sessions(&me(&world, &pair).await).await.unwrap();
            let info = &before.sessions[0];
            let age = now.as_seconds() - info.last_used_at.as_seconds();
            let oldest = 300.min(now.as_seconds() - start + 60);
            assert!(age <= oldest, "every {pause} s, use {used}: {age} s old");
            assert!(age >= 120 || now.as_seconds() - start < 180, "every {pause} s, use {used}: {age} s old");
            assert!(info.expires_at > now, "every {pause} s, use {used}: {info:?} at {now:?}");
            pair = world.refresh(&pair.refresh_token).await.unwrap();
            assert_eq!(world.auth.sessions(&me(&world, &pair).await).await.unwrap(), before);
            world.clock.advance(Duration::from_secs(pause));
        }
    }
}

/// The password change could not delete the sessions, but they have an old epoch.
#[tokio::test]
async fn sessions_with_an_old_epoch_are_not_listed() {
    let (world, outage) = failing_world().await;
    let [first, second] = [world.login(EMAIL).await, world.login(EMAIL).await];
    let (caller, other) = (me(&world, &second).await, me(&world, &first).await.session());
    outage.fail_method(Method::ReplaceAllSessions);
    assert!(world.auth.change_password(&caller, new_password()).await.is_err());
    outage.recover();
    let third = world.auth.login(Login::new(EMAIL, Password::new(NEW_PASSWORD))).await.unwrap();
    let stored = world.store.list(&caller.user().id).await.unwrap();
    assert_eq!(stored.len(), 3, "the store still has the old sessions");
    let caller = me(&world, &third).await;
    assert_eq!(listed(&world, &third).await, [caller.session()]);
    let refused = world.auth.end_session(&caller, other).await.unwrap_err();
    assert!(matches!(refused.kind(), AuthError::NotFound { .. }));
}

#[tokio::test]
async fn ending_a_session_emits_an_event_and_never_ends_another_users() {
    let world = world().await;
    world.add("other@example.com").await;
    let [first, second] = [world.login(EMAIL).await, world.login(EMAIL).await];
    let other = world.login("other@example.com").await;
    let (caller, there) = (me(&world, &first).await, me(&world, &second).await.session());
    let theirs = me(&world, &other).await.session();
    let _ = world.events.take();
    let refused = world.auth.end_session(&caller, theirs).await.unwrap_err();
    assert!(matches!(refused.kind(), AuthError::NotFound { .. }));
    assert_eq!(world.events.take(), [""; 0]);
    world.auth.end_session(&caller, there).await.unwrap();
    let user = &caller.user().id;
    assert_eq!(world.events.take(), [format!("LoggedOut {{ user: {user:?}, session: {there:?} }}")]);
    assert_eq!(world.status(&second.access_token).await, 401);
    assert_eq!(world.status(&other.access_token).await, 200);
}

#[tokio::test]
async fn an_identity_of_another_auth_cannot_list_or_end_sessions() {
    let world = world().await;
    let other = World::new(world.store.clone());
    let pair = world.login(EMAIL).await;
    let foreign = me(&other, &pair).await;
    let refused = world.auth.sessions(&foreign).await.unwrap_err();
    assert!(matches!(refused.kind(), AuthError::Access(_)));
    let ended = world.auth.end_session(&foreign, foreign.session()).await.map_err(AuthError::from);
    assert!(matches!(ended, Err(AuthError::Access(_))));
    assert_eq!(world.status(&pair.access_token).await, 200);
}

#[tokio::test]
async fn without_a_store_the_list_and_the_deletion_are_unavailable() {
    let (world, outage) = failing_world().await;
    let pair = world.login(EMAIL).await;
    let (caller, accounts) = (me(&world, &pair).await, world.auth.accounts().unwrap());
    let user = caller.user().id.clone();
    for (start, is_of_sessions) in [(Outage::fail_sessions as fn(&Outage), true), (Outage::fail_users, false)]
    {
        start(&outage);
        // `Auth::sessions` reads only the session store. The endpoints and `Accounts` read both
        // stores.
        assert_eq!(world.auth.sessions(&caller).await.is_err(), is_of_sessions);
        let error = accounts.sessions(&user).await.unwrap_err();
        assert_eq!(Denial::from(&error), Denial::Unavailable);
        for endpoint in [Endpoint::Sessions, Endpoint::EndSession] {
            let id = caller.session().to_string();
            let reply = handle(&world.auth, endpoint, &bearer(&pair.access_token), Some(&id)).await;
            assert_eq!(reply.status, 503, "{endpoint:?}");
        }
        outage.recover();
    }
    assert_eq!(world.status(&pair.access_token).await, 200);
    let nobody = UserId::new("nobody").unwrap();
    let refused = accounts.sessions(&nobody).await.unwrap_err();
    assert!(matches!(refused.kind(), AuthError::NotFound { .. }));
}

#[tokio::test]
async fn endpoints_refuse_other_methods_and_list_their_own() {
    let world = world().await;
    let pair = world.login(EMAIL).await;
    let headers = bearer(&pair.access_token);
    let (mut refused, mut allowed) = (0, 0);
    for endpoint in Endpoint::ALL {
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "get", "", "GET,HEAD"] {
            let view = RequestView::new(method, &headers).with_id(Some("none"));
            let reply = world.auth.handle(*endpoint, &view, Ok(Bytes::new())).await;
            if endpoint.allow().split(',').any(|own| own == method) {
                assert_ne!(reply.status, 405, "{method} {endpoint:?}");
                allowed += 1;
            } else {
                assert_eq!(reply.status, 405, "{method} {endpoint:?}");
                assert!(reply.headers.contains(&("allow", endpoint.allow().to_owned())));
                refused += 1;
            }
        }
    }
    assert_eq!(allowed, Endpoint::ALL.len() + 1, "one endpoint has two methods");
    assert_eq!(refused, Endpoint::ALL.len() * 9 - allowed);
}
