//! The ready-made endpoints, as documented operations.

use std::collections::BTreeMap;
use std::time::Duration;

use gatewright_core::password::PolicyViolation;
use gatewright_core::{Denial, Email, Operation, TokenEndpoint};
use utoipa::openapi::path::{
    Operation as Described, OperationBuilder, Parameter, ParameterBuilder, ParameterIn,
};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::SchemaFormat;
use utoipa::openapi::{
    Content, Header, HeaderBuilder, ObjectBuilder, Ref, Required, Response, ResponseBuilder, Type,
};

use crate::bodies::{
    INTROSPECTED, INTROSPECTION, LOGIN, LOGOUT, PASSWORD_CHANGE, REFRESH, REGISTERED, REGISTRATION,
    REVOCATION, SESSION_LIST, TOKEN_PAIR,
};
use crate::denials::{Bodies, UNAVAILABLE};
use crate::guarded::Guarded;

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// How denials are rendered, and how refused grants are answered.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Style {
    pub(crate) bodies: Bodies,
    pub(crate) token_endpoint: TokenEndpoint,
}

/// An endpoint without its guard, and the guard.
pub(crate) fn describe(operation: Operation, style: Style) -> (Described, Guarded) {
    let about = About::of(operation);
    let described = OperationBuilder::new()
        .tag("auth")
        .operation_id(Some(about.id))
        .summary(Some(about.summary))
        .parameters(id_in(operation.path()).map(|id| [id]))
        .request_body(about.body())
        .response(about.granted.0.to_string(), granted(about.granted));
    let refusals = refusals(operation, style).into_iter();
    let described = refusals
        .fold(described, |described, (status, response)| described.response(status.to_string(), response));
    (described.build(), guard(operation))
}

/// The parameter of a path that has one.
fn id_in(path: &str) -> Option<Parameter> {
    let id = ObjectBuilder::new().schema_type(Type::String);
    let id = id.format(Some(SchemaFormat::Custom("uuid".to_owned())));
    let id = ParameterBuilder::new().name("id").parameter_in(ParameterIn::Path).schema(Some(id));
    path.contains("{id}").then(|| id.required(Required::True).build())
}

/// Who may call an endpoint. A logout takes a token in its header or one in its body.
fn guard(operation: Operation) -> Guarded {
    match operation {
        Operation::ChangePassword | Operation::LogoutAll | Operation::Sessions | Operation::EndSession => {
            Guarded::by_user(false)
        }
        Operation::Logout => Guarded::by_user(true),
        Operation::Introspect => Guarded::by_api_key(gatewright_core::INTROSPECTION),
        _ => Guarded::default(),
    }
}

struct About {
    id: &'static str,
    summary: &'static str,
    takes: &'static [&'static str],
    schema: &'static str,
    is_required: bool,
    granted: (u16, Option<&'static str>, &'static str),
}

impl About {
    const fn of(operation: Operation) -> Self {
        let (id, summary, takes, schema, granted): (_, _, &[_], _, _) = match operation {
            Operation::Register => (
                "register",
                "Make an account",
                &[JSON],
                REGISTRATION,
                (201, Some(REGISTERED), "The same answer whether or not the address is taken."),
            ),
            Operation::Login => {
                ("login", "Log in", &[FORM], LOGIN, (200, Some(TOKEN_PAIR), "A new session's tokens."))
            }
            Operation::Refresh => (
                "refresh",
                "Exchange a refresh token",
                &[FORM, JSON],
                REFRESH,
                (200, Some(TOKEN_PAIR), "The session's next tokens."),
            ),
            Operation::Logout => (
                "logout",
                "End the session of the token, or of the refresh token in the body",
                &[FORM, JSON],
                LOGOUT,
                (204, None, "The session has ended."),
            ),
            Operation::LogoutAll => (
                "logout_all",
                "Log out everywhere: end every session of the caller",
                &[],
                "",
                (204, None, "Every session has ended. Every token issued before is refused."),
            ),
            Operation::ChangePassword => (
                "change_password",
                "Change the password and end every other session",
                &[JSON],
                PASSWORD_CHANGE,
                (204, None, "Changed. Every access token issued before is refused."),
            ),
            Operation::Sessions => (
                "sessions",
                "The caller's own sessions",
                &[],
                "",
                (200, Some(SESSION_LIST), "The sessions that are alive, the youngest first."),
            ),
            Operation::EndSession => (
                "end_session",
                "End one of the caller's own sessions",
                &[],
                "",
                (204, None, "The session has ended."),
            ),
            Operation::Revoke => (
                "revoke",
                "End the session of a token (RFC 7009)",
                &[FORM],
                REVOCATION,
                (200, None, "The session has ended, or the token was not valid."),
            ),
            Operation::Introspect => (
                "introspect",
                "What a token is worth (RFC 7662)",
                &[FORM],
                INTROSPECTION,
                (200, Some(INTROSPECTED), "What an access token is worth, or that the token is not active."),
            ),
            _ => ("", "", &[], "", (204, None, "")),
        };
        let is_required = !matches!(operation, Operation::Logout);
        Self { id, summary, takes, schema, is_required, granted }
    }

