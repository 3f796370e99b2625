//! Refresh: exchanges a refresh token for the next pair of tokens, once (RFC 9700 §4.14.2).

use std::sync::Arc;

use super::token_pair::{CurrentToken, Grant, TokenPair, sign};
use crate::auth::{Auth, Error, Shared};
use crate::cache::{ActiveUser, LiveSession};
use crate::error::{AccessError, AuthError, RefreshError, RequestError};
use crate::event::Event;
use crate::guard::find_user;
use crate::http::Fields;
use crate::revocation::Revocation;
use crate::store::{
    AuthUser, GraceClient, MAX_USED_TOKENS, Rotation, RotationRequest, Session, TokenDigest, Validity,
};
use crate::token::{IssueError, TokenError, TokenId, TokenKind, VerifiedClaims};
use crate::types::{ClientInfo, Scopes, SessionId, Timestamp, TokenText, UserId};

/// A refresh: the token, the requested scopes and the client.
#[derive(Debug, Clone)]
pub struct Refresh {
    token: TokenText,
    scopes: Option<Scopes>,
    client: ClientInfo,
}

impl Refresh {
    /// Creates a refresh that requests all scopes that were granted at login.
    #[must_use]
    pub fn new(token: TokenText) -> Self {
        Self { token, scopes: None, client: ClientInfo::default() }
    }

    /// Requests fewer scopes, for the next access token alone.
    #[must_use]
    pub fn with_scopes(mut self, scopes: Scopes) -> Self {
        self.scopes = Some(scopes);
        self
    }

    /// Sets address and user agent of the client. A used token that comes from another client than the
    /// latest refresh is reported, and may end the session ([`GracePolicy`](crate::GracePolicy)).
    ///
    /// The ready-made endpoint sets them. An application's own endpoint gets them from [`Auth::client`].
    /// It must set them in every refresh or in none.
    #[must_use]
    pub fn with_client(mut self, client: ClientInfo) -> Self {
        self.client = client;
        self
    }

    pub(crate) fn from_fields(fields: &Fields) -> Result<Self, RequestError> {
        if fields.optional("grant_type")?.is_some_and(|grant| grant != "refresh_token") {
            return Err(RequestError::GrantType);
        }
        let token = TokenText::new(fields.required("refresh_token")?);
        let scopes = fields.scopes()?;
        Ok(Self { scopes, ..Self::new(token) })
    }
}

impl<U: AuthUser> Auth<U> {
    /// Exchanges a refresh token for the next pair of tokens.
    ///
    /// It verifies the token, reads the session and its user, signs and rotates. The rotation is the last
    /// step, so a refusal or an outage before it consumes nothing. If the store answers with the session's
    /// current token instead of a rotation, that token is signed afterwards.
    ///
    /// Inside the grace window, a token that was used before returns the session's current token. So a
    /// retry and a second tab get the same token. After the window, it ends its session.
    ///
    /// ```
    /// use gatewright::endpoints::Refresh;
    /// use gatewright::{Auth, Login};
    /// # use gatewright::{MemoryStore, Password, Registration, RoleName};
    ///
    /// # gatewright_testkit::block_on(async {
    /// # let secret = gatewright::HmacSecret::generate()?;
    /// # let tokens = gatewright::Jwt::hs256(secret).issuer("https://issuer.example").audience("api");
    /// # let (tokens, hasher) = (tokens.build()?, gatewright_testkit::TestHasher::new());
    /// # let builder = Auth::local(MemoryStore::new(), tokens, hasher).with_registration_role(RoleName::new("user")?);
    /// # let auth = builder.build()?;
    /// # let password = Password::new("correct horse battery staple");
    /// # auth.register(Registration::new("ada@example.com", password.clone())?).await?;
    /// let first = auth.login(Login::new("ada@example.com", password)).await?;
    /// let second = auth.refresh(Refresh::new(first.refresh_token.clone())).await?;
    /// let retry = auth.refresh(Refresh::new(first.refresh_token)).await?;
    /// assert_eq!(retry.refresh_token.expose(), second.refresh_token.expose(), "the same new token");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// - [`AuthError::Refresh`] if the refresh is refused, or [`AuthError::TooManyAttempts`] in its place if the
    ///   network had many refused requests ([`REFUSED_REQUESTS`](crate::throttle::REFUSED_REQUESTS)).
    /// - [`AuthError::Request`] if it requests more scopes than were granted. Nothing is consumed then,
    ///   and a token that was used before does not end its session.
    /// - Any other error if a store or the issuer failed.
    ///
    /// # Cancel safety
    /// A cancelled call has rotated or not. The client retries with the same token: inside the grace window
    /// it gets the same new token.
    pub async fn refresh(&self, refresh: Refresh) -> Result<TokenPair, Error> {
        let client = refresh.client.clone();
        let call = async {
            let refreshed = Box::pin(self.refresh_or_refuse(refresh)).await;
            self.inner.measure_refresh(refreshed.as_ref().map(|(_, is_grace)| *is_grace));
            if matches!(refreshed, Err(AuthError::Refresh(_))) {
                self.inner.limiter.count_refused(&self.inner.subject(None, client))?;
            }
            refreshed.map(|(pair, _)| pair)
        };
        self.inner.answerable(call).await
    }

