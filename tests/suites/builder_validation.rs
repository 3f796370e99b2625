//! `AuthBuilder::build` refuses missing and invalid settings and names the setting.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gatewright::auth::{AuthBuilder, DEFAULT_HASH_WAIT, MAX_THROTTLED_HASH_WAIT};
use gatewright::endpoints::Endpoint;
use gatewright::revocation::{FeedKey, MAX_FEED_KEYS};
use gatewright::throttle::IN_FLIGHT_TIMEOUT;
use gatewright::token::{
    Claims, IssueError, TokenError, TokenIssuer, TokenKind, TokenVerifier, VerifiedClaims,
};
use gatewright::types::{SystemRandom, Timer, Timestamp, TokenText};
use gatewright::{Account, Auth, HashingPool, Jwt, MemoryStore, RoleName};
use gatewright_testkit::{ManualFeed, TestHasher};
use gatewright_tests::{Log, jwt};

fn setting(change: impl FnOnce(AuthBuilder<Account>) -> AuthBuilder<Account>) -> &'static str {
    change(Auth::local(MemoryStore::new(), jwt(), TestHasher::new())).build().unwrap_err().setting
}

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn invalid_settings_are_refused_by_name() {
    assert_eq!(setting(|b| b.with_access_lifetime(Duration::ZERO)), "access_lifetime");
    assert_eq!(setting(|b| b.with_access_lifetime(Duration::from_millis(1_500))), "access_lifetime");
    assert_eq!(
        setting(|b| b.with_access_lifetime(24 * 60 * MINUTE + Duration::from_secs(1))),
        "access_lifetime"
    );
    assert_eq!(setting(|b| b.with_refresh_lifetime(14 * MINUTE)), "refresh_lifetime");
    assert_eq!(setting(|b| b.with_refresh_lifetime(401 * 24 * 60 * MINUTE)), "refresh_lifetime");
    assert_eq!(setting(|b| b.with_session_lifetime(14 * MINUTE)), "session_lifetime");
    assert_eq!(setting(|b| b.with_refresh_grace(Duration::from_secs(61))), "refresh_grace");
    assert_eq!(setting(|b| b.with_refusal_floor(Duration::from_millis(2_001))), "refusal_floor");
    assert_eq!(setting(|b| b.with_hash_wait(Duration::ZERO)), "hash_wait");
    assert_eq!(setting(|b| b.with_hash_wait(Duration::from_secs(61)).without_throttle()), "hash_wait");
    let scopes = |c: &str| gatewright::Scopes::parse(&c.repeat(600)).unwrap();
    let role = RoleName::from_static;
    let many = gatewright::RoleScopes::new().with(role("a"), scopes("a")).with(role("b"), scopes("b"));
    assert_eq!(setting(|b| b.with_role_scopes(many)), "role_scopes");
    assert_eq!(setting(|b| b.with_realm("a\"b")), "realm");
}

/// A login whose password has two forms waits twice. It must end before the throttle forgets it.
#[test]
fn a_hash_wait_that_outlasts_the_throttle_is_refused() {
    let with_wait = |seconds: u64| {
        let builder = Auth::local(MemoryStore::new(), jwt(), TestHasher::new());
        builder.with_hash_wait(Duration::from_secs(seconds))
    };
    assert!(2 * MAX_THROTTLED_HASH_WAIT < IN_FLIGHT_TIMEOUT && DEFAULT_HASH_WAIT <= MAX_THROTTLED_HASH_WAIT);
    assert!(with_wait(12).build().is_ok());
    let error = with_wait(13).build().unwrap_err();
    assert_eq!(error.setting, "hash_wait");
    let text = error.to_string();
    assert!(
        text.contains("12 seconds with a throttle, is 13s") && text.contains("without_throttle"),
        "{text}"
    );
    assert!(with_wait(60).without_throttle().build().is_ok());
}

/// A timer for which the system has no thread.
struct NoThreads;

impl Timer for NoThreads {
    fn start(&self) -> io::Result<()> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(std::future::pending())
    }
}

/// Otherwise refusals would be answered late, or never.
#[test]
fn a_timer_that_cannot_be_started_is_refused_if_refusals_need_it() {
    assert_eq!(setting(|b| b.with_timer(NoThreads)), "timer");
    let builder = Auth::local(MemoryStore::new(), jwt(), TestHasher::new()).with_timer(NoThreads);
    assert!(builder.with_refusal_floor(Duration::ZERO).build().is_ok());
}

#[test]
fn missing_settings_are_refused_by_name() {
    let setting =
        |secret: &str| Jwt::hs256(secret).issuer("iss").audience("aud").build().unwrap_err().setting;
    assert_eq!(setting(""), "secret");
    assert_eq!(setting("your-secret-key"), "secret");
    let builder = || Jwt::hs256(gatewright_tests::secret());
    assert_eq!(builder().audience("aud").build().unwrap_err().setting, "issuer");
    assert_eq!(builder().issuer("").audience("aud").build().unwrap_err().setting, "issuer");
    assert_eq!(builder().issuer("iss").build().unwrap_err().setting, "audience");
    assert_eq!(builder().issuer("iss").audience("").build().unwrap_err().setting, "audience");
    assert_eq!(HashingPool::builder().with_workers(0).build().unwrap_err().setting, "workers");
}

