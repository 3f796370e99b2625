//! Attacks on logins against the real program, with the default limits and over TCP sockets. Each client connects from
//! an address of its own: 127.0.0.2 to 127.0.0.9 are networks like any other.
//! [`login_attacks!`](crate::login_attacks) expands each case as a test of one example.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gatewright::throttle::{
    ACCOUNT_FAILURES, FIRST_WAIT, NETWORK_FAILURES, NETWORK_INTERVAL, SHARED_NETWORK_FACTOR,
    STUFFING_ACCOUNTS, STUFFING_INTERVAL,
};
use gatewright_testkit::auth_routes::PASSWORD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;

use super::Program;

const WRONG: &str = "an entirely wrong guess";
const NOBODY: &str = "nobody@example.com";
/// How long the tests send logins at most until one is limited.
const PATIENCE: Duration = Duration::from_secs(90);
/// The clients that send these logins at once.
const CLIENTS: u32 = 8;
/// The warning about a proxy that is not configured.
const WARNING: &str = "a proxy is not trusted";

/// The time by which the real program refills its budgets.
#[expect(clippy::disallowed_methods, reason = "the test measures the real program")]
fn now() -> Instant {
    Instant::now()
}

/// Expands every case as a test. `$program` is the path of the program, and `$folder` the folder for
/// its directories.
#[macro_export]
macro_rules! login_attacks {
    ($program:expr, $folder:expr) => {
        $crate::program_tests! { [] login_attacks $program, $folder;
            guesses_for_one_account_are_limited_and_its_owner_gets_in
            a_hundred_accounts_cannot_be_sprayed
            forged_forwarding_headers_are_no_way_around
            a_proxy_that_is_not_configured_is_named_once
        }
        mod full_product {
            $crate::program_tests! { [#[ignore = "takes half a minute"]] login_attacks $program, $folder;
                a_thousand_accounts_cannot_be_sprayed
                clients_of_a_proxy_that_is_not_configured_share_six_hundred_failures
            }
        }
    };
}

/// The owner's network is known, so the owner does not wait. The owner's login ends the wait of the account, but not
/// that of the attacker's network for this account.
pub fn guesses_for_one_account_are_limited_and_its_owner_gets_in(program: &str, folder: &str) {
    let program = Program::start_on_memory(program, folder, &[]);
    let [owner, attacker, stranger] = [2, 3, 4].map(|host| Client::at(&program, host));
    let email = program.target().register();
    owner.login(&email, PASSWORD).expect(200);
    let since = fail_to_the_wait(&attacker, &email);
    for (client, password) in [(&attacker, WRONG), (&attacker, PASSWORD), (&stranger, PASSWORD)] {
        client.login(&email, password).expect_first_wait(since);
    }
    owner.login(&email, PASSWORD).expect(200);
    attacker.login(&email, PASSWORD).expect_first_wait(since);
    stranger.login(&email, PASSWORD).expect(200);
    let since = fail_to_the_wait(&attacker, NOBODY);
    for client in [&attacker, &stranger] {
        client.login(NOBODY, PASSWORD).expect_first_wait(since);
    }
    let _ = program.stop_with_log();
}

/// Fails so often that the account waits. Returns the time before the last failure.
fn fail_to_the_wait(attacker: &Client, name: &str) -> Instant {
    for _ in 1..ACCOUNT_FAILURES {
        attacker.login(name, WRONG).expect(401);
    }
    let since = now();
    attacker.login(name, WRONG).expect(401);
    since
}

/// 100 accounts.
pub fn a_hundred_accounts_cannot_be_sprayed(program: &str, folder: &str) {
    spray(program, folder, 100);
}

/// 1,000 accounts.
pub fn a_thousand_accounts_cannot_be_sprayed(program: &str, folder: &str) {
    spray(program, folder, 1_000);
}

/// One guess for each account, from one network. The 20th slows it. A user who logged in from it before still gets in.
fn spray(program: &str, folder: &str, accounts: u32) {
    let program = Program::start_on_memory(program, folder, &[]);
    let [sprayer, elsewhere] = [5, 6].map(|host| Client::at(&program, host));
    let [neighbour, owner] = [(); 2].map(|()| program.target().register());
    sprayer.login(&neighbour, PASSWORD).expect(200);
    let guess = |number: u32| sprayer.login(&format!("sprayed{number}@example.com"), WRONG);
    for number in 1..STUFFING_ACCOUNTS {
        guess(number).expect(401);
    }
    let mut freed = Freed::since_now(STUFFING_INTERVAL);
    guess(STUFFING_ACCOUNTS).expect(401);
    for number in STUFFING_ACCOUNTS + 1..=accounts {
        freed.expect_limited_unless_free(&guess(number), 401);
    }
    freed.expect_limited_unless_free(&sprayer.login(&owner, PASSWORD), 200);
    elsewhere.login(&owner, PASSWORD).expect(200);
    sprayer.login(&neighbour, PASSWORD).expect(200);
    let log = program.stop_with_log();
    assert_eq!(log.matches("StuffingSuspected").count(), 1, "{log}");
}

/// A client behind the trusted proxy 127.0.0.7 invents hops. The last hop is the proxy's own. A client that
/// sends the headers itself does not get the network that they name.
pub fn forged_forwarding_headers_are_no_way_around(program: &str, folder: &str) {
    let program = Program::start_on_memory(program, folder, &[("AUTH_TRUSTED_PROXIES", "127.0.0.7")]);
    let [proxy, forger] = [7, 8].map(|host| Client::at(&program, host));
    let mut freed = Freed::since_now(NETWORK_INTERVAL);
    // Few enough accounts that none of them waits, and that they are no stuffing.
    let guess = |number: u32, hops: &str| proxy.forward(&format!("user{}@example.com", number % 18), hops);
    for number in 0..NETWORK_FAILURES {
        guess(number, &format!("198.51.100.{number}, 203.0.113.5")).expect(401);
    }
    for number in 0..NETWORK_FAILURES {
        let hops = format!("198.51.101.{number}, 203.0.113.5");
        freed.expect_limited_unless_free(&guess(number, &hops), 401);
    }
    for hops in ["203.0.113.5", "198.51.100.77, 203.0.113.5", "127.0.0.7, 203.0.113.5", "x, 203.0.113.5"] {
        freed.expect_limited_unless_free(&proxy.forward(NOBODY, hops), 401);
    }
    proxy.forward(NOBODY, "203.0.113.5, 203.0.113.6").expect(401);
    for number in 1..ACCOUNT_FAILURES {
        forger.forward("victim@example.com", &format!("203.0.113.{number}")).expect(401);
    }
    let since = now();
    forger.forward("victim@example.com", "203.0.113.250").expect(401);
    for header in ["x-forwarded-for", "forwarded", "x-real-ip"] {
        let limited = forger.send("victim@example.com", WRONG, &format!("{header}: 192.0.2.1\r\n"));
        limited.expect_first_wait(since);
    }
    let _ = program.stop_with_log();
}

/// More failures than a network has, on more accounts than are stuffing: they are of different clients.
pub fn a_proxy_that_is_not_configured_is_named_once(program: &str, folder: &str) {
    let failures = 2 * NETWORK_FAILURES;
    let log = behind_an_unknown_proxy(program, folder, failures, |_, _| {});
    assert_eq!(log.matches(WARNING).count(), 1, "{log}");
    assert!(log.contains("trusted_proxies"), "{log}");
}

/// Twenty times the failures of a network, at the rate of twenty networks. Hashes take time, so more are admitted before
/// one is limited. A machine that hashes less than that rate uses the budget up never: it shows only the 600.
pub fn clients_of_a_proxy_that_is_not_configured_share_six_hundred_failures(program: &str, folder: &str) {
    let most = NETWORK_FAILURES * SHARED_NETWORK_FACTOR;
    let log = behind_an_unknown_proxy(program, folder, most, |proxy, client| {
        limit_by_parallel_logins(proxy);
        client.login(NOBODY, WRONG).expect(401);
    });
    assert_eq!((log.matches(WARNING).count(), log.matches("StuffingSuspected").count()), (1, 0), "{log}");
}

/// Fails so many times, each time for another client of the proxy and another account. Returns the log.
fn behind_an_unknown_proxy(
    program: &str,
    folder: &str,
    failures: u32,
    then: impl FnOnce(&Client, &Client),
) -> String {
    let program = Program::start_on_memory(program, folder, &[]);
    let [proxy, client] = [8, 9].map(|host| Client::at(&program, host));
    for number in 0..failures {
        let hop = format!("198.51.100.{}", number % 250);
        proxy.forward(&format!("user{number}@example.com"), &hop).expect(401);
    }
    then(&proxy, &client);
    program.stop_with_log()
}

/// Sends logins until one is limited. Fails if none is, although they came faster than the budget is refilled.
fn limit_by_parallel_logins(proxy: &Client) {
    let (began, is_limited) = (now(), AtomicBool::new(false));
    let until_limited = |client: u32| {
        for number in 0.. {
            let answer = proxy.forward(&format!("more{client}.{number}@example.com"), "203.0.113.9");
            if answer.status == 429 {
                answer.expect_limited(1..=1);
                is_limited.store(true, Ordering::Relaxed);
                return number;
            }
            answer.expect(401);
            if is_limited.load(Ordering::Relaxed) || began.elapsed() > PATIENCE {
                return number + 1;
            }
        }
        0
    };
    let admitted: u32 = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|client| scope.spawn(move || until_limited(client))).collect();
        clients.into_iter().map(|client| client.join().unwrap()).sum()
    });
    let elapsed = began.elapsed();
    let refilled = elapsed.div_duration_f64(NETWORK_INTERVAL / SHARED_NETWORK_FACTOR);
    let budget = f64::from(NETWORK_FAILURES * SHARED_NETWORK_FACTOR);
    assert!(
        f64::from(admitted) <= budget + refilled + f64::from(CLIENTS),
        "{admitted} failures in {elapsed:?}"
    );
    if !is_limited.into_inner() {
        eprintln!("this machine hashes too slowly to use the budget up: {admitted} in {elapsed:?}");
    }
}

