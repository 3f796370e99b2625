//! Tokens: what they say, who makes them, who believes them.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use crate::types::{Epoch, Scopes, SessionId, Timestamp, TokenText, UserId};

/// The longest token anyone looks at, in bytes.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// The longest time between an access token's `iat` and `exp`.
pub const MAX_ACCESS_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest time between a refresh token's `iat` and `exp`.
pub const MAX_REFRESH_LIFETIME: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// The longest time between `iat` and `exp` of a token that confirms an email address.
pub const MAX_EMAIL_VERIFICATION_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The longest time between `iat` and `exp` of a token that resets a password.
pub const MAX_PASSWORD_RESET_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// How far in the future `iat` and `nbf` may lie unless set otherwise, since clocks differ between nodes.
pub const FUTURE_TOLERANCE: Duration = Duration::from_secs(5);

/// What a token is for. Each kind has a `typ` of its own, and none is accepted as another (RFC 8725 §3.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenKind {
    /// Opens guarded routes: `at+jwt` (RFC 9068), for the configured audience.
    Access,
    /// Is exchanged for a new pair, once: `rt+jwt`, for the issuer itself.
    Refresh,
    /// Confirms an email address, once: `email-verification+jwt`, for the issuer itself.
    EmailVerification,
    /// Allows a new password, once: `password-reset+jwt`, for the issuer itself.
    PasswordReset,
}

impl TokenKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Access, Self::Refresh, Self::EmailVerification, Self::PasswordReset];

    /// The `typ` header.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Access => "at+jwt",
            Self::Refresh => "rt+jwt",
            Self::EmailVerification => "email-verification+jwt",
            Self::PasswordReset => "password-reset+jwt",
        }
    }

    /// The longest time between `iat` and `exp`.
    #[must_use]
    pub const fn max_lifetime(self) -> Duration {
        match self {
            Self::Access => MAX_ACCESS_LIFETIME,
            Self::Refresh => MAX_REFRESH_LIFETIME,
            Self::EmailVerification => MAX_EMAIL_VERIFICATION_LIFETIME,
            Self::PasswordReset => MAX_PASSWORD_RESET_LIFETIME,
        }
    }
}

/// A token's `jti`. For a refresh token of ours it is unguessable and names the one use the token has.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenId(String);

impl TokenId {
    /// Takes the text as it is.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The claim's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Redacted: with the signing key, a refresh token's id is the token.
impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenId(..)")
    }
}

/// What a token says. Issuer and audience are not here: issuer and verifier are configured with them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claims {
    /// `sub`. Unique among the subjects of one issuer alone: where several are believed, [`VerifiedClaims::issuer`] says
    /// whose it is.
    pub subject: UserId,
    /// `jti`.
    pub token_id: TokenId,
    /// `iat`, in tokens a whole second.
    pub issued_at: Timestamp,
    /// `exp`, in tokens a whole second: the first moment at which the token is no longer valid.
    pub expires_at: Timestamp,
    /// `sid`: the session the token belongs to. Always there in tokens of ours.
    pub session: Option<SessionId>,
    /// `epoch`: the user's epoch at login or at the last refresh. Always there in access tokens of ours.
    pub epoch: Option<Epoch>,
    /// `scope`: what was granted.
    pub scopes: Scopes,
}

impl Claims {
    /// The claims every token has.
    #[must_use]
    pub fn new(subject: UserId, token_id: TokenId, issued_at: Timestamp, expires_at: Timestamp) -> Self {
        let scopes = Scopes::default();
        Self { subject, token_id, issued_at, expires_at, session: None, epoch: None, scopes }
    }

    /// Adds `sid`.
    #[must_use]
    pub fn with_session(mut self, session: SessionId) -> Self {
        self.session = Some(session);
        self
    }

    /// Adds `epoch`.
    #[must_use]
    pub fn with_epoch(mut self, epoch: Epoch) -> Self {
        self.epoch = Some(epoch);
        self
    }