    fn body(&self) -> Option<RequestBody> {
        if self.takes.is_empty() {
            return None;
        }
        let required = if self.is_required { Required::True } else { Required::False };
        let body = RequestBodyBuilder::new().required(Some(required));
        let body = self.takes.iter().fold(body, |body, media| body.content(*media, content(self.schema)));
        Some(body.build())
    }
}

fn content(schema: &str) -> Content {
    Content::new(Some(Ref::from_schema_name(schema)))
}

fn granted((_, schema, description): (u16, Option<&str>, &str)) -> Response {
    let response = ResponseBuilder::new().description(description);
    match schema {
        None => response.build(),
        Some(schema @ (TOKEN_PAIR | SESSION_LIST | INTROSPECTED)) => {
            let response = response.content(JSON, content(schema));
            response.header("Cache-Control", no_store()).header("Pragma", no_store()).build()
        }
        Some(schema) => response.content(JSON, content(schema)).build(),
    }
}

/// RFC 6749 §5.1.
fn no_store() -> Header {
    HeaderBuilder::new().schema(Some(ObjectBuilder::new().schema_type(Type::String))).build()
}

/// What an endpoint refuses, one response a status.
fn refusals(operation: Operation, style: Style) -> Vec<(u16, Response)> {
    let mut by_status: BTreeMap<u16, (Vec<&str>, Vec<Denial>)> = BTreeMap::new();
    for (description, denial) in refused(operation).into_iter().chain(misread(operation)) {
        let (descriptions, denials) = by_status.entry(style.status(&denial)).or_default();
        descriptions.push(description);
        denials.push(denial);
    }
    let response = |(status, (descriptions, denials)): (u16, (Vec<&str>, Vec<Denial>))| {
        (status, style.bodies.response(status, &descriptions.join(" "), &denials))
    };
    by_status.into_iter().map(response).collect()
}

impl Style {
    const fn status(self, denial: &Denial) -> u16 {
        match (self.token_endpoint, denial) {
            (TokenEndpoint::Rfc6749, Denial::LoginRefused | Denial::RefreshRefused) => 400,
            _ => denial.status(),
        }
    }
}

fn refused(operation: Operation) -> Vec<(&'static str, Denial)> {
    let new_password = Denial::Unprocessable(PolicyViolation::TooShort.into());
    let new_password = ("The new password is too short or too long.", new_password);
    match operation {
        Operation::Register => {
            let email = Email::parse("").err().map(|error| Denial::Unprocessable(error.into()));
            let email = email.map(|denial| ("The address is none.", denial));
            [new_password].into_iter().chain(email).collect()
        }
        Operation::Login => vec![
            ("The login is refused, whatever the cause.", Denial::LoginRefused),
            ("Too many attempts.", Denial::TooManyAttempts(Duration::from_secs(60))),
            ("The grant type is another, or the scopes are none.", Denial::InvalidScope),
        ],
        Operation::Refresh => vec![
            ("The refresh token is refused, whatever the cause.", Denial::RefreshRefused),
            (
                "The grant type is another, or more scopes are asked for than were granted.",
                Denial::InvalidScope,
            ),
        ],
        Operation::Logout => {
            vec![("There is neither token, or the refresh token is refused.", Denial::RefreshRefused)]
        }
        Operation::ChangePassword => {
            vec![("The present password is another.", Denial::IncorrectPassword), new_password]
        }
        Operation::EndSession => vec![("The caller has no session with this id.", Denial::NotFound)],
        _ => Vec::new(),
    }
}

/// What every endpoint refuses: bodies, where they are posted, and what cannot be decided.
fn misread(operation: Operation) -> Vec<(&'static str, Denial)> {
    let unavailable = (UNAVAILABLE, Denial::Unavailable);
    if operation.method() != "POST" {
        return vec![unavailable];
    }
    vec![
        ("A field is missing, empty, there twice, or badly encoded.", Denial::MalformedRequest),
        ("The body is too large.", Denial::BodyTooLarge),
        ("The content type is another.", Denial::UnsupportedMediaType),
        unavailable,
    ]
}