/// The failures that time gives back to a network that has used its budget up.
struct Freed {
    since: Instant,
    interval: Duration,
    used: u32,
}

impl Freed {
    fn since_now(interval: Duration) -> Self {
        Self { since: now(), interval, used: 0 }
    }

    /// The login is limited, or has this status because as much time has passed as frees one.
    #[track_caller]
    fn expect_limited_unless_free(&mut self, answer: &Answer, status: u16) {
        if answer.status == 429 {
            return answer.expect_limited(1..=self.interval.as_secs());
        }
        answer.expect(status);
        self.used += 1;
        let elapsed = self.since.elapsed();
        assert!(self.interval * self.used <= elapsed, "{} were admitted in {elapsed:?}", self.used);
    }
}

/// A client in a network of its own.
struct Client {
    service: String,
    from: Ipv4Addr,
}

impl Client {
    fn at(program: &Program, host: u8) -> Self {
        Self { service: program.address.clone(), from: Ipv4Addr::new(127, 0, 0, host) }
    }

    fn login(&self, name: &str, password: &str) -> Answer {
        self.send(name, password, "")
    }

    /// A wrong login of a client whose hops a proxy has written.
    fn forward(&self, name: &str, hops: &str) -> Answer {
        self.send(name, WRONG, &format!("x-forwarded-for: {hops}\r\n"))
    }

