//! `cargo run --release -p gatewright-benches --bin growth`: measures the reads of a guard and a
//! refresh while the tables grow from a thousand to a million sessions, in SQLite and in a
//! PostgreSQL server that it starts. Prints a table and draws `docs/latency.svg`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a panic ends a measurement that cannot continue; the time is the system's"
)]

mod chart;
mod fill;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gatewright::store::{Rotation, RotationRequest, SessionStore, TokenDigest};
use gatewright::types::{Clock, SystemClock, Timestamp};
use gatewright::{Account, PostgresStore, SqliteStore, UserStore};
use xtask::services::{Kind, Server};

/// The number of sessions at each measurement.
const SIZES: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];

/// The number of measured calls at each size, after [`WARM_UP`] calls that are not measured.
const CALLS: usize = 2_000;
const WARM_UP: usize = 200;

/// The times of one operation on one database.
struct Series {
    name: String,
    points: Vec<Point>,
}

/// The times at one number of sessions.
struct Point {
    sessions: u64,
    median: Duration,
    p99: Duration,
}

#[tokio::main]
async fn main() {
    let [sqlite, postgres] = [sqlite().await, postgres().await];
    let series: Vec<Series> = sqlite.into_iter().chain(postgres).collect();
    print_table(&series);
    let file = workspace().join("docs/latency.svg");
    std::fs::write(&file, chart::draw(&series)).unwrap();
    println!("drawn: {}", file.canonicalize().unwrap().display());
}

async fn sqlite() -> [Series; 2] {
    let folder = workspace().join(format!("target/growth-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let url = format!("sqlite://{}", folder.join("sessions.db").display());
    let store = SqliteStore::connect(&url).await.unwrap();
    let series = grow("SQLite", &store, async |from, to, now| fill::sqlite(&url, from, to, now).await).await;
    store.close().await;
    std::fs::remove_dir_all(&folder).unwrap();
    series
}

/// The server waits for the disk, as in production.
async fn postgres() -> [Series; 2] {
    let server = Server::start_durable(Kind::Postgres).unwrap();
    let store = PostgresStore::connect(server.url()).await.unwrap();
    let fill = async |from, to, now| fill::postgres(server.url(), from, to, now).await;
    let series = grow("PostgreSQL", &store, fill).await;
    store.close().await;
    series
}

async fn grow<S: SessionStore + UserStore<User = Account>>(
    database: &str,
    store: &S,
    fill: impl AsyncFn(u64, u64, Timestamp),
) -> [Series; 2] {
    let named = |what: &str| Series { name: format!("{database}, {what}"), points: Vec::new() };
    let [mut guard, mut refresh] = [named("guard"), named("refresh")];
    let mut steps = HashMap::new();
    let mut random = Random(0);
    let mut filled = 0;
    for sessions in SIZES {
        fill(filled, sessions, SystemClock.now()).await;
        filled = sessions;
        let mut took = [Vec::new(), Vec::new()];
        for call in 0..WARM_UP + CALLS {
            let session = random.below(sessions);
            let started = Instant::now();
            read(store, session).await;
            let read_in = started.elapsed();
            let session = random.below(sessions);
            let step = steps.entry(session).or_default();
            let started = Instant::now();
            read(store, session).await;
            rotate(store, session, step).await;
            if call >= WARM_UP {
                took[0].push(read_in);
                took[1].push(started.elapsed());
            }
        }
        let [guards, refreshes] = took;
        guard.points.push(Point::of(sessions, guards));
        refresh.points.push(Point::of(sessions, refreshes));
    }
    [guard, refresh]
}

/// The queries of a guard without a cache. A refresh starts with the same queries.
async fn read<S: SessionStore + UserStore<User = Account>>(store: &S, session: u64) {
    let user = fill::user_of(session);
    let found = store.find(&user, fill::id_of(session)).await.unwrap().unwrap();
    assert_eq!(found.user, user);
    assert!(store.find_by_id(&user).await.unwrap().is_some());
}

/// `step` is the number of the session's current token.
async fn rotate<S: SessionStore>(store: &S, session: u64, step: &mut u64) {
    let digest = |step| TokenDigest::from_bytes(fill::digest_of(session, step));
    let now = SystemClock.now();
    let request = RotationRequest::new(
        fill::user_of(session),
        fill::id_of(session),
        digest(*step),
        digest(*step + 1),
        now,
        Duration::ZERO,
        now.saturating_add(fill::LIFETIME),
    );
    assert!(matches!(store.rotate(&request).await.unwrap(), Rotation::Rotated(_)));
    *step += 1;
}

impl Point {
    fn of(sessions: u64, mut took: Vec<Duration>) -> Self {
        took.sort_unstable();
        Self { sessions, median: took[took.len() / 2], p99: took[took.len() * 99 / 100] }
    }
}

/// Pseudorandom numbers, the same in every run: SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// Each cell: median and 99th percentile in microseconds.
fn print_table(series: &[Series]) {
    let names: Vec<&str> = series.iter().map(|series| series.name.as_str()).collect();
    println!("| sessions | {} |", names.join(" | "));
    println!("|---:|{}", "---:|".repeat(series.len()));
    for (at, sessions) in SIZES.iter().enumerate() {
        let micros = |took: Duration| took.as_micros();
        let cells = series.iter().map(|series| &series.points[at]);
        let cells = cells.map(|point| format!("{} / {}", micros(point.median), micros(point.p99)));
        println!("| {sessions} | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
