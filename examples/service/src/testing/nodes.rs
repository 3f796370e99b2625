//! Several runs of the real program on one database: two at once that race for one refresh token,
//! and one that is killed during rotations. [`nodes!`](crate::nodes) expands each case as a test of
//! one example.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Barrier, Condvar, Mutex};
use std::thread;

use gatewright::store::SessionStore;
use gatewright::{MySqlStore, PostgresStore, RedisStore, SqliteStore, UserId};
use gatewright_testkit::auth_routes::{PASSWORD, Request, Response, Target, Tokens};
use gatewright_testkit::store::RACERS;
use gatewright_testkit::{block_on, repetitions};

use super::{ADMIN_PASSWORD, Example, Program, databases, new_directory, secret};

/// How often in a row a client repeats a request that is answered 503.
const PATIENCE: usize = 100;

/// Expands every case as a test. `$program` is the path of the program, and `$folder` the folder
/// for its directories.
#[macro_export]
macro_rules! nodes {
    ($program:expr, $folder:expr) => {
        $crate::program_tests! { [] nodes $program, $folder;
            two_programs_rotate_a_token_once_in_sqlite
            rotations_survive_crashes_of_the_program_in_sqlite
        }
        $crate::program_tests! { [#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]] nodes $program, $folder;
            two_programs_rotate_a_token_once_on_postgres
            rotations_survive_crashes_of_the_program_on_postgres
        }
        $crate::program_tests! { [#[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]] nodes $program, $folder;
            two_programs_rotate_a_token_once_on_mysql
            rotations_survive_crashes_of_the_program_on_mysql
        }
        $crate::program_tests! { [#[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]] nodes $program, $folder;
            two_programs_rotate_a_token_once_on_redis
            rotations_survive_crashes_of_the_program_on_redis
        }
    };
}

/// With one SQLite file.
pub fn two_programs_rotate_a_token_once_in_sqlite(program: &str, folder: &str) {
    race(program, &new_directory(folder), &[("DATABASE_URL", "sqlite://nodes.db")]);
}

/// With users and sessions on PostgreSQL.
pub fn two_programs_rotate_a_token_once_on_postgres(program: &str, folder: &str) {
    race(program, &new_directory(folder), &[("DATABASE_URL", &block_on(databases::postgres()))]);
}

/// With users and sessions on MySQL.
pub fn two_programs_rotate_a_token_once_on_mysql(program: &str, folder: &str) {
    race(program, &new_directory(folder), &[("DATABASE_URL", &block_on(databases::mysql()))]);
}

/// With users in SQLite and sessions in Redis.
pub fn two_programs_rotate_a_token_once_on_redis(program: &str, folder: &str) {
    let (url, _) = databases::redis();
    race(program, &new_directory(folder), &[("DATABASE_URL", "sqlite://users.db"), ("REDIS_URL", &url)]);
}

/// How many races the same two programs run. Of each, a program refuses half of [`RACERS`], and it limits the
/// refused refreshes of a network (`REFUSED_REQUESTS`: 300).
const RACES: usize = 300 / (RACERS / 2 + 5);

/// Both programs start at the same time, the first two on an empty database. Without a grace window, one of fifty
/// refreshes of a token succeeds. The others are refused as reuse and end the session, so the
/// tokens of the winner are invalid as well.
fn race(program: &str, directory: &Path, stores: &[(&str, &str)]) {
    let (mut won, mut unavailable, mut left) = (0, 0, repetitions());
    while left > 0 {
        let races = left.min(RACES);
        let (more, busy) = race_of_two(program, directory, stores, races);
        (won, unavailable, left) = (won + more, unavailable + busy, left - races);
    }
    println!("{won} of {} had a winner, {unavailable} answers were 503", repetitions());
    assert!(won > 0);
}

/// Returns how many races had a winner, and how many answers were 503.
fn race_of_two(program: &str, directory: &Path, stores: &[(&str, &str)], races: usize) -> (usize, usize) {
    let start = || Program::start(program, directory, &settings(stores, "0"));
    let programs = thread::scope(|scope| {
        let [one, other] = [scope.spawn(start), scope.spawn(start)];
        [one.join().unwrap(), other.join().unwrap()]
    });
    let targets = programs.each_ref().map(Program::target);
    let patient = targets.each_ref().map(|target| target.clone().with_patience(PATIENCE));
    let [here, _] = &patient;
    let email = here.register();
    let (mut won, mut unavailable) = (0, 0);
    for repetition in 0..races {
        let first = here.login(&email, PASSWORD);
        let (answers, busy) = all_at_once(&targets, &first.refresh);
        let (granted, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
        // A commit whose acknowledgement was lost may have rotated the token although its client
        // got 503.
        let expected = if granted.is_empty() && busy > 0 { 0 } else { 1 };
        assert_eq!(granted.len(), expected, "repetition {repetition}");
        refused.iter().for_each(|answer| answer.expect_refresh_refused());
        for target in &patient {
            for winner in granted.iter().map(|answer| Tokens::from(*answer)) {
                target.expect_ended(&winner);
            }
            target.me(&first.access).expect_invalid_token();
        }
        won += granted.len();
        unavailable += busy;
    }
    (won, unavailable)
}

/// Sends [`RACERS`] refreshes of one token, half of them to each target. Returns the last answer to
/// each, and the number of answers that were 503.
fn all_at_once(targets: &[Target; 2], token: &str) -> (Vec<Response>, usize) {
    let barrier = Barrier::new(RACERS);
    let race = |target: &Target| {
        barrier.wait();
        let mut busy = 0;
        loop {
            match target.refresh(token) {
                answer if answer.status != 503 => return (answer, busy),
                answer => assert!(busy < PATIENCE, "{answer:?}"),
            }
            busy += 1;
        }
    };
    let answers: Vec<(Response, usize)> = thread::scope(|scope| {
        let racers = targets.iter().cycle().take(RACERS).map(|target| scope.spawn(|| race(target)));
        let racers: Vec<_> = racers.collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).collect()
    });
    let busy = answers.iter().map(|(_, busy)| busy).sum();
    (answers.into_iter().map(|(answer, _)| answer).collect(), busy)
}

const CLIENTS: usize = 20;
/// All refreshes rotate: the grace window accepts no more used tokens.
const REFRESHES: usize = gatewright::store::MAX_USED_TOKENS;

/// The program is killed after these numbers of granted refreshes.
const KILLS: [usize; 6] = [20, 40, 60, 80, 100, 120];

/// With one SQLite file.
pub fn rotations_survive_crashes_of_the_program_in_sqlite(program: &str, folder: &str) {
    let directory = new_directory(folder);
    let file = format!("sqlite://{}", directory.join("gatewright.db").display());
    survive(program, &directory, &[("DATABASE_URL", &file)], async || {
        SqliteStore::connect(&file).await.unwrap()
    });
}

/// With users and sessions on PostgreSQL.
pub fn rotations_survive_crashes_of_the_program_on_postgres(program: &str, folder: &str) {
    let url = block_on(databases::postgres());
    let stores = [("DATABASE_URL", &*url)];
    survive(program, &new_directory(folder), &stores, async || PostgresStore::connect(&url).await.unwrap());
}

/// With users and sessions on MySQL.
pub fn rotations_survive_crashes_of_the_program_on_mysql(program: &str, folder: &str) {
    let url = block_on(databases::mysql());
    let stores = [("DATABASE_URL", &*url)];
    survive(program, &new_directory(folder), &stores, async || MySqlStore::connect(&url).await.unwrap());
}

/// With users in SQLite and sessions in Redis.
pub fn rotations_survive_crashes_of_the_program_on_redis(program: &str, folder: &str) {
    let (url, _) = databases::redis();
    let stores = [("DATABASE_URL", "sqlite://users.db"), ("REDIS_URL", &*url)];
    survive(program, &new_directory(folder), &stores, async || RedisStore::connect(&url).await.unwrap());
}

/// Every answer is 200 or 503. A client without an answer sends the same token again and continues;
/// if the token had been rotated already, the grace window of 60 seconds returns the new token.
fn survive<S: SessionStore>(
    program: &str,
    directory: &Path,
    stores: &[(&str, &str)],
    open: impl AsyncFn() -> S,
) {
    let start = || Program::start(program, directory, &settings(stores, "60"));
    let mut running = start();
    let patient = running.target().with_patience(PATIENCE);
    let email = patient.register();
    let first: Vec<Tokens> = (0..CLIENTS).map(|_| patient.login(&email, PASSWORD)).collect();
    let user = UserId::new(patient.id_of(&first.first().unwrap().access)).unwrap();
    let current = Current::new(running.target());
    let (answers, received) = channel();
    let (counts, last) = thread::scope(|scope| {
        let clients: Vec<_> = first
            .iter()
            .map(|tokens| {
                let (current, answers) = (&current, answers.clone());
                scope.spawn(move || refresh_repeatedly(current, tokens, &answers))
            })
            .collect();
        drop(answers);
        let mut counts = Counts::default();
        for granted in KILLS {
            counts.count_until(&received, |counts| counts.granted >= granted);
            // Clients wait with new requests; those under way are cut off.
            current.clear();
            running.kill();
            running = start();
            current.set(running.target());
        }
        counts.count_until(&received, |counts| counts.granted == CLIENTS * REFRESHES);
        (counts, clients.into_iter().map(|client| client.join().unwrap()).collect::<Vec<_>>())
    });
    println!("{counts:?}");
    assert!(counts.lost > 0, "no crash interrupted a request: {counts:?}");
    // No session is lost or added. Each goes on, and without a grace window, reuse of its first token ends
    // it.
    assert_eq!(block_on(async { open().await.list(&user).await.unwrap().len() }), first.len());
    running.kill();
    let strict = Program::start(program, directory, &settings(stores, "0"));
    let target = strict.target().with_patience(PATIENCE);
    for (first, last) in first.iter().zip(&last) {
        target.me(&last.access).expect_ok();
        let next = Tokens::from(&target.refresh(&last.refresh));
        target.refresh(&first.refresh).expect_refresh_refused();
        target.refresh(&next.refresh).expect_refresh_refused();
    }
}

fn settings<'a>(stores: &[(&'a str, &'a str)], grace: &'a str) -> Vec<(&'a str, &'a str)> {
    let others = [
        ("AUTH_SECRET_KEY", secret()),
        ("AUTH_REFRESH_GRACE_SECONDS", grace),
        ("ADMIN_PASSWORD", ADMIN_PASSWORD),
        ("RUST_LOG", "error"),
    ];
    [stores, &others].concat()
}

fn refresh_repeatedly(current: &Current, first: &Tokens, answers: &Sender<Outcome>) -> Tokens {
    let mut tokens = first.clone();
    let mut granted = 0;
    while granted < REFRESHES {
        let request = Request::post("/auth/refresh").form(&[("refresh_token", &tokens.refresh)]);
        let outcome = match current.get().try_send(&request) {
            Ok(answer) if answer.status == 200 => {
                (tokens, granted) = (Tokens::from(&answer), granted + 1);
                Outcome::Granted
            }
            Ok(answer) if answer.status == 503 => Outcome::Unavailable,
            Ok(answer) => panic!("{answer:?}"),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Outcome::Refused,
            Err(_) => Outcome::Lost,
        };
        answers.send(outcome).unwrap();
    }
    tokens
}

/// The running program. It is absent between a kill and the next start.
struct Current(Mutex<Option<Target>>, Condvar);

impl Current {
    fn new(target: Target) -> Self {
        Self(Mutex::new(Some(target)), Condvar::new())
    }

    fn clear(&self) {
        *self.0.lock().unwrap() = None;
    }

    fn set(&self, target: Target) {
        *self.0.lock().unwrap() = Some(target);
        self.1.notify_all();
    }

    /// Waits until the program runs.
    fn get(&self) -> Target {
        let target = self.1.wait_while(self.0.lock().unwrap(), |target| target.is_none()).unwrap();
        target.clone().unwrap()
    }
}

#[derive(Debug)]
enum Outcome {
    Granted,
    Unavailable,
    /// The connection was refused.
    Refused,
    /// The answer was incomplete or missing.
    Lost,
}

#[derive(Debug, Default)]
struct Counts {
    granted: usize,
    unavailable: usize,
    refused: usize,
    lost: usize,
}

impl Counts {
    fn count_until(&mut self, received: &Receiver<Outcome>, enough: impl Fn(&Self) -> bool) {
        while !enough(self) {
            match received.recv().unwrap() {
                Outcome::Granted => self.granted += 1,
                Outcome::Unavailable => self.unavailable += 1,
                Outcome::Refused => self.refused += 1,
                Outcome::Lost => self.lost += 1,
            }
        }
    }
}
