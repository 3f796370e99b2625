//! Scenarios of the throttle.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gatewright::http::{Headers, RequestView, TrustedProxies};
use gatewright::throttle::{
    ClientOrigin, DEFAULT_MEMORY_KEYS, MemoryThrottle, NETWORK_FAILURES, SHARED_BUCKETS, Throttle,
    ThrottleDigests, ThrottleReach, ThrottleSettings, ThrottleStep,
};
use gatewright::types::{ClientInfo, DerivedKey, Timestamp};
use gatewright::{Login, Password, UserId};
use gatewright_testkit::refresh::Storage;
use gatewright_tests::PASSWORD;
use tokio::task::JoinSet;

use super::service::{EMAIL, Service, WRONG, refusal, status};

/// A limit of 5 and 100 wrong logins at the same time, each from a network of its own.
pub(super) async fn throttle_atomic<S: Storage>(storage: S)
where
    S::Sessions: Throttle,
{
    let service = Service::with(&storage, |limits| limits.account_failures = 5).await;
    // Each login ends or is at its hash before one has an outcome. So a limit that is checked first and counted later
    // would admit all of them.
    service.hasher.pause();
    let ended = Arc::new(AtomicUsize::new(0));
    let mut logins = JoinSet::new();
    for network in 0..100 {
        let (auth, client) = (service.auth.clone(), ClientInfo::new(Some([192, 0, 2, network].into()), None));
        let login = Login::new(EMAIL, Password::new(WRONG)).with_client(client);
        let ended = Arc::clone(&ended);
        logins.spawn(async move {
            let status = status(auth.login(login).await);
            ended.fetch_add(1, Ordering::SeqCst);
            status
        });
    }
    while ended.load(Ordering::SeqCst) + service.hasher.paused() < 100 {
        tokio::task::yield_now().await;
    }
    service.hasher.resume();
    let statuses = logins.join_all().await;
    let count = |status: u16| statuses.iter().filter(|own| **own == status).count();
    assert_eq!((count(401), count(429), service.hasher.calls()), (5, 95, 5));
    // The counter is exact: the next failure is the sixth, and doubles the wait.
    service.clock.advance(Duration::from_secs(30));
    assert_eq!(service.status(EMAIL, WRONG, 200).await, 401);
    let limited = refusal(service.login(EMAIL, WRONG, 201).await);
    assert!(limited.headers.contains(&("retry-after", "60".to_owned())), "{limited:?}");
}

pub(super) async fn throttle_reset<S: Storage>(storage: S)
where
    S::Sessions: Throttle,
{
    let service = Service::with(&storage, |limits| limits.account_failures = 5).await;
    let passwords = [WRONG, WRONG, WRONG, WRONG, PASSWORD, WRONG, WRONG, WRONG, WRONG, PASSWORD];
    let mut statuses = Vec::new();
    for password in passwords {
        statuses.push(service.status(EMAIL, password, 1).await);
    }
    assert_eq!(statuses, [401, 401, 401, 401, 200, 401, 401, 401, 401, 200]);
}

pub(super) async fn throttle_spraying<S: Storage>(storage: S)
where
    S::Sessions: Throttle,
{
    let service = Service::fresh(&storage).await;
    let mut hashed = 0;
    for number in 0..1_000 {
        match service.status(&format!("user{number}@example.com"), WRONG, 1).await {
            401 => hashed += 1,
            429 => {}
            other => panic!("{other}"),
        }
    }
    assert_eq!((hashed, service.hasher.calls()), (20, 20));
    assert_eq!(service.status(EMAIL, PASSWORD, 2).await, 200, "another network is not limited");
    // Without the rule for many accounts, the limit of the network holds.
    let mut limits = ThrottleSettings::default();
    limits.stuffing_accounts = 200;
    let other = Service::open(&storage, |builder| builder.with_throttle_settings(limits)).await;
    let mut statuses = Vec::new();
    for number in 0..100 {
        statuses.push(other.status(&format!("other{number}@example.com"), WRONG, 3).await);
    }
    assert_eq!((statuses.iter().filter(|own| **own == 401).count(), other.hasher.calls()), (30, 30));
}

/// The header of a proxy.
struct Forwarded(&'static str);

impl Headers for Forwarded {
    fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        if name == "x-forwarded-for" {
            see(self.0.as_bytes());
        }
    }
}

/// A service behind the proxy 10.0.0.1.
async fn behind_a_proxy<S: Storage>(storage: &S) -> Service<S>
where
    S::Sessions: Throttle,
{
    let proxies = TrustedProxies::parse("10.0.0.1").unwrap();
    Service::configured(storage, |builder| builder.with_trusted_proxies(proxies)).await
}

fn proxied<S: Storage>(service: &Service<S>, header: &'static str) -> ClientInfo {
    let headers = Forwarded(header);
    service.auth.client(&RequestView::new("POST", &headers).with_peer(Some([10, 0, 0, 1].into())))
}

/// Uses the failures of a client's network up, over accounts enough that none of them waits.
async fn use_up<S: Storage>(service: &Service<S>, client: &ClientInfo)
where
    S::Sessions: Throttle,
{
    for number in 0..NETWORK_FAILURES {
        let email = format!("user{}@example.com", number % 18);
        assert_eq!(status(service.login_from(&email, WRONG, client.clone()).await), 401, "attempt {number}");
    }
}

