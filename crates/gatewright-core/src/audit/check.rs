//! Checks a chain: pure functions over its rows.

use std::fmt;
use std::str::FromStr;

use subtle::ConstantTimeEq;

use super::chain::{RETENTION, STARTED};
use super::key::{AuditKey, FIRST_MAC, MAC_BYTES, hex, unhex};
use super::line;
use super::record::{AuditRecord, Detail, part};
use super::row::{AuditRow, WriterId};
use crate::types::Timestamp;

/// The end of a chain at some time, as a line of the log says it: `event="AuditCheckpoint" writer=… number=… mac=…` at
/// the end of a line, also with the colours of a terminal; a JSON object with these fields; or `writer=… number=… mac=…`
/// alone. A client's text in another line, such as a user agent, is no checkpoint.
///
/// ```
/// use gatewright::audit::AuditCheckpoint;
///
/// let mac = "0f".repeat(32);
/// let line = format!("INFO gatewright: audit checkpoint event=\"AuditCheckpoint\" writer=\"node-1\" number=1000 mac=\"{mac}\"");
/// let checkpoint: AuditCheckpoint = line.parse()?;
/// assert_eq!((checkpoint.writer.as_str(), checkpoint.number), ("node-1", 1000));
/// assert_eq!(checkpoint.to_string(), format!("writer=node-1 number=1000 mac={mac}"));
/// # Ok::<(), gatewright::audit::InvalidCheckpoint>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditCheckpoint {
    /// Who wrote the chain.
    pub writer: WriterId,
    /// The number of the last row.
    pub number: u64,
    /// Its MAC. `None` if the writer has no key.
    pub mac: Option<[u8; 32]>,
}

impl AuditCheckpoint {
    /// What the first row of a chain says about the one that the same process wrote before, under another name.
    pub(super) fn from_start(record: &AuditRecord) -> Option<Self> {
        let detail = record.detail.as_deref().filter(|_| record.event == STARTED)?;
        Some(Self {
            writer: part(detail, "after_writer")?.parse().ok()?,
            number: part(detail, "after_number")?.parse().ok()?,
            mac: part(detail, "after_mac").and_then(unhex),
        })
    }

    /// The checkpoint after a row.
    pub(super) fn of(row: &AuditRow) -> Self {
        let mac = row.mac.as_deref().and_then(|mac| mac.try_into().ok());
        Self { writer: row.writer.clone(), number: row.number, mac }
    }
}

impl fmt::Display for AuditCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "writer={} number={}", self.writer, self.number)?;
        self.mac.iter().try_for_each(|mac| write!(f, " mac={}", hex(mac)))
    }
}

impl FromStr for AuditCheckpoint {
    type Err = InvalidCheckpoint;

    fn from_str(line: &str) -> Result<Self, InvalidCheckpoint> {
        let parts = line::parts(line).ok_or(InvalidCheckpoint {})?;
        let mac = parts.mac.as_deref().map(|text| unhex(text).ok_or(InvalidCheckpoint {})).transpose()?;
        let writer = parts.writer.parse().map_err(|_| InvalidCheckpoint {})?;
        Ok(Self { writer, number: parts.number.parse().map_err(|_| InvalidCheckpoint {})?, mac })
    }
}

/// The line contains no complete checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("a checkpoint must have writer=NAME, number=N and, with a key, mac=DIGITS (64 hexadecimal digits)")]
pub struct InvalidCheckpoint {}

/// That the beginning of a chain was deleted by retention: up to and with this row. It is itself a row of the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Removal {
    /// Who wrote the chain.
    pub writer: WriterId,
    /// The number of the last row that was deleted.
    pub number: u64,
    /// Its MAC.
    pub mac: Option<[u8; 32]>,
}

impl Removal {
    pub(super) fn of(last: &AuditRow) -> Self {
        let AuditCheckpoint { writer, number, mac } = AuditCheckpoint::of(last);
        Self { writer, number, mac }
    }

    /// The removal that a row states. `None` if it states none.
    #[must_use]
    pub fn from_record(record: &AuditRecord) -> Option<Self> {
        let detail = record.detail.as_deref().filter(|_| record.event == RETENTION)?;
        let number = part(detail, "number")?.parse().ok()?;
        Some(Self {
            writer: part(detail, "writer")?.parse().ok()?,
            number,
            mac: part(detail, "mac").and_then(unhex),
        })
    }

