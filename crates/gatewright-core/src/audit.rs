//! The audit trail: what happened, kept in a store, in chains that show a change.
//!
//! ```text
//! event ─► AuditTrail ─► AuditRecord ─► queue ─► writer ─► AuditRow: number, salt, MAC ─► AuditStore
//! an administrator's change ─► AuditTrail::attempt ─► the same way, acknowledged ─► the change
//! ```
//!
//! Each process writes a chain of its own. A row has a number and a MAC over its predecessor's MAC, so a row that
//! is changed, removed or moved shows. Checkpoints are rows and lines of the log: against a line that an attacker
//! of the database cannot reach, a chain whose end is cut off shows too. [`verify`] finds all of it.

mod key;
mod record;
mod row;
mod chain;
mod store;
mod settings;
mod line;
mod check;
mod verify;
mod queue;
mod notice;
mod writer;
mod thread;
mod trail;
mod retention;

pub use chain::{CHECKPOINT_INTERVAL, CHECKPOINT_ROWS};
pub use check::{AuditCheckpoint, AuditDamage, ChainCheck, InvalidCheckpoint, Removal};
pub use key::{AuditKey, InvalidAuditKey, MAX_AUDIT_KEY_BYTES, MIN_AUDIT_KEY_BYTES};
pub use queue::CHANGE_ROWS;
pub use record::{AuditActor, AuditOutcome, AuditRecord, MAX_CAUSE_BYTES, MAX_DETAIL_BYTES, is_audited};
pub use row::{AuditRow, InvalidWriter, MAX_WRITER_BYTES, SALT_BYTES, WriterId};
pub use settings::{
    AuditSettings, DEFAULT_ATTEMPT_WAIT, DEFAULT_QUEUE_ROWS, MAX_ATTEMPT_WAIT, MAX_QUEUE_ROWS,
};
pub use store::{
    AppendOutcome, AuditChain, AuditCursor, AuditFilter, AuditReach, AuditStore, AuditTask, MAX_APPENDED_ROWS,
};
pub use thread::run_on_thread;
pub use trail::FLUSH_WAIT;
pub use verify::{AuditReport, verify};

pub(crate) use settings::check;
pub(crate) use trail::{Attempt, AuditTrail, Parts};
