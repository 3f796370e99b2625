//! Several issuers. Each has a verifier with its own keys and audience.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatewright_core::token::{IssueError, MAX_TOKEN_BYTES};
use gatewright_core::types::DerivedKey;
use gatewright_core::{
    BuildError, Claims, Timestamp, TokenError, TokenIssuer, TokenKind, TokenText, TokenVerifier,
    VerifiedClaims,
};

use crate::builder::{Jwt, require};
use crate::claims::{Expected, RawClaims};

/// A verifier of the tokens of one issuer, to be added to [`Issuers`]. [`Jwt`] and `RemoteIssuer`
/// implement it.
pub trait IssuerVerifier: TokenVerifier {
    /// The `iss` of the tokens that the verifier accepts. If there are several, as those of an issuer's
    /// tenants, the one that the verifier is configured with.
    fn issuer(&self) -> &str;

    /// Whether the verifier can accept a token with this `iss`. It only selects the verifier, which then checks
    /// the token. A verifier of one issuer keeps the default.
    fn accepts_issuer(&self, issuer: &str) -> bool {
        issuer == self.issuer()
    }

    /// The longest token that the verifier reads, in bytes. [`MAX_TOKEN_BYTES`] unless a profile allows more.
    fn max_token_bytes(&self) -> usize {
        MAX_TOKEN_BYTES
    }
}

impl IssuerVerifier for Jwt {
    fn issuer(&self) -> &str {
        &self.rules.issuer
    }

    fn accepts_issuer(&self, issuer: &str) -> bool {
        match &self.rules.profile {
            None => *issuer == *self.rules.issuer,
            Some(profile) => profile.accepts_issuer(issuer),
        }
    }

    fn max_token_bytes(&self) -> usize {
        self.rules.max_token_bytes
    }
}

#[deny(clippy::missing_trait_methods)]
impl<T: IssuerVerifier + ?Sized> IssuerVerifier for Arc<T> {
    fn issuer(&self) -> &str {
        (**self).issuer()
    }

    fn accepts_issuer(&self, issuer: &str) -> bool {
        (**self).accepts_issuer(issuer)
    }

    fn max_token_bytes(&self) -> usize {
        (**self).max_token_bytes()
    }
}

/// Verifies the tokens of several issuers. The `iss` of a token only selects the verifier. That
/// verifier then checks the whole token, `iss` included, with its own keys.
///
/// One issuer can be the application's [own](Issuers::with_own). Of [foreign
/// issuers](Issuers::with) only access tokens are accepted, and their tokens never belong to a
/// session of the application. So they satisfy guards that require claims, but not guards that
/// require a user.
///
/// A subject is unique only within its issuer: users of two issuers may have the same `sub`.
/// [`VerifiedClaims::issuer`] names the issuer of a token.
///
/// With an own issuer that signs, it also issues that issuer's tokens. So it can be the `tokens` of
/// `Auth::local` and `Auth::builder`; without one, of `Auth::resource_server`.
///
/// ```
/// use gatewright::Jwt;
/// use gatewright::token::{Algorithm, Issuers, KeyRing, NewKey, SigningKey};
///
/// let key = SigningKey::from_jwk(NewKey::generate(Algorithm::EdDsa)?.jwk())?;
/// let ours = Jwt::builder(KeyRing::new(key)).issuer("https://ours.example").audience("my-api").build()?;
/// let keys = KeyRing::default(); // the keys that the other issuer publishes
/// let theirs = Jwt::builder(keys).issuer("https://theirs.example").audience("their-name-for-my-api");
/// let theirs = theirs.of_another_issuer().build()?;
/// let both = Issuers::new().with_own(ours)?.with(theirs)?;
/// # fn tokens(_: impl gatewright::token::TokenIssuer + gatewright::token::TokenVerifier) {}
/// # tokens(both);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Issuers<O = ()> {
    verifiers: HashMap<String, Entry>,
    own: Arc<O>,
    max_token_bytes: usize,
}

#[derive(Clone)]
struct Entry {
    verifier: Arc<dyn IssuerVerifier>,
    own: bool,
}

impl Issuers {
    /// Starts without issuers. Every token is rejected until one is added.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the application's own issuer, of which there is at most one. Its tokens of all kinds are
    /// accepted, and they belong to sessions of the application.
    ///
    /// # Errors
    /// If the verifier's issuer is empty or was added before.
    pub fn with_own<O: IssuerVerifier + 'static>(self, own: O) -> Result<Issuers<O>, BuildError> {
        let own = Arc::new(own);
        let Self { verifiers, max_token_bytes, .. } = self;
        Issuers { verifiers, own: Arc::clone(&own), max_token_bytes }.add(own, true)
    }
}

