//! What the tests share: a clock that is moved, an issuer on the other side, and verdicts.

#![allow(dead_code, reason = "each test file uses what it needs")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use gatewright_core::{
    Claims, Clock, Timestamp, TokenId, TokenIssuer, TokenKind, TokenRefusal, TokenVerifier, UserId,
};
use gatewright_jwks::{RemoteIssuer, RemoteIssuerBuilder};
use gatewright_jwt::{Algorithm, Jwt, KeyRing, NewKey, SigningKey};

use crate::server::{Answer, Server};

pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const AUDIENCE: &str = "my-api";
pub(crate) const START: u64 = 1_700_000_000;
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// A clock that tests move.
#[derive(Clone)]
pub(crate) struct Hands(pub(crate) Arc<AtomicU64>);

impl Hands {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(START)))
    }

    pub(crate) fn move_by(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) fn key(id: &str) -> SigningKey {
    SigningKey::from_jwk(NewKey::generate(Algorithm::EdDsa).unwrap().jwk()).unwrap().with_id(id).unwrap()
}

/// The issuer itself, on the other side of the network.
pub(crate) fn issuer(id: &str) -> Jwt {
    Jwt::builder(KeyRing::new(key(id)), ISSUER, AUDIENCE).build().unwrap()
}

pub(crate) fn body(issuer: &Jwt) -> Answer {
    Answer::Body(String::new(), issuer.ring().jwks().to_string())
}

pub(crate) fn issue(issuer: &Jwt) -> String {
    let until = Timestamp::from_seconds(START + 80_000);
    let claims =
        Claims::new(UserId::new("42").unwrap(), TokenId::new("1"), Timestamp::from_seconds(START), until);
    issuer.issue(TokenKind::Access, &claims).unwrap().expose().to_owned()
}

pub(crate) fn builder(server: &Server) -> RemoteIssuerBuilder {
    RemoteIssuer::builder(ISSUER, AUDIENCE, &server.url).with_root_certificate(&server.certificate)
}

pub(crate) fn verdict(remote: &RemoteIssuer, token: &str) -> Result<(), TokenRefusal> {
    remote.verify(TokenKind::Access, token, Timestamp::from_seconds(START)).map(drop)
}

/// Waits until so many fetches have ended.
pub(crate) fn fetched(remote: &RemoteIssuer, fetches: u64) {
    let mut patience = 20_000;
    while remote.fetches() < fetches {
        thread::park_timeout(Duration::from_millis(1));
        patience -= 1;
        assert!(patience > 0, "{} of {fetches} fetches", remote.fetches());
    }
}
