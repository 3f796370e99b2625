//! A store that is gone is 503, never 401 or 403, and nothing is half written.

use gatewright::{
    AccountStore, Auth, AuthError, Denial, Epoch, Login, Password, Refresh, RequestView, Revocation,
    SessionId, SessionStore, TokenDigest,
};
use gatewright_testkit::{FragileStore, Outage};
use gatewright_tests::{Bearer, PASSWORD, World, memory, new_file, sqlite};
use sqlx::Connection;

use crate::servers::{IN_TIME, broken_off, unavailable_in_time};

const EMAIL: &str = "ada@example.com";

fn is_outage<T: std::fmt::Debug>(auth: &Auth, result: Result<T, AuthError>) {
    let error = result.unwrap_err();
    assert_eq!(Denial::from(&error), Denial::Unavailable, "{error:?}");
    let reply = auth.reply_to(&error);
    assert_eq!((reply.status, &*reply.body), (503, br#"{"detail":"Service unavailable"}"#.as_slice()));
    assert!(reply.headers.contains(&("retry-after", "2".to_owned())));
}

#[tokio::test]
async fn whichever_store_is_gone_everything_that_needs_it_is_unavailable_and_nothing_is_consumed() {
    let [store, _] = memory().await;
    let (store, outage) = FragileStore::new(store);
    let world = World::new(store);
    let account = world.add(EMAIL).await;
    let mut pair = world.login(EMAIL).await;
    let headers = Bearer(format!("Bearer {}", pair.access_token.expose()));
    let view = RequestView::new("GET", &headers);
    let me = world.auth.authenticate(&view).await.unwrap().unwrap();
    for begin in [Outage::of_users, Outage::of_sessions] {
        begin(&outage);
        world.auth.announce(Revocation::user(account.id.clone())).await.unwrap(); // nothing is remembered
        assert_eq!(world.auth.authenticate(&view).await.unwrap_err().status, 503);
        is_outage(&world.auth, world.auth.login(Login::new(EMAIL, Password::new(PASSWORD))).await);
        is_outage(&world.auth, world.auth.refresh(Refresh::new(pair.refresh_token.clone())).await);
        outage.end();
        assert_eq!(world.status(&pair.access_token).await, 200);
        pair = world.refresh(&pair.refresh_token).await.unwrap();
    }
    outage.of_sessions();
    is_outage(&world.auth, world.auth.logout(&me).await);
    is_outage(&world.auth, world.auth.accounts().unwrap().delete(&account.id).await);
    outage.end();
    assert_eq!(world.status(&pair.access_token).await, 401, "the fence came first");
}

#[tokio::test]
async fn a_change_of_password_without_the_session_store_signs_everybody_out() {
    let [store, _] = memory().await;
    let (store, outage) = FragileStore::new(store);
    let world = World::new(store);
    world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    let headers = Bearer(format!("Bearer {}", pair.access_token.expose()));
    let me = world.auth.authenticate(&RequestView::new("GET", &headers)).await.unwrap().unwrap();
    let change =
        gatewright::PasswordChange::new(Password::new(PASSWORD), Password::new("another correct horse"))
            .unwrap();
    outage.of_sessions();
    is_outage(&world.auth, world.auth.change_password(&me, change).await);
    outage.end();
    assert_eq!(world.status(&pair.access_token).await, 401);
    assert!(world.refresh(&pair.refresh_token).await.is_err());
    let login = Login::new(EMAIL, Password::new("another correct horse"));
    assert!(world.auth.login(login).await.is_ok());
}

#[tokio::test]
async fn a_deletion_that_stopped_halfway_is_made_whole_by_the_next() {
    let [store, _] = memory().await;
    let (store, outage) = FragileStore::new(store);
    let world = World::new(store.clone());
    let (account, bystander) = (world.add(EMAIL).await, world.add("eve@example.com").await);
    world.login(EMAIL).await;
    world.login("eve@example.com").await;
    let accounts = world.auth.accounts().unwrap();
    outage.of_sessions();
    is_outage(&world.auth, accounts.delete(&account.id).await);
    outage.end();
    assert_eq!(store.list(&account.id).await.unwrap().len(), 1);
    let again = accounts.delete(&account.id).await;
    assert!(matches!(again, Err(AuthError::NotFound { .. })), "{again:?}");
    assert!(store.list(&account.id).await.unwrap().is_empty());
    assert_eq!(store.list(&bystander.id).await.unwrap().len(), 1);
    outage.of_sessions();
    is_outage(&world.auth, accounts.delete(&account.id).await);
}

#[tokio::test]
async fn a_closed_database_is_unavailable() {
    let [store, _] = sqlite().await;
    let world = World::new(store.clone());
    world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    store.close().await;
    assert_eq!(world.status(&pair.access_token).await, 503);
    is_outage(&world.auth, world.refresh(&pair.refresh_token).await);
    is_outage(&world.auth, world.auth.login(Login::new(EMAIL, Password::new(PASSWORD))).await);
}

#[tokio::test]
async fn a_database_locked_by_somebody_else_is_unavailable_in_time_and_consumes_nothing() {
    let url = format!("sqlite://{}", new_file("locked.db").display());
    let store = gatewright::SqliteStore::connect(&url).await.unwrap();
    let world = World::new(store);
    world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    let mut other = sqlx::SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let started = tokio::time::Instant::now();
    is_outage(&world.auth, world.refresh(&pair.refresh_token).await);
    assert!(started.elapsed() < IN_TIME, "{:?}", started.elapsed());
    assert_eq!(world.status(&pair.access_token).await, 200, "reading goes on");
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    assert!(world.refresh(&pair.refresh_token).await.is_ok(), "nothing was consumed");
}

#[tokio::test]
async fn a_verb_that_fails_in_its_middle_leaves_nothing_half_written() {
    let url = format!("sqlite://{}", new_file("half.db").display());
    let store = gatewright::SqliteStore::connect(&url).await.unwrap();
    let world = World::new(store);
    let account = world.add(EMAIL).await;
    let [kept, other] = [world.login(EMAIL).await, world.login(EMAIL).await];
    let mut raw = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let trigger =
        "CREATE TRIGGER broken BEFORE DELETE ON gatewright_sessions BEGIN SELECT RAISE(ABORT, 'broken'); END";
    sqlx::query(trigger).execute(&mut raw).await.unwrap();

    // The epoch of the kept session is written first, then the other is to be deleted.
    let id = session_of(&kept);
    assert!(world.store.retain(&account.id, id, Epoch::from_u64(7)).await.is_err());
    assert_eq!(world.store.find(&account.id, id).await.unwrap().unwrap().epoch, account.epoch);
    // The new session is written first, then the oldest are to be deleted.
    let session = world.store.find(&account.id, id).await.unwrap().unwrap();
    let next = SessionId::generate(session.created_at, &gatewright::SystemRandomness).unwrap();
    let mut begun = session;
    begun.id = next;
    assert!(world.store.begin(&begun, TokenDigest::from_bytes([1; 32]), 1).await.is_err());
    assert!(world.store.find(&account.id, next).await.unwrap().is_none());

    sqlx::query("DROP TRIGGER broken").execute(&mut raw).await.unwrap();
    for pair in [kept, other] {
        assert!(world.refresh(&pair.refresh_token).await.is_ok());
    }
}

#[tokio::test]
async fn the_writer_goes_on_after_the_database_rolled_back_by_itself() {
    // As after a full disk or an I/O error: the transaction is gone before anybody asks for its end.
    let url = format!("sqlite://{}", new_file("full.db").display());
    let store = gatewright::SqliteStore::connect(&url).await.unwrap();
    let world = World::new(store);
    world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    let mut raw = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let trigger =
        "CREATE TRIGGER full BEFORE UPDATE ON gatewright_sessions BEGIN SELECT RAISE(ROLLBACK, 'full'); END";
    sqlx::query(trigger).execute(&mut raw).await.unwrap();
    for _ in 0..3 {
        is_outage(&world.auth, world.refresh(&pair.refresh_token).await);
    }
    sqlx::query("DROP TRIGGER full").execute(&mut raw).await.unwrap();
    assert!(world.refresh(&pair.refresh_token).await.is_ok(), "nothing was consumed, and the writer works");
}

#[tokio::test]
async fn an_outage_is_503_on_every_route_and_says_nothing_of_its_cause() {
    let [store, _] = sqlite().await;
    let world = World::new(store.clone());
    world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    let app: axum::Router = axum::Router::new()
        .route("/me", axum::routing::get(async |_: gatewright::axum::CurrentUser| "ok"))
        .route("/maybe", axum::routing::get(async |_: gatewright::axum::MaybeUser| "ok"))
        .nest("/auth", gatewright::axum::routes(&world.auth))
        .with_state(world.auth.clone());
    store.close().await;
    let form = |body: String| (Some("application/x-www-form-urlencoded"), body);
    let requests = [
        ("GET", "/me", (None, String::new())),
        ("GET", "/maybe", (None, String::new())),
        ("POST", "/auth/login", form(format!("username={EMAIL}&password={}", PASSWORD.replace(' ', "+")))),
        ("POST", "/auth/refresh", form(format!("refresh_token={}", pair.refresh_token.expose()))),
        ("POST", "/auth/logout", form(format!("refresh_token={}", pair.refresh_token.expose()))),
        ("POST", "/auth/logout", (None, String::new())),
        (
            "POST",
            "/auth/register",
            (Some("application/json"), format!(r#"{{"email":"a@b","password":"{PASSWORD}"}}"#)),
        ),
    ];
    for (method, path, (media, body)) in requests {
        let mut request = axum::http::Request::builder().method(method).uri(path);
        request = request.header("authorization", format!("Bearer {}", pair.access_token.expose()));
        if let Some(media) = media {
            request = request.header("content-type", media);
        }
        let request = request.body(axum::body::Body::from(body)).unwrap();
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
async fn many_processes_may_make_the_tables_of_one_new_database_at_once() {
    for _ in 0..5 {
        let url = format!("sqlite://{}", new_file("shared.db").display());
        let mut starts = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let url = url.clone();
            starts.spawn(async move { gatewright::SqliteStore::connect(&url).await });
        }
        for started in starts.join_all().await {
            started.unwrap().count().await.unwrap();
        }
    }
}

#[tokio::test]
async fn connections_that_run_out_are_503_in_time_and_consume_nothing_in_sqlite() {
    let url = format!("sqlite://{}", new_file("busy.db").display());
    let world = World::new(gatewright::SqliteStore::connect(&url).await.unwrap());
    world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    let mut other = sqlx::SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    unavailable_in_time(&world, &pair).await;
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    assert!(world.refresh(&pair.refresh_token).await.is_ok(), "nothing was consumed");
}

#[tokio::test]
async fn a_start_that_broke_off_is_completed_by_the_next_in_sqlite() {
    let fresh = async || format!("sqlite://{}", new_file("start.db").display());
    broken_off(fresh, async |url| gatewright::SqliteStore::connect(&url).await).await;
}

/// The session that a pair of tokens belongs to.
fn session_of(pair: &gatewright::TokenPair) -> SessionId {
    gatewright_testkit::http::claims(pair.access_token.expose())["sid"].as_str().unwrap().parse().unwrap()
}
