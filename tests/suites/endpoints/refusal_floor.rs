//! The refusal floor: a refusal that could show whether an account exists is answered at the same time
//! after its arrival, independent of the time of the verification. The timer of these tests is moved by hand.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use gatewright::auth::{DEFAULT_HASH_WAIT, DEFAULT_REFUSAL_FLOOR, MAX_HELD_REFUSALS};
use gatewright::endpoints::{Endpoint, PasswordChange};
use gatewright::http::{Bytes, Headers, RequestView};
use gatewright::password::{HashContext, HasherError, PasswordHasher, PasswordVerdict};
use gatewright::types::{ClientInfo, Deadline, Timer};
use gatewright::{Auth, AuthError, Error, Login, MemoryStore, Password, PasswordHash, Registration};
use gatewright_testkit::store::Store;
use gatewright_testkit::{FailingStore, ManualTimer, TestHasher};
use gatewright_tests::{PASSWORD, World, jwt};
use tokio::task::unconstrained;

use super::{EMAIL, NEW_PASSWORD, authenticate};

const FLOOR: Duration = DEFAULT_REFUSAL_FLOOR;
const MILLISECOND: Duration = Duration::from_millis(1);

/// A world with the default floor, and its timer.
async fn world_on<S: Store>(store: S) -> (World<S>, ManualTimer) {
    let timer = ManualTimer::new();
    let world = World::with(store, |builder| builder.with_refusal_floor(FLOOR).with_timer(timer.clone()));
    world.add(EMAIL).await;
    (world, timer)
}

async fn world() -> (World<MemoryStore>, ManualTimer) {
    world_on(MemoryStore::new()).await
}

fn poll<T>(call: std::pin::Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    call.poll(&mut Context::from_waker(Waker::noop()))
}

/// Runs a call whose hash takes this long. Returns its outcome, and the time from its start to its answer.
fn run<S: Store, T>(
    (world, timer): &(World<S>, ManualTimer),
    hash: Duration,
    call: impl Future<Output = T>,
) -> (T, Duration) {
    let (mut call, start) = (pin!(call), timer.now());
    world.hasher.pause();
    if let Poll::Ready(outcome) = poll(call.as_mut()) {
        world.hasher.resume();
        return (outcome, timer.now() - start);
    }
    timer.advance(hash);
    world.hasher.resume();
    (finish(timer, call), timer.now() - start)
}

/// Moves the timer until the call is answered, no later than its sleep ends.
fn finish<T>(timer: &ManualTimer, mut call: std::pin::Pin<&mut impl Future<Output = T>>) -> T {
    loop {
        if let Poll::Ready(outcome) = poll(call.as_mut()) {
            return outcome;
        }
        let [rest] = timer.sleeps()[..] else { panic!("the call waits for something else: {timer:?}") };
        timer.advance(rest - Duration::from_nanos(1));
        assert!(poll(call.as_mut()).is_pending(), "a nanosecond early");
        timer.advance(Duration::from_nanos(1));
    }
}

fn login(email: &str, password: &str) -> Login {
    Login::new(email, Password::new(password))
}

fn exceeded<S: Store>(world: &World<S>) -> Vec<String> {
    let mut events = world.events.take();
    events.retain(|event| event.starts_with("RefusalFloorExceeded"));
    events
}

#[tokio::test]
async fn every_refused_login_is_answered_at_the_floor_after_one_hash() {
    let lab = world().await;
    let (world, _) = &lab;
    world.add_with_hash("unusable@example.com", PasswordHash::new("!")).await;
    let disabled = world.add("disabled@example.com").await;
    world.auth.accounts().unwrap().update(&disabled.id, None, Some(false)).await.unwrap();
    let long = "x".repeat(1_025);
    let refused = [
        (EMAIL, "wrong"),
        (EMAIL, &long),
        ("nobody@example.com", PASSWORD),
        ("no address", PASSWORD),
        ("unusable@example.com", "!"),
        ("disabled@example.com", PASSWORD),
    ];
    for (email, password) in refused {
        for hash in [Duration::ZERO, MILLISECOND * 23, MILLISECOND * 327, FLOOR] {
            let before = world.hasher.calls();
            let (outcome, time) = run(&lab, hash, world.auth.login(login(email, password)));
            assert!(
                matches!(outcome.as_ref().map_err(Error::kind), Err(AuthError::Login(_))),
                "{email}: {outcome:?}"
            );
            assert_eq!((time, world.hasher.calls() - before), (FLOOR, 1), "{email} with a hash of {hash:?}");
        }
    }
    assert!(exceeded(world).is_empty());
}

