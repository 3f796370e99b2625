//! A document and what is said about its operations.

use std::collections::BTreeMap;
use std::fmt;

use gatewright_core::{Demand, Guards, Operation, TokenEndpoint};
use utoipa::openapi::OpenApi;

use crate::denials::Bodies;
use crate::endpoints::Style;
use crate::error::DocumentError;
use crate::finish::finish;
use crate::handler::GuardedHandler;

/// A utoipa document that learns who may call its operations, from the types that guard them at run time.
///
/// Nothing is left to a default: [`Document::build`] refuses a document with an operation that nobody spoke about, and
/// a word about an operation that is not there.
///
/// ```
/// use gatewright_core::{Guards, Demand, Operation, Requirement};
/// use gatewright_openapi::Document;
/// use utoipa::OpenApi;
///
/// # struct Admin;
/// # impl Guards for Admin { const DEMAND: Demand = Demand::User(Requirement::Role("admin")); }
/// #[utoipa::path(get, path = "/stats", responses((status = 200, description = "Counts.")))]
/// async fn stats(_: Admin) -> &'static str { "42" }
///
/// #[derive(OpenApi)]
/// #[openapi(paths(stats))]
/// struct Api;
///
/// let document = Document::new(Api::openapi(), "/auth")
///     .with_endpoints(Operation::ALL)
///     .handler("GET", "/stats", stats)
///     .build()?;
/// let json = serde_json::to_value(&document).unwrap();
/// assert_eq!(json["paths"]["/stats"]["get"]["security"][0]["OAuth2Password"], serde_json::json!([]));
/// assert_eq!(json["paths"]["/stats"]["get"]["x-requires"]["role"], "admin");
/// assert_eq!(json["paths"].as_object().unwrap().len(), 11);
/// # Ok::<(), gatewright_openapi::DocumentError>(())
/// ```
#[must_use]
pub struct Document {
    pub(crate) openapi: OpenApi,
    pub(crate) prefix: String,
    pub(crate) endpoints: Vec<Operation>,
    pub(crate) style: Style,
    pub(crate) scopes: BTreeMap<String, String>,
    pub(crate) said: Vec<Said>,
}

/// What was said, in order.
pub(crate) enum Said {
    Guarded { at: At, demand: Demand, is_optional: bool },
    GuardedBelow { path: String, demand: Demand },
    Open { at: At },
}

/// An operation's method, in upper case, and its path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct At {
    pub(crate) method: String,
    pub(crate) path: String,
}

impl At {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        Self { method: method.to_ascii_uppercase(), path: path.to_owned() }
    }
}

impl Document {
    /// From a document of utoipa's. `prefix` is where the ready-made endpoints are mounted: the OAuth2 scheme names login
    /// and refresh below it.
    pub fn new(openapi: OpenApi, prefix: &str) -> Self {
        let prefix = prefix.trim_end_matches('/').to_owned();
        let (style, scopes) = (Style::default(), BTreeMap::new());
        Self { openapi, prefix, endpoints: Vec::new(), style, scopes, said: Vec::new() }
    }

    /// Adds ready-made endpoints below the prefix, with their bodies, answers and guards: those that are mounted.
    pub fn with_endpoints(mut self, operations: &[Operation]) -> Self {
        self.endpoints.extend_from_slice(operations);
        self
    }

    /// Describes a scope, or lists one that no guard names. Scopes that guards name are listed by themselves.
    pub fn with_scope(mut self, scope: &str, description: &str) -> Self {
        self.scopes.insert(scope.to_owned(), description.to_owned());
        self
    }

    /// For an `Auth` that refuses login and refresh in this way.
    pub const fn with_token_endpoint(mut self, token_endpoint: TokenEndpoint) -> Self {
        self.style.token_endpoint = token_endpoint;
        self
    }

    /// For an `Auth` with the [`ProblemRenderer`](gatewright_core::ProblemRenderer).
    pub const fn with_problem_details(mut self) -> Self {
        self.style.bodies = Bodies::Problem;
        self
    }

    /// The operation is guarded by the first argument of this handler, a plain `async fn`: what guards and what is
    /// documented cannot differ.
    pub fn handler<Arguments, H: GuardedHandler<Arguments>>(self, method: &str, path: &str, _: H) -> Self {
        self.guard::<H::Guard>(method, path)
    }

    /// The operation is guarded by an argument of this type. A second guard of one operation adds to the first.
    pub fn guard<G: Guards>(mut self, method: &str, path: &str) -> Self {
        let at = At::new(method, path);
        self.said.push(Said::Guarded { at, demand: G::DEMAND, is_optional: G::IS_OPTIONAL });
        self
    }

    /// The operation is behind a guard of its route.
    pub fn require(mut self, method: &str, path: &str, demand: impl Into<Demand>) -> Self {
        let at = At::new(method, path);
        self.said.push(Said::Guarded { at, demand: demand.into(), is_optional: false });
        self
    }

    /// Every operation at this path and below it is behind the guard of a router.
    pub fn guarded(mut self, path: &str, demand: impl Into<Demand>) -> Self {
        let path = path.trim_end_matches('/').to_owned();
        self.said.push(Said::GuardedBelow { path, demand: demand.into() });
        self
    }

    /// Anybody may call the operation.
    pub fn open(mut self, method: &str, path: &str) -> Self {
        self.said.push(Said::Open { at: At::new(method, path) });
        self
    }

    /// The finished document.
    ///
    /// # Errors
    /// When something was said about an operation that is not there, nothing about one that is, or two things that
    /// contradict each other; the error names it.
    pub fn build(self) -> Result<OpenApi, DocumentError> {
        finish(self)
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}
