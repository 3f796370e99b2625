//! Refresh: what the scenarios (`scenarios.rs`) leave open. Times to the microsecond, and the bytes of a database's files.

use std::time::Duration;

use gatewright::{AuthError, SqliteStore, TokenText};
use gatewright_testkit::store::Store;
use gatewright_tests::{PASSWORD, World, new_file, sqlite};

const EMAIL: &str = "ada@example.com";
const DAY: Duration = Duration::from_secs(86_400);

async fn is_refused<S: Store>(world: &World<S>, token: &TokenText) -> bool {
    matches!(world.refresh(token).await, Err(AuthError::Refresh(_)))
}

#[tokio::test]
async fn inside_the_grace_window_every_node_gives_the_same_token_to_the_byte() {
    let [here, there] = sqlite().await;
    let grace = |builder: gatewright::AuthBuilder<gatewright::Account>| {
        builder.with_refresh_grace(Duration::from_secs(10))
    };
    let here = World::with(here, grace);
    let clock = here.clock.clone();
    let there = World::with(there, |builder| grace(builder).with_clock(clock));
    here.add(EMAIL).await;
    let first = here.login(EMAIL).await;
    here.clock.advance(Duration::from_millis(1_234));
    let second = here.refresh(&first.refresh_token).await.unwrap();
    here.clock.advance(Duration::from_millis(9_999));
    let again = there.refresh(&first.refresh_token).await.unwrap();
    assert_eq!(again.refresh_token.expose(), second.refresh_token.expose());
    here.clock.advance(Duration::from_millis(1));
    assert!(is_refused(&there, &first.refresh_token).await);
    assert!(is_refused(&here, &second.refresh_token).await);
}

#[tokio::test]
async fn a_session_ends_when_it_lies_idle_and_when_it_is_too_old() {
    let [store, _] = sqlite().await;
    let world = World::new(store);
    world.add(EMAIL).await;
    let idle = world.login(EMAIL).await;
    world.clock.advance(7 * DAY);
    assert!(is_refused(&world, &idle.refresh_token).await);

    let mut pair = world.login(EMAIL).await;
    for _ in 0..5 {
        world.clock.advance(6 * DAY - Duration::from_secs(1));
        pair = world.refresh(&pair.refresh_token).await.unwrap();
    }
    // Thirty days less five seconds: the access token does not outlive the session.
    assert_eq!(pair.expires_in, 5);
    world.clock.advance(Duration::from_secs(5));
    assert!(is_refused(&world, &pair.refresh_token).await);
    assert_eq!(world.auth.purge_expired_sessions().await.unwrap(), 2);
}

#[tokio::test]
async fn a_dump_of_the_database_holds_no_password_and_yields_no_token() {
    let path = new_file("dump.db");
    let store = SqliteStore::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    let clock = gatewright_testkit::FixedClock::default();
    let pool = gatewright::HashingPool::builder().build().unwrap();
    let auth = gatewright::Auth::local(store.clone(), gatewright_tests::jwt(), pool)
        .with_clock(clock)
        .with_registration_role(gatewright::RoleName::new("user").unwrap())
        .build()
        .unwrap();
    let password = || gatewright::Password::new(PASSWORD);
    auth.register(gatewright::Registration::new(EMAIL, password()).unwrap()).await.unwrap();
    let first = auth.login(gatewright::Login::new(EMAIL, password())).await.unwrap();
    let second = auth.refresh(gatewright::Refresh::new(first.refresh_token.clone())).await.unwrap();
    store.close().await;

    let mut dump = Vec::new();
    for file in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        dump.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    let holds = |text: &[u8]| dump.windows(text.len()).any(|window| window == text);
    assert!(holds(EMAIL.as_bytes()), "the dump is of the right files");
    let mut secrets = vec![PASSWORD.as_bytes().to_vec(), gatewright_tests::SECRET.as_bytes().to_vec()];
    for token in [first.access_token, first.refresh_token, second.access_token, second.refresh_token] {
        let claims = gatewright_testkit::http::claims(token.expose());
        let id = claims["jti"].as_str().unwrap().to_owned();
        let signature = token.expose().rsplit('.').next().unwrap().to_owned();
        secrets.extend([token.expose().to_owned(), id, signature].map(String::into_bytes));
    }
    assert_eq!(secrets.len(), 14);
    for secret in secrets {
        assert!(!holds(&secret), "{}", String::from_utf8_lossy(&secret));
    }
}
