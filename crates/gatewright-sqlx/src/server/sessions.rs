//! Sessions on a server. The verbs are the same; a macro gives them each driver's types.

/// Sessions that are forgotten in one transaction, so that a login never waits for a long one.
pub(crate) const PURGE_BATCH: i64 = 1_000;

/// Implements `SessionStore`. The invoking module has `Connection`, `sql`, `is_conflict`, `LOCK_LOGINS` and
/// `FORGET_EXPIRED`.
macro_rules! session_verbs {
    ($store:ty) => {
        #[async_trait::async_trait]
        impl gatewright_core::SessionStore for $store {
            async fn begin(
                &self,
                session: &Session,
                current: TokenDigest,
                limit: u32,
            ) -> Result<(), StoreError> {
                within("begin a session", is_conflict, || self.begin_session(session, current, limit)).await
            }

            async fn find(&self, user: &UserId, id: SessionId) -> Result<Option<Session>, StoreError> {
                within("find a session", is_conflict, || async move {
                    let select = query(sql(FIND_SESSION)).bind(id.to_string()).bind(user.as_str());
                    let row = select.fetch_optional(&self.pool).await?;
                    row.as_ref().map(session).transpose()
                })
                .await
            }

            async fn list(&self, user: &UserId) -> Result<Vec<Session>, StoreError> {
                within("list a user's sessions", is_conflict, || async move {
                    let select = query(sql(LIST_SESSIONS)).bind(user.as_str());
                    select.fetch_all(&self.pool).await?.iter().map(session).collect()
                })
                .await
            }

            async fn rotate(&self, request: &RotationRequest) -> Result<Rotation, StoreError> {
                within("rotate a refresh token", is_conflict, || self.rotate_token(request)).await
            }

            async fn end(&self, user: &UserId, id: SessionId) -> Result<(), StoreError> {
                within("end a session", is_conflict, || async move {
                    let end = query(sql(END_SESSION)).bind(id.to_string()).bind(user.as_str());
                    end.execute(&self.pool).await?;
                    Ok(())
                })
                .await
            }

            async fn end_all(&self, user: &UserId) -> Result<(), StoreError> {
                within("end a user's sessions", is_conflict, || async move {
                    query(sql(END_ALL)).bind(user.as_str()).execute(&self.pool).await?;
                    Ok(())
                })
                .await
            }

            async fn retain(&self, user: &UserId, kept: SessionId, epoch: Epoch) -> Result<(), StoreError> {
                within("end a user's other sessions", is_conflict, || self.end_others(user, kept, epoch))
                    .await
            }

            async fn purge_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
                let mut forgotten = 0;
                loop {
                    let batch = within("forget expired sessions", is_conflict, || async move {
                        let delete = query(FORGET_EXPIRED).bind(micros(now)).bind(PURGE_BATCH);
                        Ok(delete.execute(&self.pool).await?.rows_affected())
                    })
                    .await?;
                    forgotten += batch;
                    if batch < PURGE_BATCH.unsigned_abs() {
                        return Ok(forgotten);
                    }
                }
            }
        }

        impl $store {
            async fn begin_session(&self, session: &Session, current: TokenDigest, limit: u32) -> Parsed<()> {
                let mut transaction = self.pool.begin().await?;
                query(LOCK_LOGINS).bind(session.user.as_str()).execute(&mut *transaction).await?;
                insert(&mut transaction, session, current).await?;
                let oldest = query(sql(YOUNGEST_BEYOND)).bind(session.user.as_str()).bind(i64::from(limit));
                if let Some(row) = oldest.fetch_optional(&mut *transaction).await? {
                    let end = query(sql(END_UP_TO)).bind(session.user.as_str()).bind(row.number("seq")?);
                    end.execute(&mut *transaction).await?;
                }
                Ok(transaction.commit().await?)
            }

            async fn rotate_token(&self, request: &RotationRequest) -> Parsed<Rotation> {
                let mut transaction = self.pool.begin().await?;
                let select =
                    query(sql(LOCK_SESSION)).bind(request.session.to_string()).bind(request.user.as_str());
                let row = select.fetch_optional(&mut *transaction).await?;
                let Some(mut state) = row.as_ref().map(rotation).transpose()? else {
                    return Ok(Rotation::Unknown);
                };
                let verdict = state.rotate(request);
                match verdict {
                    Rotation::Rotated(_) => keep(&mut transaction, request.session, &state).await?,
                    Rotation::Reused => {
                        let end = query(sql(END_SESSION))
                            .bind(request.session.to_string())
                            .bind(request.user.as_str());
                        end.execute(&mut *transaction).await?;
                    }
                    _ => return Ok(verdict),
                }
                transaction.commit().await?;
                Ok(verdict)
            }

            async fn end_others(&self, user: &UserId, kept: SessionId, epoch: Epoch) -> Parsed<()> {
                let mut transaction = self.pool.begin().await?;
                let keep =
                    query(sql(KEEP_EPOCH)).bind(bits(epoch)).bind(user.as_str()).bind(kept.to_string());
                keep.execute(&mut *transaction).await?;
                let end = query(sql(END_OTHERS)).bind(user.as_str()).bind(bits(epoch));
                end.execute(&mut *transaction).await?;
                Ok(transaction.commit().await?)
            }
        }

        async fn insert(connection: &mut Connection, session: &Session, current: TokenDigest) -> Parsed<()> {
            let insert = query(sql(INSERT_SESSION))
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
            insert.execute(connection).await?;
            Ok(())
        }

        async fn keep(connection: &mut Connection, id: SessionId, state: &RotationState) -> Parsed<()> {
            let update = query(sql(KEEP_ROTATION))
                .bind(state.current.as_bytes().as_slice())
                .bind(state.previous.as_ref().map(|digest| digest.as_bytes().as_slice()))
                .bind(micros(state.rotated_at))
                .bind(micros(state.rotated_at))
                .bind(micros(state.idle_expires_at))
                .bind(id.to_string());
            update.execute(connection).await?;
            Ok(())
        }
    };
}

pub(crate) use session_verbs;
