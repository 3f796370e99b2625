//! Helpers for the tests of the examples: the real program in a directory of its own, and the same
//! service on a thread of the test.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test fails by panicking"
)]

pub mod connections;
pub mod databases;
pub mod journeys;
pub mod login_attacks;
pub mod login_floods;
pub mod nodes;
pub mod revocations;

use std::fmt::Debug;
use std::future::Future;
use std::io::{self, BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use gatewright::auth::AuthBuilder;
use gatewright::store::Prefix;
use gatewright::{Account, Auth, MemoryStore};
use gatewright_testkit::auth_routes::{Request, Response, Target, Tokens};
use gatewright_testkit::{FailingStore, FixedClock, Outage, TestHasher, shared_secret};

use crate::config::{Config, Keys};
use crate::start;

/// The HS256 key of every test.
#[must_use]
pub fn secret() -> &'static str {
    static SECRET: LazyLock<String> = LazyLock::new(|| shared_secret("the key of every test"));
    &SECRET
}

/// The email address of the first admin.
pub const ADMIN_EMAIL: &str = "admin@example.com";

/// The password of the first admin in every test that sets one.
pub const ADMIN_PASSWORD: &str = "the admin's long password";

/// An API key without scopes, and one with a scope.
pub const API_KEYS: &str = "k9J2mQ7xVb4TzW8LcR5nYp3H,R5nYp3HdF6sGaE1cX8wQz7Lm:introspect";

/// How many times the tests repeat a request while the response is 503: on a busy machine a store
/// may miss its deadline.
pub const PATIENCE: usize = 5;

/// The `serve` function of an example, as `axum_app::serve`.
pub trait Application: Send + 'static {
    /// Serves until the listener fails.
    fn serve(self, listener: TcpListener, auth: Auth) -> impl Future<Output = io::Result<()>>;
}

impl<A, F> Application for A
where
    A: FnOnce(TcpListener, Auth) -> F + Send + 'static,
    F: Future<Output = io::Result<()>>,
{
    fn serve(self, listener: TcpListener, auth: Auth) -> impl Future<Output = io::Result<()>> {
        self(listener, auth)
    }
}

/// What the routes of the examples add to a [`Target`]: the administration of users.
pub trait Example {
    /// Logs the admin in.
    fn admin(&self) -> Tokens;
    /// The id of the user who has this access token.
    fn id_of(&self, access: &str) -> String;
    /// `PATCH /users/{id}`, by the admin.
    fn patch_user(&self, id: &str, body: &str) -> Response;
    /// Gives a user this role in place of all others.
    fn set_role(&self, id: &str, role: &str);
}

impl Example for Target {
    fn admin(&self) -> Tokens {
        self.login(ADMIN_EMAIL, ADMIN_PASSWORD)
    }

    fn id_of(&self, access: &str) -> String {
        self.me(access).json().pointer("/id").unwrap().as_str().unwrap().to_owned()
    }

    fn patch_user(&self, id: &str, body: &str) -> Response {
        let request = Request::new("PATCH", &format!("/users/{id}")).bearer(&self.admin().access);
        self.send(&request.json(body))
    }

