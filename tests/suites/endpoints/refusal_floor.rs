//! The refusal floor: a refusal that could show whether an account exists is answered at the same time
//! after its arrival, independent of the time of the verification. The timer of these tests is moved by hand.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use gatewright::auth::{DEFAULT_REFUSAL_FLOOR, MAX_HELD_REFUSALS};
use gatewright::endpoints::{Endpoint, PasswordChange};
use gatewright::http::{Bytes, Headers, RequestView};
use gatewright::types::{ClientInfo, Timer};
use gatewright::{AuthError, Error, Login, MemoryStore, Password, PasswordHash, Registration};
use gatewright_testkit::store::Store;
use gatewright_testkit::{FailingStore, ManualTimer, TestHasher};
use gatewright_tests::{PASSWORD, World};
use tokio::task::unconstrained;

use super::{EMAIL, NEW_PASSWORD, authenticate};

pub(super) const FLOOR: Duration = DEFAULT_REFUSAL_FLOOR;
pub(super) const MILLISECOND: Duration = Duration::from_millis(1);

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
pub(super) fn finish<T>(timer: &ManualTimer, mut call: std::pin::Pin<&mut impl Future<Output = T>>) -> T {
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

pub(super) fn login(email: &str, password: &str) -> Login {
    Login::new(email, Password::new(password))
}

pub(super) fn exceeded<S: Store>(world: &World<S>) -> Vec<String> {
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
