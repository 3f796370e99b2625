//! `gatewright token verify`: verifies the token in each line of standard input.

use std::fs;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use gatewright_core::{Clock, SystemClock, Timestamp, TokenError, TokenKind, TokenVerifier};
use gatewright_jwt::{
    Algorithm, IssuerVerifier, JwkSet, Jwt, JwtBuilder, KeyError, KeyRing, VerifyingKey, inspection,
};

use crate::arguments::UnwantedTokens;
use crate::lines;
use crate::output::{Failure, warn};
use crate::profile::{self, Lists};

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
    /// The JWK set with the keys; without `--profile` it may contain secrets (`oct`)
    #[arg(long, value_name = "FILE")]
    jwks: PathBuf,
    /// The expected `iss`; a profile may have one
    #[arg(long, required_unless_present = "profile")]
    issuer: Option<String>,
    /// The audience that `aud` must contain; for the profiles `cognito`, `google_id_token` and `firebase` the
    /// client or project, and repeated for several clients
    #[arg(long, required_unless_present = "profile")]
    audience: Vec<String>,
    /// The expected `typ` of the header
    #[arg(long, default_value = TokenKind::Access.media_type(), conflicts_with = "profile")]
    typ: String,
    /// What the tokens of another issuer look like: rfc9068, auth0, entra_id, okta, cognito, keycloak,
    /// google_id_token, firebase, supabase, kubernetes, spring_authorization_server, ory_hydra, cloud_foundry_uaa,
    /// github_actions, or a file .toml that composes a profile
    #[arg(long, value_name = "PROFILE")]
    profile: Option<String>,
    /// Whose tokens the profile accepts, may be repeated: a tenant (entra_id), a namespace or `namespace:name` of a
    /// service account (kubernetes), `owner:ID` or `repository:ID` (github_actions)
    #[arg(long, value_name = "CALLER", requires = "profile")]
    allow: Vec<String>,
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
        let issuer = self.issuer.as_deref().unwrap_or_default();
        let mut builder = Jwt::builder(ring).issuer(issuer);
        if let Some(profile) = &self.profile {
            builder = self.with_profile(builder, profile)?;
        } else {
            builder = builder.audience(self.only_audience()?);
            if self.kind() != TokenKind::Access && issuer != self.only_audience()? {
                return Err(
                    "tokens of this kind are for the issuer itself; --audience must be the issuer".to_owned()
                );
            }
            if inspection::kind_of(&self.typ).is_none() {
                builder = builder.dangerous().with_access_type(&self.typ);
            }
        }
        if let Some(leeway) = self.leeway.map(Duration::from_secs) {
            builder = builder.with_leeway(leeway).with_tolerance(leeway);
        }
        if let Some(age) = self.max_age {
            builder = builder.with_max_age(Duration::from_secs(age));
        }
        // The value that a profile does not accept is not repeated: it may be a token.
        builder.build().map_err(|error| match error.setting {
            "profile" | "audience" => format!("{}: {}", error.setting, error.problem),
            _ => error.to_string(),
        })
    }

    fn only_audience(&self) -> Result<&str, Failure> {
        match self.audience.as_slice() {
            [one] => Ok(one),
            _ => Err("--audience must be given once".to_owned()),
        }
    }

    /// Adds the profile, and reports on the error stream what it accepts.
    fn with_profile(&self, builder: JwtBuilder, profile: &str) -> Result<JwtBuilder, Failure> {
        let lists = Lists { names: self.audience.clone(), callers: self.allow.clone() };
        let read = profile::read(profile, lists)?;
        for deviation in read.deviations() {
            warn(&format!("the profile {profile} accepts more than RFC 9068: {deviation}"));
        }
        let audience = self.audience.first().map_or("", String::as_str);
        Ok(builder.audience(audience).with_profile(read))
    }

    /// Reads the usable keys of the file. The others are reported on the error stream.
    fn keys(&self) -> Result<Vec<VerifyingKey>, Failure> {
        let text = fs::read_to_string(&self.jwks).map_err(|error| self.failed(&error))?;
        // Another issuer never shares a secret, so a secret in its set is refused as it is by a service.
        let set = match &self.profile {
            Some(_) => JwkSet::parse(&text),
            None => JwkSet::parse_with_secrets(&text, &self.algorithm),
        };
        let set = set.map_err(|error| match error {
            KeyError::Format => format!("{}: must be a JWK set: {{\"keys\":[…]}}", self.jwks.display()),
            error => self.failed(&error),
        })?;
        for rejected in set.rejected() {
            warn(&format!("{}: a key is not used: {rejected}", self.jwks.display()));
        }
        let accepted =
            |key: &VerifyingKey| self.algorithm.is_empty() || self.algorithm.contains(&key.algorithm());
        Ok(set.into_keys().into_iter().filter(accepted).collect())
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
    if line.len() > verifier.max_token_bytes() {
        return Err(TokenError::Size);
    }
    let token = std::str::from_utf8(line).map_err(|_| TokenError::Format)?;
    verifier.verify(kind, token, now).map(drop)
}
