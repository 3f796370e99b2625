//! What the writer says about itself: lines of the log, and the row about an overflow.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::error::Error;

use super::chain::{CHECKPOINT, OVERFLOW};
use super::check::AuditCheckpoint;
use super::key::hex;
use super::record::{AuditOutcome, AuditRecord, Detail};
use crate::store::StoreError;
use crate::types::Timestamp;

/// The row that counts records which found no place in the queue.
pub(super) fn overflow(now: Timestamp, lost: &BTreeMap<Cow<'static, str>, u64>) -> AuditRecord {
    let mut detail = Detail::default();
    lost.iter().for_each(|(event, count)| detail.add(event, Some(count)));
    let count: u64 = lost.values().fold(0, |sum, count| sum.saturating_add(*count));
    tracing::warn!(target: "gatewright", event = OVERFLOW, count, "the queue of the audit trail was full: events were counted instead of stored");
    let mut record = AuditRecord::new(now, OVERFLOW, AuditOutcome::Failed);
    record.detail = detail.finish();
    record
}

/// The line that an attacker of the database cannot reach, if the log goes elsewhere.
pub(super) fn checkpoint(checkpoint: &AuditCheckpoint) {
    let mac = checkpoint.mac.map(|mac| hex(&mac));
    tracing::info!(
        target: "gatewright",
        event = CHECKPOINT,
        writer = checkpoint.writer.as_str(),
        number = checkpoint.number,
        mac,
        "audit checkpoint"
    );
}

/// The store failed.
pub(super) fn unavailable(error: &StoreError) {
    let cause = error.source().map(ToString::to_string);
    tracing::error!(
        target: "gatewright",
        event = "AuditUnavailable",
        cause,
        "{error}: rows of the audit trail wait in memory, and administrative changes are refused"
    );
}

/// Nothing runs the writer.
pub(super) fn no_runtime() {
    tracing::error!(
        target: "gatewright",
        event = "AuditUnavailable",
        "the audit trail has no runtime: its store was opened on one that has ended, or on none; rows wait in memory, and \
         administrative changes are refused"
    );
}
