//! Journeys through the real program, over a TCP socket. [`journeys!`](crate::journeys) expands
//! each as a test of one example.

mod configured;
mod peppers;

use std::io::Write;
use std::net::TcpStream;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use gatewright::token::{Algorithm, NewKey};
use gatewright_testkit::auth_routes::{PASSWORD, Request, Target, Tokens};
use gatewright_testkit::block_on;

use super::{ADMIN_EMAIL, Example, PATIENCE, Program, databases, new_directory, secret};

pub use configured::{
    a_session_keeps_the_address_of_its_login, an_unsafe_setting_is_refused_by_name_and_not_repeated,
    without_api_keys_introspection_is_404,
};

pub use peppers::{
    a_pepper_is_introduced_replaced_and_lost, a_pepper_that_others_can_change_is_refused,
    an_unsafe_pepper_is_refused_by_name_and_not_repeated,
};

pub use super::connections::half_sent_headers_and_idle_connections_are_cut;
pub use super::revocations::{
    revocations_reach_the_other_program_on_postgres, revocations_reach_the_other_program_on_redis,
    without_a_feed_the_start_logs_the_delay_in_sqlite, without_a_feed_the_start_logs_the_delay_on_mysql,
};

/// Expands every journey as a test. `$program` is the path of the program, and `$folder` the folder
/// for its directories.
#[macro_export]
macro_rules! journeys {
    ($program:expr, $folder:expr) => {
        $crate::program_tests! { [] journeys $program, $folder;
            the_main_journey_on_memory
            the_main_journey_survives_a_restart_in_sqlite
            a_crash_loses_nothing_that_was_acknowledged
            a_changed_secret_ends_no_session
            a_key_pair_signs_and_its_public_key_is_published
            only_the_owner_can_read_the_generated_key
            an_unsafe_setting_is_refused_by_name_and_not_repeated
            an_unreadable_key_file_is_refused
            a_pepper_is_introduced_replaced_and_lost
            a_pepper_that_others_can_change_is_refused
            an_unsafe_pepper_is_refused_by_name_and_not_repeated
            a_session_keeps_the_address_of_its_login
            without_api_keys_introspection_is_404
            an_incomplete_request_does_not_delay_the_stop
            half_sent_headers_and_idle_connections_are_cut
            only_the_owner_can_read_the_database
            a_shared_database_requires_a_configured_key
            without_a_feed_the_start_logs_the_delay_in_sqlite
        }
        $crate::program_tests! { [#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]] journeys $program, $folder;
            the_main_journey_survives_a_restart_on_postgres
            revocations_reach_the_other_program_on_postgres
        }
        $crate::program_tests! { [#[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]] journeys $program, $folder;
            the_main_journey_survives_a_restart_on_redis
            revocations_reach_the_other_program_on_redis
        }
        $crate::program_tests! { [#[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]] journeys $program, $folder;
            the_main_journey_survives_a_restart_on_mysql
            without_a_feed_the_start_logs_the_delay_on_mysql
        }
    };
}

/// Expands cases as tests of a program.
#[doc(hidden)]
#[macro_export]
macro_rules! program_tests {
    ($attributes:tt $module:ident $program:expr, $folder:expr; $($case:ident)+) => {
        $(
            gatewright_testkit::case! { $attributes $case, $crate::testing::$module::$case($program, $folder) }
        )+
    };
}

/// Register, log in, be refused for lack of a role, change the password, log out, be deleted.
fn walk(target: &Target, admin_password: &str) {
    let target = &target.clone().with_patience(PATIENCE);
    let email = target.register();
    let [here, there] = [(); 2].map(|()| target.login(&email, PASSWORD));
    let admin = target.login(ADMIN_EMAIL, admin_password).access;
    let path = format!("/users/{}", target.id_of(&here.access));
    target.send(&Request::new("DELETE", &path).bearer(&here.access)).expect_forbidden();
    target.me(&here.refresh).expect_invalid_token();
    target.refresh(&here.access).expect_refresh_refused();

    let new = "another correct horse battery";
    let changed = Tokens::from(&target.change_password(&here.access, PASSWORD, new));
    for old in [&here, &there] {
        target.expect_ended(old);
    }
    let here = Tokens::from(&target.refresh(&changed.refresh));
    target.me(&here.access).expect_ok();

    let gone = target.login(&email, new);
    target.logout(&gone.access).expect_no_content();
    target.expect_ended(&gone);

    target.send(&Request::new("DELETE", &path).bearer(&admin)).expect_no_content();
    target.expect_ended(&here);
}

/// With the generated password of the first admin.
pub fn the_main_journey_on_memory(program: &str, folder: &str) {
    let service = Program::start_on_memory(program, folder, &[]);
    walk(&service.target(), service.admin_password.as_ref().unwrap());
    let _ = service.stop_with_log();
}

/// With the database and the key that the example makes by default.
pub fn the_main_journey_survives_a_restart_in_sqlite(program: &str, folder: &str) {
    survive_a_restart(program, folder, &[]);
}

/// With users and sessions on PostgreSQL.
pub fn the_main_journey_survives_a_restart_on_postgres(program: &str, folder: &str) {
    let url = block_on(databases::postgres());
    survive_a_restart(program, folder, &[("DATABASE_URL", &url), ("AUTH_SECRET_KEY", secret())]);
}

/// With users and sessions on MariaDB, under its own scheme.
pub fn the_main_journey_survives_a_restart_on_mysql(program: &str, folder: &str) {
    let url = block_on(databases::mysql()).replacen("mysql:", "mariadb:", 1);
    survive_a_restart(program, folder, &[("DATABASE_URL", &url), ("AUTH_SECRET_KEY", secret())]);
}

/// With users in SQLite and sessions in Redis.
pub fn the_main_journey_survives_a_restart_on_redis(program: &str, folder: &str) {
    let (url, _) = databases::redis();
    survive_a_restart(program, folder, &[("REDIS_URL", &url), ("AUTH_SECRET_KEY", secret())]);
}

fn survive_a_restart(program: &str, folder: &str, database: &[(&str, &str)]) {
    let directory = new_directory(folder);
    let settings = [database, &[("AUTH_REFRESH_GRACE_SECONDS", "0")]].concat();
    let service = Program::start(program, &directory, &settings);
    let admin_password = service.admin_password.clone().unwrap();
    let target = service.target().with_patience(PATIENCE);
    walk(&target, &admin_password);
    let [used, kept] = target.two_sessions();
    let next = Tokens::from(&target.refresh(&used.refresh));
    let _ = service.stop_with_log();

    let service = Program::start(program, &directory, &settings);
    assert_eq!(service.admin_password, None, "the password is shown at the first start alone");
    let target = service.target().with_patience(PATIENCE);
    for tokens in [&used, &next, &kept] {
        target.me(&tokens.access).expect_ok();
    }
    target.refresh(&used.refresh).expect_refresh_refused();
    target.expect_ended(&next);
    let kept = Tokens::from(&target.refresh(&kept.refresh));
    target.me(&kept.access).expect_ok();
    walk(&target, &admin_password);
}

/// Sessions and the use of refresh tokens are still there after a `SIGKILL`.
pub fn a_crash_loses_nothing_that_was_acknowledged(program: &str, folder: &str) {
    let directory = new_directory(folder);
    let settings = [("AUTH_REFRESH_GRACE_SECONDS", "0"), ("AUTH_SECRET_KEY", secret())];
    let service = Program::start(program, &directory, &settings);
    let target = service.target();
    let first = target.user();
    let second = Tokens::from(&target.refresh(&first.refresh));
    drop(service);

    let service = Program::start(program, &directory, &settings);
    let target = service.target();
    let third = Tokens::from(&target.refresh(&second.refresh));
    target.me(&third.access).expect_ok();
    target.refresh(&first.refresh).expect_refresh_refused();
    target.refresh(&third.refresh).expect_refresh_refused();
}

/// While the previous secret still verifies.
pub fn a_changed_secret_ends_no_session(program: &str, folder: &str) {
    let directory = new_directory(folder);
    let next = "R5nYp3HdF6sGaE1cX8wQz7LmT2vKd9Jb";
    let service = Program::start(program, &directory, &[("AUTH_SECRET_KEY", secret())]);
    let first = service.target().user();
    let _ = service.stop_with_log();

    let settings = [("AUTH_SECRET_KEY", next), ("AUTH_SECRET_KEY_PREVIOUS", secret())];
    let service = Program::start(program, &directory, &settings);
    let target = service.target();
    target.me(&first.access).expect_ok();
    let second = Tokens::from(&target.refresh(&first.refresh));
    let _ = service.stop_with_log();

    let service = Program::start(program, &directory, &[("AUTH_SECRET_KEY", next)]);
    let target = service.target();
    target.me(&first.access).expect_invalid_token();
    target.me(&second.access).expect_ok();
    assert_eq!(target.send(&Request::get("/.well-known/jwks.json")).text(), r#"{"keys":[]}"#);
}

/// Tokens that are signed with the secret or with the public key as an HS256 key are rejected.
pub fn a_key_pair_signs_and_its_public_key_is_published(program: &str, folder: &str) {
    let directory = new_directory(folder);
    let key = NewKey::generate(Algorithm::EdDsa).unwrap();
    std::fs::write(directory.join("key.pem"), key.pem().unwrap()).unwrap();
    let settings = [("DATABASE_URL", "memory:"), ("AUTH_SIGNING_KEY_FILE", "key.pem")];
    let service = Program::start(program, &directory, &settings);
    let target = service.target();
    walk(&target, service.admin_password.as_ref().unwrap());
    let answer = target.send(&Request::get("/.well-known/jwks.json"));
    assert_eq!(answer.header("content-type"), Some("application/jwk-set+json"));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    let keys = answer.json();
    let [published] = keys.pointer("/keys").unwrap().as_array().unwrap().as_slice() else { panic!("{keys}") };
    assert_eq!(published.get("kid").unwrap(), key.id());
    assert!(published.get("d").is_none() && published.get("k").is_none(), "{published}");
    let token = target.user().access;
    target.me(&token).expect_ok();
    target.me(&target.forge(&token, |_| {})).expect_invalid_token();
    target.me(&forged_with_the_public_key(&token, &answer.text())).expect_invalid_token();
}

/// A token with the algorithm HS256 in its header, signed with the published text.
fn forged_with_the_public_key(token: &str, public: &str) -> String {
    let [_, payload, _] = token.split('.').collect::<Vec<_>>()[..] else { panic!("three segments") };
    // {"alg":"HS256","typ":"at+jwt"}
    let token = format!("eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.{payload}.");
    Target::new("").with_secret(public).forge(&token, |_| {})
}

fn permissions(file: &Path) -> u32 {
    std::fs::metadata(file).unwrap().permissions().mode() & 0o777
}

/// The log has a warning and not the key.
pub fn only_the_owner_can_read_the_generated_key(program: &str, folder: &str) {
    let directory = new_directory(folder);
    let service = Program::start(program, &directory, &[("DATABASE_URL", "memory:")]);
    let key = directory.join("gatewright.key");
    assert_eq!(permissions(&key), 0o600);
    let text = std::fs::read_to_string(&key).unwrap();
    assert_eq!(text.trim().len(), 64);
    let log = service.stop_with_log();
    assert!(log.contains("AUTH_SECRET_KEY is not set"), "{log}");
    assert!(!log.contains(text.trim()), "the log has the key");
}

/// Every file of the SQLite database.
pub fn only_the_owner_can_read_the_database(program: &str, folder: &str) {
    let directory = new_directory(folder);
    let _service = Program::start(program, &directory, &[]);
    let files: Vec<_> = std::fs::read_dir(&directory).unwrap().map(|file| file.unwrap().path()).collect();
    for file in &files {
        assert_eq!(permissions(file), 0o600, "{}", file.display());
    }
    assert!(files.len() >= 2, "{files:?}");
}

/// The error of a start that fails.
fn refusal(program: &str, directory: &Path, settings: &[(&str, &str)]) -> String {
    let output = Program::command(program, directory, settings).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{settings:?}: {error}");
    error
}

/// A key in a file of one node would not be the key of the others.
pub fn a_shared_database_requires_a_configured_key(program: &str, folder: &str) {
    let directory = new_directory(folder);
    for setting in [
        ("DATABASE_URL", "postgres://u@127.0.0.1:1/x"),
        ("DATABASE_URL", "mysql://u@127.0.0.1:1/x"),
        ("DATABASE_URL", "mariadb://u@127.0.0.1:1/x"),
        ("REDIS_URL", "redis://127.0.0.1:1/"),
    ] {
        let error = refusal(program, &directory, &[setting]);
        assert!(error.contains("AUTH_SECRET_KEY: is not set"), "{error}");
    }
    assert!(!directory.join("gatewright.key").exists());
}

/// The variable, the file, and an empty file.
pub fn an_unreadable_key_file_is_refused(program: &str, folder: &str) {
    let directory = new_directory(folder);
    let key = directory.join("gatewright.key");
    let error = || refusal(program, &directory, &[("DATABASE_URL", "memory:")]);
    let mut unreadable = Program::command(program, &directory, &[("DATABASE_URL", "memory:")]);
    unreadable.env("AUTH_SECRET_KEY", std::ffi::OsStr::from_bytes(b"\xff"));
    let output = unreadable.output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("AUTH_SECRET_KEY: is not UTF-8"));
    std::fs::create_dir(&key).unwrap();
    assert!(error().contains("AUTH_SECRET_KEY: gatewright.key cannot be read"));
    std::fs::remove_dir(&key).unwrap();
    std::fs::write(&key, "\n").unwrap();
    assert!(error().contains("AUTH_SECRET_KEY: is missing"));
}

/// A client may keep its connection open after the program was asked to stop.
pub fn an_incomplete_request_does_not_delay_the_stop(program: &str, folder: &str) {
    let service = Program::start_on_memory(program, folder, &[]);
    let mut client = TcpStream::connect(&service.address).unwrap();
    let incomplete = b"POST /auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nusername=";
    client.write_all(incomplete).unwrap();
    let _ = service.stop_with_log();
}
