//! Rows as the types they stand for. A row that is none of ours is a broken store, never an absent user.

use gatewright_core::store::{RotationState, SessionSeed, TokenDigest};
use gatewright_core::store::NewAccount;
use gatewright_core::{
    Account, ClientInfo, Email, Epoch, PasswordHash, RoleName, Scopes, Session, Timestamp, UserAgent, UserId,
};

use crate::Parsed;

/// A row, as each database reads its columns.
pub(crate) trait Columns {
    fn text(&self, column: &str) -> Parsed<&str>;
    fn optional_text(&self, column: &str) -> Parsed<Option<&str>>;
    fn bytes(&self, column: &str) -> Parsed<Option<&[u8]>>;
    fn number(&self, column: &str) -> Parsed<i64>;
    fn flag(&self, column: &str) -> Parsed<bool>;
}

/// A moment as a column keeps it. The type never exceeds what the column holds.
pub(crate) fn micros(moment: Timestamp) -> i64 {
    i64::try_from(moment.as_micros()).unwrap_or(i64::MAX)
}

/// An epoch as a column keeps it: the same bits.
pub(crate) const fn bits(epoch: Epoch) -> i64 {
    epoch.as_u64().cast_signed()
}

/// A count as a caller gets it.
pub(crate) fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

pub(crate) fn account(row: &impl Columns) -> Parsed<Account> {
    let email = row.text("email")?;
    let canonical = Email::parse(email)?;
    if canonical.as_str() != email {
        return Err("the address is not in its canonical form".into());
    }
    let mut account = Account::from(NewAccount::new(
        UserId::new(row.text("id")?)?,
        canonical,
        PasswordHash::new(row.text("password_hash")?),
        RoleName::new(row.text("role")?)?,
        epoch(row)?,
        moment(row, "created_at")?,
    ));
    account.is_active = row.flag("is_active")?;
    Ok(account)
}

pub(crate) fn session(row: &impl Columns) -> Parsed<Session> {
    let user = UserId::new(row.text("user_id")?)?;
    let seed = SessionSeed::from_bytes(bytes(row, "seed")?);
    let mut session =
        Session::new(row.text("id")?.parse()?, user, epoch(row)?, seed, moment(row, "created_at")?)
            .with_scopes(Scopes::parse(row.text("scopes")?)?)
            .with_client(client(row)?)
            .with_expiry(moment(row, "idle_expires_at")?, moment(row, "expires_at")?);
    session.last_used_at = moment(row, "last_used_at")?;
    Ok(session)
}

fn client(row: &impl Columns) -> Parsed<ClientInfo> {
    let address = row.optional_text("address")?.map(str::parse).transpose()?;
    let user_agent = row.optional_text("user_agent")?.and_then(|text| UserAgent::clean(text.as_bytes()));
    Ok(ClientInfo::new(address, user_agent))
}

pub(crate) fn rotation(row: &impl Columns) -> Parsed<RotationState> {
    let mut state = session(row)?.rotation(TokenDigest::from_bytes(bytes(row, "current_digest")?));
    if row.bytes("previous_digest")?.is_some() {
        state.previous = Some(TokenDigest::from_bytes(bytes(row, "previous_digest")?));
    }
    state.rotated_at = moment(row, "rotated_at")?;
    Ok(state)
}

fn bytes(row: &impl Columns, column: &str) -> Parsed<[u8; 32]> {
    Ok(row.bytes(column)?.ok_or("a column that must not be is null")?.try_into()?)
}

fn moment(row: &impl Columns, column: &str) -> Parsed<Timestamp> {
    Ok(Timestamp::from_micros(u64::try_from(row.number(column)?)?))
}

fn epoch(row: &impl Columns) -> Parsed<Epoch> {
    Ok(Epoch::from_u64(row.number("epoch")?.cast_unsigned()))
}
