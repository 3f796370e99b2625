//! Arguments that are refused: tokens. Other users of the machine can read the arguments of a process.

use std::ffi::OsString;

use clap::Args;

use crate::output::Failure;

/// Tokens among the arguments. Clap would refuse them too, but its message would repeat them.
#[derive(Debug, Args)]
pub(crate) struct UnwantedTokens {
    #[arg(hide = true)]
    tokens: Vec<OsString>,
}

impl UnwantedTokens {
    /// Fails if there is an argument. `usage` is the right use of the command.
    pub(crate) fn refuse(&self, usage: &str) -> Result<(), Failure> {
        if self.tokens.is_empty() {
            return Ok(());
        }
        Err(format!(
            "a token must not be an argument, which other users of this machine can read; write it to standard \
             input: gatewright token {usage}"
        ))
    }
}
