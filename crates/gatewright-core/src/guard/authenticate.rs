//! From a bearer token to an identity: verify, session, user.

use std::sync::Arc;

use super::identity::Identity;
use crate::auth::Inner;
use crate::cache::{ActiveUser, CachedSession, LiveSession};
use crate::error::{AccessError, AuthError};
use crate::http::BearerToken;
use crate::store::AuthUser;
use crate::token::{TokenKind, VerifiedClaims};
use crate::types::{Epoch, SessionId, UserId};

/// Recognises the bearer of an access token, by what is remembered where that lets them in.
pub(crate) async fn authenticate<U: AuthUser>(
    inner: &Arc<Inner<U>>,
    bearer: &BearerToken,
) -> Result<Identity<U>, AuthError> {
    let claims = verify(inner, bearer.expose())?;
    let (session, epoch) = session_of(&claims)?;
    let known = inner.cache.as_ref().and_then(|cache| cache.get(session, &claims, epoch, inner.now()));
    let pair = match known {
        Some(pair) => pair,
        None => read(inner, &claims, session, epoch).await?,
    };
    Ok(Identity::new(inner, claims, &pair))
}

/// Recognises the holder of an access token by the stores alone: for endpoints that change something, or show what is
/// there at this moment.
pub(crate) async fn authenticate_uncached<U: AuthUser>(
    inner: &Arc<Inner<U>>,
    token: &str,
) -> Result<Identity<U>, AuthError> {
    let claims = verify(inner, token)?;
    let (session, epoch) = session_of(&claims)?;
    let pair = read(inner, &claims, session, epoch).await?;
    Ok(Identity::new(inner, claims, &pair))
}

pub(crate) fn session_of(claims: &VerifiedClaims) -> Result<(SessionId, Epoch), AccessError> {
    claims.session.zip(claims.epoch).ok_or(AccessError::Sessionless)
}

/// Reads session and user, and remembers them if both live.
async fn read<U: AuthUser>(
    inner: &Inner<U>,
    claims: &VerifiedClaims,
    session: SessionId,
    epoch: Epoch,
) -> Result<Arc<CachedSession<U>>, AuthError> {
    let cache = inner.cache.as_ref();
    let snapshot = cache.and_then(|cache| cache.snapshot(session, &claims.subject, inner.now()));
    let pair = Arc::new(read_stores(inner, claims, session, epoch).await?);
    if let (Some(cache), Some(snapshot)) = (cache, snapshot) {
        cache.insert(Arc::clone(&pair), snapshot);
    }
    Ok(pair)
}

async fn read_stores<U: AuthUser>(
    inner: &Inner<U>,
    claims: &VerifiedClaims,
    session: SessionId,
    epoch: Epoch,
) -> Result<CachedSession<U>, AuthError> {
    let session =
        LiveSession::judge(inner.sessions.find(&claims.subject, session).await?, claims, inner.now())?;
    if session.get().epoch != epoch {
        return Err(AccessError::EpochReplaced.into());
    }
    let user = ActiveUser::judge(find_user(inner, &claims.subject).await?, epoch)?;
    Ok(CachedSession::join(&session, epoch, user)?)
}

/// Believes an access token's claims, and asks no store.
pub(crate) fn verify<U>(inner: &Inner<U>, token: &str) -> Result<VerifiedClaims, AuthError> {
    let verified = inner.verifier.verify(TokenKind::Access, token, inner.now());
    Ok(verified.map_err(AccessError::Token)?)
}

/// The user with this id and no other: a store that answers with somebody else is not believed.
pub(crate) async fn find_user<U: AuthUser>(inner: &Inner<U>, id: &UserId) -> Result<Option<U>, AuthError> {
    let user = inner.users.find_by_id(id).await?;
    Ok(user.filter(|user| user.id() == *id))
}
