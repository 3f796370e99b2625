//! `gatewright token inspect`: decodes the token in the first line of standard input and explains it,
//! without verification.

use std::fmt::Write;
use std::io;
use std::process::ExitCode;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;
use gatewright_core::{Clock, SystemClock, TokenError};
use gatewright_jwt::{Algorithm, MAX_PROFILE_TOKEN_BYTES, inspection};
use serde_json::Value;

use crate::arguments::UnwantedTokens;
use crate::lines;
use crate::output::{Failure, write};

const WARNING: &str = "NOT VERIFIED: neither the signature nor the times were checked. Anyone could have written this \
                       token. To verify it, use `gatewright token verify`.";

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    #[command(flatten)]
    unwanted: UnwantedTokens,
    /// The current time in seconds since 1970, instead of the system's time
    #[arg(long, value_name = "UNIX")]
    now: Option<u64>,
}

impl Inspect {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        self.unwanted.refuse("inspect < FILE")?;
        let token = first_line()?;
        let now = self.now.unwrap_or_else(|| SystemClock.now().as_seconds());
        write(&explain(&token, now)?)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn first_line() -> Result<String, Failure> {
    let mut line = Vec::new();
    lines::next(&mut io::stdin().lock(), &mut line).map_err(|error| error.to_string())?;
    String::from_utf8(line).map_err(|_| "the token is not UTF-8".to_owned())
}

fn explain(token: &str, now: u64) -> Result<String, Failure> {
    if token.len() > MAX_PROFILE_TOKEN_BYTES {
        return Err(format!("the token must be at most {MAX_PROFILE_TOKEN_BYTES} bytes, is {}", token.len()));
    }
    let segments: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = segments.as_slice() else {
        return Err(format!("the token must have 3 segments, has {}", segments.len()));
    };
    let (header, payload) = (Segment::decode("header", header)?, Segment::decode("payload", payload)?);
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| "the signature is not base64url")?;
    let mut text = format!("{WARNING}\n\nheader\n{}\n", pretty(&header.value));
    explain_header(&header, &mut text);
    let _ = write!(text, "\npayload\n{}\n", pretty(&payload.value));
    explain_payload(&payload, &mut text);
    explain_times(&payload.value, now, &mut text);
    let _ = writeln!(text, "\nsignature: {} bytes, not checked\n\n{WARNING}", signature.len());
    Ok(text)
}

/// A decoded segment that is JSON.
struct Segment {
    json: String,
    value: Value,
}

impl Segment {
    fn decode(name: &str, segment: &str) -> Result<Self, Failure> {
        let bytes = URL_SAFE_NO_PAD.decode(segment).map_err(|_| format!("the {name} is not base64url"))?;
        let json = String::from_utf8(bytes).map_err(|_| format!("the {name} is not JSON"))?;
        let value = serde_json::from_str(&json).map_err(|_| format!("the {name} is not JSON"))?;
        Ok(Self { json, value })
    }

    fn explain_duplicates(&self, text: &mut String) {
        if inspection::has_duplicates(&self.json) {
            let _ =
                writeln!(text, "- a member occurs twice (its last value is shown); such a token is refused");
        }
    }
}

/// JSON for a terminal, in printable ASCII only: a token must not move the cursor or change the
/// direction of text.
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

fn explain_header(header: &Segment, text: &mut String) {
    header.explain_duplicates(text);
    let value = &header.value;
    let known = value["alg"].as_str().and_then(|name| name.parse::<Algorithm>().ok());
    let _ = match known {
        Some(algorithm) => writeln!(text, "- alg: {algorithm}"),
        None => writeln!(text, "- alg: missing or not supported; such a token is refused"),
    };
    if value["kid"].as_str().is_none() {
        let _ = writeln!(text, "- kid: missing; such a token is refused");
    }
    let names = value.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
    for name in names.filter(|name| inspection::is_rejected(name)) {
        let _ = writeln!(text, "- {name}: not supported; such a token is refused");
    }
    let kind = value["typ"].as_str().and_then(inspection::kind_of);
    let _ = match kind {
        Some(kind) => writeln!(text, "- typ: a token of the kind {kind:?}"),
        None => writeln!(text, "- typ: not a kind of token that Gatewright issues"),
    };
    explain_verdict(inspection::check_header(&header.json), text);
}

fn explain_payload(payload: &Segment, text: &mut String) {
    payload.explain_duplicates(text);
    if payload.value.get("cnf").is_some() {
        let _ = writeln!(text, "- cnf: bound to a sender; such a token is refused");
    }
    explain_verdict(inspection::check_payload(&payload.json), text);
}

fn explain_verdict(verdict: Result<(), TokenError>, text: &mut String) {
    if let Err(error) = verdict {
        let _ = writeln!(text, "- refused by verification: {error}");
    }
}

fn explain_times(payload: &Value, now: u64, text: &mut String) {
    for (name, meaning) in [("iat", "issued"), ("nbf", "valid from"), ("exp", "valid until")] {
        let Some(claim) = payload.get(name) else { continue };
        let Some(time) = claim.as_u64() else {
            let _ = writeln!(text, "- {name}: not a whole number of seconds");
            continue;
        };
        let _ = match time.checked_sub(now) {
            Some(0) => writeln!(text, "- {name}: {meaning} now"),
            Some(ahead) => writeln!(text, "- {name}: {meaning} {ahead} seconds from now"),
            None => writeln!(text, "- {name}: {meaning} {} seconds ago", now.saturating_sub(time)),
        };
    }
}
