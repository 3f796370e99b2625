//! `cargo run --release -p gatewright-benches --bin login_storm [memory] [sqlite] [postgres]`: 500 logins at the same
//! time, of 500 accounts from 50 networks, and one guarded route that is called meanwhile. All stores unless some are
//! named. PostgreSQL is started. Exits with 1 if
//! - a login does not get 200,
//! - the 99th percentile of the guarded route is more than 5 ms above that of the same route in the idle service, or
//! - the service takes more memory than one hash for each hashing thread and [`MEMORY_OF_LOGIN`] for each login.
//!
//! The service is a process of its own, with the default settings. The budgets are for 2 cores: with another number it
//! exits with 1 (`taskset -c 0,1` gives it two). Run it on a machine that does nothing else.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a panic ends a measurement that cannot continue; the time is the system's"
)]

mod probe;
mod service;
mod storm;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use xtask::services::{Kind, Server};

use probe::Probe;
use service::Service;

/// The accounts, each of which logs in once, and their networks.
const ACCOUNTS: usize = 500;
const NETWORKS: usize = 50;
/// The cores that the budgets are for: with more, more threads hash, and the row shows nothing.
const CORES: usize = 2;
/// How long the guarded route is measured in the idle service.
const IDLE: Duration = Duration::from_secs(10);
/// How much longer the guarded route may take during the storm, at the 99th percentile.
const MOST_ADDED: Duration = Duration::from_millis(5);
/// The memory of a hash: that of `Argon2Costs::default()`.
const MEMORY_OF_HASH: usize = 19 << 20;
/// The memory of a login that waits: its connection, its task and its place in the queue.
const MEMORY_OF_LOGIN: usize = 64 << 10;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, url] = &arguments[..]
        && command == service::COMMAND
    {
        service::serve(url);
        return ExitCode::SUCCESS;
    }
    let chosen = |store: &str| arguments.is_empty() || arguments.iter().any(|argument| argument == store);
    let cores = thread::available_parallelism().unwrap();
    if cores.get() != CORES {
        eprintln!("login_storm needs {CORES} cores and has {cores}: run it with `taskset -c 0,1`");
        return ExitCode::FAILURE;
    }
    println!("{ACCOUNTS} logins from {NETWORKS} networks, {cores} cores");
    println!(
        "{:<12} {:>9} {:>9} {:>9} {:>9} {:>9} {:>10}  {:<24} kept",
        "store", "idle p99", "storm p99", "added", "median", "slowest", "memory", "answers"
    );
    let mut is_kept = true;
    if chosen("memory") {
        is_kept &= measure("memory", "memory:");
    }
    if chosen("sqlite") {
        let folder = new_folder();
        is_kept &= measure("SQLite", &format!("sqlite://{}", folder.join("storm.db").display()));
        std::fs::remove_dir_all(folder).unwrap();
    }
    if chosen("postgres") {
        // The server waits for the disk, as in production.
        let server = Server::start_durable(Kind::Postgres).unwrap();
        is_kept &= measure("PostgreSQL", server.url());
    }
    if is_kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// On the disk of the workspace: temporary files may be in memory.
fn new_folder() -> PathBuf {
    let target = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target");
    let folder = target.join(format!("login-storm-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Measures a store, prints its row, and returns whether all budgets are kept.
fn measure(store: &str, url: &str) -> bool {
    let service = Service::start(url);
    let mut probe = Probe::log_in(service.address);
    let idle = until(IDLE, &mut probe);
    let before = service.memory("VmRSS");
    let (during, answers) = during_storm(&service, &mut probe);
    let memory = service.memory("VmHWM").saturating_sub(before);

    let (idle, during) = (p99(idle), p99(during));
    let added = during.saturating_sub(idle);
    let (statuses, times) = summary(&answers);
    let are_granted = statuses.keys().all(|status| *status == 200);
    let most_memory = service.hashing_threads() * MEMORY_OF_HASH + ACCOUNTS * MEMORY_OF_LOGIN;
    let is_kept = are_granted && added <= MOST_ADDED && memory <= most_memory;
    println!(
        "{store:<12} {idle:>9.2?} {during:>9.2?} {added:>9.2?} {:>9.2?} {:>9.2?} {:>6} MiB  {:<24} {}",
        times[times.len() / 2],
        times[times.len() - 1],
        memory >> 20,
        format!("{statuses:?}"),
        if is_kept { "yes" } else { "NO" }
    );
    is_kept
}

/// Calls the guarded route for some time.
fn until(time: Duration, probe: &mut Probe) -> Vec<Duration> {
    let end = Instant::now() + time;
    probe.call_while(|| Instant::now() < end)
}

/// Calls the guarded route until every login has its answer.
fn during_storm(service: &Service, probe: &mut Probe) -> (Vec<Duration>, Vec<storm::Answer>) {
    let storm = storm::Storm::prepare(service.address);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let answers = scope.spawn(|| {
            let answers = storm.run();
            is_over.store(true, Ordering::SeqCst);
            answers
        });
        let times = probe.call_while(|| !is_over.load(Ordering::SeqCst));
        (times, answers.join().unwrap())
    })
}

/// How many answers had each status, and the times of all.
fn summary(answers: &[storm::Answer]) -> (BTreeMap<u16, usize>, Vec<Duration>) {
    let mut statuses = BTreeMap::new();
    for answer in answers {
        *statuses.entry(answer.status).or_default() += 1;
    }
    let mut times: Vec<Duration> = answers.iter().map(|answer| answer.time).collect();
    times.sort_unstable();
    (statuses, times)
}

fn p99(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() * 99 / 100]
}
