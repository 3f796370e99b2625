//! `gatewright token inspect`: what a token says, and that nothing of it was verified.

use std::fmt::Write;
use std::io;
use std::process::ExitCode;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;
use gatewright_core::token::MAX_TOKEN_BYTES;
use gatewright_core::{Clock, SystemClock, TokenKind};
use gatewright_jwt::Algorithm;
use serde_json::Value;

use crate::once::Once;
use crate::{Failure, lines};

const WARNING: &str = "NOT VERIFIED: nothing below was checked, not the signature, not the times. Anybody could have \
                       written it. Use `gatewright token verify`.";

/// Header members that verification refuses, whatever their value.
const REFUSED: [&str; 17] = [
    "crit", "b64", "zip", "jku", "x5u", "jwk", "x5c", "cty", "cnf", "enc", "epk", "apu", "apv", "iv", "tag",
    "p2s", "p2c",
];

/// Media types may be written with it (RFC 7515 §4.1.9).
const PREFIX: &str = "application/";

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// The token; read from the first line of standard input unless given
    token: Option<String>,
    /// The present moment, in seconds since 1970, instead of the system's time
    #[arg(long, value_name = "UNIX")]
    now: Option<u64>,
}

impl Inspect {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let token = match self.token {
            Some(token) => token,
            None => first_line()?,
        };
        let now = self.now.unwrap_or_else(|| SystemClock.now().as_seconds());
        crate::write(&explain(&token, now)?)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn first_line() -> Result<String, Failure> {
    let mut line = Vec::new();
    lines::next(&mut io::stdin().lock(), &mut line).map_err(|error| error.to_string())?;
    String::from_utf8(line).map_err(|_| "the token is not UTF-8".to_owned())
}

fn explain(token: &str, now: u64) -> Result<String, Failure> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(format!("the token is longer than {MAX_TOKEN_BYTES} bytes"));
    }
    let segments: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = segments.as_slice() else {
        return Err(format!("a token has 3 segments, this has {}", segments.len()));
    };
    let ((header, header_once), (payload, payload_once)) =
        (decode("header", header)?, decode("payload", payload)?);
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| "the signature is no base64url")?;
    let mut text = format!("{WARNING}\n\nheader\n{}\n", pretty(&header));
    explain_names(header_once, &mut text);
    explain_header(&header, &mut text);
    let _ = write!(text, "\npayload\n{}\n", pretty(&payload));
    explain_names(payload_once, &mut text);
    if payload.get("cnf").is_some() {
        let _ = writeln!(text, "- cnf: bound to a sender; such a token is refused");
    }
    explain_times(&payload, now, &mut text);
    let _ = writeln!(text, "\nsignature: {} bytes, not checked\n\n{WARNING}", signature.len());
    Ok(text)
}

/// The JSON of a segment, and whether no member occurs twice in it.
fn decode(name: &str, segment: &str) -> Result<(Value, bool), Failure> {
    let bytes = URL_SAFE_NO_PAD.decode(segment).map_err(|_| format!("the {name} is no base64url"))?;
    let value = serde_json::from_slice(&bytes).map_err(|_| format!("the {name} is no JSON"))?;
    Ok((value, serde_json::from_slice::<Once>(&bytes).is_ok()))
}

fn explain_names(once: bool, text: &mut String) {
    if !once {
        let _ =
            writeln!(text, "- a member occurs twice, and its last value is shown; such a token is refused");
    }
}

/// JSON for a terminal: nothing but printable ASCII, so that no token moves the cursor or turns the text around.
fn pretty(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if character == '\n' || (' '..='~').contains(&character) {
            safe.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                let _ = write!(safe, "\\u{unit:04x}");
            }
        }
    }
    safe
}

fn explain_header(header: &Value, text: &mut String) {
    let known = header["alg"].as_str().and_then(|name| name.parse::<Algorithm>().ok());
    let _ = match known {
        Some(algorithm) => writeln!(text, "- alg: {algorithm}"),
        None => writeln!(text, "- alg: none that is supported; such a token is refused"),
    };
    if header["kid"].as_str().is_none() {
        let _ = writeln!(text, "- kid: none; such a token is refused");
    }
    for name in REFUSED {
        if header.get(name).is_some() {
            let _ = writeln!(text, "- {name}: is not supported; such a token is refused");
        }
    }
    let typ = header["typ"].as_str().unwrap_or_default();
    let short = typ.get(..PREFIX.len()).filter(|start| start.eq_ignore_ascii_case(PREFIX));
    let short = short.and_then(|_| typ.get(PREFIX.len()..)).unwrap_or(typ);
    let kind = TokenKind::ALL.into_iter().find(|kind| kind.media_type().eq_ignore_ascii_case(short));
    let _ = match kind {
        Some(kind) => writeln!(text, "- typ: says that it is of the kind {kind:?}"),
        None => writeln!(text, "- typ: not a kind of token of ours"),
    };
}

fn explain_times(payload: &Value, now: u64, text: &mut String) {
    for (name, meaning) in [("iat", "issued"), ("nbf", "valid from"), ("exp", "valid until")] {
        let Some(time) = payload[name].as_u64() else {
            let _ = writeln!(text, "- {name}: no whole number of seconds");
            continue;
        };
        let _ = match time.checked_sub(now) {
            Some(0) => writeln!(text, "- {name}: {meaning} now"),
            Some(ahead) => writeln!(text, "- {name}: {meaning} {ahead} seconds from now"),
            None => writeln!(text, "- {name}: {meaning} {} seconds ago", now.saturating_sub(time)),
        };
    }
}
