//! Floods of logins against the real program, which hashes passwords as in production. Honest logins
//! come from other networks than the flood. [`login_floods!`](crate::login_floods) expands each case as
//! a test of one example.

use std::io;
use std::time::{Duration, Instant};

use gatewright_testkit::block_on;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::{ADMIN_EMAIL, ADMIN_PASSWORD, Program};

/// The clients that log in again and again, and the networks that they are in.
const CLIENTS: usize = 300;
const NETWORKS: usize = 4;
/// The logins that hang up at once.
const HANG_UPS: usize = 2_500;
/// The honest logins during a flood.
const HONEST: usize = 40;
/// An honest login that takes longer is not counted as served.
const PATIENCE: Duration = Duration::from_secs(2);

/// Expands every case as a test. `$program` is the path of the program, and `$folder` the folder for
/// its directories.
#[macro_export]
macro_rules! login_floods {
    ($program:expr, $folder:expr) => {
        mod full_product {
            $crate::program_tests! { [#[ignore = "takes a minute and both cores"]] login_floods $program, $folder;
                clients_that_log_in_in_a_loop_do_not_keep_others_out
                logins_that_hang_up_do_not_keep_others_out
            }
        }
    };
}

/// 300 clients in 4 networks, each with a new name at every attempt, and without a pause.
pub fn clients_that_log_in_in_a_loop_do_not_keep_others_out(program: &str, folder: &str) {
    with_program(program, folder, async |address| {
        let mut flood = JoinSet::new();
        for client in 0..CLIENTS {
            let address = address.to_owned();
            flood.spawn(async move {
                for attempt in 0.. {
                    let name = format!("user{client}.{attempt}@example.com");
                    let _ = attack(&address, client, &name).status().await;
                }
            });
        }
        let served = honest(address).await;
        flood.shutdown().await;
        served
    });
}

/// 2,500 logins from 4 networks that close the connection as soon as they have sent the request.
pub fn logins_that_hang_up_do_not_keep_others_out(program: &str, folder: &str) {
    with_program(program, folder, async |address| {
        for client in 0..HANG_UPS {
            let name = format!("user{client}@example.com");
            drop(attack(address, client, &name).send().await.unwrap());
        }
        honest(address).await
    });
}

/// Starts the program behind a trusted proxy: the tests name the network of each client. Asserts that at
/// least nine of ten honest logins were served.
fn with_program(program: &str, folder: &str, flood: impl AsyncFnOnce(&str) -> usize) {
    let settings = [
        ("ADMIN_PASSWORD", ADMIN_PASSWORD),
        ("AUTH_TRUSTED_PROXIES", "127.0.0.1"),
        ("AUTH_REFUSAL_FLOOR_MILLISECONDS", "400"),
    ];
    let program = Program::start_on_memory(program, folder, &settings);
    let served = block_on(flood(&program.address));
    assert!(served * 10 >= HONEST * 9, "{served} of {HONEST} honest logins were served");
}

/// Logs the admin in again and again, each time from another network. Returns how often that succeeded in
/// time, and prints the times.
async fn honest(address: &str) -> usize {
    let mut times = Vec::new();
    for number in 0..HONEST {
        let network = format!("198.51.100.{number}");
        let login = Login { address, network, name: ADMIN_EMAIL, password: ADMIN_PASSWORD };
        #[expect(clippy::disallowed_methods, reason = "the test measures the real program")]
        let start = Instant::now();
        let status = login.status().await;
        let time = start.elapsed();
        if matches!(status, Ok(200)) && time <= PATIENCE {
            times.push(time);
        }
    }
    times.sort_unstable();
    println!(
        "{} of {HONEST} honest logins: median {:?}, slowest {:?}",
        times.len(),
        times.get(times.len() / 2),
        times.last()
    );
    times.len()
}

fn attack<'a>(address: &'a str, client: usize, name: &'a str) -> Login<'a> {
    let network = format!("192.0.2.{}", client % NETWORKS);
    Login { address, network, name, password: "an entirely wrong guess" }
}

/// A login, and the network that it comes from.
struct Login<'a> {
    address: &'a str,
    network: String,
    name: &'a str,
    password: &'a str,
}

impl Login<'_> {
    async fn send(&self) -> io::Result<TcpStream> {
        let Self { address, network, name, password } = self;
        let form = format!("username={name}&password={}", password.replace(' ', "+"));
        let request = format!(
            "POST /auth/login HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-forwarded-for: {network}\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
            form.len()
        );
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request.as_bytes()).await?;
        Ok(stream)
    }

    /// Sends the login. Returns the status of the answer.
    async fn status(&self) -> io::Result<u16> {
        let mut head = [0; 12];
        self.send().await?.read_exact(&mut head).await?;
        let status = String::from_utf8_lossy(&head).rsplit(' ').next().and_then(|text| text.parse().ok());
        status.ok_or_else(|| io::Error::other("the answer has no status"))
    }
}