    /// Returns the pair, and whether its refresh token was current already.
    async fn refresh_or_refuse(&self, refresh: Refresh) -> Result<(TokenPair, bool), AuthError> {
        let now = self.inner.now();
        let claims = self.inner.verify_refresh(&refresh.token, now)?;
        let (session, user) = self.inner.open_session(&claims, now).await?;
        let scopes = self.inner.effective_scopes(&narrow(&session, refresh.scopes)?, user.get());
        let grant = Grant::new(&self.inner, user.get(), scopes)?;
        let unnamed = RefreshError::Token(TokenError::ClaimMissing);
        let presented = claims
            .token_id()
            .ok_or_else(|| self.inner.refuse_refresh(Some(claims.subject()), claims.session(), unnamed))?;
        let request = self.inner.rotation_request(&session, presented, now, refresh.client);
        let validity = Validity::new(now, request.idle_expires_at.min(session.expires_at));
        let next = CurrentToken { id: session.seed.successor(presented), validity };
        let pair = sign(&self.inner, &session, &next, &grant).await?;
        self.inner.expect_signed_in_time(now)?;
        let (current, grace) = self.inner.rotate(&session, presented, &request).await?;
        let pair = if grace {
            sign(&self.inner, &session, &current, &grant).await?
        } else if current.validity != validity {
            // Another node's clock is ahead of this one's. The pair that is signed already is valid too.
            sign(&self.inner, &session, &current, &grant).await.unwrap_or(pair)
        } else {
            pair
        };
        self.inner.emit(&Event::Refreshed { user: &session.user, session: session.id, grace });
        Ok((pair, grace))
    }
}

impl<U> Shared<U> {
    /// Rejects a use of a token that began a whole grace window ago, because the issuer was slow. If another tab
    /// used the token meanwhile, this use would count as theft. Nothing is consumed.
    fn expect_signed_in_time(&self, began: Timestamp) -> Result<(), IssueError> {
        let grace = self.settings.refresh_grace;
        if grace.is_zero() || self.now() < began.saturating_add(grace) {
            return Ok(());
        }
        Err(IssueError::new(Some("the issuer took as long as the grace window of refresh tokens".into())))
    }
}

/// The requested scopes, never more than were granted (RFC 6749 §6).
fn narrow(session: &Session, requested: Option<Scopes>) -> Result<Scopes, RequestError> {
    match requested {
        None => Ok(session.scopes.clone()),
        Some(scopes) if scopes.is_subset_of(&session.scopes) => Ok(scopes),
        Some(_) => Err(RequestError::Scope),
    }
}

/// A rotation whose outcome is not known yet. Dropping it emits that the outcome is unknown: the store failed,
/// or the call was cancelled.
struct UnconfirmedRotation<'a, U: AuthUser> {
    inner: &'a Shared<U>,
    /// `None` after the store's answer.
    request: Option<&'a RotationRequest>,
}

impl<U: AuthUser> UnconfirmedRotation<'_, U> {
    /// The store has answered. A method, so that a closure that calls it owns the whole value.
    fn confirm(mut self) {
        self.request = None;
    }
}

impl<U: AuthUser> Drop for UnconfirmedRotation<'_, U> {
    fn drop(&mut self) {
        let Some(RotationRequest { user, session, client, .. }) = self.request else { return };
        self.inner.emit(&Event::RotationUnconfirmed { user, session: *session, client });
    }
}

