//! Sessions in PostgreSQL.

use gatewright_core::store::{RotationState, TokenDigest};
use gatewright_core::{
    Epoch, Rotation, RotationRequest, Session, SessionId, StoreError, Timestamp, UserAgent, UserId,
};
use sqlx::query;

use super::{Connection, PostgresStore, is_conflict, sql};
use crate::Parsed;
use crate::row::{Columns, bits, micros, rotation, session};
use crate::server::lease::{Ending, Lease};
use crate::server::sessions::{PURGE_BATCH, session_verbs};
use crate::server::within;
use crate::statements::server::{END_UP_TO, LIST_SESSIONS, LOCK_SESSION, YOUNGEST_BEYOND};
use crate::statements::{
    END_ALL, END_OTHERS, END_SESSION, FIND_SESSION, INSERT_SESSION, KEEP_EPOCH, KEEP_ROTATION,
};

/// Logins of one user take turns, so that each counts the others' sessions. The number keeps these locks apart from an
/// application's own.
const LOCK_LOGINS: &str = "SELECT pg_advisory_xact_lock(hashtextextended($1, 7310584035))";

/// Rows that somebody else has locked are somebody else's to forget, or just in use.
const FORGET_EXPIRED: &str = "DELETE FROM gatewright_sessions WHERE id IN (SELECT id FROM gatewright_sessions
     WHERE idle_expires_at <= $1 ORDER BY idle_expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)";

session_verbs!(PostgresStore);