/// The right-most address that is no trusted proxy counts. The client sent the others itself.
pub(super) async fn throttle_xff_chain<S: Storage>(storage: S)
where
    S::Sessions: Throttle,
{
    let service = behind_a_proxy(&storage).await;
    let client = proxied(&service, "1.1.1.1, 9.9.9.9");
    assert_eq!(client.address, Some([9, 9, 9, 9].into()));
    use_up(&service, &client).await;
    let from = |header| status_of(&service, proxied(&service, header));
    assert_eq!(from("8.8.8.8, 9.9.9.9").await, 429, "a spoofed address is no way around");
    assert_eq!(from("9.9.9.9").await, 429);
    assert_eq!(from("9.9.9.9, 1.1.1.1").await, 401);
}

async fn status_of<S: Storage>(service: &Service<S>, client: ClientInfo) -> u16
where
    S::Sessions: Throttle,
{
    status(service.login_from("nobody@example.com", WRONG, client).await)
}

/// A header that names no address leaves the peer, without a panic.
pub(super) async fn throttle_xff_garbage<S: Storage>(storage: S)
where
    S::Sessions: Throttle,
{
    let service = behind_a_proxy(&storage).await;
    let garbage =
        [", [::1]:80, \"x\"", "", ",", ",,,", "[", "[::1", "\u{0}", "999.1.1.1", "unknown", "9.9.9.9, \"x\""];
    for header in garbage {
        let client = proxied(&service, header);
        assert_eq!(client.address, Some([10, 0, 0, 1].into()), "{header:?}");
        assert_eq!(status_of(&service, client).await, 401, "{header:?}");
    }
    assert_eq!(garbage.len(), 10);
    assert_eq!(status_of(&service, proxied(&service, ", [::1]:80, \"x\"")).await, 429, "all of them count");
}

pub(super) async fn throttle_mapped_v4<S: Storage>(storage: S)
where
    S::Sessions: Throttle,
{
    let service = Service::fresh(&storage).await;
    let of = |address: &str| ClientInfo::new(Some(address.parse().unwrap()), None);
    use_up(&service, &of("::ffff:1.2.3.4")).await;
    assert_eq!(status_of(&service, of("1.2.3.4")).await, 429);
    assert_eq!(status_of(&service, of("::ffff:1.2.3.5")).await, 401);
}

/// The answer says how long to wait, in whole seconds.
pub(super) async fn throttle_429<S: Storage>(storage: S)
where
    S::Sessions: Throttle,
{
    let service = Service::fresh(&storage).await;
    for _ in 0..10 {
        assert_eq!(service.status(EMAIL, WRONG, 1).await, 401);
    }
    for (passed, rest) in [(0, 30), (29_001, 1), (998, 1)] {
        service.clock.advance(Duration::from_millis(passed));
        let limited = refusal(service.login(EMAIL, PASSWORD, 1).await);
        assert_eq!((limited.status, service.hasher.calls()), (429, 10));
        assert!(limited.headers.contains(&("retry-after", rest.to_string())), "{limited:?}");
    }
    service.clock.advance(Duration::from_millis(1));
    assert_eq!(service.status(EMAIL, PASSWORD, 1).await, 200);
}

const START: Timestamp = Timestamp::from_seconds(1_700_000_000);
/// The names that are tried: four times as many as fill the throttle. Each has a state for the account, the pair and the
/// name. The scenario's million would take a minute, and change no more states than these.
const NAMES: u32 = 200_000;

/// Many names, after an account was locked.
pub(super) async fn throttle_memory<S: Storage>(_storage: S) {
    let throttle = MemoryThrottle::new();
    let digests = ThrottleDigests::new(&DerivedKey::new([7; 32]));
    let settings = Arc::new(ThrottleSettings::default());
    let user = UserId::from(1);
    let victim = digests.login("ada", Some(&user), ClientOrigin::Unknown);
    let run = async |step: ThrottleStep| throttle.run_step(&step).await.unwrap();
    let mut now = START;
    for id in 0..u64::from(settings.lock_after) {
        let _ = run(ThrottleStep::acquire(&victim, id, &settings, now)).await;
        let _ = run(ThrottleStep::fail(&victim, id, &settings, now)).await;
        now = now.saturating_add(settings.longest_wait);
    }
    for number in 0..NAMES {
        let attempt = digests.login(&number.to_string(), None, ClientOrigin::Unknown);
        let _ = run(ThrottleStep::acquire(&attempt, 1, &settings, now)).await;
    }
    let buckets = 3 * usize::try_from(SHARED_BUCKETS).unwrap();
    let (held, most) = (throttle.len(), DEFAULT_MEMORY_KEYS + 1 + buckets);
    assert!((DEFAULT_MEMORY_KEYS..=most).contains(&held), "{held} states");
    let owner = ThrottleDigests::owner(&user);
    let look =
        run(ThrottleStep::look(&owner, &settings, now.saturating_add(Duration::from_secs(86_400 * 365))));
    assert!(look.await.is_locked, "the lock is not forgotten");
}

/// Why the scenario above does not apply: the states are rows or keys that other processes share.
pub(super) async fn keeps_no_table_in_memory<S: Storage>(storage: S)
where
    S::Sessions: Throttle,
{
    let (_, sessions) = storage.open().await;
    assert_eq!(sessions.throttle_reach(), ThrottleReach::Shared);
}
