//! The server of the database is killed and restarted twice during a thousand rotations.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use example_service::testing::{serve, serve_with_redis};
use gatewright::store::Prefix;
use gatewright_testkit::auth_routes::{PASSWORD, Target, Tokens, expect_same_token};
use gatewright_tests::new_file;
use tokio::time::Instant;
use xtask::services::{Kind, Server};

use crate::servers::IN_TIME;

const CLIENTS: usize = 20;

/// The number of sessions that each client uses, one after the other.
const SESSIONS: usize = 6;

/// All refreshes rotate: the grace window accepts no more used tokens.
const REFRESHES: usize = gatewright::store::MAX_USED_TOKENS;

/// The server is killed after these numbers of successful refreshes.
const KILLS: [usize; 2] = [300, 600];

/// A client fails after this number of consecutive 503 answers.
const MAX_RETRIES: usize = 100;

#[test]
#[ignore = "needs PostgreSQL's programs"]
fn refreshes_continue_after_the_server_was_killed_on_postgres() {
    survive_on_a_database(Kind::Postgres);
}

#[test]
#[ignore = "needs MariaDB's programs"]
fn refreshes_continue_after_the_server_was_killed_on_mysql() {
    survive_on_a_database(Kind::Mysql);
}

#[test]
#[ignore = "needs Redis' program"]
fn refreshes_continue_after_the_server_was_killed_on_redis() {
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

/// Every answer is 200 or 503 and arrives in time. A client retries after 503 with the same token,
/// and in the end every client succeeds. If an answer is lost, the grace window of 60 seconds makes
/// the retry succeed.
fn survive(mut server: Server, target: &Target) {
    let patient = target.clone().with_patience(MAX_RETRIES);
    let emails: Vec<String> = (0..CLIENTS).map(|_| patient.register()).collect();
    let log_in = |email: &String| (0..SESSIONS).map(|_| patient.login(email, PASSWORD)).collect();
    let first: Vec<Vec<Tokens>> = emails.iter().map(log_in).collect();
    let (answers, received) = channel();
    let last = thread::scope(|scope| {
        let clients: Vec<_> = first
            .iter()
            .map(|sessions| {
                let answers = answers.clone();
                let refresh = move |tokens: &Tokens| refresh_repeatedly(target, tokens, &answers);
                scope.spawn(move || sessions.iter().map(refresh).collect::<Vec<Tokens>>())
            })
            .collect();
        drop(answers);
        let mut counts = Counts::default();
        for granted in KILLS {
            counts.update_until(&received, |counts| counts.granted >= granted);
            server.kill().unwrap();
            let enough = counts.unavailable + CLIENTS;
            counts.update_until(&received, |counts| counts.unavailable >= enough);
            server.run().unwrap();
        }
        counts.update_until(&received, |counts| counts.granted == CLIENTS * SESSIONS * REFRESHES);
        println!("{:?}: {counts:?}", server.kind());
        clients.into_iter().map(|client| client.join().unwrap()).collect::<Vec<_>>()
    });
    // No session is lost and none has forked: the last token works, and the first one returns the same
    // token. After the grace window it ends the session.
    for (first, last) in first.iter().flatten().zip(last.iter().flatten()) {
        assert_eq!(patient.me(&last.access).status, 200);
        let next = Tokens::from(&patient.refresh(&last.refresh));
        let used = patient.refresh(&first.refresh);
        if used.status == 200 {
            expect_same_token(&Tokens::from(&used).refresh, &next.refresh);
        } else {
            used.expect_refresh_refused();
            patient.refresh(&next.refresh).expect_refresh_refused();
        }
    }
}

fn refresh_repeatedly(target: &Target, first: &Tokens, answers: &Sender<u16>) -> Tokens {
    let (mut tokens, mut granted, mut refused) = (first.clone(), 0, 0);
    while granted < REFRESHES {
        let sent = Instant::now();
        let answer = target.refresh(&tokens.refresh);
        assert!(sent.elapsed() < IN_TIME, "{:?}", sent.elapsed());
        match answer.status {
            200 => (tokens, granted, refused) = (Tokens::from(&answer), granted + 1, 0),
            503 if refused < MAX_RETRIES => refused += 1,
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
    fn update_until(&mut self, received: &Receiver<u16>, enough: impl Fn(&Self) -> bool) {
        while !enough(self) {
            match received.recv().unwrap() {
                200 => self.granted += 1,
                _ => self.unavailable += 1,
            }
        }
    }
}
