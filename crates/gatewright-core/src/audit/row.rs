//! A record with its place in a chain.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use super::key::{FIRST_MAC, MAC_BYTES, hex};
use super::record::AuditRecord;
use crate::types::{RandomError, SecureRandom, random_bytes};

/// The length of a row's salt: 16 bytes.
pub const SALT_BYTES: usize = 16;

/// The longest name of a writer: 64 bytes.
pub const MAX_WRITER_BYTES: usize = 64;

/// Separates the MAC of a row from every other use of the key, and names the version of the bytes.
const ROW: &[u8] = b"gatewright audit row v1\0";
const PERSONAL: &[u8] = b"gatewright audit personal v1\0";

/// Who writes a chain: a process. 1 to [`MAX_WRITER_BYTES`] letters and digits of ASCII, `.`, `_` and `-`.
///
/// ```
/// use gatewright::audit::WriterId;
///
/// let writer: WriterId = "node-1".parse()?;
/// assert_eq!(writer.as_str(), "node-1");
/// assert!("node 1".parse::<WriterId>().is_err());
/// # Ok::<(), gatewright::audit::InvalidWriter>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriterId(String);

impl WriterId {
    /// 128 random bits: no two processes have the same.
    ///
    /// # Errors
    /// The source of randomness failed.
    pub fn generate(source: &dyn SecureRandom) -> Result<Self, RandomError> {
        random_bytes::<16>(source).map(|bytes| Self(hex(&bytes)))
    }

    /// The name as a store contains it. It may be invalid, because anyone who writes to the store can change it.
    #[must_use]
    pub fn as_stored(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether the name is one that a writer can have.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        is_valid(&self.0)
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_valid(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=MAX_WRITER_BYTES).contains(&text.len()) && text.bytes().all(is_plain)
}

impl FromStr for WriterId {
    type Err = InvalidWriter;

    fn from_str(text: &str) -> Result<Self, InvalidWriter> {
        if is_valid(text) { Ok(Self(text.to_owned())) } else { Err(InvalidWriter {}) }
    }
}

/// With escapes for what is not printable.
impl fmt::Display for WriterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_debug())
    }
}

/// The text is not a valid name of a writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error(
    "a writer of the audit trail must have 1 to {MAX_WRITER_BYTES} letters, digits, dots, underscores or hyphens"
)]
pub struct InvalidWriter {}

/// A row of the audit trail: a record, and its place in the chain of its writer.
///
/// The personal parts of the record, the client's address and user agent, are in the MAC as a salted digest. So a
/// store can erase them, together with the salt, and the chain still verifies.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditRow {
    /// Who wrote it.
    pub writer: WriterId,
    /// Its place: 1, 2, 3, … without a gap.
    pub number: u64,
    /// What it says.
    pub record: AuditRecord,
    /// [`SALT_BYTES`] random bytes. `None` if the personal parts were erased.
    pub salt: Option<Vec<u8>>,
    /// SHA-256 of the salt and the personal parts.
    pub personal_digest: Vec<u8>,
    /// HMAC-SHA-256 of the preceding row's MAC and this row. `None` if the writer has no key.
    pub mac: Option<Vec<u8>>,
    /// Whether the store contains a value in each column that a writer can write. If not, such a value is replaced,
    /// and [`verify`](super::verify()) reports the row.
    pub is_readable: bool,
}

impl AuditRow {
    /// A row as a store has read it.
    #[must_use]
    pub fn new(
        writer: WriterId,
        number: u64,
        record: AuditRecord,
        (salt, personal_digest, mac): (Option<Vec<u8>>, Vec<u8>, Option<Vec<u8>>),
    ) -> Self {
        Self { writer, number, record, salt, personal_digest, mac, is_readable: true }
    }

    /// The row, marked as one with values that no writer writes.
    #[must_use]
    pub fn unreadable(mut self) -> Self {
        self.is_readable = false;
        self
    }

    /// The MAC that precedes the next row: that of this row, or of an empty chain if the row has none.
    pub(super) fn link(&self) -> [u8; MAC_BYTES] {
        self.mac.as_deref().and_then(|mac| mac.try_into().ok()).unwrap_or(FIRST_MAC)
    }

    /// A row with a digest of its personal parts, and without a MAC.
    pub(super) fn salted(writer: WriterId, number: u64, record: AuditRecord, salt: [u8; SALT_BYTES]) -> Self {
        let personal_digest = personal_digest(&salt, &record);
        Self::new(writer, number, record, (Some(salt.to_vec()), personal_digest.to_vec(), None))
    }

    /// Whether the personal parts are those that were written, or were erased together with the salt.
    pub(super) fn has_its_personal_parts(&self) -> bool {
        match &self.salt {
            Some(salt) => personal_digest(salt, &self.record)[..] == self.personal_digest[..],
            None => self.record.client_address.is_none() && self.record.user_agent.is_none(),
        }
    }

