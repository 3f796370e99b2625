//! Sessions and the rotation of their refresh tokens.

use async_trait::async_trait;
use gatewright_core::store::{RotationState, TokenDigest};
use gatewright_core::{
    Epoch, Rotation, RotationRequest, Session, SessionId, SessionStore, StoreError, Timestamp, UserAgent,
    UserId,
};

use crate::Parsed;
use crate::connection::{Checkout, Outcome};
use crate::dialect::Dialect;
use crate::row::Row;
use crate::sql::{
    DELETE_ALL, DELETE_OTHERS, DELETE_SESSION, DELETE_UP_TO, FIND_SESSION, FIND_SURPLUS, INSERT_SESSION,
    LIST_SESSIONS, UPDATE_EPOCH, UPDATE_ROTATION,
};
use crate::statement::Statement;
use crate::store::SqlStore;

/// How many expired sessions one transaction deletes at most, so that a login never waits for a long one.
const DELETE_BATCH: u32 = 1_000;

#[async_trait]
impl<D: Dialect> SessionStore for SqlStore<D> {
    async fn create(&self, session: &Session, current: TokenDigest, limit: u32) -> Result<u64, StoreError> {
        D::RETRY
            .run("create a session", || async {
                let mut connection = D::Checkout::begin(&self.pools).await?;
                let deleted = create::<D>(&mut connection, session, current, limit).await;
                connection.end(deleted.map(Outcome::Commit)).await
            })
            .await
    }

    async fn find(&self, user: &UserId, id: SessionId) -> Result<Option<Session>, StoreError> {
        let select = || of_session(FIND_SESSION, user, id);
        self.pools.fetch_optional("find a session", select, Row::session).await
    }

    async fn list(&self, user: &UserId) -> Result<Vec<Session>, StoreError> {
        let select = || Statement::new(LIST_SESSIONS).text(user.as_str());
        self.pools.fetch_all("list a user's sessions", select, Row::session).await
    }

    async fn rotate(&self, request: &RotationRequest) -> Result<Rotation, StoreError> {
        D::RETRY
            .run("rotate a refresh token", || async {
                let mut connection = D::Checkout::begin(&self.pools).await?;
                let outcome = rotate::<D>(&mut connection, request).await;
                connection.end(outcome).await
            })
            .await
    }

    async fn delete(&self, user: &UserId, id: SessionId) -> Result<(), StoreError> {
        let delete = || of_session(DELETE_SESSION, user, id);
        self.pools.execute("delete a session", delete).await.map(drop)
    }

    async fn delete_all(&self, user: &UserId) -> Result<(), StoreError> {
        let delete = || Statement::new(DELETE_ALL).text(user.as_str());
        self.pools.execute("delete a user's sessions", delete).await.map(drop)
    }

    async fn delete_others(&self, user: &UserId, keep: SessionId, epoch: Epoch) -> Result<(), StoreError> {
        D::RETRY
            .run("delete a user's other sessions", || async {
                let mut connection = D::Checkout::begin(&self.pools).await?;
                let deleted = delete_others::<D>(&mut connection, user, keep, epoch).await;
                connection.end(deleted.map(Outcome::Commit)).await
            })
            .await
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        let delete = || Statement::new(D::DELETE_EXPIRED).time(now).number(DELETE_BATCH.into());
        let mut total = 0;
        loop {
            let deleted = self.pools.execute("delete expired sessions", delete).await?;
            total += deleted;
            if deleted < DELETE_BATCH.into() {
                return Ok(total);
            }
        }
    }
}

/// A statement whose only values are a session's id and its user's id.
fn of_session<D: Dialect>(statement: &'static str, user: &UserId, id: SessionId) -> Statement<D> {
    Statement::new(statement).text(&*id.to_string()).text(user.as_str())
}

/// Inserts a session and deletes the user's oldest ones beyond the limit. Returns how many it deleted.
async fn create<D: Dialect>(
    connection: &mut D::Connection,
    session: &Session,
    current: TokenDigest,
    limit: u32,
) -> Parsed<u64> {
    let user = session.user.as_str();
    if let Some(lock) = D::LOCK_LOGINS {
        Statement::<D>::new(lock).text(user).execute(connection).await?;
    }
    insert::<D>(connection, session, current).await?;
    let surplus = Statement::<D>::new(FIND_SURPLUS).text(user).number(limit.into());
    let Some(newest) = surplus.fetch_optional(connection).await? else { return Ok(0) };
    let delete = Statement::<D>::new(DELETE_UP_TO).text(user).number(newest.number("seq")?);
    Ok(delete.execute(connection).await?)
}

async fn rotate<D: Dialect>(
    connection: &mut D::Connection,
    request: &RotationRequest,
) -> Parsed<Outcome<Rotation>> {
    let (user, id) = (&request.user, request.session);
    let row = of_session::<D>(D::LOCK_SESSION, user, id).fetch_optional(connection).await?;
    let Some(row) = row else { return Ok(Outcome::RollBack(Rotation::Unknown)) };
    let mut state = row.rotation()?;
    let verdict = state.rotate(request);
    let statement = match verdict {
        Rotation::Rotated(_) => update_rotation(id, &state),
        Rotation::Reused => of_session::<D>(DELETE_SESSION, user, id),
        _ => return Ok(Outcome::RollBack(verdict)),
    };
    statement.execute(connection).await?;
    Ok(Outcome::Commit(verdict))
}

async fn delete_others<D: Dialect>(
    connection: &mut D::Connection,
    user: &UserId,
    keep: SessionId,
    epoch: Epoch,
) -> Parsed<()> {
    let update = Statement::<D>::new(UPDATE_EPOCH).epoch(epoch).text(user.as_str()).text(&*keep.to_string());
    update.execute(connection).await?;
    Statement::<D>::new(DELETE_OTHERS).text(user.as_str()).epoch(epoch).execute(connection).await?;
    Ok(())
}

async fn insert<D: Dialect>(
    connection: &mut D::Connection,
    session: &Session,
    current: TokenDigest,
) -> Parsed<()> {
    let address = session.client.address.map(|address| address.to_string());
    let insert = Statement::<D>::new(INSERT_SESSION)
        .text(&*session.id.to_string())
        .text(session.user.as_str())
        .epoch(session.epoch)
        .bytes(session.seed.expose().as_slice())
        .text(session.scopes.as_str())
        .time(session.created_at)
        .time(session.last_used_at)
        .time(session.idle_expires_at)
        .time(session.expires_at)
        .bytes(current.as_bytes().as_slice())
        .time(session.created_at)
        .text(address.as_deref())
        .text(session.client.user_agent.as_ref().map(UserAgent::as_str));
    insert.execute(connection).await?;
    Ok(())
}

fn update_rotation<D: Dialect>(id: SessionId, state: &RotationState) -> Statement<D> {
    Statement::new(UPDATE_ROTATION)
        .bytes(state.current.as_bytes().as_slice())
        .bytes(state.previous.as_ref().map(|digest| digest.as_bytes().as_slice()))
        .time(state.rotated_at)
        .time(state.rotated_at)
        .time(state.idle_expires_at)
        .text(&*id.to_string())
}
