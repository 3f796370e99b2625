//! For the tests of the example applications: the real program in a directory of its own, and the same service on a
//! thread of the test's.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test that cannot go on fails"
)]

pub mod databases;
pub mod journeys;
pub mod nodes;
pub mod revocations;
pub mod suites;

use std::future::Future;
use std::io::{self, BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use gatewright::{Account, Auth, AuthBuilder, MemoryStore, Prefix};
use gatewright_testkit::http::Target;
use gatewright_testkit::{FragileStore, Outage};

use crate::config::{Config, Keys};
use crate::start;

/// The key of every test.
pub const SECRET: &str = "fu8F0qTz1nQmX3vKd7RwYb2LhJc9PsEa";

/// The first admin's password in every test that sets one.
pub const ADMIN_PASSWORD: &str = "the admin's long password";

/// An API key without scopes, and one with a scope.
pub const API_KEYS: &str = "k9J2mQ7xVb4TzW8LcR5nYp3H,R5nYp3HdF6sGaE1cX8wQz7Lm:introspect";

/// How often in a row a request is sent again that was answered 503, where a busy machine may leave a store no time.
const PATIENCE: usize = 5;

/// A new directory below a folder, such as a test's `CARGO_TARGET_TMPDIR`, which is made where there is none.
#[must_use]
pub fn new_directory(folder: &str) -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    std::fs::create_dir_all(folder).unwrap();
    loop {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory = Path::new(folder).join(format!("example-{}-{number}", std::process::id()));
        match std::fs::create_dir(&directory) {
            Ok(()) => return directory,
            // Of an earlier process with this id.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => panic!("{}: {error}", directory.display()),
        }
    }
}

/// The settings of a service on a database, as if the environment had said so.
#[must_use]
pub fn config(database_url: &str) -> Config {
    Config {
        bind_address: "127.0.0.1:0".to_owned(),
        database_url: database_url.to_owned(),
        redis_url: None,
        redis_prefix: Prefix::default(),
        keys: Keys::Secret { secret: SECRET.to_owned(), previous: None },
        issuer: "http://localhost".to_owned(),
        audience: "gatewright-example".to_owned(),
        access_lifetime: Duration::from_secs(900),
        refresh_lifetime: Duration::from_secs(7 * 86_400),
        session_lifetime: Duration::from_secs(30 * 86_400),
        refresh_grace: Duration::from_secs(60),
        api_keys: API_KEYS.to_owned(),
        trusted_proxies: String::new(),
        admin_email: "admin@example.com".to_owned(),
        admin_password: Some(ADMIN_PASSWORD.to_owned()),
    }
}

/// Serves on a thread of its own for as long as the tests run. `settings` may change what the configuration says.
pub fn serve<F: Future<Output = io::Result<()>>>(
    database_url: &str,
    settings: impl FnOnce(AuthBuilder<Account>) -> AuthBuilder<Account> + Send + 'static,
    run: impl FnOnce(TcpListener, Auth) -> F + Send + 'static,
) -> Target {
    serve_config(config(database_url), settings, run)
}

/// As [`serve`], with sessions in Redis, below a prefix.
pub fn serve_with_redis<F: Future<Output = io::Result<()>>>(
    database_url: &str,
    (redis_url, redis_prefix): (String, Prefix),
    run: impl FnOnce(TcpListener, Auth) -> F + Send + 'static,
) -> Target {
    let config = Config { redis_url: Some(redis_url), redis_prefix, ..config(database_url) };
    serve_config(config, |settings| settings, run)
}

/// As [`serve`], with these keys.
pub fn serve_with_keys<F: Future<Output = io::Result<()>>>(
    database_url: &str,
    keys: Keys,
    run: impl FnOnce(TcpListener, Auth) -> F + Send + 'static,
) -> Target {
    serve_config(Config { keys, ..config(database_url) }, |settings| settings, run)
}

