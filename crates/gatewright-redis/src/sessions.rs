//! The session store.
//!
//! All sessions of a user are in one key: a Redis hash with a field per session. An operation is one
//! command or one script on that key, except `rotate` (a compare-and-swap loop) and `delete_expired`
//! (a scan over all keys).

use std::time::Duration;

use async_trait::async_trait;
use gatewright_core::store::{StateChange, TokenDigest};
use gatewright_core::{
    Rotation, RotationRequest, Session, SessionId, SessionStore, StoreError, Timestamp, UserId,
};
use redis::cmd;
use tokio::time::Instant;

use crate::connection::call_deadline;
use crate::failure::{Result, store_error};
use crate::record::{Record, sortable};
use crate::scripts::{COMPARE_AND_SWAP, CREATE, DELETE_EXPIRED, REPLACE_ALL};
use crate::store::RedisStore;

/// How long a key is kept after its last session expired. The callers' clocks decide when a session
/// expires, and they may be set back.
const KEY_TTL_MARGIN: Duration = Duration::from_secs(86_400);

/// How many times a rotation is attempted. Each conflict means that another call on the same session
/// succeeded.
const MAX_ROTATION_ATTEMPTS: usize = 10;

/// About how many keys one `SCAN` examines.
const SCAN_COUNT: usize = 1_000;

#[async_trait]
impl SessionStore for RedisStore {
    async fn create(&self, session: &Session, current: TokenDigest, limit: u32) -> Result<u64, StoreError> {
        self.create_session(session, current, limit).await.map_err(store_error("create a session"))
    }

    async fn find(&self, user: &UserId, id: SessionId) -> Result<Option<Session>, StoreError> {
        self.find_session(user, id).await.map_err(store_error("find a session"))
    }

    async fn list(&self, user: &UserId) -> Result<Vec<Session>, StoreError> {
        self.list_sessions(user).await.map_err(store_error("list a user's sessions"))
    }

    /// A lock-free compare-and-swap loop: it reads the record, calls `RotationState::rotate`, and
    /// writes the result if the record has not changed meanwhile. The rules of rotation are not
    /// repeated in Lua.
    async fn rotate(&self, request: &RotationRequest) -> Result<Rotation, StoreError> {
        self.rotate_token(request).await.map_err(store_error("rotate a refresh token"))
    }

    async fn delete(&self, user: &UserId, id: SessionId) -> Result<(), StoreError> {
        let mut command = cmd("HDEL");
        command.arg(self.prefix.sessions_key(user)).arg(id.to_string());
        self.connection.query(&command, call_deadline()).await.map_err(store_error("delete a session"))
    }

    async fn delete_all(&self, user: &UserId) -> Result<(), StoreError> {
        let mut command = cmd("DEL");
        command.arg(self.prefix.sessions_key(user));
        let deleted = self.connection.query(&command, call_deadline()).await;
        deleted.map_err(store_error("delete a user's sessions"))
    }

    async fn replace_all(&self, new: &Session, current: TokenDigest) -> Result<(), StoreError> {
        self.replace_sessions(new, current).await.map_err(store_error("replace a user's sessions"))
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.delete_expired_sessions(&sortable(now)).await.map_err(store_error("delete expired sessions"))
    }
}

/// How long the key is needed for this session, in milliseconds.
fn key_ttl(session: &Session) -> String {
    let lifetime = session.expires_at.as_micros().saturating_sub(session.created_at.as_micros());
    Duration::from_micros(lifetime).saturating_add(KEY_TTL_MARGIN).as_millis().to_string()
}

/// What a rotation does to the session's record.
enum Write {
    Replace(String),
    Delete,
}

impl RedisStore {
    async fn create_session(&self, session: &Session, current: TokenDigest, limit: u32) -> Result<u64> {
        let record = Record::new(session, current).without_seq()?;
        let ttl = key_ttl(session);
        let (key, id) = (self.prefix.sessions_key(&session.user), session.id.to_string());
        let (now, limit) = (sortable(session.created_at), limit.to_string());
        CREATE.run(&self.connection, &key, &[&id, &record, &now, &limit, &ttl], call_deadline()).await
    }

