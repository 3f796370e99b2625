//! Floods of a feed's channel while two real programs run on it: what a client that may only connect
//! to the server can do to them.

use std::fmt;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use example_service::testing::revocations::{end_session, expect_accepted};
use example_service::testing::{ADMIN_PASSWORD, PATIENCE, Program, new_directory, secret};
use gatewright::revocation::CACHE_TTL_WITHOUT_FEED;
use gatewright_testkit::auth_routes::{Request, Target, Tokens};
use gatewright_testkit::block_on;
use sqlx::{AssertSqlSafe, Connection, Executor};
use tokio::task::block_in_place;
use tokio::time::Instant;
use xtask::services::{Kind, Server};

/// Expands the floods as tests of an example: small ones, and below `full_product` large ones.
/// `$program` is the path of the program, and `$folder` the folder for its directories.
#[macro_export]
macro_rules! flood_suite {
    ($program:expr, $folder:expr) => {
        $crate::flood_tests! { $crate::floods::Size::Small, $program, $folder }

        mod full_product {
            $crate::flood_tests! { $crate::floods::Size::Full, $program, $folder }
        }
    };
}

/// Expands the floods of one size.
#[doc(hidden)]
#[macro_export]
macro_rules! flood_tests {
    ($size:expr, $program:expr, $folder:expr) => {
        #[test]
        #[ignore = "needs PostgreSQL's programs"]
        fn a_flood_delays_no_request_on_postgres() {
            $crate::floods::flood_postgres($size, $program, $folder);
        }

        #[test]
        #[ignore = "needs Redis' program"]
        fn a_flood_delays_no_request_on_redis() {
            $crate::floods::flood_redis($size, $program, $folder);
        }
    };
}

/// How large a flood is, and how precisely its effects are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Size {
    /// 50,000 messages. Other tests may run at the same time, so the bounds are generous.
    Small,
    /// A million messages in one statement on PostgreSQL, 20 seconds on Redis. The bounds are the
    /// promised ones, for a machine that runs nothing else.
    Full,
}

impl Size {
    const fn messages(self) -> usize {
        if matches!(self, Self::Small) { 50_000 } else { 1_000_000 }
    }

    const fn seconds(self) -> u64 {
        if matches!(self, Self::Small) { 1 } else { 20 }
    }

    fn limits(self) -> Limits {
        let [health, guarded, normal] = match self {
            Self::Small => [5_000, 5_000, 30_000],
            Self::Full => [20, 100, 5_000],
        };
        let [health, guarded, normal] = [health, guarded, normal].map(Duration::from_millis);
        Limits { health, guarded, normal, revocation: CACHE_TTL_WITHOUT_FEED, memory: 32 << 20 }
    }
}

/// What a flood may cost.
struct Limits {
    /// How much slower `/health` may be than without the flood, for 99 of 100 requests.
    health: Duration,
    /// How long a guarded request may take, for 99 of 100.
    guarded: Duration,
    /// When the cache must be used again after the flood.
    normal: Duration,
    /// When another node must reject a session that was ended during the flood.
    revocation: Duration,
    /// By how many bytes a program may grow.
    memory: usize,
}

/// A role that may only connect sends all messages in one statement, and so in one commit.
pub fn flood_postgres(size: Size, program: &str, folder: &str) {
    let server = Server::start(Kind::Postgres).unwrap();
    let hostile = block_on(new_role(server.url()));
    let nodes = Nodes::start(program, folder, &[("DATABASE_URL", server.url())]);
    let flood = || {
        block_on(async {
            let mut client = sqlx::PgConnection::connect(&hostile).await.unwrap();
            let statement = format!(
                "SELECT count(pg_notify('gatewright_revocations', 'x' || g)) FROM generate_series(1, {}) g",
                size.messages()
            );
            client.execute(AssertSqlSafe(statement)).await.unwrap();
        });
        size.messages()
    };
    let there = nodes.there();
    let is_cached = |access: &str| block_on(is_cached_on_postgres(server.url(), &there, access));
    nodes.expect_to_withstand(size, "PostgreSQL", flood, is_cached);
}

