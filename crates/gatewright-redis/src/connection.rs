//! The connection of a store or of a feed's sender: all callers share it, and a failed one is
//! replaced.
//!
//! ```text
//! address ──► opener ──► shared ──► Redis server or cluster
//! URL, TLS    connect      │ primary    is the server a primary?
//!                          │ redirect   follow ASK while a cluster moves a slot
//!                          │ deadline   how long a call may take
//! ```

mod deadline;
mod primary;
mod redirect;
mod address;
mod opener;
mod shared;

pub(crate) use address::Address;
pub use deadline::CALL_TIMEOUT;
pub(crate) use deadline::{CONNECT_TIMEOUT, call_deadline, pause, until};
pub(crate) use primary::check as check_primary;
pub(crate) use shared::SharedConnection;
