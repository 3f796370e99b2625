//! What the tests of several crates share.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test that cannot go on fails"
)]

/// The examples of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

mod log;
pub mod servers;
pub mod storages;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gatewright::{
    Account, Auth, AuthBuilder, Created, Email, Epoch, Jwt, Login, MemoryStore, NewAccount, Password,
    PasswordHash, Refresh, RoleName, RoleScopes, Scopes, SqliteStore, SystemRandomness, TokenPair, TokenText,
    UserId,
};
use gatewright_testkit::store::Store;
use gatewright_testkit::{EventRecorder, FixedClock, TestHasher};

pub use log::{Listening, Log};

/// The key of every test.
pub const SECRET: &str = "fu8F0qTz1nQmX3vKd7RwYb2LhJc9PsEa";
/// The password of every user made by [`World::add`].
pub const PASSWORD: &str = "correct horse battery staple";

/// Two handles on one new, empty store in memory.
pub async fn memory() -> [MemoryStore; 2] {
    let store = MemoryStore::new();
    [store.clone(), store]
}

/// Two handles, each with connections of its own, on one new, empty database file.
pub async fn sqlite() -> [SqliteStore; 2] {
    let url = format!("sqlite://{}", new_file("store.db").display());
    [SqliteStore::connect(&url).await.unwrap(), SqliteStore::connect(&url).await.unwrap()]
}

/// A path in a new directory of this process, below `target`.
#[must_use]
pub fn new_file(name: &str) -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tests");
    std::fs::create_dir_all(&folder).unwrap();
    loop {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory = folder.join(format!("{}-{number}", std::process::id()));
        // One that is there already is of an earlier process with this id.
        if std::fs::create_dir(&directory).is_ok() {
            return directory.join(name);
        }
        assert!(number < 10_000, "{} cannot be made", directory.display());
    }
}

/// The tokens of every test.
#[must_use]
pub fn jwt() -> Jwt {
    Jwt::hs256(SECRET, "https://issuer.example", "api").build().unwrap()
}

/// An `Auth` on a store, with a clock that stands still, a hasher that counts and a sink that remembers.
#[derive(Debug, Clone)]
pub struct World<S> {
    /// The handle.
    pub auth: Auth,
    /// The store behind it.
    pub store: S,
    /// Its clock.
    pub clock: FixedClock,
    /// Its hasher.
    pub hasher: TestHasher,
    /// Its events.
    pub events: EventRecorder,
}

impl<S: Store> World<S> {
    /// With grace 0 and the scopes of the example's roles.
    #[must_use]
    pub fn new(store: S) -> Self {
        Self::with(store, |builder| builder.with_refresh_grace(Duration::ZERO))
    }

    /// With settings of one's own.
    #[must_use]
    pub fn with(store: S, settings: impl FnOnce(AuthBuilder<Account>) -> AuthBuilder<Account>) -> Self {
        log::install();
        let (clock, hasher, events) = (FixedClock::default(), TestHasher::new(), EventRecorder::new());
        let scopes = RoleScopes::new().with("user", Scopes::parse("read write").unwrap());
        let builder = Auth::local(store.clone(), jwt(), hasher.clone())
            .with_clock(clock.clone())
            .with_events(events.clone())
            .with_role_scopes(scopes)
            .with_registration_role(RoleName::new("user").unwrap())
            .with_protected_role(RoleName::new("admin").unwrap());
        let auth = settings(builder).build().unwrap();
        Self { auth, store, clock, hasher, events }
    }

    /// A second node: another handle on the same store, with the same clock.
    #[must_use]
    pub fn node(&self, store: S) -> Self {
        let clock = self.clock.clone();
        let node = Self::with(store, |builder| builder.with_refresh_grace(Duration::ZERO).with_clock(clock));
        Self { clock: self.clock.clone(), ..node }
    }

    /// Adds a user whose stored hash is `hash`.
    pub async fn add_with_hash(&self, email: &str, hash: PasswordHash) -> Account {
        let now = gatewright::Clock::now(&self.clock);
        let id = UserId::generate(now, &SystemRandomness).unwrap();
        let epoch = Epoch::generate(&SystemRandomness).unwrap();
        let (email, role) = (Email::parse(email).unwrap(), RoleName::new("user").unwrap());
        match self.store.create(NewAccount::new(id, email, hash, role, epoch, now)).await.unwrap() {
            Created::Created(account) => account,
            other => panic!("{other:?}"),
        }
    }

    /// Adds a user with the usual password.
    pub async fn add(&self, email: &str) -> Account {
        self.add_with_hash(email, TestHasher::stored(PASSWORD)).await
    }

    /// Logs a user in with the usual password.
    pub async fn login(&self, email: &str) -> TokenPair {
        self.auth.login(Login::new(email, Password::new(PASSWORD))).await.unwrap()
    }

    /// Exchanges a refresh token.
    ///
    /// # Errors
    /// As [`Auth::refresh`].
    pub async fn refresh(&self, token: &TokenText) -> Result<TokenPair, gatewright::AuthError> {
        self.auth.refresh(Refresh::new(token.clone())).await
    }

    /// What `GET` with this token is answered: 200 for whoever is recognised.
    pub async fn status(&self, token: &TokenText) -> u16 {
        let headers = Bearer(format!("Bearer {}", token.expose()));
        let identity = self.auth.authenticate(&gatewright::RequestView::new("GET", &headers));
        identity
            .await
            .map_or_else(|reply| reply.status, |identity| if identity.is_some() { 200 } else { 401 })
    }
}

/// Headers with one `Authorization`.
#[derive(Debug)]
pub struct Bearer(pub String);

impl gatewright::Headers for Bearer {
    fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        if name == "authorization" {
            see(self.0.as_bytes());
        }
    }
}
