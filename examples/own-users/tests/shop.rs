//! The running shop.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

use example_service::testing::{PATIENCE, Program, new_directory, secret};
use gatewright_testkit::auth_routes::{PASSWORD, Request, Target, Tokens, claims};

const PROGRAM: &str = env!("CARGO_BIN_EXE_own-users");

/// Runs `own-users add` in a directory.
fn try_add(directory: &Path, arguments: &[&str], password: &str) -> Output {
    let mut command = Program::command(PROGRAM, directory, &[]);
    let mut child = command.arg("add").args(arguments).stdin(Stdio::piped()).spawn().unwrap();
    // If the arguments are refused, the program ends without reading.
    let _ = child.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes());
    child.wait_with_output().unwrap()
}

/// Adds an employee. On a busy machine the store may miss its deadline, also after the row was written.
fn add(directory: &Path, arguments: &[&str]) {
    let mut errors = String::new();
    for _ in 0..PATIENCE {
        let output = try_add(directory, arguments, PASSWORD);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() || (!errors.is_empty() && error.contains("UNIQUE")) {
            return;
        }
        errors.push_str(&error);
    }
    panic!("{errors}");
}

/// The shop with the manager Ada, who also works at the till, and the cashier Bob.
fn shop() -> (Program, Target) {
    let directory = new_directory(env!("CARGO_TARGET_TMPDIR"));
    add(&directory, &["Ada", "north", "cashier", "manager"]);
    add(&directory, &["Bob", "south", "cashier"]);
    let program = Program::start(PROGRAM, &directory, &[("AUTH_SECRET_KEY", secret())]);
    let target = Target::new(&program.address).with_guarded_route("/me").with_patience(PATIENCE);
    (program, target)
}

fn lock(shop: &Target, id: &str, token: &str) -> u16 {
    shop.send(&Request::post(&format!("/employees/{id}/lock")).bearer(token)).status
}

#[test]
fn a_locked_employee_is_logged_out_at_once() {
    let (_program, shop) = shop();
    let ada = shop.login("ada", PASSWORD).access;
    let bob = shop.login("BOB", PASSWORD);
    assert_eq!(lock(&shop, "2", &bob.access), 403, "cashiers may not lock");
    shop.me(&bob.access).expect_ok();
    assert_eq!(lock(&shop, "2", &ada), 204);
    shop.expect_ended(&bob);
    shop.try_login("bob", PASSWORD).expect_login_refused();
    assert_eq!(lock(&shop, "3", &ada), 404);
    assert_eq!(lock(&shop, "x", &ada), 404);
    shop.me(&ada).expect_ok();
}

#[test]
fn a_handler_reads_the_claim_of_the_shop() {
    let (_program, shop) = shop();
    let ada = shop.login("Ada", PASSWORD).access;
    assert_eq!(claims(&ada)["branch"], "north");
    assert_eq!(shop.me(&ada).text(), "hello Ada, employee 1 in north\n");
    let bob = shop.login("bob", PASSWORD).access;
    assert_eq!(shop.me(&bob).text(), "hello Bob, employee 2 in south\n");
}

#[test]
fn sessions_on_the_shared_pool_rotate_their_tokens() {
    let (_program, shop) = shop();
    let first = shop.login("bob", PASSWORD);
    let second = Tokens::from(&shop.refresh(&first.refresh));
    shop.me(&second.access).expect_ok();
    shop.logout(&second.access).expect_no_content();
    shop.expect_ended(&second);
}

#[test]
fn the_shop_has_no_registration() {
    let (_program, shop) = shop();
    assert_eq!(shop.register_as("eve@example.com", PASSWORD).status, 404);
}

#[test]
fn an_invalid_employee_is_not_added() {
    let directory = new_directory(env!("CARGO_TARGET_TMPDIR"));
    for (arguments, password) in [
        (&["Ada"][..], PASSWORD),
        (&["Ada", "north", "owner"], PASSWORD),
        (&["ada@example.com", "north"], PASSWORD),
        (&["Ada", "north"], "fourteen chars"),
    ] {
        let output = try_add(&directory, arguments, password);
        assert!(!output.status.success(), "{arguments:?}");
    }
    add(&directory, &["Ada", "north"]);
    let again = try_add(&directory, &["ADA", "north"], PASSWORD);
    assert!(!again.status.success(), "a name has one owner, in any case");
}

#[cfg(unix)]
#[test]
fn the_database_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;

    let directory = new_directory(env!("CARGO_TARGET_TMPDIR"));
    add(&directory, &["Ada", "north"]);
    let mode = std::fs::metadata(directory.join("shop.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0);
}

/// As everywhere in the workspace, blank lines and comments do not count.
#[test]
fn the_example_has_at_most_150_lines_of_code() {
    let program = include_str!("../src/main.rs");
    let code = program.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with("//"));
    assert!(code.count() <= 150);
}
