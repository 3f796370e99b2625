//! Why a document is refused.

/// What was said about a document does not fit it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// Something was said about an operation that is not in the document.
    #[error("the document has no operation {method} {path}")]
    #[non_exhaustive]
    NoOperation {
        /// The method.
        method: String,
        /// The path.
        path: String,
    },
    /// A router's guard was named, and nothing in the document is behind it.
    #[error("the document has no operation at or below {path}")]
    #[non_exhaustive]
    NothingBelow {
        /// The path of the router.
        path: String,
    },
    /// Nobody said who may call an operation.
    #[error("nothing says who may call {method} {path}: name its guard, or say that it is open")]
    #[non_exhaustive]
    Undecided {
        /// The method.
        method: String,
        /// The path.
        path: String,
    },
    /// An operation was called open, or has a `security` of its own, and is guarded.
    #[error("{method} {path} is said to be guarded, and something else as well")]
    #[non_exhaustive]
    Contradiction {
        /// The method.
        method: String,
        /// The path.
        path: String,
    },
    /// A guard demands a kind of credential that this version cannot document.
    #[error("the guard of {method} {path} demands what cannot be documented yet")]
    #[non_exhaustive]
    Unspeakable {
        /// The method.
        method: String,
        /// The path.
        path: String,
    },
    /// A ready-made endpoint has the method and path of an operation in the document.
    #[error("{method} {path} is in the document already")]
    #[non_exhaustive]
    Taken {
        /// The method.
        method: String,
        /// The path.
        path: String,
    },
    /// A component that Gatewright adds has a name that another has already.
    #[error("the document has another component named {name}")]
    #[non_exhaustive]
    NameTaken {
        /// The name.
        name: String,
    },
    /// Two operations have one id.
    #[error("two operations have the id {id}")]
    #[non_exhaustive]
    IdTaken {
        /// The id.
        id: String,
    },
    /// An operation refers to a response that the document does not have.
    #[error("{reference} refers to nothing")]
    #[non_exhaustive]
    Dangling {
        /// The reference.
        reference: String,
    },
}