    fn set_role(&self, id: &str, role: &str) {
        self.patch_user(id, &format!(r#"{{"roles":["{role}"]}}"#)).expect_ok();
    }
}

/// Makes a new directory in `folder`, such as `CARGO_TARGET_TMPDIR` of a test, and the folder if it
/// does not exist.
#[must_use]
pub fn new_directory(folder: &str) -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    std::fs::create_dir_all(folder).unwrap();
    loop {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory = Path::new(folder).join(format!("example-{}-{number}", std::process::id()));
        match std::fs::create_dir(&directory) {
            Ok(()) => return directory,
            // An earlier process had the same id.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => panic!("{}: {error}", directory.display()),
        }
    }
}

/// The configuration of a service on a database.
#[must_use]
pub fn config(database_url: &str) -> Config {
    Config {
        bind_address: "127.0.0.1:0".to_owned(),
        database_url: database_url.to_owned(),
        redis_url: None,
        redis_prefix: Prefix::default(),
        keys: Keys::Secret { secret: secret().to_owned(), previous: None },
        issuer: "http://localhost".to_owned(),
        audience: "gatewright-example".to_owned(),
        access_lifetime: Duration::from_secs(900),
        refresh_lifetime: Duration::from_secs(7 * 86_400),
        session_lifetime: Duration::from_secs(30 * 86_400),
        refresh_grace: Duration::from_secs(60),
        refusal_floor: Duration::ZERO,
        api_keys: API_KEYS.to_owned(),
        trusted_proxies: String::new(),
        admin_email: ADMIN_EMAIL.to_owned(),
        breached_passwords: None,
        pepper_file: None,
        previous_peppers_file: None,
        audit: true,
        audit_key_file: None,
        admin_password: Some(ADMIN_PASSWORD.to_owned()),
    }
}

/// Serves on a thread of its own until the tests end. `settings` may change what the configuration
/// sets. Passwords are hashed by the [`TestHasher`], which costs nothing, and refused logins are answered at once:
/// only the real programs ([`Program`]) hash as in production.
pub fn serve(
    database_url: &str,
    settings: impl FnOnce(AuthBuilder<Account>) -> AuthBuilder<Account> + Send + 'static,
    application: impl Application,
) -> Target {
    serve_config(config(database_url), settings, application)
}

/// As [`serve`], with sessions in Redis, below a prefix.
pub fn serve_with_redis(
    database_url: &str,
    (redis_url, redis_prefix): (String, Prefix),
    application: impl Application,
) -> Target {
    let config = Config { redis_url: Some(redis_url), redis_prefix, ..config(database_url) };
    serve_config(config, |settings| settings, application)
}

/// As [`serve`], with other keys.
pub fn serve_with_keys(database_url: &str, keys: Keys, application: impl Application) -> Target {
    serve_config(Config { keys, ..config(database_url) }, |settings| settings, application)
}

fn serve_config(
    config: Config,
    settings: impl FnOnce(AuthBuilder<Account>) -> AuthBuilder<Account> + Send + 'static,
    application: impl Application,
) -> Target {
    let builder = async move || {
        let builder = until_ok(async || start::builder(&config, TestHasher::new()).await).await;
        (settings(builder.without_throttle()), config)
    };
    on_a_thread(builder, application)
}

/// As [`serve`], on memory, with the default throttle and a clock that stands still.
pub fn serve_with_throttle(
    settings: impl FnOnce(AuthBuilder<Account>) -> AuthBuilder<Account> + Send + 'static,
    application: impl Application,
) -> (Target, FixedClock) {
    let (config, clock) = (config("memory:"), FixedClock::default());
    let moved_by_the_test = clock.clone();
    let builder = async move || {
        let builder = start::builder(&config, TestHasher::new()).await.unwrap();
        (settings(builder.with_clock(moved_by_the_test)), config)
    };
    (on_a_thread(builder, application), clock)
}

/// Repeats a call that may miss its deadline on a busy machine.
async fn until_ok<T, E: Debug>(call: impl AsyncFn() -> Result<T, E>) -> T {
    for _ in 0..PATIENCE {
        if let Ok(value) = call().await {
            return value;
        }
    }
    call().await.unwrap()
}

/// As [`serve`], on memory, with a store that fails on demand.
pub fn serve_over_a_failing_store(application: impl Application) -> (Target, Outage) {
    let (store, outage) = FailingStore::new(MemoryStore::new());
    let config = config("memory:");
    let builder = async move || {
        let builder = start::builder_over(store, TestHasher::new(), &config).unwrap();
        (builder.without_throttle(), config)
    };
    (on_a_thread(builder, application), outage)
}

fn on_a_thread(
    builder: impl AsyncFnOnce() -> (AuthBuilder<Account>, Config) + Send + 'static,
    application: impl Application,
) -> Target {
    let (bound, address) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (builder, config) = builder().await;
            let auth = builder.build().unwrap();
            until_ok(async || start::first_admin(&auth, &config, |_| Ok(())).await).await;
            let listener = TcpListener::bind(&config.bind_address).unwrap();
            listener.set_nonblocking(true).unwrap();
            bound.send(listener.local_addr().unwrap().to_string()).unwrap();
            application.serve(listener, auth).await.unwrap();
        });
    });
    let (plain, scoped) = API_KEYS.split_once(',').unwrap();
    target(&address.recv().unwrap()).with_api_keys(plain, scoped.split_once(':').unwrap().0)
}

