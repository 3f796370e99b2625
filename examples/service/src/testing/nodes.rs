//! Several runs of the real program on one database: two at once that race for one refresh token, and one that is killed in
//! the middle of rotations. Each is a test of a program, by way of [`nodes!`](crate::nodes).

use std::io::ErrorKind;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Barrier, Condvar, Mutex};
use std::thread;

use gatewright::{MySqlStore, PostgresStore, RedisStore, SessionStore, SqliteStore, UserId};
use gatewright_testkit::http::{PASSWORD, Request, Response, Target, Tokens};
use gatewright_testkit::store::RACERS;
use gatewright_testkit::{block_on, repetitions};

use super::{ADMIN_PASSWORD, Program, SECRET, databases, new_directory};

/// How often a caller is told to come again before it gives up.
const PATIENCE: usize = 100;

/// Expands every case as a test of a program. `$program` is its path and `$folder` where it may make directories.
#[macro_export]
macro_rules! nodes {
    ($program:expr, $folder:expr) => {
        $crate::nodes_as_tests! { [] $program, $folder;
            two_programs_let_one_of_fifty_refreshes_win_in_sqlite
            rotations_survive_that_the_program_is_killed_in_sqlite
        }
        $crate::nodes_as_tests! { [#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]] $program, $folder;
            two_programs_let_one_of_fifty_refreshes_win_on_postgres
            rotations_survive_that_the_program_is_killed_on_postgres
        }
        $crate::nodes_as_tests! { [#[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]] $program, $folder;
            two_programs_let_one_of_fifty_refreshes_win_on_mysql
            rotations_survive_that_the_program_is_killed_on_mysql
        }
        $crate::nodes_as_tests! { [#[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]] $program, $folder;
            two_programs_let_one_of_fifty_refreshes_win_on_redis
            rotations_survive_that_the_program_is_killed_on_redis
        }
    };
}

/// For [`nodes!`].
#[doc(hidden)]
#[macro_export]
macro_rules! nodes_as_tests {
    ($attributes:tt $program:expr, $folder:expr; $($case:ident)+) => {
        $(
            gatewright_testkit::case! { $attributes $case, $crate::testing::nodes::$case($program, $folder) }
        )+
    };
}

/// Named by what it shows.
pub fn two_programs_let_one_of_fifty_refreshes_win_in_sqlite(program: &str, folder: &str) {
    race(program, &new_directory(folder), &[("DATABASE_URL", "sqlite://nodes.db")]);
}

/// Named by what it shows.
pub fn two_programs_let_one_of_fifty_refreshes_win_on_postgres(program: &str, folder: &str) {
    race(program, &new_directory(folder), &[("DATABASE_URL", &block_on(databases::postgres()))]);
}

/// Named by what it shows.
pub fn two_programs_let_one_of_fifty_refreshes_win_on_mysql(program: &str, folder: &str) {
    race(program, &new_directory(folder), &[("DATABASE_URL", &block_on(databases::mysql()))]);
}

/// Named by what it shows.
pub fn two_programs_let_one_of_fifty_refreshes_win_on_redis(program: &str, folder: &str) {
    let (url, _) = databases::redis();
    race(program, &new_directory(folder), &[("DATABASE_URL", "sqlite://users.db"), ("REDIS_URL", &url)]);
}

/// Both start at once on the empty database. Without grace one of twenty-five and twenty-five succeeds; the others are
/// refused, the token being used up, and so is what the winner got.
fn race(program: &str, directory: &Path, stores: &[(&str, &str)]) {
    let start = || Program::start(program, directory, &settings(stores, "0"));
    let programs = thread::scope(|scope| {
        let [one, other] = [scope.spawn(start), scope.spawn(start)];
        [one.join().unwrap(), other.join().unwrap()]
    });
    let targets = programs.each_ref().map(|program| program.target(ADMIN_PASSWORD));
    let [here, _] = &targets;
    let email = here.clone().with_patience(PATIENCE).register();
    let (mut won, mut unavailable) = (0, 0);
    for repetition in 0..repetitions() {
        let login = Request::post("/auth/login").form(&[("username", &email), ("password", PASSWORD)]);
        let first = Tokens::from(&patiently(|| here.send(&login)).0);
        let (answers, busy) = all_at_once(&targets, &first.refresh);
        let (granted, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
        // Of a commit without an answer nobody knows what became of it: without grace it may have won for nobody.
        let expected = if granted.is_empty() && busy > 0 { 0 } else { 1 };
        assert_eq!(granted.len(), expected, "repetition {repetition}");
        refused.iter().for_each(|answer| answer.expect_refresh_refused());
        for target in &targets {
            for winner in granted.iter().map(|answer| Tokens::from(*answer)) {
                patiently(|| target.me(&winner.access)).0.expect_invalid_token();
                patiently(|| target.refresh(&winner.refresh)).0.expect_refresh_refused();
            }
            patiently(|| target.me(&first.access)).0.expect_invalid_token();
        }
        won += granted.len();
        unavailable += busy;
    }
    println!("{won} of {} had a winner, {unavailable} answers were 503", repetitions());
    assert!(won > 0);
}

/// [`RACERS`] refreshes of one token, half of them at each target: what each was told in the end, and how often somebody was
/// told to come again.
fn all_at_once(targets: &[Target; 2], token: &str) -> (Vec<Response>, usize) {
    let barrier = Barrier::new(RACERS);
    let race = |target: &Target| {
        barrier.wait();
        patiently(|| target.refresh(token))
    };
    let answers: Vec<(Response, usize)> = thread::scope(|scope| {
        let racers = targets.iter().cycle().take(RACERS).map(|target| scope.spawn(|| race(target)));
        let racers: Vec<_> = racers.collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).collect()
    });
    let busy = answers.iter().map(|(_, busy)| busy).sum();
    (answers.into_iter().map(|(answer, _)| answer).collect(), busy)
}

/// Asks again for as long as the answer is 503: a machine may be too busy for a deadline. The last answer, and how often it
/// was another.
fn patiently(ask: impl Fn() -> Response) -> (Response, usize) {
    let mut busy = 0;
    loop {
        match ask() {
            answer if answer.status != 503 => return (answer, busy),
            _ if busy < PATIENCE => busy += 1,
            answer => panic!("{answer:?}"),
        }
    }
}

const CLIENTS: usize = 20;
const REFRESHES: usize = 40;

/// After so many answers the program is killed.
const KILLS: [usize; 6] = [100, 200, 300, 400, 500, 600];

/// Named by what it shows.
pub fn rotations_survive_that_the_program_is_killed_in_sqlite(program: &str, folder: &str) {
    let directory = new_directory(folder);
    let file = format!("sqlite://{}", directory.join("gatewright.db").display());
    survive(program, &directory, &[("DATABASE_URL", &file)], async || {
        SqliteStore::connect(&file).await.unwrap()
    });
}

/// Named by what it shows.
pub fn rotations_survive_that_the_program_is_killed_on_postgres(program: &str, folder: &str) {
    let url = block_on(databases::postgres());
    let stores = [("DATABASE_URL", &*url)];
    survive(program, &new_directory(folder), &stores, async || PostgresStore::connect(&url).await.unwrap());
}

/// Named by what it shows.
pub fn rotations_survive_that_the_program_is_killed_on_mysql(program: &str, folder: &str) {
    let url = block_on(databases::mysql());
    let stores = [("DATABASE_URL", &*url)];
    survive(program, &new_directory(folder), &stores, async || MySqlStore::connect(&url).await.unwrap());
}

/// Named by what it shows.
pub fn rotations_survive_that_the_program_is_killed_on_redis(program: &str, folder: &str) {
    let (url, _) = databases::redis();
    let stores = [("DATABASE_URL", "sqlite://users.db"), ("REDIS_URL", &*url)];
    survive(program, &new_directory(folder), &stores, async || RedisStore::connect(&url).await.unwrap());
}

/// Every answer is 200 or 503, or there is none; whoever got none sends the same token again, and goes on. The grace window
/// of 60 seconds is all that helps those whose token had been rotated already.
fn survive<S: SessionStore>(
    program: &str,
    directory: &Path,
    stores: &[(&str, &str)],
    open: impl AsyncFn() -> S,
) {
    let start = || Program::start(program, directory, &settings(stores, "60"));
    let mut running = start();
    let target = running.target(ADMIN_PASSWORD);
    let patient = target.clone().with_patience(PATIENCE);
    let email = patient.register();
    let begun: Vec<Tokens> = (0..CLIENTS).map(|_| patient.login(&email, PASSWORD)).collect();
    let user = UserId::new(patient.id_of(&begun.first().unwrap().access)).unwrap();
    let place = Place::new(target);
    let (answers, heard) = channel();
    let (counts, ended) = thread::scope(|scope| {
        let clients: Vec<_> = begun
            .iter()
            .map(|tokens| {
                let (place, answers) = (&place, answers.clone());
                scope.spawn(move || refresh_again_and_again(place, tokens, &answers))
            })
            .collect();
        drop(answers);
        let mut counts = Counts::default();
        for granted in KILLS {
            counts.hear_until(&heard, |counts| counts.granted >= granted);
            // Nobody begins anew from here on, and whatever is under way is cut off.
            place.close();
            running.kill();
            running = start();
            place.open(running.target(ADMIN_PASSWORD));
        }
        counts.hear_until(&heard, |counts| counts.granted == CLIENTS * REFRESHES);
        (counts, clients.into_iter().map(|client| client.join().unwrap()).collect::<Vec<_>>())
    });
    println!("{counts:?}");
    assert!(counts.lost > 0, "no kill hit a request in its middle: {counts:?}");
    // No session is lost, none is new, and none has two ends: each goes on, and what it began with ends it.
    assert_eq!(block_on(async { open().await.list(&user).await.unwrap().len() }), begun.len());
    let target = place.target().with_patience(PATIENCE);
    for (first, last) in begun.iter().zip(&ended) {
        assert_eq!(target.me(&last.access).status, 200);
        let next = Tokens::from(&target.refresh(&last.refresh));
        target.refresh(&first.refresh).expect_refresh_refused();
        target.refresh(&next.refresh).expect_refresh_refused();
    }
}

fn settings<'a>(stores: &[(&'a str, &'a str)], grace: &'a str) -> Vec<(&'a str, &'a str)> {
    let others = [
        ("AUTH_SECRET_KEY", SECRET),
        ("AUTH_REFRESH_GRACE_SECONDS", grace),
        ("ADMIN_PASSWORD", ADMIN_PASSWORD),
        ("RUST_LOG", "error"),
    ];
    [stores, &others].concat()
}

fn refresh_again_and_again(place: &Place, begun: &Tokens, answers: &Sender<Heard>) -> Tokens {
    let mut tokens = begun.clone();
    let mut granted = 0;
    while granted < REFRESHES {
        let request = Request::post("/auth/refresh").form(&[("refresh_token", &tokens.refresh)]);
        let heard = match place.target().try_send(&request) {
            Ok(answer) if answer.status == 200 => {
                (tokens, granted) = (Tokens::from(&answer), granted + 1);
                Heard::Granted
            }
            Ok(answer) if answer.status == 503 => Heard::Unavailable,
            Ok(answer) => panic!("{answer:?}"),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Heard::Gone,
            Err(_) => Heard::Lost,
        };
        answers.send(heard).unwrap();
    }
    tokens
}

/// Where the program is to be found, while it is there.
struct Place(Mutex<Option<Target>>, Condvar);

impl Place {
    fn new(target: Target) -> Self {
        Self(Mutex::new(Some(target)), Condvar::new())
    }

    fn close(&self) {
        *self.0.lock().unwrap() = None;
    }

    fn open(&self, target: Target) {
        *self.0.lock().unwrap() = Some(target);
        self.1.notify_all();
    }

    /// Waits until the program is there.
    fn target(&self) -> Target {
        let there = self.1.wait_while(self.0.lock().unwrap(), |target| target.is_none()).unwrap();
        there.clone().unwrap()
    }
}

#[derive(Debug)]
enum Heard {
    Granted,
    Unavailable,
    /// Nobody listens.
    Gone,
    /// The answer broke off, or never came.
    Lost,
}

#[derive(Debug, Default)]
struct Counts {
    granted: usize,
    unavailable: usize,
    gone: usize,
    lost: usize,
}

impl Counts {
    fn hear_until(&mut self, heard: &Receiver<Heard>, enough: impl Fn(&Self) -> bool) {
        while !enough(self) {
            match heard.recv().unwrap() {
                Heard::Granted => self.granted += 1,
                Heard::Unavailable => self.unavailable += 1,
                Heard::Gone => self.gone += 1,
                Heard::Lost => self.lost += 1,
            }
        }
    }
}
