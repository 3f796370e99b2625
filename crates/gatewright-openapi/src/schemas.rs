//! The schemas of the request and response bodies of the ready-made endpoints.

use gatewright_core::Endpoint;
use gatewright_core::password::MAX_PASSWORD_BYTES;
use gatewright_core::types::{MAX_EMAIL_BYTES, MAX_USERNAME_BYTES};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    ArrayBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type,
};

use crate::denials::{described, text};
use crate::endpoints::Usernames;

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
pub(crate) fn schemas_of(endpoint: Endpoint, usernames: Usernames) -> Vec<(&'static str, Schema)> {
    match endpoint {
        Endpoint::Register => vec![(REGISTRATION, registration(usernames)), (REGISTERED, registered())],
        Endpoint::Login => vec![(LOGIN, login(usernames)), (TOKEN_PAIR, token_pair())],
        Endpoint::Refresh => vec![(REFRESH, refresh()), (TOKEN_PAIR, token_pair())],
        Endpoint::Logout => vec![(LOGOUT, logout())],
        Endpoint::Sessions => vec![(SESSION_LIST, session_list())],
        Endpoint::Revoke => vec![(REVOCATION, revocation())],
        Endpoint::Introspect => vec![(INTROSPECTION, introspection()), (INTROSPECTED, introspected())],
        Endpoint::ChangePassword => vec![(PASSWORD_CHANGE, password_change()), (TOKEN_PAIR, token_pair())],
        _ => Vec::new(),
    }
}

fn registered() -> Schema {
    let detail = text("Always `Registered`.");
    let description = "The answer to a registration, also if the address is already registered.";
    object(description, [("detail", detail)], [])
}

fn registration(usernames: Usernames) -> Schema {
    let (email, password) = (("email", email()), ("password", new_password()));
    let description = "The address and password of a new account, and its user name.";
    match usernames {
        Usernames::None => object("The address and password of a new account.", [email, password], []),
        Usernames::Optional => object(description, [email, password], [("username", username())]),
        Usernames::Required => object(description, [email, password, ("username", username())], []),
    }
}

/// RFC 6749 §4.3.2.
fn login(usernames: Usernames) -> Schema {
    let name = match usernames {
        Usernames::None => "The email address.",
        Usernames::Optional | Usernames::Required => "The email address or the user name.",
    };
    let scope = text("The requested scopes, separated by spaces. Without it, all that the user may have.");
    object(
        "The OAuth 2.0 password form.",
        [("username", text(name)), ("password", password("The password."))],
        [("scope", scope), ("grant_type", grant_type("password"))],
    )
}

/// RFC 6749 §6.
fn refresh() -> Schema {
    let scope = text("Fewer scopes for the next access token, separated by spaces.");
    object(
        "A refresh token.",
        [("refresh_token", text("The refresh token. Each use returns the next one."))],
        [("scope", scope), ("grant_type", grant_type("refresh_token"))],
    )
}

fn logout() -> Schema {
    let token = text("The refresh token.");
    object("The refresh token of the session to end.", [("refresh_token", token)], [])
}

fn password_change() -> Schema {
    object(
        "The current and the new password.",
        [("current_password", password("The current password.")), ("new_password", new_password())],
        [],
    )
}

/// RFC 6749 §5.1.
fn token_pair() -> Schema {
    object(
        "An access token and a refresh token.",
        [
            ("access_token", text("The bearer token for guarded routes.")),
            ("refresh_token", text("The token for one refresh.")),
            ("token_type", always("bearer")),
            ("expires_in", seconds("The lifetime of the access token, in seconds.")),
            ("scope", text("The granted scopes, separated by spaces.")),
        ],
        [],
    )
}

/// RFC 7009 §2.1.
fn revocation() -> Schema {
    object(
        "A token to revoke, together with its session.",
        [("token", text("The access or refresh token."))],
        [
            ("token_type_hint", token_type_hint()),
            ("client_id", text("Ignored: possession of the token is enough to revoke it.")),
        ],
    )
}

