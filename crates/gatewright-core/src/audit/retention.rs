//! Retention and erasure: what may be removed from the trail, and the rows that say so.

use std::collections::BTreeMap;

use super::chain::{ERASURE, RETENTION};
use super::check::Removal;
use super::record::{AuditActor, AuditOutcome, AuditRecord, Detail};
use super::row::WriterId;
use super::store::{AuditChain, AuditStore};
use super::trail::AuditTrail;
use super::verify::removals;
use crate::store::StoreError;
use crate::types::{Timestamp, UserId};

/// How many rows are deleted at a time.
const STEP: u32 = 1_000;

impl AuditTrail {
    /// Deletes the rows before `time`, from the beginning of each chain. A row for each chain says so first. Returns
    /// how many rows were deleted.
    ///
    /// The last row of a chain stays. A row stays if an earlier one of its chain is not older than `time`, because a clock was set back.
    pub(crate) async fn delete_before(&self, time: Timestamp, actor: AuditActor) -> Result<u64, StoreError> {
        let store = self.store();
        let known = removals(store).await?;
        // All are stated before the first row is deleted: the rows that stated earlier ones are deleted too.
        let mut stated = Vec::new();
        for chain in store.chains().await?.into_iter().filter(|chain| chain.writer.is_valid()) {
            let Some(removal) = self.removal(&chain, time, &known).await? else { continue };
            let mut record = AuditRecord::new(self.now(), RETENTION, AuditOutcome::Attempted);
            record.actor = Some(actor.clone());
            record.detail = removal.detail();
            self.record(record.clone()).await?;
            stated.push((removal, record));
        }
        let mut deleted = 0;
        for (removal, record) in stated {
            let count = delete(store, &removal).await?;
            deleted += count;
            if count > 0 {
                self.succeeded(record, count).await?;
            }
        }
        Ok(deleted)
    }

    /// Records that an attempt succeeded, in so many rows.
    async fn succeeded(&self, attempt: AuditRecord, count: u64) -> Result<(), StoreError> {
        let mut detail = Detail::default();
        detail.add("rows", Some(count));
        let detail =
            [attempt.detail.clone(), detail.finish()].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let (time, outcome) = (self.now(), AuditOutcome::Succeeded);
        self.record(AuditRecord { time, outcome, detail: Some(detail), ..attempt }).await
    }

    /// Up to which row a chain is deleted. If it began after its first row already, an earlier removal is stated
    /// again: the row that stated it may be deleted now. `None` if nothing of the chain is or was deleted.
    async fn removal(
        &self,
        chain: &AuditChain,
        time: Timestamp,
        known: &BTreeMap<WriterId, Removal>,
    ) -> Result<Option<Removal>, StoreError> {
        let first_kept = self.store().first_number_since(&chain.writer, time).await?;
        // The last row stays: the next process with this name continues after it.
        let last = first_kept.map_or(chain.last, |kept| kept.min(chain.last)).saturating_sub(1);
        if last < chain.first {
            return Ok(known.get(&chain.writer).filter(|removal| removal.number < chain.first).cloned());
        }
        let rows = self.store().chain_rows(&chain.writer, last.saturating_sub(1), 1).await?;
        Ok(rows.first().filter(|row| row.number == last).map(Removal::of))
    }

    /// Erases the client's address and the user agent of what this user did, after a row says so and all rows that wait
    /// are stored. Returns in how many rows.
    pub(crate) async fn erase_personal(&self, user: &UserId, actor: AuditActor) -> Result<u64, StoreError> {
        let mut record = AuditRecord::new(self.now(), ERASURE, AuditOutcome::Attempted);
        record.actor = Some(actor);
        record.subject = Some(user.as_str().to_owned());
        self.record(record.clone()).await?;
        self.flush().await?;
        let count = self.store().erase_personal(user).await?;
        self.succeeded(record, count).await?;
        Ok(count)
    }
}

/// Deletes the rows of a removal, in steps.
async fn delete(store: &dyn AuditStore, removal: &Removal) -> Result<u64, StoreError> {
    let mut deleted = 0;
    loop {
        let count = store.delete_rows(&removal.writer, removal.number, STEP).await?;
        deleted += count;
        if count < u64::from(STEP) {
            return Ok(deleted);
        }
    }
}
