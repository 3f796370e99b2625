//! Shared by the tests: a clock that tests set, an issuer with its server, and a verifier of its
//! tokens.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use gatewright_core::{Claims, Clock, Timestamp, TokenError, TokenId, TokenKind, TokenVerifier, UserId};
use gatewright_jwks::{RemoteIssuer, RemoteIssuerBuilder};
use gatewright_jwt::{Algorithm, Jwt, KeyRing, NewKey, SigningKey};

use crate::server::{Response, Server};

pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const AUDIENCE: &str = "my-api";
pub(crate) const START: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// A clock that moves only when a test moves it.
#[derive(Clone)]
pub(crate) struct ManualClock(pub(crate) Arc<AtomicU64>);

impl ManualClock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(START.as_seconds())))
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(self.0.load(Ordering::SeqCst))
    }
}

/// An issuer with its server, and a verifier that has fetched the issuer's keys once.
pub(crate) struct Setup {
    pub(crate) issuer: Jwt,
    pub(crate) server: Server,
    pub(crate) clock: ManualClock,
    pub(crate) remote: RemoteIssuer,
}

impl Setup {
    /// With one key, whose id is `a`.
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    /// With one key, whose id is `a`, and these settings of the verifier.
    pub(crate) fn with(settings: impl FnOnce(RemoteIssuerBuilder) -> RemoteIssuerBuilder) -> Self {
        let issuer = issuer("a");
        let server = Server::https(jwks(&issuer));
        let clock = ManualClock::new();
        let remote = ready(settings(builder(&server).with_clock(clock.clone())));
        Self { issuer, server, clock, remote }
    }

    pub(crate) fn verify(&self, token: &str) -> Result<(), TokenError> {
        verify(&self.remote, token)
    }

    /// Waits until this many fetches have ended.
    pub(crate) fn wait_for_fetches(&self, fetches: u64) {
        wait_for_fetches(&self.remote, fetches);
    }
}

pub(crate) fn key(id: &str) -> SigningKey {
    SigningKey::from_jwk(NewKey::generate(Algorithm::EdDsa).unwrap().jwk()).unwrap().with_id(id).unwrap()
}

/// An issuer whose key has this id.
pub(crate) fn issuer(id: &str) -> Jwt {
    Jwt::builder(KeyRing::new(key(id))).issuer(ISSUER).audience(AUDIENCE).build().unwrap()
}

/// The response with the issuer's keys.
pub(crate) fn jwks(issuer: &Jwt) -> Response {
    Response::ok(&issuer.ring().jwks())
}

pub(crate) fn issue(issuer: &Jwt) -> String {
    let expires_at = START.saturating_add(Duration::from_secs(80_000));
    let claims = Claims::new(UserId::new("42").unwrap(), TokenId::new("1"), START, expires_at);
    issuer.sign(TokenKind::Access, &claims).unwrap().expose().to_owned()
}

pub(crate) fn builder(server: &Server) -> RemoteIssuerBuilder {
    RemoteIssuer::builder(&server.url)
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .with_root_certificate(&server.certificate)
}

/// Builds the verifier and waits for its first fetch.
pub(crate) fn ready(builder: RemoteIssuerBuilder) -> RemoteIssuer {
    let remote = builder.build().unwrap();
    assert!(remote.wait_until_ready(Duration::from_secs(20)), "{:?}", remote.last_failure());
    remote
}

pub(crate) fn verify(remote: &RemoteIssuer, token: &str) -> Result<(), TokenError> {
    remote.verify(TokenKind::Access, token, START).map(drop)
}

/// Waits until this many fetches have ended.
pub(crate) fn wait_for_fetches(remote: &RemoteIssuer, fetches: u64) {
    wait_until(|| remote.fetches() >= fetches, "fetches");
}

/// Checks the condition every millisecond, for at most 20 seconds.
pub(crate) fn wait_until(condition: impl Fn() -> bool, what: &str) {
    for _ in 0..20_000 {
        if condition() {
            return;
        }
        thread::park_timeout(Duration::from_millis(1));
    }
    assert!(condition(), "timed out waiting for {what}");
}
