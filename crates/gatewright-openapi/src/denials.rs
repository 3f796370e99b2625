//! The error responses of guards and endpoints: one schema, and one response for each status.

use gatewright_core::error::AcceptedTypes;
use gatewright_core::{Denial, DetailRenderer, ProblemRenderer, Rendered, Renderer};
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Content, ContentBuilder, Header, HeaderBuilder, Ref, Response, ResponseBuilder};

/// The name of the schema of a denial's body.
pub(crate) const SCHEMA: &str = "Denial";

/// The description of every 503.
pub(crate) const UNAVAILABLE: &str = "The service is temporarily unavailable.";

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
            .description(Some("Why the request was denied."))
            .property("detail", text("The reason, as a sentence for people."))
            .required("detail")
            .property("error", text("A machine-readable error code, if there is one for the reason."))
            .property(
                "field",
                text("The field of the request that is malformed or breaks a rule, if it is one field."),
            );
        match self {
            Self::Detail => body,
            Self::Problem => body
                .property("type", text("Always `about:blank` (RFC 9457)."))
                .required("type")
                .property("title", text("The reason phrase of the status."))
                .required("title")
                .property("status", ObjectBuilder::new().schema_type(Type::Integer))
                .required("status"),
        }
        .build()
        .into()
    }

    /// One response for all `denials` with this status. The first denial is the example.
    pub(crate) fn response(self, status: u16, description: &str, denials: &[Denial]) -> Response {
        let mut response = ResponseBuilder::new().description(description);
        if let Some(first) = denials.first() {
            let (content_type, content) = self.content(status, first);
            response = response.content(content_type, content);
        }
        if status == 401 || denials.iter().any(has_challenge) {
            response = response.header("WWW-Authenticate", header(Type::String, "The challenge."));
        }
        if denials.iter().any(has_retry_after) {
            let wait = header(Type::Integer, "How many seconds to wait before a retry, at least 1.");
            response = response.header("Retry-After", wait);
        }
        if let Some(name) = denials.iter().find_map(accept_header) {
            response = response.header(name, header(Type::String, "The content types that are accepted."));
        }
        response.build()
    }

    /// An example body, written by the renderer that writes the real ones.
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

const fn has_retry_after(denial: &Denial) -> bool {
    matches!(denial, Denial::Unavailable | Denial::TooManyAttempts(_))
}

/// The header that lists the accepted content types.
const fn accept_header(denial: &Denial) -> Option<&'static str> {
    match denial {
        Denial::UnsupportedMediaType(AcceptedTypes::Post(_)) => Some("Accept-Post"),
        Denial::UnsupportedMediaType(AcceptedTypes::Patch(_)) => Some("Accept-Patch"),
        _ => None,
    }
}

fn header(kind: Type, description: &str) -> Header {
    let schema = ObjectBuilder::new().schema_type(kind);
    HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build()
}

/// The schema of a string.
pub(crate) fn text(description: &str) -> Schema {
    described(Type::String, description).build().into()
}

/// A schema of this type with a description.
pub(crate) fn described(kind: impl Into<SchemaType>, description: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(kind).description(Some(description))
}
