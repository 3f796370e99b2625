//! Writing to standard output and to the error stream.

use std::io::{self, Write};

/// The message of an error that ends the command.
pub(crate) type Failure = String;

/// Writes to the error stream. If that fails, the failure cannot be reported.
pub(crate) fn warn(text: &str) {
    let _ = writeln!(io::stderr().lock(), "gatewright: {text}");
}

/// Writes to standard output. A closed pipe is a failure, not a panic.
pub(crate) fn write(text: &str) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes()).and_then(|()| output.flush()).map_err(|error| error.to_string())
}
