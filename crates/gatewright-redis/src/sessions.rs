//! Sessions in Redis.

use std::time::Duration;

use async_trait::async_trait;
use gatewright_core::rotation::TokenDigest;
use gatewright_core::{
    Epoch, Rotation, RotationRequest, Session, SessionId, SessionStore, StoreError, Timestamp, UserId,
};
use redis::cmd;
use tokio::time::Instant;

use crate::link::deadline;
use crate::record::{Record, moment};
use crate::script::{BEGIN, PURGE, REPLACE, RETAIN};
use crate::store::RedisStore;
use crate::{Parsed, broken};

/// How much longer than its sessions a key stays: clocks are set back, and the server's is not ours.
const MARGIN: Duration = Duration::from_secs(86_400);

/// How often a rotation is judged again because somebody else changed the session meanwhile. Each time somebody else got
/// on, so there is no waiting for each other; and who comes after a rotation changes nothing.
const ATTEMPTS: usize = 10;

/// How many keys are looked for at once.
const PURGE_BATCH: usize = 1_000;

#[async_trait]
impl SessionStore for RedisStore {
    async fn begin(&self, session: &Session, current: TokenDigest, limit: u32) -> Result<u64, StoreError> {
        self.begin_session(session, current, limit).await.map_err(broken("begin a session"))
    }

    async fn find(&self, user: &UserId, id: SessionId) -> Result<Option<Session>, StoreError> {
        let text = self.read(user, id, deadline()).await.map_err(broken("find a session"))?;
        let record = text.map(|text| Record::read(user, id, &text)).transpose();
        Ok(record.map_err(broken("read a session"))?.map(|record| record.session))
    }

    async fn list(&self, user: &UserId) -> Result<Vec<Session>, StoreError> {
        self.list_sessions(user).await.map_err(broken("list a user's sessions"))
    }

    /// Reads, judges, and writes if what was read still stands: the judgement is [`RotationState::rotate`] and not its
    /// translation into Lua, and no call waits for another.
    ///
    /// [`RotationState::rotate`]: gatewright_core::rotation::RotationState::rotate
    async fn rotate(&self, request: &RotationRequest) -> Result<Rotation, StoreError> {
        self.rotate_token(request).await.map_err(broken("rotate a refresh token"))
    }

    async fn end(&self, user: &UserId, id: SessionId) -> Result<(), StoreError> {
        let mut delete = cmd("HDEL");
        delete.arg(self.prefix.sessions(user)).arg(id.to_string());
        self.link.ask::<()>(&delete, deadline()).await.map_err(broken("end a session"))
    }

    async fn end_all(&self, user: &UserId) -> Result<(), StoreError> {
        let mut delete = cmd("DEL");
        delete.arg(self.prefix.sessions(user));
        self.link.ask::<()>(&delete, deadline()).await.map_err(broken("end a user's sessions"))
    }

    async fn retain(&self, user: &UserId, keep: SessionId, epoch: Epoch) -> Result<(), StoreError> {
        let (key, keep, epoch) = (self.prefix.sessions(user), keep.to_string(), epoch.to_string());
        let done = RETAIN.run::<()>(&self.link, &key, &[&keep, &epoch], deadline()).await;
        done.map_err(broken("end a user's other sessions"))
    }

    async fn purge_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.purge(&moment(now)).await.map_err(broken("forget expired sessions"))
    }
}

impl RedisStore {
    async fn begin_session(&self, session: &Session, current: TokenDigest, limit: u32) -> Parsed<u64> {
        let text = Record::begin(session, current).write()?;
        // The script writes the place, which it alone knows.
        let (_place, body) = text.split_at_checked(20).ok_or("a record has no head")?;
        let lifetime = session.expires_at.as_micros().saturating_sub(session.created_at.as_micros());
        let needed = Duration::from_micros(lifetime).saturating_add(MARGIN).as_millis().to_string();
        let (key, field) = (self.prefix.sessions(&session.user), session.id.to_string());
        let (now, limit) = (moment(session.created_at), limit.to_string());
        BEGIN.run(&self.link, &key, &[&field, body, &now, &limit, &needed], deadline()).await
    }

    async fn read(&self, user: &UserId, id: SessionId, until: Instant) -> Parsed<Option<String>> {
        let mut get = cmd("HGET");
        get.arg(self.prefix.sessions(user)).arg(id.to_string());
        self.link.ask(&get, until).await
    }

    async fn list_sessions(&self, user: &UserId) -> Parsed<Vec<Session>> {
        let mut get = cmd("HGETALL");
        get.arg(self.prefix.sessions(user));
        let fields: Vec<(String, String)> = self.link.ask(&get, deadline()).await?;
        let records = fields.iter().map(|(id, text)| Record::read(user, id.parse()?, text));
        let mut records = records.collect::<Parsed<Vec<Record>>>()?;
        records.sort_by_key(|record| record.place);
        Ok(records.into_iter().map(|record| record.session).collect())
    }

    async fn rotate_token(&self, request: &RotationRequest) -> Parsed<Rotation> {
        let until = deadline();
        for _ in 0..ATTEMPTS {
            let Some(judged) = self.read(&request.user, request.session, until).await? else {
                return Ok(Rotation::Unknown);
            };
            let mut record = Record::read(&request.user, request.session, &judged)?;
            let verdict = record.rotation.rotate(request);
            let next = match verdict {
                Rotation::Rotated(_) => record.rotated().write()?,
                Rotation::Reused => String::new(),
                _ => return Ok(verdict),
            };
            if self.replace(request, &judged, &next, until).await? {
                return Ok(verdict);
            }
        }
        Err("others changed the session again and again".into())
    }

    /// Writes what follows a record, unless the record is another one by now.
    async fn replace(
        &self,
        request: &RotationRequest,
        judged: &str,
        next: &str,
        until: Instant,
    ) -> Parsed<bool> {
        let (key, field) = (self.prefix.sessions(&request.user), request.session.to_string());
        REPLACE.run(&self.link, &key, &[&field, judged, next], until).await
    }

    /// Key by key, each in one step that no login waits for long, and each with a deadline of its own.
    async fn purge(&self, now: &str) -> Parsed<u64> {
        let mut forgotten = 0;
        for primary in self.link.primaries().await? {
            forgotten += self.purge_at(primary, now).await?;
        }
        Ok(forgotten)
    }

    async fn purge_at(&self, primary: Option<u16>, now: &str) -> Parsed<u64> {
        let mut forgotten = 0;
        let mut cursor = 0_u64;
        loop {
            let mut scan = cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(self.prefix.all_sessions()).arg("COUNT").arg(PURGE_BATCH);
            let (next, keys): (u64, Vec<String>) = self.link.ask_at(primary, &scan, deadline()).await?;
            for key in keys {
                forgotten += PURGE.run::<u64>(&self.link, &key, &[now], deadline()).await?;
            }
            if next == 0 {
                return Ok(forgotten);
            }
            cursor = next;
        }
    }
}
