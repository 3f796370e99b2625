//! The security schemes of a document.

use std::collections::BTreeMap;

use gatewright_core::Endpoint;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Flow, HttpAuthScheme, HttpBuilder, OAuth2, Password, Scopes, SecurityScheme,
};

/// The name of the OAuth2 password flow among the document's security schemes.
pub const OAUTH2: &str = "OAuth2Password";

/// The name of the plain bearer token among the document's security schemes.
pub const BEARER: &str = "BearerToken";

/// The name of the API key among the document's security schemes.
pub const API_KEY: &str = "ApiKey";

/// The three schemes by name. The endpoints are mounted at `prefix`.
pub(crate) fn schemes(
    prefix: &str,
    scopes: &BTreeMap<String, String>,
) -> [(&'static str, SecurityScheme); 3] {
    let url = |endpoint: Endpoint| format!("{prefix}{}", endpoint.path());
    let flow = Password::with_refresh_url(
        url(Endpoint::Login),
        Scopes::from_iter(scopes.iter()),
        url(Endpoint::Refresh),
    );
    let oauth2 = OAuth2::with_description(
        [Flow::Password(flow)],
        "Log in with an email address and a password. Of the requested scopes, those that the user may \
         have are granted.",
    );
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("An access token."))
        .build();
    let key = ApiKeyValue::with_description("X-API-Key", "The API key of a service.");
    [
        (OAUTH2, SecurityScheme::OAuth2(oauth2)),
        (BEARER, SecurityScheme::Http(bearer)),
        (API_KEY, SecurityScheme::ApiKey(ApiKey::Header(key))),
    ]
}
