//! The audit trail. It ends with the process, so it is for tests.

use std::collections::BTreeMap;

use async_trait::async_trait;
use gatewright_core::audit::{
    AppendOutcome, AuditActor, AuditChain, AuditCursor, AuditFilter, AuditReach, AuditRow, AuditStore,
    AuditTask, WriterId, run_on_thread,
};
use gatewright_core::{StoreError, Timestamp, UserId};

use crate::MemoryStore;

/// The rows by their writer and number.
pub(crate) type Rows = BTreeMap<(WriterId, u64), AuditRow>;

#[async_trait]
impl AuditStore for MemoryStore {
    async fn append_rows(&self, rows: &[AuditRow]) -> Result<AppendOutcome, StoreError> {
        let mut stored = self.audit();
        if rows.iter().any(|row| stored.contains_key(&key(row))) {
            return Ok(AppendOutcome::Taken);
        }
        stored.extend(rows.iter().map(|row| (key(row), row.clone())));
        Ok(AppendOutcome::Appended)
    }

    async fn last_row(&self, writer: &WriterId) -> Result<Option<AuditRow>, StoreError> {
        let rows = self.audit();
        Ok(of(&rows, writer).next_back().cloned())
    }

    async fn chains(&self) -> Result<Vec<AuditChain>, StoreError> {
        let mut chains: Vec<AuditChain> = Vec::new();
        for (writer, number) in self.audit().keys() {
            match chains.last_mut().filter(|chain| chain.writer == *writer) {
                Some(chain) => chain.last = *number,
                None => chains.push(AuditChain::new(writer.clone(), *number, *number)),
            }
        }
        Ok(chains)
    }

    async fn chain_rows(
        &self,
        writer: &WriterId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let rows = self.audit();
        let later = of(&rows, writer).filter(|row| row.number > after);
        Ok(later.take(usize::try_from(limit).unwrap_or(usize::MAX)).cloned().collect())
    }

    async fn page_rows(
        &self,
        filter: &AuditFilter,
        after: Option<&AuditCursor>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let rows = self.audit();
        let mut found: Vec<(AuditCursor, &AuditRow)> =
            rows.values().filter(|row| filter.finds(row)).map(|row| (row.into(), row)).collect();
        found.sort_by(|(one, _), (other, _)| other.cmp(one));
        let page = found.into_iter().filter(|(cursor, _)| after.is_none_or(|after| cursor < after));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(page.take(limit).map(|(_, row)| row.clone()).collect())
    }

    async fn first_number_since(
        &self,
        writer: &WriterId,
        time: Timestamp,
    ) -> Result<Option<u64>, StoreError> {
        let rows = self.audit();
        Ok(of(&rows, writer).find(|row| row.record.time >= time).map(|row| row.number))
    }

    async fn delete_rows(&self, writer: &WriterId, last: u64, limit: u32) -> Result<u64, StoreError> {
        let mut rows = self.audit();
        let old = of(&rows, writer).take_while(|row| row.number <= last);
        let old: Vec<_> = old.take(usize::try_from(limit).unwrap_or(usize::MAX)).map(key).collect();
        Ok(old.iter().filter_map(|key| rows.remove(key)).map(|_| 1).sum())
    }

    async fn erase_personal(&self, user: &UserId) -> Result<u64, StoreError> {
        let actor = AuditActor::user(user);
        let is_theirs = |row: &AuditRow| match &row.record.actor {
            Some(by) => *by == actor,
            None => row.record.subject.as_deref() == Some(user.as_str()),
        };
        let has_personal =
            |row: &AuditRow| row.record.client_address.is_some() || row.record.user_agent.is_some();
        let mut rows = self.audit();
        let theirs = rows.values_mut().filter(|row| has_personal(row) && is_theirs(row));
        Ok(theirs
            .map(|row| {
                (row.salt, row.record.client_address, row.record.user_agent) = (None, None, None);
                1
            })
            .sum())
    }

    fn audit_reach(&self) -> AuditReach {
        AuditReach::Process
    }

    fn spawn_writer(&self, task: AuditTask) {
        run_on_thread(task);
    }
}

fn key(row: &AuditRow) -> (WriterId, u64) {
    (row.writer.clone(), row.number)
}

/// The rows of a writer, in the order of their numbers.
fn of<'a>(rows: &'a Rows, writer: &WriterId) -> impl DoubleEndedIterator<Item = &'a AuditRow> + use<'a> {
    rows.range((writer.clone(), 0)..=(writer.clone(), u64::MAX)).map(|(_, row)| row)
}
