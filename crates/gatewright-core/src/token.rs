//! Tokens: their claims, and the traits that issue and verify them.

mod extra;
mod auth_methods;
mod claims;

pub use auth_methods::AuthMethods;
pub use claims::{Claims, TokenId, VerifiedClaims};
pub use extra::{ExtraClaimsMismatch, ExtraObject, InvalidExtraClaims, MAX_EXTRA_CLAIMS_BYTES};

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::types::{DerivedKey, Timestamp, TokenText};

/// The longest token that is processed unless set: 8 KiB. A longer one is rejected unread.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// The longest token that can be set: 32 KiB, for other issuers whose tokens are that long.
pub const MAX_LARGE_TOKEN_BYTES: usize = 32 * 1024;

/// The longest lifetime of an access token, from `iat` to `exp`: 24 hours.
pub const MAX_ACCESS_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest lifetime of a refresh token, from `iat` to `exp`: 400 days.
pub const MAX_REFRESH_LIFETIME: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// The longest lifetime of a token that confirms an email address, from `iat` to `exp`: 7 days.
pub const MAX_EMAIL_VERIFICATION_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The longest lifetime of a token that resets a password, from `iat` to `exp`: 24 hours.
pub const MAX_PASSWORD_RESET_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// How far in the future `iat` and `nbf` may be unless set otherwise: 5 seconds, because clocks of nodes differ.
pub const FUTURE_TOLERANCE: Duration = Duration::from_secs(5);

/// The kind of a token. Each kind has its own `typ`, and none is accepted as another (RFC 8725 §3.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenKind {
    /// For guarded routes: `at+jwt` (RFC 9068), for the configured audience.
    Access,
    /// For one refresh: `rt+jwt`, for the issuer itself.
    Refresh,
    /// Confirms an email address: `email-verification+jwt`, for the issuer itself.
    EmailVerification,
    /// Allows a new password: `password-reset+jwt`, for the issuer itself.
    PasswordReset,
}

impl TokenKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Access, Self::Refresh, Self::EmailVerification, Self::PasswordReset];

    /// The value of the `typ` header.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Access => "at+jwt",
            Self::Refresh => "rt+jwt",
            Self::EmailVerification => "email-verification+jwt",
            Self::PasswordReset => "password-reset+jwt",
        }
    }

    /// The longest lifetime, from `iat` to `exp`.
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

/// How long a pair of tokens may take to be signed: 5 seconds. After that the client gets 503.
pub const SIGNING_TIMEOUT: Duration = Duration::from_secs(5);

/// Issues tokens. The signing key may be in this process or in a key management service.
///
/// # Contract
/// - The verifier configured beside it accepts an issued token until `expires_at`, as this kind only.
/// - Two calls with the same claims may return different text, but the same token: same `jti`, same times.
/// - It does not block the thread. A login or a refresh gives both of its tokens [`SIGNING_TIMEOUT`] together.
/// - A signed token may be dropped: a refresh signs before it uses its token, so a failure uses nothing.
///
/// # Cancel safety
/// A call may be dropped at any time.
#[async_trait]
pub trait TokenIssuer: Send + Sync {
    /// Signs `claims` as a token of `kind`.
    ///
    /// # Errors
    /// The key could not sign. Clients get 503 then.
    async fn issue(&self, kind: TokenKind, claims: &Claims) -> Result<TokenText, IssueError>;

    /// The public keys of the tokens as a JWK set (RFC 7517 §5), for other services that verify them.
    ///
    /// It never contains secrets or private members. An issuer without public keys returns `{"keys":[]}`.
    fn public_keys(&self) -> Arc<str>;

