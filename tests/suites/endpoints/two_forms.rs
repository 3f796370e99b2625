//! The refusal floor of passwords in two forms: their refusal computes two hashes, and the time of neither shows.

use std::pin::pin;

use async_trait::async_trait;
use gatewright::auth::DEFAULT_HASH_WAIT;
use gatewright::endpoints::PasswordChange;
use gatewright::password::{HashContext, HasherError, PasswordHasher, PasswordVerdict};
use gatewright::types::{Deadline, Timer};
use gatewright::{Auth, AuthError, Error, MemoryStore, Password, PasswordHash};
use gatewright_testkit::ManualTimer;
use gatewright_tests::{PASSWORD, World, jwt};

use super::refusal_floor::{FLOOR, MILLISECOND, exceeded, finish, login};
use super::{NEW_PASSWORD, authenticate};

/// A password that is not in its normal form, so its refusal computes two hashes.
const TWO_FORMS: &str = "cafe\u{301} au lait, encore";

/// A hasher on a timer. A stored hash is the number of milliseconds that its verification takes; without one, it takes
/// 23. As a queue does, it refuses a call whose deadline has passed.
struct SlowHasher(ManualTimer);

#[async_trait]
impl PasswordHasher for SlowHasher {
    async fn hash(&self, _: Password, _: &HashContext) -> Result<PasswordHash, HasherError> {
        Ok(PasswordHash::new("23"))
    }

    async fn verify(
        &self,
        password: Password,
        stored: Option<PasswordHash>,
        context: &HashContext,
    ) -> Result<PasswordVerdict, HasherError> {
        if context.deadline.as_ref().is_some_and(Deadline::has_passed) {
            return Err(HasherError::busy());
        }
        let milliseconds = stored.map_or(23, |stored| stored.expose().parse().unwrap());
        self.0.advance(MILLISECOND * milliseconds);
        let is_right = password.expose() == PASSWORD;
        Ok(if is_right { PasswordVerdict::Match } else { PasswordVerdict::Mismatch })
    }
}

/// A world with the default floor and this hasher, and users `MILLISECONDS@example.com` with such hashes.
async fn slow_world(hashes: &[u32]) -> (World<MemoryStore>, ManualTimer) {
    slow_world_of(hashes, SlowHasher).await
}

async fn slow_world_of<H: PasswordHasher>(
    hashes: &[u32],
    hasher: fn(ManualTimer) -> H,
) -> (World<MemoryStore>, ManualTimer) {
    let (world, timer) = (World::new(MemoryStore::new()), ManualTimer::new());
    for milliseconds in hashes {
        let hash = PasswordHash::new(milliseconds.to_string());
        world.add_with_hash(&format!("{milliseconds}@example.com"), hash).await;
    }
    let store = world.store.clone();
    let builder = Auth::builder(store.clone(), store.clone(), jwt(), hasher(timer.clone()));
    let builder = builder.with_accounts(store).without_throttle().with_clock(world.clock.clone());
    let builder = builder.with_refusal_floor(FLOOR).with_timer(timer.clone());
    let auth = builder.with_events(world.events.clone()).build().unwrap();
    (World { auth, ..world }, timer)
}

/// A [`SlowHasher`] that is busy when a password in its received form comes.
struct BusyForTheSecond(SlowHasher);

#[async_trait]
impl PasswordHasher for BusyForTheSecond {
    async fn hash(&self, password: Password, context: &HashContext) -> Result<PasswordHash, HasherError> {
        self.0.hash(password, context).await
    }

    async fn verify(
        &self,
        password: Password,
        stored: Option<PasswordHash>,
        context: &HashContext,
    ) -> Result<PasswordVerdict, HasherError> {
        if password.expose() == TWO_FORMS {
            return Err(HasherError::busy());
        }
        self.0.verify(password, stored, context).await
    }
}

