//! Why a document cannot be built.

use std::fmt;

/// Identifies an operation of a document by its method and path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct OperationKey {
    /// The method, in upper case.
    pub method: String,
    /// The path as the document writes it, with `{name}` for parameters.
    pub path: String,
}

impl OperationKey {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        Self { method: method.to_ascii_uppercase(), path: path.to_owned() }
    }
}

impl fmt::Display for OperationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// A mistake that [`Document::build`](crate::Document::build) found: the document and the
/// declared guards do not match.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// A guard was declared for an operation that is not in the document.
    #[error("the document has no operation {0}")]
    UnknownOperation(OperationKey),
    /// A router's guard was declared, and no operation is at or below its path.
    #[error("the document has no operation at or below {path}")]
    NoOperationBelow {
        /// The path of the router.
        path: String,
    },
    /// An operation has neither a declared guard nor a `security` of its own.
    #[error("no guard is declared for {0}: declare its guard, or declare it open")]
    UndeclaredGuard(OperationKey),
    /// An operation is declared both guarded and open, or has a `security` of its own besides.
    #[error("conflicting declarations for {0}: declare it guarded or open, or set its own `security`")]
    ConflictingDeclarations(OperationKey),
    /// The access rule names a kind of credential that this version cannot document.
    #[error("the access rule of {0} cannot be documented by this version")]
    UnsupportedRule(OperationKey),
    /// A ready-made endpoint has the method and path of an operation in the document.
    #[error("the document already has an operation {0}")]
    DuplicateOperation(OperationKey),
    /// A component that Gatewright adds has the name of a different one in the document.
    #[error("the document already has a different component named {name}")]
    DuplicateComponent {
        /// The name of the component.
        name: String,
    },
    /// Two operations have the same `operationId`.
    #[error("two operations have the id {id}")]
    DuplicateId {
        /// The `operationId`.
        id: String,
    },
    /// An operation refers to a response that the document does not define.
    #[error("the document does not define {reference}")]
    UnresolvedReference {
        /// The value of the `$ref`.
        reference: String,
    },
}
