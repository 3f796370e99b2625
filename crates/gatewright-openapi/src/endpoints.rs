//! The ready-made endpoints, as operations of the document.

use std::collections::BTreeMap;
use std::time::Duration;

use gatewright_core::error::{AcceptedTypes, BodyProblem, FieldProblem, PolicyError};
use gatewright_core::password::{MIN_PASSWORD_CODE_POINTS, PasswordPolicyError};
use gatewright_core::{Denial, Email, Endpoint, TokenEndpoint};
use utoipa::openapi::path::{Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::SchemaFormat;
use utoipa::openapi::{
    Content, Header, HeaderBuilder, ObjectBuilder, Ref, Required, Response, ResponseBuilder, Type,
};

use crate::denials::{Bodies, UNAVAILABLE};
use crate::guards::Guards;
use crate::schemas::{
    INTROSPECTED, INTROSPECTION, LOGIN, LOGOUT, PASSWORD_CHANGE, REFRESH, REGISTERED, REGISTRATION,
    REVOCATION, SESSION_LIST, TOKEN_PAIR,
};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// How denials are rendered, with which status login and refresh fail, and whether accounts have user names.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Style {
    pub(crate) bodies: Bodies,
    pub(crate) token_endpoint: TokenEndpoint,
    pub(crate) usernames: Usernames,
}

/// Whether a registration has a user name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Usernames {
    #[default]
    None,
    Optional,
    Required,
}

/// The operation of an endpoint, without its guards, and the guards.
pub(crate) fn describe(endpoint: Endpoint, style: Style) -> (Operation, Guards) {
    let about = About::of(endpoint);
    let operation = OperationBuilder::new()
        .tag("auth")
        .operation_id(Some(about.id))
        .summary(Some(about.summary))
        .parameters(id_in(endpoint.path()).map(|id| [id]))
        .request_body(about.request_body())
        .response(about.status.to_string(), about.response());
    let operation = error_responses(endpoint, style)
        .into_iter()
        .fold(operation, |operation, (status, response)| operation.response(status.to_string(), response));
    (operation.build(), guards_of(endpoint))
}

/// The `{id}` parameter, if the path has it.
fn id_in(path: &str) -> Option<Parameter> {
    let id = ObjectBuilder::new().schema_type(Type::String);
    let id = id.format(Some(SchemaFormat::Custom("uuid".to_owned())));
    let id = ParameterBuilder::new().name("id").parameter_in(ParameterIn::Path).schema(Some(id));
    path.contains("{id}").then(|| id.required(Required::True).build())
}

/// The guards of an endpoint. Logout accepts a token in its header or a refresh token in its body,
/// so its header is optional.
fn guards_of(endpoint: Endpoint) -> Guards {
    match endpoint {
        Endpoint::ChangePassword | Endpoint::LogoutAll | Endpoint::Sessions | Endpoint::EndSession => {
            Guards::by_user(false)
        }
        Endpoint::Logout => Guards::by_user(true),
        Endpoint::Introspect => Guards::by_api_key(gatewright_core::INTROSPECTION),
        _ => Guards::default(),
    }
}

/// What the document says of an endpoint. Without [`takes`](Self::takes) it has no request body,
/// without [`returns`](Self::returns) it replies 204.
struct About {
    id: &'static str,
    summary: &'static str,
    /// The description of the response to a request that succeeds.
    success: &'static str,
    status: u16,
    response: Option<&'static str>,
    content_types: &'static [&'static str],
    request: &'static str,
}

impl About {
    const fn new(id: &'static str, summary: &'static str, success: &'static str) -> Self {
        Self { id, summary, success, status: 204, response: None, content_types: &[], request: "" }
    }

    /// The content types and the schema of the request body.
    const fn takes(self, content_types: &'static [&'static str], request: &'static str) -> Self {
        Self { content_types, request, ..self }
    }

    /// The status and the schema of the response to a request that succeeds.
    const fn returns(self, status: u16, response: Option<&'static str>) -> Self {
        Self { status, response, ..self }
    }

    const fn of(endpoint: Endpoint) -> Self {
        match endpoint {
            Endpoint::Register => {
                let success = "Registered, or the address was already registered.";
                Self::new("register", "Register an account", success)
                    .takes(&[JSON], REGISTRATION)
                    .returns(201, Some(REGISTERED))
            }
            Endpoint::Login => Self::new("login", "Log in", "The tokens of a new session.")
                .takes(&[FORM], LOGIN)
                .returns(200, Some(TOKEN_PAIR)),
            Endpoint::Refresh => {
                let summary = "Exchange a refresh token for new tokens";
                Self::new("refresh", summary, "The current tokens of the session.")
                    .takes(&[FORM, JSON], REFRESH)
                    .returns(200, Some(TOKEN_PAIR))
            }
            Endpoint::Logout => {
                let summary = "End the session of the access token, or of the refresh token in the body";
                Self::new("logout", summary, "The session has ended.").takes(&[FORM, JSON], LOGOUT)
            }
            Endpoint::LogoutAll => {
                let success = "Every session has ended. All tokens issued before are invalid.";
                Self::new("logout_all", "End every session of the caller", success)
            }
            Endpoint::ChangePassword => {
                let success = "The tokens of a new session. All tokens issued before are invalid.";
                let summary = "Change the password and replace every session with a new one";
                Self::new("change_password", summary, success)
                    .takes(&[JSON], PASSWORD_CHANGE)
                    .returns(200, Some(TOKEN_PAIR))
            }
            Endpoint::Sessions => {
                Self::new("sessions", "List the caller's sessions", "The active sessions, newest first.")
                    .returns(200, Some(SESSION_LIST))
            }
            Endpoint::EndSession => {
                Self::new("end_session", "End one of the caller's sessions", "The session has ended.")
            }
            Endpoint::Revoke => {
                let success = "The session has ended, or the token was invalid.";
                Self::new("revoke", "Revoke a token and end its session (RFC 7009)", success)
                    .takes(&[FORM], REVOCATION)
                    .returns(200, None)
            }
            Endpoint::Introspect => {
                let success = "The claims of an active access token, or `active: false`.";
                Self::new("introspect", "Introspect a token (RFC 7662)", success)
                    .takes(&[FORM], INTROSPECTION)
                    .returns(200, Some(INTROSPECTED))
            }
            _ => Self::new("", "", ""),
        }
    }

    fn request_body(&self) -> Option<RequestBody> {
        if self.content_types.is_empty() {
            return None;
        }
        let required = if self.request == LOGOUT { Required::False } else { Required::True };
        let body = RequestBodyBuilder::new().required(Some(required));
        let add = |body: RequestBodyBuilder, media: &&str| body.content(*media, content(self.request));
        Some(self.content_types.iter().fold(body, add).build())
    }

    fn response(&self) -> Response {
        let response = ResponseBuilder::new().description(self.success);
        let Some(schema) = self.response else { return response.build() };
        let response = response.content(JSON, content(schema));
        if schema == REGISTERED {
            return response.build();
        }
        response.header("Cache-Control", no_store()).header("Pragma", no_store()).build()
    }
}

