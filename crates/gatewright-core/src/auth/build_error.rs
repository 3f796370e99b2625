//! Why an [`Auth`](crate::Auth) cannot be built.

/// A setting that is missing, invalid or unsafe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("{setting}: {problem}")]
pub struct BuildError {
    /// The setting: the name of the builder's method without `with_`.
    pub setting: &'static str,
    /// The rule that the setting breaks, and how to fix it.
    pub problem: &'static str,
}

impl BuildError {
    /// Creates an error. For builders of other crates.
    #[must_use]
    pub const fn new(setting: &'static str, problem: &'static str) -> Self {
        Self { setting, problem }
    }
}
