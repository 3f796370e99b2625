//! Rows as text. No column of a row can add a line, or control the terminal or the spreadsheet of a reader.

use gatewright_core::audit::AuditRow;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The names of the columns, in their order.
const NAMES: [&str; 17] = [
    "time",
    "event",
    "outcome",
    "cause",
    "actor",
    "subject",
    "session",
    "client_address",
    "user_agent",
    "login_name",
    "method",
    "route",
    "request_id",
    "detail",
    "writer",
    "number",
    "mac",
];

/// The cells of a row. `None` is an absent value.
fn cells(row: &AuditRow) -> [Option<String>; NAMES.len()] {
    let record = &row.record;
    let cells = [
        Some(time(row)),
        Some(record.event.to_string()),
        Some(record.outcome.to_string()),
        record.cause.clone(),
        record.actor.as_ref().map(|actor| actor.as_str().to_owned()),
        record.subject.clone(),
        record.session.clone(),
        record.client_address.clone(),
        record.user_agent.clone(),
        record.login_name.clone(),
        record.method.clone(),
        record.route.clone(),
        record.request_id.clone(),
        record.detail.clone(),
        Some(row.writer.to_string()),
        Some(row.number.to_string()),
        row.mac.as_ref().map(|mac| mac.iter().map(|byte| format!("{byte:02x}")).collect()),
    ];
    cells.map(|cell| cell.map(|text| clean(&text)))
}

/// In UTC, with microseconds.
fn time(row: &AuditRow) -> String {
    OffsetDateTime::from(row.record.time).format(&Rfc3339).unwrap_or_default()
}

/// The text with escapes for what is not printable, such as line breaks and the codes of terminals. The trail contains
/// no such text, unless someone changed it.
fn clean(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' | '\'' | '\\' => shown.push(character),
            _ => shown.extend(character.escape_debug()),
        }
    }
    shown
}

/// A row on one line, for people: the columns that have a value.
pub(super) fn line(row: &AuditRow) -> String {
    let [time, event, outcome, rest @ ..] = cells(row);
    let mut line = [time, event, outcome].map(Option::unwrap_or_default).join(" ");
    let names = NAMES.iter().skip(3);
    for (name, text) in names.zip(rest).filter(|(name, _)| **name != "mac") {
        if let Some(text) = text {
            let quoted = if text.contains([' ', '"']) { format!("{text:?}") } else { text };
            line.push_str(&format!(" {name}={quoted}"));
        }
    }
    line.push('\n');
    line
}

/// A row as a JSON object on one line. An absent value is `null`.
pub(super) fn json(row: &AuditRow) -> String {
    let value = |cell: Option<String>| cell.map_or(Value::Null, Value::String);
    let mut object: Map<String, Value> =
        NAMES.iter().map(|name| (*name).to_owned()).zip(cells(row).map(value)).collect();
    object.insert("number".to_owned(), row.number.into());
    format!("{}\n", Value::Object(object))
}

/// The first line of a CSV file.
pub(super) fn csv_names() -> String {
    format!("{}\r\n", NAMES.join(","))
}

/// A row as a line of CSV (RFC 4180).
pub(super) fn csv(row: &AuditRow) -> String {
    format!("{}\r\n", cells(row).map(|cell| csv_cell(&cell.unwrap_or_default())).join(","))
}

/// In quotes. A cell that a spreadsheet would take for a formula has an apostrophe in front, which makes it text.
fn csv_cell(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '|', '%']) { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use gatewright_core::Timestamp;
    use gatewright_core::audit::{AuditOutcome, AuditRecord};

    use super::*;

    fn row(user_agent: &str) -> AuditRow {
        let time = Timestamp::from_micros(1_700_000_000_000_001);
        let mut record = AuditRecord::new(time, "LoggedIn", AuditOutcome::Succeeded);
        record.user_agent = Some(user_agent.to_owned());
        AuditRow::new("node".parse().unwrap(), 7, record, (None, vec![], Some(vec![0x0f, 0xa0])))
    }

    #[test]
    fn a_row_is_one_line_in_each_format() {
        let row = row("curl/8.5.0 x");
        assert_eq!(
            line(&row),
            "2023-11-14T22:13:20.000001Z LoggedIn succeeded user_agent=\"curl/8.5.0 x\" writer=node number=7\n"
        );
        assert_eq!(
            csv(&row),
            "\"2023-11-14T22:13:20.000001Z\",\"LoggedIn\",\"succeeded\",\"\",\"\",\"\",\"\",\"\",\"curl/8.5.0 x\",\
             \"\",\"\",\"\",\"\",\"\",\"node\",\"7\",\"0fa0\"\r\n"
        );
        let value: Value = serde_json::from_str(&json(&row)).unwrap();
        assert_eq!((&value["user_agent"], &value["cause"]), (&Value::from("curl/8.5.0 x"), &Value::Null));
        assert_eq!(value.as_object().unwrap().len(), csv_names().split(',').count());
    }

    #[test]
    fn no_value_adds_a_line_or_reaches_the_terminal() {
        for hostile in
            ["a\r\nb", "a\nLoggedIn", "\u{1b}[2J", "\u{9b}2J", "a\u{2028}b", "a\u{202e}b", "\0", "\u{7f}"]
        {
            let row = row(hostile);
            for (text, ending) in [(line(&row), "\n"), (json(&row), "\n"), (csv(&row), "\r\n")] {
                let text = text.strip_suffix(ending).unwrap();
                let is_hostile = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{202e}');
                assert!(!text.contains(is_hostile), "{hostile:?}: {text:?}");
            }
        }
    }

    #[test]
    fn a_cell_that_looks_like_a_formula_is_text() {
        for (text, cell) in [
            ("=cmd|' /C calc'!A0", "\"'=cmd|' /C calc'!A0\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t=1", "\"'\t=1\""),
            ("\r=1", "\"'\r=1\""),
            ("a=1", "\"a=1\""),
            ("say \"hi\", then", "\"say \"\"hi\"\", then\""),
            ("", "\"\""),
        ] {
            assert_eq!(csv_cell(text), cell);
        }
    }
}
