//! Accounts in PostgreSQL.

use gatewright_core::store::{AccountChange, AccountCounts, UpdateOutcome, CreateOutcome, NewAccount, CompareAndSwap};
use gatewright_core::{Account, Email, Epoch, PasswordHash, RoleName, StoreError, UserId};
use sqlx::{Row, query};

use super::{Connection, PostgresStore, is_conflict, sql, text};
use crate::Parsed;
use crate::row::{Columns, account, bits, count, micros};
use crate::server::accounts::account_verbs;
use crate::server::lease::{Ending, Lease};
use crate::server::within;
use crate::statements::server::{CHANGE_USER, LOCK_HOLDERS, LOCK_USER};
use crate::statements::{
    CHANGE_PASSWORD, COUNT_USERS, DELETE_USER, FIND_USER, FIND_USER_BY_EMAIL, PAGE_OF_USERS, REPLACE_HASH,
};

/// A taken address is an answer, so that it is no error in the server's log either.
const INSERT_USER: &str =
    "INSERT INTO gatewright_users (id, email, password_hash, role, is_active, epoch, created_at)
     VALUES ($1, $2, $3, $4, TRUE, $5, $6) ON CONFLICT DO NOTHING";

account_verbs!(PostgresStore);
