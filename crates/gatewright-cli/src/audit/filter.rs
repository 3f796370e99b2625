//! Which rows are read.

use clap::Args;
use gatewright_core::audit::AuditFilter;
use gatewright_core::{Timestamp, UserId};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::output::Failure;

#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// Rows about this user
    #[arg(long, value_name = "ID")]
    subject: Option<String>,
    /// Rows of what this user did to others
    #[arg(long, value_name = "ID")]
    actor: Option<String>,
    /// Rows of this event, for example LoginRefused
    #[arg(long, value_name = "NAME")]
    event: Option<String>,
    /// Rows from this time on, for example 2026-11-29T12:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Rows before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

impl Filter {
    pub(super) fn read(self) -> Result<AuditFilter, Failure> {
        let mut filter = AuditFilter::new();
        filter.subject = self.subject.map(|id| user("--subject", &id)).transpose()?;
        filter.actor = self.actor.map(|id| user("--actor", &id)).transpose()?;
        filter.event = self.event;
        filter.since = self.since.map(|text| time("--since", &text)).transpose()?;
        filter.until = self.until.map(|text| time("--until", &text)).transpose()?;
        Ok(filter)
    }
}

fn user(option: &str, id: &str) -> Result<UserId, Failure> {
    UserId::new(id).map_err(|error| format!("{option}: {error}"))
}

fn time(option: &str, text: &str) -> Result<Timestamp, Failure> {
    let time = OffsetDateTime::parse(text, &Rfc3339);
    time.map(Timestamp::from)
        .map_err(|_| format!("{option}: must be a time of RFC 3339, for example 2026-11-29T12:00:00Z"))
}
