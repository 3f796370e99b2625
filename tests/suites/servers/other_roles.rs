//! A database role that may connect, but has no rights on the tables, cannot block a login. A role
//! that may not create tables can run a node.

use gatewright::{MySqlStore, PostgresStore};
use gatewright_testkit::run_case;
use gatewright_testkit::store::Store;
use gatewright_tests::World;
use gatewright_tests::database::Database;
use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection, PgConnection, query_scalar};

use super::EMAIL;

const ROLE_PASSWORD: &str = "of-another-role";

/// The tables that a login locks rows of.
const TABLES: [&str; 4] =
    ["gatewright_sessions", "gatewright_session_locks", "gatewright_throttle", "gatewright_throttle_locks"];

/// The URL of the server of `url` with another role and another database.
fn url_of(url: &str, role: &str, database: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap();
    let (address, _) = rest.split_once('@').unwrap().1.split_once('/').unwrap();
    format!("{scheme}://{role}:{ROLE_PASSWORD}@{address}/{database}")
}

/// The name of the database, which is also that of the new role: both exist once on the server.
fn database_of(url: &str) -> &str {
    url.rsplit_once('/').unwrap().1.split('?').next().unwrap()
}

/// Advisory locks need no rights at all, so no login may wait for one: the role takes the one that
/// a login of this user would take, and a trigger rejects a session that is inserted under any.
#[test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
fn a_role_without_rights_cannot_block_a_login_on_postgres() {
    run_case(async || {
        let url = PostgresStore::new_url().await;
        let world = World::new(PostgresStore::connect(&url).await.unwrap());
        let account = world.add(EMAIL).await;
        let (mut owner, database) = (PgConnection::connect(&url).await.unwrap(), database_of(&url));
        let role = format!("CREATE ROLE {database} LOGIN PASSWORD '{ROLE_PASSWORD}'");
        owner.execute(AssertSqlSafe(role)).await.unwrap();
        for statement in [
            "CREATE FUNCTION reject_advisory_locks() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())
             THEN RAISE EXCEPTION 'the login holds an advisory lock'; END IF;
             RETURN NEW; END $$",
            "CREATE TRIGGER advisory BEFORE INSERT ON gatewright_sessions
             FOR EACH ROW EXECUTE FUNCTION reject_advisory_locks()",
        ] {
            owner.execute(statement).await.unwrap();
        }

        let mut stranger = PgConnection::connect(&url_of(&url, database, database)).await.unwrap();
        let lock = "SELECT pg_advisory_lock(hashtextextended($1, 7310584035))";
        sqlx::query(lock).bind(account.id.as_str()).execute(&mut stranger).await.unwrap();
        for table in TABLES {
            for attempt in [format!("SELECT * FROM {table} FOR UPDATE"), format!("BEGIN; LOCK TABLE {table}")]
            {
                let error = stranger.execute(AssertSqlSafe(attempt)).await.unwrap_err();
                assert_eq!(error.as_database_error().unwrap().code().as_deref(), Some("42501"), "{error}");
                stranger.execute("ROLLBACK").await.unwrap();
            }
        }
        let pair = world.login(EMAIL).await;
        assert_eq!(world.status(&pair.access_token).await, 200);
    });
}

