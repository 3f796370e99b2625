//! `gatewright password`: lists of breached passwords.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use gatewright_password::BreachFilter;

use crate::output::{Failure, write};

#[derive(Debug, Subcommand)]
pub(crate) enum Passwords {
    /// Build a filter of the Pwned Passwords, with four bytes for each password
    ///
    /// The list has one SHA-1 digest a line, in hexadecimal, with a colon and a count, ordered by hash. Its last
    /// line must be complete. The filter must be a new file. A filter finds every password of its list.
    Filter {
        /// The list
        list: PathBuf,
        /// The filter to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Leave out passwords that occur less often
        #[arg(long, value_name = "COUNT", default_value_t = 1)]
        min_count: u64,
    },
}

impl Passwords {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let Self::Filter { list, out, min_count } = self;
        let entries = BreachFilter::build(&list, &out, min_count).map_err(|error| error.to_string())?;
        write(&format!("{}: {entries} passwords\n", out.display()))?;
        Ok(ExitCode::SUCCESS)
    }
}