gatewright::roles! { enum Role: role { User = "user", Admin = "admin" } }

#[test]
fn roles_that_the_application_does_not_have_are_refused_by_name() {
    let unknown = || RoleName::from_static("root");
    assert_eq!(setting(|b| b.with_roles::<Role>().with_registration_role(unknown())), "registration_role");
    assert_eq!(setting(|b| b.with_protected_role(unknown()).with_roles::<Role>()), "protected_role");
    let scopes = |role: RoleName| gatewright::RoleScopes::new().with(role, gatewright::Scopes::default());
    assert_eq!(setting(|b| b.with_roles::<Role>().with_role_scopes(scopes(unknown()))), "role_scopes");
    let local = || Auth::local(MemoryStore::new(), jwt(), TestHasher::new());
    let known = local().with_roles::<Role>().with_role_scopes(scopes(Role::User.into()));
    assert!(known.with_registration_role(Role::User).with_protected_role(Role::Admin).build().is_ok());
    assert!(local().with_registration_role(unknown()).build().is_ok(), "without `with_roles`");
}

/// An application without scopes has no entries, and no warning.
#[test]
fn a_role_without_scopes_is_a_warning_at_the_start() {
    let warnings = |scopes: gatewright::RoleScopes| {
        let log = Log::default();
        let _listening = log.listen();
        let builder = Auth::local(MemoryStore::new(), jwt(), TestHasher::new()).with_roles::<Role>();
        builder.with_role_scopes(scopes).build().unwrap();
        let text = log.text();
        text.lines().filter(|line| line.contains("users with this role get no scopes")).count()
    };
    let user = || gatewright::RoleScopes::new().with(Role::User, gatewright::Scopes::parse("read").unwrap());
    let both = user().with(Role::Admin, gatewright::Scopes::default());
    assert_eq!([warnings(user()), warnings(both), warnings(gatewright::RoleScopes::new())], [1, 0, 0]);
}

/// An issuer that signs in a key management service, which does not give its key away.
struct Remote(Jwt);

#[async_trait]
impl TokenIssuer for Remote {
    async fn issue(&self, kind: TokenKind, claims: &Claims) -> Result<TokenText, IssueError> {
        self.0.issue(kind, claims).await
    }

    fn public_keys(&self) -> Arc<str> {
        self.0.public_keys()
    }
}

impl TokenVerifier for Remote {
    fn verify(
        &self,
        kind: TokenKind,
        token: &str,
        now: Timestamp,
    ) -> Result<Arc<VerifiedClaims>, TokenError> {
        self.0.verify(kind, token, now)
    }
}

fn with_remote_issuer() -> AuthBuilder<Account> {
    Auth::local(MemoryStore::new(), Remote(jwt()), TestHasher::new())
}

fn feed_key() -> FeedKey {
    FeedKey::generate(&SystemRandom).unwrap()
}

#[test]
fn a_feed_between_nodes_needs_a_key() {
    let builder = || with_remote_issuer().with_revocation_feed(ManualFeed::new()).without_throttle();
    let error = builder().build().unwrap_err();
    assert_eq!(error.setting, "feed_key");
    assert!(error.to_string().contains("`with_feed_key`"), "{error}");
    let previous = builder().with_previous_feed_keys([feed_key()]).build();
    assert_eq!(previous.unwrap_err().setting, "feed_key", "a previous key does not sign");
    assert!(builder().with_feed_key(feed_key()).build().is_ok());
    assert!(builder().dangerous().with_unauthenticated_feed().build().is_ok());
    assert!(with_remote_issuer().build().is_ok(), "without a feed between nodes");
    let derived = Auth::local(MemoryStore::new(), jwt(), TestHasher::new());
    let derived = derived.with_revocation_feed(ManualFeed::new()).without_throttle();
    assert!(derived.build().is_ok(), "derived from the secret");
}

/// Each node would have every budget.
#[test]
fn a_throttle_in_memory_beside_a_feed_between_nodes_is_refused() {
    let local =
        || Auth::local(MemoryStore::new(), jwt(), TestHasher::new()).with_revocation_feed(ManualFeed::new());
    let bare = || {
        let users = MemoryStore::new();
        Auth::builder(users.clone(), users, jwt(), TestHasher::new()).with_revocation_feed(ManualFeed::new())
    };
    for builder in [local(), bare()] {
        let error = builder.build().unwrap_err();
        assert_eq!(error.setting, "throttle");
        assert!(error.to_string().contains("`with_throttle`"), "{error}");
    }
    for builder in [local(), bare()] {
        assert!(builder.dangerous().with_memory_throttle().build().is_ok());
    }
    assert!(local().without_throttle().build().is_ok());
}

