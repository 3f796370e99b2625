//! Resource servers (RFC 6749 §1.1): applications without users of their own, which verify the tokens
//! of another issuer.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::builder::{AuthBuilder, Parts};
use super::handle::Auth;
use crate::password::{HashContext, HasherError, PasswordHasher, PasswordVerdict};
use crate::revocation::RevocationCheck;
use crate::store::{
    AuthUser, CompareAndSwap, Rotation, RotationRequest, Session, SessionStore, StoreError, TokenDigest,
    UserStore,
};
use crate::token::{Claims, IssueError, TokenIssuer, TokenKind, TokenVerifier};
use crate::types::{Epoch, LoginName, Password, PasswordHash, SessionId, Timestamp, TokenText, UserId};

const REASON: &str = "a resource server has no users";

/// The user type of a resource server. It is uninhabited: a resource server has no users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "it stays without values")]
pub enum NoUser {}

impl AuthUser for NoUser {
    fn id(&self) -> UserId {
        match *self {}
    }

    fn roles(&self) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }

    fn is_active(&self) -> bool {
        match *self {}
    }

    fn password_hash(&self) -> Option<PasswordHash> {
        match *self {}
    }

    fn epoch(&self) -> Epoch {
        match *self {}
    }
}

impl Auth<NoUser> {
    /// Starts the builder of an application that only verifies tokens. It has no users, no sessions
    /// and no tokens of its own.
    ///
    /// Handlers take `StatelessClaims`, the claims that `verifier` accepted, or an API key. Everything
    /// that needs a user or a session rejects every request: `CurrentUser` and guards for roles with
    /// 401, login and refresh as for wrong credentials, and endpoints that end a session with 503.
    ///
    /// A token is accepted until it expires. A resource server does not learn of revocations by the
    /// token's issuer.
    ///
    /// ```
    /// use gatewright::Auth;
    ///
    /// # let secret = gatewright::HmacSecret::generate()?;
    /// # let tokens = gatewright::Jwt::hs256(secret).issuer("https://issuer.example").audience("api");
    /// # let verifier = tokens.build()?;
    /// let auth = Auth::resource_server(verifier).build()?;
    /// assert!(auth.endpoints().all(|endpoint| endpoint.path() != "/register"));
    /// # Ok::<(), gatewright::auth::BuildError>(())
    /// ```
    pub fn resource_server(verifier: impl TokenVerifier + 'static) -> AuthBuilder<NoUser> {
        let nothing = Arc::new(Nothing);
        let parts = Parts {
            users: Arc::clone(&nothing) as _,
            sessions: Arc::clone(&nothing) as _,
            verifier: Arc::new(verifier),
            issuer: Arc::clone(&nothing) as _,
            hasher: nothing,
        };
        AuthBuilder::new(parts)
            .with_revocation_check(RevocationCheck::ReadThrough)
            .without_throttle()
            // Every login is refused, without a look-up and without a hash.
            .with_refusal_floor(Duration::ZERO)
    }
}

/// Stores, hasher and issuer of a resource server: every lookup finds nothing, every change fails.
struct Nothing;

#[async_trait]
impl UserStore for Nothing {
    type User = NoUser;

    async fn find_by_id(&self, _: &UserId) -> Result<Option<NoUser>, StoreError> {
        Ok(None)
    }

    async fn find_by_login(&self, _: &LoginName) -> Result<Option<NoUser>, StoreError> {
        Ok(None)
    }

    async fn replace_password_hash(
        &self,
        _: &UserId,
        _: &PasswordHash,
        _: &PasswordHash,
    ) -> Result<CompareAndSwap, StoreError> {
        Ok(CompareAndSwap::Conflict)
    }
}

#[async_trait]
impl SessionStore for Nothing {
    async fn create(&self, _: &Session, _: TokenDigest, _: u32) -> Result<u64, StoreError> {
        Err(StoreError::new("create a session", REASON))
    }

    async fn find(&self, _: &UserId, _: SessionId) -> Result<Option<Session>, StoreError> {
        Ok(None)
    }

    async fn list(&self, _: &UserId) -> Result<Vec<Session>, StoreError> {
        Ok(Vec::new())
    }

    async fn rotate(&self, _: &RotationRequest) -> Result<Rotation, StoreError> {
        Ok(Rotation::Unknown)
    }

    async fn delete(&self, _: &UserId, _: SessionId) -> Result<(), StoreError> {
        Err(StoreError::new("delete a session", REASON))
    }

    async fn delete_all(&self, _: &UserId) -> Result<(), StoreError> {
        Err(StoreError::new("delete a user's sessions", REASON))
    }

    async fn replace_all(&self, _: &Session, _: TokenDigest) -> Result<(), StoreError> {
        Err(StoreError::new("replace a user's sessions", REASON))
    }

    async fn delete_expired(&self, _: Timestamp) -> Result<u64, StoreError> {
        Ok(0)
    }
}

#[async_trait]
impl PasswordHasher for Nothing {
    async fn hash(&self, _: Password, _: &HashContext) -> Result<PasswordHash, HasherError> {
        Err(HasherError::failed(REASON))
    }

    /// Returns at once: without passwords there is no timing side channel.
    async fn verify(
        &self,
        _: Password,
        _: Option<PasswordHash>,
        _: &HashContext,
    ) -> Result<PasswordVerdict, HasherError> {
        Ok(PasswordVerdict::Mismatch)
    }
}

#[async_trait]
impl TokenIssuer for Nothing {
    async fn issue(&self, _: TokenKind, _: &Claims) -> Result<TokenText, IssueError> {
        Err(IssueError::new(Some(REASON.into())))
    }

    fn public_keys(&self) -> Arc<str> {
        Arc::from(r#"{"keys":[]}"#)
    }
}
