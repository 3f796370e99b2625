//! From a bearer token to an identity: verify, session, user.

use std::sync::Arc;

use crate::auth::Inner;
use crate::credential::Bearer;
use crate::error::{AccessRefusal, AuthError};
use crate::id::{Epoch, SessionId, UserId};
use crate::identity::Identity;
use crate::proof::{ActiveUser, LivePair, LiveSession};
use crate::store::AuthUser;
use crate::token::{TokenKind, VerifiedClaims};

/// Recognises the bearer of an access token, by what is remembered where that lets them in.
pub(crate) async fn authenticate<U: AuthUser>(
    inner: &Arc<Inner<U>>,
    bearer: &Bearer,
) -> Result<Identity<U>, AuthError> {
    let claims = verify(inner, bearer.expose())?;
    let (session, epoch) = session_of(&claims)?;
    let known = inner.cache.as_ref().and_then(|cache| cache.find(session, &claims, epoch, inner.now()));
    let pair = match known {
        Some(pair) => pair,
        None => read(inner, &claims, session, epoch).await?,
    };
    Ok(Identity::new(inner, claims, &pair))
}

/// Recognises the holder of an access token by the stores alone: for endpoints that change something, or show what is
/// there at this moment.
pub(crate) async fn authenticate_anew<U: AuthUser>(
    inner: &Arc<Inner<U>>,
    token: &str,
) -> Result<Identity<U>, AuthError> {
    let claims = verify(inner, token)?;
    let (session, epoch) = session_of(&claims)?;
    let pair = read(inner, &claims, session, epoch).await?;
    Ok(Identity::new(inner, claims, &pair))
}

pub(crate) fn session_of(claims: &VerifiedClaims) -> Result<(SessionId, Epoch), AccessRefusal> {
    claims.session.zip(claims.epoch).ok_or(AccessRefusal::Sessionless)
}

/// Reads session and user, and remembers them if both live.
async fn read<U: AuthUser>(
    inner: &Inner<U>,
    claims: &VerifiedClaims,
    session: SessionId,
    epoch: Epoch,
) -> Result<Arc<LivePair<U>>, AuthError> {
    let cache = inner.cache.as_ref();
    let stamp = cache.and_then(|cache| cache.begin(session, &claims.subject, inner.now()));
    let pair = Arc::new(read_stores(inner, claims, session, epoch).await?);
    if let (Some(cache), Some(stamp)) = (cache, stamp) {
        cache.keep(Arc::clone(&pair), stamp);
    }
    Ok(pair)
}

async fn read_stores<U: AuthUser>(
    inner: &Inner<U>,
    claims: &VerifiedClaims,
    session: SessionId,
    epoch: Epoch,
) -> Result<LivePair<U>, AuthError> {
    let session =
        LiveSession::judge(inner.sessions.find(&claims.subject, session).await?, claims, inner.now())?;
    if session.get().epoch != epoch {
        return Err(AccessRefusal::EpochReplaced.into());
    }
    let user = ActiveUser::judge(find_user(inner, &claims.subject).await?, epoch)?;
    Ok(LivePair::join(&session, epoch, user)?)
}

/// Believes an access token's claims, and asks no store.
pub(crate) fn verify<U>(inner: &Inner<U>, token: &str) -> Result<VerifiedClaims, AuthError> {
    let verified = inner.verifier.verify(TokenKind::Access, token, inner.now());
    Ok(verified.map_err(AccessRefusal::Token)?)
}

/// The user with this id and no other: a store that answers with somebody else is not believed.
pub(crate) async fn find_user<U: AuthUser>(inner: &Inner<U>, id: &UserId) -> Result<Option<U>, AuthError> {
    let user = inner.users.find_by_id(id).await?;
    Ok(user.filter(|user| user.id() == *id))
}
