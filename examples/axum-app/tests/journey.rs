//! The main job on the real program, over a TCP socket: on memory, and on SQLite with a restart in the middle.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use gatewright_testkit::http::{PASSWORD, Request, Target, Tokens};

const SECRET: &str = "fu8F0qTz1nQmX3vKd7RwYb2LhJc9PsEa";

/// The program with a directory of its own to start in, and no setting but those given.
fn program(directory: &Path, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_axum-app"));
    command.current_dir(directory).env_clear().env("BIND_ADDR", "127.0.0.1:0").envs(settings.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn new_directory() -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let directory =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("journey-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

/// The running program; it is ended when this is dropped.
struct Service {
    child: Child,
    address: String,
    admin_password: Option<String>,
}

impl Service {
    fn start(directory: &Path, settings: &[(&str, &str)]) -> Self {
        let mut child = program(directory, settings).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut admin_password = None;
        let address = lines.by_ref().find_map(|line| {
            if let Some((_, rest)) = line.split_once(" password: ") {
                admin_password = rest.split(' ').next().map(str::to_owned);
            }
            line.strip_prefix("listening on http://").map(str::to_owned)
        });
        let Some(address) = address else {
            let mut error = String::new();
            child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
            panic!("the program did not start: {error}");
        };
        Self { child, address, admin_password }
    }

    fn target(&self, admin_password: &str) -> Target {
        Target::new(&self.address, "admin@example.com", admin_password, SECRET)
    }

    /// Asks the program to stop and returns its exit.
    fn stop(mut self) -> Output {
        let id = self.child.id().to_string();
        // The shell's own `kill`: there need not be a program of that name.
        assert!(Command::new("sh").args(["-c", "kill -TERM \"$1\"", "sh", &id]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        let mut stderr = Vec::new();
        self.child.stderr.take().unwrap().read_to_end(&mut stderr).unwrap();
        Output { status, stdout: Vec::new(), stderr }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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

#[test]
fn the_main_job_on_memory() {
    let service =
        Service::start(&new_directory(), &[("DATABASE_URL", "memory:"), ("AUTH_SECRET_KEY", SECRET)]);
    let password = service.admin_password.clone().unwrap();
    walk(&service.target(&password));
    assert!(service.stop().status.success());
}

#[test]
fn the_main_job_on_sqlite_goes_on_after_a_restart() {
    let directory = new_directory();
    let settings = [("AUTH_REFRESH_GRACE_SECONDS", "0")];
    let service = Service::start(&directory, &settings);
    let password = service.admin_password.clone().unwrap();
    let target = service.target(&password);
    walk(&target);
    let email = target.register();
    let (used, kept) = (target.login(&email, PASSWORD), target.login(&email, PASSWORD));
    let next = Tokens::from(&target.refresh(&used.refresh));
    assert!(service.stop().status.success());

    let service = Service::start(&directory, &settings);
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

#[test]
fn a_killed_process_loses_nothing_that_was_answered() {
    let directory = new_directory();
    let settings = [("AUTH_REFRESH_GRACE_SECONDS", "0"), ("AUTH_SECRET_KEY", SECRET)];
    let service = Service::start(&directory, &settings);
    let target = service.target(&service.admin_password.clone().unwrap());
    let first = target.user();
    let second = Tokens::from(&target.refresh(&first.refresh));
    drop(service);

    let service = Service::start(&directory, &settings);
    let target = service.target("");
    let third = Tokens::from(&target.refresh(&second.refresh));
    assert_eq!(target.me(&third.access).status, 200);
    target.refresh(&first.refresh).expect_refresh_refused();
    target.refresh(&third.refresh).expect_refresh_refused();
}

#[test]
fn the_generated_key_is_kept_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let directory = new_directory();
    let service = Service::start(&directory, &[("DATABASE_URL", "memory:")]);
    let key = directory.join("gatewright.key");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&key).unwrap();
    let output = service.stop();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("AUTH_SECRET_KEY is not set"), "{stderr}");
    assert!(!stderr.contains(text.trim()), "the key is not logged");
    assert_eq!(text.trim().len(), 64);
}

#[test]
fn an_unsafe_setting_is_refused_by_name_and_never_repeated() {
    let directory = new_directory();
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
        (vec![("BIND_ADDR", "nonsense")], "BIND_ADDR: nonsense: "),
        (vec![("DATABASE_URL", "mongodb://x")], "DATABASE_URL: must begin with"),
        (
            vec![("DATABASE_URL", "sqlite:///nowhere/x.db")],
            "DATABASE_URL: the store could not open the database: ",
        ),
        (vec![("ADMIN_PASSWORD", "short-password")], "ADMIN_PASSWORD: the password is shorter"),
        (vec![("ADMIN_EMAIL", "nobody")], "ADMIN_EMAIL: the address is refused"),
    ];
    for (mut settings, message) in refused {
        for default in [("DATABASE_URL", "memory:"), ("AUTH_SECRET_KEY", SECRET)] {
            if !settings.iter().any(|(name, _)| *name == default.0) {
                settings.push(default);
            }
        }
        let output = program(&directory, &settings).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && stderr.contains(message), "{settings:?}: {stderr}");
        for (name, value) in &settings {
            let secret = ["AUTH_SECRET_KEY", "ADMIN_PASSWORD"].contains(name) && !value.is_empty();
            assert!(!(secret && stderr.contains(value)), "{name} is repeated: {stderr}");
        }
    }
}

#[test]
fn a_key_file_that_cannot_be_read_is_refused() {
    let directory = new_directory();
    let key = directory.join("gatewright.key");
    let stderr = || {
        let output = program(&directory, &[("DATABASE_URL", "memory:")]).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let mut unreadable = program(&directory, &[("DATABASE_URL", "memory:")]);
    unreadable.env("AUTH_SECRET_KEY", std::ffi::OsStr::from_bytes(b"\xff"));
    let output = unreadable.output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("AUTH_SECRET_KEY: is not UTF-8"));
    std::fs::create_dir(&key).unwrap();
    assert!(stderr().contains("AUTH_SECRET_KEY: gatewright.key cannot be read"));
    std::fs::remove_dir(&key).unwrap();
    std::fs::write(&key, "\n").unwrap();
    assert!(stderr().contains("AUTH_SECRET_KEY: is missing"));
}

#[test]
fn a_client_that_never_ends_its_request_does_not_keep_the_service_from_stopping() {
    use std::io::Write;
    let service =
        Service::start(&new_directory(), &[("DATABASE_URL", "memory:"), ("AUTH_SECRET_KEY", SECRET)]);
    let mut client = std::net::TcpStream::connect(&service.address).unwrap();
    client
        .write_all(b"POST /auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nusername=")
        .unwrap();
    assert!(service.stop().status.success());
    drop(client);
}

#[test]
fn the_database_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let directory = new_directory();
    let _service = Service::start(&directory, &[]);
    let mut files = 0;
    for file in std::fs::read_dir(&directory).unwrap().map(Result::unwrap) {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
        files += 1;
    }
    assert!(files >= 2, "{files} files");
}
