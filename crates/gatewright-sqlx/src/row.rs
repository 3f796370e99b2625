//! Rows as the types they stand for. A row that is none of ours is a broken store, never an absent user.

use std::error::Error;

use gatewright_core::rotation::{RotationState, SessionSeed, TokenDigest};
use gatewright_core::store::NewAccount;
use gatewright_core::{
    Account, Email, Epoch, PasswordHash, RoleName, Scopes, Session, StoreError, Timestamp, UserId,
};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

type Parsed<T> = Result<T, Box<dyn Error + Send + Sync>>;

pub(crate) fn account(row: &SqliteRow) -> Result<Account, StoreError> {
    parse_account(row).map_err(|error| StoreError::new("read an account", error))
}

pub(crate) fn session(row: &SqliteRow) -> Result<Session, StoreError> {
    parse_session(row).map_err(|error| StoreError::new("read a session", error))
}

pub(crate) fn rotation(row: &SqliteRow) -> Result<RotationState, StoreError> {
    parse_rotation(row).map_err(|error| StoreError::new("read a session", error))
}

/// A moment as a column keeps it. The type never exceeds what the column holds.
pub(crate) fn micros(moment: Timestamp) -> i64 {
    i64::try_from(moment.as_micros()).unwrap_or(i64::MAX)
}

/// An epoch as a column keeps it: the same bits.
pub(crate) const fn bits(epoch: Epoch) -> i64 {
    epoch.as_u64().cast_signed()
}

fn parse_account(row: &SqliteRow) -> Parsed<Account> {
    let email: &str = row.try_get("email")?;
    let canonical = Email::parse(email)?;
    if canonical.as_str() != email {
        return Err("the address is not in its canonical form".into());
    }
    let mut account = Account::from(NewAccount::new(
        UserId::new(row.try_get::<&str, _>("id")?)?,
        canonical,
        PasswordHash::new(row.try_get::<&str, _>("password_hash")?),
        RoleName::new(row.try_get::<&str, _>("role")?)?,
        epoch(row)?,
        moment(row, "created_at")?,
    ));
    account.is_active = row.try_get("is_active")?;
    Ok(account)
}

fn parse_session(row: &SqliteRow) -> Parsed<Session> {
    let id = row.try_get::<&str, _>("id")?.parse()?;
    let user = UserId::new(row.try_get::<&str, _>("user_id")?)?;
    let seed = SessionSeed::from_bytes(row.try_get::<&[u8], _>("seed")?.try_into()?);
    let mut session = Session::begin(id, user, epoch(row)?, seed, moment(row, "created_at")?)
        .with_scopes(Scopes::parse(row.try_get("scopes")?)?)
        .with_expiry(moment(row, "idle_expires_at")?, moment(row, "expires_at")?);
    session.last_used_at = moment(row, "last_used_at")?;
    Ok(session)
}

fn parse_rotation(row: &SqliteRow) -> Parsed<RotationState> {
    let digest = |bytes: &[u8]| Parsed::Ok(TokenDigest::from_bytes(bytes.try_into()?));
    let mut state = parse_session(row)?.rotation(digest(row.try_get("current_digest")?)?);
    state.previous = row.try_get::<Option<&[u8]>, _>("previous_digest")?.map(digest).transpose()?;
    state.rotated_at = moment(row, "rotated_at")?;
    Ok(state)
}

fn moment(row: &SqliteRow, column: &str) -> Parsed<Timestamp> {
    Ok(Timestamp::from_micros(u64::try_from(row.try_get::<i64, _>(column)?)?))
}

fn epoch(row: &SqliteRow) -> Parsed<Epoch> {
    Ok(Epoch::from_u64(row.try_get::<i64, _>("epoch")?.cast_unsigned()))
}