    pub(super) fn detail(&self) -> Option<String> {
        let mut detail = Detail::default();
        detail.add("writer", Some(&self.writer));
        detail.add("number", Some(self.number));
        detail.add("mac", self.mac.map(|mac| hex(&mac)));
        detail.finish()
    }
}

/// What is wrong with a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuditDamage {
    /// The row was changed, or was moved from another place: no key verifies it after the row before it.
    Changed {
        /// The row.
        number: u64,
    },
    /// The client's address or user agent was changed, or erased without the salt.
    PersonalChanged {
        /// The row.
        number: u64,
    },
    /// Rows are missing within the chain, or at its beginning without a row about retention.
    Missing {
        /// The first one.
        first: u64,
        /// The last one.
        last: u64,
    },
    /// The rows are not in the order of their numbers, or one occurs twice.
    Disordered {
        /// The row that comes too late.
        number: u64,
    },
    /// The rows contain values that no writer writes: a time before 1970, text that is not UTF-8, an invalid name of a
    /// writer.
    Unreadable {
        /// The first one.
        first: u64,
        /// The last one.
        last: u64,
    },
    /// The rows have no MAC, although a key was given.
    Unsigned {
        /// The first one.
        first: u64,
        /// The last one.
        last: u64,
    },
    /// Rows before this one are missing, so its content cannot be verified.
    Unverifiable {
        /// The row.
        number: u64,
    },
    /// The chain ends before a checkpoint: its end was cut off.
    Cut {
        /// The number that the checkpoint names.
        checkpoint: u64,
        /// The number of the last row; 0 for an empty chain.
        last: u64,
    },
    /// The row has another MAC than the checkpoint says: the chain was written anew.
    Replaced {
        /// The row.
        number: u64,
    },
}

impl fmt::Display for AuditDamage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed { number } => write!(f, "row {number} was changed or moved"),
            Self::PersonalChanged { number } => {
                write!(f, "row {number}: the client's address or user agent was changed")
            }
            Self::Missing { first, last } if first == last => write!(f, "row {first} was removed"),
            Self::Missing { first, last } => write!(f, "rows {first} to {last} were removed"),
            Self::Disordered { number } => write!(f, "row {number} is out of order or occurs twice"),
            Self::Unreadable { first, last } if first == last => write!(f, "row {first} is unreadable"),
            Self::Unreadable { first, last } => write!(f, "rows {first} to {last} are unreadable"),
            Self::Unsigned { first, last } if first == last => write!(f, "row {first} has no MAC"),
            Self::Unsigned { first, last } => write!(f, "rows {first} to {last} have no MAC"),
            Self::Unverifiable { number } => {
                write!(f, "row {number} cannot be verified, because the row before it is missing")
            }
            Self::Cut { checkpoint, last } => {
                write!(f, "the end was cut off: a checkpoint names row {checkpoint}, the last row is {last}")
            }
            Self::Replaced { number } => write!(f, "row {number} has another MAC than the checkpoint says"),
        }
    }
}

/// Checks the rows of one chain, one after the other.
///
/// A damaged row is reported once: the rows after it are checked against the MAC that it has.
///
/// ```
/// use gatewright::audit::{AuditDamage, ChainCheck};
///
/// let mut check = ChainCheck::new("node-1".parse()?, &[]);
/// assert!(check.finish().is_empty(), "a chain without a row");
/// # Ok::<(), gatewright::audit::InvalidWriter>(())
/// ```
#[derive(Debug)]
pub struct ChainCheck<'a> {
    writer: WriterId,
    keys: &'a [AuditKey],
    removal: Option<Removal>,
    checkpoints: Vec<AuditCheckpoint>,
    /// The number of the last row; 0 without one.
    last: u64,
    /// The MAC that precedes the next row. `None` if it is unknown.
    previous: Option<[u8; MAC_BYTES]>,
    /// Whether the row before the next one is missing.
    is_after_gap: bool,
    /// The key of the chain, as soon as a row verifies under it.
    key: Option<&'a AuditKey>,
    /// The time of the first row.
    began: Option<Timestamp>,
    /// How many rows have a MAC.
    signed: u64,
    /// How many rows were checked.
    rows: u64,
    /// In how many of them the personal parts were erased.
    erased: u64,
    damage: Vec<AuditDamage>,
}

