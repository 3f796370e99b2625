//! No secret stands in clear in any column: all tables are read as text and searched.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use example_service::testing::{databases, serve_with_redis};
use gatewright::{ClientInfo, Login, MySqlStore, Password, PostgresStore, SqliteStore, UserAgent};
use gatewright_testkit::TestHasher;
use gatewright_testkit::http::{PASSWORD as HTTP_PASSWORD, Tokens, claims};
use gatewright_testkit::store::Store;
use gatewright_tests::{PASSWORD, World, new_file};
use sqlx::{AssertSqlSafe, Connection, Row};

const EMAIL: &str = "ada@example.com";
const ADDRESS: &str = "192.0.2.17";
const AGENT: &str = "a browser of our own/1.0";

#[tokio::test]
async fn no_secret_stands_in_clear_in_sqlite() {
    let url = format!("sqlite://{}", new_file("dump.db").display());
    let secrets = leave_traces(SqliteStore::connect(&url).await.unwrap()).await;
    let mut raw = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let columns =
        "SELECT tables.name, columns.name FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns
        WHERE tables.type = 'table'";
    let columns: Vec<(String, String)> = sqlx::query_as(columns).fetch_all(&mut raw).await.unwrap();
    let mut dump = String::new();
    for (table, column) in columns {
        // As it is, where it is text, and in hexadecimal, where it is not.
        let select = AssertSqlSafe(format!("SELECT quote({column}) FROM {table}"));
        for value in sqlx::query_scalar::<_, String>(select).fetch_all(&mut raw).await.unwrap() {
            dump.push_str(&value);
        }
    }
    search(&dump, &secrets, &|bytes| hex(bytes).to_uppercase());
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn no_secret_stands_in_clear_on_postgres() {
    let url = databases::postgres().await;
    let secrets = leave_traces(PostgresStore::connect(&url).await.unwrap()).await;
    let mut raw = sqlx::PgConnection::connect(&url).await.unwrap();
    let tables = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'";
    let mut dump = String::new();
    for table in sqlx::query(tables).fetch_all(&mut raw).await.unwrap() {
        let table: &str = table.try_get(0).unwrap();
        let rows = sqlx::query(AssertSqlSafe(format!("SELECT t::text FROM {table} t")));
        for row in rows.fetch_all(&mut raw).await.unwrap() {
            dump.push_str(row.try_get(0).unwrap());
        }
    }
    search(&dump, &secrets, &hex);
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
async fn no_secret_stands_in_clear_on_mysql() {
    let url = databases::mysql().await;
    let secrets = leave_traces(MySqlStore::connect(&url).await.unwrap()).await;
    let mut raw = sqlx::MySqlConnection::connect(&url).await.unwrap();
    let columns = "SELECT CAST(table_name AS CHAR), CAST(column_name AS CHAR) FROM information_schema.columns
        WHERE table_schema = DATABASE()";
    let mut dump = String::new();
    for column in sqlx::query(columns).fetch_all(&mut raw).await.unwrap() {
        let (table, column): (&str, &str) = (column.try_get(0).unwrap(), column.try_get(1).unwrap());
        // Both ways: as it is, where it is text, and in hexadecimal, where it is not.
        let select = format!("SELECT {column}, HEX({column}) FROM {table}");
        for row in sqlx::query(AssertSqlSafe(select)).fetch_all(&mut raw).await.unwrap() {
            dump.push_str(&String::from_utf8_lossy(row.try_get_unchecked(0).unwrap_or_default()));
            dump.push_str(row.try_get::<Option<&str>, _>(1).unwrap().unwrap_or_default());
        }
    }
    search(&dump, &secrets, &|bytes| hex(bytes).to_uppercase());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
async fn no_secret_stands_in_clear_on_redis() {
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

    let mut dump = String::new();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut raw).await.unwrap();
    for key in keys.iter().filter(|key| key.starts_with(prefix.as_str())) {
        let fields: Vec<String> = redis::cmd("HGETALL").arg(key).query_async(&mut raw).await.unwrap();
        dump.push_str(&format!("{key} {fields:?}"));
    }
    let mut searched = 0;
    for token in pairs.iter().flat_map(|pair| [&pair.access, &pair.refresh]) {
        let id = claims(token)["jti"].as_str().unwrap().to_owned();
        for secret in [token.clone(), STANDARD.encode(&id), hex(id.as_bytes()), id] {
            assert!(!dump.contains(&secret), "{secret}");
            searched += 1;
        }
        let sid = claims(token)["sid"].as_str().unwrap().to_owned();
        assert!(dump.contains(&sid), "{sid}");
    }
    assert_eq!(searched, 32);
}

/// Makes a user with two sessions, one of them refreshed twice, and returns what must not be found.
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
    // The password is not among them: the test's hasher does not hide it.
    let mut secrets = Vec::new();
    for token in pairs.iter().flat_map(|pair| [&pair.access_token, &pair.refresh_token]) {
        secrets.push(token.expose().to_owned());
        secrets.push(claims(token.expose())["jti"].as_str().unwrap().to_owned());
    }
    assert_eq!(secrets.len(), 16);
    secrets
}

fn search(dump: &str, secrets: &[String], as_bytes: &dyn Fn(&[u8]) -> String) {
    // What must be there shows that the search can find something, in columns of the first migration and of a later one.
    for text in [EMAIL, TestHasher::stored(PASSWORD).expose(), ADDRESS, AGENT] {
        assert!(dump.contains(text), "{text} is not in {dump}");
    }
    for secret in secrets {
        assert!(!dump.contains(secret.as_str()) && !dump.contains(&as_bytes(secret.as_bytes())), "{secret}");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
