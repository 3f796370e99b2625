//! The chain that this process writes.

use std::time::Duration;

use super::key::{AuditKey, FIRST_MAC, MAC_BYTES, hex};
use super::record::{AuditOutcome, AuditRecord, Detail};
use super::row::{AuditRow, SALT_BYTES, WriterId};
use crate::types::Timestamp;

/// After how many rows a checkpoint is written: 1,000.
pub const CHECKPOINT_ROWS: u64 = 1_000;

/// How long after a row a checkpoint is written at the latest: a minute.
pub const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(60);

/// The names of the rows that the trail itself writes.
pub(super) const STARTED: &str = "AuditStarted";
pub(super) const CHECKPOINT: &str = "AuditCheckpoint";
pub(super) const OVERFLOW: &str = "AuditOverflow";
pub(super) const RETENTION: &str = "AuditRetention";
pub(super) const ERASURE: &str = "AuditErasure";

/// The last row of a chain: its writer, its number and its MAC.
pub(super) type End = (WriterId, u64, Option<[u8; MAC_BYTES]>);

/// The end of the chain of this process.
#[derive(Clone)]
pub(super) struct Chain {
    pub(super) writer: WriterId,
    key: Option<AuditKey>,
    /// The number of the last row; 0 without one.
    number: u64,
    previous: [u8; MAC_BYTES],
    /// How many rows follow the last checkpoint.
    pub(super) unchecked: u64,
    /// Whether the row that says that this process started is there.
    is_started: bool,
    /// Where the chain ended that this process wrote under another name.
    after: Option<End>,
}

impl Chain {
    pub(super) const fn new(writer: WriterId, key: Option<AuditKey>) -> Self {
        Self { writer, key, number: 0, previous: FIRST_MAC, unchecked: 0, is_started: false, after: None }
    }

    /// A chain of the same process, after one with another name.
    pub(super) fn after(mut self, end: Option<End>) -> Self {
        self.after = end;
        self
    }

    /// Continues after a row that an earlier process of this writer wrote.
    pub(super) fn resume_after(&mut self, last: &AuditRow) {
        self.number = last.number;
        self.previous = last.link();
        self.unchecked = 1;
    }

    /// Whether the row that says that this process started is there.
    pub(super) const fn is_started(&self) -> bool {
        self.is_started
    }

    /// The first row of this process. Its random detail makes the MACs of all later rows those of this process: rows
    /// of an earlier one with the same name and key do not verify in their place.
    /// If the process wrote under another name before, the row says where that chain ended.
    pub(super) fn start(
        &mut self,
        time: Timestamp,
        incarnation: [u8; SALT_BYTES],
        salt: [u8; SALT_BYTES],
    ) -> AuditRow {
        self.is_started = true;
        let mut detail = Detail::default();
        detail.add("incarnation", Some(hex(&incarnation)));
        if let Some((writer, number, mac)) = self.after.take() {
            detail.add("after_writer", Some(writer));
            detail.add("after_number", Some(number));
            detail.add("after_mac", mac.map(|mac| hex(&mac)));
        }
        let mut record = AuditRecord::new(time, STARTED, AuditOutcome::Succeeded);
        record.detail = detail.finish();
        self.append(record, salt)
    }

    /// The next row.
    pub(super) fn append(&mut self, record: AuditRecord, salt: [u8; SALT_BYTES]) -> AuditRow {
        self.number = self.number.saturating_add(1);
        let mut row = AuditRow::salted(self.writer.clone(), self.number, record, salt);
        if let Some(key) = &self.key {
            let mac = key.mac(&[&self.previous, &row.canonical()]);
            self.previous = mac;
            row.mac = Some(mac.to_vec());
        }
        self.unchecked = self.unchecked.saturating_add(1);
        row
    }

    /// A checkpoint of all rows so far.
    pub(super) fn checkpoint(&mut self, time: Timestamp, salt: [u8; SALT_BYTES]) -> AuditRow {
        let mut detail = Detail::default();
        detail.add("rows", Some(self.number));
        detail.add("mac", self.key.as_ref().map(|_| hex(&self.previous)));
        let mut record = AuditRecord::new(time, CHECKPOINT, AuditOutcome::Succeeded);
        record.detail = detail.finish();
        let row = self.append(record, salt);
        self.unchecked = 0;
        row
    }
}
