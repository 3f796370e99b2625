//! Sessions in MySQL.

use gatewright_core::store::{RotationState, TokenDigest};
use gatewright_core::{
    Epoch, Rotation, RotationRequest, Session, SessionId, StoreError, Timestamp, UserAgent, UserId,
};
use sqlx::query;

use super::{Connection, MySqlStore, is_conflict, sql};
use crate::Parsed;
use crate::row::{Columns, bits, micros, rotation, session};
use crate::server::lease::{Ending, Lease};
use crate::server::sessions::{PURGE_BATCH, session_verbs};
use crate::server::within;
use crate::statements::server::{END_UP_TO, LIST_SESSIONS, LOCK_SESSION, YOUNGEST_BEYOND};
use crate::statements::{
    END_ALL, END_OTHERS, END_SESSION, FIND_SESSION, INSERT_SESSION, KEEP_EPOCH, KEEP_ROTATION,
};

/// Logins of one user take turns, so that each counts the others' sessions.
const LOCK_LOGINS: &str =
    "SELECT stripe FROM gatewright_session_locks WHERE stripe = CRC32(?) % 256 FOR UPDATE";

const FORGET_EXPIRED: &str =
    "DELETE FROM gatewright_sessions WHERE idle_expires_at <= ? ORDER BY idle_expires_at LIMIT ?";

session_verbs!(MySqlStore);