#[tokio::test]
async fn a_granted_login_is_not_delayed() {
    let lab = world().await;
    let (outcome, time) = run(&lab, MILLISECOND * 23, lab.0.auth.login(login(EMAIL, PASSWORD)));
    assert_eq!((outcome.is_ok(), time), (true, MILLISECOND * 23));
}

#[tokio::test]
async fn registering_a_new_and_a_taken_address_are_answered_at_the_floor() {
    let lab = world().await;
    for email in ["new@example.com", EMAIL] {
        let before = lab.0.hasher.calls();
        let registration = Registration::new(email, Password::new(PASSWORD)).unwrap();
        let (outcome, time) = run(&lab, MILLISECOND * 23, lab.0.auth.register(registration));
        assert!(outcome.is_ok());
        assert_eq!((time, lab.0.hasher.calls() - before), (FLOOR, 1), "{email}");
    }
}

#[tokio::test]
async fn a_wrong_current_password_is_answered_at_the_floor_and_a_right_one_at_once() {
    let lab = world().await;
    let (world, _) = &lab;
    let me = authenticate(world, &world.login(EMAIL).await.access_token).await;
    let change =
        |current: &str| PasswordChange::new(Password::new(current), Password::new(NEW_PASSWORD)).unwrap();
    let (outcome, time) = run(&lab, MILLISECOND * 23, world.auth.change_password(&me, change("wrong")));
    assert!(
        matches!(outcome.as_ref().map_err(Error::kind), Err(AuthError::IncorrectPassword { .. })),
        "{outcome:?}"
    );
    assert_eq!(time, FLOOR);
    let (outcome, time) = run(&lab, MILLISECOND * 23, world.auth.change_password(&me, change(PASSWORD)));
    assert_eq!((outcome.is_ok(), time), (true, MILLISECOND * 23));
}

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

/// The floor is a minimum. It is not added to a call that was slow, such as one on a hung store.
#[tokio::test]
async fn a_refusal_that_took_longer_is_answered_at_once_and_reported_once_a_minute() {
    let lab = world().await;
    let (world, timer) = &lab;
    let slow = MILLISECOND * 500;
    let refuse = || run(&lab, slow, world.auth.login(login(EMAIL, "wrong"))).1;
    assert_eq!(refuse(), slow);
    assert_eq!(exceeded(world), ["RefusalFloorExceeded { floor: 400ms, elapsed: 500ms, count: 1 }"]);
    assert_eq!((refuse(), refuse()), (slow, slow));
    assert!(exceeded(world).is_empty(), "within a minute");
    timer.advance(Duration::from_secs(60));
    refuse();
    assert_eq!(exceeded(world), ["RefusalFloorExceeded { floor: 400ms, elapsed: 500ms, count: 3 }"]);
}

#[tokio::test]
async fn failures_of_the_server_are_answered_at_once() {
    let (store, outage) = FailingStore::new(MemoryStore::new());
    let lab = world_on(store).await;
    outage.fail_users();
    let (outcome, time) = run(&lab, Duration::ZERO, lab.0.auth.login(login(EMAIL, "wrong")));
    assert!(matches!(outcome.as_ref().map_err(Error::kind), Err(AuthError::Store(_))), "{outcome:?}");
    assert_eq!(time, Duration::ZERO);
}

/// Each refusal that is held back keeps a connection, so their number is bounded.
#[tokio::test]
async fn beyond_the_bound_a_login_is_unavailable_before_any_work() {
    // Without an address, so that the share of a network is off.
    let (world, timer) = world().await;
    // Unconstrained: the runtime of the test would make some of so many calls wait.
    let refused = || Box::pin(unconstrained(world.auth.login(login("nobody@example.com", PASSWORD))));
    let mut held: Vec<_> = (0..MAX_HELD_REFUSALS).map(|_| refused()).collect();
    assert!(held.iter_mut().all(|call| poll(call.as_mut()).is_pending()));
    let (calls, error) = (world.hasher.calls(), world.auth.login(login(EMAIL, PASSWORD)).await.unwrap_err());
    assert!(matches!(error.kind(), AuthError::TooManyRefusals { .. }), "{error:?}");
    assert_eq!((error.reply().status, world.hasher.calls()), (503, calls));

    held.pop();
    assert_eq!(timer.sleeps().len(), MAX_HELD_REFUSALS - 1, "a dropped call waits for nothing");
    assert!(world.auth.login(login(EMAIL, PASSWORD)).await.is_ok());
    timer.advance(FLOOR);
    assert!(held.iter_mut().all(|call| poll(call.as_mut()).is_ready()));
}

