//! `gatewright token verify`: verifies the token in each line of standard input.

use std::fs;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use gatewright_core::token::MAX_TOKEN_BYTES;
use gatewright_core::{Clock, SystemClock, Timestamp, TokenError, TokenKind, TokenVerifier};
use gatewright_jwt::{Algorithm, JwkSet, Jwt, KeyError, KeyRing, VerifyingKey, inspection};

use crate::arguments::UnwantedTokens;
use crate::lines;
use crate::output::{Failure, warn};

/// The exit code if a token was refused.
const REFUSED: u8 = 1;

/// The reasons in `refused: <reason>`, for the help text.
pub(crate) fn reasons() -> String {
    let lines = TokenError::ALL.map(|error| format!("  {:<14}{error}\n", error.name()));
    format!("Reasons:\n{}", lines.concat())
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    unwanted: UnwantedTokens,
    /// The JWK set with the keys; it may contain secrets (`oct`)
    #[arg(long, value_name = "FILE")]
    jwks: PathBuf,
    /// The expected `iss`
    #[arg(long)]
    issuer: String,
    /// The audience that `aud` must contain
    #[arg(long)]
    audience: String,
    /// The expected `typ` of the header
    #[arg(long, default_value = TokenKind::Access.media_type())]
    typ: String,
    /// Accept only keys for this algorithm; may be repeated
    #[arg(long)]
    algorithm: Vec<Algorithm>,
    /// The current time in seconds since 1970, instead of the system's time
    #[arg(long, value_name = "UNIX")]
    now: Option<u64>,
    /// The tolerated clock difference in seconds for `exp`, `nbf` and `iat`: at most 60 (default: 0
    /// for `exp`, 5 for the others)
    #[arg(long, value_name = "S")]
    leeway: Option<u64>,
    /// How long ago a token may have been issued, in seconds
    #[arg(long, value_name = "S")]
    max_age: Option<u64>,
}

impl Verify {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        self.unwanted.refuse("verify … < FILE")?;
        let (verifier, now) = (self.verifier()?, self.now);
        let now = || now.map_or_else(|| SystemClock.now(), Timestamp::from_seconds);
        let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
        let refused = verify_lines(&verifier, self.kind(), now, &mut input, &mut output);
        match refused.map_err(|error| error.to_string())? {
            0 => Ok(ExitCode::SUCCESS),
            _ => Ok(ExitCode::from(REFUSED)),
        }
    }

    /// The kind of token with the type `--typ`. An unknown type is a custom type of access tokens.
    fn kind(&self) -> TokenKind {
        inspection::kind_of(&self.typ).unwrap_or(TokenKind::Access)
    }

    fn verifier(&self) -> Result<Jwt, Failure> {
        let ring = KeyRing::verifying(self.keys()?).map_err(|error| self.failed(&error))?;
        let mut builder = Jwt::builder(ring).issuer(&self.issuer).audience(&self.audience);
        if self.kind() != TokenKind::Access && self.issuer != self.audience {
            return Err(
                "tokens of this kind are for the issuer itself; --audience must be the issuer".to_owned()
            );
        }
        if inspection::kind_of(&self.typ).is_none() {
            builder = builder.dangerous().with_access_type(&self.typ);
        }
        if let Some(leeway) = self.leeway.map(Duration::from_secs) {
            builder = builder.with_leeway(leeway).with_tolerance(leeway);
        }
        if let Some(age) = self.max_age {
            builder = builder.with_max_age(Duration::from_secs(age));
        }
        builder.build().map_err(|error| error.to_string())
    }

    /// Reads the usable keys of the file. The others are reported on the error stream.
    fn keys(&self) -> Result<Vec<VerifyingKey>, Failure> {
        let text = fs::read_to_string(&self.jwks).map_err(|error| self.failed(&error))?;
        let set = JwkSet::parse_with_secrets(&text, &self.algorithm).map_err(|error| match error {
            KeyError::Format => format!("{}: must be a JWK set: {{\"keys\":[…]}}", self.jwks.display()),
            error => self.failed(&error),
        })?;
        for rejected in set.rejected() {
            warn(&format!("{}: a key is not used: {rejected}", self.jwks.display()));
        }
        Ok(set.into_keys())
    }

    fn failed(&self, error: &dyn std::error::Error) -> Failure {
        format!("{}: {error}", self.jwks.display())
    }
}

/// Writes a verdict for each line of the input. Returns how many tokens were refused.
fn verify_lines(
    verifier: &Jwt,
    kind: TokenKind,
    now: impl Fn() -> Timestamp,
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> io::Result<usize> {
    let (mut refused, mut line) = (0, Vec::new());
    while lines::next(input, &mut line)? {
        match verify_line(verifier, kind, &line, now()) {
            Ok(()) => writeln!(output, "accepted")?,
            Err(error) => {
                refused += 1;
                writeln!(output, "refused: {}", error.name())?;
            }
        }
    }
    output.flush()?;
    Ok(refused)
}

fn verify_line(verifier: &Jwt, kind: TokenKind, line: &[u8], now: Timestamp) -> Result<(), TokenError> {
    if line.len() > MAX_TOKEN_BYTES {
        return Err(TokenError::Size);
    }
    let token = std::str::from_utf8(line).map_err(|_| TokenError::Format)?;
    verifier.verify(kind, token, now).map(drop)
}
