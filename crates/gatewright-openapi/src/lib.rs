//! Gatewright for OpenAPI: a utoipa document learns who may call its operations from the types that guard them.
//!
//! ```text
//! document.rs   Document: what is said about operations
//! handler.rs    GuardedHandler: the guard of a handler, read from its first argument
//! finish.rs     from what was said to a document, or to an error that names what does not fit
//!   endpoints.rs, bodies.rs   login, refresh, …: the ready-made endpoints
//!   guarded.rs, need.rs       guards as `security`, `x-requires` and refusals
//!   denials.rs, schemes.rs    the refusals, the security schemes
//! swagger.rs    SwaggerUi: the page (feature `swagger-ui`)
//! ```
//!
//! | a guard | in the document |
//! |---|---|
//! | a token | `security`: the OAuth2 password flow, or a plain bearer token |
//! | scopes | those of the OAuth2 scheme: one alternative per choice, none where a role is enough |
//! | roles, and every combination | `x-requires`, to the letter, and the description of the 403 |
//! | `MaybeUser` | `{}` as another alternative |
//! | an API key | the header `X-API-Key` |

mod document;
mod handler;
mod error;
mod finish;
mod endpoints;
mod bodies;
mod guarded;
mod need;
mod denials;
mod schemes;
#[cfg(feature = "swagger-ui")]
mod swagger;

use gatewright_core::Reply;
use utoipa::openapi::OpenApi;

pub use document::Document;
pub use error::DocumentError;
pub use handler::GuardedHandler;
pub use schemes::{API_KEY, BEARER, OAUTH2};
#[cfg(feature = "swagger-ui")]
pub use swagger::SwaggerUi;

/// The document as an answer, for `/openapi.json`.
#[must_use]
pub fn document_reply(document: &OpenApi) -> Reply {
    Reply::json(200, document)
}
