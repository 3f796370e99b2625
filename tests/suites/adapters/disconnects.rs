//! Clients that close the connection while their login waits: where the framework drops the handler, the
//! call leaves the hasher.

use std::io::Write;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use example_service::testing::Application;
use gatewright::Auth;
use gatewright_testkit::{TestHasher, block_on};
use gatewright_tests::{World, memory};

const LOGIN: &[u8] =
    b"POST /auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n\
    content-length: 43\r\n\r\nusername=ada@example.com&password=any+thing";

/// Waits until so many calls are paused in the hasher.
fn expect_paused(hasher: &TestHasher, calls: usize) {
    let reached = async {
        while hasher.paused() != calls {
            tokio::task::yield_now().await;
        }
    };
    block_on(async { tokio::time::timeout(Duration::from_secs(60), reached).await })
        .unwrap_or_else(|_| panic!("{} calls are paused instead of {calls}", hasher.paused()));
}

fn serve(auth: Auth, application: impl Application) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(application.serve(listener, auth)).unwrap();
    });
    TcpStream::connect(address).unwrap()
}

fn expect_dropped(application: impl Application) {
    let world = World::new(block_on(memory())[0].clone());
    world.hasher.pause();
    let mut client = serve(world.auth.clone(), application);
    client.write_all(LOGIN).unwrap();
    expect_paused(&world.hasher, 1);
    client.shutdown(Shutdown::Both).unwrap();
    drop(client);
    expect_paused(&world.hasher, 0);
}

#[test]
fn axum_drops_the_login_of_a_client_that_has_gone() {
    expect_dropped(axum_app::serve);
}

/// The example serves poem's endpoint on hyper. poem's own `Server` would not drop it.
#[test]
fn poem_on_hyper_drops_the_login_of_a_client_that_has_gone() {
    expect_dropped(poem_app::serve);
}

/// The example sets `h1_allow_half_closed(false)`.
#[test]
fn actix_web_drops_the_login_of_a_client_that_has_gone() {
    expect_dropped(actix_app::serve);
}
