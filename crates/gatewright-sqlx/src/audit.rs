//! The audit trail: rows are only added. The writer runs on the runtime on which the store was opened, because its
//! connections belong to that one.

use std::sync::LazyLock;

use async_trait::async_trait;
use gatewright_core::audit::{
    AppendOutcome, AuditActor, AuditChain, AuditCursor, AuditFilter, AuditOutcome, AuditReach, AuditRecord,
    AuditRow, AuditStore, AuditTask, WriterId,
};
use gatewright_core::{StoreError, Timestamp, UserId};

use crate::Failure;
use crate::connection::{Outcome, Transaction};
use crate::dialect::Dialect;
use crate::row::Row;
use crate::sql::{
    AUDIT_CHAIN, AUDIT_CHAINS, AUDIT_COLUMN_COUNT, AUDIT_DELETE, AUDIT_ERASE, AUDIT_FIRST, AUDIT_FIRST_SINCE,
    AUDIT_INSERT, AUDIT_LAST, AUDIT_PAGE, AUDIT_PAGE_BY_ACTOR, AUDIT_PAGE_BY_SUBJECT, AUDIT_PERSONAL,
};
use crate::statement::Statement;
use crate::store::SqlStore;

/// How many rows one statement inserts, if there are as many.
const ROWS_PER_STATEMENT: usize = 16;

/// How many rows are erased in one transaction.
const ERASED_AT_ONCE: u32 = 200;

/// The statement that inserts one row, and the one for [`ROWS_PER_STATEMENT`].
static INSERT_ONE: LazyLock<String> = LazyLock::new(|| insert_text(1));
static INSERT_MANY: LazyLock<String> = LazyLock::new(|| insert_text(ROWS_PER_STATEMENT));

/// The text of a statement that inserts so many rows.
fn insert_text(rows: usize) -> String {
    let values = |row: usize| {
        let places = (1..=AUDIT_COLUMN_COUNT).map(|column| format!("${}", row * AUDIT_COLUMN_COUNT + column));
        format!("({})", places.collect::<Vec<_>>().join(", "))
    };
    format!("{AUDIT_INSERT} {}", (0..rows).map(values).collect::<Vec<_>>().join(", "))
}

#[async_trait]
impl<D: Dialect> AuditStore for SqlStore<D> {
    async fn append_rows(&self, rows: &[AuditRow]) -> Result<AppendOutcome, StoreError> {
        D::RETRY
            .run("append to the audit trail", || async {
                let mut transaction = self.pools.begin().await?;
                let outcome = append(&mut transaction, rows).await;
                transaction.end(outcome).await
            })
            .await
    }

    async fn last_row(&self, writer: &WriterId) -> Result<Option<AuditRow>, StoreError> {
        let select = || Statement::new(AUDIT_LAST).text(writer.as_str());
        self.pools.fetch_optional("read the audit trail", select, audit_row).await
    }

    async fn chains(&self) -> Result<Vec<AuditChain>, StoreError> {
        let chain = |row: &Row<D>| {
            let writer = row.text("writer")?.parse()?;
            Ok(AuditChain::new(writer, row.count("first_number")?, row.count("last_number")?))
        };
        self.pools.fetch_all("read the audit trail", || Statement::new(AUDIT_CHAINS), chain).await
    }

    async fn chain_rows(
        &self,
        writer: &WriterId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let select =
            || Statement::new(AUDIT_CHAIN).text(writer.as_str()).number(signed(after)).number(limit.into());
        self.pools.fetch_all("read the audit trail", select, audit_row).await
    }

    async fn page_rows(
        &self,
        filter: &AuditFilter,
        after: Option<&AuditCursor>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let select = || page(filter, after, limit);
        self.pools.fetch_all("read the audit trail", select, audit_row).await
    }

    async fn first_number_since(
        &self,
        writer: &WriterId,
        time: Timestamp,
    ) -> Result<Option<u64>, StoreError> {
        let select = || Statement::new(AUDIT_FIRST_SINCE).text(writer.as_str()).time(time);
        let number = |row: &Row<D>| row.count("number");
        self.pools.fetch_optional("read the audit trail", select, number).await
    }

    async fn delete_rows(&self, writer: &WriterId, last: u64, limit: u32) -> Result<u64, StoreError> {
        let action = "delete rows of the audit trail";
        let first = || Statement::new(AUDIT_FIRST).text(writer.as_str()).number(signed(last));
        let first = self.pools.fetch_optional(action, first, |row| row.count("number")).await?;
        let (Some(first), true) = (first, limit > 0) else { return Ok(0) };
        let last = last.min(first.saturating_add(u64::from(limit) - 1));
        let delete = || Statement::new(AUDIT_DELETE).text(writer.as_str()).number(signed(last));
        self.pools.execute(action, delete).await
    }

    async fn erase_personal(&self, user: &UserId) -> Result<u64, StoreError> {
        let mut erased = 0;
        loop {
            let count = D::RETRY
                .run("erase personal data of the audit trail", || async {
                    let mut transaction = self.pools.begin().await?;
                    let outcome = erase(&mut transaction, user).await;
                    transaction.end(outcome).await
                })
                .await?;
            erased += count;
            if count < u64::from(ERASED_AT_ONCE) {
                return Ok(erased);
            }
        }
    }

    fn audit_reach(&self) -> AuditReach {
        AuditReach::Database
    }

    fn spawn_writer(&self, task: AuditTask) {
        self.pools.spawn(task);
    }
}

