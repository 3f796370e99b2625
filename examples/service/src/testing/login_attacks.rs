//! Attacks on logins against the real program, with the default limits and over TCP sockets. Each client connects from
//! an address of its own: 127.0.0.2 to 127.0.0.9 are networks like any other.
//! [`login_attacks!`](crate::login_attacks) expands each case as a test of one example.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

use gatewright::throttle::{ACCOUNT_FAILURES, NETWORK_FAILURES, SHARED_NETWORK_FACTOR, STUFFING_ACCOUNTS};
use gatewright_testkit::auth_routes::PASSWORD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;

use super::Program;

const WRONG: &str = "an entirely wrong guess";
const NOBODY: &str = "nobody@example.com";
/// The first wait of an account, if the test has taken some seconds.
const WAIT: RangeInclusive<u64> = 10..=30;
/// How many logins the tests send at most until one is limited.
const PATIENCE: u32 = 5_000;
/// The warning about a proxy that is not configured.
const WARNING: &str = "a proxy is not trusted";

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
    for name in [&*email, NOBODY] {
        for _ in 0..ACCOUNT_FAILURES {
            attacker.login(name, WRONG).expect(401);
        }
        for (client, password) in [(&attacker, WRONG), (&attacker, PASSWORD), (&stranger, PASSWORD)] {
            client.login(name, password).expect_limited(WAIT);
        }
    }
    owner.login(&email, PASSWORD).expect(200);
    attacker.login(&email, PASSWORD).expect_limited(WAIT);
    stranger.login(&email, PASSWORD).expect(200);
    let _ = program.stop_with_log();
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
    for number in 0..accounts {
        let answer = sprayer.login(&format!("sprayed{number}@example.com"), WRONG);
        if number < STUFFING_ACCOUNTS {
            answer.expect(401);
        } else {
            answer.expect_limited(1..=30);
        }
    }
    sprayer.login(&owner, PASSWORD).expect_limited(1..=30);
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
    let failures = until_limited(1..=2, |number| {
        let hops = format!("198.51.100.{}, 203.0.113.5", number % 250);
        // Few enough accounts that none of them waits, and that they are no stuffing.
        proxy.forward(&format!("user{}@example.com", number % 18), &hops)
    });
    // One more for each 2 seconds that the hashes took.
    assert!((NETWORK_FAILURES..2 * NETWORK_FAILURES).contains(&failures), "{failures}");
    for hops in ["203.0.113.5", "198.51.100.77, 203.0.113.5", "127.0.0.7, 203.0.113.5", "x, 203.0.113.5"] {
        // Unless 2 seconds have just passed.
        assert!(until_limited(1..=2, |_| proxy.forward(NOBODY, hops)) <= 1, "{hops}");
    }
    proxy.forward(NOBODY, "203.0.113.5, 203.0.113.6").expect(401);
    for number in 0..ACCOUNT_FAILURES {
        forger.forward("victim@example.com", &format!("203.0.113.{number}")).expect(401);
    }
    for header in ["x-forwarded-for", "forwarded", "x-real-ip"] {
        let limited = forger.send("victim@example.com", WRONG, &format!("{header}: 192.0.2.1\r\n"));
        limited.expect_limited(WAIT);
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

/// Twenty times the failures of a network, at the rate of twenty networks. The hashes take longer than one failure is
/// limited, so a few more are admitted.
pub fn clients_of_a_proxy_that_is_not_configured_share_six_hundred_failures(program: &str, folder: &str) {
    let most = NETWORK_FAILURES * SHARED_NETWORK_FACTOR;
    let log = behind_an_unknown_proxy(program, folder, most, |proxy, client| {
        let _more =
            until_limited(1..=1, |number| proxy.forward(&format!("more{number}@example.com"), "203.0.113.9"));
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

/// Sends logins until one is limited, for so many seconds. Returns how many were refused before it.
#[track_caller]
fn until_limited(seconds: RangeInclusive<u64>, login: impl Fn(u32) -> Answer) -> u32 {
    for number in 0..PATIENCE {
        let answer = login(number);
        if answer.status == 429 {
            answer.expect_limited(seconds);
            return number;
        }
        answer.expect(401);
    }
    panic!("{PATIENCE} logins were admitted")
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
