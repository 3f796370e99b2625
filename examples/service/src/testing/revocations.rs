//! Two nodes on one database: what one revokes, the other rejects.

use std::fmt;
use std::iter;
use std::time::Duration;

use gatewright::revocation::{CACHE_TTL_WITH_FEED, CACHE_TTL_WITHOUT_FEED};
use gatewright_testkit::auth_routes::{PASSWORD, Request, Target};
use gatewright_testkit::block_on;
use sqlx::{Connection, Executor};
use tokio::task;
use tokio::time::Instant;

use super::{ADMIN_PASSWORD, Example, PATIENCE, Program, databases, new_directory, secret};

/// The number of sessions that one node ends while the other has them in its cache.
const LOGOUTS: usize = 100;

/// The log line of a start without a feed.
const WITHOUT_FEED: &str = "revocations made by other processes take effect within 5 s";

/// The times from the answer to a logout until another node rejected the session.
#[derive(Debug)]
pub struct Delays(Vec<Duration>);

impl Delays {
    /// Ends sessions on one node while the other has them in its cache, one after another.
    ///
    /// # Panics
    /// When the other node accepts a session for longer than [`CACHE_TTL_WITH_FEED`].
    #[must_use]
    pub fn measure(here: &Target, there: &Target, logouts: usize) -> Self {
        let here = here.clone().with_patience(PATIENCE);
        let email = here.register();
        let mut delays = Vec::new();
        for _ in 0..logouts {
            let tokens = here.login(&email, PASSWORD);
            (0..2).for_each(|_| expect_accepted(there, &tokens.access));
            end_session(&here, &tokens.access);
            delays.push(until_rejected(there, &tokens.access));
        }
        delays.sort();
        Self(delays)
    }

    /// The delay that this percentage of the logouts did not exceed.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> Duration {
        let index = (self.0.len() * percent).div_ceil(100).saturating_sub(1);
        self.0.get(index).copied().unwrap()
    }

    /// Checks that half of the sessions were rejected before their cache entries would have expired
    /// without a feed.
    ///
    /// # Panics
    /// When they were not: the feed had no effect.
    pub fn expect_a_working_feed(&self) {
        assert!(self.percentile(50) < CACHE_TTL_WITHOUT_FEED, "{self}");
    }
}

impl fmt::Display for Delays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [half, most, all] = [50, 99, 100].map(|percent| self.percentile(percent));
        let logouts = self.0.len();
        write!(f, "{logouts} logouts, rejected elsewhere after: p50 {half:?}, p99 {most:?}, max {all:?}")
    }
}

/// Logs out. On a busy machine a store or the publication may miss its deadline: the answer is 503
/// although the session has ended, and a repetition is refused.
///
/// # Panics
/// When the answer is another one.
pub fn end_session(here: &Target, access: &str) {
    let here = here.clone().with_patience(0);
    let mut answer = here.logout(access);
    for _ in 0..PATIENCE {
        if answer.status != 503 {
            break;
        }
        answer = here.logout(access);
        if answer.status == 401 {
            return;
        }
    }
    answer.expect_no_content();
}

/// Repeats the request while the answer is 503: on a busy machine a store may miss its deadline.
///
/// # Panics
/// When the answer is another one, or stays 503.
pub fn expect_accepted(there: &Target, access: &str) {
    let asked = Instant::now();
    let answers = iter::repeat_with(|| there.me(access).status);
    let mut answers = answers.skip_while(|status| *status == 503 && asked.elapsed() < CACHE_TTL_WITH_FEED);
    assert_eq!(answers.next(), Some(200));
}

/// The time until the first request that was rejected was sent.
fn until_rejected(there: &Target, access: &str) -> Duration {
    let ended = Instant::now();
    loop {
        let delay = ended.elapsed();
        match there.me(access).status {
            200 => assert!(delay < CACHE_TTL_WITH_FEED, "accepted after {delay:?}"),
            401 => return delay,
            // On a busy machine a store may miss its deadline. That admits no request.
            503 => assert!(delay < CACHE_TTL_WITH_FEED, "no answer after {delay:?}"),
            status => panic!("{status}"),
        }
    }
}