    /// Adds `scope`.
    #[must_use]
    pub fn with_scopes(mut self, scopes: Scopes) -> Self {
        self.scopes = scopes;
        self
    }
}

/// Claims whose signature, kind, issuer, audience and time were checked, and who issued them. Those of two issuers are
/// never equal: a subject is somebody among the subjects of its issuer alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedClaims {
    issuer: Arc<str>,
    audience: Option<Arc<str>>,
    claims: Claims,
}

impl VerifiedClaims {
    /// Asserts that the claims were checked: the only way to make this type, and for a [`TokenVerifier`] alone.
    /// `issuer` is the `iss` that was checked.
    #[must_use]
    pub const fn assertion(issuer: Arc<str>, claims: Claims) -> Self {
        Self { issuer, audience: None, claims }
    }

    /// Adds the audience that was checked.
    #[must_use]
    pub fn with_audience(mut self, audience: Arc<str>) -> Self {
        self.audience = Some(audience);
        self
    }

    /// `iss`: who issued the token.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The one of `aud` that the verifier looked for, where it says so; the token may name others beside it.
    #[must_use]
    pub fn audience(&self) -> Option<&str> {
        self.audience.as_deref()
    }

    /// The same claims of a token that belongs to no session here, whatever it says: without `sid` and `epoch`. For
    /// tokens of other issuers, whose sessions are none of ours.
    #[must_use]
    pub fn without_session(mut self) -> Self {
        (self.claims.session, self.claims.epoch) = (None, None);
        self
    }

    /// The claims themselves.
    #[must_use]
    pub fn into_claims(self) -> Claims {
        self.claims
    }
}

impl Deref for VerifiedClaims {
    type Target = Claims;

    fn deref(&self) -> &Claims {
        &self.claims
    }
}

/// Makes tokens.
///
/// # Contract
/// - What it issues, the verifier configured beside it accepts until `expires_at`, as the same kind and no other.
/// - Two calls with the same claims may return two texts, but each is the same token: same `jti`, same times.
pub trait TokenIssuer: Send + Sync {
    /// Signs `claims` as a token of `kind`.
    ///
    /// # Errors
    /// When the key cannot sign; the request is then refused as unavailable (503).
    fn issue(&self, kind: TokenKind, claims: &Claims) -> Result<TokenText, IssueError>;

    /// The public keys with which others can verify these tokens, as a JWK set (RFC 7517 §5). Secrets and private members are
    /// never in it; an issuer that has no public keys says `{"keys":[]}`.
    fn public_keys(&self) -> Arc<str>;
}

impl<T: TokenIssuer + ?Sized> TokenIssuer for Arc<T> {
    fn issue(&self, kind: TokenKind, claims: &Claims) -> Result<TokenText, IssueError> {
        (**self).issue(kind, claims)
    }

    fn public_keys(&self) -> Arc<str> {
        (**self).public_keys()
    }
}

impl<T: TokenVerifier + ?Sized> TokenVerifier for Arc<T> {
    fn verify(&self, kind: TokenKind, token: &str, now: Timestamp) -> Result<VerifiedClaims, TokenError> {
        (**self).verify(kind, token, now)
    }
}