async fn append<D: Dialect>(
    transaction: &mut Transaction<D>,
    rows: &[AuditRow],
) -> Result<Outcome<AppendOutcome>, Failure> {
    let (many, rest) = rows.as_chunks::<ROWS_PER_STATEMENT>();
    let statements = many.iter().map(|rows| (INSERT_MANY.as_str(), &rows[..]));
    let single = rest.chunks(1).map(|row| (INSERT_ONE.as_str(), row));
    for (text, rows) in statements.chain(single) {
        match transaction.execute(rows.iter().fold(Statement::new(text), bind)).await {
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                return Ok(Outcome::RollBack(AppendOutcome::Taken));
            }
            result => drop(result?),
        }
    }
    Ok(Outcome::Commit(AppendOutcome::Appended))
}

fn bind<D: Dialect>(statement: Statement<D>, row: &AuditRow) -> Statement<D> {
    let record = &row.record;
    statement
        .text(row.writer.as_str())
        .number(signed(row.number))
        .time(record.time)
        .text(&*record.event)
        .text(record.outcome.as_str())
        .text(record.cause.as_deref())
        .text(record.actor.as_ref().map(AuditActor::as_str))
        .text(record.subject.as_deref())
        .text(record.session.as_deref())
        .text(record.client_address.as_deref())
        .text(record.user_agent.as_deref())
        .text(record.login_name.as_deref())
        .text(record.method.as_deref())
        .text(record.route.as_deref())
        .text(record.request_id.as_deref())
        .text(record.detail.as_deref())
        .bytes(row.salt.as_deref())
        .bytes(&*row.personal_digest)
        .bytes(row.mac.as_deref())
}

/// Reads all columns as they are: whether someone changed them is not the store's question.
fn audit_row<D: Dialect>(row: &Row<D>) -> Result<AuditRow, Failure> {
    let text = |column| row.optional_text(column).map(|text| text.map(str::to_owned));
    let bytes = |column| row.optional_bytes(column).map(|bytes| bytes.map(<[u8]>::to_vec));
    let event = row.text("event")?.to_owned();
    let outcome = AuditOutcome::from_text(row.text("outcome")?);
    let mut record = AuditRecord::new(row.time("occurred_at")?, event, outcome);
    record.cause = text("cause")?;
    record.actor = text("actor")?.map(AuditActor::from_text);
    record.subject = text("subject")?;
    record.session = text("session_id")?;
    record.client_address = text("client_address")?;
    record.user_agent = text("user_agent")?;
    record.login_name = text("login_name")?;
    record.method = text("method")?;
    record.route = text("route")?;
    record.request_id = text("request_id")?;
    record.detail = text("detail")?;
    let digests = (bytes("salt")?, bytes("personal_digest")?.unwrap_or_default(), bytes("mac")?);
    Ok(AuditRow::new(row.text("writer")?.parse()?, row.count("number")?, record, digests))
}

/// The statement for a filter: by the user whom the rows are about or who acted, if one is given, else by time.
fn page<D: Dialect>(filter: &AuditFilter, after: Option<&AuditCursor>, limit: u32) -> Statement<D> {
    let subject = filter.subject.as_ref().map(UserId::as_str);
    let actor = filter.actor.as_ref().map(AuditActor::user);
    let actor = actor.as_ref().map(AuditActor::as_str);
    let statement = match (subject, actor) {
        (Some(subject), actor) => optional(Statement::new(AUDIT_PAGE_BY_SUBJECT).text(subject), actor),
        (None, Some(actor)) => Statement::new(AUDIT_PAGE_BY_ACTOR).text(actor),
        (None, None) => Statement::new(AUDIT_PAGE),
    };
    // Before the first page: everything before the end of the filter.
    let end = (filter.until.unwrap_or(Timestamp::from_micros(u64::MAX)), "", 0);
    let (time, writer, number) = match after {
        Some(after) => end.min((after.time, after.writer.as_str(), signed(after.number))),
        None => end,
    };
    optional(statement, filter.event.as_deref())
        .time(filter.since.unwrap_or(Timestamp::from_micros(0)))
        .time(time)
        .time(time)
        .text(writer)
        .number(number)
        .number(limit.into())
}

/// Binds a value to compare with, and whether there is none.
fn optional<D: Dialect>(statement: Statement<D>, value: Option<&str>) -> Statement<D> {
    statement.text(value).flag(value.is_none())
}

async fn erase<D: Dialect>(transaction: &mut Transaction<D>, user: &UserId) -> Result<Outcome<u64>, Failure> {
    let actor = AuditActor::user(user);
    let select = Statement::new(AUDIT_PERSONAL).text(actor.as_str()).text(user.as_str());
    let rows = transaction.fetch_all(select.number(ERASED_AT_ONCE.into())).await?;
    let mut erased = 0;
    for row in &rows {
        let erase = Statement::new(AUDIT_ERASE).text(row.text("writer")?).number(row.number("number")?);
        erased += transaction.execute(erase).await?;
    }
    Ok(Outcome::Commit(erased))
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_for_several_rows_numbers_its_placeholders_through() {
        assert!(INSERT_ONE.ends_with(
            "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)"
        ));
        assert!(INSERT_MANY.ends_with("$304)"));
        assert_eq!(INSERT_MANY.matches('$').count(), AUDIT_COLUMN_COUNT * ROWS_PER_STATEMENT);
    }
}
