//! Sessions as their users see them: which are there, which are not, and who may end them.

use std::time::Duration;

use gatewright::{
    Auth, AuthError, Bytes, Denial, Headers, Identity, MemoryStore, Operation, Password, PasswordChange,
    Reply, RequestView, SessionId, TokenPair, UserId,
};
use gatewright_testkit::FragileStore;
use gatewright_testkit::store::Store;
use gatewright_tests::{Bearer, PASSWORD, World, memory, sqlite};

const EMAIL: &str = "ada@example.com";

fn bearer(token: &TokenPair) -> Bearer {
    Bearer(format!("Bearer {}", token.access_token.expose()))
}

async fn me<S: Store>(world: &World<S>, token: &TokenPair) -> Identity {
    let headers = bearer(token);
    world.auth.authenticate(&RequestView::new("GET", &headers)).await.unwrap().unwrap()
}

async fn answer(auth: &Auth, operation: Operation, headers: &dyn Headers, id: Option<&str>) -> Reply {
    let view = RequestView::new(operation.method(), headers).with_id(id);
    auth.answer(operation, &view, Ok(Bytes::new())).await
}

/// The ids of the caller's sessions, in the order of the list.
async fn listed<S: Store>(world: &World<S>, token: &TokenPair) -> Vec<SessionId> {
    let list = world.auth.sessions(&me(world, token).await).await.unwrap();
    list.sessions.iter().map(|session| session.id).collect()
}

async fn what_is_alive_is_listed<S: Store>(store: S) {
    let world = World::new(store);
    world.add(EMAIL).await;
    let first = world.login(EMAIL).await;
    let first_id = me(&world, &first).await.session();
    world.clock.advance(Duration::from_secs(86_400));
    let second = world.login(EMAIL).await;
    let second_id = me(&world, &second).await.session();
    assert_eq!(listed(&world, &second).await, [second_id, first_id]);

    // The first is idle for seven days: over at that moment, whether it was forgotten or not.
    let idle = Duration::from_secs(6 * 86_400);
    world.clock.advance(idle - Duration::from_secs(1));
    let second = world.refresh(&second.refresh_token).await.unwrap();
    assert_eq!(listed(&world, &second).await, [second_id, first_id]);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(listed(&world, &second).await, [second_id]);
    let caller = me(&world, &second).await;
    let over = world.auth.end_session(&caller, first_id).await;
    assert!(matches!(over, Err(AuthError::NotFound { .. })));
    let accounts = world.auth.accounts().unwrap();
    let user = caller.user().id.clone();
    assert_eq!(accounts.sessions(&user).await.unwrap().sessions.len(), 1);
    world.auth.purge_expired_sessions().await.unwrap();
    assert_eq!(listed(&world, &second).await, [second_id]);
}

#[tokio::test]
async fn what_is_alive_is_listed_the_youngest_first_in_memory() {
    what_is_alive_is_listed(memory().await[0].clone()).await;
}

#[tokio::test]
async fn what_is_alive_is_listed_the_youngest_first_on_sqlite() {
    what_is_alive_is_listed(sqlite().await[0].clone()).await;
}