impl<U: AuthUser> Shared<U> {
    /// Verifies a refresh token, without any store.
    pub(crate) fn verify_refresh(
        &self,
        token: &TokenText,
        now: Timestamp,
    ) -> Result<Arc<VerifiedClaims>, AuthError> {
        let verified = self.verifier.verify(TokenKind::Refresh, token.expose(), now);
        verified.map_err(|refusal| self.refuse_refresh(None, None, RefreshError::Token(refusal)))
    }

    /// The live session that a token names, and its active user.
    async fn open_session(
        &self,
        claims: &VerifiedClaims,
        now: Timestamp,
    ) -> Result<(Session, ActiveUser<U>), AuthError> {
        let refuse = |cause| {
            self.refuse_refresh(Some(claims.subject()), claims.session(), RefreshError::Session(cause))
        };
        let id = claims.session().ok_or_else(|| refuse(AccessError::Sessionless))?;
        let session = LiveSession::check(self.sessions.find(claims.subject(), id).await?, claims, now)
            .map_err(refuse)?;
        let user = find_user(self, &session.get().user).await?;
        let user = ActiveUser::check(user, session.get().epoch).map_err(refuse)?;
        Ok((session.get().clone(), user))
    }

    fn rotation_request(
        &self,
        session: &Session,
        presented: &TokenId,
        now: Timestamp,
        client: ClientInfo,
    ) -> RotationRequest {
        RotationRequest {
            user: session.user.clone(),
            session: session.id,
            presented: TokenDigest::of(presented),
            successor: TokenDigest::of(&session.seed.successor(presented)),
            now,
            grace: self.settings.refresh_grace,
            idle_expires_at: now.saturating_add(self.settings.refresh_lifetime),
            client,
            grace_policy: self.settings.grace_policy,
        }
    }

    /// Uses the token. Returns the session's current token, and whether the store answered with it instead of
    /// a rotation.
    async fn rotate(
        &self,
        session: &Session,
        presented: &TokenId,
        request: &RotationRequest,
    ) -> Result<(CurrentToken, bool), AuthError> {
        let refuse = |cause| Err(self.refuse_refresh(Some(&session.user), Some(session.id), cause));
        let rotation = self.sessions.rotate(request);
        let unconfirmed = UnconfirmedRotation { inner: self, request: Some(request) };
        let record = move |rotation: &Rotation| {
            unconfirmed.confirm();
            self.record_rotation(request, rotation)
        };
        let rotation = self.revoke_without_waiting(Revocation::session(session.id), rotation, record).await?;
        let (current, validity, grace) = match rotation {
            Rotation::Rotated(validity) => (Some(session.seed.successor(presented)), validity, false),
            Rotation::Grace { validity, current, .. } => {
                (session.seed.derive_current(presented, current, MAX_USED_TOKENS), validity, true)
            }
            Rotation::Reused => return refuse(RefreshError::Reused),
            Rotation::GraceAbused => return refuse(RefreshError::GraceAbused),
            Rotation::Expired => return refuse(RefreshError::Session(AccessError::SessionExpired)),
            Rotation::Unknown => return refuse(RefreshError::Session(AccessError::SessionEnded)),
        };
        let Some(id) = current else { return refuse(RefreshError::Underivable) };
        Ok((CurrentToken { id, validity }, grace))
    }

    /// Emits what a rotation shows about the holders of the session's tokens. Returns whether the session was
    /// deleted.
    fn record_rotation(&self, request: &RotationRequest, rotation: &Rotation) -> bool {
        let RotationRequest { user, session, client, .. } = request;
        let foreign = |other_network, session_ended| {
            let session = *session;
            self.emit(&Event::GraceFromAnotherClient { user, session, client, other_network, session_ended });
        };
        match rotation {
            Rotation::Grace { client: GraceClient::OtherUserAgent, .. } => foreign(false, false),
            Rotation::Grace { client: GraceClient::OtherNetwork, .. } => foreign(true, false),
            Rotation::GraceAbused => foreign(true, true),
            Rotation::Reused => self.emit(&Event::TokenReused { user, session: *session }),
            _ => {}
        }
        matches!(rotation, Rotation::Reused | Rotation::GraceAbused)
    }

    /// Emits the cause as an event, and returns it as the error.
    pub(crate) fn refuse_refresh(
        &self,
        user: Option<&UserId>,
        session: Option<SessionId>,
        cause: RefreshError,
    ) -> AuthError {
        self.emit(&Event::RefreshRefused { user, session, cause });
        cause.into()
    }
}
