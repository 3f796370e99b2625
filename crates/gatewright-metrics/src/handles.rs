//! The handles of all metrics, registered once.

use gatewright_core::event::{
    AttemptOutcome, CacheResult, GuardOutcome, HashOutcome, Measurement, QueueOutcome, RefreshOutcome,
};
use gatewright_core::throttle::{KeyKind, Purpose};
use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder};

use crate::table;

const METADATA: Metadata<'static> = Metadata::new("gatewright", Level::INFO, None);

pub(crate) struct Handles {
    attempts: Counters<(Purpose, AttemptOutcome)>,
    limited: Counters<KeyKind>,
    refreshes: Counters<RefreshOutcome>,
    guards: Counters<GuardOutcome>,
    cache: Counters<CacheResult>,
    queue_depth: Gauge,
    queue: Counters<QueueOutcome>,
    wait: Histogram,
    hashes: Counters<HashOutcome>,
    duration: Histogram,
    heartbeat: Gauge,
    audit_overflow: Counter,
}

impl Handles {
    pub(crate) fn register(recorder: &impl Recorder) -> Self {
        let purposes = [Purpose::Login, Purpose::Register, Purpose::ChangePassword];
        let attempts =
            purposes.into_iter().flat_map(|purpose| AttemptOutcome::ALL.map(|outcome| (purpose, outcome)));
        let gauge = |name| recorder.register_gauge(&Key::from_static_name(name), &METADATA);
        let histogram = |name| recorder.register_histogram(&Key::from_static_name(name), &METADATA);
        Self {
            attempts: Counters::register(recorder, table::ATTEMPTS, attempts, |(purpose, outcome)| {
                vec![("purpose", purpose.as_str()), ("outcome", outcome.as_str())]
            }),
            limited: labelled(recorder, table::LIMITED, "key", KeyKind::ALL, KeyKind::as_str),
            refreshes: labelled(
                recorder,
                table::REFRESHES,
                "outcome",
                RefreshOutcome::ALL,
                RefreshOutcome::as_str,
            ),
            guards: labelled(recorder, table::GUARDS, "outcome", GuardOutcome::ALL, GuardOutcome::as_str),
            cache: labelled(recorder, table::CACHE, "result", CacheResult::ALL, CacheResult::as_str),
            queue_depth: gauge(table::QUEUE_DEPTH),
            queue: labelled(recorder, table::QUEUE, "outcome", QueueOutcome::ALL, QueueOutcome::as_str),
            wait: histogram(table::WAIT),
            hashes: labelled(recorder, table::HASHES, "outcome", HashOutcome::ALL, HashOutcome::as_str),
            duration: histogram(table::DURATION),
            heartbeat: gauge(table::HEARTBEAT),
            audit_overflow: recorder
                .register_counter(&Key::from_static_name(table::AUDIT_OVERFLOW), &METADATA),
        }
    }

    pub(crate) fn record(&self, measurement: Measurement) {
        match measurement {
            Measurement::Attempt { purpose, outcome, .. } => self.attempts.count((purpose, outcome)),
            Measurement::Limited { key, .. } => self.limited.count(key),
            Measurement::Refresh { outcome, .. } => self.refreshes.count(outcome),
            Measurement::Guard { outcome, .. } => self.guards.count(outcome),
            Measurement::CacheLookup { result, .. } => self.cache.count(result),
            Measurement::HashQueued => self.queue_depth.increment(1.0),
            Measurement::HashDequeued { waited, outcome, .. } => {
                self.queue_depth.decrement(1.0);
                self.queue.count(outcome);
                self.wait.record(waited);
            }
            Measurement::Hashed { took, outcome, .. } => {
                self.hashes.count(outcome);
                self.duration.record(took);
            }
            Measurement::FeedHeartbeat { sent_at, .. } => {
                self.heartbeat.set(sent_at.as_micros() as f64 / 1_000_000.0);
            }
            Measurement::AuditOverflow => self.audit_overflow.increment(1),
            // A later version of the core measures more.
            _ => {}
        }
    }
}

/// A counter for each value of its labels. There are few, so a search looks at all.
struct Counters<K>(Vec<(K, Counter)>);

impl<K: Copy + PartialEq> Counters<K> {
    fn register(
        recorder: &impl Recorder,
        name: &'static str,
        values: impl IntoIterator<Item = K>,
        labels: impl Fn(K) -> Vec<(&'static str, &'static str)>,
    ) -> Self {
        let register = |value| {
            let labels: Vec<Label> =
                labels(value).iter().map(|(name, value)| Label::from_static_parts(name, value)).collect();
            (value, recorder.register_counter(&Key::from_parts(name, labels), &METADATA))
        };
        Self(values.into_iter().map(register).collect())
    }

    fn count(&self, value: K) {
        if let Some((_, counter)) = self.0.iter().find(|(known, _)| *known == value) {
            counter.increment(1);
        }
    }
}

fn labelled<K: Copy + PartialEq, const N: usize>(
    recorder: &impl Recorder,
    name: &'static str,
    label: &'static str,
    values: [K; N],
    text: fn(K) -> &'static str,
) -> Counters<K> {
    Counters::register(recorder, name, values, |value| vec![(label, text(value))])
}