/// Otherwise one client could keep out all others.
#[tokio::test]
async fn one_network_has_a_quarter_of_the_refusals_that_are_held_back() {
    let (world, timer) = world().await;
    let client = |address: &str| ClientInfo::new(Some(address.parse().unwrap()), None);
    let from = |address: &str, email| login(email, "wrong").with_client(client(address));
    let call = |login| Box::pin(unconstrained(world.auth.login(login)));
    let refused = |number: usize| call(from(&format!("2001:db8::{number:x}"), "nobody@example.com"));
    let mut held: Vec<_> = (0..MAX_HELD_REFUSALS / 4).map(refused).collect();
    assert!(held.iter_mut().all(|call| poll(call.as_mut()).is_pending()));

    let calls = world.hasher.calls();
    let error = call(from("2001:db8::ffff", EMAIL)).await.unwrap_err();
    assert!(matches!(error.kind(), AuthError::TooManyRefusals { .. }), "{error:?}");
    assert_eq!(world.hasher.calls(), calls, "before any work");
    let registration = Registration::new("new@example.com", Password::new(PASSWORD)).unwrap();
    let error = world.auth.register(registration.with_client(client("2001:db8::1"))).await.unwrap_err();
    assert!(matches!(error.kind(), AuthError::TooManyRefusals { .. }), "{error:?}");

    let mut others = [call(from("2001:db8:0:1::1", EMAIL)), call(login(EMAIL, "wrong"))];
    assert!(others.iter_mut().all(|call| poll(call.as_mut()).is_pending()), "other networks have places");
    held.pop();
    assert!(poll(refused(1).as_mut()).is_pending(), "a dropped call gives its place back");
    timer.advance(FLOOR);
    assert!(held.iter_mut().chain(&mut others).all(|call| poll(call.as_mut()).is_ready()));
    assert!(world.auth.login(login(EMAIL, PASSWORD).with_client(client("2001:db8::1"))).await.is_ok());
}

#[tokio::test]
async fn an_overload_is_reported_once_a_minute_with_a_count() {
    let (world, timer) = world().await;
    let overload = async |requests| {
        for _ in 0..requests {
            world.hasher.be_busy(1);
            let error = world.auth.login(login(EMAIL, PASSWORD)).await.unwrap_err();
            assert_eq!(error.reply().status, 503);
        }
        world.events.take()
    };
    assert_eq!(overload(3).await, ["Overloaded { error: Hasher(Busy), count: 1 }"]);
    timer.advance(Duration::from_secs(60));
    assert_eq!(overload(2).await, ["Overloaded { error: Hasher(Busy), count: 3 }"]);
}

/// The event would be an error in the log for each login, as long as the service is overloaded.
#[tokio::test]
async fn a_hash_that_is_not_upgraded_because_of_an_overload_is_reported_once_a_minute() {
    let (world, _) = world().await;
    world.add_with_hash("grace@example.com", TestHasher::stored_weakly(PASSWORD)).await;
    let logins = async |count| {
        for _ in 0..count {
            world.hasher.pause();
            let mut login = pin!(world.auth.login(login("grace@example.com", PASSWORD)));
            assert!(poll(login.as_mut()).is_pending(), "the password is verified");
            world.hasher.be_busy(1);
            world.hasher.resume();
            login.await.unwrap();
        }
        let mut events = world.events.take();
        events.retain(|event| !event.starts_with("LoggedIn"));
        events
    };
    assert_eq!(logins(3).await, ["Overloaded { error: Hasher(Busy), count: 1 }"]);
    let stored = world.auth.accounts().unwrap().page(None, 10).await.unwrap();
    assert!(stored.iter().any(|account| account.password_hash.expose().starts_with("weak:")));
}

struct Form;

impl Headers for Form {
    fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        if name == "content-type" {
            see(b"application/x-www-form-urlencoded");
        }
    }
}

/// A body as an adapter collects it. Dropping the last handle sets the flag.
struct Body(&'static [u8], std::sync::Arc<std::sync::atomic::AtomicBool>);

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        self.0
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.1.store(true, std::sync::atomic::Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_refusal_that_is_held_back_does_not_keep_the_body() {
    let (world, timer) = world().await;
    let freed = std::sync::Arc::default();
    let body =
        Bytes::from_owner(Body(b"username=ada@example.com&password=wrong", std::sync::Arc::clone(&freed)));
    let mut answer = pin!(world.auth.handle(Endpoint::Login, &RequestView::new("POST", &Form), Ok(body)));
    assert!(poll(answer.as_mut()).is_pending());
    assert!(freed.load(std::sync::atomic::Ordering::SeqCst));
    timer.advance(FLOOR);
    let Poll::Ready(reply) = poll(answer.as_mut()) else { panic!("the floor has passed") };
    assert_eq!(reply.status, 401);
}
