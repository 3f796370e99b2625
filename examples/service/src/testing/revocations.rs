//! Two nodes on one database: what one ends, the other refuses.

use std::fmt;
use std::iter;
use std::time::Duration;

use gatewright::{MAX_AGE_WITH_FEED, MAX_AGE_WITHOUT_FEED};
use gatewright_testkit::block_on;
use gatewright_testkit::http::{PASSWORD, Request, Target};
use sqlx::{Connection, Executor};
use tokio::task;
use tokio::time::Instant;

use super::{ADMIN_PASSWORD, PATIENCE, Program, SECRET, databases, new_directory};

/// How many sessions are ended on one node while the other remembers them.
const LOGOUTS: usize = 100;

/// What a start without a feed says.
const UNFED: &str = "what other processes revoke is seen within 5 seconds";

/// How long it took from the answer to a logout until another node refused the session.
#[derive(Debug)]
pub struct Delays(Vec<Duration>);

impl Delays {
    /// Ends sessions on one node that the other has just let in, one after another.
    ///
    /// # Panics
    /// When one is let in for longer than whatever befalls a feed allows.
    #[must_use]
    pub fn measure(here: &Target, there: &Target, logouts: usize) -> Self {
        let here = here.clone().with_patience(PATIENCE);
        let email = here.register();
        let mut delays = Vec::new();
        for _ in 0..logouts {
            let tokens = here.login(&email, PASSWORD);
            (0..2).for_each(|_| let_in(there, &tokens.access));
            here.send(&Request::post("/auth/logout").bearer(&tokens.access)).expect(204, &[], "");
            delays.push(until_refused(there, &tokens.access));
        }
        delays.sort();
        assert_eq!(delays.len(), logouts);
        Self(delays)
    }

    /// The delay that so many of a hundred do not exceed.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> Duration {
        let index = (self.0.len() * percent).div_ceil(100).saturating_sub(1);
        self.0.get(index).copied().unwrap()
    }

    /// Without a feed nobody is refused before what the other node remembers is old.
    ///
    /// # Panics
    /// When the feed was of no use.
    pub fn check_that_a_feed_is_at_work(&self) {
        assert!(self.percentile(50) < MAX_AGE_WITHOUT_FEED, "{self}");
    }
}

impl fmt::Display for Delays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [half, most, all] = [50, 99, 100].map(|percent| self.percentile(percent));
        write!(
            f,
            "{} logouts, refused elsewhere after: p50 {half:?}, p99 {most:?}, max {all:?}",
            self.0.len()
        )
    }
}

/// Asks until the answer is no 503: on a busy machine a store may have no time.
fn let_in(there: &Target, access: &str) {
    let asked = Instant::now();
    let answers = iter::repeat_with(|| there.me(access).status);
    let mut judged = answers.skip_while(|status| *status == 503 && asked.elapsed() < MAX_AGE_WITH_FEED);
    assert_eq!(judged.next(), Some(200));
}

/// Until the beginning of the request that was refused.
fn until_refused(there: &Target, access: &str) -> Duration {
    let ended = Instant::now();
    loop {
        let delay = ended.elapsed();
        match there.me(access).status {
            200 => assert!(delay < MAX_AGE_WITH_FEED, "let in after {delay:?}"),
            401 => return delay,
            // A busy machine leaves a store no time, and that lets nobody in.
            503 => assert!(delay < MAX_AGE_WITH_FEED, "no answer after {delay:?}"),
            status => panic!("{status}"),
        }
    }
}

/// Named by what it shows.
pub fn what_one_program_ends_the_other_refuses_on_postgres(program: &str, folder: &str) {
    let url = block_on(databases::postgres());
    let programs = two_programs(program, folder, &[("DATABASE_URL", &url)]);
    let [here, there] = programs.each_ref().map(|program| program.target(ADMIN_PASSWORD));
    block_on(check_that_the_other_remembers(&url, &here, &there));
    check_that_the_other_refuses(programs);
}

/// Named by what it shows.
pub fn what_one_program_ends_the_other_refuses_on_redis(program: &str, folder: &str) {
    let users = format!("sqlite://{}", new_directory(folder).join("users.db").display());
    let (url, _) = databases::redis();
    check_that_the_other_refuses(two_programs(
        program,
        folder,
        &[("DATABASE_URL", &users), ("REDIS_URL", &url)],
    ));
}

fn two_programs(program: &str, folder: &str, stores: &[(&str, &str)]) -> [Program; 2] {
    let others = [("AUTH_SECRET_KEY", SECRET), ("ADMIN_PASSWORD", ADMIN_PASSWORD), ("RUST_LOG", "info")];
    let settings = [stores, &others].concat();
    [(); 2].map(|()| Program::start(program, &new_directory(folder), &settings))
}

fn check_that_the_other_refuses(programs: [Program; 2]) {
    let [here, there] = programs.each_ref().map(|program| program.target(ADMIN_PASSWORD));
    let delays = Delays::measure(&here, &there, LOGOUTS);
    println!("{delays}");
    delays.check_that_a_feed_is_at_work();

    // A role that is taken away, and an account that is gone.
    let email = here.register();
    let (user, admin) = (here.login(&email, PASSWORD), here.admin());
    let path = format!("/users/{}", there.id_of(&user.access));
    there.send(&Request::new("DELETE", &path).bearer(&user.access)).expect_forbidden();
    here.send(&Request::new("DELETE", &path).bearer(&admin.access)).expect(204, &[], "");
    until_refused(&there, &user.access);

    for service in programs {
        let output = service.stop();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && !stderr.contains(UNFED), "{stderr}");
    }
}

/// While nobody can read the tables, whoever was let in before is let in, and nobody else.
async fn check_that_the_other_remembers(url: &str, here: &Target, there: &Target) {
    let email = here.register();
    let (known, unknown) = (here.login(&email, PASSWORD), here.login(&email, PASSWORD));
    let ask = |access: &str| task::block_in_place(|| there.me(access).status);
    let mut lock = sqlx::PgConnection::connect(url).await.unwrap();
    let begun = Instant::now();
    loop {
        task::block_in_place(|| let_in(there, &known.access));
        lock.execute("BEGIN").await.unwrap();
        lock.execute("LOCK TABLE gatewright_users, gatewright_sessions IN ACCESS EXCLUSIVE MODE")
            .await
            .unwrap();
        // It remembers nobody before its first heartbeat has come back, and nothing else shows that.
        if ask(&known.access) == 200 {
            break;
        }
        lock.execute("ROLLBACK").await.unwrap();
        assert!(begun.elapsed() < MAX_AGE_WITH_FEED, "it remembers nobody");
    }
    assert_eq!([(); 20].map(|()| ask(&known.access)), [200; 20]);
    assert_eq!(ask(&unknown.access), 503);
    lock.execute("ROLLBACK").await.unwrap();
    task::block_in_place(|| let_in(there, &unknown.access));
}

/// Named by what it shows.
pub fn without_a_feed_a_start_says_when_others_are_seen_on_sqlite(program: &str, folder: &str) {
    says_when_others_are_seen(program, folder, "sqlite://nodes.db");
}

/// Named by what it shows.
pub fn without_a_feed_a_start_says_when_others_are_seen_on_mysql(program: &str, folder: &str) {
    says_when_others_are_seen(program, folder, &block_on(databases::mysql()));
}

fn says_when_others_are_seen(program: &str, folder: &str, url: &str) {
    let settings = [("DATABASE_URL", url), ("AUTH_SECRET_KEY", SECRET)];
    let output = Program::start(program, &new_directory(folder), &settings).stop();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr.matches(UNFED).count(), 1, "{stderr}");
}
