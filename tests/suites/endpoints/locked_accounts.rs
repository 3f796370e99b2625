//! The throttle of an `Auth`: accounts that are locked after many failures.

use gatewright::error::LoginError;
use gatewright::throttle::LOCK_AFTER;
use gatewright::{AuthError, MemoryStore, Password, Registration, UserId};
use gatewright_tests::{PASSWORD, World};

use super::throttle::{QUARTER, WRONG, answer, count, login, status, world};
use super::{EMAIL, NEW_PASSWORD};

/// Fails 100 times from the network of the last login, each after the longest wait.
async fn lock(world: &World<MemoryStore>, email: &str) {
    assert!(status(world, email, PASSWORD, 1).await.is_ok());
    for number in 0..LOCK_AFTER {
        world.clock.advance(QUARTER);
        assert_eq!(status(world, email, WRONG, 1).await.err(), Some(401), "failure {number}");
    }
    world.clock.advance(QUARTER);
}

/// Fails 100 times from a network from which nobody logged in. The last 20 are refused without being counted.
async fn lock_from_elsewhere(world: &World<MemoryStore>, email: &str) {
    for number in 0..LOCK_AFTER {
        world.clock.advance(QUARTER);
        assert_eq!(status(world, email, WRONG, 9).await.err(), Some(401), "failure {number}");
    }
    world.clock.advance(QUARTER);
}

async fn user_of(world: &World<MemoryStore>) -> UserId {
    world.auth.accounts().unwrap().page(None, 1).await.unwrap().remove(0).id
}

/// With the answer of a wrong password, after one hash. A known network is locked last.
#[tokio::test]
async fn a_hundred_failures_lock_the_account_until_it_is_unlocked() {
    let world = world().await;
    let wrong = answer(&world.auth.login(login("unknown@example.com", WRONG, 9)).await.unwrap_err());
    lock(&world, EMAIL).await;
    let stages: Vec<String> =
        world.events.take().into_iter().filter(|event| event.starts_with("AccountLocked")).collect();
    assert_eq!(stages.len(), 2, "{stages:?}");
    assert!(stages[0].contains("KnownNetworksOnly") && stages[1].contains("Locked"), "{stages:?}");
    let calls = world.hasher.calls();
    let refused = world.auth.login(login(EMAIL, PASSWORD, 1)).await.unwrap_err();
    assert!(matches!(refused.kind(), AuthError::Login(LoginError::Locked)));
    assert_eq!((answer(&refused), world.hasher.calls()), (wrong, calls + 1));
    let (accounts, user) = (world.auth.accounts().unwrap(), user_of(&world).await);
    world.clock.advance(QUARTER);
    assert!(accounts.unlock(&user).await.unwrap());
    assert!(!accounts.unlock(&user).await.unwrap());
    assert!(status(&world, EMAIL, PASSWORD, 1).await.is_ok());
    assert_eq!(count(&world.events.take(), "AccountUnlocked"), 2);
    assert!(accounts.unlock(&UserId::from(1)).await.is_err(), "there is no such account");
}

#[tokio::test]
async fn a_password_that_is_set_lifts_the_lock() {
    let world = world().await;
    lock(&world, EMAIL).await;
    let user = user_of(&world).await;
    world.auth.accounts().unwrap().set_password(&user, Password::new(NEW_PASSWORD)).await.unwrap();
    assert!(status(&world, EMAIL, NEW_PASSWORD, 2).await.is_ok());
}

/// The account has no known network, so no network may try from the 80th failure on.
#[tokio::test]
async fn an_account_that_was_never_used_is_locked_by_other_networks() {
    let world = world().await;
    lock_from_elsewhere(&world, EMAIL).await;
    let events = world.events.take();
    let stages: Vec<&String> = events.iter().filter(|event| event.starts_with("AccountLocked")).collect();
    assert!(stages.len() == 1 && stages[0].contains("KnownNetworksOnly"), "{stages:?}");
    assert_eq!(status(&world, EMAIL, PASSWORD, 1).await.err(), Some(401));
    let (accounts, user) = (world.auth.accounts().unwrap(), user_of(&world).await);
    assert!(accounts.unlock(&user).await.unwrap());
    assert!(!accounts.unlock(&user).await.unwrap());
    world.clock.advance(QUARTER);
    assert!(status(&world, EMAIL, PASSWORD, 1).await.is_ok());
}

/// Only if no active administrator can log in, and only the one with the address.
#[tokio::test]
async fn ensure_admin_unlocks_the_last_administrator() {
    let world = world().await;
    let accounts = world.auth.accounts().unwrap();
    let password = || Password::new(PASSWORD);
    let admin = accounts.ensure_admin("root@example.com", password()).await.unwrap().unwrap();
    let roles = [gatewright::RoleName::new("admin").unwrap()];
    let second = Registration::new("second@example.com", password()).unwrap();
    let _created = accounts.create(second, roles).await.unwrap();
    lock_from_elsewhere(&world, "root@example.com").await;
    assert!(accounts.ensure_admin("root@example.com", password()).await.unwrap().is_none());
    assert_eq!(status(&world, "root@example.com", PASSWORD, 1).await.err(), Some(401), "another can log in");
    lock(&world, "second@example.com").await;
    assert!(!accounts.unlock_last_admin("third@example.com").await.unwrap());
    assert!(accounts.ensure_admin("root@example.com", password()).await.unwrap().is_none());
    world.clock.advance(QUARTER);
    assert!(status(&world, "root@example.com", PASSWORD, 1).await.is_ok());
    assert_eq!(status(&world, "second@example.com", PASSWORD, 1).await.err(), Some(401));
    assert!(!accounts.unlock_last_admin("root@example.com").await.unwrap(), "it is not locked");
    assert!(accounts.find(&admin.id).await.unwrap().is_active);
}
