//! Sessions on a server. The verbs are the same; a macro gives them each driver's types.

/// Sessions that are forgotten in one transaction, so that a login never waits for a long one.
pub(crate) const PURGE_BATCH: i64 = 1_000;

/// Implements `SessionStore`. The invoking module has `Connection`, `sql`, `is_conflict`, `LOCK_LOGINS` and
/// `FORGET_EXPIRED`.
macro_rules! session_verbs {
    ($store:ty) => {
        #[async_trait::async_trait]
        impl gatewright_core::SessionStore for $store {
            async fn create(
                &self,
                session: &Session,
                current: TokenDigest,
                limit: u32,
            ) -> Result<u64, StoreError> {
                within("begin a session", is_conflict, || self.begin_session(session, current, limit)).await
            }

            async fn find(&self, user: &UserId, id: SessionId) -> Result<Option<Session>, StoreError> {
                within("find a session", is_conflict, || async move {
                    let select = query(sql(FIND_SESSION)).bind(id.to_string()).bind(user.as_str());
                    let row = Lease::fetch_optional(&self.pool, select).await?;
                    row.as_ref().map(session).transpose()
                })
                .await
            }

            async fn list(&self, user: &UserId) -> Result<Vec<Session>, StoreError> {
                within("list a user's sessions", is_conflict, || async move {
                    let select = query(sql(LIST_SESSIONS)).bind(user.as_str());
                    Lease::fetch_all(&self.pool, select).await?.iter().map(session).collect()
                })
                .await
            }

            async fn rotate(&self, request: &RotationRequest) -> Result<Rotation, StoreError> {
                within("rotate a refresh token", is_conflict, || self.rotate_token(request)).await
            }

            async fn delete(&self, user: &UserId, id: SessionId) -> Result<(), StoreError> {
                within("end a session", is_conflict, || async move {
                    let end = query(sql(END_SESSION)).bind(id.to_string()).bind(user.as_str());
                    Lease::execute(&self.pool, end).await?;
                    Ok(())
                })
                .await
            }

            async fn delete_all(&self, user: &UserId) -> Result<(), StoreError> {
                within("end a user's sessions", is_conflict, || async move {
                    Lease::execute(&self.pool, query(sql(END_ALL)).bind(user.as_str())).await?;
                    Ok(())
                })
                .await
            }

            async fn delete_others(&self, user: &UserId, kept: SessionId, epoch: Epoch) -> Result<(), StoreError> {
                within("end a user's other sessions", is_conflict, || self.end_others(user, kept, epoch))
                    .await
            }

            async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
                let mut forgotten = 0;
                loop {
                    let batch = within("forget expired sessions", is_conflict, || async move {
                        let delete = query(FORGET_EXPIRED).bind(micros(now)).bind(PURGE_BATCH);
                        Ok(Lease::execute(&self.pool, delete).await?.rows_affected())
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
            async fn begin_session(
                &self,
                session: &Session,
                current: TokenDigest,
                limit: u32,
            ) -> Parsed<u64> {
                let mut lease = Lease::begin(&self.pool).await?;
                let begun = begin(&mut lease, session, current, limit).await;
                lease.end(begun.map(Ending::Commit)).await
            }

            async fn rotate_token(&self, request: &RotationRequest) -> Parsed<Rotation> {
                let mut lease = Lease::begin(&self.pool).await?;
                let judged = rotate(&mut lease, request).await;
                lease.end(judged).await
            }

            async fn end_others(&self, user: &UserId, kept: SessionId, epoch: Epoch) -> Parsed<()> {
                let mut lease = Lease::begin(&self.pool).await?;
                let retained = retain(&mut lease, user, kept, epoch).await;
                lease.end(retained.map(Ending::Commit)).await
            }
        }

        async fn begin(
            connection: &mut Connection,
            session: &Session,
            current: TokenDigest,
            limit: u32,
        ) -> Parsed<u64> {
            let user = session.user.as_str();
            query(LOCK_LOGINS).bind(user).execute(&mut *connection).await?;
            insert(connection, session, current).await?;
            let oldest = query(sql(YOUNGEST_BEYOND)).bind(user).bind(i64::from(limit));
            let Some(row) = oldest.fetch_optional(&mut *connection).await? else { return Ok(0) };
            let end = query(sql(END_UP_TO)).bind(user).bind(row.number("seq")?);
            Ok(end.execute(connection).await?.rows_affected())
        }

        async fn rotate(connection: &mut Connection, request: &RotationRequest) -> Parsed<Ending<Rotation>> {
            let select =
                query(sql(LOCK_SESSION)).bind(request.session.to_string()).bind(request.user.as_str());
            let row = select.fetch_optional(&mut *connection).await?;
            let Some(mut state) = row.as_ref().map(rotation).transpose()? else {
                return Ok(Ending::RollBack(Rotation::Unknown));
            };
            let verdict = state.rotate(request);
            match verdict {
                Rotation::Rotated(_) => keep(connection, request.session, &state).await?,
                Rotation::Reused => {
                    let end =
                        query(sql(END_SESSION)).bind(request.session.to_string()).bind(request.user.as_str());
                    end.execute(connection).await?;
                }
                _ => return Ok(Ending::RollBack(verdict)),
            }
            Ok(Ending::Commit(verdict))
        }

        async fn retain(
            connection: &mut Connection,
            user: &UserId,
            kept: SessionId,
            epoch: Epoch,
        ) -> Parsed<()> {
            let keep = query(sql(KEEP_EPOCH)).bind(bits(epoch)).bind(user.as_str()).bind(kept.to_string());
            keep.execute(&mut *connection).await?;
            let end = query(sql(END_OTHERS)).bind(user.as_str()).bind(bits(epoch));
            end.execute(connection).await?;
            Ok(())
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
