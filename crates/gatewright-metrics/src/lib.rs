//! Metrics of Gatewright, through the facade of the crate [`metrics`].
//!
//! ```text
//! Auth, HashingPool ──► MetricsSink::record ──► Metrics: handles, registered once ──► the application's recorder
//! ```
//!
//! [`Metrics`] is the sink for [`AuthBuilder::with_metrics`](gatewright_core::AuthBuilder::with_metrics) and for the
//! hashing pool. [`METRICS`] describes what it registers. Every label has a fixed set of values: no label is a user, an
//! address, a route or any other text of a request.
//!
//! ```
//! use gatewright::metrics::Metrics;
//! use gatewright::{Auth, HashingPool, HmacSecret, Jwt, MemoryStore};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let metrics = Metrics::new(); // after the recorder was installed
//! let pool = HashingPool::builder().with_metrics(metrics.clone()).build()?;
//! # let tokens = Jwt::hs256(HmacSecret::generate()?).issuer("https://example.com").audience("example-api").build()?;
//! let auth = Auth::local(MemoryStore::new(), tokens, pool).with_metrics(metrics).build()?;
//! # drop(auth);
//! # Ok(())
//! # }
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]

mod table;
mod handles;

use std::fmt;
use std::sync::Arc;

use gatewright_core::event::{Measurement, MetricsSink};
use metrics::Recorder;

use handles::Handles;

pub use table::{METRICS, Metric, MetricKind};

/// Hands measurements to the recorder of the crate [`metrics`]. Clones share their handles.
///
/// Each metric is registered once, when this is created. A measurement then adds to an atomic number.
#[derive(Clone)]
pub struct Metrics {
    handles: Arc<Handles>,
}

impl Metrics {
    /// Registers the metrics with the recorder that is installed now.
    ///
    /// **Install the recorder first.** Without one, the crate `metrics` drops all values, also those after a later
    /// installation.
    #[must_use]
    pub fn new() -> Self {
        metrics::with_recorder(|recorder| Self::with_recorder(&recorder))
    }

    /// Registers the metrics with this recorder, for an application that does not install it for the whole process.
    ///
    /// ```
    /// use gatewright::metrics::{METRICS, Metrics};
    /// use metrics_util::debugging::DebuggingRecorder;
    ///
    /// let recorder = DebuggingRecorder::new();
    /// let metrics = Metrics::with_recorder(&recorder);
    /// assert!(recorder.snapshotter().snapshot().into_vec().len() >= METRICS.len());
    /// # drop(metrics);
    /// ```
    #[must_use]
    pub fn with_recorder(recorder: &impl Recorder) -> Self {
        table::describe(recorder);
        Self { handles: Arc::new(Handles::register(recorder)) }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl MetricsSink for Metrics {
    fn record(&self, measurement: Measurement) {
        self.handles.record(measurement);
    }
}
