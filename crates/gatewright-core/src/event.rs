//! Events: what happened, for logs and audits. The cause of a refusal is in its event and nowhere else.

mod context;
mod events;
mod line;
mod measurement;
mod meter;
mod sink;
mod tracing_sink;

pub use context::{MAX_METHOD_BYTES, MAX_REQUEST_ID_BYTES, MAX_ROUTE_BYTES, RequestContext};
pub use events::{Actor, AttemptedName, Event};
pub use measurement::{
    AttemptOutcome, CacheResult, GuardOutcome, HashOutcome, Measurement, MetricsSink, QueueOutcome,
    RefreshOutcome,
};
pub use sink::EventSink;
pub use tracing_sink::TracingSink;

pub(crate) use line::Line;
pub(crate) use meter::Meter;
pub(crate) use tracing_sink::{error_chain, printable};
