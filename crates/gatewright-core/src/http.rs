//! What crosses the wire: requests and credentials in, denials and replies out.

mod request;
mod reply;
mod credential;
mod body;
mod proxies;
mod denial;
mod render;

pub use body::{BodyCollector, MAX_BODY_BYTES, MAX_DISCARDED_BYTES};
pub use credential::{API_KEY_HEADER, BearerToken};
pub use denial::{Denial, RETRY_AFTER};
pub use proxies::{
    InvalidProxies, MAX_FORWARDED_BYTES, MAX_FORWARDED_HOPS, MAX_TRUSTED_PROXIES, TrustedProxies,
};
pub use render::{DetailRenderer, ProblemRenderer, Rendered, Renderer, TokenEndpoint};
pub use reply::Reply;
pub use request::{Headers, RequestRoute, RequestView};

pub(crate) use body::{FORM, Fields, JSON, MediaType};
pub(crate) use credential::{PresentedApiKey, read_api_key};
pub(crate) use render::{DenialResponder, is_realm};