#[tokio::test]
async fn an_answer_has_whole_seconds_and_no_more_than_it_says() {
    let world = World::new(memory().await[0].clone());
    world.add(EMAIL).await;
    let begun = gatewright::Clock::now(&world.clock).as_seconds();
    let pair = world.login(EMAIL).await;
    world.clock.advance(Duration::from_millis(90_900));
    let pair = world.refresh(&pair.refresh_token).await.unwrap();
    let id = me(&world, &pair).await.session();
    let reply = answer(&world.auth, Operation::Sessions, &bearer(&pair), None).await;
    let (used, expires) = (begun + 90, begun + 90 + 7 * 86_400);
    let times = format!(r#""created_at":{begun},"last_used_at":{used},"expires_at":{expires}"#);
    let body = format!(
        r#"{{"sessions":[{{"id":"{id}",{times},"address":null,"user_agent":null,"current":true}}]}}"#
    );
    assert_eq!((reply.status, &*reply.body), (200, body.as_bytes()));
    assert!(reply.headers.contains(&("cache-control", "no-store".to_owned())));
}

#[tokio::test]
async fn sessions_that_a_change_of_password_could_not_end_are_not_listed() {
    let (store, outage) = FragileStore::new(memory().await[0].clone());
    let world = World::new(store);
    world.add(EMAIL).await;
    let [first, second] = [world.login(EMAIL).await, world.login(EMAIL).await];
    let (caller, other) = (me(&world, &second).await, me(&world, &first).await.session());
    let new = "another correct horse";
    let change = PasswordChange::new(Password::new(PASSWORD), Password::new(new)).unwrap();
    outage.of_sessions();
    assert!(world.auth.change_password(&caller, change).await.is_err());
    outage.end();
    let login = gatewright::Login::new(EMAIL, Password::new(new));
    let third = world.auth.login(login).await.unwrap();
    let kept = gatewright::SessionStore::list(&world.store, &caller.user().id).await.unwrap();
    assert_eq!(kept.len(), 3, "the store has them still");
    assert_eq!(listed(&world, &third).await, [me(&world, &third).await.session()]);
    let dead = world.auth.end_session(&me(&world, &third).await, other).await;
    assert!(matches!(dead, Err(AuthError::NotFound { .. })));
}

#[tokio::test]
async fn ending_a_session_is_an_event_and_reaches_nobody_elses() {
    let world = World::new(memory().await[0].clone());
    world.add(EMAIL).await;
    world.add("other@example.com").await;
    let [first, second] = [world.login(EMAIL).await, world.login(EMAIL).await];
    let other = world.login("other@example.com").await;
    let (caller, there) = (me(&world, &first).await, me(&world, &second).await.session());
    let theirs = me(&world, &other).await.session();
    let _ = world.events.take();
    assert!(matches!(world.auth.end_session(&caller, theirs).await, Err(AuthError::NotFound { .. })));
    assert_eq!(world.events.take(), [""; 0]);
    world.auth.end_session(&caller, there).await.unwrap();
    let user = &caller.user().id;
    assert_eq!(world.events.take(), [format!("LoggedOut {{ user: {user:?}, session: {there:?} }}")]);
    assert_eq!(world.status(&second.access_token).await, 401);
    assert_eq!(world.status(&other.access_token).await, 200);
}

#[tokio::test]
async fn an_identity_of_another_auth_sees_and_ends_nothing() {
    let [store, other] = memory().await;
    let (world, other) = (World::new(store), World::new(other));
    world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    let foreign = me(&other, &pair).await;
    assert!(matches!(world.auth.sessions(&foreign).await, Err(AuthError::Access(_))));
    let ended = world.auth.end_session(&foreign, foreign.session()).await;
    assert!(matches!(ended, Err(AuthError::Access(_))));
    assert_eq!(world.status(&pair.access_token).await, 200);
}

#[tokio::test]
async fn without_a_store_nothing_is_listed_or_said_to_be_gone() {
    let (store, outage) = FragileStore::new(memory().await[0].clone());
    let world = World::new(store);
    world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    let (caller, accounts) = (me(&world, &pair).await, world.auth.accounts().unwrap());
    let user = caller.user().id.clone();
    for is_of_sessions in [true, false] {
        if is_of_sessions {
            outage.of_sessions()
        } else {
            outage.of_users()
        }
        // The programmatic list needs the sessions alone; the endpoints and administrators need both.
        assert_eq!(world.auth.sessions(&caller).await.is_err(), is_of_sessions);
        let list = accounts.sessions(&user).await.unwrap_err();
        assert_eq!(Denial::from(&list), Denial::Unavailable);
        for operation in [Operation::Sessions, Operation::EndSession] {
            let id = caller.session().to_string();
            let reply = answer(&world.auth, operation, &bearer(&pair), Some(&id)).await;
            assert_eq!(reply.status, 503, "{operation:?}");
        }
        outage.end();
    }
    assert_eq!(world.status(&pair.access_token).await, 200);
    let nobody = UserId::new("nobody").unwrap();
    assert!(matches!(accounts.sessions(&nobody).await, Err(AuthError::NotFound { .. })));
}

#[tokio::test]
async fn an_endpoint_answers_its_own_methods_and_names_them() {
    let world: World<MemoryStore> = World::new(memory().await[0].clone());
    world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    let (mut refused, mut other) = (0, 0);
    for operation in Operation::ALL {
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "get", "", "GET,HEAD"] {
            let headers = bearer(&pair);
            let view = RequestView::new(method, &headers).with_id(Some("none"));
            let reply = world.auth.answer(*operation, &view, Ok(Bytes::new())).await;
            let allowed = operation.allow().split(',').any(|own| own == method);
            if allowed {
                assert_ne!(reply.status, 405, "{method} {operation:?}");
                other += 1;
            } else {
                assert_eq!(reply.status, 405, "{method} {operation:?}");
                assert!(reply.headers.contains(&("allow", operation.allow().to_owned())));
                refused += 1;
            }
        }
    }
    assert_eq!(other, Operation::ALL.len() + 1, "one answers two");
    assert_eq!(refused, Operation::ALL.len() * 9 - other);
}
