//! Two services whose feed runs over a server that is killed and starts again.

use std::thread;
use std::time::Duration;

use example_service::testing::revocations::{Delays, expect_accepted};
use example_service::testing::{PATIENCE, serve, serve_with_redis};
use gatewright::revocation::{HEARTBEAT_TIMEOUT, UNCONFIRMED_WINDOW};
use gatewright::store::Prefix;
use gatewright_testkit::auth_routes::{PASSWORD, Target, Tokens};
use gatewright_tests::new_file;
use tokio::time::Instant;
use xtask::services::{Kind, Server};

/// How many logouts on one service measure when the other rejects the session.
const LOGOUTS: usize = 20;

/// How long the child processes of a killed server can continue to reply, on a slow machine.
const DYING: Duration = Duration::from_secs(5);

/// How long the services may take to reconnect.
const RECOVERY: Duration = Duration::from_secs(30);

#[test]
#[ignore = "needs PostgreSQL's programs"]
fn caches_are_unused_soon_after_a_crash_and_the_feed_recovers_on_postgres() {
    let server = Server::start(Kind::Postgres).unwrap();
    let services = [(); 2].map(|()| serve(server.url(), |settings| settings, axum_app::serve));
    crash_twice(server, &services);
}

/// The killed server has the sessions and the feed; the users are in SQLite.
#[test]
#[ignore = "needs Redis' program"]
fn caches_are_unused_soon_after_a_crash_and_the_feed_recovers_on_redis() {
    let server = Server::start(Kind::Redis).unwrap();
    let users = format!("sqlite://{}", new_file("users.db").display());
    let redis = (server.url().to_owned(), Prefix::default());
    let services = [(); 2].map(|()| serve_with_redis(&users, redis.clone(), axum_app::serve));
    crash_twice(server, &services);
}

fn crash_twice(mut server: Server, services: &[Target; 2]) {
    let [here, there] = services;
    let patient = here.clone().with_patience(PATIENCE);
    let tokens = patient.login(&patient.register(), PASSWORD);
    let mut all_hits = 0;
    for crash in 0..2 {
        let delays = Delays::measure(here, there, LOGOUTS);
        println!("before crash {crash}: {delays}");
        delays.expect_a_working_feed();

        for service in services {
            expect_accepted(service, &tokens.access);
        }
        server.kill().unwrap();
        let killed = Instant::now();
        let hits = thread::scope(|scope| {
            let hits = services.each_ref().map(|service| {
                let tokens = &tokens;
                scope.spawn(move || cache_hits_after(service, tokens, killed))
            });
            hits.map(|hits| hits.join().unwrap())
        });
        println!("crash {crash}: cache hits afterwards: {hits:?}");
        all_hits += hits.iter().sum::<usize>();

        server.run().unwrap();
        for service in services {
            until_accepted(service, &tokens);
        }
    }
    // A slow machine can miss the moment after one crash.
    assert!(all_hits > 0, "the cache is used for a moment");
    let delays = Delays::measure(here, there, LOGOUTS);
    println!("after the crashes: {delays}");
    delays.expect_a_working_feed();
}

/// Sends requests until one is answered 503. Returns how many succeeded before. All heartbeats were
/// sent before the crash, so no request may succeed after [`HEARTBEAT_TIMEOUT`].
fn cache_hits_after(service: &Target, tokens: &Tokens, killed: Instant) -> usize {
    let mut hits = 0;
    loop {
        let elapsed = killed.elapsed();
        match service.me(&tokens.access).status {
            200 => assert!(elapsed <= HEARTBEAT_TIMEOUT + DYING, "success {elapsed:?} after the crash"),
            503 => return hits,
            status => panic!("{status}"),
        }
        hits += 1;
    }
}

fn until_accepted(service: &Target, tokens: &Tokens) {
    let started = Instant::now();
    while service.me(&tokens.access).status != 200 {
        let elapsed = started.elapsed();
        assert!(elapsed < RECOVERY + UNCONFIRMED_WINDOW, "not recovered after {elapsed:?}");
    }
}