/// Creates a role that has no right but to connect. Returns its URL.
async fn new_role(url: &str) -> String {
    let mut admin = sqlx::PgConnection::connect(url).await.unwrap();
    admin.execute("CREATE ROLE hostile LOGIN PASSWORD 'hostile'").await.unwrap();
    let (_, rest) = url.rsplit_once('@').unwrap();
    format!("postgres://hostile:hostile@{rest}")
}

/// Whether a request sends no query for its session.
async fn is_cached_on_postgres(url: &str, node: &Target, access: &str) -> bool {
    let mut admin = sqlx::PgConnection::connect(url).await.unwrap();
    let before: String =
        sqlx::query_scalar("SELECT clock_timestamp()::text").fetch_one(&mut admin).await.unwrap();
    if !block_in_place(|| is_accepted(node, access)) {
        return false;
    }
    let queries = "SELECT count(*) FROM pg_stat_activity
        WHERE query_start > $1::timestamptz AND query LIKE '%gatewright_sessions%' AND pid <> pg_backend_pid()";
    sqlx::query_scalar::<_, i64>(queries).bind(before).fetch_one(&mut admin).await.unwrap() == 0
}

/// A client publishes as fast as it can: texts without meaning, texts that look like heartbeats, and
/// from time to time a long one.
pub fn flood_redis(size: Size, program: &str, folder: &str) {
    const BATCH: usize = 1_000;
    let server = Server::start(Kind::Redis).unwrap();
    let users = format!("sqlite://{}", new_directory(folder).join("users.db").display());
    let nodes = Nodes::start(program, folder, &[("DATABASE_URL", &users), ("REDIS_URL", server.url())]);
    let flood = || {
        let mut client = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
        let (began, mut sent) = (Instant::now(), 0);
        let mut batch = redis::pipe();
        for number in 0..BATCH {
            let text = match number {
                0 => "x".repeat(100_000),
                number if number % 2 == 0 => format!("heartbeat {number:016x} {number}"),
                number => format!("x{number}"),
            };
            batch.cmd("PUBLISH").arg("gatewright:revocations").arg(text).ignore();
        }
        while began.elapsed() < Duration::from_secs(size.seconds()) {
            batch.exec(&mut client).unwrap();
            sent += BATCH;
        }
        sent
    };
    let there = nodes.there();
    let is_cached = |access: &str| is_cached_on_redis(server.url(), &there, access);
    nodes.expect_to_withstand(size, "Redis", flood, is_cached);
}

/// Whether a request sends no command that reads its session.
fn is_cached_on_redis(url: &str, node: &Target, access: &str) -> bool {
    let mut admin = redis::Client::open(url).unwrap().get_connection().unwrap();
    let mut reads = || {
        let info: String = redis::cmd("INFO").arg("commandstats").query(&mut admin).unwrap();
        info.lines().find(|line| line.starts_with("cmdstat_hget:")).map(str::to_owned)
    };
    let before = reads();
    is_accepted(node, access) && reads() == before
}

/// Whether the answer is 200. On a busy machine a store may miss its deadline, and it is 503.
fn is_accepted(node: &Target, access: &str) -> bool {
    let status = node.me(access).status;
    assert!([200, 503].contains(&status), "{status}");
    status == 200
}

/// Two running programs on one feed.
struct Nodes([Program; 2]);

impl Nodes {
    fn start(program: &str, folder: &str, stores: &[(&str, &str)]) -> Self {
        let others = [("AUTH_SECRET_KEY", secret()), ("ADMIN_PASSWORD", ADMIN_PASSWORD)];
        let settings = [stores, &others].concat();
        Self([(); 2].map(|()| Program::start(program, &new_directory(folder), &settings)))
    }

    fn here(&self) -> Target {
        self.0[0].target().with_patience(PATIENCE)
    }

    fn there(&self) -> Target {
        self.0[1].target()
    }

