//! `auth_routes_suite!` against applications that are not the examples: one with every endpoint,
//! and one without accounts and API keys of Gatewright's own.

use std::net::SocketAddr;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use gatewright::axum::{CurrentUser, routes};
use gatewright::store::{AccountStore, CreateOutcome, NewAccount};
use gatewright::types::{Clock, Epoch, SystemClock, SystemRandom};
use gatewright::{ApiKeys, Auth, Email, MemoryStore, RoleName, Scopes, UserId};
use gatewright_testkit::auth_routes::{PASSWORD, Target};
use gatewright_testkit::{TestHasher, block_on};
use gatewright_tests::{jwt, secret};
use tokio::net::TcpListener;

const PLAIN_KEY: &str = "k9J2mQ7xVb4TzW8LcR5nYp3H";
const SCOPED_KEY: &str = "R5nYp3HdF6sGaE1cX8wQz7Lm";

gatewright_testkit::auth_routes_suite!(with_every_endpoint, complete, accounts, usernames, introspection);
gatewright_testkit::auth_routes_suite!(without_accounts, minimal);

fn complete() -> &'static Target {
    static TARGET: LazyLock<Target> = LazyLock::new(|| {
        let keys = ApiKeys::new().with(PLAIN_KEY, Scopes::default()).unwrap();
        let keys = keys.with(SCOPED_KEY, Scopes::parse("introspect").unwrap()).unwrap();
        let auth = Auth::local(MemoryStore::new(), jwt(), TestHasher::new())
            .with_refusal_floor(Duration::ZERO)
            .with_registration_role(RoleName::new("user").unwrap())
            .with_usernames()
            .without_throttle()
            .with_api_keys(keys);
        serve(auth.build().unwrap()).with_api_keys(PLAIN_KEY, SCOPED_KEY)
    });
    &TARGET
}

/// The users of [`minimal`].
static USERS: LazyLock<MemoryStore> = LazyLock::new(MemoryStore::new);

fn minimal() -> &'static Target {
    static TARGET: LazyLock<Target> = LazyLock::new(|| {
        let auth = Auth::builder(USERS.clone(), MemoryStore::new(), jwt(), TestHasher::new())
            .with_refusal_floor(Duration::ZERO)
            .without_throttle();
        serve(auth.build().unwrap()).with_sign_up(add_user)
    });
    &TARGET
}

fn add_user() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let email = format!("user{}@example.com", COUNT.fetch_add(1, Ordering::Relaxed));
    let now = SystemClock.now();
    let id = UserId::generate(now, &SystemRandom).unwrap();
    let (hash, role) = (TestHasher::stored(PASSWORD), RoleName::new("user").unwrap());
    let epoch = Epoch::generate(&SystemRandom).unwrap();
    let account = NewAccount::new(id, Email::parse(&email).unwrap(), hash, [role], epoch, now);
    let created = block_on(USERS.create(account)).unwrap();
    assert!(matches!(created, CreateOutcome::Created(_)), "{created:?}");
    email
}

/// An application with one guarded route, and with the endpoints below a path of its own.
fn serve(auth: Auth) -> Target {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let app = Router::new()
        .route("/hello", get(async |user: CurrentUser| format!("hello {}", user.email)))
        .nest("/api/account", routes(&auth))
        .with_state(auth);
    thread::spawn(move || {
        block_on(async {
            let listener = TcpListener::from_std(listener).unwrap();
            axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await.unwrap();
        });
    });
    Target::new(&address).with_prefix("/api/account").with_guarded_route("/hello").with_secret(secret())
}
