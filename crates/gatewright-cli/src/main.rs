//! `gatewright`: makes keys, publishes them, looks into tokens, and verifies them as the library does.

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
    /// Make and publish signing keys
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Look into tokens, or verify them
    #[command(subcommand)]
    Token(Token),
}

#[derive(Debug, Subcommand)]
enum Token {
    /// Decode a token and say what it says; verifies nothing
    Inspect(inspect::Inspect),
    /// Verify one token a line on standard input: `accepted`, or `refused: <why>`
    ///
    /// Exits with 0 when all were accepted, 1 when one was refused, 2 when the arguments are wrong.
    Verify(verify::Verify),
}

/// What stopped the command: its text, for the error stream.
type Failure = String;

/// Wrong arguments, or a file that cannot be read or used.
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

/// Writes to the error stream; where nobody reads it there is nobody to tell.
fn warn(text: &str) {
    let _ = writeln!(io::stderr().lock(), "gatewright: {text}");
}

/// Writes to standard output; a reader that went away is a failure, not a panic.
fn write(text: &str) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes()).and_then(|()| output.flush()).map_err(|error| error.to_string())
}
