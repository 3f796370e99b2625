//! An issuer that fails or takes too long, such as a key management service, uses nothing: no refresh token,
//! no password, no session.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use gatewright::endpoints::Refresh;
use gatewright::store::SessionStore;
use gatewright::token::{
    Claims, IssueError, SIGNING_TIMEOUT, TokenError, TokenIssuer, TokenKind, TokenVerifier, VerifiedClaims,
};
use gatewright::types::{Timestamp, TokenText};
use gatewright::{Auth, AuthError, Error, Jwt, Login, MemoryStore, Password, TokenPair, UserStore};
use gatewright_testkit::{EventRecorder, FixedClock, ManualTimer, TestHasher};
use gatewright_tests::{PASSWORD, World, jwt};

use super::{EMAIL, authenticate, new_password, world};

/// A key management service that can fail, or not answer.
#[derive(Clone)]
struct Service {
    jwt: Arc<Jwt>,
    fails: Arc<AtomicBool>,
    hangs: Arc<AtomicBool>,
}

impl Service {
    fn new() -> Self {
        Self { jwt: Arc::new(jwt()), fails: Arc::default(), hangs: Arc::default() }
    }

    fn fail(&self, fails: bool) {
        self.fails.store(fails, Ordering::SeqCst);
    }

    fn hang(&self, hangs: bool) {
        self.hangs.store(hangs, Ordering::SeqCst);
    }
}

#[async_trait]
impl TokenIssuer for Service {
    async fn issue(&self, kind: TokenKind, claims: &Claims) -> Result<TokenText, IssueError> {
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.fails.load(Ordering::SeqCst) {
            return Err(IssueError::new(Some("the service is not reachable".into())));
        }
        tokio::task::yield_now().await;
        self.jwt.issue(kind, claims).await
    }

    fn public_keys(&self) -> Arc<str> {
        self.jwt.public_keys()
    }
}

impl TokenVerifier for Service {
    fn verify(
        &self,
        kind: TokenKind,
        token: &str,
        now: Timestamp,
    ) -> Result<Arc<VerifiedClaims>, TokenError> {
        self.jwt.verify(kind, token, now)
    }
}

/// A world whose tokens the service signs, and the timer that limits it.
async fn signed_by(service: &Service) -> (World<MemoryStore>, ManualTimer) {
    let (World { store, .. }, timer) = (world().await, ManualTimer::new());
    let (clock, hasher, events) = (FixedClock::default(), TestHasher::new(), EventRecorder::new());
    let auth = Auth::local(store.clone(), service.clone(), hasher.clone())
        .with_clock(clock.clone())
        .with_timer(timer.clone())
        .with_refusal_floor(Duration::ZERO)
        .with_refresh_grace(Duration::from_secs(10))
        .with_events(events.clone())
        .build()
        .unwrap();
    (World { auth, store, clock, hasher, events }, timer)
}

fn expect_unsigned<T: std::fmt::Debug>(outcome: Result<T, Error>) {
    let error = outcome.unwrap_err().into_kind();
    assert!(matches!(error, AuthError::Issue(_)), "{error:?}");
    assert_eq!(gatewright::http::Denial::from(&error).status(), 503);
}

async fn login(world: &World<MemoryStore>, password: &str) -> Result<TokenPair, Error> {
    world.auth.login(Login::new(EMAIL, Password::new(password))).await
}

async fn refresh(world: &World<MemoryStore>, token: &TokenText) -> Result<TokenPair, Error> {
    world.auth.refresh(Refresh::new(token.clone())).await
}

async fn count_sessions(world: &World<MemoryStore>) -> usize {
    let name = gatewright::LoginName::parse(EMAIL).unwrap();
    let user = UserStore::find_by_login(&world.store, &name).await.unwrap().unwrap();
    SessionStore::list(&world.store, &user.id).await.unwrap().len()
}

#[tokio::test]
async fn every_session_goes_on_after_an_issuer_failed_for_a_minute() {
    let service = Service::new();
    let (world, _) = signed_by(&service).await;
    let mut pairs = Vec::new();
    for _ in 0..10 {
        pairs.push(login(&world, PASSWORD).await.unwrap());
    }
    service.fail(true);
    for _second in 0..60 {
        for pair in &pairs {
            expect_unsigned(refresh(&world, &pair.refresh_token).await);
        }
        expect_unsigned(login(&world, PASSWORD).await);
        world.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(count_sessions(&world).await, 10, "a login that failed began no session");
    service.fail(false);
    for pair in pairs {
        let next = refresh(&world, &pair.refresh_token).await.unwrap();
        assert_ne!(next.refresh_token.expose(), pair.refresh_token.expose());
        assert!(refresh(&world, &next.refresh_token).await.is_ok());
    }
}

#[tokio::test]
async fn a_retry_after_a_failure_gets_the_sessions_current_token() {
    let service = Service::new();
    let (world, _) = signed_by(&service).await;
    let first = login(&world, PASSWORD).await.unwrap();
    let second = refresh(&world, &first.refresh_token).await.unwrap();
    service.fail(true);
    expect_unsigned(refresh(&world, &first.refresh_token).await);
    service.fail(false);
    let retry = refresh(&world, &first.refresh_token).await.unwrap();
    assert_eq!(retry.refresh_token.expose(), second.refresh_token.expose());
}

#[tokio::test]
async fn a_password_change_without_a_signature_changes_nothing() {
    let service = Service::new();
    let (world, _) = signed_by(&service).await;
    let pair = login(&world, PASSWORD).await.unwrap();
    let caller = authenticate(&world, &pair.access_token).await;
    service.fail(true);
    expect_unsigned(world.auth.change_password(&caller, new_password()).await);
    service.fail(false);
    assert_eq!(world.status(&pair.access_token).await, 200);
    assert!(login(&world, PASSWORD).await.is_ok(), "the old password is still valid");
}

#[tokio::test]
async fn an_issuer_has_five_seconds() {
    let service = Service::new();
    let (world, timer) = signed_by(&service).await;
    let pair = login(&world, PASSWORD).await.unwrap();
    assert!(timer.sleeps().is_empty(), "signatures that are done leave no sleep");
    service.hang(true);
    let (auth, token) = (world.auth.clone(), pair.refresh_token.clone());
    let pending = tokio::spawn(async move { auth.refresh(Refresh::new(token)).await });
    while timer.sleeps().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(timer.sleeps(), [SIGNING_TIMEOUT]);
    timer.advance(SIGNING_TIMEOUT);
    let error = pending.await.unwrap().unwrap_err().into_kind();
    let cause = std::error::Error::source(&error).and_then(std::error::Error::source);
    assert_eq!(cause.unwrap().to_string(), "the issuer took longer than 5 s");
    service.hang(false);
    let next = refresh(&world, &pair.refresh_token).await.unwrap();
    assert_ne!(next.refresh_token.expose(), pair.refresh_token.expose(), "nothing was consumed");
}
