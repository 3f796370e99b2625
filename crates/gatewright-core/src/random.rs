//! Randomness, as a seam: ids, epochs and session seeds are drawn through [`Randomness`].

/// Draws unpredictable bytes.
///
/// # Contract
/// - Every byte is fit for keys: from the operating system or a generator seeded by it.
/// - It must not block for long and must fail rather than return weaker bytes.
pub trait Randomness: Send + Sync {
    /// Fills `bytes`.
    ///
    /// # Errors
    /// When the source cannot deliver; the request is then refused as unavailable (503).
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomnessError>;
}

/// The source of randomness did not deliver.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[non_exhaustive]
#[error("the source of randomness did not deliver")]
pub struct RandomnessError {}

impl RandomnessError {
    /// For implementations of [`Randomness`].
    #[must_use]
    pub const fn new() -> Self {
        Self {}
    }
}

impl Default for RandomnessError {
    fn default() -> Self {
        Self::new()
    }
}

/// The operating system's generator. The default.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomnessError> {
        getrandom::fill(bytes).map_err(|_| RandomnessError::new())
    }
}

/// `N` fresh bytes from `source`.
pub(crate) fn draw<const N: usize>(source: &dyn Randomness) -> Result<[u8; N], RandomnessError> {
    let mut bytes = [0; N];
    source.fill(&mut bytes)?;
    Ok(bytes)
}