    async fn replace_sessions(&self, new: &Session, current: TokenDigest) -> Result<()> {
        let record = Record::new(new, current).without_seq()?;
        let (key, id, ttl) = (self.prefix.sessions_key(&new.user), new.id.to_string(), key_ttl(new));
        REPLACE_ALL.run(&self.connection, &key, &[&id, &record, &ttl], call_deadline()).await
    }

    async fn find_session(&self, user: &UserId, id: SessionId) -> Result<Option<Session>> {
        let text = self.read(user, id, call_deadline()).await?;
        text.map(|text| Ok(Record::parse(user, id, &text)?.session)).transpose()
    }

    async fn read(&self, user: &UserId, id: SessionId, deadline: Instant) -> Result<Option<String>> {
        let mut command = cmd("HGET");
        command.arg(self.prefix.sessions_key(user)).arg(id.to_string());
        self.connection.query(&command, deadline).await
    }

    async fn list_sessions(&self, user: &UserId) -> Result<Vec<Session>> {
        let mut command = cmd("HGETALL");
        command.arg(self.prefix.sessions_key(user));
        let fields: Vec<(String, String)> = self.connection.query(&command, call_deadline()).await?;
        let records = fields.iter().map(|(id, text)| Record::parse(user, id.parse()?, text));
        let mut records = records.collect::<Result<Vec<Record>>>()?;
        records.sort_by_key(|record| record.seq);
        Ok(records.into_iter().map(|record| record.session).collect())
    }

    async fn rotate_token(&self, request: &RotationRequest) -> Result<Rotation> {
        let deadline = call_deadline();
        for _ in 0..MAX_ROTATION_ATTEMPTS {
            let Some(expected) = self.read(&request.user, request.session, deadline).await? else {
                return Ok(Rotation::Unknown);
            };
            let mut record = Record::parse(&request.user, request.session, &expected)?;
            let (rotation, change) = record.rotation.rotate(request);
            record.session.apply(&rotation);
            let write = match change {
                StateChange::Keep => return Ok(rotation),
                StateChange::Replace => Write::Replace(record.to_text()?),
                StateChange::Delete => Write::Delete,
            };
            if self.compare_and_swap(request, &expected, &write, deadline).await? {
                return Ok(rotation);
            }
        }
        Err(format!("gave up after {MAX_ROTATION_ATTEMPTS} conflicting updates").into())
    }

    /// Writes if the session's record still is `expected`. Returns whether it was.
    async fn compare_and_swap(
        &self,
        request: &RotationRequest,
        expected: &str,
        write: &Write,
        deadline: Instant,
    ) -> Result<bool> {
        let (key, id) = (self.prefix.sessions_key(&request.user), request.session.to_string());
        let arguments: &[&str] = match write {
            Write::Replace(record) => &[&id, expected, "replace", record],
            Write::Delete => &[&id, expected, "delete"],
        };
        COMPARE_AND_SWAP.run(&self.connection, &key, arguments, deadline).await
    }

    /// Deletes the expired sessions of all users, one user's key at a time, so that no other call
    /// waits long. Every command has a deadline of its own.
    async fn delete_expired_sessions(&self, now: &str) -> Result<u64> {
        let mut deleted = 0;
        for slot in self.connection.primary_slots().await? {
            let mut cursor = 0_u64;
            loop {
                let mut scan = cmd("SCAN");
                scan.arg(cursor)
                    .arg("MATCH")
                    .arg(self.prefix.sessions_pattern())
                    .arg("COUNT")
                    .arg(SCAN_COUNT);
                let (next, keys): (u64, Vec<String>) =
                    self.connection.query_at(slot, &scan, call_deadline()).await?;
                for key in keys {
                    deleted +=
                        DELETE_EXPIRED.run::<u64>(&self.connection, &key, &[now], call_deadline()).await?;
                }
                if next == 0 {
                    break;
                }
                cursor = next;
            }
        }
        Ok(deleted)
    }
}
