//! The result of every step.

use std::error::Error;

/// The result of a step. Its error says which element or program failed.
pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error>>;