impl<O> Issuers<O> {
    /// Adds a foreign issuer. Only its access tokens are accepted, and without session or epoch.
    /// Use a `RemoteIssuer`, or a [`Jwt`] built with
    /// [`of_another_issuer`](crate::JwtBuilder::of_another_issuer), which ignores `sid` and
    /// `epoch`.
    ///
    /// # Errors
    /// If the verifier's issuer is empty or was added before.
    pub fn with(self, verifier: impl IssuerVerifier + 'static) -> Result<Self, BuildError> {
        self.add(verifier, false)
    }

    fn add(mut self, verifier: impl IssuerVerifier + 'static, own: bool) -> Result<Self, BuildError> {
        let issuer = verifier.issuer().to_owned();
        require(!issuer.is_empty(), "issuer", "is empty")?;
        let overlaps = |(name, entry): (&String, &Entry)| {
            entry.verifier.accepts_issuer(&issuer) || verifier.accepts_issuer(name)
        };
        if self.verifiers.contains_key(&issuer) || self.verifiers.iter().any(overlaps) {
            return Err(BuildError::new("issuer", "must be added once").with_found(issuer));
        }
        self.max_token_bytes = self.max_token_bytes.max(verifier.max_token_bytes());
        self.verifiers.insert(issuer, Entry { verifier: Arc::new(verifier), own });
        Ok(self)
    }
}

impl<O: Send + Sync> TokenVerifier for Issuers<O> {
    fn verify(
        &self,
        kind: TokenKind,
        token: &str,
        now: Timestamp,
    ) -> Result<Arc<VerifiedClaims>, TokenError> {
        if token.len() > self.max_token_bytes {
            return Err(TokenError::Size);
        }
        let payload = token.split('.').nth(1).ok_or(TokenError::Format)?;
        let decoded = URL_SAFE_NO_PAD.decode(payload).map_err(|_| TokenError::Format)?;
        let text = std::str::from_utf8(&decoded).map_err(|_| TokenError::Json)?;
        // Not verified yet. Parsed as strictly as the verifier parses it, so that both read the
        // same issuer.
        let unverified = Expected { audiences: &[], foreign: true };
        let issuer = RawClaims::parse(text, unverified)?.issuer.ok_or(TokenError::ClaimMissing)?;
        self.select(&issuer).ok_or(TokenError::Issuer)?.verify(kind, token, now)
    }
}

impl<O> Issuers<O> {
    /// The only verifier that accepts this `iss`.
    fn select(&self, issuer: &str) -> Option<&Entry> {
        if let Some(entry) = self.verifiers.get(issuer) {
            return Some(entry);
        }
        let mut accepting = self.verifiers.values().filter(|entry| entry.verifier.accepts_issuer(issuer));
        match (accepting.next(), accepting.next()) {
            (Some(entry), None) => Some(entry),
            _ => None,
        }
    }
}

impl Entry {
    fn verify(
        &self,
        kind: TokenKind,
        token: &str,
        now: Timestamp,
    ) -> Result<Arc<VerifiedClaims>, TokenError> {
        if self.own {
            return self.verifier.verify(kind, token, now);
        }
        if kind != TokenKind::Access {
            return Err(TokenError::Kind);
        }
        self.verifier.verify(kind, token, now).map(VerifiedClaims::without_session)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<O: TokenIssuer> TokenIssuer for Issuers<O> {
    async fn issue(&self, kind: TokenKind, claims: &Claims) -> Result<TokenText, IssueError> {
        self.own.issue(kind, claims).await
    }

    fn public_keys(&self) -> Arc<str> {
        self.own.public_keys()
    }

    fn derive_keys(&self, label: &'static str) -> Vec<DerivedKey> {
        self.own.derive_keys(label)
    }
}

impl<O> Clone for Issuers<O> {
    fn clone(&self) -> Self {
        let (verifiers, own) = (self.verifiers.clone(), Arc::clone(&self.own));
        Self { verifiers, own, max_token_bytes: self.max_token_bytes }
    }
}

impl Default for Issuers {
    fn default() -> Self {
        Self { verifiers: HashMap::new(), own: Arc::new(()), max_token_bytes: MAX_TOKEN_BYTES }
    }
}

impl<O> fmt::Debug for Issuers<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<&String> = self.verifiers.keys().collect();
        names.sort_unstable();
        f.debug_tuple("Issuers").field(&names).finish()
    }
}
