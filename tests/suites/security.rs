//! Secrets stay secret, and an `Auth` does not trust what it cannot verify.

mod redaction;
mod log_lines;
mod secrets_at_rest;
mod misbehaving_store;
mod other_issuers;
mod token_text;
mod literal_secrets;