/// The key did not sign.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[error("the token could not be signed")]
pub struct IssueError {
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl IssueError {
    /// For implementations of [`TokenIssuer`].
    #[must_use]
    pub fn new(source: Option<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { source }
    }
}

/// Believes tokens, or not.
///
/// # Contract
/// - Claims come back only when the signature holds under a key meant for it, the kind, issuer and audience are
///   those configured, and `now` lies before `exp` (but for a configured leeway) and not before `nbf` and `iat` (but for
///   [`FUTURE_TOLERANCE`], or what is configured instead).
/// - Of another issuer than the one that begins the sessions here, access tokens alone are believed, and their claims
///   name no session and no epoch.
/// - It asks nobody: no store, no network. It must not block.
/// - No input makes it panic, and work is bounded by [`MAX_TOKEN_BYTES`].
pub trait TokenVerifier: Send + Sync {
    /// Checks `token` as a token of `kind` at the moment `now`.
    ///
    /// # Errors
    /// Why the token is refused: for operators, never for the client.
    fn verify(&self, kind: TokenKind, token: &str, now: Timestamp) -> Result<VerifiedClaims, TokenError>;
}

/// Why a token is refused. The client hears the same for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Longer than [`MAX_TOKEN_BYTES`].
    #[error("the token is too long")]
    Size,
    /// Not three segments of canonical base64url.
    #[error("the token is not three base64url segments")]
    Format,
    /// A header that is no JSON object, or has a member that is refused or of a wrong type.
    #[error("the token's header is refused")]
    Header,
    /// Another algorithm than the key's.
    #[error("the token's algorithm is not the key's")]
    Algorithm,
    /// No key id, or none that is known.
    #[error("the token's key is unknown")]
    Key,
    /// Another kind of token.
    #[error("the token is of another kind")]
    Kind,
    /// `crit` is present: an extension that must be understood, and is not.
    #[error("the token demands an unknown extension")]
    Critical,
    /// The signature does not hold.
    #[error("the token's signature does not hold")]
    Signature,
    /// The claims are no JSON object.
    #[error("the token's claims are not a JSON object")]
    Json,
    /// A member occurs twice.
    #[error("the token names a member twice")]
    Duplicate,
    /// A required claim is missing.
    #[error("the token lacks a claim")]
    ClaimMissing,
    /// A claim is of a wrong type.
    #[error("a claim is of a wrong type")]
    ClaimType,
    /// A claim's value is out of range.
    #[error("a claim is out of range")]
    ClaimRange,
    /// Another issuer.
    #[error("the token is from another issuer")]
    Issuer,
    /// Another audience.
    #[error("the token is for another audience")]
    Audience,
    /// `exp` is past or present.
    #[error("the token is expired")]
    Expired,
    /// `nbf` or `iat` lies in the future.
    #[error("the token is not valid yet")]
    Immature,
    /// The time between `iat` and `exp` is too long.
    #[error("the token's lifetime is too long")]
    Lifetime,
    /// The token is bound to a sender (`cnf`) and was presented as a bearer token.
    #[error("the token is bound to a sender")]
    SenderBound,
    /// `iat` lies further back than a configured maximum age.
    #[error("the token is too old")]
    Age,
}

impl TokenError {
    /// Every refusal.
    pub const ALL: [Self; 20] = [
        Self::Size,
        Self::Format,
        Self::Header,
        Self::Algorithm,
        Self::Key,
        Self::Kind,
        Self::Critical,
        Self::Signature,
        Self::Json,
        Self::Duplicate,
        Self::ClaimMissing,
        Self::ClaimType,
        Self::ClaimRange,
        Self::Issuer,
        Self::Audience,
        Self::Expired,
        Self::Immature,
        Self::Lifetime,
        Self::SenderBound,
        Self::Age,
    ];

    /// A word that stays the same, for counting: `expired`, `claim_missing`, …
    ///
    /// ```
    /// assert_eq!(gatewright_core::TokenError::ClaimMissing.name(), "claim_missing");
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Format => "format",
            Self::Header => "header",
            Self::Algorithm => "algorithm",
            Self::Key => "key",
            Self::Kind => "kind",
            Self::Critical => "critical",
            Self::Signature => "signature",
            Self::Json => "json",
            Self::Duplicate => "duplicate",
            Self::ClaimMissing => "claim_missing",
            Self::ClaimType => "claim_type",
            Self::ClaimRange => "claim_range",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::Immature => "immature",
            Self::Lifetime => "lifetime",
            Self::SenderBound => "sender_bound",
            Self::Age => "age",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_kind_has_a_type_of_its_own_and_each_refusal_a_name_of_its_own() {
        assert_eq!(TokenKind::ALL.map(TokenKind::media_type).iter().collect::<BTreeSet<_>>().len(), 4);
        assert_eq!(TokenError::ALL.map(TokenError::name).iter().collect::<BTreeSet<_>>().len(), 20);
    }
}
