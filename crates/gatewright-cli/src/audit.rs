//! `gatewright audit`: reads, exports and verifies the audit trail of a SQL database.

mod filter;
mod format;
mod store;
mod verify;

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use gatewright_core::audit::{AuditCursor, AuditFilter, AuditRow, AuditStore};

use self::filter::Filter;
use crate::output::{Failure, write};

/// How many rows are read at a time.
const PAGE: u32 = 500;

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Print the newest rows, the newest last
    Tail {
        /// How many rows
        #[arg(long, value_name = "COUNT", default_value_t = 20)]
        limit: u32,
        #[command(flatten)]
        filter: Filter,
    },
    /// Write all rows to standard output, the newest first
    ///
    /// A cell of a CSV file that a spreadsheet would take for a formula has an apostrophe in front.
    Export(Export),
    /// Verify all chains
    ///
    /// Exit code: 0 if no row was changed, moved or removed, 1 if one was, 2 if the trail cannot be read.
    Verify(verify::Verify),
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The format
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    #[command(flatten)]
    filter: Filter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Comma-separated values (RFC 4180), with a line of names
    Csv,
    /// One JSON object on each line
    Jsonl,
}

impl Audit {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        // One thread: the command makes one call after the other.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("the runtime cannot start: {error}"))?;
        runtime.block_on(async {
            let store = store::open().await?;
            match self {
                Self::Tail { limit, filter } => tail(&*store, &filter.read()?, limit).await,
                Self::Export(export) => export.run(&*store).await,
                Self::Verify(verify) => verify.run(&*store).await,
            }
        })
    }
}

async fn tail(store: &dyn AuditStore, filter: &AuditFilter, limit: u32) -> Result<ExitCode, Failure> {
    let mut rows: Vec<AuditRow> = Vec::new();
    while let Some(left) = limit.checked_sub(count(&rows)).filter(|left| *left > 0) {
        let page = page(store, filter, rows.last(), left.min(PAGE)).await?;
        if page.is_empty() {
            break;
        }
        rows.extend(page);
    }
    rows.reverse();
    write(&rows.iter().map(format::line).collect::<String>())?;
    Ok(ExitCode::SUCCESS)
}

impl Export {
    async fn run(self, store: &dyn AuditStore) -> Result<ExitCode, Failure> {
        let filter = self.filter.read()?;
        if self.format == Format::Csv {
            write(&format::csv_names())?;
        }
        let mut last: Option<AuditRow> = None;
        loop {
            let mut rows = page(store, &filter, last.as_ref(), PAGE).await?;
            let text: String = match self.format {
                Format::Csv => rows.iter().map(format::csv).collect(),
                Format::Jsonl => rows.iter().map(format::json).collect(),
            };
            write(&text)?;
            match rows.pop() {
                Some(row) => last = Some(row),
                None => return Ok(ExitCode::SUCCESS),
            }
        }
    }
}

fn count(rows: &[AuditRow]) -> u32 {
    u32::try_from(rows.len()).unwrap_or(u32::MAX)
}

async fn page(
    store: &dyn AuditStore,
    filter: &AuditFilter,
    after: Option<&AuditRow>,
    limit: u32,
) -> Result<Vec<AuditRow>, Failure> {
    let after = after.map(AuditCursor::from);
    store.page_rows(filter, after.as_ref(), limit).await.map_err(|error| store::explained(&error))
}
