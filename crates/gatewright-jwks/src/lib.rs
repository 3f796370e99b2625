//! The keys of other issuers, for resource servers that believe their tokens: a JWK set (RFC 7517) fetched over HTTPS,
//! kept fresh in the background, and never waited for by a request.
//!
//! ```text
//! request ─► RemoteIssuer::verify ─► Jwt over a KeyRing ─► verdict, from the keys at hand
//!                  │ unknown kid, or the set is due           ▲
//!                  ▼                                          │ reload, if the answer is good
//!            one thread ─► HTTPS, at most once a cool-down ───┘
//! ```
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use gatewright_jwks::RemoteIssuer;
//! use gatewright_jwt::Issuers;
//!
//! let issuer = "https://issuer.example";
//! let theirs = RemoteIssuer::builder(issuer, "my-api", "https://issuer.example/.well-known/jwks.json").build()?;
//! assert!(theirs.wait_until_ready(Duration::from_secs(10)));
//! let verifier = Issuers::new().with(theirs)?; // and others, each with its own keys and audience
//! # let _: &dyn gatewright_core::TokenVerifier = &verifier;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What is promised:
//! - A request never waits for the network. A token under a key that is not known yet is refused, and the set is fetched:
//!   issuers publish a key before they use it.
//! - However many unknown ids arrive, there is at most one fetch in a cool-down. A token without an id causes none, unless
//!   tokens without one are accepted (`without_kid`): then a signature that does not hold may be one of a newer key.
//! - An answer that fails, is no set, or has no key that can be used (an empty set too) changes nothing. In a good answer, a
//!   key that cannot be used does not lose the others, and a known key of its id stays; a key whose id is missing is removed.
//! - The set is fetched again when its `Cache-Control: max-age` is over, but not before [`MIN_REFRESH`] and not after
//!   [`MAX_REFRESH`]. A fetch that failed is tried again after a cool-down.
//! - A key is believed for a day ([`DEFAULT_MAX_STALE`], [`with_max_stale`](RemoteIssuerBuilder::with_max_stale)) after the
//!   last good answer that had it in a form that can be used. Then its tokens are refused, and an error is logged. An issuer that
//!   cannot be reached does not lose its tokens at once, and a key that it withdrew is not believed for ever.
//! - Nothing but HTTPS, and no redirect, unless asked for behind `.dangerous()`. Secrets (`oct`) in a set are refused.

mod cache_control;
mod fetch;
mod schedule;
mod keys;
mod remote;
mod builder;

pub use builder::{DangerousRemoteIssuerBuilder, MAX_COOL_DOWN, MAX_TIMEOUT, RemoteIssuerBuilder};
pub use fetch::FetchFailure;
pub use keys::{DEFAULT_MAX_STALE, MAX_STALE, MIN_STALE};
pub use remote::RemoteIssuer;
pub use schedule::{DEFAULT_REFRESH, MAX_REFRESH, MIN_REFRESH};
