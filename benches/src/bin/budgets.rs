//! `cargo run --release -p gatewright-benches --bin budgets`: measures every budget as a ratio
//! within this run. Exits with 1 if one is missed.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a panic ends a measurement that cannot continue; the time is the system's"
)]

use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use argon2::{Argon2, PasswordVerifier};
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::get;
use gatewright::audit::AuditStore;
use gatewright::axum::{CurrentUser, StatelessClaims};
use gatewright::password::{HashContext, PasswordHasher, PasswordVerdict};
use gatewright::revocation::RevocationCheck;
use gatewright::store::{AccountStore, SessionStore};
use gatewright::throttle::Throttle;
use gatewright::{
    Account, Auth, HashingPool, Jwt, Login, MemoryStore, Password, Registration, RoleName, RoleScopes,
    Scopes, SqliteStore,
};
use gatewright_benches::{SECRET, Signed, Tokens};
use tower::ServiceExt;

/// How often two libraries take turns. The medians are compared.
const ROUNDS: usize = 41;

/// One line of the table.
struct Row {
    name: &'static str,
    ours: String,
    peer: String,
    figure: f64,
    budget: String,
    kept: bool,
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut rows = tokens();
    rows.extend(key_pairs());
    rows.extend(runtime.block_on(hashing()));
    rows.extend(runtime.block_on(guards()));
    println!("{:<52} {:>12} {:>12} {:>8}  {:<10} kept", "what", "ours", "peer", "figure", "budget");
    for Row { name, ours, peer, figure, budget, kept } in &rows {
        println!(
            "{name:<52} {ours:>12} {peer:>12} {figure:>8.2}  {budget:<10} {}",
            if *kept { "yes" } else { "NO" }
        );
    }
    if rows.iter().all(|row| row.kept) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn tokens() -> Vec<Row> {
    let tokens = Tokens::new();
    assert!(tokens.ours() && tokens.jsonwebtoken() && tokens.bare());
    let (ours, peer) = compare(2_000, || assert!(tokens.ours()), || assert!(tokens.jsonwebtoken()));
    let (again, bare) = compare(2_000, || assert!(tokens.ours()), || assert!(tokens.bare()));
    assert!(tokens.jwt_simple());
    let (more, simple) = compare(2_000, || assert!(tokens.ours()), || assert!(tokens.jwt_simple()));
    let allocations = allocation_counter::measure(|| assert!(tokens.ours())).count_total;
    vec![
        at_least("HS256 verify, times faster than jsonwebtoken", ours, peer, 2.5),
        at_most("HS256 verify, times bare HMAC + base64 + JSON", again, bare, 1.3),
        beside("HS256 verify, times faster than jwt-simple", more, simple),
        Row {
            name: "HS256 verify, allocations",
            ours: allocations.to_string(),
            peer: "-".to_owned(),
            figure: allocations as f64,
            budget: "<= 4".to_owned(),
            kept: allocations <= 4,
        },
    ]
}

fn key_pairs() -> Vec<Row> {
    let (eddsa, es256) = (Signed::eddsa(), Signed::es256());
    let mut rows = Vec::new();
    for (token, bare, peer, simple, cached) in [
        (
            &eddsa,
            "EdDSA verify, times bare aws-lc-rs",
            "EdDSA verify, times faster than jsonwebtoken",
            "EdDSA verify, times faster than jwt-simple",
            "EdDSA verify, times faster with the cache",
        ),
        (
            &es256,
            "ES256 verify, times bare aws-lc-rs",
            "ES256 verify, times faster than jsonwebtoken",
            "ES256 verify, times faster than jwt-simple",
            "ES256 verify, times faster with the cache",
        ),
    ] {
        let ours = || assert!(token.ours());
        let (time, least) = compare(100, ours, || assert!(token.bare()));
        rows.push(at_most(bare, time, least, 1.05));
        let (time, theirs) = compare(50, ours, || assert!(token.jsonwebtoken()));
        rows.push(beside(peer, time, theirs));
        let (time, theirs) = compare(20, ours, || assert!(token.jwt_simple()));
        rows.push(beside(simple, time, theirs));
        let (time, without) = compare(100, || assert!(token.cached()), ours);
        rows.push(at_least(cached, time, without, 30.0));
    }
    let (ours, theirs) = compare(100, || assert!(eddsa.issue()), || assert!(eddsa.jsonwebtoken_issue()));
    rows.push(at_least("EdDSA issue, times faster than jsonwebtoken", ours, theirs, 1.6));
    rows
}

async fn hashing() -> Vec<Row> {
    let pool = HashingPool::builder().with_workers(1).build().unwrap();
    let hash = pool.hash(Password::new("correct horse battery staple"), &HashContext::new()).await.unwrap();
    let stored = hash.expose().to_owned();
    let (ask, asked) = mpsc::channel::<()>();
    let (answer, answered) = mpsc::channel();
    // A plain call as in an application: on a thread for blocking work, which allocates memory for
    // each call.
    let plain_thread = thread::spawn(move || {
        for () in asked {
            let verdict = Argon2::default().verify_password(b"correct horse battery staple", stored.as_str());
            answer.send(verdict.is_ok()).unwrap();
        }
    });
    let (mut pooled, mut plain) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let password = Password::new("correct horse battery staple");
        let verdict = pool.verify(password, Some(hash.clone()), &HashContext::new()).await;
        pooled.push(start.elapsed());
        assert_eq!(verdict.unwrap(), PasswordVerdict::Match);
        let start = Instant::now();
        ask.send(()).unwrap();
        assert!(answered.recv().unwrap());
        plain.push(start.elapsed());
    }
    drop(ask);
    plain_thread.join().unwrap();
    vec![at_least(
        "argon2id verify in the pool, times faster than plain",
        median(pooled),
        median(plain),
        1.25,
    )]
}

