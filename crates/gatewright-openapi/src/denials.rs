//! The answers of guards and endpoints that refuse: one schema, and a response for each status.

use gatewright_core::{Denial, DetailRenderer, ProblemRenderer, Rendered, Renderer};
use utoipa::openapi::schema::{Object, ObjectBuilder, Schema, Type};
use utoipa::openapi::{Content, ContentBuilder, Header, HeaderBuilder, Ref, Response, ResponseBuilder};

/// The name of the schema of a denial's body.
pub(crate) const SCHEMA: &str = "Denial";

/// Why a request is answered with 503.
pub(crate) const UNAVAILABLE: &str = "It could not be decided just now.";

/// How the application renders denials.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Bodies {
    #[default]
    Detail,
    Problem,
}

impl Bodies {
    /// The schema of every denial's body.
    pub(crate) fn schema(self) -> Schema {
        let body = ObjectBuilder::new()
            .description(Some("Why a request was refused."))
            .property("detail", text("A sentence for people."))
            .required("detail")
            .property("error", text("A word for programs, where there is one."));
        match self {
            Self::Detail => body,
            Self::Problem => body
                .property("type", text("`about:blank`."))
                .required("type")
                .property("title", text("The status in words."))
                .required("title")
                .property("status", ObjectBuilder::new().schema_type(Type::Integer))
                .required("status"),
        }
        .build()
        .into()
    }

    /// The response that stands for `denials`, answered with one status; the first is the example.
    pub(crate) fn response(self, status: u16, description: &str, denials: &[Denial]) -> Response {
        let mut response = ResponseBuilder::new().description(description);
        if let Some(first) = denials.first() {
            let (content_type, content) = self.content(status, first);
            response = response.content(content_type, content);
        }
        if status == 401 || denials.iter().any(has_challenge) {
            response = response.header("WWW-Authenticate", header(Type::String, "The challenge."));
        }
        if denials.iter().any(has_to_wait) {
            response = response.header("Retry-After", header(Type::Integer, "Seconds to wait, at least 1."));
        }
        response.build()
    }

    /// What the body looks like, from the very renderer that writes it.
    fn content(self, status: u16, denial: &Denial) -> (&'static str, Content) {
        let Rendered { content_type, body, .. } = match self {
            Self::Detail => DetailRenderer.render(status, denial),
            Self::Problem => ProblemRenderer.render(status, denial),
        };
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(SCHEMA)));
        (content_type, content.example(serde_json::from_slice(&body).ok()).build())
    }
}

const fn has_challenge(denial: &Denial) -> bool {
    matches!(denial, Denial::MalformedCredentials | Denial::Forbidden(_))
}

const fn has_to_wait(denial: &Denial) -> bool {
    matches!(denial, Denial::Unavailable | Denial::TooManyAttempts(_))
}

fn header(kind: Type, description: &str) -> Header {
    let schema = ObjectBuilder::new().schema_type(kind);
    HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build()
}

/// A text and what it is.
pub(crate) fn text(description: &str) -> Object {
    ObjectBuilder::new().schema_type(Type::String).description(Some(description)).build()
}
