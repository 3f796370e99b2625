//! Sessions and the rotation of their refresh tokens.

use std::time::Duration;

use async_trait::async_trait;
use gatewright_core::store::{MAX_EXPIRED_PER_LOGIN, RotationState, StateChange, TokenDigest};
use gatewright_core::{
    ClientInfo, Rotation, RotationRequest, Session, SessionId, SessionStore, StoreError, Timestamp,
    UserAgent, UserId,
};

use crate::Failure;
use crate::connection::{Outcome, Pools, Transaction};
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

/// The number of rows in `gatewright_session_locks`. Logins of users that share a row wait for each
/// other.
const STRIPES: u64 = 256;

#[async_trait]
impl<D: Dialect> SessionStore for SqlStore<D> {
    async fn create(&self, session: &Session, current: TokenDigest, limit: u32) -> Result<u64, StoreError> {
        let deleted = D::RETRY
            .run("create a session", || async {
                let mut transaction = self.pools.begin().await?;
                let deleted = create(&mut transaction, session, current, limit).await;
                transaction.end(deleted.map(Outcome::Commit)).await
            })
            .await?;
        delete_some_expired(&self.pools, session.created_at).await;
        Ok(deleted)
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
        let delete = || expired(now, DELETE_BATCH);
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

/// Deletes sessions that expired before `now`, after a login has been committed. A failure does not concern
/// the login, and a later login deletes them: so it is not reported. `delete_expired` reports its own.
async fn delete_some_expired<D: Dialect>(pools: &Pools<D>, now: Timestamp) {
    let before = now.saturating_sub(Duration::from_micros(1));
    let delete = || expired(before, MAX_EXPIRED_PER_LOGIN);
    let _deleted_or_not = pools.execute("delete expired sessions", delete).await;
}

/// A statement whose values are the ids of a session and its user.
fn by_id<D: Dialect>(statement: &'static str, user: &UserId, id: SessionId) -> Statement<D> {
    Statement::new(statement).text(&*id.to_string()).text(user.as_str())
}

/// Deletes the sessions that had expired at `now`, at most `limit`.
fn expired<D: Dialect>(now: Timestamp, limit: u32) -> Statement<D> {
    Statement::delete_expired(D::DELETE_EXPIRED, now, limit)
}

/// Waits for other calls that create sessions of this user, and makes later ones wait until the
/// transaction ends.
///
/// The lock is one of [`STRIPES`] rows, not an advisory lock: every role that may connect can take
/// an advisory lock, and block the logins of a user with it.
async fn lock_logins<D: Dialect>(transaction: &mut Transaction<D>, user: &UserId) -> Result<(), Failure> {
    lock_stripe(transaction, stripe(user)).await
}

/// Locks a row of `gatewright_session_locks` until the transaction ends.
pub(crate) async fn lock_stripe<D: Dialect>(
    transaction: &mut Transaction<D>,
    stripe: i64,
) -> Result<(), Failure> {
    let Some(lock) = D::LOCK_LOGINS else { return Ok(()) };
    match transaction.fetch_optional(Statement::new(lock).number(stripe)).await? {
        Some(_) => Ok(()),
        None => Err(format!(
            "gatewright_session_locks: must have the rows 0 to {}; insert the row {stripe}",
            STRIPES - 1
        )
        .into()),
    }
}

/// The row that logins of this user lock. All nodes of all versions must agree on it, so it is
/// computed here (FNV-1a) and not by a hash function of the database.
fn stripe(user: &UserId) -> i64 {
    let hash = user.as_str().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    (hash % STRIPES).cast_signed()
}

/// Inserts a session and deletes the user's oldest ones beyond the limit. Returns how many of these
/// it deleted.
async fn create<D: Dialect>(
    transaction: &mut Transaction<D>,
    session: &Session,
    current: TokenDigest,
    limit: u32,
) -> Result<u64, Failure> {
    lock_logins(transaction, &session.user).await?;
    let user = session.user.as_str();
    insert(transaction, session, current).await?;
    delete_surplus(transaction, user, limit).await
}

/// Deletes the user's oldest sessions beyond the limit, and returns how many.
async fn delete_surplus<D: Dialect>(
    transaction: &mut Transaction<D>,
    user: &str,
    limit: u32,
) -> Result<u64, Failure> {
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
        .time(session.created_at)
        .time(session.auth_time)
        .text(Some(session.amr.as_str()).filter(|methods| !methods.is_empty()));
    let insert = with_client(insert, &session.client).time(session.expires_at);
    transaction.execute(with_state(insert, session, &session.rotation(current))).await?;
    Ok(())
}

/// Binds what a rotation can change, in the order in which the statements name the columns.
fn with_state<D: Dialect>(statement: Statement<D>, session: &Session, state: &RotationState) -> Statement<D> {
    let statement = statement
        .time(session.last_used_at)
        .time(session.pending_used_at)
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn users_are_spread_over_all_rows_and_a_user_keeps_its_row() {
        let stripe_of = |id: &str| stripe(&UserId::new(id).unwrap());
        // FNV-1a of "a" and of "foobar", from the test vectors of its authors, modulo 256.
        assert_eq!((stripe_of("a"), stripe_of("foobar")), (0x8c, 0xe8));
        let rows: HashSet<i64> = (0..4_096).map(|number| stripe_of(&format!("user {number}"))).collect();
        assert_eq!(rows.len(), 256);
        assert!(rows.iter().all(|row| (0..256).contains(row)));
    }
}
