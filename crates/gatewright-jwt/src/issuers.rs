//! Several issuers, each with its own verifier: its own keys, its own audience.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatewright_core::token::MAX_TOKEN_BYTES;
use gatewright_core::{BuildError, Timestamp, TokenKind, TokenRefusal, TokenVerifier, VerifiedClaims};

use crate::claims::RawClaims;

/// Believes the tokens of several issuers. Which one a token names decides who judges it, and nothing else: that
/// issuer's verifier then checks all of it, `iss` included, with its own keys.
///
/// ```
/// use gatewright_jwt::{Algorithm, Issuers, Jwt, KeyRing, NewKey, SigningKey};
///
/// let ring = || Ok::<_, gatewright_jwt::KeyError>(KeyRing::new(SigningKey::from_jwk(NewKey::generate(Algorithm::EdDsa)?.jwk())?));
/// let ours = Jwt::builder(ring()?, "https://ours.example", "my-api").build()?;
/// let theirs = Jwt::builder(ring()?, "https://theirs.example", "their-name-for-my-api").build()?;
/// let both = Issuers::new().with("https://ours.example", ours)?.with("https://theirs.example", theirs)?;
/// # let _: &dyn gatewright_core::TokenVerifier = &both;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct Issuers(HashMap<String, Arc<dyn TokenVerifier>>);

impl Issuers {
    /// Nobody is believed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an issuer with the verifier of its tokens.
    ///
    /// # Errors
    /// When the issuer is empty or was added before.
    pub fn with(
        mut self,
        issuer: impl Into<String>,
        verifier: impl TokenVerifier + 'static,
    ) -> Result<Self, BuildError> {
        let issuer = issuer.into();
        if issuer.is_empty() {
            return Err(BuildError::new("issuer", "is empty"));
        }
        if self.0.insert(issuer, Arc::new(verifier)).is_some() {
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
        // Not believed: read as strictly as it will be, so that nobody reads another issuer there.
        let named = RawClaims::parse(text, "")?.issuer.ok_or(TokenRefusal::ClaimMissing)?;
        self.0.get(&*named).ok_or(TokenRefusal::Issuer)?.verify(kind, token, now)
    }
}

impl fmt::Debug for Issuers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<&String> = self.0.keys().collect();
        names.sort_unstable();
        f.debug_tuple("Issuers").field(&names).finish()
    }
}
