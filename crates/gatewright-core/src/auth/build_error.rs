//! Why an [`Auth`](crate::Auth) cannot be built.

use std::fmt;

/// A setting that is missing, invalid or unsafe.
///
/// ```
/// use gatewright::auth::BuildError;
///
/// let error = BuildError::new("leeway", "must be at most 60 seconds").with_found("90s");
/// assert_eq!(error.to_string(), "leeway: must be at most 60 seconds, is 90s");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuildError {
    /// The setting: the name of the builder's method without `with_`.
    pub setting: &'static str,
    /// The rule that the setting breaks. How to fix it may follow after a semicolon.
    pub problem: &'static str,
    found: Option<Box<str>>,
}

impl BuildError {
    /// Creates an error. For builders of other crates.
    #[must_use]
    pub const fn new(setting: &'static str, problem: &'static str) -> Self {
        Self { setting, problem, found: None }
    }

    /// Adds the value that breaks the rule. It must not be a secret.
    #[must_use]
    pub fn with_found(mut self, value: impl fmt::Display) -> Self {
        self.found = Some(value.to_string().into());
        self
    }

    /// The value that breaks the rule, if it can be shown.
    #[must_use]
    pub fn found(&self) -> Option<&str> {
        self.found.as_deref()
    }

    /// The problem with the value found, without the name of the setting: for a program that has names of its
    /// own for settings.
    ///
    /// ```
    /// let error = gatewright::auth::BuildError::new("queue", "must be 1 to 4096; 256 is usual").with_found(0);
    /// assert_eq!(error.explain(), "must be 1 to 4096, is 0; 256 is usual");
    /// ```
    #[must_use]
    pub fn explain(&self) -> String {
        let Some(found) = &self.found else { return self.problem.to_owned() };
        match self.problem.split_once("; ") {
            Some((rule, fix)) => format!("{rule}, is {found}; {fix}"),
            None => format!("{}, is {found}", self.problem),
        }
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.explain())
    }
}

impl std::error::Error for BuildError {}
