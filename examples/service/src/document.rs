//! The service's OpenAPI document, but for who may call what: each application reads that from its own guards.

use gatewright::Operation;
use gatewright::openapi::{Document, DocumentError, SwaggerUi};
use utoipa::OpenApi;

use crate::model::Scope;

/// The document of the service, with the ready-made endpoints that there are below `/auth`. The application names the guards.
///
/// ```
/// let missing = example_service::document::draft(&[]).build().err().unwrap();
/// assert!(missing.to_string().starts_with("nothing says who may call GET /admin/stats"));
/// ```
pub fn draft(endpoints: &[Operation]) -> Document {
    Document::new(Service::openapi(), "/auth")
        .with_endpoints(endpoints)
        .with_scope(Scope::ItemsRead.as_str(), "See the items")
        .with_scope(Scope::ItemsWrite.as_str(), "Add items")
        .with_scope(Scope::Introspect.as_str(), "Look into tokens")
        .open("GET", "/health")
        .open("GET", "/.well-known/jwks.json")
}

/// The document at `/openapi.json`, and Swagger UI at `/docs`.
///
/// # Errors
/// When the document does not fit what was said about it.
pub fn pages(document: Document) -> Result<SwaggerUi, DocumentError> {
    Ok(SwaggerUi::new("/docs", "/openapi.json", &document.build()?))
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Gatewright's example service",
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

/// What each route takes and answers. The handlers stand in the applications; these are never called.
#[allow(dead_code, reason = "they carry the attributes")]
mod routes {
    use crate::model::{
        ExternalData, Health, Item, KeySet, Maybe, Me, NewItem, Patch, Stats, TokenClaims, User,
    };

    /// Whether the service answers
    #[utoipa::path(get, path = "/health", tag = "service", responses(
        (status = 200, description = "The service answers.", body = Health),
    ))]
    const fn health() {}

    /// The public keys of the tokens
    #[utoipa::path(get, path = "/.well-known/jwks.json", tag = "service", responses(
        (status = 200, description = "A JWK set.", content_type = "application/jwk-set+json", body = KeySet),
    ))]
    const fn public_keys() {}

    /// Who calls
    #[utoipa::path(get, path = "/users/me", tag = "users", responses(
        (status = 200, description = "The caller.", body = Me),
    ))]
    const fn me() {}

    /// A user
    #[utoipa::path(get, path = "/users/{id}", tag = "users", params(("id" = String, Path)), responses(
        (status = 200, description = "The user.", body = User),
        (status = 404, description = "There is no such user.", body = ref("#/components/schemas/Denial")),
    ))]
    const fn user() {}

    /// Delete a user
    #[utoipa::path(delete, path = "/users/{id}", tag = "users", params(("id" = String, Path)), responses(
        (status = 204, description = "The user is gone."),
        (status = 404, description = "There is no such user.", body = ref("#/components/schemas/Denial")),
        (status = 409, description = "The last active admin must remain.", body = ref("#/components/schemas/Denial")),
    ))]
    const fn delete_user() {}

    /// Change role or activity of a user
    #[utoipa::path(
        patch,
        path = "/users/{id}",
        tag = "users",
        params(("id" = String, Path)),
        request_body = Patch,
        responses(
            (status = 200, description = "The user as changed.", body = User),
            (status = 400, description = "The body cannot be understood.", body = ref("#/components/schemas/Denial")),
            (status = 404, description = "There is no such user.", body = ref("#/components/schemas/Denial")),
            (status = 409, description = "The last active admin must remain.", body = ref("#/components/schemas/Denial")),
            (status = 413, description = "The body is too large.", body = ref("#/components/schemas/Denial")),
            (status = 415, description = "The body is no JSON.", body = ref("#/components/schemas/Denial")),
            (status = 422, description = "There is no such role.", body = ref("#/components/schemas/Denial")),
        )
    )]
    const fn change_user() {}

    /// A user's sessions
    #[utoipa::path(get, path = "/users/{id}/sessions", tag = "users", params(("id" = String, Path)), responses(
        (status = 200, description = "The sessions that are alive, the youngest first.", body = ref("#/components/schemas/SessionList")),
        (status = 404, description = "There is no such user.", body = ref("#/components/schemas/Denial")),
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

    /// How many users there are
    #[utoipa::path(get, path = "/admin/stats", tag = "users", responses(
        (status = 200, description = "How many users there are.", body = Stats),
    ))]
    const fn stats() {}

    /// All items
    #[utoipa::path(get, path = "/items", tag = "items", responses(
        (status = 200, description = "All items, the oldest first.", body = [Item]),
    ))]
    const fn items() {}

    /// Add an item
    #[utoipa::path(post, path = "/items", tag = "items", request_body = NewItem, responses(
        (status = 201, description = "The item.", body = Item),
        (status = 400, description = "The body cannot be understood, or the name is empty or too long.", body = ref("#/components/schemas/Denial")),
        (status = 413, description = "The body is too large.", body = ref("#/components/schemas/Denial")),
        (status = 415, description = "The body is no JSON.", body = ref("#/components/schemas/Denial")),
    ))]
    const fn add_item() {}

    /// Data for services
    #[utoipa::path(get, path = "/external-data", tag = "service", responses(
        (status = 200, description = "Something for services.", body = ExternalData),
    ))]
    const fn external_data() {}

    /// Who calls, if anybody does
    #[utoipa::path(get, path = "/maybe", tag = "users", responses(
        (status = 200, description = "The caller, or nobody.", body = Maybe),
    ))]
    const fn maybe() {}

    /// What the token says
    #[utoipa::path(get, path = "/stateless/me", tag = "users", responses(
        (status = 200, description = "What the token says of itself.", body = TokenClaims),
    ))]
    const fn stateless_me() {}
}
