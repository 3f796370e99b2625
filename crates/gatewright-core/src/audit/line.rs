//! Reads a checkpoint from a line of the log.
//!
//! A line may contain what a client sent, such as a user agent. So only the whole end of a line counts, after the name of
//! the event, and each part occurs once.

use serde_json::{Map, Value};

use super::chain::CHECKPOINT;

/// The parts of a checkpoint, as text.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) writer: String,
    pub(super) number: String,
    pub(super) mac: Option<String>,
}

/// The parts of a line about a checkpoint. `None` for another line.
pub(super) fn parts(line: &str) -> Option<Parts> {
    let plain = without_colours(line);
    let plain = plain.trim();
    if plain.starts_with('{') {
        return from_json(plain);
    }
    let event = format!("event=\"{CHECKPOINT}\" ");
    match plain.split_once(&event) {
        Some((_, end)) => words(end),
        None => words(plain),
    }
}

/// Exactly `writer=…`, `number=…` and perhaps `mac=…`, each once.
fn words(text: &str) -> Option<Parts> {
    let (mut writer, mut number, mut mac) = (None, None, None);
    for word in text.split_whitespace() {
        let (name, value) = word.split_once('=')?;
        let place = match name {
            "writer" => &mut writer,
            "number" => &mut number,
            "mac" => &mut mac,
            _ => return None,
        };
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        if place.replace(value.to_owned()).is_some() {
            return None;
        }
    }
    Some(Parts { writer: writer?, number: number?, mac })
}

/// The fields of an event, at the top or in `fields`.
fn from_json(text: &str) -> Option<Parts> {
    let object: Map<String, Value> = serde_json::from_str(text).ok()?;
    let fields = object.get("fields").and_then(Value::as_object).unwrap_or(&object);
    let value = |name: &str| match fields.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    value("event").filter(|event| event == CHECKPOINT)?;
    Some(Parts { writer: value("writer")?, number: value("number")?, mac: value("mac") })
}

/// The text without the sequences that colour a terminal (ECMA-48, SGR).
fn without_colours(line: &str) -> String {
    let mut parts = line.split("\x1b[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.split_once('m').map_or(part, |(_, rest)| rest));
    }
    plain
}