/// An example at this address, without API keys.
fn target(address: &str) -> Target {
    Target::new(address).with_guarded_route("/users/me").with_secret(secret())
}

/// The running program. Dropping it kills the program.
#[derive(Debug)]
pub struct Program {
    child: Child,
    /// Reads standard error while the program runs: a full pipe would block it.
    errors: Option<JoinHandle<Vec<u8>>>,
    /// Its file name.
    pub name: String,
    /// The address that it listens on.
    pub address: String,
    /// The password of the first admin, if the program showed it.
    pub admin_password: Option<String>,
}

impl Program {
    /// The program, to be started in a directory, with these settings. Unless they name others, it listens
    /// on a free port and has no refusal floor.
    #[must_use]
    pub fn command(program: &str, directory: &Path, settings: &[(&str, &str)]) -> Command {
        let mut command = Command::new(program);
        command.current_dir(directory).env_clear().env("BIND_ADDR", "127.0.0.1:0");
        // Refused logins are answered at once, so that the tests are fast.
        command.env("AUTH_REFUSAL_FLOOR_MILLISECONDS", "0");
        command.envs(settings.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts the program and waits until it listens. A store may miss its deadline on a busy machine; then
    /// the program is started again.
    #[must_use]
    pub fn start(program: &str, directory: &Path, settings: &[(&str, &str)]) -> Self {
        for _ in 0..PATIENCE {
            match Self::try_start(program, directory, settings) {
                Ok(started) => return started,
                Err(error) if error.contains("in time") || error.contains("timed out") => {}
                Err(error) => panic!("the program did not start: {error}"),
            }
        }
        panic!("the program misses the deadline of a store at each start");
    }

    /// Returns what the program printed if it did not start.
    fn try_start(program: &str, directory: &Path, settings: &[(&str, &str)]) -> Result<Self, String> {
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
            let _ = child.wait();
            return Err(String::from_utf8_lossy(&errors.join().unwrap()).into_owned());
        };
        let name = Path::new(program).file_name().unwrap().to_string_lossy().into_owned();
        Ok(Self { child, errors: Some(errors), name, address, admin_password })
    }

    /// Starts the program in a new directory, on memory, with the key of every test and these
    /// settings.
    #[must_use]
    pub fn start_on_memory(program: &str, folder: &str, settings: &[(&str, &str)]) -> Self {
        let settings = [&[("DATABASE_URL", "memory:"), ("AUTH_SECRET_KEY", secret())], settings].concat();
        Self::start(program, &new_directory(folder), &settings)
    }

    /// The program as a target of requests.
    #[must_use]
    pub fn target(&self) -> Target {
        target(&self.address)
    }

    /// Its resident memory, in bytes. Only on Linux.
    #[must_use]
    pub fn memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
    }

    /// Kills the program (SIGKILL), as a crash would, and waits until it has exited.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        assert_eq!(self.child.wait().unwrap().code(), None, "the program exited by itself");
    }

    /// Asks the program to stop (SIGTERM) and returns its exit status and standard error.
    #[must_use]
    pub fn stop(mut self) -> Output {
        let id = self.child.id().to_string();
        // The built-in `kill` of the shell: a program of that name may not be installed.
        assert!(Command::new("sh").args(["-c", "kill -TERM \"$1\"", "sh", &id]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        let stderr = self.errors.take().unwrap().join().unwrap();
        Output { status, stdout: Vec::new(), stderr }
    }

    /// As [`Program::stop`]; checks that the program succeeded, and returns what it logged.
    #[must_use]
    pub fn stop_with_log(self) -> String {
        let output = self.stop();
        let log = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{log}");
        log
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
