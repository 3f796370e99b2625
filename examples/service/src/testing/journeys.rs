//! The main job on the real program, over a TCP socket: on memory, and on each database with a restart in the middle. Each is a
//! test of every application, by way of [`journeys!`](crate::journeys).

mod configured;

use std::os::unix::ffi::OsStrExt;

use gatewright::{Algorithm, NewKey};
use gatewright_testkit::block_on;
use gatewright_testkit::http::{PASSWORD, Request, Target, Tokens};

use super::{Program, SECRET, databases, new_directory};

pub use configured::{a_session_says_where_its_login_came_from, without_api_keys_there_is_no_introspection};

pub use super::revocations::{
    what_one_program_ends_the_other_refuses_on_postgres, what_one_program_ends_the_other_refuses_on_redis,
    without_a_feed_a_start_says_when_others_are_seen_on_mysql,
    without_a_feed_a_start_says_when_others_are_seen_on_sqlite,
};

/// Expands every journey as a test of a program. `$program` is its path and `$folder` where it may make directories.
#[macro_export]
macro_rules! journeys {
    ($program:expr, $folder:expr) => {
        $crate::journeys_as_tests! { [] $program, $folder;
            the_main_job_on_memory
            the_main_job_on_sqlite_goes_on_after_a_restart
            a_killed_process_loses_nothing_that_was_answered
            a_changed_secret_logs_nobody_out
            a_key_pair_signs_and_its_public_half_is_published
            the_generated_key_is_kept_for_its_owner_alone
            an_unsafe_setting_is_refused_by_name_and_never_repeated
            a_key_file_that_cannot_be_read_is_refused
            a_session_says_where_its_login_came_from
            without_api_keys_there_is_no_introspection
            a_client_that_never_ends_its_request_does_not_keep_the_service_from_stopping
            the_database_is_for_its_owner_alone
            a_shared_database_needs_a_key_that_is_set
            without_a_feed_a_start_says_when_others_are_seen_on_sqlite
        }
        $crate::journeys_as_tests! { [#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]] $program, $folder;
            the_main_job_on_postgres_goes_on_after_a_restart
            what_one_program_ends_the_other_refuses_on_postgres
        }
        $crate::journeys_as_tests! { [#[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]] $program, $folder;
            the_main_job_on_redis_goes_on_after_a_restart
            what_one_program_ends_the_other_refuses_on_redis
        }
        $crate::journeys_as_tests! { [#[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]] $program, $folder;
            the_main_job_on_mysql_goes_on_after_a_restart
            without_a_feed_a_start_says_when_others_are_seen_on_mysql
        }
    };
}

/// For [`journeys!`].
#[doc(hidden)]
#[macro_export]
macro_rules! journeys_as_tests {
    ($attributes:tt $program:expr, $folder:expr; $($journey:ident)+) => {
        $(
            gatewright_testkit::case! { $attributes $journey, $crate::testing::journeys::$journey($program, $folder) }
        )+
    };
}

/// Log in, be recognised, be refused by role, change the password, be deleted.
fn walk(target: &Target) {
    let email = target.register();
    let (here, there) = (target.login(&email, PASSWORD), target.login(&email, PASSWORD));
    let admin = target.admin();
    assert_eq!(target.me(&here.access).status, 200);
    let path = format!("/users/{}", target.id_of(&here.access));
    target.send(&Request::new("DELETE", &path).bearer(&here.access)).expect_forbidden();
    target.me(&here.refresh).expect_invalid_token();
    target.refresh(&here.access).expect_refresh_refused();

    let new = "another correct horse battery";
    let body = format!(r#"{{"current_password":"{PASSWORD}","new_password":"{new}"}}"#);
    target.send(&Request::post("/auth/password").bearer(&here.access).json(&body)).expect(204, &[], "");
    target.me(&here.access).expect_invalid_token();
    target.me(&there.access).expect_invalid_token();
    target.refresh(&there.refresh).expect_refresh_refused();
    let here = Tokens::from(&target.refresh(&here.refresh));
    assert_eq!(target.me(&here.access).status, 200);

    let gone = target.login(&email, new);
    target.send(&Request::post("/auth/logout").bearer(&gone.access)).expect(204, &[], "");
    target.me(&gone.access).expect_invalid_token();
    target.refresh(&gone.refresh).expect_refresh_refused();

    target.send(&Request::new("DELETE", &path).bearer(&admin.access)).expect(204, &[], "");
    target.me(&here.access).expect_invalid_token();
    target.refresh(&here.refresh).expect_refresh_refused();
}

/// Named by what it shows.
pub fn the_main_job_on_memory(program: &str, folder: &str) {
    let service = Program::start(
        program,
        &new_directory(folder),
        &[("DATABASE_URL", "memory:"), ("AUTH_SECRET_KEY", SECRET)],
    );
    let password = service.admin_password.clone().unwrap();
    walk(&service.target(&password));
    assert!(service.stop().status.success());
}

/// Named by what it shows.
pub fn the_main_job_on_sqlite_goes_on_after_a_restart(program: &str, folder: &str) {
    goes_on_after_a_restart(program, folder, &[]);
}

/// Named by what it shows.
pub fn the_main_job_on_postgres_goes_on_after_a_restart(program: &str, folder: &str) {
    let url = block_on(databases::postgres());
    goes_on_after_a_restart(program, folder, &[("DATABASE_URL", &url), ("AUTH_SECRET_KEY", SECRET)]);
}

/// Named by what it shows.
pub fn the_main_job_on_mysql_goes_on_after_a_restart(program: &str, folder: &str) {
    let url = block_on(databases::mysql()).replacen("mysql:", "mariadb:", 1);
    goes_on_after_a_restart(program, folder, &[("DATABASE_URL", &url), ("AUTH_SECRET_KEY", SECRET)]);
}

/// Named by what it shows.
pub fn the_main_job_on_redis_goes_on_after_a_restart(program: &str, folder: &str) {
    let (url, _) = databases::redis();
    goes_on_after_a_restart(program, folder, &[("REDIS_URL", &url), ("AUTH_SECRET_KEY", SECRET)]);
}

/// Named by what it shows.
pub fn a_shared_database_needs_a_key_that_is_set(program: &str, folder: &str) {
    let directory = new_directory(folder);
    for setting in [
        ("DATABASE_URL", "postgres://u@127.0.0.1:1/x"),
        ("DATABASE_URL", "mysql://u@127.0.0.1:1/x"),
        ("DATABASE_URL", "mariadb://u@127.0.0.1:1/x"),
        ("REDIS_URL", "redis://127.0.0.1:1/"),
    ] {
        let output = Program::command(program, &directory, &[setting]).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && stderr.contains("AUTH_SECRET_KEY: is not set"), "{stderr}");
    }
    assert!(!directory.join("gatewright.key").exists());
}

fn goes_on_after_a_restart(program: &str, folder: &str, database: &[(&str, &str)]) {
    let directory = new_directory(folder);
    let settings = [database, &[("AUTH_REFRESH_GRACE_SECONDS", "0")]].concat();
    let service = Program::start(program, &directory, &settings);
    let password = service.admin_password.clone().unwrap();
    let target = service.target(&password);
    walk(&target);
    let email = target.register();
    let (used, kept) = (target.login(&email, PASSWORD), target.login(&email, PASSWORD));
    let next = Tokens::from(&target.refresh(&used.refresh));
    assert!(service.stop().status.success());

    let service = Program::start(program, &directory, &settings);
    assert_eq!(service.admin_password, None, "the password is shown once");
    let target = service.target(&password);
    for tokens in [&used, &next, &kept] {
        assert_eq!(target.me(&tokens.access).status, 200, "issued before the restart");
    }
    target.refresh(&used.refresh).expect_refresh_refused();
    target.refresh(&next.refresh).expect_refresh_refused();
    target.me(&next.access).expect_invalid_token();
    let kept = Tokens::from(&target.refresh(&kept.refresh));
    assert_eq!(target.me(&kept.access).status, 200);
    walk(&target);
}

/// Named by what it shows.
pub fn a_killed_process_loses_nothing_that_was_answered(program: &str, folder: &str) {
    let directory = new_directory(folder);
    let settings = [("AUTH_REFRESH_GRACE_SECONDS", "0"), ("AUTH_SECRET_KEY", SECRET)];
    let service = Program::start(program, &directory, &settings);
    let target = service.target(&service.admin_password.clone().unwrap());
    let first = target.user();
    let second = Tokens::from(&target.refresh(&first.refresh));
    drop(service);

    let service = Program::start(program, &directory, &settings);
    let target = service.target("");
    let third = Tokens::from(&target.refresh(&second.refresh));
    assert_eq!(target.me(&third.access).status, 200);
    target.refresh(&first.refresh).expect_refresh_refused();
    target.refresh(&third.refresh).expect_refresh_refused();
}

/// Named by what it shows.
pub fn a_changed_secret_logs_nobody_out(program: &str, folder: &str) {
    let directory = new_directory(folder);
    let next = "R5nYp3HdF6sGaE1cX8wQz7LmT2vKd9Jb";
    let service = Program::start(program, &directory, &[("AUTH_SECRET_KEY", SECRET)]);
    let first = service.target(&service.admin_password.clone().unwrap()).user();
    assert!(service.stop().status.success());

    let settings = [("AUTH_SECRET_KEY", next), ("AUTH_SECRET_KEY_PREVIOUS", SECRET)];
    let service = Program::start(program, &directory, &settings);
    let target = service.target("");
    assert_eq!(target.me(&first.access).status, 200);
    let second = Tokens::from(&target.refresh(&first.refresh));
    assert!(service.stop().status.success());

    let service = Program::start(program, &directory, &[("AUTH_SECRET_KEY", next)]);
    let target = service.target("");
    target.me(&first.access).expect_invalid_token();
    assert_eq!(target.me(&second.access).status, 200, "signed by the new secret");
    assert_eq!(target.send(&Request::get("/.well-known/jwks.json")).text(), r#"{"keys":[]}"#);
}

/// Named by what it shows.
pub fn a_key_pair_signs_and_its_public_half_is_published(program: &str, folder: &str) {
    let directory = new_directory(folder);
    let key = NewKey::generate(Algorithm::EdDsa).unwrap();
    std::fs::write(directory.join("key.pem"), key.pem().unwrap()).unwrap();
    let settings = [("DATABASE_URL", "memory:"), ("AUTH_SIGNING_KEY_FILE", "key.pem")];
    let service = Program::start(program, &directory, &settings);
    let target = service.target(&service.admin_password.clone().unwrap());
    walk(&target);
    let answer = target.send(&Request::get("/.well-known/jwks.json"));
    for (name, value) in
        [("content-type", "application/jwk-set+json"), ("cache-control", "public, max-age=300")]
    {
        assert!(answer.headers.contains(&(name.to_owned(), value.to_owned())), "{:?}", answer.headers);
    }
    let keys = answer.json();
    let [published] = keys.pointer("/keys").unwrap().as_array().unwrap().as_slice() else { panic!("{keys}") };
    let members: Vec<&String> = published.as_object().unwrap().keys().collect();
    assert_eq!(published.get("kid").unwrap(), key.id());
    assert!(!members.iter().any(|member| *member == "d" || *member == "k"), "{members:?}");
    let token = target.user().access;
    assert_eq!(target.me(&token).status, 200);
    target.me(&target.forge(&token, |_| {})).expect_invalid_token();
    target.me(&forged_with_the_public_key(&token, &answer.text())).expect_invalid_token();
    drop(service);
}

/// A token whose header says HS256, signed with what everybody knows.
fn forged_with_the_public_key(token: &str, public: &str) -> String {
    let target = Target::new("", "", "", public);
    let [_, payload, _] = token.split('.').collect::<Vec<_>>()[..] else { panic!("three segments") };
    // {"alg":"HS256","typ":"at+jwt"}
    target.forge(&format!("eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.{payload}."), |_| {})
}

/// Named by what it shows.
pub fn the_generated_key_is_kept_for_its_owner_alone(program: &str, folder: &str) {
    use std::os::unix::fs::PermissionsExt;
    let directory = new_directory(folder);
    let service = Program::start(program, &directory, &[("DATABASE_URL", "memory:")]);
    let key = directory.join("gatewright.key");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&key).unwrap();
    let output = service.stop();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("AUTH_SECRET_KEY is not set"), "{stderr}");
    assert!(!stderr.contains(text.trim()), "the key is not logged");
    assert_eq!(text.trim().len(), 64);
}

/// Named by what it shows.
pub fn an_unsafe_setting_is_refused_by_name_and_never_repeated(program: &str, folder: &str) {
    let directory = new_directory(folder);
    let refused = [
        (vec![("AUTH_SECRET_KEY", "")], "AUTH_SECRET_KEY: is missing"),
        (vec![("AUTH_SECRET_KEY", "your-secret-key")], "AUTH_SECRET_KEY: is a placeholder"),
        (
            vec![("AUTH_SECRET_KEY", "k9J2mQ7xVb4TzW8LcR5nYp3HdF6sGa")],
            "AUTH_SECRET_KEY: is shorter than 32 bytes",
        ),
        (vec![("AUTH_ACCESS_MINUTES", "0")], "AUTH_ACCESS_MINUTES: must be"),
        (vec![("AUTH_ACCESS_MINUTES", "15m")], "AUTH_ACCESS_MINUTES: is not a whole number"),
        (vec![("AUTH_ACCESS_MINUTES", "1441")], "AUTH_ACCESS_MINUTES: is longer than 24 hours"),
        (vec![("AUTH_REFRESH_DAYS", "401")], "AUTH_REFRESH_DAYS: is longer than 400 days"),
        (vec![("AUTH_SESSION_DAYS", "0")], "AUTH_SESSION_DAYS: must be"),
        (vec![("AUTH_REFRESH_GRACE_SECONDS", "61")], "AUTH_REFRESH_GRACE_SECONDS: is longer than 60 seconds"),
        (vec![("AUTH_ISSUER", "")], "AUTH_ISSUER: is empty"),
        (vec![("AUTH_SECRET_KEY_PREVIOUS", "short")], "AUTH_SECRET_KEY_PREVIOUS: is shorter than 32 bytes"),
        (vec![("AUTH_SECRET_KEY_PREVIOUS", SECRET)], "AUTH_SECRET_KEY_PREVIOUS: "),
        (
            vec![("AUTH_SIGNING_KEY_FILE", "/nowhere/key.pem")],
            "AUTH_SIGNING_KEY_FILE: /nowhere/key.pem cannot be read",
        ),
        (vec![("AUTH_API_KEYS", "not a key")], "AUTH_API_KEYS: a key must be"),
        (vec![("AUTH_API_KEYS", "k9J2mQ7xVb4TzW8L:a\"b")], "AUTH_API_KEYS: a key's scopes"),
        (
            vec![("AUTH_API_KEYS", "sk:live_k9J2mQ7xVb4TzW8L")],
            "AUTH_API_KEYS: what stands behind a key's colon",
        ),
        (vec![("AUTH_API_KEYS", "k9J2mQ7xVb4TzW8L,k9J2mQ7xVb4TzW8L")], "AUTH_API_KEYS: a key stands"),
        (vec![("AUTH_TRUSTED_PROXIES", "localhost")], "AUTH_TRUSTED_PROXIES: an entry is neither"),
        (vec![("AUTH_TRUSTED_PROXIES", "0.0.0.0/0")], "AUTH_TRUSTED_PROXIES: a network of all addresses"),
        (vec![("BIND_ADDR", "nonsense")], "BIND_ADDR: nonsense: "),
        (vec![("DATABASE_URL", "mongodb://x")], "DATABASE_URL: must begin with"),
        (
            vec![("DATABASE_URL", "sqlite:///nowhere/x.db")],
            "DATABASE_URL: the store could not open the database: ",
        ),
        (
            vec![("REDIS_URL", "redis://:hush-hush@10.0.0.1/")],
            "REDIS_URL: the store could not open Redis: plain",
        ),
        (vec![("ADMIN_PASSWORD", "short-password")], "ADMIN_PASSWORD: the password is shorter"),
        (vec![("ADMIN_EMAIL", "nobody")], "ADMIN_EMAIL: not a valid email address"),
    ];
    for (mut settings, message) in refused {
        for default in [("DATABASE_URL", "memory:"), ("AUTH_SECRET_KEY", SECRET)] {
            if !settings.iter().any(|(name, _)| *name == default.0) {
                settings.push(default);
            }
        }
        let output = Program::command(program, &directory, &settings).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && stderr.contains(message), "{settings:?}: {stderr}");
        assert!(!stderr.contains("hush-hush"), "a password is repeated: {stderr}");
        for (name, value) in &settings {
            let secret =
                ["AUTH_SECRET_KEY", "AUTH_API_KEYS", "ADMIN_PASSWORD"].contains(name) && !value.is_empty();
            assert!(!(secret && stderr.contains(value)), "{name} is repeated: {stderr}");
        }
    }
}

/// Named by what it shows.
pub fn a_key_file_that_cannot_be_read_is_refused(program: &str, folder: &str) {
    let directory = new_directory(folder);
    let key = directory.join("gatewright.key");
    let stderr = || {
        let output = Program::command(program, &directory, &[("DATABASE_URL", "memory:")]).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let mut unreadable = Program::command(program, &directory, &[("DATABASE_URL", "memory:")]);
    unreadable.env("AUTH_SECRET_KEY", std::ffi::OsStr::from_bytes(b"\xff"));
    let output = unreadable.output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("AUTH_SECRET_KEY: is not UTF-8"));
    std::fs::create_dir(&key).unwrap();
    assert!(stderr().contains("AUTH_SECRET_KEY: gatewright.key cannot be read"));
    std::fs::remove_dir(&key).unwrap();
    std::fs::write(&key, "\n").unwrap();
    assert!(stderr().contains("AUTH_SECRET_KEY: is missing"));
}

/// Named by what it shows.
pub fn a_client_that_never_ends_its_request_does_not_keep_the_service_from_stopping(
    program: &str,
    folder: &str,
) {
    use std::io::Write;
    let service = Program::start(
        program,
        &new_directory(folder),
        &[("DATABASE_URL", "memory:"), ("AUTH_SECRET_KEY", SECRET)],
    );
    let mut client = std::net::TcpStream::connect(&service.address).unwrap();
    client
        .write_all(b"POST /auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nusername=")
        .unwrap();
    assert!(service.stop().status.success());
    drop(client);
}

/// Named by what it shows.
pub fn the_database_is_for_its_owner_alone(program: &str, folder: &str) {
    use std::os::unix::fs::PermissionsExt;
    let directory = new_directory(folder);
    let _service = Program::start(program, &directory, &[]);
    let mut files = 0;
    for file in std::fs::read_dir(&directory).unwrap().map(Result::unwrap) {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
        files += 1;
    }
    assert!(files >= 2, "{files} files");
}
