//! The table of metrics, the guide's page about it and the dashboard say the same.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed step fails the test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use gatewright_metrics::{METRICS, MetricKind, Metrics};
use metrics_util::MetricKind as RecordedKind;
use metrics_util::debugging::DebuggingRecorder;
use serde_json::Value;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap()
}

/// The kind, and the values of each label, of every metric that is registered.
fn registered() -> BTreeMap<String, (RecordedKind, BTreeMap<String, BTreeSet<String>>)> {
    let recorder = DebuggingRecorder::new();
    let _metrics = Metrics::with_recorder(&recorder);
    let mut registered = BTreeMap::new();
    for (key, _, help, _) in recorder.snapshotter().snapshot().into_vec() {
        let (kind, key) = key.into_parts();
        assert!(help.is_some(), "{key} is described");
        let (_, labels) = registered.entry(key.name().to_owned()).or_insert((kind, BTreeMap::new()));
        for label in key.labels() {
            labels
                .entry(label.key().to_owned())
                .or_insert_with(BTreeSet::new)
                .insert(label.value().to_owned());
        }
    }
    registered
}

/// The rows of the table that begins with this heading, as cells.
fn rows(text: &str, heading: &str) -> Vec<Vec<String>> {
    let rows =
        text.lines().skip_while(|line| *line != heading).skip(2).take_while(|line| line.starts_with('|'));
    let rows: Vec<Vec<String>> = rows
        .map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect())
        .collect();
    assert!(!rows.is_empty(), "{heading}");
    rows
}

#[test]
fn the_table_describes_what_is_registered() {
    let registered = registered();
    assert_eq!(
        registered.keys().map(String::as_str).collect::<BTreeSet<_>>(),
        METRICS.iter().map(|m| m.name).collect()
    );
    for metric in METRICS {
        let (kind, labels) = &registered[metric.name];
        let expected = match metric.kind {
            MetricKind::Counter => RecordedKind::Counter,
            MetricKind::Gauge => RecordedKind::Gauge,
            _ => RecordedKind::Histogram,
        };
        assert_eq!(*kind, expected, "{}", metric.name);
        let names: BTreeSet<&str> = labels.keys().map(String::as_str).collect();
        assert_eq!(names, metric.labels.iter().copied().collect(), "{}", metric.name);
    }
    assert_eq!(registered.len(), 12);
}

/// Prometheus: a counter ends in `_total`, a time in its unit.
#[test]
fn names_follow_the_conventions_of_prometheus() {
    for metric in METRICS {
        let plain = metric.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        assert!(plain && metric.name.starts_with("gatewright_"), "{}", metric.name);
        assert_eq!(metric.kind == MetricKind::Counter, metric.name.ends_with("_total"), "{}", metric.name);
        assert!(metric.kind != MetricKind::Histogram || metric.name.ends_with("_seconds"), "{}", metric.name);
    }
}

#[test]
fn the_guide_has_every_metric_and_every_value_of_a_label() {
    let page = read("crates/gatewright/guide/metrics.md");
    let expected: Vec<Vec<String>> = METRICS
        .iter()
        .map(|metric| {
            [metric.name, metric.kind.as_str(), &metric.labels.join(", "), metric.help]
                .map(str::to_owned)
                .into()
        })
        .collect();
    assert_eq!(rows(&page, "| metric | kind | labels | what it says |"), expected);

    let mut expected = Vec::new();
    let registered = registered();
    for metric in METRICS {
        for label in metric.labels {
            let values: Vec<&str> = registered[metric.name].1[*label].iter().map(String::as_str).collect();
            expected.push(vec![format!("{label} of {}", metric.name), values.join(", ")]);
        }
    }
    let mut found = rows(&page, "| label | values |");
    for row in &mut found {
        let mut values: Vec<&str> = row[1].split(", ").collect();
        values.sort_unstable();
        row[1] = values.join(", ");
    }
    assert_eq!(found, expected);
}

/// The names of metrics in an expression.
fn metrics_of(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let names = words.filter(|word| word.starts_with("gatewright_"));
    let plain = |name: &str| {
        let parts = ["_bucket", "_sum", "_count"];
        parts.iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name).to_owned()
    };
    names.map(plain).collect()
}

#[test]
fn the_dashboard_has_every_metric_and_no_other() {
    let dashboard: Value = serde_json::from_str(&read("docs/grafana/gatewright.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut used = BTreeSet::new();
    let mut places = BTreeSet::new();
    for panel in panels {
        assert!(panel["title"].as_str().is_some_and(|title| !title.is_empty()));
        assert!(panel["description"].as_str().is_some_and(|text| !text.is_empty()));
        assert!(places.insert((panel["gridPos"]["x"].to_string(), panel["gridPos"]["y"].to_string())));
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty());
        used.extend(targets.iter().flat_map(|target| metrics_of(target["expr"].as_str().unwrap())));
    }
    let known: BTreeSet<String> = METRICS.iter().map(|metric| metric.name.to_owned()).collect();
    assert_eq!(used, known);
    assert_eq!(panels.len(), 13);
    let variables = metrics_of(&dashboard["templating"].to_string());
    assert!(!variables.is_empty() && variables.is_subset(&known), "{variables:?}");
}

/// The expressions of the guide name metrics and labels that exist.
#[test]
fn the_alerts_of_the_guide_name_metrics_that_exist() {
    let page = read("crates/gatewright/guide/metrics.md");
    let known: BTreeSet<String> = METRICS.iter().map(|metric| metric.name.to_owned()).collect();
    let used = metrics_of(&page);
    assert_eq!(used, known);
    let alerts = page.split("| expression | it means |").nth(1).unwrap();
    let registered = registered();
    let mut selectors = 0;
    // Before each selector stands the name of its metric.
    for (name, rest) in alerts.split("gatewright_").filter_map(|text| text.split_once('{')) {
        let name = &format!("gatewright_{name}");
        let Some((_, labels)) = registered.get(name) else { continue };
        let (selector, _) = rest.split_once('}').unwrap();
        let (label, values) = selector.split_once('=').unwrap();
        for value in values.trim_matches(['~', '"']).replace('\\', "").split('|') {
            assert!(labels[label].contains(value), "{name} {label} {value}");
            selectors += 1;
        }
    }
    assert_eq!(selectors, 5);
}
