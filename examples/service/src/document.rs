//! The OpenAPI document of the service, except for access control: each application reads that from
//! its own guards.

use gatewright::endpoints::Endpoint;
use gatewright::openapi::Document;
use utoipa::OpenApi;

use crate::model::Scope;

/// The document of the service, with these ready-made endpoints below `/auth`. The application adds
/// the guards. Without them the document cannot be built:
///
/// ```
/// let error = example_service::document::draft([]).build().err().unwrap();
/// assert!(error.to_string().starts_with("no guard is declared for GET /admin/stats"));
/// ```
pub fn draft(endpoints: impl IntoIterator<Item = Endpoint>) -> Document {
    Document::new(Service::openapi(), "/auth")
        .with_endpoints(endpoints)
        .with_usernames()
        .with_scope(Scope::ItemsRead.as_str(), "Read items")
        .with_scope(Scope::ItemsWrite.as_str(), "Add items")
        .with_scope(Scope::Introspect.as_str(), "Introspect tokens")
        .open("GET", "/health")
        .open("GET", "/.well-known/jwks.json")
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Gatewright example service",
        description = "Login, refresh, roles, scopes and API keys. Press *Authorize* and log in.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    paths(
        routes::health,
        routes::public_keys,
        routes::me,
        routes::user,
        routes::delete_user,
        routes::change_user,
        routes::user_sessions,
        routes::end_user_session,
        routes::stats,
        routes::items,
        routes::add_item,
        routes::external_data,
        routes::maybe,
        routes::stateless_me
    )
)]
struct Service;

/// The parameters and responses of each route. The applications contain the handlers; these
/// functions only carry the attributes.
#[allow(dead_code, reason = "they carry the attributes")]
mod routes {
    use crate::model::{
        ExternalData, Health, Item, KeySet, Maybe, Me, NewItem, Patch, Stats, TokenClaims, User,
    };

    /// Check that the service is running
    #[utoipa::path(get, path = "/health", tag = "service", responses(
        (status = 200, description = "The service is running.", body = Health),
    ))]
    const fn health() {}

    /// List the public keys of the tokens
    #[utoipa::path(get, path = "/.well-known/jwks.json", tag = "service", responses(
        (status = 200, description = "A JWK set.", content_type = "application/jwk-set+json", body = KeySet),
    ))]
    const fn public_keys() {}

    /// Show the caller
    #[utoipa::path(get, path = "/users/me", tag = "users", responses(
        (status = 200, description = "The caller.", body = Me),
    ))]
    const fn me() {}

    /// Show a user
    #[utoipa::path(get, path = "/users/{id}", tag = "users", params(("id" = String, Path)), responses(
        (status = 200, description = "The user.", body = User),
        (status = 404, description = "The user does not exist.", body = ref("#/components/schemas/Denial")),
    ))]
    const fn user() {}

    /// Delete a user
    #[utoipa::path(delete, path = "/users/{id}", tag = "users", params(("id" = String, Path)), responses(
        (status = 204, description = "The user is deleted."),
        (status = 404, description = "The user does not exist.", body = ref("#/components/schemas/Denial")),
        (status = 409, description = "The last active admin must remain.", body = ref("#/components/schemas/Denial")),
    ))]
    const fn delete_user() {}

    /// Change the roles of a user, or whether the user is active
    #[utoipa::path(
        patch,
        path = "/users/{id}",
        tag = "users",
        params(("id" = String, Path)),
        request_body = Patch,
        responses(
            (status = 200, description = "The changed user.", body = User),
            (status = 400, description = "The body is malformed.", body = ref("#/components/schemas/Denial")),
            (status = 404, description = "The user does not exist.", body = ref("#/components/schemas/Denial")),
            (status = 409, description = "The last active admin must remain.", body = ref("#/components/schemas/Denial")),
            (status = 413, description = "The body is too large.", body = ref("#/components/schemas/Denial")),
            (
                status = 415,
                description = "The content type is not JSON.",
                body = ref("#/components/schemas/Denial"),
                headers(("Accept-Patch" = String, description = "The content types that are accepted."))
            ),
            (status = 422, description = "`roles` is empty, or a role does not exist.", body = ref("#/components/schemas/Denial")),
        )
    )]
    const fn change_user() {}

    /// List the sessions of a user
    #[utoipa::path(get, path = "/users/{id}/sessions", tag = "users", params(("id" = String, Path)), responses(
        (status = 200, description = "The active sessions, newest first.", body = ref("#/components/schemas/SessionList")),
        (status = 404, description = "The user does not exist.", body = ref("#/components/schemas/Denial")),
    ))]
    const fn user_sessions() {}

    /// End a session of a user
    #[utoipa::path(
        delete,
        path = "/users/{id}/sessions/{session}",
        tag = "users",
        params(("id" = String, Path), ("session" = String, Path)),
        responses(
            (status = 204, description = "The session has ended."),
            (status = 404, description = "The user has no such session.", body = ref("#/components/schemas/Denial")),
        )
    )]
    const fn end_user_session() {}

    /// Count the users
    #[utoipa::path(get, path = "/admin/stats", tag = "users", responses(
        (status = 200, description = "The number of users.", body = Stats),
    ))]
    const fn stats() {}

    /// List the items
    #[utoipa::path(get, path = "/items", tag = "items", responses(
        (status = 200, description = "All items, oldest first.", body = [Item]),
    ))]
    const fn items() {}

    /// Add an item
    #[utoipa::path(post, path = "/items", tag = "items", request_body = NewItem, responses(
        (status = 201, description = "The added item.", body = Item),
        (status = 400, description = "The body is malformed, or the name is empty or too long.", body = ref("#/components/schemas/Denial")),
        (status = 413, description = "The body is too large.", body = ref("#/components/schemas/Denial")),
        (
            status = 415,
            description = "The content type is not JSON.",
            body = ref("#/components/schemas/Denial"),
            headers(("Accept-Post" = String, description = "The content types that are accepted."))
        ),
    ))]
    const fn add_item() {}

    /// Get data for services
    #[utoipa::path(get, path = "/external-data", tag = "service", responses(
        (status = 200, description = "The data.", body = ExternalData),
    ))]
    const fn external_data() {}

    /// Show the caller, if the request has a token
    #[utoipa::path(get, path = "/maybe", tag = "users", responses(
        (status = 200, description = "The caller, or `null`.", body = Maybe),
    ))]
    const fn maybe() {}

    /// Show the claims of the token
    #[utoipa::path(get, path = "/stateless/me", tag = "users", responses(
        (status = 200, description = "The claims of the token.", body = TokenClaims),
    ))]
    const fn stateless_me() {}
}
