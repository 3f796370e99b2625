//! The database is killed in the middle of a thousand refreshes, and comes back: twice.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use example_service::testing::{serve, serve_with_redis};
use gatewright::Prefix;
use gatewright_testkit::http::{PASSWORD, Target, Tokens};
use gatewright_tests::new_file;
use tokio::time::Instant;
use xtask::services::{Kind, Server};

use crate::servers::IN_TIME;

const CLIENTS: usize = 20;
const REFRESHES: usize = 50;

/// After so many answers the server is killed.
const KILLS: [usize; 2] = [300, 600];

/// So often in a row a client is told to come again before it gives up.
const PATIENCE: usize = 100;

#[test]
#[ignore = "needs PostgreSQL's programs"]
fn a_thousand_refreshes_survive_that_the_server_is_killed_on_postgres() {
    survive_on_a_database(Kind::Postgres);
}

#[test]
#[ignore = "needs MariaDB's programs"]
fn a_thousand_refreshes_survive_that_the_server_is_killed_on_mysql() {
    survive_on_a_database(Kind::Mysql);
}

#[test]
#[ignore = "needs Redis' program"]
fn a_thousand_refreshes_survive_that_the_server_is_killed_on_redis() {
    let server = Server::start(Kind::Redis).unwrap();
    let users = format!("sqlite://{}", new_file("users.db").display());
    let target = serve_with_redis(&users, (server.url().to_owned(), Prefix::default()), axum_app::serve);
    survive(server, &target);
}

fn survive_on_a_database(kind: Kind) {
    let server = Server::start(kind).unwrap();
    let target = serve(server.url(), |settings| settings, axum_app::serve);
    survive(server, &target);
}

/// Every answer is 200 or 503, in time; whoever is told to come again does, with the same token, and everybody goes on
/// in the end. Nothing but the grace window of 60 seconds helps those whose answer was lost.
fn survive(mut server: Server, target: &Target) {
    let patient = target.clone().with_patience(PATIENCE);
    let email = patient.register();
    let begun: Vec<Tokens> = (0..CLIENTS).map(|_| patient.login(&email, PASSWORD)).collect();
    let (answers, heard) = channel();
    let ended = thread::scope(|scope| {
        let clients: Vec<_> = begun
            .iter()
            .map(|tokens| {
                let answers = answers.clone();
                scope.spawn(move || refresh_again_and_again(target, tokens, &answers))
            })
            .collect();
        drop(answers);
        let mut counts = Counts::default();
        for granted in KILLS {
            counts.hear_until(&heard, |counts| counts.granted >= granted);
            server.kill().unwrap();
            let enough = counts.unavailable + CLIENTS;
            counts.hear_until(&heard, |counts| counts.unavailable >= enough);
            server.run().unwrap();
        }
        counts.hear_until(&heard, |counts| counts.granted == CLIENTS * REFRESHES);
        println!("{:?}: {counts:?}", server.kind());
        clients.into_iter().map(|client| client.join().unwrap()).collect::<Vec<_>>()
    });
    // No session is lost, and none has two ends: each goes on, and what it began with ends it.
    for (first, last) in begun.iter().zip(&ended) {
        assert_eq!(patient.me(&last.access).status, 200);
        let next = Tokens::from(&patient.refresh(&last.refresh));
        patient.refresh(&first.refresh).expect_refresh_refused();
        patient.refresh(&next.refresh).expect_refresh_refused();
    }
}

fn refresh_again_and_again(target: &Target, begun: &Tokens, answers: &Sender<u16>) -> Tokens {
    let (mut tokens, mut refused) = (begun.clone(), 0);
    let mut granted = 0;
    while granted < REFRESHES {
        let asked = Instant::now();
        let answer = target.refresh(&tokens.refresh);
        assert!(asked.elapsed() < IN_TIME, "{:?}", asked.elapsed());
        match answer.status {
            200 => (tokens, granted, refused) = (Tokens::from(&answer), granted + 1, 0),
            503 if refused < PATIENCE => refused += 1,
            _ => panic!("{answer:?}"),
        }
        answers.send(answer.status).unwrap();
    }
    tokens
}

#[derive(Debug, Default)]
struct Counts {
    granted: usize,
    unavailable: usize,
}

impl Counts {
    fn hear_until(&mut self, heard: &Receiver<u16>, enough: impl Fn(&Self) -> bool) {
        while !enough(self) {
            match heard.recv().unwrap() {
                200 => self.granted += 1,
                _ => self.unavailable += 1,
            }
        }
    }
}
