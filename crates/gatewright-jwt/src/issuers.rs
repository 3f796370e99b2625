//! Several issuers, each with a verifier that has its own keys and audience.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatewright_core::token::MAX_TOKEN_BYTES;
use gatewright_core::{BuildError, Timestamp, TokenKind, TokenRefusal, TokenVerifier, VerifiedClaims};

use crate::builder::Jwt;
use crate::claims::{Expected, RawClaims};

/// A verifier of the tokens of one issuer. [`Jwt`] and `RemoteIssuer` implement it.
pub trait IssuerVerifier: TokenVerifier {
    /// The `iss` of every token that it accepts.
    fn issuer(&self) -> &str;
}

impl IssuerVerifier for Jwt {
    fn issuer(&self) -> &str {
        &self.rules.issuer
    }
}

impl<T: IssuerVerifier + ?Sized> IssuerVerifier for Arc<T> {
    fn issuer(&self) -> &str {
        (**self).issuer()
    }
}

/// Verifies the tokens of several issuers. The `iss` of a token only selects the verifier, which then checks the whole token,
/// `iss` included, with its own keys.
///
/// One issuer can be the application's [own](Issuers::with_own). Of [foreign issuers](Issuers::with) only access tokens are
/// accepted, and they never belong to a session of the application. So they satisfy guards that ask for claims, and none that
/// ask for a user.
///
/// A subject is unique only within its issuer. Users of two issuers may have the same `sub`; [`VerifiedClaims::issuer`] says
/// whose it is.
///
/// ```
/// use gatewright_jwt::{Algorithm, Issuers, Jwt, KeyRing, NewKey, SigningKey};
///
/// let key = SigningKey::from_jwk(NewKey::generate(Algorithm::EdDsa)?.jwk())?;
/// let ours = Jwt::builder(KeyRing::new(key), "https://ours.example", "my-api").build()?;
/// let keys = KeyRing::default(); // theirs, as they publish them
/// let theirs = Jwt::builder(keys, "https://theirs.example", "their-name-for-my-api").of_another_issuer().build()?;
/// let both = Issuers::new().with_own(ours)?.with(theirs)?;
/// # let _: &dyn gatewright_core::TokenVerifier = &both;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct Issuers(HashMap<String, Entry>);

#[derive(Clone)]
struct Entry {
    verifier: Arc<dyn TokenVerifier>,
    own: bool,
}

impl Issuers {
    /// Without issuers: every token is refused.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a foreign issuer. Only its access tokens are accepted, and without session or epoch. Use a `RemoteIssuer`, or a
    /// [`Jwt`] built with [`of_another_issuer`](crate::JwtBuilder::of_another_issuer), which ignores `sid` and `epoch`.
    ///
    /// # Errors
    /// When the verifier's issuer is empty or was added before.
    pub fn with(self, verifier: impl IssuerVerifier + 'static) -> Result<Self, BuildError> {
        self.add(verifier, false)
    }

    /// Adds the application's own issuer: tokens of all kinds are accepted, and they belong to its sessions.
    ///
    /// # Errors
    /// When the verifier's issuer is empty or was added before, or the application's own issuer was.
    pub fn with_own(self, verifier: impl IssuerVerifier + 'static) -> Result<Self, BuildError> {
        if self.0.values().any(|entry| entry.own) {
            return Err(BuildError::new("issuer", "is the second one of the application's own"));
        }
        self.add(verifier, true)
    }

    fn add(mut self, verifier: impl IssuerVerifier + 'static, own: bool) -> Result<Self, BuildError> {
        let issuer = verifier.issuer().to_owned();
        if issuer.is_empty() {
            return Err(BuildError::new("issuer", "is empty"));
        }
        if self.0.insert(issuer, Entry { verifier: Arc::new(verifier), own }).is_some() {
            return Err(BuildError::new("issuer", "was added before"));
        }
        Ok(self)
    }
}

impl TokenVerifier for Issuers {
    fn verify(&self, kind: TokenKind, token: &str, now: Timestamp) -> Result<VerifiedClaims, TokenRefusal> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenRefusal::Size);
        }
        let payload = token.split('.').nth(1).ok_or(TokenRefusal::Format)?;
        let decoded = URL_SAFE_NO_PAD.decode(payload).map_err(|_| TokenRefusal::Format)?;
        let text = std::str::from_utf8(&decoded).map_err(|_| TokenRefusal::Json)?;
        // Not trusted yet. Read as strictly as the verifier reads it, so that both see the same issuer.
        let anybody = Expected { audience: "", foreign: true };
        let named = RawClaims::parse(text, anybody)?.issuer.ok_or(TokenRefusal::ClaimMissing)?;
        self.0.get(&*named).ok_or(TokenRefusal::Issuer)?.verify(kind, token, now)
    }
}

impl Entry {
    fn verify(&self, kind: TokenKind, token: &str, now: Timestamp) -> Result<VerifiedClaims, TokenRefusal> {
        if self.own {
            return self.verifier.verify(kind, token, now);
        }
        if kind != TokenKind::Access {
            return Err(TokenRefusal::Kind);
        }
        self.verifier.verify(kind, token, now).map(VerifiedClaims::without_session)
    }
}

impl fmt::Debug for Issuers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<&String> = self.0.keys().collect();
        names.sort_unstable();
        f.debug_tuple("Issuers").field(&names).finish()
    }
}
