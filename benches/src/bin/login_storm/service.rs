//! The service under test, as a process of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use axum::Router;
use axum::routing::get;
use gatewright::audit::AuditStore;
use gatewright::axum::{CurrentUser, routes};
use gatewright::event::{Event, EventSink, RequestContext};
use gatewright::password::{HashContext, PasswordHasher};
use gatewright::store::{AccountStore, NewAccount, SessionStore};
use gatewright::throttle::Throttle;
use gatewright::types::{Clock, Epoch, SystemClock, SystemRandom};
use gatewright::{
    Account, Auth, Email, HashingPool, Jwt, MemoryStore, Password, PasswordHash, PostgresStore, RoleName,
    SqliteStore, UserId,
};
use gatewright_benches::SECRET;
use tokio::net::TcpListener;

use crate::ACCOUNTS;

/// The first argument of the process that serves. The second is the URL of its store.
pub(crate) const COMMAND: &str = "serve";
/// The path of the guarded route.
pub(crate) const GUARDED: &str = "/users/me";
/// The password of every account.
pub(crate) const PASSWORD: &str = "correct horse battery staple";
/// The account that calls the guarded route.
pub(crate) const PROBE: &str = "probe@example.com";

const LISTENING: &str = "listening on ";

/// The name of each account in the storm.
pub(crate) fn name(number: usize) -> String {
    format!("user{number}@example.com")
}

/// The running service. It ends when this is dropped.
pub(crate) struct Service {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Service {
    pub(crate) fn start(url: &str) -> Self {
        let program = std::env::current_exe().unwrap();
        let mut child = Command::new(program).args([COMMAND, url]).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let address = lines.find_map(|line| line.strip_prefix(LISTENING)?.parse().ok()).unwrap();
        Self { child, address }
    }

    /// A field of its status in bytes: `VmRSS`, the resident memory, or `VmHWM`, its highest value.
    pub(crate) fn memory(&self, field: &str) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
    }

    /// How many threads hash passwords.
    pub(crate) fn hashing_threads(&self) -> usize {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let names = tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).unwrap());
        names.filter(|name| name.trim() == "gatewright-hash").count()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Prints failures and overload: why a login did not get 200.
struct Failures;

impl EventSink for Failures {
    fn emit(&self, event: &Event<'_>, _: &RequestContext) {
        if let Event::Failed { error, .. } | Event::Overloaded { error, .. } = event {
            eprintln!("{error:?}");
        }
    }
}

/// Serves an application over the store at this URL, until the process is killed.
pub(crate) fn serve(url: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        match url.split_once(':').unwrap().0 {
            "memory" => listen(MemoryStore::new()).await,
            "sqlite" => listen(SqliteStore::connect(url).await.unwrap()).await,
            _ => listen(PostgresStore::connect(url).await.unwrap()).await,
        }
    });
}

async fn listen<S>(store: S)
where
    S: AccountStore<User = Account> + SessionStore + Throttle + AuditStore + Clone,
{
    let hasher = HashingPool::new().unwrap();
    // All accounts have the same hash, so that they are soon made.
    let hash = hasher.hash(Password::new(PASSWORD), &HashContext::new()).await.unwrap();
    add(&store, PROBE, &hash).await;
    for number in 0..ACCOUNTS {
        add(&store, &name(number), &hash).await;
    }
    let tokens = Jwt::hs256(SECRET.clone()).issuer("https://issuer.example").audience("my-api");
    let auth = Auth::local(store, tokens.build().unwrap(), hasher).with_events(Failures).build().unwrap();
    let app = Router::new()
        .route(GUARDED, get(async |_: CurrentUser| "ok"))
        .nest("/auth", routes(&auth))
        .with_state(auth);
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    println!("{LISTENING}127.0.0.1:{}", listener.local_addr().unwrap().port());
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await.unwrap();
}

async fn add(store: &impl AccountStore<User = Account>, email: &str, hash: &PasswordHash) {
    let now = SystemClock.now();
    let id = UserId::generate(now, &SystemRandom).unwrap();
    let epoch = Epoch::generate(&SystemRandom).unwrap();
    let (email, role) = (Email::parse(email).unwrap(), RoleName::new("user").unwrap());
    let _ = store.create(NewAccount::new(id, email, hash.clone(), [role], epoch, now)).await.unwrap();
}
