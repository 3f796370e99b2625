//! The keys of other issuers, for resource servers that accept their tokens. A JWK set (RFC 7517) is fetched over HTTPS and
//! refreshed in the background. Requests never wait for it.
//!
//! ```text
//! request ─► RemoteIssuer::verify ─► Jwt over a KeyRing ─► verdict, from the present keys
//!                  │ unknown kid, or the set is due           ▲
//!                  ▼                                          │ new keys, if it succeeds
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
//! - A request never waits for the network. A token with an unknown key id is refused and causes a fetch. Issuers publish a key
//!   before they use it.
//! - There is at most one fetch within a cool-down, however many unknown ids arrive. A token without an id causes none. Only if
//!   tokens without one are accepted (`without_kid`), one that the present key does not verify causes a fetch, since the issuer
//!   may have a new key.
//! - A fetch fails if there is no answer, the answer is no JWK set, or the set has no usable key (an empty set, too). It then
//!   changes nothing, and is repeated after a cool-down.
//! - A successful fetch replaces the keys. Unusable keys in the set are skipped; a previous key with the same id stays. Keys
//!   whose id is not in the set are removed.
//! - The set is fetched again when its `Cache-Control: max-age` is over, but not before [`MIN_REFRESH`] and not after
//!   [`MAX_REFRESH`].
//! - A key is used for at most a day ([`DEFAULT_MAX_STALE`]; [`with_max_stale`](RemoteIssuerBuilder::with_max_stale)) after the
//!   last successful fetch that contained it in usable form. Then its tokens are refused, and an error is logged. So a short
//!   outage of the issuer refuses no tokens, and a withdrawn key is not accepted without limit. An issuer that withdraws its
//!   only key should publish another one: that takes effect with the next fetch, an empty set only after this time.
//! - Only HTTPS, and no redirects, unless allowed behind `.dangerous()`. Secrets (`oct`) in a set are refused.

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
