//! Sessions and the rotation of their refresh tokens.

use async_trait::async_trait;
use gatewright_core::store::{RotationState, StateChange, TokenDigest};
use gatewright_core::{
    ClientInfo, Rotation, RotationRequest, Session, SessionId, SessionStore, StoreError, Timestamp,
    UserAgent, UserId,
};

use crate::Failure;
use crate::connection::{Outcome, Transaction};
use crate::dialect::Dialect;
use crate::row::Row;
use crate::sql::{
    DELETE_ALL, DELETE_SESSION, DELETE_UP_TO, FIND_SESSION, FIND_SURPLUS, INSERT_SESSION, LIST_SESSIONS,
    UPDATE_ROTATION,
};
use crate::statement::Statement;
use crate::store::SqlStore;

/// The largest number of expired sessions that one transaction deletes. Short transactions keep
/// logins from waiting.
const DELETE_BATCH: u32 = 1_000;

#[async_trait]
impl<D: Dialect> SessionStore for SqlStore<D> {
    async fn create(&self, session: &Session, current: TokenDigest, limit: u32) -> Result<u64, StoreError> {
        D::RETRY
            .run("create a session", || async {
                let mut transaction = self.pools.begin().await?;
                let deleted = create(&mut transaction, session, current, limit).await;
                transaction.end(deleted.map(Outcome::Commit)).await
            })
            .await
    }

    async fn find(&self, user: &UserId, id: SessionId) -> Result<Option<Session>, StoreError> {
        let select = || by_id(FIND_SESSION, user, id);
        self.pools.fetch_optional("find a session", select, Row::session).await
    }

    async fn list(&self, user: &UserId) -> Result<Vec<Session>, StoreError> {
        let select = || Statement::new(LIST_SESSIONS).text(user.as_str());
        self.pools.fetch_all("list a user's sessions", select, Row::session).await
    }

    async fn rotate(&self, request: &RotationRequest) -> Result<Rotation, StoreError> {
        D::RETRY
            .run("rotate a refresh token", || async {
                let mut transaction = self.pools.begin().await?;
                let outcome = rotate(&mut transaction, request).await;
                transaction.end(outcome).await
            })
            .await
    }

    async fn delete(&self, user: &UserId, id: SessionId) -> Result<(), StoreError> {
        let delete = || by_id(DELETE_SESSION, user, id);
        self.pools.execute("delete a session", delete).await.map(drop)
    }

    async fn delete_all(&self, user: &UserId) -> Result<(), StoreError> {
        let delete = || Statement::new(DELETE_ALL).text(user.as_str());
        self.pools.execute("delete a user's sessions", delete).await.map(drop)
    }

    async fn replace_all(&self, new: &Session, current: TokenDigest) -> Result<(), StoreError> {
        D::RETRY
            .run("replace a user's sessions", || async {
                let mut transaction = self.pools.begin().await?;
                let replaced = replace_all(&mut transaction, new, current).await;
                transaction.end(replaced.map(Outcome::Commit)).await
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

/// A statement whose values are the ids of a session and its user.
fn by_id<D: Dialect>(statement: &'static str, user: &UserId, id: SessionId) -> Statement<D> {
    Statement::new(statement).text(&*id.to_string()).text(user.as_str())
}

/// Inserts a session and deletes the user's oldest ones beyond the limit. Returns how many it
/// deleted.
async fn create<D: Dialect>(
    transaction: &mut Transaction<D>,
    session: &Session,
    current: TokenDigest,
    limit: u32,
) -> Result<u64, Failure> {
    lock_logins(transaction, &session.user).await?;
    let user = session.user.as_str();
    insert(transaction, session, current).await?;
    let surplus = Statement::new(FIND_SURPLUS).text(user).number(limit.into());
    let Some(newest) = transaction.fetch_optional(surplus).await? else { return Ok(0) };
    let delete = Statement::new(DELETE_UP_TO).text(user).number(newest.number("seq")?);
    Ok(transaction.execute(delete).await?)
}

async fn rotate<D: Dialect>(
    transaction: &mut Transaction<D>,
    request: &RotationRequest,
) -> Result<Outcome<Rotation>, Failure> {
    let (user, id) = (&request.user, request.session);
    let row = transaction.fetch_optional(by_id(D::LOCK_SESSION, user, id)).await?;
    let Some(row) = row else { return Ok(Outcome::RollBack(Rotation::Unknown)) };
    let (mut session, mut state) = (row.session()?, row.rotation()?);
    let (rotation, change) = state.rotate(request);
    session.apply(&rotation);
    let statement = match change {
        StateChange::Keep => return Ok(Outcome::RollBack(rotation)),
        StateChange::Replace => {
            with_state(Statement::new(UPDATE_ROTATION), &session, &state).text(&*id.to_string())
        }
        StateChange::Delete => by_id(DELETE_SESSION, user, id),
    };
    transaction.execute(statement).await?;
    Ok(Outcome::Commit(rotation))
}

async fn replace_all<D: Dialect>(
    transaction: &mut Transaction<D>,
    new: &Session,
    current: TokenDigest,
) -> Result<(), Failure> {
    lock_logins(transaction, &new.user).await?;
    transaction.execute(Statement::new(DELETE_ALL).text(new.user.as_str())).await?;
    insert(transaction, new, current).await
}

/// Makes calls that create sessions of one user run one after the other.
async fn lock_logins<D: Dialect>(transaction: &mut Transaction<D>, user: &UserId) -> Result<(), Failure> {
    if let Some(lock) = D::LOCK_LOGINS {
        transaction.execute(Statement::new(lock).text(user.as_str())).await?;
    }
    Ok(())
}

async fn insert<D: Dialect>(
    transaction: &mut Transaction<D>,
    session: &Session,
    current: TokenDigest,
) -> Result<(), Failure> {
    let insert = Statement::new(INSERT_SESSION)
        .text(&*session.id.to_string())
        .text(session.user.as_str())
        .epoch(session.epoch)
        .bytes(session.seed.expose().as_slice())
        .text(session.scopes.as_str())
        .time(session.created_at);
    let insert = with_client(insert, &session.client).time(session.expires_at);
    transaction.execute(with_state(insert, session, &session.rotation(current))).await?;
    Ok(())
}

/// Binds what a rotation can change, in the order in which the statements name the columns.
fn with_state<D: Dialect>(statement: Statement<D>, session: &Session, state: &RotationState) -> Statement<D> {
    let statement = statement
        .time(session.last_used_at)
        .time(session.earlier_used_at)
        .time(session.idle_expires_at)
        .bytes(state.current.as_bytes().as_slice())
        .bytes(&*state.encode_used())
        .time(state.rotated_at);
    with_client(statement, &state.rotated_by)
        .number(state.foreign_graces.into())
        .flag(state.foreign_grace_seen)
}

/// Binds address and user agent.
fn with_client<D: Dialect>(statement: Statement<D>, client: &ClientInfo) -> Statement<D> {
    let address = client.address.map(|address| address.to_string());
    statement.text(address.as_deref()).text(client.user_agent.as_ref().map(UserAgent::as_str))
}
