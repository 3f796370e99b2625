//! Authentication: from a bearer token to an identity.
//!
//! 1. Verify the token: signature and claims, without any store.
//! 2. Look up the session and its user: in the cache, or in the stores if the cache has no valid entry.
//! 3. Join claims, session and user to an [`Identity`].

use std::sync::Arc;

use super::identity::Identity;
use crate::auth::{Failure, Inner, Shared};
use crate::cache::{ActiveUser, CachedSession, LiveSession};
use crate::error::{AccessError, AuthError};
use crate::event::{CacheResult, Measurement};
use crate::http::BearerToken;
use crate::store::AuthUser;
use crate::token::{TokenKind, VerifiedClaims};
use crate::types::{Epoch, SessionId, UserId};

/// Authenticates an access token, from the cache if it holds a valid entry.
pub(crate) async fn authenticate<U: AuthUser>(
    inner: &Shared<U>,
    bearer: &BearerToken,
) -> Result<Identity<U>, Failure> {
    let claims = verify(inner, bearer.expose())?;
    let session = async {
        let (session, epoch) = session_of(&claims)?;
        match find_cached(inner, &claims, session, epoch) {
            Some(session) => Ok(session),
            None => read(inner, &claims, session, epoch).await,
        }
    };
    identify(inner, &claims, session.await)
}

fn find_cached<U: AuthUser>(
    inner: &Inner<U>,
    claims: &VerifiedClaims,
    session: SessionId,
    epoch: Epoch,
) -> Option<Arc<CachedSession<U>>> {
    let found = inner.cache.as_ref()?.get(session, claims, epoch, inner.now());
    let result = if found.is_some() { CacheResult::Hit } else { CacheResult::Miss };
    inner.meter.record(|| Measurement::CacheLookup { result });
    found
}

/// Authenticates an access token from the stores, never from the cache. Endpoints that change
/// something, or that show the present state, use it.
pub(crate) async fn authenticate_uncached<U: AuthUser>(
    inner: &Shared<U>,
    token: &str,
) -> Result<Identity<U>, Failure> {
    let claims = verify(inner, token)?;
    let session = async {
        let (session, epoch) = session_of(&claims)?;
        read(inner, &claims, session, epoch).await
    };
    identify(inner, &claims, session.await)
}

/// The identity of a verified token, or a failure that names its user and session.
fn identify<U: AuthUser>(
    inner: &Shared<U>,
    claims: &Arc<VerifiedClaims>,
    session: Result<Arc<CachedSession<U>>, AuthError>,
) -> Result<Identity<U>, Failure> {
    match session {
        Ok(session) => Ok(Identity::new(inner.inner(), Arc::clone(claims), &session)),
        Err(kind) => Err(Failure::about(kind, claims)),
    }
}

/// The session and epoch that an access token of ours names.
pub(crate) fn session_of(claims: &VerifiedClaims) -> Result<(SessionId, Epoch), AccessError> {
    claims.session().zip(claims.epoch()).ok_or(AccessError::Sessionless)
}

/// Reads session and user from the stores, and caches them.
///
/// The snapshot is taken before the stores are read. A revocation in between invalidates it, so a
/// read that is older than the revocation never stays in the cache.
async fn read<U: AuthUser>(
    inner: &Shared<U>,
    claims: &VerifiedClaims,
    session: SessionId,
    epoch: Epoch,
) -> Result<Arc<CachedSession<U>>, AuthError> {
    let cache = inner.cache.as_ref();
    let snapshot = cache.and_then(|cache| cache.snapshot(session, claims.subject(), inner.now()));
    let session = Arc::new(read_stores(inner, claims, session, epoch).await?);
    if let (Some(cache), Some(snapshot)) = (cache, snapshot) {
        cache.insert(Arc::clone(&session), snapshot);
    }
    Ok(session)
}

async fn read_stores<U: AuthUser>(
    inner: &Shared<U>,
    claims: &VerifiedClaims,
    session: SessionId,
    epoch: Epoch,
) -> Result<CachedSession<U>, AuthError> {
    let session =
        LiveSession::check(inner.sessions.find(claims.subject(), session).await?, claims, inner.now())?;
    if session.get().epoch != epoch {
        return Err(AccessError::EpochReplaced.into());
    }
    let user = ActiveUser::check(find_user(inner, claims.subject()).await?, epoch)?;
    Ok(CachedSession::join(&session, epoch, user)?)
}

/// Verifies an access token's signature and claims, without any store.
pub(crate) fn verify<U>(inner: &Inner<U>, token: &str) -> Result<Arc<VerifiedClaims>, AuthError> {
    let verified = inner.verifier.verify(TokenKind::Access, token, inner.now());
    Ok(verified.map_err(AccessError::Token)?)
}

/// Loads the user with this id, and guards against a store that returns another user. Reports an unknown role.
pub(crate) async fn find_user<U: AuthUser>(inner: &Shared<U>, id: &UserId) -> Result<Option<U>, AuthError> {
    let user = inner.users.find_by_id(id).await?.filter(|user| user.id() == *id);
    user.iter().for_each(|user| inner.report_unknown_role(user));
    Ok(user)
}
