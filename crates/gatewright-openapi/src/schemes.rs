//! The security schemes, as components.

use std::collections::BTreeMap;

use gatewright_core::Operation;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Flow, HttpAuthScheme, HttpBuilder, OAuth2, Password, Scopes, SecurityScheme,
};

/// The name of the OAuth2 password flow among the document's security schemes.
pub const OAUTH2: &str = "OAuth2Password";

/// The name of the plain bearer token among the document's security schemes.
pub const BEARER: &str = "BearerToken";

/// The name of the API key among the document's security schemes.
pub const API_KEY: &str = "ApiKey";

/// The three schemes by name. `prefix` is where the endpoints are mounted.
pub(crate) fn schemes(
    prefix: &str,
    scopes: &BTreeMap<String, String>,
) -> [(&'static str, SecurityScheme); 3] {
    let url = |operation: Operation| format!("{prefix}{}", operation.path());
    let flow = Password::with_refresh_url(
        url(Operation::Login),
        Scopes::from_iter(scopes.iter()),
        url(Operation::Refresh),
    );
    let oauth2 = OAuth2::with_description(
        [Flow::Password(flow)],
        "Log in with an email address and a password; the scopes asked for are granted as far as the user may have them.",
    );
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("An access token that was issued before."))
        .build();
    let key = ApiKeyValue::with_description("X-API-Key", "The key of a service.");
    [
        (OAUTH2, SecurityScheme::OAuth2(oauth2)),
        (BEARER, SecurityScheme::Http(bearer)),
        (API_KEY, SecurityScheme::ApiKey(ApiKey::Header(key))),
    ]
}
