//! The command `gatewright`: generates and publishes keys, inspects and verifies tokens with the rules of
//! the library, builds filters of breached passwords, measures the costs of hashes, and verifies the audit trail.

mod output;
mod lines;
mod arguments;
mod keys;
mod inspect;
mod profile;
mod verify;
mod calibrate;
mod password;
#[cfg(feature = "audit")]
mod audit;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Manage keys and check tokens of Gatewright
#[derive(Debug, Parser)]
#[command(name = "gatewright", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Generate and publish signing keys
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Inspect or verify tokens
    #[command(subcommand)]
    Token(Token),
    /// Build lists of passwords that are refused, measure the costs of hashes
    #[command(subcommand)]
    Password(password::Passwords),
    /// Read, export and verify the audit trail of the database in DATABASE_URL
    #[cfg(feature = "audit")]
    #[command(subcommand)]
    Audit(audit::Audit),
}

#[derive(Debug, Subcommand)]
enum Token {
    /// Decode the token in the first line of standard input and explain it, without verification
    Inspect(inspect::Inspect),
    /// Verify the tokens on standard input, one per line, and print `accepted` or `refused:
    /// <reason>` for each
    ///
    /// Exit code: 0 if every token was accepted (also if there was no token), 1 if a token was
    /// refused, 2 if the arguments are wrong. Lines end with LF only and are not trimmed: with CRLF
    /// every token is refused as `format`.
    #[command(after_long_help = verify::reasons())]
    Verify(verify::Verify),
}

/// The exit code for wrong arguments, and for files that cannot be read or used.
const FAILED: u8 = 2;

fn main() -> ExitCode {
    let arguments = Arguments::try_parse().unwrap_or_else(|error| arguments::without_values(error).exit());
    let done = match arguments.command {
        Command::Keys(keys) => keys.run(),
        Command::Token(Token::Inspect(inspect)) => inspect.run(),
        Command::Token(Token::Verify(verify)) => verify.run(),
        Command::Password(password) => password.run(),
        #[cfg(feature = "audit")]
        Command::Audit(audit) => audit.run(),
    };
    done.unwrap_or_else(|failure| {
        output::warn(&failure);
        ExitCode::from(FAILED)
    })
}
