//! A store that fails leads to 503, never to 401 or 403, and leaves nothing half-written.

use gatewright::endpoints::Refresh;
use gatewright::http::{Denial, RequestView};
use gatewright::store::{AccountStore, SessionStore, TokenDigest};
use gatewright::types::SessionId;
use gatewright::{AuthError, Error, Login, MemoryStore, Password, SqliteStore, TokenPair};
use gatewright_testkit::{FailingStore, Method, Outage};
use gatewright_tests::{PASSWORD, World, new_file, sqlite};
use sqlx::{Connection, SqliteConnection};

use crate::endpoints::{
    EMAIL, NEW_PASSWORD, authenticate, bearer, failing_world, new_password, session_of, world_on,
};
use crate::servers::{IN_TIME, broken_off, unavailable_in_time};

fn is_outage<T: std::fmt::Debug>(result: Result<T, Error>) {
    let error = result.unwrap_err();
    assert_eq!(Denial::from(error.kind()), Denial::Unavailable, "{error:?}");
    let reply = error.reply();
    assert_eq!((reply.status, &*reply.body), (503, br#"{"detail":"Service unavailable"}"#.as_slice()));
    assert!(reply.headers.contains(&("retry-after", "2".to_owned())));
}

fn login() -> Login {
    Login::new(EMAIL, Password::new(PASSWORD))
}

/// A world on a new SQLite file with one user who is logged in, and a second connection to the
/// file.
async fn on_a_file(name: &str) -> (World<SqliteStore>, TokenPair, SqliteConnection) {
    let url = format!("sqlite://{}", new_file(name).display());
    let world = world_on(SqliteStore::connect(&url).await.unwrap()).await;
    let pair = world.login(EMAIL).await;
    (world, pair, SqliteConnection::connect(&url).await.unwrap())
}

async fn run(connection: &mut SqliteConnection, statement: &'static str) {
    sqlx::query(statement).execute(connection).await.unwrap();
}

#[tokio::test]
async fn failing_stores_make_requests_unavailable_and_consume_nothing() {
    let (world, outage) = failing_world().await;
    let mut pair = world.login(EMAIL).await;
    let headers = bearer(&pair.access_token);
    let view = RequestView::new("GET", &headers);
    let me = authenticate(&world, &pair.access_token).await;
    let id = &me.user().id;
    for start in [Outage::fail_users, Outage::fail_sessions] {
        start(&outage);
        // Without a cache entry the guard must ask both stores.
        world.auth.invalidate_user(id).await.unwrap();
        assert_eq!(world.auth.authenticate(&view).await.unwrap_err().status(), 503);
        is_outage(world.auth.login(login()).await);
        is_outage(world.auth.refresh(Refresh::new(pair.refresh_token.clone())).await);
        outage.recover();
        assert_eq!(world.status(&pair.access_token).await, 200);
        pair = world.refresh(&pair.refresh_token).await.unwrap();
    }
    outage.fail_sessions();
    is_outage(world.auth.logout(&me).await);
    is_outage(world.auth.accounts().unwrap().delete(id).await);
    outage.recover();
    assert_eq!(world.status(&pair.access_token).await, 401, "the account was deleted before its sessions");
}

#[tokio::test]
async fn password_change_without_the_session_store_ends_every_session() {
    let (world, outage) = failing_world().await;
    let pair = world.login(EMAIL).await;
    let me = authenticate(&world, &pair.access_token).await;
    outage.fail_sessions();
    is_outage(world.auth.change_password(&me, new_password()).await);
    outage.recover();
    assert_eq!(world.status(&pair.access_token).await, 200, "nothing was changed");
    outage.fail_method(Method::ReplaceAllSessions);
    is_outage(world.auth.change_password(&me, new_password()).await);
    outage.recover();
    assert_eq!(world.status(&pair.access_token).await, 401);
    assert!(world.refresh(&pair.refresh_token).await.is_err());
    assert!(world.auth.login(Login::new(EMAIL, Password::new(NEW_PASSWORD))).await.is_ok());
}

#[tokio::test]
async fn a_second_deletion_completes_one_that_failed_midway() {
    let (store, outage) = FailingStore::new(MemoryStore::new());
    let world = World::new(store.clone());
    let (account, bystander) = (world.add(EMAIL).await, world.add("eve@example.com").await);
    world.login(EMAIL).await;
    world.login("eve@example.com").await;
    let accounts = world.auth.accounts().unwrap();
    outage.fail_sessions();
    is_outage(accounts.delete(&account.id).await);
    outage.recover();
    assert_eq!(store.list(&account.id).await.unwrap().len(), 1);
    let again = accounts.delete(&account.id).await.map_err(AuthError::from);
    assert!(matches!(again, Err(AuthError::NotFound { .. })), "{again:?}");
    assert!(store.list(&account.id).await.unwrap().is_empty());
    assert_eq!(store.list(&bystander.id).await.unwrap().len(), 1);
    outage.fail_sessions();
    is_outage(accounts.delete(&account.id).await);
}

#[tokio::test]
async fn a_closed_database_is_unavailable() {
    let world = world_on(sqlite().await[0].clone()).await;
    let pair = world.login(EMAIL).await;
    world.store.close().await;
    assert_eq!(world.status(&pair.access_token).await, 503);
    is_outage(world.refresh(&pair.refresh_token).await);
    is_outage(world.auth.login(login()).await);
}

#[tokio::test]
async fn a_locked_database_is_unavailable_in_time_and_consumes_nothing() {
    let (world, pair, mut other) = on_a_file("locked.db").await;
    run(&mut other, "BEGIN IMMEDIATE").await;
    let started = tokio::time::Instant::now();
    is_outage(world.refresh(&pair.refresh_token).await);
    assert!(started.elapsed() < IN_TIME, "{:?}", started.elapsed());
    assert_eq!(world.status(&pair.access_token).await, 200, "reads still succeed");
    run(&mut other, "ROLLBACK").await;
    assert!(world.refresh(&pair.refresh_token).await.is_ok(), "nothing was consumed");
}

/// Statements that make deletions and insertions fail, and those that undo them.
const BROKEN: [(&str, &str); 2] = [
    (
        "CREATE TRIGGER broken BEFORE DELETE ON gatewright_sessions BEGIN SELECT RAISE(ABORT, 'broken'); END",
        "DROP TRIGGER broken",
    ),
    (
        "CREATE TRIGGER broken BEFORE INSERT ON gatewright_sessions BEGIN SELECT RAISE(ABORT, 'broken'); END",
        "DROP TRIGGER broken",
    ),
];

#[tokio::test]
async fn a_method_that_fails_midway_leaves_nothing_half_written() {
    let (world, kept, mut raw) = on_a_file("half.db").await;
    let other = world.login(EMAIL).await;
    let (account, id) = (
        world.auth.accounts().unwrap().page(None, 1).await.unwrap().remove(0),
        session_of(&kept.access_token),
    );
    let mut session = world.store.find(&account.id, id).await.unwrap().unwrap();
    session.id = SessionId::generate(session.created_at, &gatewright::types::SystemRandom).unwrap();
    let current = TokenDigest::from_bytes([1; 32]);
    for (trigger, drop) in BROKEN {
        run(&mut raw, trigger).await;
        // One method first inserts the new session, then deletes the oldest ones; the other deletes first.
        assert!(SessionStore::create(&world.store, &session, current, 1).await.is_err());
        assert!(world.store.replace_all(&session, current).await.is_err());
        run(&mut raw, drop).await;
        assert_eq!(world.store.list(&account.id).await.unwrap().len(), 2);
        assert!(world.store.find(&account.id, session.id).await.unwrap().is_none());
    }
    for pair in [kept, other] {
        assert!(world.refresh(&pair.refresh_token).await.is_ok());
    }
}

/// A full disk or an I/O error rolls the transaction back before the store ends it.
#[tokio::test]
async fn the_writer_works_after_the_database_rolled_back_by_itself() {
    let (world, pair, mut raw) = on_a_file("full.db").await;
    let trigger =
        "CREATE TRIGGER full BEFORE UPDATE ON gatewright_sessions BEGIN SELECT RAISE(ROLLBACK, 'full'); END";
    run(&mut raw, trigger).await;
    for _ in 0..3 {
        is_outage(world.refresh(&pair.refresh_token).await);
    }
    run(&mut raw, "DROP TRIGGER full").await;
    assert!(world.refresh(&pair.refresh_token).await.is_ok(), "nothing was consumed, and the writer works");
}

#[tokio::test]
async fn an_outage_is_503_on_every_route_without_its_cause() {
    let world = world_on(sqlite().await[0].clone()).await;
    let pair = world.login(EMAIL).await;
    let app: axum::Router = axum::Router::new()
        .route("/me", axum::routing::get(async |_: gatewright::axum::CurrentUser| "ok"))
        .route("/maybe", axum::routing::get(async |_: gatewright::axum::MaybeUser| "ok"))
        .nest("/auth", gatewright::axum::routes(&world.auth))
        .with_state(world.auth.clone());
    world.store.close().await;
    let (form, json) = (Some("application/x-www-form-urlencoded"), Some("application/json"));
    let login = format!("username={EMAIL}&password={}", PASSWORD.replace(' ', "+"));
    let refresh = format!("refresh_token={}", pair.refresh_token.expose());
    let register = format!(r#"{{"email":"a@b","password":"{PASSWORD}"}}"#);
    let requests = [
        ("GET", "/me", None, ""),
        ("GET", "/maybe", None, ""),
        ("POST", "/auth/login", form, &login),
        ("POST", "/auth/refresh", form, &refresh),
        ("POST", "/auth/logout", form, &refresh),
        ("POST", "/auth/logout", None, ""),
        ("POST", "/auth/register", json, &register),
    ];
    for (method, path, media_type, body) in requests {
        let mut request = axum::http::Request::builder().method(method).uri(path);
        request = request.header("authorization", bearer(&pair.access_token).0);
        if let Some(media_type) = media_type {
            request = request.header("content-type", media_type);
        }
        let request = request.body(axum::body::Body::from(body.to_owned())).unwrap();
        let response = tower::ServiceExt::oneshot(app.clone(), request).await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["retry-after"]),
            (503, &"2".parse().unwrap()),
            "{path}"
        );
        assert!(!response.headers().contains_key("www-authenticate"), "{path}");
        let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
        assert_eq!(&*body, br#"{"detail":"Service unavailable"}"#, "{path}");
    }
}

#[tokio::test]
async fn many_processes_can_create_the_tables_of_a_new_database_at_once() {
    for _ in 0..5 {
        let url = format!("sqlite://{}", new_file("shared.db").display());
        let mut starts = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let url = url.clone();
            starts.spawn(async move { SqliteStore::connect(&url).await });
        }
        for started in starts.join_all().await {
            started.unwrap().count().await.unwrap();
        }
    }
}

#[tokio::test]
async fn exhausted_connections_are_503_in_time_and_consume_nothing_in_sqlite() {
    let (world, pair, mut other) = on_a_file("busy.db").await;
    run(&mut other, "BEGIN IMMEDIATE").await;
    unavailable_in_time(&world, &pair).await;
    run(&mut other, "ROLLBACK").await;
    assert!(world.refresh(&pair.refresh_token).await.is_ok(), "nothing was consumed");
}

#[tokio::test]
async fn the_next_start_completes_an_interrupted_one_in_sqlite() {
    broken_off::<SqliteStore>().await;
}