impl<'a> ChainCheck<'a> {
    /// Checks the chain of a writer. Without a key it finds rows that are missing, but none that was changed.
    #[must_use]
    pub fn new(writer: WriterId, keys: &'a [AuditKey]) -> Self {
        Self {
            writer,
            keys,
            removal: None,
            checkpoints: Vec::new(),
            last: 0,
            previous: Some(FIRST_MAC),
            is_after_gap: false,
            key: None,
            began: None,
            signed: 0,
            rows: 0,
            erased: 0,
            damage: Vec::new(),
        }
    }

    /// Allows the chain to begin after this row. Of several, the last one counts.
    #[must_use]
    pub fn with_removal(mut self, removal: Removal) -> Self {
        if self.removal.as_ref().is_none_or(|known| known.number < removal.number) {
            self.removal = Some(removal);
        }
        self
    }

    /// Requires the chain to contain this row.
    #[must_use]
    pub fn with_checkpoint(mut self, checkpoint: AuditCheckpoint) -> Self {
        self.checkpoints.push(checkpoint);
        self
    }

    /// Checks the next row.
    pub fn row(&mut self, row: &AuditRow) {
        if row.number <= self.last {
            self.damage.push(AuditDamage::Disordered { number: row.number });
            return;
        }
        self.step_over_gap(row.number);
        self.began.get_or_insert(row.record.time);
        self.signed += u64::from(row.mac.is_some());
        if row.writer != self.writer {
            self.damage.push(AuditDamage::Changed { number: row.number });
        } else if row.is_readable {
            self.check_content(row);
        } else {
            self.damage.push(AuditDamage::Unreadable { first: row.number, last: row.number });
        }
        self.check_against_statements(row);
        self.rows += 1;
        self.erased += u64::from(row.salt.is_none());
        self.last = row.number;
        self.is_after_gap = false;
        self.previous = Some(row.link());
    }

    fn check_content(&mut self, row: &AuditRow) {
        if !row.has_its_personal_parts() {
            self.damage.push(AuditDamage::PersonalChanged { number: row.number });
        }
        self.check_mac(row);
    }

    /// Reports the rows between the last one and this one, unless retention deleted them. It may have been interrupted,
    /// or delete them now: then the first row is one of those that it deletes.
    fn step_over_gap(&mut self, number: u64) {
        let expected = self.last.saturating_add(1);
        if number == expected {
            return;
        }
        let removal = self.removal.as_ref().filter(|_| self.last == 0);
        let first = removal.map_or(expected, |removal| removal.number.saturating_add(1));
        let link = removal.filter(|_| first == number).map(|removal| removal.mac.unwrap_or(FIRST_MAC));
        self.previous = link;
        if first < number {
            self.damage.push(AuditDamage::Missing { first, last: number - 1 });
            self.is_after_gap = true;
        }
    }

    fn check_mac(&mut self, row: &AuditRow) {
        if self.keys.is_empty() {
            return;
        }
        let Some(mac) = &row.mac else {
            return self.unsigned(row.number);
        };
        // After a gap nothing is known about the row before it.
        let Some(previous) = &self.previous else {
            if self.is_after_gap {
                self.damage.push(AuditDamage::Unverifiable { number: row.number });
            }
            return;
        };
        let canonical = row.canonical();
        let verifies = |key: &&AuditKey| bool::from(key.mac(&[previous, &canonical])[..].ct_eq(mac));
        // A chain has one key: an old one that is known to others must not continue it.
        match self.key {
            Some(key) if verifies(&key) => {}
            None => match self.keys.iter().find(verifies) {
                Some(key) => self.key = Some(key),
                None => self.damage.push(AuditDamage::Changed { number: row.number }),
            },
            Some(_) => self.damage.push(AuditDamage::Changed { number: row.number }),
        }
    }

    /// Reports a row without a MAC, together with those before it: there may be millions.
    fn unsigned(&mut self, number: u64) {
        if let Some(AuditDamage::Unsigned { last, .. }) = self.damage.last_mut()
            && *last + 1 == number
        {
            *last = number;
            return;
        }
        self.damage.push(AuditDamage::Unsigned { first: number, last: number });
    }

