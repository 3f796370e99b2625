//! The shop over real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod store;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use gatewright_testkit::http::{Request, Response, Target};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

const PASSWORD: &str = "correct horse battery staple";

/// Where a database can be made, in a new directory.
fn new_file() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    loop {
        let name = format!("shop-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        match std::fs::create_dir(&directory) {
            Ok(()) => return directory.join("shop.db").to_str().unwrap().to_owned(),
            // Of an earlier process with this id.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => panic!("{}: {error}", directory.display()),
        }
    }
}

/// A shop with Ada, who works there, and Bob, who buys there.
fn shop(runtime: &Runtime) -> Target {
    let path = new_file();
    let secret = "a secret of at least thirty-two bytes";
    runtime.block_on(async {
        let app = own_users::open(&path, secret).await.unwrap();
        own_users::add(&path, "Ada", "Ada@Example.com", PASSWORD, true).await.unwrap();
        own_users::add(&path, "Bob", "bob@example.com", PASSWORD, false).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async { axum::serve(listener, app).await.unwrap() });
        Target::new(&address, "", "", secret)
    })
}

fn login(shop: &Target, email: &str) -> (String, String) {
    let answer =
        shop.send(&Request::post("/auth/login").form(&[("username", email), ("password", PASSWORD)]));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let [access, refresh] =
        ["access_token", "refresh_token"].map(|name| answer.json()[name].as_str().unwrap().to_owned());
    (access, refresh)
}

fn get(shop: &Target, path: &str, token: &str) -> Response {
    shop.send(&Request::get(path).bearer(token))
}

fn block(shop: &Target, number: &str, token: &str) -> u16 {
    shop.send(&Request::post(&format!("/customers/{number}/block")).bearer(token)).status
}

#[test]
fn customers_of_the_shops_own_table_log_in_and_whoever_it_blocks_is_out_at_once() {
    let runtime = Runtime::new().unwrap();
    let shop = shop(&runtime);
    let (ada, _) = login(&shop, "ada@example.com");
    let (bob, refresh) = login(&shop, "BOB@example.com");
    assert_eq!(get(&shop, "/me", &ada).text(), "hello Ada, customer 1\n");
    assert_eq!(get(&shop, "/me", &bob).text(), "hello Bob, customer 2\n");

    assert_eq!(block(&shop, "2", &bob), 403, "customers block nobody");
    assert_eq!(get(&shop, "/me", &bob).status, 200);
    assert_eq!(block(&shop, "2", &ada), 204);
    assert_eq!(get(&shop, "/me", &bob).status, 401);
    let again = Request::post("/auth/refresh").form(&[("refresh_token", &refresh)]);
    assert_eq!(shop.send(&again).status, 401);
    let again = Request::post("/auth/login").form(&[("username", "bob@example.com"), ("password", PASSWORD)]);
    assert_eq!(shop.send(&again).status, 401);
    assert_eq!(block(&shop, "3", &ada), 404);
    assert_eq!(get(&shop, "/me", &ada).status, 200);
}

#[test]
fn the_sessions_of_the_shop_are_refreshed_and_a_used_token_ends_them() {
    let runtime = Runtime::new().unwrap();
    let shop = shop(&runtime);
    let (_, first) = login(&shop, "bob@example.com");
    let refresh = |token: &str| shop.send(&Request::post("/auth/refresh").form(&[("refresh_token", token)]));
    let second = refresh(&first).json()["refresh_token"].as_str().unwrap().to_owned();
    let third = refresh(&second);
    assert_eq!(third.status, 200);
    assert_eq!(refresh(&first).status, 401, "used twice");
    let third = third.json()["refresh_token"].as_str().unwrap().to_owned();
    assert_eq!(refresh(&third).status, 401, "the session has ended");
    let register = Request::post("/auth/register")
        .json(r#"{"email":"eve@example.com","password":"whatever it may be"}"#);
    assert_eq!(shop.send(&register).status, 404, "how customers come to the shop is the shop's matter");
}
