//! Arguments that are refused: tokens. Other users of the machine can read the arguments of a process.

use std::ffi::OsString;

use clap::Args;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::output::Failure;

/// The same error of clap, without the arguments that the user wrote: one of them may be a token. It still names
/// the option and the rule.
pub(crate) fn without_values(mut error: clap::Error) -> clap::Error {
    if matches!(error.get(ContextKind::InvalidValue), Some(ContextValue::String(value)) if !value.is_empty())
    {
        error.insert(ContextKind::InvalidValue, ContextValue::String("…".to_owned()));
    }
    if matches!(error.kind(), ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand) {
        for repeated in [ContextKind::InvalidArg, ContextKind::InvalidSubcommand, ContextKind::Suggested] {
            error.insert(repeated, ContextValue::None);
        }
    }
    error
}

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