/// Otherwise the time of the 503 would be that of the first hash, which only an account has.
#[tokio::test]
async fn a_hasher_that_is_busy_for_the_second_form_is_answered_at_twice_the_floor() {
    let (world, timer) = slow_world_of(&[1, 327], |timer| BusyForTheSecond(SlowHasher(timer))).await;
    for user in ["nobody", "1", "327"] {
        let start = timer.now();
        let login = login(&format!("{user}@example.com"), TWO_FORMS);
        let error = finish(&timer, pin!(world.auth.login(login))).unwrap_err();
        assert_eq!((error.reply().status, timer.now() - start), (503, FLOOR * 2), "{user}");
    }
    world.add_with_hash("ada@example.com", PasswordHash::new("40")).await;
    let me = authenticate(&world, &world.login("ada@example.com").await.access_token).await;
    let start = timer.now();
    let change = PasswordChange::new(Password::new(TWO_FORMS), Password::new(NEW_PASSWORD)).unwrap();
    let error = finish(&timer, pin!(world.auth.change_password(&me, change))).unwrap_err();
    assert_eq!((error.reply().status, timer.now() - start), (503, FLOOR * 2));
}

/// Otherwise a bcrypt hash of 327 ms, computed twice, would be answered after 654 ms, and an unknown account after 400.
#[tokio::test]
async fn a_refusal_of_two_hashes_is_answered_at_twice_the_floor_whichever_account() {
    let (world, timer) = slow_world(&[1, 327, 400]).await;
    for (password, floor) in [("wrong", FLOOR), (TWO_FORMS, FLOOR * 2)] {
        for user in ["nobody", "no address", "1", "327", "400"] {
            let start = timer.now();
            let login = login(&format!("{user}@example.com"), password);
            let outcome = finish(&timer, pin!(world.auth.login(login)));
            assert!(matches!(outcome.as_ref().map_err(Error::kind), Err(AuthError::Login(_))), "{outcome:?}");
            assert_eq!(timer.now() - start, floor, "{user}: {password}");
        }
    }
    assert!(exceeded(&world).is_empty());
}

#[tokio::test]
async fn a_wrong_current_password_in_two_forms_is_answered_at_twice_the_floor() {
    let (world, timer) = slow_world(&[327]).await;
    let me = authenticate(&world, &world.login("327@example.com").await.access_token).await;
    for (current, floor) in [("wrong", FLOOR), (TWO_FORMS, FLOOR * 2)] {
        let start = timer.now();
        let change = PasswordChange::new(Password::new(current), Password::new(NEW_PASSWORD)).unwrap();
        let outcome = finish(&timer, pin!(world.auth.change_password(&me, change)));
        let kind = outcome.as_ref().map_err(Error::kind);
        assert!(matches!(kind, Err(AuthError::IncorrectPassword { .. })), "{outcome:?}");
        assert_eq!(timer.now() - start, floor, "{current}");
    }
}

/// Otherwise the 503 would show that the account exists.
#[tokio::test]
async fn the_second_form_may_wait_as_long_as_the_first_whichever_account() {
    let (world, timer) = slow_world(&[12_100]).await;
    assert!(DEFAULT_HASH_WAIT < MILLISECOND * 12_100);
    for (user, time) in [("nobody", FLOOR * 2), ("12100", MILLISECOND * 24_200)] {
        let start = timer.now();
        let login = login(&format!("{user}@example.com"), TWO_FORMS);
        let error = finish(&timer, pin!(world.auth.login(login))).unwrap_err();
        assert!(matches!(error.kind(), AuthError::Login(_)), "{user}: {error:?}");
        assert_eq!(timer.now() - start, time, "{user}");
    }
    assert_eq!(exceeded(&world), ["RefusalFloorExceeded { floor: 800ms, elapsed: 24.2s, count: 1 }"]);
    let me = authenticate(&world, &world.login("12100@example.com").await.access_token).await;
    let change = PasswordChange::new(Password::new(TWO_FORMS), Password::new(NEW_PASSWORD)).unwrap();
    let error = finish(&timer, pin!(world.auth.change_password(&me, change))).unwrap_err();
    assert!(matches!(error.kind(), AuthError::IncorrectPassword { .. }), "{error:?}");
}
