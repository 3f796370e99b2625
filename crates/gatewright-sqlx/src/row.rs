//! Rows as the types of `gatewright-core`.
//!
//! A value that is malformed is an error, never an absent user or session.

use gatewright_core::store::{NewAccount, RotationState, SessionSeed, TokenDigest};
use gatewright_core::{
    Account, Amr, ClientInfo, Email, Epoch, PasswordHash, RoleName, Scopes, Session, Timestamp, UserAgent,
    UserId, Username,
};

use crate::Failure;
use crate::dialect::Dialect;

/// A row, whose columns are read by name.
pub(crate) struct Row<D: Dialect>(D::Row);

impl<D: Dialect> Row<D> {
    pub(crate) const fn new(row: D::Row) -> Self {
        Self(row)
    }

    /// Reads the columns of `gatewright_users`, and the role of this row if there is one.
    pub(crate) fn account(&self) -> Result<Account, Failure> {
        let address = self.text("email")?;
        let email = Email::parse(address)?;
        if email.as_str() != address {
            return Err("column email: must be in the form in which addresses are shown".into());
        }
        let mut account = Account::from(NewAccount::new(
            UserId::new(self.text("id")?)?,
            email,
            PasswordHash::new(self.text("password_hash")?),
            D::text(&self.0, "role")?.map(RoleName::new).transpose()?,
            self.epoch()?,
            self.time("created_at")?,
        ));
        account.username = self.username()?;
        account.is_active = D::get_flag(&self.0, "is_active")?;
        Ok(account)
    }

    fn username(&self) -> Result<Option<Username>, Failure> {
        let Some(text) = D::text(&self.0, "username")? else { return Ok(None) };
        let username = Username::parse(text)?;
        if username.as_str() == text {
            Ok(Some(username))
        } else {
            Err("column username: must be in the form in which user names are shown".into())
        }
    }

    /// Reads the columns of `gatewright_sessions` that belong to the session.
    pub(crate) fn session(&self) -> Result<Session, Failure> {
        let (id, user) = (self.text("id")?.parse()?, UserId::new(self.text("user_id")?)?);
        let seed = SessionSeed::from_bytes(required("seed", self.bytes("seed")?)?);
        let mut session = Session::new(id, user, self.epoch()?, seed, self.time("created_at")?)
            .with_scopes(Scopes::parse(self.text("scopes")?)?)
            .with_client(self.client("address", "user_agent")?)
            .with_auth_time(self.time("auth_time")?)
            .with_amr(Amr::parse(D::text(&self.0, "amr")?.unwrap_or_default())?)
            .with_expiry(self.time("idle_expires_at")?, self.time("expires_at")?);
        session.last_used_at = self.time("last_used_at")?;
        session.pending_used_at = self.time("pending_used_at")?;
        session.earlier_used_at = self.time("earlier_used_at")?;
        Ok(session)
    }

    /// Reads the columns of `gatewright_sessions` that belong to the rotation of its refresh
    /// tokens.
    pub(crate) fn rotation(&self) -> Result<RotationState, Failure> {
        let current = required("current_digest", self.bytes("current_digest")?)?;
        let mut state = self.session()?.rotation(TokenDigest::from_bytes(current));
        state.used = RotationState::decode_used(required("used", D::get_bytes(&self.0, "used")?)?)?;
        state.rotated_at = self.time("rotated_at")?;
        state.rotated_by = self.client("rotated_by_address", "rotated_by_user_agent")?;
        state.foreign_graces = self.number("foreign_graces")?.try_into()?;
        state.foreign_grace_seen = D::get_flag(&self.0, "foreign_grace_seen")?;
        Ok(state)
    }

    /// Reads the columns of `gatewright_throttle`: the key and its state.
    pub(crate) fn throttle_state(&self) -> Result<(&[u8], &[u8]), Failure> {
        let column = |name| required(name, D::get_bytes(&self.0, name)?);
        Ok((column("id")?, column("state")?))
    }

    pub(crate) fn text(&self, column: &str) -> Result<&str, Failure> {
        required(column, D::text(&self.0, column)?)
    }

    /// Reads text, also if it is none: what is not UTF-8 is replaced with question marks. Also says whether it is text.
    pub(crate) fn lossy_text(&self, column: &str) -> (Option<String>, bool) {
        match D::text(&self.0, column) {
            Ok(text) => (text.map(str::to_owned), true),
            Err(_) => {
                let bytes = D::get_bytes(&self.0, column).ok().flatten();
                (bytes.map(|bytes| String::from_utf8_lossy(bytes).replace('\u{fffd}', "?")), false)
            }
        }
    }

    pub(crate) fn optional_bytes(&self, column: &str) -> Result<Option<&[u8]>, Failure> {
        Ok(D::get_bytes(&self.0, column)?)
    }

    pub(crate) fn number(&self, column: &str) -> Result<i64, Failure> {
        Ok(D::get_number(&self.0, column)?)
    }

    /// Reads the result of `count`.
    pub(crate) fn count(&self, column: &str) -> Result<u64, Failure> {
        Ok(self.number(column)?.try_into()?)
    }

    fn bytes(&self, column: &str) -> Result<Option<[u8; 32]>, Failure> {
        Ok(D::get_bytes(&self.0, column)?.map(TryInto::try_into).transpose()?)
    }

    fn client(&self, address: &str, user_agent: &str) -> Result<ClientInfo, Failure> {
        let address = D::text(&self.0, address)?.map(str::parse).transpose()?;
        let user_agent = D::text(&self.0, user_agent)?;
        Ok(ClientInfo::new(address, user_agent.and_then(|text| UserAgent::clean(text.as_bytes()))))
    }

    fn epoch(&self) -> Result<Epoch, Failure> {
        Ok(Epoch::from_u64(self.number("epoch")?.cast_unsigned()))
    }

    pub(crate) fn time(&self, column: &str) -> Result<Timestamp, Failure> {
        Ok(Timestamp::from_micros(self.count(column)?))
    }
}

fn required<T>(column: &str, value: Option<T>) -> Result<T, Failure> {
    value.ok_or_else(|| format!("column {column}: must not be null").into())
}
