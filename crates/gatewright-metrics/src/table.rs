//! The names, kinds and labels of all metrics.

use metrics::{KeyName, Recorder, SharedString};

/// Logins, registrations and password changes.
pub(crate) const ATTEMPTS: &str = "gatewright_attempts_total";
/// What the throttle limited.
pub(crate) const LIMITED: &str = "gatewright_limited_total";
/// Refreshes.
pub(crate) const REFRESHES: &str = "gatewright_refreshes_total";
/// Decisions of guards.
pub(crate) const GUARDS: &str = "gatewright_guard_decisions_total";
/// Look-ups in the cache of sessions.
pub(crate) const CACHE: &str = "gatewright_session_cache_lookups_total";
/// Passwords that wait.
pub(crate) const QUEUE_DEPTH: &str = "gatewright_hash_queue_depth";
/// Passwords that left the queue.
pub(crate) const QUEUE: &str = "gatewright_hash_queue_total";
/// How long they waited.
pub(crate) const WAIT: &str = "gatewright_hash_wait_seconds";
/// Hashes.
pub(crate) const HASHES: &str = "gatewright_hashes_total";
/// How long they took.
pub(crate) const DURATION: &str = "gatewright_hash_duration_seconds";
/// The latest heartbeat.
pub(crate) const HEARTBEAT: &str = "gatewright_feed_heartbeat_timestamp_seconds";

/// Lost rows of the audit trail.
pub(crate) const AUDIT_OVERFLOW: &str = "gatewright_audit_overflow_total";

/// The kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetricKind {
    /// A number that only grows.
    Counter,
    /// A number that goes up and down.
    Gauge,
    /// The distribution of times.
    Histogram,
}

impl MetricKind {
    /// The kind's name in Prometheus.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metric {
    /// The name, as Prometheus writes it.
    pub name: &'static str,
    /// The kind.
    pub kind: MetricKind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

/// All metrics of [`Metrics`](crate::Metrics).
///
/// ```
/// use gatewright::metrics::METRICS;
///
/// assert!(METRICS.iter().all(|metric| metric.name.starts_with("gatewright_")));
/// ```
pub const METRICS: [Metric; 12] = [
    counter(ATTEMPTS, &["purpose", "outcome"], "logins, registrations and password changes"),
    counter(
        LIMITED,
        &["key"],
        "attempts and refused requests that the throttle limited, by the limit that was reached",
    ),
    counter(REFRESHES, &["outcome"], "refreshes"),
    counter(GUARDS, &["outcome"], "decisions of guards; a request that passes two guards counts twice"),
    counter(CACHE, &["result"], "look-ups in the cache of sessions"),
    gauge(QUEUE_DEPTH, "passwords that wait for a thread of the hashing pool now"),
    counter(QUEUE, &["outcome"], "passwords that left the queue of the hashing pool"),
    histogram(WAIT, "how long passwords waited in the queue, including those that were given up"),
    counter(HASHES, &["outcome"], "computations of hashes"),
    histogram(DURATION, "how long the computation of a hash took"),
    gauge(
        HEARTBEAT,
        "Unix time at which this node sent the latest heartbeat that it received back over the feed",
    ),
    counter(
        AUDIT_OVERFLOW,
        &[],
        "audited events that were dropped because the queue of the audit trail was full",
    ),
];

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Counter, labels, help }
}

const fn gauge(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Gauge, labels: &[], help }
}

const fn histogram(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Histogram, labels: &[], help }
}

/// Describes the metrics to a recorder. The names contain the units, so none is given: some exporters would add it again.
pub(crate) fn describe(recorder: &impl Recorder) {
    for Metric { name, kind, help, .. } in METRICS {
        let (key, help) = (KeyName::from_const_str(name), SharedString::const_str(help));
        match kind {
            MetricKind::Counter => recorder.describe_counter(key, None, help),
            MetricKind::Gauge => recorder.describe_gauge(key, None, help),
            MetricKind::Histogram => recorder.describe_histogram(key, None, help),
        }
    }
}
