//! Randomness. Ids, epochs and session seeds come from a [`SecureRandom`].

/// A cryptographically secure source of randomness.
///
/// # Contract
/// - Every byte is fit for keys: it comes from the operating system, or from a generator seeded by it.
/// - It must not block for long. It must fail rather than return weaker bytes.
///
/// ```
/// use gatewright::types::{SecureRandom, SystemRandom};
///
/// let (mut first, mut second) = ([0; 16], [0; 16]);
/// SystemRandom.fill(&mut first)?;
/// SystemRandom.fill(&mut second)?;
/// assert_ne!(first, second);
/// # Ok::<(), gatewright::types::RandomError>(())
/// ```
pub trait SecureRandom: Send + Sync {
    /// Fills `bytes` with random bytes.
    ///
    /// # Errors
    /// The source failed. The client gets 503 then.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError>;
}

/// The source of randomness failed.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[non_exhaustive]
#[error("the source of randomness failed")]
pub struct RandomError {}

impl RandomError {
    /// Creates the error. For implementations of [`SecureRandom`].
    #[must_use]
    pub const fn new() -> Self {
        Self {}
    }
}

impl Default for RandomError {
    fn default() -> Self {
        Self::new()
    }
}

/// The operating system's random generator. The default.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl SecureRandom for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        getrandom::fill(bytes).map_err(|_| RandomError::new())
    }
}

/// `N` random bytes from `source`.
pub(crate) fn random_bytes<const N: usize>(source: &dyn SecureRandom) -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    source.fill(&mut bytes)?;
    Ok(bytes)
}
