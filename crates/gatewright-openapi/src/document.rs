//! Collects what the application declares about its operations.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;

use gatewright_core::{AccessRule, Endpoint, GuardedExtractor, Reply, TokenEndpoint};
use utoipa::openapi::OpenApi;

use crate::build::{Declaration, Draft, build};
use crate::denials::Bodies;
use crate::endpoints::{Style, Usernames};
use crate::error::{DocumentError, OperationKey};
use crate::handler::GuardedHandler;

/// Adds access control to a utoipa document. It reads who may call an operation from the types that
/// guard the operation at run time.
///
/// There is no default: [`Document::build`] fails if an operation has no declared guard, or if a
/// declaration is for an operation that the document does not have.
///
/// ```
/// use gatewright::endpoints::Endpoint;
/// use gatewright::guard::{AccessRule, GuardedExtractor};
/// use gatewright::openapi::Document;
/// use gatewright::types::Requirement;
/// use utoipa::OpenApi;
///
/// # struct Admin;
/// # impl GuardedExtractor for Admin {
/// #     const ACCESS_RULE: AccessRule = AccessRule::User(Requirement::Role("admin"));
/// # }
/// #[utoipa::path(get, path = "/stats", responses((status = 200, description = "Counts.")))]
/// async fn stats(_: Admin) -> &'static str { "42" }
///
/// #[derive(OpenApi)]
/// #[openapi(paths(stats))]
/// struct Api;
///
/// let document = Document::new(Api::openapi(), "/auth")
///     .with_endpoints(Endpoint::ALL)
///     .handler("GET", "/stats", stats)
///     .build()?;
/// let json = serde_json::to_value(&document).unwrap();
/// let operation = &json["paths"]["/stats"]["get"];
/// assert_eq!(operation["security"][0]["OAuth2Password"], serde_json::json!([]));
/// assert_eq!(operation["x-requires"]["role"], "admin");
/// assert_eq!(json["paths"].as_object().unwrap().len(), 11);
/// # Ok::<(), gatewright::openapi::DocumentError>(())
/// ```
#[doc(alias("swagger", "utoipa"))]
#[must_use]
pub struct Document(Draft);

impl Document {
    /// Starts with a document of utoipa. The ready-made endpoints are mounted at `prefix`: the
    /// OAuth2 scheme names login and refresh below it.
    pub fn new(openapi: OpenApi, prefix: &str) -> Self {
        Self(Draft {
            openapi,
            prefix: prefix.trim_end_matches('/').to_owned(),
            endpoints: Vec::new(),
            style: Style::default(),
            scopes: BTreeMap::new(),
            declarations: Vec::new(),
        })
    }

    /// Adds ready-made endpoints below the prefix, with their bodies, responses and guards. Pass
    /// those that the application mounts: [`Auth::endpoints`](gatewright_core::Auth::endpoints).
    pub fn with_endpoints(mut self, endpoints: impl IntoIterator<Item: Borrow<Endpoint>>) -> Self {
        self.0.endpoints.extend(endpoints.into_iter().map(|endpoint| *endpoint.borrow()));
        self
    }

    /// Describes a scope. The document lists every scope that a guard names, described or not; a
    /// scope that no guard names is listed only if it is described here.
    pub fn with_scope(mut self, scope: &str, description: &str) -> Self {
        self.0.scopes.insert(scope.to_owned(), description.to_owned());
        self
    }

    /// Documents the status with which login and refresh fail. Use the value that the `Auth` has.
    pub const fn with_token_endpoint(mut self, token_endpoint: TokenEndpoint) -> Self {
        self.0.style.token_endpoint = token_endpoint;
        self
    }

    /// Documents denials as RFC 9457 problems, for an `Auth` with the
    /// [`ProblemRenderer`](gatewright_core::ProblemRenderer).
    pub const fn with_problem_details(mut self) -> Self {
        self.0.style.bodies = Bodies::Problem;
        self
    }

    /// Documents the field `username` of registrations, for an `Auth` with
    /// [`with_usernames`](gatewright_core::AuthBuilder::with_usernames).
    pub const fn with_usernames(mut self) -> Self {
        self.0.style.usernames = Usernames::Optional;
        self
    }

    /// As [`with_usernames`](Self::with_usernames), for an `Auth` with
    /// [`with_required_usernames`](gatewright_core::AuthBuilder::with_required_usernames).
    pub const fn with_required_usernames(mut self) -> Self {
        self.0.style.usernames = Usernames::Required;
        self
    }

    /// Declares that the first argument of this handler, a plain `async fn`, guards the operation.
    /// The document and the running guard cannot differ.
    pub fn handler<Arguments, H: GuardedHandler<Arguments>>(self, method: &str, path: &str, _: H) -> Self {
        self.guard::<H::Guard>(method, path)
    }

    /// Declares that an argument of this type guards the operation. An operation may have several
    /// guards; a request must pass all of them.
    pub fn guard<G: GuardedExtractor>(self, method: &str, path: &str) -> Self {
        let key = OperationKey::new(method, path);
        self.declare(Declaration::Guarded { key, rule: G::ACCESS_RULE, is_optional: G::IS_OPTIONAL })
    }

    /// Declares that a layer on its route guards the operation.
    pub fn require(self, method: &str, path: &str, rule: impl Into<AccessRule>) -> Self {
        let key = OperationKey::new(method, path);
        self.declare(Declaration::Guarded { key, rule: rule.into(), is_optional: false })
    }

    /// Declares that the guard of a router protects every operation at this path and below it.
    pub fn guarded(self, path: &str, rule: impl Into<AccessRule>) -> Self {
        let path = path.trim_end_matches('/').to_owned();
        self.declare(Declaration::GuardedBelow { path, rule: rule.into() })
    }

    /// Declares that the operation needs no credential.
    pub fn open(self, method: &str, path: &str) -> Self {
        self.declare(Declaration::Open { key: OperationKey::new(method, path) })
    }

    fn declare(mut self, declaration: Declaration) -> Self {
        self.0.declarations.push(declaration);
        self
    }

    /// Checks the declarations against the document and adds them to it.
    ///
    /// # Errors
    /// When a declaration is for an operation that the document does not have, an operation has no
    /// declaration, or two declarations contradict each other. The error names the operation.
    pub fn build(self) -> Result<OpenApi, DocumentError> {
        build(self.0)
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document").field("prefix", &self.0.prefix).finish_non_exhaustive()
    }
}

/// The document as a reply, for a route such as `/openapi.json`.
///
/// ```
/// # use utoipa::openapi::{Info, OpenApi, Paths};
/// # let document = OpenApi::new(Info::new("Example", "1"), Paths::new());
/// let reply = gatewright::openapi::document_reply(&document);
/// assert_eq!(reply.headers[0], ("content-type", "application/json".to_owned()));
/// ```
#[must_use]
pub fn document_reply(document: &OpenApi) -> Reply {
    Reply::json(200, document)
}