fn content(schema: &str) -> Content {
    Content::new(Some(Ref::from_schema_name(schema)))
}

/// RFC 6749 §5.1.
fn no_store() -> Header {
    HeaderBuilder::new().schema(Some(ObjectBuilder::new().schema_type(Type::String))).build()
}

/// The error responses of an endpoint, one for each status.
fn error_responses(endpoint: Endpoint, style: Style) -> Vec<(u16, Response)> {
    let mut by_status: BTreeMap<u16, (Vec<&str>, Vec<Denial>)> = BTreeMap::new();
    for (description, denial) in denials_of(endpoint, style).into_iter().chain(common_denials(endpoint)) {
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

const TOO_MANY: (&str, Denial) = ("Too many attempts.", Denial::TooManyAttempts(Duration::from_secs(60)));

fn denials_of(endpoint: Endpoint, style: Style) -> Vec<(&'static str, Denial)> {
    let new_password = |error| ("The new password breaks a rule.", Denial::Unprocessable(error));
    let too_short = PasswordPolicyError::TooShort { minimum: MIN_PASSWORD_CODE_POINTS };
    match endpoint {
        Endpoint::Register => {
            let email = Email::parse("").err().map(|error| Denial::Unprocessable(error.into()));
            let email = email.map(|denial| ("The email address is invalid.", denial));
            let username =
                ("The user name is invalid or taken.", Denial::Unprocessable(PolicyError::UsernameTaken));
            let username = (style.usernames != Usernames::None).then_some(username);
            [new_password(too_short.into()), TOO_MANY].into_iter().chain(email).chain(username).collect()
        }
        Endpoint::Login => vec![
            ("The login failed. The cause is not disclosed.", Denial::LoginRefused),
            TOO_MANY,
            ("The grant type is not `password`, or the scopes are malformed.", Denial::InvalidScope),
        ],
        Endpoint::Refresh => vec![
            ("The refresh failed. The cause is not disclosed.", Denial::RefreshRefused),
            TOO_MANY,
            (
                "The grant type is not `refresh_token`, or the scopes are not a subset of the granted ones.",
                Denial::InvalidScope,
            ),
        ],
        Endpoint::Logout => {
            vec![("Both tokens are missing, or the refresh token is invalid.", Denial::RefreshRefused)]
        }
        Endpoint::ChangePassword => {
            let wrong = ("The current password is wrong.", Denial::IncorrectPassword);
            vec![wrong, new_password(PolicyError::NewPassword(too_short)), TOO_MANY]
        }
        Endpoint::EndSession => vec![("The caller has no session with this id.", Denial::NotFound)],
        _ => Vec::new(),
    }
}

/// The denials that all endpoints share, and those of all endpoints that read a body.
fn common_denials(endpoint: Endpoint) -> Vec<(&'static str, Denial)> {
    let unavailable = (UNAVAILABLE, Denial::Unavailable);
    if endpoint.method() != "POST" {
        return vec![unavailable];
    }
    let accepted = AcceptedTypes::Post(endpoint.media_types());
    vec![
        malformed(endpoint),
        ("The body is too large.", Denial::BodyTooLarge),
        ("The content type is not supported.", Denial::UnsupportedMediaType(accepted)),
        unavailable,
    ]
}

/// What a client gets if it leaves out the first field that the endpoint requires.
fn malformed(endpoint: Endpoint) -> (&'static str, Denial) {
    let missing = FieldProblem::Missing;
    let (name, problem) = match endpoint {
        Endpoint::Register => ("email", missing),
        Endpoint::Login => ("username", missing),
        Endpoint::Refresh => ("refresh_token", missing),
        Endpoint::Logout => ("refresh_token", FieldProblem::Repeated),
        Endpoint::ChangePassword => ("current_password", missing),
        Endpoint::Revoke | Endpoint::Introspect => ("token", missing),
        _ => return ("The body cannot be parsed.", Denial::MalformedBody(BodyProblem::NotJson)),
    };
    ("A field is missing, empty, repeated or badly encoded.", Denial::MalformedField { name, problem })
}
