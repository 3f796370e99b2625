//! Sessions in SQLite.

use async_trait::async_trait;
use gatewright_core::store::{RotationState, TokenDigest};
use gatewright_core::{
    Epoch, Rotation, RotationRequest, Session, SessionId, SessionStore, StoreError, Timestamp, UserAgent,
    UserId,
};
use sqlx::query;
use sqlx::sqlite::SqliteConnection;

use super::{SqliteStore, broken};
use crate::row::{bits, micros, rotation, session};
use crate::statements::{
    END_ALL, END_OTHERS, END_SESSION, FIND_SESSION, INSERT_SESSION, KEEP_EPOCH, KEEP_ROTATION,
    session_columns,
};

const LIST_SESSIONS: &str =
    concat!("SELECT ", session_columns!(), " FROM gatewright_sessions WHERE user_id = ?1 ORDER BY rowid");

/// Sessions that are forgotten in one transaction, so that a login never waits for a long one.
const PURGE_BATCH: i64 = 1_000;

#[async_trait]
impl SessionStore for SqliteStore {
    async fn create(&self, session: &Session, current: TokenDigest, limit: u32) -> Result<u64, StoreError> {
        let action = "begin a session";
        let mut transaction = self.write(action).await?;
        insert(&mut transaction, session, current).await.map_err(broken(action))?;
        let end_oldest = query(
            "DELETE FROM gatewright_sessions WHERE id IN (SELECT id FROM gatewright_sessions
             WHERE user_id = ?1 ORDER BY rowid DESC LIMIT -1 OFFSET ?2)",
        )
        .bind(session.user.as_str())
        .bind(i64::from(limit));
        let ended = end_oldest.execute(&mut *transaction).await.map_err(broken(action))?;
        transaction.commit().await.map_err(broken(action))?;
        Ok(ended.rows_affected())
    }

    async fn find(&self, user: &UserId, id: SessionId) -> Result<Option<Session>, StoreError> {
        let select = query(FIND_SESSION).bind(id.to_string()).bind(user.as_str());
        let row = select.fetch_optional(self.readers()).await.map_err(broken("find a session"))?;
        row.as_ref().map(session).transpose().map_err(broken("read a session"))
    }

    async fn list(&self, user: &UserId) -> Result<Vec<Session>, StoreError> {
        let select = query(LIST_SESSIONS).bind(user.as_str());
        let rows = select.fetch_all(self.readers()).await.map_err(broken("list a user's sessions"))?;
        rows.iter().map(session).collect::<Result<_, _>>().map_err(broken("read a session"))
    }

    async fn rotate(&self, request: &RotationRequest) -> Result<Rotation, StoreError> {
        let action = "rotate a refresh token";
        let mut transaction = self.write(action).await?;
        let select = query(FIND_SESSION).bind(request.session.to_string()).bind(request.user.as_str());
        let row = select.fetch_optional(&mut *transaction).await.map_err(broken(action))?;
        let state = row.as_ref().map(rotation).transpose().map_err(broken("read a session"))?;
        let Some(mut state) = state else { return Ok(Rotation::Unknown) };
        let verdict = state.rotate(request);
        match verdict {
            Rotation::Rotated(_) => keep(&mut transaction, request.session, &state).await,
            Rotation::Reused => delete(&mut transaction, &request.user, request.session).await,
            _ => return Ok(verdict),
        }
        .map_err(broken(action))?;
        transaction.commit().await.map_err(broken(action))?;
        Ok(verdict)
    }

    async fn delete(&self, user: &UserId, id: SessionId) -> Result<(), StoreError> {
        let action = "end a session";
        let mut transaction = self.write(action).await?;
        delete(&mut transaction, user, id).await.map_err(broken(action))?;
        transaction.commit().await.map_err(broken(action))
    }

    async fn delete_all(&self, user: &UserId) -> Result<(), StoreError> {
        let action = "end a user's sessions";
        let mut transaction = self.write(action).await?;
        let delete = query(END_ALL).bind(user.as_str());
        delete.execute(&mut *transaction).await.map_err(broken(action))?;
        transaction.commit().await.map_err(broken(action))
    }

    async fn delete_others(&self, user: &UserId, kept: SessionId, epoch: Epoch) -> Result<(), StoreError> {
        let action = "end a user's other sessions";
        let mut transaction = self.write(action).await?;
        let keep = query(KEEP_EPOCH).bind(bits(epoch)).bind(user.as_str()).bind(kept.to_string());
        keep.execute(&mut *transaction).await.map_err(broken(action))?;
        let end_others = query(END_OTHERS).bind(user.as_str()).bind(bits(epoch));
        end_others.execute(&mut *transaction).await.map_err(broken(action))?;
        transaction.commit().await.map_err(broken(action))
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        let action = "forget expired sessions";
        let mut forgotten = 0;
        loop {
            let mut transaction = self.write(action).await?;
            let delete = query(
                "DELETE FROM gatewright_sessions WHERE rowid IN
                 (SELECT rowid FROM gatewright_sessions WHERE idle_expires_at <= ?1 LIMIT ?2)",
            )
            .bind(micros(now))
            .bind(PURGE_BATCH);
            let result = delete.execute(&mut *transaction).await.map_err(broken(action))?;
            transaction.commit().await.map_err(broken(action))?;
            forgotten += result.rows_affected();
            if result.rows_affected() < PURGE_BATCH.unsigned_abs() {
                return Ok(forgotten);
            }
        }
    }
}

async fn insert(
    connection: &mut SqliteConnection,
    session: &Session,
    current: TokenDigest,
) -> Result<(), sqlx::Error> {
    let insert = query(INSERT_SESSION)
        .bind(session.id.to_string())
        .bind(session.user.as_str())
        .bind(bits(session.epoch))
        .bind(session.seed.expose().as_slice())
        .bind(session.scopes.as_str())
        .bind(micros(session.created_at))
        .bind(micros(session.last_used_at))
        .bind(micros(session.idle_expires_at))
        .bind(micros(session.expires_at))
        .bind(current.as_bytes().as_slice())
        .bind(micros(session.created_at))
        .bind(session.client.address.map(|address| address.to_string()))
        .bind(session.client.user_agent.as_ref().map(UserAgent::as_str));
    insert.execute(connection).await.map(drop)
}

async fn keep(
    connection: &mut SqliteConnection,
    id: SessionId,
    state: &RotationState,
) -> Result<(), sqlx::Error> {
    let update = query(KEEP_ROTATION)
        .bind(state.current.as_bytes().as_slice())
        .bind(state.previous.as_ref().map(|digest| digest.as_bytes().as_slice()))
        .bind(micros(state.rotated_at))
        .bind(micros(state.rotated_at))
        .bind(micros(state.idle_expires_at))
        .bind(id.to_string());
    update.execute(connection).await.map(drop)
}

async fn delete(connection: &mut SqliteConnection, user: &UserId, id: SessionId) -> Result<(), sqlx::Error> {
    let delete = query(END_SESSION).bind(id.to_string()).bind(user.as_str());
    delete.execute(connection).await.map(drop)
}
