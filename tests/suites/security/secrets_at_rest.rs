//! No store contains a secret in clear: the tests search every column and the database files.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use example_service::testing::{databases, serve_with_redis};
use gatewright::endpoints::Refresh;
use gatewright::types::{ClientInfo, UserAgent};
use gatewright::{
    Auth, HashingPool, Login, MySqlStore, Password, PostgresStore, Registration, RoleName, SqliteStore,
};
use gatewright_testkit::auth_routes::{PASSWORD as HTTP_PASSWORD, Tokens, claims};
use gatewright_testkit::store::Store;
use gatewright_testkit::{FixedClock, TestHasher};
use gatewright_tests::database::Database;
use gatewright_tests::storages::redis_values;
use gatewright_tests::{PASSWORD, World, jwt, new_file, secret};

const EMAIL: &str = "ada@example.com";
const ADDRESS: &str = "192.0.2.17";
const AGENT: &str = "a browser of our own/1.0";

#[tokio::test]
async fn no_column_contains_a_secret_in_sqlite() {
    no_column_contains_a_secret::<SqliteStore>().await;
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn no_column_contains_a_secret_on_postgres() {
    no_column_contains_a_secret::<PostgresStore>().await;
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
async fn no_column_contains_a_secret_on_mysql() {
    no_column_contains_a_secret::<MySqlStore>().await;
}

async fn no_column_contains_a_secret<D: Database>() {
    let url = D::new_url().await;
    let secrets = leave_traces(D::open(&url).await.unwrap()).await;
    let dump = D::values(&url).await.concat();
    // These values must be found, in columns of the first and of a later migration.
    for text in [EMAIL, TestHasher::stored(PASSWORD).expose(), ADDRESS, AGENT] {
        assert!(contains(&dump, text), "{text} is missing in {}", String::from_utf8_lossy(&dump));
    }
    for secret in secrets {
        let hex = hex(secret.as_bytes());
        for text in [&secret, &hex, &hex.to_uppercase()] {
            assert!(!contains(&dump, text), "{secret}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
async fn no_key_or_field_contains_a_secret_on_redis() {
    let (url, prefix) = databases::redis();
    let mut raw = redis::Client::open(&*url).unwrap().get_multiplexed_async_connection().await.unwrap();
    let target = serve_with_redis("memory:", (url, prefix.clone()), axum_app::serve);
    let traces = move || {
        let email = target.register();
        let mut pairs = vec![target.login(&email, HTTP_PASSWORD), target.login(&email, HTTP_PASSWORD)];
        for _ in 0..2 {
            pairs.push(Tokens::from(&target.refresh(&pairs.last().unwrap().refresh)));
        }
        pairs
    };
    let pairs = tokio::task::spawn_blocking(traces).await.unwrap();

    let dump = redis_values(&mut raw, &prefix).await.concat();
    let mut searched = 0;
    for token in pairs.iter().flat_map(|pair| [&pair.access, &pair.refresh]) {
        let id = claims(token)["jti"].as_str().unwrap().to_owned();
        for secret in [token.clone(), STANDARD.encode(&id), hex(id.as_bytes()), id] {
            assert!(!contains(&dump, &secret), "{secret}");
            searched += 1;
        }
        let sid = claims(token)["sid"].as_str().unwrap().to_owned();
        assert!(contains(&dump, &sid), "{sid}");
    }
    assert_eq!(searched, 32);
}

/// Uses a real hasher, so that the files must not contain the password either.
#[tokio::test]
async fn database_files_contain_no_password_and_no_token() {
    let path = new_file("dump.db");
    let store = SqliteStore::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    let auth = Auth::local(store.clone(), jwt(), HashingPool::new().unwrap())
        .with_clock(FixedClock::default())
        .with_registration_role(RoleName::new("user").unwrap())
        .build()
        .unwrap();
    auth.register(Registration::new(EMAIL, Password::new(PASSWORD)).unwrap()).await.unwrap();
    let first = auth.login(Login::new(EMAIL, Password::new(PASSWORD))).await.unwrap();
    let second = auth.refresh(Refresh::new(first.refresh_token.clone())).await.unwrap();
    store.close().await;

    let mut dump = Vec::new();
    for file in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        dump.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    assert!(contains(&dump, EMAIL), "the files contain the user");
    let mut secrets = vec![PASSWORD.to_owned(), secret().to_owned()];
    for token in [first.access_token, first.refresh_token, second.access_token, second.refresh_token] {
        let id = claims(token.expose())["jti"].as_str().unwrap().to_owned();
        let signature = token.expose().rsplit('.').next().unwrap().to_owned();
        secrets.extend([token.expose().to_owned(), id, signature]);
    }
    assert_eq!(secrets.len(), 14);
    for secret in secrets {
        assert!(!contains(&dump, &secret), "{secret}");
    }
}

/// Creates a user with two sessions and refreshes one of them twice. Returns the secrets.
async fn leave_traces<S: Store>(store: S) -> Vec<String> {
    let world = World::new(store);
    world.add(EMAIL).await;
    let client = ClientInfo::new(ADDRESS.parse().ok(), UserAgent::clean(AGENT.as_bytes()));
    let login = Login::new(EMAIL, Password::new(PASSWORD)).with_client(client);
    let mut pairs = vec![world.auth.login(login).await.unwrap(), world.login(EMAIL).await];
    for _ in 0..2 {
        let next = world.refresh(&pairs.last().unwrap().refresh_token).await.unwrap();
        pairs.push(next);
    }
    // The password is not included: `TestHasher` stores it in clear.
    let mut secrets = Vec::new();
    for token in pairs.iter().flat_map(|pair| [&pair.access_token, &pair.refresh_token]) {
        secrets.push(token.expose().to_owned());
        secrets.push(claims(token.expose())["jti"].as_str().unwrap().to_owned());
    }
    assert_eq!(secrets.len(), 16);
    secrets
}

fn contains(dump: &[u8], text: &str) -> bool {
    dump.windows(text.len()).any(|window| window == text.as_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
