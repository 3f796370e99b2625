//! The shop, over real sockets.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod store;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use gatewright_testkit::auth_routes::{PASSWORD, Request, Target, Tokens, expect_same_token};
use gatewright_testkit::shared_secret;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// A path for a database, in a new directory.
fn new_file() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    loop {
        let name = format!("shop-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        match std::fs::create_dir(&directory) {
            Ok(()) => return directory.join("shop.db").to_str().unwrap().to_owned(),
            // An earlier process had the same id.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => panic!("{}: {error}", directory.display()),
        }
    }
}

/// A shop with Ada, who works there, and the customer Bob.
fn shop(runtime: &Runtime) -> Target {
    let path = new_file();
    let secret = &shared_secret("shop");
    runtime.block_on(async {
        let app = own_users::open(&path, secret).await.unwrap();
        own_users::add(&path, "Ada", "Ada@Example.com", PASSWORD, true).await.unwrap();
        own_users::add(&path, "Bob", "bob@example.com", PASSWORD, false).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async { axum::serve(listener, app).await.unwrap() });
        Target::new(&address)
    })
}

fn block(shop: &Target, number: &str, token: &str) -> u16 {
    shop.send(&Request::post(&format!("/customers/{number}/block")).bearer(token)).status
}

#[test]
fn a_blocked_customer_is_logged_out_at_once() {
    let runtime = Runtime::new().unwrap();
    let shop = shop(&runtime);
    let ada = shop.login("ada@example.com", PASSWORD).access;
    let bob = shop.login("BOB@example.com", PASSWORD);
    assert_eq!(shop.me(&ada).text(), "hello Ada, customer 1\n");
    assert_eq!(shop.me(&bob.access).text(), "hello Bob, customer 2\n");

    assert_eq!(block(&shop, "2", &bob.access), 403, "customers may not block");
    shop.me(&bob.access).expect_ok();
    assert_eq!(block(&shop, "2", &ada), 204);
    shop.expect_ended(&bob);
    shop.try_login("bob@example.com", PASSWORD).expect_login_refused();
    assert_eq!(block(&shop, "3", &ada), 404);
    shop.me(&ada).expect_ok();
}

/// A second tab that loads shortly after the first one.
#[test]
fn a_token_that_was_just_used_returns_the_current_one() {
    let runtime = Runtime::new().unwrap();
    let shop = shop(&runtime);
    let first = shop.login("bob@example.com", PASSWORD);
    let second = Tokens::from(&shop.refresh(&first.refresh));
    let third = Tokens::from(&shop.refresh(&second.refresh));
    let again = Tokens::from(&shop.refresh(&first.refresh));
    expect_same_token(&again.refresh, &third.refresh);
    shop.me(&again.access).expect_ok();
}

/// The shop adds customers in its own way.
#[test]
fn the_shop_has_no_registration() {
    let runtime = Runtime::new().unwrap();
    assert_eq!(shop(&runtime).register_as("eve@example.com", PASSWORD).status, 404);
}
