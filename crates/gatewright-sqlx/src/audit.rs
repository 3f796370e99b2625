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
    AUDIT_CHAIN, AUDIT_CHAIN_FROM, AUDIT_COLUMN_COUNT, AUDIT_DELETE, AUDIT_ERASE, AUDIT_FIRST,
    AUDIT_FIRST_SINCE, AUDIT_INSERT, AUDIT_LAST, AUDIT_LAST_NUMBER, AUDIT_NEXT_CHAIN, AUDIT_PAGE,
    AUDIT_PAGE_BY_ACTOR, AUDIT_PAGE_BY_EVENT, AUDIT_PAGE_BY_SUBJECT, AUDIT_PERSONAL,
};
use crate::statement::Statement;
use crate::store::SqlStore;

/// How many rows one statement inserts, if there are as many.
const ROWS_PER_STATEMENT: usize = 16;

/// How many rows of a chain one statement looks at.
const SEARCHED_AT_ONCE: i64 = 5_000;

/// How many rows are erased in one transaction.
const ERASED_AT_ONCE: u32 = 200;

const READ: &str = "read the audit trail";

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
        self.pools.fetch_optional(READ, select, audit_row).await
    }

    async fn chains(&self) -> Result<Vec<AuditChain>, StoreError> {
        let (mut chains, mut text, mut after) = (Vec::new(), AUDIT_NEXT_CHAIN, String::new());
        loop {
            let next = || Statement::new(text).text(&*after);
            let first = |row: &Row<D>| {
                let (writer, is_text) = row.lossy_text("writer");
                Ok((writer.unwrap_or_default(), is_text, unsigned(row.number("number")?).0))
            };
            let next = self.pools.fetch_optional(READ, next, first).await?;
            let Some((writer, is_text, first)) = next else { return Ok(chains) };
            let last = || Statement::new(AUDIT_LAST_NUMBER).text(&*writer);
            let number = |row: &Row<D>| Ok(unsigned(row.number("number")?).0);
            let last = self.pools.fetch_optional(READ, last, number).await?.unwrap_or(first);
            chains.push(AuditChain::new(WriterId::as_stored(&*writer), first, last.max(first)));
            (text, after) =
                if is_text { (AUDIT_NEXT_CHAIN, writer) } else { (AUDIT_CHAIN_FROM, after_text(&writer)) };
            if after.is_empty() {
                return Ok(chains);
            }
        }
    }

    async fn chain_rows(
        &self,
        writer: &WriterId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let select =
            || Statement::new(AUDIT_CHAIN).text(writer.as_str()).number(signed(after)).number(limit.into());
        self.pools.fetch_all(READ, select, audit_row).await
    }

    async fn page_rows(
        &self,
        filter: &AuditFilter,
        after: Option<&AuditCursor>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let select = || page(filter, after, limit);
        self.pools.fetch_all(READ, select, audit_row).await
    }

    async fn first_number_since(
        &self,
        writer: &WriterId,
        time: Timestamp,
    ) -> Result<Option<u64>, StoreError> {
        let mut after = 0;
        loop {
            let select = || {
                let statement = Statement::new(AUDIT_FIRST_SINCE).time(time).text(writer.as_str());
                statement.number(after).number(SEARCHED_AT_ONCE)
            };
            let part = |row: &Row<D>| Ok((row.count("first_number")?, row.number("last_number")?));
            match self.pools.fetch_optional(READ, select, part).await? {
                None | Some((0, 0)) => return Ok(None),
                Some((0, last)) => after = last,
                Some((first, _)) => return Ok(Some(first)),
            }
        }
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

/// Reads all columns, whatever someone wrote into them: one such row must not hide the others. A value that no writer
/// writes is replaced, and the row is marked.
fn audit_row<D: Dialect>(row: &Row<D>) -> Result<AuditRow, Failure> {
    let mut is_readable = true;
    let mut text = |column| {
        let (text, is_text) = row.lossy_text(column);
        is_readable &= is_text;
        text
    };
    let event = text("event").unwrap_or_default();
    let outcome = AuditOutcome::from_text(&text("outcome").unwrap_or_default());
    let (time, is_time) = unsigned(row.number("occurred_at")?);
    let mut record = AuditRecord::new(Timestamp::from_micros(time), event, outcome);
    record.cause = text("cause");
    record.actor = text("actor").map(AuditActor::from_text);
    record.subject = text("subject");
    record.session = text("session_id");
    record.client_address = text("client_address");
    record.user_agent = text("user_agent");
    record.login_name = text("login_name");
    record.method = text("method");
    record.route = text("route");
    record.request_id = text("request_id");
    record.detail = text("detail");
    let writer = WriterId::as_stored(text("writer").unwrap_or_default());
    let (number, is_number) = unsigned(row.number("number")?);
    let bytes = |column| row.optional_bytes(column).map(|bytes| bytes.map(<[u8]>::to_vec));
    let digests = (bytes("salt")?, bytes("personal_digest")?.unwrap_or_default(), bytes("mac")?);
    let is_readable = is_readable && is_time && is_number && writer.is_valid();
    let row = AuditRow::new(writer, number, record, digests);
    Ok(if is_readable { row } else { row.unreadable() })
}

/// A number as it is stored, and whether it is one that a writer writes. A negative one becomes zero.
fn unsigned(number: i64) -> (u64, bool) {
    u64::try_from(number).map_or((0, false), |number| (number, true))
}

/// The first text after all writers that begin like this one and go on with bytes that are not text. No valid writer
/// lies between them. Empty if nothing comes after them.
fn after_text(writer: &str) -> String {
    let mut begin = writer.split('?').next().unwrap_or_default().to_owned();
    while let Some(last) = begin.pop() {
        if let Some(next) = char::from_u32(u32::from(last) + 1) {
            begin.push(next);
            break;
        }
    }
    begin
}

/// The statement for a filter: by the user whom the rows are about or who acted, if one is given, else by time.
fn page<D: Dialect>(filter: &AuditFilter, after: Option<&AuditCursor>, limit: u32) -> Statement<D> {
    let subject = filter.subject.as_ref().map(UserId::as_str);
    let actor = filter.actor.as_ref().map(AuditActor::user);
    let actor = actor.as_ref().map(AuditActor::as_str);
    let statement = match (subject, actor) {
        (Some(subject), actor) => optional(Statement::new(AUDIT_PAGE_BY_SUBJECT).text(subject), actor),
        (None, Some(actor)) => Statement::new(AUDIT_PAGE_BY_ACTOR).text(actor),
        (None, None) => return page_by_event(filter, after, limit),
    };
    part_of_pages(optional(statement, filter.event.as_deref()), filter, after, limit)
}

/// The statement for a filter without users. An event has an index of its own.
fn page_by_event<D: Dialect>(filter: &AuditFilter, after: Option<&AuditCursor>, limit: u32) -> Statement<D> {
    let statement = match filter.event.as_deref() {
        Some(event) => Statement::new(AUDIT_PAGE_BY_EVENT).text(event),
        None => Statement::new(AUDIT_PAGE),
    };
    part_of_pages(statement, filter, after, limit)
}

/// Binds the times of the filter and where the page begins.
fn part_of_pages<D: Dialect>(
    statement: Statement<D>,
    filter: &AuditFilter,
    after: Option<&AuditCursor>,
    limit: u32,
) -> Statement<D> {
    // Before the first page: everything before the end of the filter.
    let end = (filter.until.unwrap_or(Timestamp::from_micros(u64::MAX)), "", 0);
    let (time, writer, number) = match after {
        Some(after) => end.min((after.time, after.writer.as_str(), signed(after.number))),
        None => end,
    };
    statement
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
    fn the_search_for_the_next_writer_passes_over_all_that_are_no_text() {
        assert_eq!(after_text("a-1?x"), "a-2");
        assert_eq!(after_text("?"), "");
    }

    #[test]
    fn a_statement_for_several_rows_numbers_its_placeholders_through() {
        assert!(INSERT_ONE.ends_with(
            "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)"
        ));
        assert!(INSERT_MANY.ends_with("$304)"));
        assert_eq!(INSERT_MANY.matches('$').count(), AUDIT_COLUMN_COUNT * ROWS_PER_STATEMENT);
    }
}

#[cfg(all(test, feature = "sqlite"))]
mod plans {
    use sqlx::{AssertSqlSafe, Row as _, query};

    use super::*;
    use crate::SqliteStore;

    /// The table may have millions of rows: each statement searches an index, and sorts nothing.
    #[tokio::test]
    async fn no_statement_walks_through_the_table() {
        let store = SqliteStore::connect("sqlite::memory:").await.unwrap();
        let statements = [
            AUDIT_LAST,
            AUDIT_NEXT_CHAIN,
            AUDIT_CHAIN_FROM,
            AUDIT_LAST_NUMBER,
            AUDIT_CHAIN,
            AUDIT_FIRST,
            AUDIT_FIRST_SINCE,
            AUDIT_DELETE,
            AUDIT_PERSONAL,
            AUDIT_ERASE,
            AUDIT_PAGE,
            AUDIT_PAGE_BY_ACTOR,
            AUDIT_PAGE_BY_EVENT,
            AUDIT_PAGE_BY_SUBJECT,
        ];
        for statement in statements {
            let explain = query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}")));
            let rows = explain.fetch_all(&store.pools.readers).await.unwrap();
            let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
            assert!(
                plan.iter().any(|step| step.starts_with("SEARCH gatewright_audit ")),
                "{statement}: {plan:?}"
            );
            let walks =
                |step: &String| step.starts_with("SCAN gatewright_audit") || step.contains("TEMP B-TREE");
            assert!(!plan.iter().any(walks), "{statement}: {plan:?}");
        }
    }

    /// The type of the column does not keep someone from writing other bytes.
    #[tokio::test]
    async fn bytes_that_are_no_text_are_read_as_an_unreadable_row() {
        let store = SqliteStore::connect("sqlite::memory:").await.unwrap();
        for (writer, event) in [("'a'", "x'41'"), ("x'61ff'", "x'41'"), ("'b'", "x'ff'"), ("x'ff'", "x'41'")]
        {
            let insert = format!(
                "INSERT INTO gatewright_audit (writer, number, occurred_at, event, outcome, personal_digest)
                 VALUES (CAST({writer} AS TEXT), 1, 1, CAST({event} AS TEXT), 'failed', x'00')"
            );
            query(AssertSqlSafe(insert)).execute(&store.pools.writers).await.unwrap();
        }
        let chains = store.chains().await.unwrap();
        let names: Vec<_> = chains.iter().map(|chain| chain.writer.as_str()).collect();
        assert_eq!(names, ["a", "a?", "b", "?"]);
        let rows = store.page_rows(&AuditFilter::new(), None, 10).await.unwrap();
        assert_eq!(rows.iter().filter(|row| row.is_readable).count(), 1);
        assert_eq!(rows.len(), 4);
        let last = store.last_row(&"b".parse().unwrap()).await.unwrap().unwrap();
        assert_eq!((&*last.record.event, last.is_readable), ("?", false));
    }
}