#[test]
#[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
fn a_user_without_rights_cannot_block_a_login_on_mysql() {
    run_case(async || {
        let url = MySqlStore::new_url().await;
        let world = World::new(MySqlStore::connect(&url).await.unwrap());
        let account = world.add(EMAIL).await;
        let (mut owner, database) = (MySqlConnection::connect(&url).await.unwrap(), database_of(&url));
        let role = format!("CREATE USER '{database}'@'127.0.0.1' IDENTIFIED BY '{ROLE_PASSWORD}'");
        owner.execute(AssertSqlSafe(role)).await.unwrap();

        let mut stranger = MySqlConnection::connect(&url_of(&url, database, "")).await.unwrap();
        for name in [account.id.as_str(), "gatewright", database] {
            sqlx::query("SELECT GET_LOCK(?, 0)").bind(name).execute(&mut stranger).await.unwrap();
        }
        for table in TABLES {
            for attempt in [
                format!("SELECT * FROM {database}.{table} FOR UPDATE"),
                format!("LOCK TABLES {database}.{table} WRITE"),
            ] {
                let error = stranger.execute(AssertSqlSafe(attempt)).await.unwrap_err();
                let code = error.as_database_error().unwrap().code();
                assert!(matches!(code.as_deref(), Some("42000")), "{error}");
            }
        }
        let pair = world.login(EMAIL).await;
        assert_eq!(world.status(&pair.access_token).await, 200);
    });
}

/// The owner has created the tables. The role of the nodes may only read and write rows.
#[test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
fn a_role_that_may_not_create_tables_starts_on_postgres() {
    run_case(async || {
        let url = PostgresStore::new_url().await;
        PostgresStore::connect(&url).await.unwrap().close().await;
        let (mut owner, role) = (PgConnection::connect(&url).await.unwrap(), database_of(&url));
        for statement in [
            format!("CREATE ROLE {role} LOGIN PASSWORD '{ROLE_PASSWORD}'"),
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC".to_owned(),
            format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"),
        ] {
            owner.execute(AssertSqlSafe(statement)).await.unwrap();
        }
        let url = url_of(&url, role, role);
        let mut limited = PgConnection::connect(&url).await.unwrap();
        let error = limited.execute("CREATE TABLE other (id BIGINT)").await.unwrap_err();
        assert_eq!(error.as_database_error().unwrap().code().as_deref(), Some("42501"), "{error}");
        logs_in(World::new(PostgresStore::connect(&url).await.unwrap())).await;
    });
}

/// The tests may not grant rights on MySQL. A start that would change tables takes this lock first.
#[test]
#[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
fn a_start_on_current_tables_does_not_migrate_on_mysql() {
    run_case(async || {
        let url = MySqlStore::new_url().await;
        MySqlStore::connect(&url).await.unwrap().close().await;
        let mut other = MySqlConnection::connect(&url).await.unwrap();
        // The server may notice later that the first store has closed the connection with its lock.
        let lock = "SELECT GET_LOCK(CONCAT('gatewright_', MD5(DATABASE())), 30)";
        let locked: Option<i64> = query_scalar(lock).fetch_one(&mut other).await.unwrap();
        assert_eq!(locked, Some(1));
        logs_in(World::new(MySqlStore::connect(&url).await.unwrap())).await;
    });
}

async fn logs_in<S: Store>(world: World<S>) {
    world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    assert_eq!(world.status(&pair.access_token).await, 200);
}

/// A missing row would leave the logins of its users without a lock.
#[test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
fn a_login_without_its_row_is_an_error_on_postgres() {
    run_case(async || login_without_its_row_is_an_error::<PostgresStore>().await);
}

#[test]
#[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
fn a_login_without_its_row_is_an_error_on_mysql() {
    run_case(async || login_without_its_row_is_an_error::<MySqlStore>().await);
}

async fn login_without_its_row_is_an_error<D: Database>() {
    let url = D::new_url().await;
    let world = World::new(D::open(&url).await.unwrap());
    let account = world.add(EMAIL).await;
    let mut owner = D::Connection::connect(&url).await.unwrap();
    D::execute(&mut owner, "DELETE FROM gatewright_session_locks").await;
    let login = gatewright::Login::new(EMAIL, gatewright::Password::new(gatewright_tests::PASSWORD));
    let error = world.auth.login(login).await.unwrap_err();
    assert_eq!(gatewright::http::Denial::from(&error), gatewright::http::Denial::Unavailable);
    assert!(gatewright::store::SessionStore::list(&world.store, &account.id).await.unwrap().is_empty());
}