    /// Measures requests before, during and after the flood, and checks what it cost. `flood` returns
    /// how many messages it sent, and `is_cached` whether a request is answered without the stores.
    fn expect_to_withstand(
        self,
        size: Size,
        feed: &str,
        flood: impl FnOnce() -> usize + Send,
        is_cached: impl Fn(&str) -> bool,
    ) {
        let [kept, ended] = self.here().two_sessions();
        until("the cache is used", || is_cached(&kept.access));
        let watch = Watch { nodes: &self, access: &kept.access, samples: Mutex::default() };
        let idle = watch.during(|| watch.until_more_samples(SAMPLES));
        let (mut sent, mut lasted, mut revocation, mut normal) = Default::default();
        // On PostgreSQL the messages arrive when the statement that sends them is over.
        let flooded = watch.during(|| {
            thread::scope(|scope| {
                let (began, flood) = (Instant::now(), scope.spawn(flood));
                watch.until_more_samples(FIRST_SAMPLES);
                revocation = self.delay_of_a_logout(&ended);
                (sent, lasted) = (flood.join().unwrap(), began.elapsed());
            });
            let over = Instant::now();
            until("the cache is used again", || is_cached(&kept.access));
            normal = over.elapsed();
        });
        let after = watch.during(|| watch.until_more_samples(SAMPLES));
        let report = Report { sent, lasted, idle, flooded, revocation, normal, after };
        println!("flood over {feed}, {}: {report}", self.0[0].name);
        report.check(&size.limits());
        self.expect_short_logs();
    }

    /// Each cause is logged once a minute. A busy machine adds causes, such as calls that missed their
    /// deadline.
    fn expect_short_logs(self) {
        let mut floods = 0;
        for program in self.0 {
            let log = program.stop_with_log();
            let logged = log.matches("was flooded").count();
            assert!(logged <= 2, "{log}");
            assert!(log.lines().count() < 300, "{log}");
            floods += logged;
        }
        assert!(floods > 0, "no program noticed the flood");
    }

    /// Ends a session on one node. Returns after which time the other one still received a request that
    /// it accepted.
    fn delay_of_a_logout(&self, tokens: &Tokens) -> Duration {
        let there = self.there();
        expect_accepted(&there, &tokens.access);
        end_session(&self.here(), &tokens.access);
        let (ended, mut delay) = (Instant::now(), Duration::ZERO);
        until("the session is rejected", || {
            let sent = ended.elapsed();
            let status = there.me(&tokens.access).status;
            if status == 200 {
                delay = sent;
            }
            status == 401
        });
        delay
    }
}

/// How many requests of each kind are measured before and after the flood.
const SAMPLES: usize = 300;
/// How many are sent in the flood before a session is ended.
const FIRST_SAMPLES: usize = 20;

/// The pause between two requests of one kind, and between two checks of a condition.
const PACE: Duration = Duration::from_millis(5);

/// Sends requests to the second node, one after another, and notes how long each takes.
struct Watch<'a> {
    nodes: &'a Nodes,
    access: &'a str,
    samples: Mutex<Samples>,
}

#[derive(Default)]
struct Samples {
    health: Vec<Duration>,
    guarded: Vec<Duration>,
    /// How many of the guarded requests were answered 503.
    unavailable: usize,
    /// The largest resident memory of each program, in bytes.
    memory: [usize; 2],
}

