//! From a bearer token to an identity: verify, session, user.

use std::sync::Arc;

use crate::auth::Inner;
use crate::credential::Bearer;
use crate::error::{AccessRefusal, AuthError};
use crate::id::UserId;
use crate::identity::{ActiveUser, Identity, LiveSession};
use crate::store::AuthUser;
use crate::token::{TokenKind, VerifiedClaims};

/// Recognises the bearer of an access token.
pub(crate) async fn authenticate<U: AuthUser>(
    inner: &Arc<Inner<U>>,
    bearer: &Bearer,
) -> Result<Identity<U>, AuthError> {
    let claims = verify(inner, bearer)?;
    let (Some(session), Some(epoch)) = (claims.session, claims.epoch) else {
        return Err(AccessRefusal::Sessionless.into());
    };
    let session = LiveSession::judge(inner.sessions.find(session).await?, &claims, inner.now())?;
    if session.get().epoch != epoch {
        return Err(AccessRefusal::EpochReplaced.into());
    }
    let user = ActiveUser::judge(find_user(inner, &claims.subject).await?, epoch)?;
    Ok(Identity::new(inner, claims, &session, user))
}

/// Believes an access token's claims, and asks no store.
pub(crate) fn verify<U>(inner: &Inner<U>, bearer: &Bearer) -> Result<VerifiedClaims, AuthError> {
    let verified = inner.verifier.verify(TokenKind::Access, bearer.expose(), inner.now());
    Ok(verified.map_err(AccessRefusal::Token)?)
}

/// The user with this id and no other: a store that answers with somebody else is not believed.
pub(crate) async fn find_user<U: AuthUser>(inner: &Inner<U>, id: &UserId) -> Result<Option<U>, AuthError> {
    let user = inner.users.find_by_id(id).await?;
    Ok(user.filter(|user| user.id() == *id))
}
