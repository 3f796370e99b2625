//! The database is killed while two services hear each other over it, and comes back.

use std::thread;
use std::time::Duration;

use example_service::testing::revocations::Delays;
use example_service::testing::{serve, serve_with_redis};
use gatewright::{MAX_SILENCE, Prefix, SETTLING_TIME};
use gatewright_testkit::http::{PASSWORD, Target, Tokens};
use gatewright_tests::new_file;
use tokio::time::Instant;
use xtask::services::{Kind, Server};

/// How many sessions are ended on one service, before and after, to see when the other refuses them.
const LOGOUTS: usize = 20;

/// The killed server's children notice it by themselves, and answer until then.
const DYING: Duration = Duration::from_millis(250);

/// How long the services may take until they are as before: connections, and what was in doubt.
const RECOVERY: Duration = Duration::from_secs(30);

#[test]
#[ignore = "needs PostgreSQL's programs"]
fn nobody_is_let_in_for_longer_than_three_seconds_of_silence_and_the_feed_comes_back_on_postgres() {
    let server = Server::start(Kind::Postgres).unwrap();
    let services = [(); 2].map(|()| serve(server.url(), |settings| settings, axum_app::serve));
    survive(server, &services);
}

/// The users are where they were: what is killed keeps sessions and carries revocations.
#[test]
#[ignore = "needs Redis' program"]
fn nobody_is_let_in_for_longer_than_three_seconds_of_silence_and_the_feed_comes_back_on_redis() {
    let server = Server::start(Kind::Redis).unwrap();
    let users = format!("sqlite://{}", new_file("users.db").display());
    let redis = (server.url().to_owned(), Prefix::default());
    let services = [(); 2].map(|()| serve_with_redis(&users, redis.clone(), axum_app::serve));
    survive(server, &services);
}

fn survive(mut server: Server, services: &[Target; 2]) {
    let [here, there] = services;
    let tokens = here.login(&here.register(), PASSWORD);
    for kill in 0..2 {
        let delays = Delays::measure(here, there, LOGOUTS);
        println!("before kill {kill}: {delays}");
        delays.check_that_a_feed_is_at_work();

        for service in services {
            assert_eq!([service.me(&tokens.access).status; 2], [200; 2]);
        }
        server.kill().unwrap();
        let killed = Instant::now();
        let remembered = thread::scope(|scope| {
            let asked = services.each_ref().map(|service| {
                let tokens = &tokens;
                scope.spawn(move || ask_until_refused(service, tokens, killed))
            });
            asked.map(|asked| asked.join().unwrap())
        });
        println!("kill {kill}: let in still {remembered:?} times");
        assert!(remembered.iter().all(|times| *times > 0), "what was remembered counted for a moment");

        server.run().unwrap();
        for service in services {
            until_let_in(service, &tokens);
        }
    }
    let delays = Delays::measure(here, there, LOGOUTS);
    println!("afterwards: {delays}");
    delays.check_that_a_feed_is_at_work();
}

/// Each heartbeat was sent before the kill, so that nobody is let in who asks three seconds after it. Says how often
/// somebody was.
fn ask_until_refused(service: &Target, tokens: &Tokens, killed: Instant) -> usize {
    let mut let_in = 0;
    loop {
        let asked = killed.elapsed();
        match service.me(&tokens.access).status {
            200 => assert!(asked <= MAX_SILENCE + DYING, "let in {asked:?} after the kill"),
            503 => return let_in,
            status => panic!("{status}"),
        }
        let_in += 1;
    }
}

fn until_let_in(service: &Target, tokens: &Tokens) {
    let begun = Instant::now();
    while service.me(&tokens.access).status != 200 {
        assert!(begun.elapsed() < RECOVERY + SETTLING_TIME, "not in order after {:?}", begun.elapsed());
    }
}