impl Watch<'_> {
    /// Watches on two threads while `work` runs.
    fn during(&self, work: impl FnOnce()) -> Samples {
        thread::scope(|scope| {
            let ((_health, stop_health), (_guarded, stop_guarded)) = (channel::<()>(), channel::<()>());
            scope.spawn(move || self.send_health_checks(&stop_health));
            scope.spawn(move || self.send_guarded_requests(&stop_guarded));
            work();
        });
        std::mem::take(&mut *self.samples())
    }

    fn send_health_checks(&self, stop: &Receiver<()>) {
        let there = self.nodes.there();
        while is_running(stop) {
            let took = time(|| assert_eq!(there.send(&Request::get("/health")).status, 200));
            let memory = self.nodes.0.each_ref().map(Program::memory);
            let mut samples = self.samples();
            samples.health.push(took);
            samples.memory = [0, 1].map(|program| samples.memory[program].max(memory[program]));
        }
    }

    fn send_guarded_requests(&self, stop: &Receiver<()>) {
        let there = self.nodes.there();
        while is_running(stop) {
            let mut status = 0;
            let took = time(|| status = there.me(self.access).status);
            // On a busy machine a store may miss its deadline. Then the request counts as a slow one.
            assert!([200, 503].contains(&status), "{status}");
            let mut samples = self.samples();
            samples.guarded.push(took);
            samples.unavailable += usize::from(status == 503);
        }
    }

    fn until_more_samples(&self, count: usize) {
        let before = self.samples().counts();
        until("requests are answered", || {
            let now = self.samples().counts();
            now.iter().zip(before).all(|(now, before)| *now >= before + count)
        });
    }

    fn samples(&self) -> MutexGuard<'_, Samples> {
        self.samples.lock().unwrap()
    }
}

fn is_running(stop: &Receiver<()>) -> bool {
    stop.recv_timeout(PACE) == Err(RecvTimeoutError::Timeout)
}

fn time(request: impl FnOnce()) -> Duration {
    let began = Instant::now();
    request();
    began.elapsed()
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    const DEADLINE: Duration = Duration::from_secs(120);
    let (began, (_running, stop)) = (Instant::now(), channel());
    while !holds() {
        assert!(began.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
        is_running(&stop);
    }
}

impl Samples {
    fn counts(&self) -> [usize; 2] {
        [self.health.len(), self.guarded.len()]
    }

    /// The times that 99 of 100 requests did not exceed: of `/health`, and of guarded requests.
    fn p99(&self) -> [Duration; 2] {
        [&self.health, &self.guarded].map(|times| {
            let mut times = times.clone();
            times.sort();
            let index = (times.len() * 99).div_ceil(100).saturating_sub(1);
            times.get(index).copied().unwrap_or_default()
        })
    }

    /// By how many bytes the larger of the two programs grew since `before`.
    fn growth(&self, before: &Self) -> usize {
        let growth = |program: usize| self.memory[program].saturating_sub(before.memory[program]);
        growth(0).max(growth(1))
    }
}

/// What a flood cost.
struct Report {
    sent: usize,
    lasted: Duration,
    idle: Samples,
    flooded: Samples,
    after: Samples,
    /// How long the other node accepted a session that was ended during the flood.
    revocation: Duration,
    /// When the cache was used again after the flood.
    normal: Duration,
}

impl Report {
    fn growth(&self) -> usize {
        self.flooded.growth(&self.idle).max(self.after.growth(&self.idle))
    }

    fn check(&self, limits: &Limits) {
        let [[idle, _], [flooded, guarded], [after, _]] =
            [&self.idle, &self.flooded, &self.after].map(Samples::p99);
        assert!(after <= idle + limits.health, "/health is slow after a flood: {self}");
        assert!(flooded <= idle + limits.health, "/health is slow in a flood: {self}");
        assert!(guarded <= limits.guarded, "guarded requests are slow in a flood: {self}");
        assert!(self.growth() <= limits.memory, "a program grows in a flood: {self}");
        assert!(self.revocation <= limits.revocation, "a revocation is late in a flood: {self}");
        assert!(self.normal <= limits.normal, "the cache is not used after a flood: {self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ([health_before, guarded_before], [health, guarded]) = (self.idle.p99(), self.flooded.p99());
        write!(
            f,
            "{} messages in {:.1?}; p99 of /health {health_before:.1?} before, {health:.1?} during it; of a guarded \
             request {guarded_before:.1?} and {guarded:.1?} ({} requests during it, {} of them 503); memory grew by {} KiB; a \
             revocation during it took effect on the other node after {:.1?}; the cache was used again after {:.1?}",
            self.sent,
            self.lasted,
            self.flooded.guarded.len(),
            self.flooded.unavailable,
            self.growth() >> 10,
            self.revocation,
            self.normal,
        )
    }
}