fn serve_config<F: Future<Output = io::Result<()>>>(
    config: Config,
    settings: impl FnOnce(AuthBuilder<Account>) -> AuthBuilder<Account> + Send + 'static,
    run: impl FnOnce(TcpListener, Auth) -> F + Send + 'static,
) -> Target {
    on_a_thread(async move || (settings(start::builder(&config).await.unwrap()), config), run)
}

/// As [`serve`], over a store in memory that can be cut off.
pub fn serve_over_a_fragile_store<F: Future<Output = io::Result<()>>>(
    run: impl FnOnce(TcpListener, Auth) -> F + Send + 'static,
) -> (Target, Outage) {
    let (store, outage) = FragileStore::new(MemoryStore::new());
    let config = config("memory:");
    (on_a_thread(async move || (start::builder_over(store, &config).unwrap(), config), run), outage)
}

fn on_a_thread<F: Future<Output = io::Result<()>>>(
    builder: impl AsyncFnOnce() -> (AuthBuilder<Account>, Config) + Send + 'static,
    run: impl FnOnce(TcpListener, Auth) -> F + Send + 'static,
) -> Target {
    let (bound, address) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (builder, config) = builder().await;
            let auth = builder.build().unwrap();
            start::first_admin(&auth, &config, |_| Ok(())).await.unwrap();
            let listener = TcpListener::bind(&config.bind_address).unwrap();
            listener.set_nonblocking(true).unwrap();
            bound.send(listener.local_addr().unwrap().to_string()).unwrap();
            run(listener, auth).await.unwrap();
        });
    });
    let target = Target::new(&address.recv().unwrap(), "admin@example.com", ADMIN_PASSWORD, SECRET);
    let (plain, scoped) = API_KEYS.split_once(',').unwrap();
    target.with_api_keys(plain, scoped.split_once(':').unwrap().0)
}

/// The running program; it is ended when this is dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    /// Read while the program runs: a full pipe would stop it.
    errors: Option<JoinHandle<Vec<u8>>>,
    /// Where it listens.
    pub address: String,
    /// The first admin's password, if it was shown.
    pub admin_password: Option<String>,
}

impl Program {
    /// The program with a directory of its own to start in, and no setting but those given.
    #[must_use]
    pub fn command(program: &str, directory: &Path, settings: &[(&str, &str)]) -> Command {
        let mut command = Command::new(program);
        command.current_dir(directory).env_clear().env("BIND_ADDR", "127.0.0.1:0");
        command.envs(settings.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts the program and waits until it listens.
    #[must_use]
    pub fn start(program: &str, directory: &Path, settings: &[(&str, &str)]) -> Self {
        let mut child = Self::command(program, directory, settings).spawn().unwrap();
        let mut pipe = child.stderr.take().unwrap();
        let errors = thread::spawn(move || {
            let mut errors = Vec::new();
            pipe.read_to_end(&mut errors).unwrap();
            errors
        });
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut admin_password = None;
        let address = lines.by_ref().find_map(|line| {
            if let Some((_, rest)) = line.split_once(" password: ") {
                admin_password = rest.split(' ').next().map(str::to_owned);
            }
            line.strip_prefix("listening on http://").map(str::to_owned)
        });
        let Some(address) = address else {
            let errors = errors.join().unwrap();
            panic!("the program did not start: {}", String::from_utf8_lossy(&errors));
        };
        Self { child, errors: Some(errors), address, admin_password }
    }

    /// For the suite's requests.
    #[must_use]
    pub fn target(&self, admin_password: &str) -> Target {
        Target::new(&self.address, "admin@example.com", admin_password, SECRET)
    }

    /// Ends the program as a crash would (SIGKILL), and waits until it is gone.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        assert_eq!(self.child.wait().unwrap().code(), None, "it did not end by itself");
    }

    /// Asks the program to stop and returns its exit.
    #[must_use]
    pub fn stop(mut self) -> Output {
        let id = self.child.id().to_string();
        // The shell's own `kill`: there need not be a program of that name.
        assert!(Command::new("sh").args(["-c", "kill -TERM \"$1\"", "sh", &id]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        let stderr = self.errors.take().unwrap().join().unwrap();
        Output { status, stdout: Vec::new(), stderr }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
