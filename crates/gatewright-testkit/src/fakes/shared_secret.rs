//! Secrets that several nodes and processes of a test share, without a secret in the source.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// The secret of this label: the SHA-256 of the label in hexadecimal, 64 characters. It is the same
/// in each process, so that two nodes of a test can have one key.
///
/// Anyone can compute it: it is for tests alone. A test with one node can generate a secret.
///
/// ```
/// use gatewright_testkit::shared_secret;
///
/// assert_eq!(shared_secret("one"), shared_secret("one"));
/// assert_ne!(shared_secret("one"), shared_secret("another"));
/// assert_eq!(shared_secret("one").len(), 64);
/// ```
#[must_use]
pub fn shared_secret(label: &str) -> String {
    let digest = Sha256::digest(format!("gatewright test secret: {label}"));
    digest.iter().fold(String::new(), |mut text, byte| {
        let _always_written = write!(text, "{byte:02x}");
        text
    })
}