    /// The bytes that the MAC covers, after the MAC of the preceding row. Each text has its length in front of it, so
    /// no two rows have the same bytes.
    pub(super) fn canonical(&self) -> Vec<u8> {
        let record = &self.record;
        let mut bytes = Bytes(ROW.to_vec());
        bytes.text(Some(self.writer.as_str()));
        bytes.number(self.number);
        bytes.number(record.time.as_micros());
        bytes.text(Some(&record.event));
        bytes.text(Some(record.outcome.as_str()));
        bytes.text(record.cause.as_deref());
        bytes.text(record.actor.as_ref().map(|actor| actor.as_str()));
        bytes.text(record.subject.as_deref());
        bytes.text(record.session.as_deref());
        bytes.text(record.login_name.as_deref());
        bytes.text(record.method.as_deref());
        bytes.text(record.route.as_deref());
        bytes.text(record.request_id.as_deref());
        bytes.text(record.detail.as_deref());
        bytes.field(Some(&self.personal_digest));
        bytes.0
    }
}

fn personal_digest(salt: &[u8], record: &AuditRecord) -> [u8; MAC_BYTES] {
    let mut bytes = Bytes(PERSONAL.to_vec());
    bytes.field(Some(salt));
    bytes.text(record.client_address.as_deref());
    bytes.text(record.user_agent.as_deref());
    Sha256::digest(&bytes.0).into()
}

/// Fields as bytes that can be parsed in one way only.
struct Bytes(Vec<u8>);

impl Bytes {
    fn number(&mut self, number: u64) {
        self.0.extend(number.to_be_bytes());
    }

    fn text(&mut self, text: Option<&str>) {
        self.field(text.map(str::as_bytes));
    }

    /// 0 for an absent field; 1, the length and the bytes for another one.
    fn field(&mut self, field: Option<&[u8]>) {
        match field {
            None => self.0.push(0),
            Some(bytes) => {
                self.0.push(1);
                self.number(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
                self.0.extend(bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{AuditActor, AuditOutcome};
    use crate::types::Timestamp;

    /// Changes one part of a row.
    type Change = fn(&mut AuditRow);

    /// One optional text of a record.
    type TextColumn = fn(&mut AuditRecord) -> &mut Option<String>;

    fn row() -> AuditRow {
        let mut record = AuditRecord::new(Timestamp::from_seconds(1), "LoggedIn", AuditOutcome::Succeeded);
        record.client_address = Some("192.0.2.7".to_owned());
        AuditRow::salted("node".parse().unwrap(), 1, record, [7; SALT_BYTES])
    }

    #[test]
    fn each_column_but_the_personal_ones_changes_the_bytes() {
        let original = row();
        let some = || Some("x".to_owned());
        let changes: [(&str, Change); 5] = [
            ("writer", |row| row.writer = "other".parse().unwrap()),
            ("number", |row| row.number = 2),
            ("time", |row| row.record.time = Timestamp::from_micros(1)),
            ("event", |row| row.record.event = "LoggedOut".into()),
            ("outcome", |row| row.record.outcome = AuditOutcome::Failed),
        ];
        let mut rows: Vec<(&str, AuditRow)> = Vec::new();
        for (name, change) in changes {
            let mut row = original.clone();
            change(&mut row);
            rows.push((name, row));
        }
        let texts: [(&str, TextColumn); 7] = [
            ("cause", |record| &mut record.cause),
            ("subject", |record| &mut record.subject),
            ("session", |record| &mut record.session),
            ("login_name", |record| &mut record.login_name),
            ("method", |record| &mut record.method),
            ("route", |record| &mut record.route),
            ("detail", |record| &mut record.detail),
        ];
        for (name, column) in texts {
            for text in [some(), Some(String::new())] {
                let mut row = original.clone();
                *column(&mut row.record) = text;
                rows.push((name, row));
            }
        }
        let mut with_actor = original.clone();
        with_actor.record.actor = Some(AuditActor::from_text("x"));
        rows.push(("actor", with_actor));
        let mut with_id = original.clone();
        with_id.record.request_id = some();
        rows.push(("request_id", with_id));
        let mut seen = vec![original.canonical()];
        for (name, row) in rows {
            let bytes = row.canonical();
            assert!(!seen.contains(&bytes), "{name}");
            seen.push(bytes);
        }
        assert_eq!(seen.len(), 1 + 5 + 14 + 2);
        let mut erased = original.clone();
        (erased.salt, erased.record.client_address) = (None, None);
        assert_eq!(erased.canonical(), original.canonical());
    }

    #[test]
    fn personal_parts_are_unchanged_or_erased_with_their_salt() {
        let original = row();
        assert!(original.has_its_personal_parts());
        let changed = |change: fn(&mut AuditRow)| {
            let mut row = original.clone();
            change(&mut row);
            row.has_its_personal_parts()
        };
        assert!(changed(|row| (row.salt, row.record.client_address) = (None, None)));
        assert!(!changed(|row| row.record.client_address = None));
        assert!(!changed(|row| row.salt = None));
        assert!(!changed(|row| row.record.client_address = Some("192.0.2.8".to_owned())));
        assert!(!changed(|row| row.record.user_agent = Some("curl".to_owned())));
        assert!(!changed(|row| row.salt = Some(vec![8; SALT_BYTES])));
        assert!(!changed(|row| row.personal_digest.truncate(31)));
    }

    #[test]
    fn only_plain_names_are_writers() {
        let longest = "w".repeat(MAX_WRITER_BYTES);
        for name in ["a", "node-1.example_2", &longest] {
            assert_eq!(name.parse::<WriterId>().unwrap().as_str(), name);
        }
        for name in ["", "a b", "a\n", "é", "a,b", "=a", &format!("{longest}w")] {
            assert_eq!(name.parse::<WriterId>(), Err(InvalidWriter {}), "{name:?}");
        }
    }
}
