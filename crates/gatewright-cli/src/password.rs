//! `gatewright password`: lists of breached passwords, and the costs of hashes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use gatewright_password::BreachFilter;

use crate::calibrate::Calibrate;
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
    /// Measure argon2id on this machine, and print the costs that fit a time
    ///
    /// It starts with the least costs that the hashing pool accepts (OWASP's), raises the memory while the time allows,
    /// then the passes, and prints each measurement and a line of code for the result. The time is the median while
    /// `--threads` logins hash at the same time. Run it on the machine that will hash, while it does little else.
    ///
    /// Exit code: 0 if the costs fit the time, 1 if even the least costs take longer (they are printed), 2 if the
    /// arguments are wrong.
    Calibrate(Calibrate),
}

impl Passwords {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        match self {
            Self::Filter { list, out, min_count } => filter(&list, &out, min_count),
            Self::Calibrate(calibrate) => calibrate.run(),
        }
    }
}

fn filter(list: &Path, out: &Path, min_count: u64) -> Result<ExitCode, Failure> {
    let entries = BreachFilter::build(list, out, min_count).map_err(|error| error.to_string())?;
    write(&format!("{}: {entries} passwords\n", out.display()))?;
    Ok(ExitCode::SUCCESS)
}
