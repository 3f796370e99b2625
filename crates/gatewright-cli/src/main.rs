//! The command `gatewright`: generates and publishes keys, and inspects and verifies tokens as the library does.

mod keys;
mod inspect;
mod lines;
mod verify;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Keys and tokens of Gatewright.
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
}

#[derive(Debug, Subcommand)]
enum Token {
    /// Decode a token and explain it, without verifying it
    Inspect(inspect::Inspect),
    /// Verify the tokens on standard input, one in each line, and print `accepted` or `refused: <why>` for each
    ///
    /// Exits with 0 if none was refused (so also if there was none), 1 if one was, 2 if the arguments are wrong. Lines end
    /// with LF alone, and nothing is trimmed: with CRLF every token is refused as `format`.
    #[command(after_long_help = verify::refusals())]
    Verify(verify::Verify),
}

/// The message of an error that ends the command.
type Failure = String;

/// The exit code for wrong arguments, and for files that cannot be read or used.
const FAILED: u8 = 2;

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Keys(keys) => keys.run(),
        Command::Token(Token::Inspect(inspect)) => inspect.run(),
        Command::Token(Token::Verify(verify)) => verify.run(),
    };
    done.unwrap_or_else(|failure| {
        warn(&failure);
        ExitCode::from(FAILED)
    })
}

/// Writes to the error stream. If that fails, the failure cannot be reported.
fn warn(text: &str) {
    let _ = writeln!(io::stderr().lock(), "gatewright: {text}");
}

/// Writes to standard output. A closed pipe is a failure, not a panic.
fn write(text: &str) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes()).and_then(|()| output.flush()).map_err(|error| error.to_string())
}