    /// The time at which the chain begins, if all of its rows have a MAC or none has.
    pub(super) fn began(&self) -> Option<Timestamp> {
        self.began
    }

    /// Whether the chain has rows, and none of them has a MAC.
    pub(super) const fn has_no_mac(&self) -> bool {
        self.rows > 0 && self.signed == 0
    }

    /// A checkpoint, or the row about retention, may say which MAC the row has.
    fn check_against_statements(&mut self, row: &AuditRow) {
        let checkpoints = self.checkpoints.iter().map(|checkpoint| (checkpoint.number, checkpoint.mac));
        let removal = self.removal.iter().map(|removal| (removal.number, removal.mac));
        let is_other = |(number, mac): (u64, Option<[u8; MAC_BYTES]>)| {
            number == row.number && mac.as_ref().map(|mac| &mac[..]) != row.mac.as_deref()
        };
        if checkpoints.chain(removal).any(is_other) {
            self.damage.push(AuditDamage::Replaced { number: row.number });
        }
    }

    /// What is wrong with the chain. Empty if nothing is.
    pub fn finish(&mut self) -> Vec<AuditDamage> {
        let removed = self.removal.as_ref().map_or(0, |removal| removal.number);
        let last = self.last.max(removed);
        let later = self.checkpoints.iter().map(|checkpoint| checkpoint.number).max();
        if let Some(checkpoint) = later.filter(|number| *number > last) {
            self.damage.push(AuditDamage::Cut { checkpoint, last });
        }
        std::mem::take(&mut self.damage)
    }

    /// Who wrote the chain.
    #[must_use]
    pub const fn writer(&self) -> &WriterId {
        &self.writer
    }

    /// How many rows were checked, and in how many of them the personal parts were erased.
    #[must_use]
    pub const fn counts(&self) -> (u64, u64) {
        (self.rows, self.erased)
    }
}

