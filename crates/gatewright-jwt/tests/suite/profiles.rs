//! Profiles of issuers: which tokens each of them accepts, and which it rejects.

mod callers;
mod cells;
mod corpus;
mod hostile;
mod log;
mod parts;
mod rows;
mod shapes;
mod signing;
