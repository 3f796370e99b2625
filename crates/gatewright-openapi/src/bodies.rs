//! What the ready-made endpoints take and give, as schemas.

use gatewright_core::Operation;
use gatewright_core::email::MAX_EMAIL_BYTES;
use gatewright_core::password::{MAX_PASSWORD_BYTES, MIN_PASSWORD_CODE_POINTS};
use utoipa::openapi::schema::{
    ArrayBuilder, KnownFormat, Object, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type,
};

use crate::denials::text;

pub(crate) const REGISTRATION: &str = "Registration";
pub(crate) const REGISTERED: &str = "Registered";
pub(crate) const LOGIN: &str = "Login";
pub(crate) const REFRESH: &str = "Refresh";
pub(crate) const LOGOUT: &str = "Logout";
pub(crate) const PASSWORD_CHANGE: &str = "PasswordChange";
pub(crate) const TOKEN_PAIR: &str = "TokenPair";
pub(crate) const INTROSPECTION: &str = "Introspection";
pub(crate) const INTROSPECTED: &str = "Introspected";
pub(crate) const REVOCATION: &str = "Revocation";
pub(crate) const SESSION_LIST: &str = "SessionList";

/// The schemas that an endpoint refers to, by name.
pub(crate) fn schemas_of(operation: Operation) -> Vec<(&'static str, Schema)> {
    match operation {
        Operation::Register => {
            vec![(REGISTRATION, registration().into()), (REGISTERED, registered().into())]
        }
        Operation::Login => vec![(LOGIN, login().into()), (TOKEN_PAIR, token_pair().into())],
        Operation::Refresh => vec![(REFRESH, refresh().into()), (TOKEN_PAIR, token_pair().into())],
        Operation::Logout => vec![(LOGOUT, logout().into())],
        Operation::Sessions => vec![(SESSION_LIST, session_list().into())],
        Operation::Revoke => vec![(REVOCATION, revocation().into())],
        Operation::Introspect => {
            vec![(INTROSPECTION, introspection().into()), (INTROSPECTED, introspected().into())]
        }
        Operation::ChangePassword => vec![(PASSWORD_CHANGE, password_change().into())],
        _ => Vec::new(),
    }
}

fn registered() -> Object {
    with(object("The answer to everybody who registers."), "detail", text("`Registered`.")).build()
}

fn registration() -> Object {
    let body = with(object("An address and a password for a new account."), "email", email());
    with(body, "password", new_password()).build()
}

/// RFC 6749 §4.3.2.
fn login() -> Object {
    let body = with(object("The OAuth 2.0 password form."), "username", text("The email address."));
    with(body, "password", password("The password."))
        .property(
            "scope",
            text("The scopes asked for, separated by spaces; all that the user may have unless said."),
        )
        .property("grant_type", grant_type("password"))
        .build()
}

/// RFC 6749 §6.
fn refresh() -> Object {
    with(object("A refresh token."), "refresh_token", text("The refresh token; it works once."))
        .property("scope", text("Fewer scopes, for this access token alone."))
        .property("grant_type", grant_type("refresh_token"))
        .build()
}

fn logout() -> Object {
    with(object("The session's refresh token."), "refresh_token", text("The refresh token.")).build()
}

fn password_change() -> Object {
    let body = object("The present password and the one to come.");
    let body = with(body, "current_password", password("The present password."));
    with(body, "new_password", new_password()).build()
}

/// RFC 6749 §5.1.
fn token_pair() -> Object {
    let body = with(object("What was granted."), "access_token", text("Opens guarded routes."));
    let body = with(body, "refresh_token", text("Good for one refresh."));
    let body = with(body, "token_type", one_of("bearer").build());
    let body = with(body, "expires_in", seconds("How long the access token is valid, in seconds."));
    with(body, "scope", text("The scopes, separated by spaces.")).build()
}

/// RFC 7009 §2.1.
fn revocation() -> Object {
    let body = object("A token that is to end with its session.");
    let body = with(body, "token", text("The access or refresh token."));
    let body = body.property("token_type_hint", text("Says nothing: the server finds out by itself."));
    body.property("client_id", text("Says nothing: whoever has the token may revoke it.")).build()
}

/// RFC 7662 §2.1.
fn introspection() -> Object {
    let body = with(object("A token to look into."), "token", text("The token."));
    body.property("token_type_hint", text("Says nothing: the server finds out by itself.")).build()
}

/// RFC 7662 §2.2.
fn introspected() -> Object {
    let is_active = ObjectBuilder::new().schema_type(Type::Boolean);
    let is_active =
        is_active.description(Some("Whether it is an access token that is alive; if not, that is all."));
    with(object("What a token is worth."), "active", is_active.build())
        .property("scope", text("What it is good for, separated by spaces."))
        .property("token_type", one_of("Bearer"))
        .property("exp", seconds("When it ends, in seconds since 1970."))
        .property("iat", seconds("When it was issued, in seconds since 1970."))
        .property("sub", text("The id of its user."))
        .property("aud", text("Whom it is for."))
        .property("iss", text("Who issued it."))
        .property("jti", text("Its own id."))
        .build()
}

fn session_list() -> Object {
    let sessions = ArrayBuilder::new().items(session()).build();
    let list = object("Sessions that are alive, the youngest first.");
    list.property("sessions", sessions).required("sessions").build()
}

fn session() -> Object {
    let body = with(object("A session."), "id", text("Its id, by which it can be ended."));
    let body = with(body, "created_at", seconds("When it began, in seconds since 1970."));
    let body = with(body, "last_used_at", seconds("When a token was last refreshed, in seconds since 1970."));
    let body =
        with(body, "expires_at", seconds("When it ends unless it is refreshed, in seconds since 1970."));
    let body = with(body, "address", or_null("Where the login came from."));
    let body = with(body, "user_agent", or_null("What the client called itself."));
    let is_own = ObjectBuilder::new().schema_type(Type::Boolean);
    let is_own = is_own.description(Some("Whether the caller is recognised by it; in lists of one's own."));
    body.property("current", is_own).build()
}

fn object(description: &str) -> ObjectBuilder {
    ObjectBuilder::new().description(Some(description))
}

/// Adds a property that must be there.
fn with(object: ObjectBuilder, name: &str, property: Object) -> ObjectBuilder {
    object.property(name, property).required(name)
}

fn seconds(description: &str) -> Object {
    let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0));
    number.description(Some(description)).build()
}

fn or_null(description: &str) -> Object {
    let kinds = SchemaType::from_iter([Type::String, Type::Null]);
    ObjectBuilder::new().schema_type(kinds).description(Some(description)).build()
}

fn email() -> Object {
    let text = ObjectBuilder::new().schema_type(Type::String).max_length(Some(MAX_EMAIL_BYTES));
    text.format(Some(SchemaFormat::KnownFormat(KnownFormat::Email))).build()
}

fn password(description: &str) -> Object {
    let text = ObjectBuilder::new().schema_type(Type::String).description(Some(description));
    text.format(Some(SchemaFormat::KnownFormat(KnownFormat::Password))).build()
}

fn new_password() -> Object {
    let mut text = password("The new password, by its length alone.");
    text.min_length = Some(MIN_PASSWORD_CODE_POINTS);
    text.max_length = Some(MAX_PASSWORD_BYTES);
    text
}

/// The grant type may be left out.
fn grant_type(only: &str) -> Object {
    one_of(only).description(Some(format!("`{only}`, or nothing."))).build()
}

fn one_of(only: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some([only]))
}