/// The length of a MAC in a store.
const _: () = assert!(MAC_BYTES == 32, "checkpoints name 64 hexadecimal digits");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::chain::Chain;
    use crate::audit::row::SALT_BYTES;
    use crate::audit::{AuditOutcome, AuditRecord};

    fn key(text: &str) -> AuditKey {
        AuditKey::new(format!("{text} 0123456789abcdef0123456789abcdef")).unwrap()
    }

    /// A chain of five records and a checkpoint.
    fn chain(key: Option<AuditKey>) -> Vec<AuditRow> {
        let mut chain = Chain::new("node".parse().unwrap(), key);
        let mut rows: Vec<AuditRow> = (1..=5)
            .map(|second| {
                let time = Timestamp::from_seconds(second);
                let mut record = AuditRecord::new(time, "LoggedIn", AuditOutcome::Succeeded);
                record.client_address = Some("192.0.2.7".to_owned());
                chain.append(record, [u8::try_from(second).unwrap(); SALT_BYTES])
            })
            .collect();
        rows.push(chain.checkpoint(Timestamp::from_seconds(6), [6; SALT_BYTES]));
        rows
    }

    fn damage(rows: &[AuditRow], with: impl FnOnce(ChainCheck<'_>) -> ChainCheck<'_>) -> Vec<AuditDamage> {
        let keys = [key("one")];
        let mut check = with(ChainCheck::new("node".parse().unwrap(), &keys));
        rows.iter().for_each(|row| check.row(row));
        check.finish()
    }

    fn found(change: impl FnOnce(&mut Vec<AuditRow>)) -> Vec<AuditDamage> {
        let mut rows = chain(Some(key("one")));
        change(&mut rows);
        damage(&rows, |check| check)
    }

    #[test]
    fn an_unchanged_chain_verifies_also_after_personal_parts_were_erased() {
        assert_eq!(found(|_| {}), []);
        let erase = |row: &mut AuditRow| (row.salt, row.record.client_address) = (None, None);
        assert_eq!(found(|rows| rows.iter_mut().for_each(erase)), []);
    }

    #[test]
    fn a_changed_row_is_found_once() {
        let changed = [AuditDamage::Changed { number: 3 }];
        assert_eq!(found(|rows| rows[2].record.event = "LoggedOut".into()), changed);
        assert_eq!(found(|rows| rows[2].record.subject = Some("7".to_owned())), changed);
        assert_eq!(found(|rows| rows[2].record.time = Timestamp::from_seconds(9)), changed);
        assert_eq!(
            found(|rows| rows[2].record.client_address = Some("192.0.2.8".to_owned())),
            [AuditDamage::PersonalChanged { number: 3 }]
        );
        // The next row was written after another MAC.
        let stripped = found(|rows| rows[2].mac = None);
        assert_eq!(
            stripped,
            [AuditDamage::Unsigned { first: 3, last: 3 }, AuditDamage::Changed { number: 4 }]
        );
        let unreadable = found(|rows| rows[2].is_readable = false);
        assert_eq!(unreadable, [AuditDamage::Unreadable { first: 3, last: 3 }]);
        let forged = found(|rows| rows[2].mac = Some(vec![0; 32]));
        assert_eq!(forged, [AuditDamage::Changed { number: 3 }, AuditDamage::Changed { number: 4 }]);
    }

    #[test]
    fn a_removed_row_is_found_wherever_it_was() {
        let missing = |first, last| {
            [AuditDamage::Missing { first, last }, AuditDamage::Unverifiable { number: last + 1 }]
        };
        assert_eq!(found(|rows| drop(rows.remove(2))), missing(3, 3));
        assert_eq!(found(|rows| drop(rows.drain(..2))), missing(1, 2));
        let renumbered = found(|rows| {
            rows.remove(2);
            rows[2..].iter_mut().for_each(|row| row.number -= 1);
        });
        assert_eq!(renumbered.first(), Some(&AuditDamage::Changed { number: 3 }));
    }

    #[test]
    fn a_moved_or_repeated_row_is_found() {
        let swapped = found(|rows| {
            let number = rows[1].number;
            rows[1].number = rows[3].number;
            rows[3].number = number;
            rows.swap(1, 3);
        });
        assert!(swapped.contains(&AuditDamage::Changed { number: 2 }), "{swapped:?}");
        assert!(swapped.contains(&AuditDamage::Changed { number: 4 }), "{swapped:?}");
        let repeated = found(|rows| rows.insert(3, rows[2].clone()));
        assert_eq!(repeated, [AuditDamage::Disordered { number: 3 }]);
    }

    #[test]
    fn a_row_of_another_chain_or_key_is_found() {
        let mut foreign = chain(Some(key("other")));
        assert_eq!(damage(&foreign, |check| check).len(), 6, "each row is reported");
        foreign.truncate(0);
        let mut other = Chain::new("node-2".parse().unwrap(), Some(key("one")));
        let record = AuditRecord::new(Timestamp::from_seconds(1), "LoggedIn", AuditOutcome::Succeeded);
        let mut row = other.append(record, [1; SALT_BYTES]);
        row.writer = "node".parse().unwrap();
        assert_eq!(
            found(|rows| rows[0] = row),
            [AuditDamage::Changed { number: 1 }, AuditDamage::Changed { number: 2 }]
        );
    }

    /// Without a checkpoint from elsewhere nothing shows that there were more rows.
    #[test]
    fn a_cut_end_is_found_against_a_checkpoint_only() {
        let rows = chain(Some(key("one")));
        let checkpoint = AuditCheckpoint::of(&rows[5]);
        let cut = |length: usize| damage(&rows[..length], |check| check.with_checkpoint(checkpoint.clone()));
        assert_eq!(found(|rows| rows.truncate(4)), []);
        assert_eq!(cut(4), [AuditDamage::Cut { checkpoint: 6, last: 4 }]);
        assert_eq!(cut(0), [AuditDamage::Cut { checkpoint: 6, last: 0 }]);
        assert_eq!(cut(6), []);
        // An attacker with the key can write the chain anew, but not the log.
        let mut anew = chain(Some(key("one")));
        let mut chain = Chain::new("node".parse().unwrap(), Some(key("one")));
        for row in &mut anew {
            row.record.event = "LoggedOut".into();
            *row = chain.append(row.record.clone(), [9; SALT_BYTES]);
        }
        let found = damage(&anew, |check| check.with_checkpoint(checkpoint.clone()));
        assert_eq!(found, [AuditDamage::Replaced { number: 6 }]);
    }

    #[test]
    fn a_chain_may_begin_after_what_retention_removed_and_nowhere_else() {
        let rows = chain(Some(key("one")));
        let removal = Removal::of(&rows[1]);
        let kept = |from: usize| damage(&rows[from..], |check| check.with_removal(removal.clone()));
        assert_eq!(kept(2), []);
        assert_eq!(kept(0), [], "the rows are not deleted yet");
        assert_eq!(kept(1), [], "the deletion was interrupted");
        let missing = AuditDamage::Missing { first: 3, last: 3 };
        assert_eq!(kept(3), [missing, AuditDamage::Unverifiable { number: 4 }]);
        let mut changed = rows.clone();
        changed[2].record.event = "LoggedOut".into();
        let found = damage(&changed[2..], |check| check.with_removal(removal.clone()));
        assert_eq!(found, [AuditDamage::Changed { number: 3 }]);
        let gone = damage(&[], |check| {
            check.with_removal(Removal::of(&rows[5])).with_checkpoint(AuditCheckpoint::of(&rows[5]))
        });
        assert_eq!(gone, []);
    }

    /// The rows that retention has not deleted yet may be changed by no one, either.
    #[test]
    fn the_last_deleted_row_has_the_mac_that_the_removal_says() {
        let rows = chain(Some(key("one")));
        let removal = Removal::of(&rows[2]);
        let mut anew = rows.clone();
        anew[2].mac = Some(vec![0; 32]);
        let found = damage(&anew[1..3], |check| check.with_removal(removal.clone()));
        assert_eq!(found, [AuditDamage::Changed { number: 3 }, AuditDamage::Replaced { number: 3 }]);
    }

    /// A named writer ran without a key first. Its next process has one.
    #[test]
    fn the_first_row_after_one_without_a_mac_is_checked() {
        let unsigned = chain(None);
        let mut keyed = Chain::new("node".parse().unwrap(), Some(key("one")));
        keyed.resume_after(&unsigned[5]);
        let record = AuditRecord::new(Timestamp::from_seconds(7), "LoggedIn", AuditOutcome::Succeeded);
        let mut rows = vec![keyed.append(record, [7; SALT_BYTES])];
        let kept = |rows: &[AuditRow]| damage(rows, |check| check.with_removal(Removal::of(&unsigned[5])));
        assert_eq!(kept(&rows), []);
        rows[0].record.event = "LoggedOut".into();
        assert_eq!(kept(&rows), [AuditDamage::Changed { number: 7 }]);
    }

    /// Under the same name and key, after its rows were deleted.
    #[test]
    fn rows_of_an_earlier_process_do_not_verify_in_a_later_one() {
        let started = |incarnation: u8| {
            let mut chain = Chain::new("node".parse().unwrap(), Some(key("one")));
            let mut rows = vec![chain.start(Timestamp::from_seconds(1), [incarnation; 16], [1; SALT_BYTES])];
            for second in 2..=4 {
                let time = Timestamp::from_seconds(second);
                rows.push(chain.append(AuditRecord::new(time, "LoggedIn", AuditOutcome::Succeeded), [2; 16]));
            }
            rows
        };
        let (old, mut new) = (started(1), started(2));
        assert_eq!(damage(&new, |check| check), []);
        new[..2].clone_from_slice(&old[..2]);
        assert_eq!(damage(&new, |check| check), [AuditDamage::Changed { number: 3 }]);
    }

    #[test]
    fn a_removal_is_read_back_from_its_row() {
        let rows = chain(Some(key("one")));
        let removal = Removal::of(&rows[1]);
        let mut record = AuditRecord::new(Timestamp::from_seconds(1), RETENTION, AuditOutcome::Succeeded);
        record.detail = removal.detail();
        assert_eq!(Removal::from_record(&record), Some(removal));
        record.event = "LoggedIn".into();
        assert_eq!(Removal::from_record(&record), None);
    }

    #[test]
    fn without_a_key_only_missing_rows_are_found() {
        let mut rows = chain(None);
        let mut check = ChainCheck::new("node".parse().unwrap(), &[]);
        rows[1].record.event = "LoggedOut".into();
        rows.remove(3);
        rows.iter().for_each(|row| check.row(row));
        assert_eq!(check.finish(), [AuditDamage::Missing { first: 4, last: 4 }]);
        assert_eq!(check.counts(), (5, 0));
    }

    /// From an independent implementation (Python), so that versions stay compatible.
    #[test]
    fn the_mac_of_a_row_has_its_published_value() {
        let rows = chain(Some(key("one")));
        assert_eq!(hex(rows[0].mac.as_deref().unwrap()), FIRST);
        assert_eq!(hex(rows[1].mac.as_deref().unwrap()), SECOND);
    }

    const FIRST: &str = "1855f5117eabe2c5828d2fde724e09db4fa7925735d09077b892a717adafc741";
    const SECOND: &str = "27d9d3aa49f85c8b9940f90eb2c6ba8f3ef29171cd8e2a7431c720c687a1d8b2";

    #[test]
    fn lines_without_a_complete_checkpoint_are_refused() {
        let mac = "0".repeat(64);
        for line in [
            "",
            "writer=a",
            "number=1",
            "writer=a number=-1",
            "writer=a b number=x",
            &format!("writer=a number=1 mac={mac}0"),
            &format!("writer=a number=1 number=2 mac={mac}"),
            &format!("refused user_agent=\"writer=a number=9 mac={mac}\""),
            &format!("refused user_agent=\"event=\\\"AuditCheckpoint\\\" writer=a number=9 mac={mac}\""),
            &format!("event=\"AuditCheckpoint\" event=\"AuditCheckpoint\" writer=a number=9 mac={mac}"),
            &format!("event=\"AuditCheckpoint\" writer=a number=9 mac={mac} x=1"),
            r#"{"fields":{"event":"LoginRefused","writer":"a","number":1}}"#,
            r#"{"user_agent":"writer=a number=9"}"#,
        ] {
            assert_eq!(line.parse::<AuditCheckpoint>(), Err(InvalidCheckpoint {}), "{line}");
        }
    }

    #[test]
    fn lines_of_each_format_of_a_log_are_read() {
        let mac = "0f".repeat(32);
        let expected: AuditCheckpoint = format!("writer=a number=7 mac={mac}").parse().unwrap();
        for line in [
            format!(
                "2026 INFO gatewright: audit checkpoint event=\"AuditCheckpoint\" writer=\"a\" number=7 mac=\"{mac}\"\n"
            ),
            format!(
                "\x1b[2m2026\x1b[0m audit checkpoint \x1b[3mevent\x1b[0m\x1b[2m=\x1b[0m\"AuditCheckpoint\" \x1b[3mwriter\x1b[0m=\"a\" number=7 mac=\"{mac}\""
            ),
            format!(
                r#"{{"level":"INFO","fields":{{"event":"AuditCheckpoint","writer":"a","number":7,"mac":"{mac}"}}}}"#
            ),
            format!(
                r#"{{"message":"audit checkpoint","event":"AuditCheckpoint","writer":"a","number":7,"mac":"{mac}"}}"#
            ),
        ] {
            assert_eq!(line.parse::<AuditCheckpoint>().as_ref(), Ok(&expected), "{line}");
        }
    }

    /// A chain has one key. An old key that became known must not continue it.
    #[test]
    fn a_chain_does_not_change_its_key() {
        let keys = [key("one"), key("two")];
        let mut rows = chain(Some(key("one")));
        let mut other = Chain::new("node".parse().unwrap(), Some(key("two")));
        other.resume_after(&rows[5]);
        rows.push(other.append(rows[0].record.clone(), [7; SALT_BYTES]));
        let mut check = ChainCheck::new("node".parse().unwrap(), &keys);
        rows.iter().for_each(|row| check.row(row));
        assert_eq!(check.finish(), [AuditDamage::Changed { number: 7 }]);
    }

    #[test]
    fn rows_without_a_mac_and_rows_of_another_writer_are_reported_together() {
        let rows = chain(None);
        assert_eq!(damage(&rows, |check| check), [AuditDamage::Unsigned { first: 1, last: 6 }]);
        let keys = [key("one")];
        let mut check = ChainCheck::new("other".parse().unwrap(), &keys);
        chain(Some(key("one"))).iter().for_each(|row| check.row(row));
        assert_eq!(check.finish().len(), 6, "they are another writer's");
    }
}
