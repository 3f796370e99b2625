//! Verifies all chains of a store.

use std::collections::{BTreeMap, BTreeSet};

use super::chain::RETENTION;
use super::check::{AuditCheckpoint, AuditDamage, ChainCheck, Removal};
use super::key::AuditKey;
use super::row::WriterId;
use super::store::{AuditCursor, AuditFilter, AuditStore};
use crate::store::StoreError;

/// How many rows are read at a time.
const PAGE: u32 = 500;

/// What [`verify`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditReport {
    /// How many chains were checked.
    pub chains: u64,
    /// How many rows.
    pub rows: u64,
    /// In how many of them the personal parts were erased.
    pub erased: u64,
    /// What is wrong, and in which chain. Empty if nothing is.
    pub damage: Vec<(WriterId, AuditDamage)>,
}

/// Reads all chains of a store, and finds rows that were changed, moved or removed. Against `checkpoints`, which come
/// from the log, it also finds a chain whose end was cut off.
///
/// Of several keys, each may verify a row. Without a key it finds rows that are missing, and no others. It reads while
/// others write.
///
/// ```
/// use gatewright::MemoryStore;
/// use gatewright::audit::verify;
///
/// # gatewright_testkit::block_on(async {
/// let report = verify(&MemoryStore::new(), &[], &[]).await?;
/// assert!(report.damage.is_empty());
/// # Ok::<(), gatewright::store::StoreError>(())
/// # }).unwrap();
/// ```
///
/// # Errors
/// The store failed, or a row cannot be read.
pub async fn verify(
    store: &dyn AuditStore,
    keys: &[AuditKey],
    checkpoints: &[AuditCheckpoint],
) -> Result<AuditReport, StoreError> {
    let removals = removals(store).await?;
    let mut writers: BTreeSet<WriterId> =
        store.chains().await?.into_iter().map(|chain| chain.writer).collect();
    writers.extend(checkpoints.iter().map(|checkpoint| checkpoint.writer.clone()));
    let mut report = AuditReport::default();
    for writer in writers {
        let mut check = ChainCheck::new(writer.clone(), keys);
        if let Some(removal) = removals.get(&writer) {
            check = check.with_removal(removal.clone());
        }
        let own = checkpoints.iter().filter(|checkpoint| checkpoint.writer == writer);
        check = own.cloned().fold(check, ChainCheck::with_checkpoint);
        read_chain(store, &mut check).await?;
        report.add(check);
    }
    Ok(report)
}

impl AuditReport {
    fn add(&mut self, mut check: ChainCheck<'_>) {
        let (rows, erased) = check.counts();
        self.chains += 1;
        self.rows += rows;
        self.erased += erased;
        let damage = check.finish();
        self.damage.extend(damage.into_iter().map(|damage| (check.writer().clone(), damage)));
    }
}

async fn read_chain(store: &dyn AuditStore, check: &mut ChainCheck<'_>) -> Result<(), StoreError> {
    let mut after = 0;
    loop {
        let rows = store.chain_rows(check.writer(), after, PAGE).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.number;
        rows.iter().for_each(|row| check.row(row));
    }
}

/// The latest removal of each chain. Its row is checked with the chain that it is in.
pub(super) async fn removals(store: &dyn AuditStore) -> Result<BTreeMap<WriterId, Removal>, StoreError> {
    let filter = AuditFilter::new().of_event(RETENTION);
    let mut removals = BTreeMap::<WriterId, Removal>::new();
    let mut after: Option<AuditCursor> = None;
    loop {
        let rows = store.page_rows(&filter, after.as_ref(), PAGE).await?;
        let Some(last) = rows.last() else { return Ok(removals) };
        after = Some(last.into());
        for removal in rows.iter().filter_map(|row| Removal::from_record(&row.record)) {
            let known = removals.get(&removal.writer);
            if known.is_none_or(|known| known.number < removal.number) {
                removals.insert(removal.writer.clone(), removal);
            }
        }
    }
}