    /// Derives a key for another purpose from each secret that the issuer holds: the first from the one
    /// that signs, then from those that sign later or signed before. `label` names the purpose.
    ///
    /// - Issuers with the same secret derive the same key. The format of its file makes no difference.
    /// - A derived key reveals neither the secret nor the keys of other labels.
    /// - Nothing is derived from what is public.
    ///
    /// An issuer without access to its secret (a key management service) derives nothing. The default.
    fn derive_keys(&self, _label: &'static str) -> Vec<DerivedKey> {
        Vec::new()
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: TokenIssuer + ?Sized> TokenIssuer for Arc<T> {
    async fn issue(&self, kind: TokenKind, claims: &Claims) -> Result<TokenText, IssueError> {
        (**self).issue(kind, claims).await
    }

    fn public_keys(&self) -> Arc<str> {
        (**self).public_keys()
    }

    fn derive_keys(&self, label: &'static str) -> Vec<DerivedKey> {
        (**self).derive_keys(label)
    }
}

impl<T: TokenVerifier + ?Sized> TokenVerifier for Arc<T> {
    fn verify(
        &self,
        kind: TokenKind,
        token: &str,
        now: Timestamp,
    ) -> Result<Arc<VerifiedClaims>, TokenError> {
        (**self).verify(kind, token, now)
    }
}

/// A token could not be signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[error("the token could not be signed")]
pub struct IssueError {
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl IssueError {
    /// Creates the error. For implementations of [`TokenIssuer`].
    #[must_use]
    pub fn new(source: Option<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { source }
    }
}

/// Verifies tokens.
///
/// # Contract
/// - It returns claims only if all of these hold:
///   - the signature is valid under a key for this algorithm;
///   - kind, issuer and audience are the configured ones;
///   - `now` is before `exp`, with a configured leeway;
///   - `now` is not before `nbf` and `iat`, with [`FUTURE_TOLERANCE`] or a configured tolerance.
/// - Of other issuers it accepts access tokens only, and their claims contain neither session nor epoch.
/// - It uses no store and no network, and it must not block.
/// - No input makes it panic. Its work is bounded by [`MAX_TOKEN_BYTES`], or by a configured limit of
///   at most [`MAX_LARGE_TOKEN_BYTES`].
pub trait TokenVerifier: Send + Sync {
    /// Verifies `token` as a token of `kind` at the time `now`.
    ///
    /// # Errors
    /// Why the token is rejected. For operators, never for the client.
    fn verify(&self, kind: TokenKind, token: &str, now: Timestamp)
    -> Result<Arc<VerifiedClaims>, TokenError>;
}

/// Why a token is rejected. Clients get the same answer for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Longer than [`MAX_TOKEN_BYTES`], or than the configured limit.
    #[error("the token is too long")]
    Size,
    /// Not three segments of canonical base64url.
    #[error("the token is not three base64url segments")]
    Format,
    /// The header is not a JSON object, or has a member that is forbidden or of a wrong type.
    #[error("the token's header is not acceptable")]
    Header,
    /// The algorithm is not that of the key.
    #[error("the token's algorithm is not the key's")]
    Algorithm,
    /// The key id is missing or unknown.
    #[error("the token's key is unknown")]
    Key,
    /// The token is of another kind.
    #[error("the token is of another kind")]
    Kind,
    /// `crit` is present: it requires an extension that is not supported.
    #[error("the token requires an unknown extension")]
    Critical,
    /// The signature is invalid.
    #[error("the token's signature is invalid")]
    Signature,
    /// The claims are not a JSON object.
    #[error("the token's claims are not a JSON object")]
    Json,
    /// A member occurs twice.
    #[error("a member occurs twice")]
    Duplicate,
    /// A required claim is missing.
    #[error("a required claim is missing")]
    ClaimMissing,
    /// The claim that identifies the user is missing: `sub`, or the one that the issuer's profile names.
    #[error("the token has no `sub`, or not the claim that stands for it; the issuer must add it")]
    SubjectMissing,
    /// A claim is of a wrong type.
    #[error("a claim is of a wrong type")]
    ClaimType,
    /// A claim's value is out of range.
    #[error("a claim is out of range")]
    ClaimRange,
    /// A claim has another value than the issuer's profile requires. Such a token is often of another kind.
    #[error("a claim has a value that the issuer's profile does not accept")]
    ClaimValue,
    /// The token is from another issuer.
    #[error("the token is from another issuer")]
    Issuer,
    /// The token is for another audience.
    #[error("the token is for another audience")]
    Audience,
    /// `exp` is not in the future.
    #[error("the token has expired")]
    Expired,
    /// `nbf` or `iat` is in the future.
    #[error("the token is not valid yet")]
    Immature,
    /// The time between `iat` and `exp` is too long.
    #[error("the token's lifetime is too long")]
    Lifetime,
    /// The token is bound to a sender (`cnf`) and was presented as a bearer token.
    #[error("the token is bound to a sender")]
    SenderBound,
    /// `iat` is older than the configured maximum age.
    #[error("the token is too old")]
    Age,
}

impl TokenError {
    /// Every error.
    pub const ALL: [Self; 22] = [
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
        Self::SubjectMissing,
        Self::ClaimType,
        Self::ClaimRange,
        Self::ClaimValue,
        Self::Issuer,
        Self::Audience,
        Self::Expired,
        Self::Immature,
        Self::Lifetime,
        Self::SenderBound,
        Self::Age,
    ];

    /// A stable name, for metrics: `expired`, `claim_missing`, …
    ///
    /// ```
    /// assert_eq!(gatewright::token::TokenError::ClaimMissing.name(), "claim_missing");
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
            Self::SubjectMissing => "subject_missing",
            Self::ClaimType => "claim_type",
            Self::ClaimRange => "claim_range",
            Self::ClaimValue => "claim_value",
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
    fn media_types_and_error_names_are_distinct() {
        assert_eq!(TokenKind::ALL.map(TokenKind::media_type).iter().collect::<BTreeSet<_>>().len(), 4);
        assert_eq!(TokenError::ALL.map(TokenError::name).iter().collect::<BTreeSet<_>>().len(), 22);
    }
}
