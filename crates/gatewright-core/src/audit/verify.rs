//! Verifies all chains of a store.

use std::collections::{BTreeMap, BTreeSet};

use super::chain::{RETENTION, STARTED};
use super::check::{AuditCheckpoint, AuditDamage, ChainCheck, Removal};
use super::key::AuditKey;
use super::row::WriterId;
use super::store::{AuditCursor, AuditFilter, AuditStore};
use crate::store::StoreError;
use crate::types::Timestamp;

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
    /// How many chains have no MAC at all, although a key was given, and began before the first one that has: the
    /// service had no key then. A change of their rows does not show.
    pub without_key: u64,
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
/// The store failed. A row that cannot be read is damage.
pub async fn verify(
    store: &dyn AuditStore,
    keys: &[AuditKey],
    checkpoints: &[AuditCheckpoint],
) -> Result<AuditReport, StoreError> {
    let mut removed = removals(store).await?;
    let renamed = renamed(store).await?;
    let checkpoints = || checkpoints.iter().chain(&renamed);
    let (mut report, mut times) = (AuditReport::default(), Times::default());
    let mut writers: BTreeSet<WriterId> = checkpoints().map(|checkpoint| checkpoint.writer.clone()).collect();
    for chain in store.chains().await? {
        if chain.writer.is_valid() {
            writers.insert(chain.writer);
        } else {
            report.chains += 1;
            let damage = AuditDamage::Unreadable { first: chain.first, last: chain.last };
            report.damage.push((chain.writer, damage));
        }
    }
    for writer in writers {
        let own = checkpoints().filter(|checkpoint| checkpoint.writer == writer);
        let check = own.cloned().fold(ChainCheck::new(writer.clone(), keys), ChainCheck::with_checkpoint);
        let check = read_chain(store, check, &mut removed).await?;
        times.add(&check, keys);
        report.add(check);
    }
    times.judge(&mut report);
    Ok(report)
}

/// When chains with a MAC and chains without one begin.
#[derive(Default)]
struct Times {
    first_signed: Option<Timestamp>,
    without_mac: BTreeMap<WriterId, Timestamp>,
}

impl Times {
    fn add(&mut self, check: &ChainCheck<'_>, keys: &[AuditKey]) {
        let Some(began) = check.began().filter(|_| !keys.is_empty()) else { return };
        if check.has_no_mac() {
            self.without_mac.insert(check.writer().clone(), began);
        } else {
            self.first_signed = Some(self.first_signed.map_or(began, |first| first.min(began)));
        }
    }

    /// A chain from the time before the service had a key is no damage.
    fn judge(mut self, report: &mut AuditReport) {
        self.without_mac.retain(|_, began| self.first_signed.is_none_or(|first| *began < first));
        report.without_key = u64::try_from(self.without_mac.len()).unwrap_or(u64::MAX);
        report.damage.retain(|(writer, damage)| {
            !(self.without_mac.contains_key(writer) && matches!(damage, AuditDamage::Unsigned { .. }))
        });
    }
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

/// Checks the rows of a chain. `removed` are the removals of all chains. If they do not explain the beginning, they are
/// read again: a removal is stored before its rows are deleted.
async fn read_chain<'a>(
    store: &dyn AuditStore,
    mut check: ChainCheck<'a>,
    removed: &mut BTreeMap<WriterId, Removal>,
) -> Result<ChainCheck<'a>, StoreError> {
    let mut rows = store.chain_rows(check.writer(), 0, PAGE).await?;
    let explained = |removed: &BTreeMap<WriterId, Removal>, first: u64| {
        first <= removed.get(check.writer()).map_or(0, |removal| removal.number).saturating_add(1)
    };
    if rows.first().is_some_and(|row| !explained(removed, row.number)) {
        *removed = removals(store).await?;
    }
    if let Some(removal) = removed.get(check.writer()) {
        check = check.with_removal(removal.clone());
    }
    while let Some(last) = rows.last().map(|row| row.number) {
        rows.iter().for_each(|row| check.row(row));
        rows = store.chain_rows(check.writer(), last, PAGE).await?;
    }
    Ok(check)
}

/// Where the chains ended whose process continued under another name. The row is checked with the chain that it is in.
async fn renamed(store: &dyn AuditStore) -> Result<Vec<AuditCheckpoint>, StoreError> {
    let filter = AuditFilter::new().of_event(STARTED);
    let (mut found, mut after) = (Vec::new(), None::<AuditCursor>);
    loop {
        let rows = store.page_rows(&filter, after.as_ref(), PAGE).await?;
        let Some(last) = rows.last() else { return Ok(found) };
        after = Some(last.into());
        found.extend(rows.iter().filter_map(|row| AuditCheckpoint::from_start(&row.record)));
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
