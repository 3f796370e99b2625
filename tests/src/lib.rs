//! Helpers for tests that need more than one crate, and the HTTP suites of the examples.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::missing_panics_doc,
    reason = "a test fails by panicking"
)]

/// The examples of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

mod log;
pub mod database;
pub mod floods;
pub mod http;
pub mod patience;
pub mod storages;

use std::path::PathBuf;
use std::time::Duration;

use example_service::testing::new_directory;
use gatewright::auth::AuthBuilder;
use gatewright::endpoints::Refresh;
use gatewright::revocation::{FeedMessage, Revocation};
use gatewright::store::{AccountStore, CreateOutcome, NewAccount};
use gatewright::types::{Epoch, SystemRandom, TokenText};
use gatewright::{
    Account, Auth, Email, Jwt, Login, MemoryStore, Password, PasswordHash, RoleName, RoleScopes, Scopes,
    SqliteStore, TokenPair, UserId,
};
use gatewright_testkit::feed::sealed_by;
use gatewright_testkit::store::Store;
use gatewright_testkit::{EventRecorder, FixedClock, TestHasher};

pub use example_service::testing::secret;
pub use log::{Line, Listening, Log};

/// The password of every user whom [`World::add`] adds.
pub const PASSWORD: &str = "correct horse battery staple";

/// Two handles on one new, empty store in memory.
pub async fn memory() -> [MemoryStore; 2] {
    let store = MemoryStore::new();
    [store.clone(), store]
}

/// Two handles on one new, empty SQLite file, each with its own connections.
pub async fn sqlite() -> [SqliteStore; 2] {
    database::handles().await
}

/// A path in a new directory below `target`.
#[must_use]
pub fn new_file(name: &str) -> PathBuf {
    new_directory(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tests")).join(name)
}

/// The issuer and verifier of every test.
#[must_use]
pub fn jwt() -> Jwt {
    Jwt::hs256(secret()).issuer("https://issuer.example").audience("api").build().unwrap()
}

/// The message of another node: every [`World`] accepts it.
#[must_use]
pub fn from_another_node(revocation: &Revocation) -> FeedMessage {
    sealed_by(&jwt(), revocation)
}

/// An `Auth` on a store, with a fixed clock, a hasher that counts its calls and a sink that records
/// events.
#[derive(Debug, Clone)]
pub struct World<S> {
    /// The `Auth`.
    pub auth: Auth,
    /// Its store.
    pub store: S,
    /// Its clock.
    pub clock: FixedClock,
    /// Its hasher.
    pub hasher: TestHasher,
    /// The events that it emitted.
    pub events: EventRecorder,
}

impl<S: Store> World<S> {
    /// Without a grace window for refresh tokens, and without a throttle. The role `user` has the scopes `read` and
    /// `write`.
    #[must_use]
    pub fn new(store: S) -> Self {
        Self::with(store, |builder| builder.with_refresh_grace(Duration::ZERO))
    }

    /// As [`World::new`], with the settings that `settings` adds instead of its grace window.
    #[must_use]
    pub fn with(store: S, settings: impl FnOnce(AuthBuilder<Account>) -> AuthBuilder<Account>) -> Self {
        log::install();
        let (clock, hasher, events) = (FixedClock::default(), TestHasher::new(), EventRecorder::new());
        let scopes =
            RoleScopes::new().with(RoleName::from_static("user"), Scopes::parse("read write").unwrap());
        let builder = Auth::builder(store.clone(), store.clone(), jwt(), hasher.clone())
            .with_accounts(store.clone())
            .without_throttle()
            .with_clock(clock.clone())
            .with_refusal_floor(Duration::ZERO)
            .with_events(events.clone())
            .with_role_scopes(scopes)
            .with_registration_role(RoleName::new("user").unwrap())
            .with_protected_role(RoleName::new("admin").unwrap());
        let auth = settings(builder).build().unwrap();
        Self { auth, store, clock, hasher, events }
    }

    /// A second node on the same store, with the same clock.
    #[must_use]
    pub fn node(&self, store: S) -> Self {
        self.node_with(store, |builder| builder.with_refresh_grace(Duration::ZERO))
    }

    /// As [`World::node`], with the settings that `settings` adds instead of its grace window.
    #[must_use]
    pub fn node_with(
        &self,
        store: S,
        settings: impl FnOnce(AuthBuilder<Account>) -> AuthBuilder<Account>,
    ) -> Self {
        let clock = self.clock.clone();
        let node = Self::with(store, |builder| settings(builder.with_clock(clock)));
        Self { clock: self.clock.clone(), ..node }
    }

    /// Adds a user with this stored hash.
    pub async fn add_with_hash(&self, email: &str, hash: PasswordHash) -> Account {
        let now = gatewright::types::Clock::now(&self.clock);
        let id = UserId::generate(now, &SystemRandom).unwrap();
        let epoch = Epoch::generate(&SystemRandom).unwrap();
        let (email, role) = (Email::parse(email).unwrap(), RoleName::new("user").unwrap());
        let new = NewAccount::new(id, email, hash, [role], epoch, now);
        match AccountStore::create(&self.store, new).await.unwrap() {
            CreateOutcome::Created(account) => account,
            other => panic!("{other:?}"),
        }
    }

    /// Adds a user with the password [`PASSWORD`].
    pub async fn add(&self, email: &str) -> Account {
        self.add_with_hash(email, TestHasher::stored(PASSWORD)).await
    }

    /// Logs a user in with the password [`PASSWORD`].
    pub async fn login(&self, email: &str) -> TokenPair {
        self.auth.login(Login::new(email, Password::new(PASSWORD))).await.unwrap()
    }

    /// Exchanges a refresh token.
    ///
    /// # Errors
    /// As [`Auth::refresh`].
    pub async fn refresh(&self, token: &TokenText) -> Result<TokenPair, gatewright::Error> {
        self.auth.refresh(Refresh::new(token.clone())).await
    }

    /// The status of a guarded `GET` with this token: 200 if it is accepted.
    pub async fn status(&self, token: &TokenText) -> u16 {
        let headers = Bearer(format!("Bearer {}", token.expose()));
        let identity = self.auth.authenticate(&gatewright::http::RequestView::new("GET", &headers));
        identity
            .await
            .map_or_else(|error| error.reply().status, |identity| if identity.is_some() { 200 } else { 401 })
    }
}

/// Headers with one value of `Authorization`.
#[derive(Debug)]
pub struct Bearer(pub String);

impl gatewright::http::Headers for Bearer {
    fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        if name == "authorization" {
            see(self.0.as_bytes());
        }
    }
}
