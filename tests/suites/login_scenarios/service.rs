//! An `Auth` with a throttle, on a storage.

use std::time::Duration;

use gatewright::auth::AuthBuilder;
use gatewright::http::Reply;
use gatewright::password::PasswordHasher;
use gatewright::store::{AccountStore, CreateOutcome, NewAccount};
use gatewright::throttle::{Throttle, ThrottleSettings};
use gatewright::types::{ClientInfo, Clock, Epoch, SystemRandom};
use gatewright::{Account, Auth, Email, Error, Login, Password, PasswordHash, RoleName, TokenPair, UserId};
use gatewright_testkit::refresh::Storage;
use gatewright_testkit::{EventRecorder, FixedClock, TestHasher};
use gatewright_tests::{PASSWORD, jwt};

/// The address of the account.
pub(super) const EMAIL: &str = "ada@example.com";
/// A password of nobody.
pub(super) const WRONG: &str = "an entirely wrong guess";

/// A service on accounts and sessions that also keep the states of its throttle.
pub(super) struct Service<S: Storage> {
    pub(super) auth: Auth,
    pub(super) accounts: S::Accounts,
    pub(super) clock: FixedClock,
    pub(super) events: EventRecorder,
    /// The hasher of every service but [`Service::over`]. It costs nothing, and counts its calls.
    pub(super) hasher: TestHasher,
}

impl<S> Service<S>
where
    S: Storage,
    S::Sessions: Throttle,
{
    /// With one user, whose password is [`PASSWORD`].
    pub(super) async fn fresh(storage: &S) -> Self {
        Self::with(storage, |_| {}).await
    }

    /// With other limits.
    pub(super) async fn with(storage: &S, change: impl FnOnce(&mut ThrottleSettings)) -> Self {
        let mut limits = ThrottleSettings::default();
        change(&mut limits);
        Self::configured(storage, |builder| builder.with_throttle_settings(limits)).await
    }

    /// With other settings.
    pub(super) async fn configured(
        storage: &S,
        settings: impl FnOnce(AuthBuilder<Account>) -> AuthBuilder<Account>,
    ) -> Self {
        let service = Self::open(storage, settings).await;
        service.add(EMAIL, TestHasher::stored(PASSWORD)).await;
        service
    }

    /// A node on a storage with users.
    pub(super) async fn open(
        storage: &S,
        settings: impl FnOnce(AuthBuilder<Account>) -> AuthBuilder<Account>,
    ) -> Self {
        let hasher = TestHasher::new();
        let service = Self::over(storage, hasher.clone(), settings).await;
        Self { hasher, ..service }
    }

    /// With another hasher, and without users.
    pub(super) async fn over(
        storage: &S,
        hasher: impl PasswordHasher,
        settings: impl FnOnce(AuthBuilder<Account>) -> AuthBuilder<Account>,
    ) -> Self {
        let (accounts, sessions) = storage.open().await;
        let (clock, events) = (FixedClock::default(), EventRecorder::new());
        let builder = Auth::builder(accounts.clone(), sessions.clone(), jwt(), hasher)
            .with_accounts(accounts.clone())
            .with_throttle(sessions)
            .with_clock(clock.clone())
            .with_events(events.clone())
            .with_refusal_floor(Duration::ZERO)
            .with_registration_role(RoleName::from_static("user"));
        let auth = settings(builder).build().unwrap();
        Self { auth, accounts, clock, events, hasher: TestHasher::new() }
    }

    /// Adds a user with this stored hash.
    pub(super) async fn add(&self, email: &str, hash: PasswordHash) -> Account {
        let now = self.clock.now();
        let id = UserId::generate(now, &SystemRandom).unwrap();
        let epoch = Epoch::generate(&SystemRandom).unwrap();
        let (email, role) = (Email::parse(email).unwrap(), RoleName::from_static("user"));
        let new = NewAccount::new(id, email, hash, [role], epoch, now);
        match AccountStore::create(&self.accounts, new).await.unwrap() {
            CreateOutcome::Created(account) => account,
            other => panic!("{other:?}"),
        }
    }

    /// The stored hash of a user.
    pub(super) async fn stored_hash(&self, email: &str) -> String {
        let account = self.accounts.find_by_email(&Email::parse(email).unwrap()).await.unwrap();
        account.unwrap().password_hash.expose().to_owned()
    }

    /// Logs in from the address 192.0.2.`network`.
    pub(super) async fn login(&self, email: &str, password: &str, network: u8) -> Result<TokenPair, Error> {
        let client = ClientInfo::new(Some([192, 0, 2, network].into()), None);
        self.login_from(email, password, client).await
    }

    pub(super) async fn login_from(
        &self,
        email: &str,
        password: &str,
        client: ClientInfo,
    ) -> Result<TokenPair, Error> {
        self.auth.login(Login::new(email, Password::new(password)).with_client(client)).await
    }

    /// The status of a login: 200 if it was granted.
    pub(super) async fn status(&self, email: &str, password: &str, network: u8) -> u16 {
        status(self.login(email, password, network).await)
    }
}

/// The status of a login: 200 if it was granted.
pub(super) fn status(outcome: Result<TokenPair, Error>) -> u16 {
    outcome.map_or_else(|error| error.reply().status, |_| 200)
}

/// The answer to a refused login.
#[track_caller]
pub(super) fn refusal(outcome: Result<TokenPair, Error>) -> Reply {
    outcome.unwrap_err().reply().clone()
}
