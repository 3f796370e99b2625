//! The parts of `xtask` that tests and benches also use: temporary servers, packages, and running
//! programs.

pub mod tools;
pub mod debian;
pub mod services;