const PASSWORD: &str = "correct horse battery staple";

/// An application over a store, and a token that it accepts.
async fn application<S>(store: S, check: RevocationCheck) -> (Router, String)
where
    S: AccountStore<User = Account> + SessionStore + Throttle + AuditStore,
{
    let tokens =
        Jwt::hs256(SECRET.clone()).issuer("https://issuer.example").audience("my-api").build().unwrap();
    let auth = Auth::local(store, tokens, HashingPool::new().unwrap())
        .with_registration_role(RoleName::new("user").unwrap())
        .with_role_scopes(
            RoleScopes::new()
                .with(RoleName::from_static("user"), Scopes::parse("items:read items:write").unwrap()),
        )
        .with_revocation_check(check)
        .build()
        .unwrap();
    let password = || Password::new(PASSWORD);
    auth.register(Registration::new("ada@example.com", password()).unwrap()).await.unwrap();
    let token = auth.login(Login::new("ada@example.com", password())).await.unwrap().access_token;
    let app = Router::new()
        .route("/open", get(async || "ok"))
        .route("/stateless", get(async |_: StatelessClaims| "ok"))
        .route("/guarded", get(async |_: CurrentUser| "ok"))
        .with_state(auth);
    (app, token.expose().to_owned())
}

async fn guards() -> Vec<Row> {
    let folder = std::env::temp_dir().join(format!("gatewright-budgets-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let store = SqliteStore::connect(&format!("sqlite://{}", folder.join("guards.db").display())).await;
    let store = store.unwrap();
    let memory = application(MemoryStore::new(), RevocationCheck::Cached).await;
    let sqlite = application(store.clone(), RevocationCheck::Cached).await;
    let through = application(MemoryStore::new(), RevocationCheck::ReadThrough).await;
    let contenders = [
        (&memory, "/open"),
        (&memory, "/stateless"),
        (&memory, "/guarded"),
        (&sqlite, "/guarded"),
        (&through, "/guarded"),
    ];
    let mut times = [const { Vec::new() }; 5];
    for _ in 0..ROUNDS {
        for (((app, token), path), times) in contenders.iter().zip(&mut times) {
            // Not measured: the cache entry can have expired.
            call(app, path, token).await;
            let start = Instant::now();
            for _ in 0..500 {
                call(app, path, token).await;
            }
            times.push(start.elapsed() / 500);
        }
    }
    store.close().await;
    std::fs::remove_dir_all(&folder).unwrap();
    let medians = times.map(median);
    let three = Duration::from_micros(3);
    vec![
        added("guarded route, stateless, added", medians[1], medians[0], Duration::from_micros(2)),
        added("guarded route, cached, over memory, added", medians[2], medians[0], three),
        added("guarded route, cached, over SQLite, added", medians[3], medians[0], three),
        added("guarded route, read-through, memory, added", medians[4], medians[0], three),
    ]
}

async fn call(app: &Router, path: &str, token: &str) {
    let request = Request::get(path).header("authorization", format!("Bearer {token}"));
    let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status().as_u16(), 200);
}

/// Lets two libraries take turns and returns the median time of one call of each.
fn compare(calls: u32, ours: impl Fn(), peer: impl Fn()) -> (Duration, Duration) {
    let time = |call: &dyn Fn()| {
        let start = Instant::now();
        (0..calls).for_each(|_| call());
        start.elapsed() / calls
    };
    let (ours, peer): (Vec<_>, Vec<_>) = (0..ROUNDS).map(|_| (time(&ours), time(&peer))).unzip();
    (median(ours), median(peer))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn at_least(name: &'static str, ours: Duration, peer: Duration, budget: f64) -> Row {
    let figure = peer.as_secs_f64() / ours.as_secs_f64();
    row(name, ours, peer, figure, format!(">= {budget}"), figure >= budget)
}

/// A comparison without a budget: a row of the table.
fn beside(name: &'static str, ours: Duration, peer: Duration) -> Row {
    let figure = peer.as_secs_f64() / ours.as_secs_f64();
    row(name, ours, peer, figure, "-".to_owned(), true)
}

fn at_most(name: &'static str, ours: Duration, peer: Duration, budget: f64) -> Row {
    let figure = ours.as_secs_f64() / peer.as_secs_f64();
    row(name, ours, peer, figure, format!("<= {budget}"), figure <= budget)
}

/// In microseconds.
fn added(name: &'static str, with: Duration, without: Duration, budget: Duration) -> Row {
    let added = with.saturating_sub(without);
    let figure = added.as_secs_f64() * 1e6;
    row(name, with, without, figure, format!("<= {} us", budget.as_micros()), added <= budget)
}

fn row(name: &'static str, ours: Duration, peer: Duration, figure: f64, budget: String, kept: bool) -> Row {
    Row { name, ours: format!("{ours:.2?}"), peer: format!("{peer:.2?}"), figure, budget, kept }
}