#[test]
fn numbers_of_the_throttle_out_of_bounds_are_refused_by_name() {
    let mut settings = gatewright::throttle::ThrottleSettings::default();
    settings.lock_after = 101;
    let builder = Auth::local(MemoryStore::new(), jwt(), TestHasher::new()).with_throttle_settings(settings);
    let error = builder.build().unwrap_err();
    assert_eq!(error.to_string(), "throttle_settings: lock_after must be 1 to 100, is 101");
}

#[test]
fn invalid_feed_keys_are_refused_by_name() {
    let weak = || FeedKey::from_bytes([7; 32]);
    assert_eq!(setting(|b| b.with_feed_key(weak())), "feed_key");
    assert_eq!(setting(|b| b.with_previous_feed_keys([feed_key(), weak()])), "previous_feed_keys");
    let many = |count: usize| std::iter::repeat_with(feed_key).take(count);
    assert_eq!(setting(|b| b.with_previous_feed_keys(many(MAX_FEED_KEYS))), "previous_feed_keys");
    let most = Auth::local(MemoryStore::new(), jwt(), TestHasher::new()).with_feed_key(feed_key());
    assert!(most.with_previous_feed_keys(many(MAX_FEED_KEYS - 1)).build().is_ok());
    let unused =
        |b: AuthBuilder<Account>| b.dangerous().with_unauthenticated_feed().with_feed_key(feed_key());
    assert_eq!(setting(unused), "feed_key");
}

#[tokio::test]
async fn a_call_without_its_setting_is_500_and_the_event_names_the_setting() {
    let events = gatewright_testkit::EventRecorder::new();
    let auth = Auth::builder(MemoryStore::new(), MemoryStore::new(), jwt(), TestHasher::new())
        .with_events(events.clone())
        .build()
        .unwrap();
    let registration =
        gatewright::Registration::new("a@b", gatewright::Password::new("correct horse battery")).unwrap();
    let error = auth.register(registration).await.unwrap_err();
    assert_eq!(error.reply().status, 500);
    assert!(events.take().iter().any(|event| event.contains("call with_registration_role")));
}

#[test]
fn only_configured_endpoints_are_offered() {
    let offered = |auth: &Auth| auth.endpoints().map(Endpoint::path).collect::<Vec<_>>();
    let local = || Auth::local(MemoryStore::new(), jwt(), TestHasher::new());
    let open = local().with_registration_role(RoleName::new("user").unwrap()).build().unwrap();
    assert_eq!(offered(&open).len(), Endpoint::ALL.len() - 1);
    let keys = gatewright::ApiKeys::parse("k9J2mQ7xVb4TzW8L").unwrap();
    let role = RoleName::new("user").unwrap();
    let keyed = local().with_registration_role(role).with_api_keys(keys).build().unwrap();
    assert_eq!(keyed.endpoints().collect::<Vec<_>>(), Endpoint::ALL);
    assert_eq!(
        offered(&local().build().unwrap()),
        [
            "/login",
            "/refresh",
            "/logout",
            "/logout-all",
            "/password",
            "/sessions",
            "/sessions/{id}",
            "/revoke"
        ]
    );
    let store = MemoryStore::new();
    let bare = Auth::builder(store.clone(), store, jwt(), TestHasher::new());
    assert_eq!(
        offered(&bare.build().unwrap()),
        ["/login", "/refresh", "/logout", "/logout-all", "/sessions", "/sessions/{id}", "/revoke"]
    );
}

#[test]
fn errors_name_the_setting_the_rule_and_the_value() {
    let local = || Auth::local(MemoryStore::new(), jwt(), TestHasher::new());
    let day = local().with_access_lifetime(25 * 60 * MINUTE).build().unwrap_err();
    assert_eq!(day.to_string(), "access_lifetime: must be at most 24 hours, is 90000s");
    let cache = local().with_cache_capacity(0).build().unwrap_err();
    assert_eq!((cache.setting, cache.found()), ("cache_capacity", Some("0")));
    assert!(cache.to_string().starts_with("cache_capacity: must be 1 to 10000000, is 0; to disable"));
    let tokens = Jwt::hs256(gatewright_tests::secret()).issuer("https://issuer.example").audience("api");
    let leeway = tokens.with_leeway(2 * MINUTE).build().unwrap_err();
    assert_eq!(leeway.to_string(), "leeway: must be at most 60 seconds, is 120s");
    let queue = HashingPool::builder().with_queue(0).build().unwrap_err();
    assert_eq!(queue.to_string(), "queue: must be 1 to 4096, is 0");
    let short = Jwt::hs256("a short secret").issuer("https://issuer.example").audience("api");
    let short = short.build().unwrap_err();
    assert_eq!((short.setting, short.found()), ("secret", None), "a secret is never shown");
}
