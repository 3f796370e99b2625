//! The sink of measurements, if there is one.

use std::sync::Arc;

use super::measurement::{Measurement, MetricsSink};

/// Hands measurements to a sink. Without one it does nothing.
#[derive(Clone, Default)]
pub(crate) struct Meter(Option<Arc<dyn MetricsSink>>);

impl Meter {
    pub(crate) fn new(sink: impl MetricsSink) -> Self {
        Self(Some(Arc::new(sink)))
    }

    /// Makes the measurement only if there is a sink.
    pub(crate) fn record(&self, measurement: impl FnOnce() -> Measurement) {
        if let Some(sink) = &self.0 {
            sink.record(measurement());
        }
    }
}
