//! OpenAPI documents for Gatewright. A utoipa document gets its access control from the types that
//! guard the handlers at run time, so that document and guards cannot differ.
//!
//! The modules, each using only those above it:
//!
//! ```text
//! error.rs        DocumentError, OperationKey
//! requirement.rs  a requirement in words, as JSON, and as sets of scopes
//! denials.rs      error responses and their schema
//! schemes.rs      the three security schemes
//! guards.rs       the guards of one operation: `security`, `x-requires`, error responses
//! schemas.rs      bodies of the ready-made endpoints
//! endpoints.rs    the ready-made endpoints as operations
//! build.rs        checks the declarations and writes them into the document
//! handler.rs      GuardedHandler: the guard of a handler, read from its first argument
//! document.rs     Document: collects the declarations
//! swagger.rs      SwaggerUi: the page (feature `swagger-ui`)
//! ```
//!
//! | guard | in the document |
//! |---|---|
//! | an access token | `security`: the OAuth2 password flow, or a plain bearer token |
//! | scopes | scopes of the OAuth2 scheme: one alternative per sufficient set, none beside a role |
//! | roles and combinations | `x-requires`, exactly as enforced; the description of the 403 |
//! | `MaybeUser` | `{}` as an additional alternative |
//! | an API key | the header `X-API-Key` |

#![cfg_attr(docsrs, feature(doc_cfg))]

mod error;
mod requirement;
mod denials;
mod schemes;
mod guards;
mod schemas;
mod endpoints;
mod build;
mod handler;
mod document;
#[cfg(feature = "swagger-ui")]
mod swagger;

pub use document::{Document, document_reply};
pub use error::{DocumentError, OperationKey};
pub use handler::GuardedHandler;
pub use schemes::{API_KEY, BEARER, OAUTH2};
#[cfg(feature = "swagger-ui")]
pub use swagger::SwaggerUi;
