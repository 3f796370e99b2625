//! Randomness, as a seam: ids, epochs and session seeds are drawn through [`SecureRandom`].

/// Draws unpredictable bytes.
///
/// # Contract
/// - Every byte is fit for keys: from the operating system or a generator seeded by it.
/// - It must not block for long and must fail rather than return weaker bytes.
pub trait SecureRandom: Send + Sync {
    /// Fills `bytes`.
    ///
    /// # Errors
    /// When the source cannot deliver; the request is then refused as unavailable (503).
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError>;
}

/// The source of randomness did not deliver.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[non_exhaustive]
#[error("the source of randomness did not deliver")]
pub struct RandomError {}

impl RandomError {
    /// For implementations of [`SecureRandom`].
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

/// The operating system's generator. The default.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl SecureRandom for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        getrandom::fill(bytes).map_err(|_| RandomError::new())
    }
}

/// `N` fresh bytes from `source`.
pub(crate) fn random_bytes<const N: usize>(source: &dyn SecureRandom) -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    source.fill(&mut bytes)?;
    Ok(bytes)
}
