//! Building a [`Jwt`]: one key, one issuer, one audience.

use std::fmt;
use std::time::Duration;

use gatewright_core::{BuildError, TokenKind};
use zeroize::Zeroizing;

use crate::header;
use crate::key::HmacKey;

/// The longest leeway on `exp` that can be set: 60 seconds.
pub const MAX_LEEWAY: Duration = Duration::from_secs(60);

/// Issues and verifies tokens. The key is parsed once; nothing global is used.
pub struct Jwt {
    pub(crate) key: HmacKey,
    pub(crate) issuer: String,
    pub(crate) audience: String,
    pub(crate) leeway: Duration,
    /// The headers of our own tokens, encoded: one comparison recognises them.
    pub(crate) access_header: String,
    pub(crate) refresh_header: String,
}

impl Jwt {
    /// Begins with an HMAC-SHA-256 key: exactly the bytes of `secret`, at least
    /// [`MIN_SECRET_BYTES`](crate::MIN_SECRET_BYTES) of them. `issuer` and `audience` are in every token and checked
    /// in every token.
    pub fn hs256(
        secret: impl Into<Vec<u8>>,
        issuer: impl Into<String>,
        audience: impl Into<String>,
    ) -> JwtBuilder {
        JwtBuilder {
            secret: Zeroizing::new(secret.into()),
            issuer: issuer.into(),
            audience: audience.into(),
            key_id: None,
            leeway: Duration::ZERO,
        }
    }

    pub(crate) fn header(&self, kind: TokenKind) -> Option<&str> {
        match kind {
            TokenKind::Access => Some(&self.access_header),
            TokenKind::Refresh => Some(&self.refresh_header),
            _ => None,
        }
    }

    /// Whom a token of this kind is for: refresh tokens are for the issuer itself.
    pub(crate) fn audience(&self, kind: TokenKind) -> &str {
        match kind {
            TokenKind::Refresh => &self.issuer,
            _ => &self.audience,
        }
    }
}

impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwt")
            .field("key", &self.key)
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

/// Collects a [`Jwt`].
#[must_use]
pub struct JwtBuilder {
    secret: Zeroizing<Vec<u8>>,
    issuer: String,
    audience: String,
    key_id: Option<String>,
    leeway: Duration,
}

impl fmt::Debug for JwtBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtBuilder").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl JwtBuilder {
    /// The key's id, 1 to 128 bytes; derived from the key unless set.
    pub fn with_key_id(mut self, id: impl Into<String>) -> Self {
        self.key_id = Some(id.into());
        self
    }

    /// How long behind `exp` a token is still believed: zero unless set, at most [`MAX_LEEWAY`].
    pub fn with_leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Checks everything and parses the key.
    ///
    /// # Errors
    /// When the secret is missing, short, a placeholder or a key file, or another setting is out of its bounds; the
    /// error names the setting.
    pub fn build(self) -> Result<Jwt, BuildError> {
        if self.issuer.is_empty() {
            return Err(BuildError::new("issuer", "is empty"));
        }
        if self.audience.is_empty() {
            return Err(BuildError::new("audience", "is empty"));
        }
        if self.leeway > MAX_LEEWAY {
            return Err(BuildError::new("leeway", "is longer than 60 seconds"));
        }
        let key = HmacKey::new(&self.secret, self.key_id)?;
        let header = |kind| header::encode(HmacKey::ALGORITHM, key.id(), kind);
        Ok(Jwt {
            access_header: header(TokenKind::Access),
            refresh_header: header(TokenKind::Refresh),
            key,
            issuer: self.issuer,
            audience: self.audience,
            leeway: self.leeway,
        })
    }
}