/// RFC 7662 §2.1.
fn introspection() -> Schema {
    let token = text("The token.");
    object("A token to introspect.", [("token", token)], [("token_type_hint", token_type_hint())])
}

/// RFC 7662 §2.2.
fn introspected() -> Schema {
    object(
        "The state and the claims of a token.",
        [("active", boolean("Whether it is a valid access token. If not, all other fields are absent."))],
        [
            ("scope", text("The effective scopes, separated by spaces.")),
            ("token_type", always("Bearer")),
            ("exp", time("The time of expiry")),
            ("iat", time("The time of issue")),
            ("sub", text("The id of the user.")),
            ("aud", text("The audience.")),
            ("iss", text("The issuer.")),
            ("jti", text("The id of the token.")),
        ],
    )
}

fn session_list() -> Schema {
    let sessions = ArrayBuilder::new().items(RefOr::T(session())).build().into();
    object("Active sessions, newest first.", [("sessions", sessions)], [])
}

fn session() -> Schema {
    object(
        "A session.",
        [
            ("id", text("The id of the session.")),
            ("created_at", time("The time of the login")),
            (
                "last_used_at",
                time(
                    "The time of the last login or refresh. The caller's own list leaves out refreshes of the last two minutes and rounds down to a minute",
                ),
            ),
            (
                "expires_at",
                time(
                    "The time of expiry if there is no refresh. In the caller's own list it follows from `last_used_at`, so the session may expire up to five minutes later",
                ),
            ),
            ("address", or_null("The IP address of the client at login.")),
            ("user_agent", or_null("The `User-Agent` of the client at login.")),
        ],
        [(
            "current",
            boolean("Whether it is the session of the caller's token; only in the caller's own list."),
        )],
    )
}

/// An object with `required` and `optional` properties.
fn object<const R: usize, const O: usize>(
    description: &str,
    required: [(&str, Schema); R],
    optional: [(&str, Schema); O],
) -> Schema {
    let object = ObjectBuilder::new().description(Some(description));
    let object = required
        .into_iter()
        .fold(object, |object, (name, schema)| object.property(name, schema).required(name));
    let object = optional.into_iter().fold(object, |object, (name, schema)| object.property(name, schema));
    object.build().into()
}

fn boolean(description: &str) -> Schema {
    described(Type::Boolean, description).build().into()
}

fn seconds(description: &str) -> Schema {
    described(Type::Integer, description).minimum(Some(0)).build().into()
}

/// A Unix time.
fn time(what: &str) -> Schema {
    seconds(&format!("{what}, in seconds since 1970."))
}

fn or_null(description: &str) -> Schema {
    described(SchemaType::from_iter([Type::String, Type::Null]), description).build().into()
}

fn email() -> Schema {
    let email = described(Type::String, "The email address.").max_length(Some(MAX_EMAIL_BYTES));
    email.format(Some(SchemaFormat::KnownFormat(KnownFormat::Email))).build().into()
}

fn username() -> Schema {
    let username = described(Type::String, "The user name: public, unique without its case, without `@`.");
    username.max_length(Some(MAX_USERNAME_BYTES)).build().into()
}

fn password(description: &str) -> Schema {
    secret(description).build().into()
}

/// Without its shortest length: the `Auth` decides that, and the document does not know it.
fn new_password() -> Schema {
    let password = secret(
        "The new password. It must be neither common nor breached, repeat nothing, and be no name of the user.",
    );
    password.max_length(Some(MAX_PASSWORD_BYTES)).build().into()
}

fn secret(description: &str) -> ObjectBuilder {
    described(Type::String, description).format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
}

fn token_type_hint() -> Schema {
    text("Ignored: the server determines the type of the token itself.")
}

fn grant_type(only: &str) -> Schema {
    described(Type::String, "Optional.").enum_values(Some([only])).build().into()
}

fn always(only: &str) -> Schema {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some([only])).build().into()
}