    fn send(&self, name: &str, password: &str, header: &str) -> Answer {
        let form = format!("username={name}&password={}", password.replace(' ', "+"));
        let request = format!(
            "POST /auth/login HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{header}\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
            form.len()
        );
        static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
        let text = RUNTIME.block_on(async {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind((self.from, 0).into()).unwrap();
            let mut stream = socket.connect(self.service.parse().unwrap()).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        });
        Answer::parse(text)
    }
}

struct Answer {
    status: u16,
    retry_after: Option<u64>,
    text: String,
}

impl Answer {
    fn parse(text: String) -> Self {
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
        let retry_after = text.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("retry-after").then(|| value.parse().unwrap())
        });
        Self { status, retry_after, text }
    }

    #[track_caller]
    fn expect(&self, status: u16) {
        assert_eq!(self.status, status, "{}", self.text);
    }

    /// It says to wait for the rest of the first wait of an account, which began after `since`.
    #[track_caller]
    fn expect_first_wait(&self, since: Instant) {
        let elapsed = since.elapsed();
        assert!(elapsed < FIRST_WAIT, "the machine took {elapsed:?} for a few logins: the wait is over");
        self.expect_limited((FIRST_WAIT - elapsed).as_secs()..=FIRST_WAIT.as_secs());
    }

    /// It says how many seconds to wait.
    #[track_caller]
    fn expect_limited(&self, seconds: RangeInclusive<u64>) {
        self.expect(429);
        assert!(self.retry_after.is_some_and(|own| seconds.contains(&own)), "{}", self.text);
        assert!(
            self.text.ends_with(r#"{"detail":"Too many attempts","error":"too_many_attempts"}"#),
            "{}",
            self.text
        );
    }
}