/// Over LISTEN and NOTIFY, with a cache that answers while the tables are locked.
pub fn revocations_reach_the_other_program_on_postgres(program: &str, folder: &str) {
    let url = block_on(databases::postgres());
    let programs = two_programs(program, folder, &[("DATABASE_URL", &url)]);
    let [here, there] = programs.each_ref().map(Program::target);
    block_on(expect_a_cache(&url, &here, &there));
    expect_revocations(programs);
}

/// Over Redis, with users in SQLite.
pub fn revocations_reach_the_other_program_on_redis(program: &str, folder: &str) {
    let users = format!("sqlite://{}", new_directory(folder).join("users.db").display());
    let (url, _) = databases::redis();
    expect_revocations(two_programs(program, folder, &[("DATABASE_URL", &users), ("REDIS_URL", &url)]));
}

fn two_programs(program: &str, folder: &str, stores: &[(&str, &str)]) -> [Program; 2] {
    let others = [("AUTH_SECRET_KEY", secret()), ("ADMIN_PASSWORD", ADMIN_PASSWORD), ("RUST_LOG", "info")];
    let settings = [stores, &others].concat();
    [(); 2].map(|()| Program::start(program, &new_directory(folder), &settings))
}

fn expect_revocations(programs: [Program; 2]) {
    let [here, there] = programs.each_ref().map(Program::target);
    let delays = Delays::measure(&here, &there, LOGOUTS);
    println!("{delays}");
    delays.expect_a_working_feed();

    // A deleted user.
    let [here, patient] = [&here, &there].map(|target| target.clone().with_patience(PATIENCE));
    let (user, admin) = (here.user(), here.admin());
    let path = format!("/users/{}", patient.id_of(&user.access));
    patient.send(&Request::new("DELETE", &path).bearer(&user.access)).expect_forbidden();
    // After a deletion whose publication missed its deadline, a repetition finds no user.
    let deleted = here.send(&Request::new("DELETE", &path).bearer(&admin.access));
    assert!([204, 404].contains(&deleted.status), "{deleted:?}");
    until_rejected(&there, &user.access);

    for program in programs {
        let log = program.stop_with_log();
        assert!(!log.contains(WITHOUT_FEED), "{log}");
    }
}

/// While another connection locks the tables, the cache admits known sessions, and unknown ones are
/// 503.
async fn expect_a_cache(url: &str, here: &Target, there: &Target) {
    let [known, unknown] = here.clone().with_patience(PATIENCE).two_sessions();
    let ask = |access: &str| task::block_in_place(|| there.me(access).status);
    let mut lock = sqlx::PgConnection::connect(url).await.unwrap();
    let started = Instant::now();
    loop {
        task::block_in_place(|| expect_accepted(there, &known.access));
        lock.execute("BEGIN").await.unwrap();
        lock.execute("LOCK TABLE gatewright_users, gatewright_sessions IN ACCESS EXCLUSIVE MODE")
            .await
            .unwrap();
        // The cache is off until the first heartbeat has come back. Only this shows when it is on. On a
        // slow machine a heartbeat can be late, and the cache is off again.
        if (0..20).all(|_| ask(&known.access) == 200) {
            break;
        }
        lock.execute("ROLLBACK").await.unwrap();
        assert!(started.elapsed() < 2 * CACHE_TTL_WITH_FEED, "the cache stays off");
    }
    assert_eq!(ask(&unknown.access), 503);
    lock.execute("ROLLBACK").await.unwrap();
    task::block_in_place(|| expect_accepted(there, &unknown.access));
}

/// With users and sessions in SQLite.
pub fn without_a_feed_the_start_logs_the_delay_in_sqlite(program: &str, folder: &str) {
    expect_a_warning(program, folder, "sqlite://nodes.db");
}

/// With users and sessions on MySQL.
pub fn without_a_feed_the_start_logs_the_delay_on_mysql(program: &str, folder: &str) {
    expect_a_warning(program, folder, &block_on(databases::mysql()));
}

fn expect_a_warning(program: &str, folder: &str, url: &str) {
    let settings = [("DATABASE_URL", url), ("AUTH_SECRET_KEY", secret())];
    let log = Program::start(program, &new_directory(folder), &settings).stop_with_log();
    assert_eq!(log.matches(WITHOUT_FEED).count(), 1, "{log}");
}
