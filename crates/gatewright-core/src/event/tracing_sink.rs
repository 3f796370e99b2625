//! The sink that writes to `tracing`.

use std::borrow::Cow;
use std::error::Error;

use super::context::RequestContext;
use super::events::Event;
use super::line::{Level, Line};
use super::sink::EventSink;
use crate::types::UserAgent;

/// Writes events to [`tracing`] with the target `gatewright`. The default.
///
/// | level | events |
/// |---|---|
/// | `error` | failures; logins whose pepper is unknown |
/// | `warn` | a reused refresh token, a used one from another client, or a use with an unknown outcome; an exceeded refusal floor; an overload; refused logins, refreshes, password changes and permissions; unknown roles; rejected messages of the feed; limited attempts, slowed networks, locks, repaired states of the throttle |
/// | `info` | all others, including rejected access tokens, malformed requests and refused changes of accounts |
/// | `debug` | requests without a credential, where one is required |
///
/// The message says in plain words what happened. The rest is fields, and a field without a value is not
/// written:
///
/// | field | value |
/// |---|---|
/// | `event` | the name of the [`Event`] |
/// | `user`, `session` | whom it concerns |
/// | `actor` | who made the change: a user's id, or `system` |
/// | `cause` | why, with all sources |
/// | `client_address`, `method`, `route`, `request_id` | the request: see [`RequestContext`] |
/// | `user_agent` | in events whose cause is the client itself |
/// | `credential`, `missing_roles`, `missing_scopes` | of a 403: `access_token` or `api_key`, and the names that are missing, separated by spaces |
/// | `role`, `pepper`, `grace`, `other_network`, `session_ended`, `floor`, `elapsed`, `count`, `fix` | as in the [`Event`] |
///
/// No text in a field contains a line break, a control character or a character that changes the direction of
/// text.
#[derive(Debug, Clone, Copy, Default)]
pub struct TracingSink;

/// A level is part of a call site of `tracing`, so each level needs its own.
macro_rules! write_line {
    ($level:ident, $line:expr, $request:expr) => {{
        let (line, request): (&Line<'_>, &RequestContext) = ($line, $request);
        tracing::$level!(
            target: "gatewright",
            event = line.event,
            user = line.user.map(|user| printable(user.as_str())).as_deref(),
            session = line.session.map(tracing::field::display),
            actor = line.actor.map(|actor| printable(&actor.to_string()).into_owned()).as_deref(),
            cause = line.cause.map(error_chain).as_deref(),
            client_address = line.address(request).map(tracing::field::display),
            method = request.method(),
            route = request.route(),
            request_id = request.request_id(),
            user_agent = line.user_agent().map(UserAgent::as_str),
            credential = line.credential,
            missing_roles = names(line.missing_roles).as_deref(),
            missing_scopes = names(line.missing_scopes).as_deref(),
            role = line.role.map(printable).as_deref(),
            pepper = line.pepper.map(printable).as_deref(),
            grace = line.grace,
            other_network = line.other_network,
            session_ended = line.session_ended,
            floor = line.floor.map(tracing::field::debug),
            elapsed = line.elapsed.map(tracing::field::debug),
            count = line.count,
            fix = line.fix,
            "{}",
            line.words
        );
    }};
}

impl EventSink for TracingSink {
    fn emit(&self, event: &Event<'_>, request: &RequestContext) {
        let line = Line::of(event);
        match line.level {
            Level::Error => write_line!(error, &line, request),
            Level::Warn => write_line!(warn, &line, request),
            Level::Info => write_line!(info, &line, request),
            Level::Debug => write_line!(debug, &line, request),
        }
    }
}

/// An error and all its causes in one line.
pub(crate) fn error_chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    printable(&text).into_owned()
}

/// `None` for no names. The application wrote them as constants.
fn names(names: &[&'static str]) -> Option<String> {
    (!names.is_empty()).then(|| names.join(" "))
}

/// The text with escapes for what is not printable: a user's id and the error of a store may contain anything.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::new();
    for character in text.chars() {
        match character {
            '"' | '\'' | '\\' => shown.push(character),
            _ => shown.extend(character.escape_debug()),
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unprintable_characters_are_escaped_and_others_stay() {
        for (text, shown) in [
            ("plain \"text\" 'it' \\", "plain \"text\" 'it' \\"),
            ("é 東京 \"x\"", "é 東京 \"x\""),
            ("a\r\nb\0\u{1b}[2J\u{202e}c\u{2028}", r"a\r\nb\0\u{1b}[2J\u{202e}c\u{2028}"),
        ] {
            assert_eq!(printable(text), shown);
        }
    }
}
