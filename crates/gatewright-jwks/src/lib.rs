//! The keys of other issuers, for resource servers that accept their tokens. A background thread
//! fetches a JWK set (RFC 7517) over HTTPS and keeps it fresh. Requests never wait for it.
//!
//! ```text
//! request ─► RemoteIssuer::verify ─► Jwt over a KeyRing ─► verdict, from the current keys
//!                  │ unknown kid, or the set is due           ▲
//!                  ▼                                          │ new keys, if it succeeds
//!            one thread ─► HTTPS, at most once a cool-down ───┘
//! ```
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use gatewright::token::{Issuers, RemoteIssuer};
//!
//! let theirs = RemoteIssuer::builder("https://issuer.example/.well-known/jwks.json")
//!     .issuer("https://issuer.example")
//!     .audience("my-api")
//!     .build()?;
//! assert!(theirs.wait_until_ready(Duration::from_secs(10)));
//! let verifier = Issuers::new().with(theirs)?; // and others, each with its own keys and audience
//! # let _: &dyn gatewright::token::TokenVerifier = &verifier;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Guarantees
//! - **No request waits for the network.** A token with an unknown key id is rejected and triggers
//!   a fetch. Issuers publish a key before they sign with it.
//! - **At most one fetch per cool-down** (one request, or up to three with discovery), however many unknown key ids arrive. A token without a
//!   key id triggers no fetch. The exception is an issuer whose tokens have no key id
//!   (`without_kid`): there a token that the present key does not verify triggers one, because the
//!   issuer may have a new key.
//! - **A failed fetch changes nothing** and is repeated after a cool-down. A fetch fails if there
//!   is no response with status 200 and a JWK set, or if the set has no usable key. An empty set
//!   therefore counts as a failure.
//! - **A successful fetch replaces the keys.** Keys whose id is not in the new set are removed.
//!   Unusable keys in the set are skipped; a previous key with the same id stays.
//! - **Refresh.** The set is fetched again after its `Cache-Control: max-age`, but not before
//!   [`MIN_REFRESH`] and not after [`MAX_REFRESH`].
//! - **Keys become stale.** A key is used for at most a day ([`DEFAULT_MAX_STALE`], see
//!   [`with_max_stale`](RemoteIssuerBuilder::with_max_stale)) after the last successful fetch that
//!   contained it in usable form. Then its tokens are rejected, and an error is logged. So a short
//!   outage of the issuer rejects no tokens, and a withdrawn key does not stay valid without limit.
//!   An issuer that withdraws its only key should publish another one: a new key takes effect with
//!   the next fetch, an empty set only after this time.
//! - **Discovery.** [`RemoteIssuer::discover`] asks the metadata of the issuer for the URL of its set: OpenID
//!   Connect Discovery 1.0, or RFC 8414. Their `issuer` must be equal. The set must have an HTTPS URL without
//!   user information, and no private address unless all addresses of the issuer are private. Redirects are not
//!   followed, and no proxy is used. The metadata are read at the start and before each fetch. Metadata that cannot
//!   be used are a failed fetch.
//! - **Transport.** Only HTTPS, and no redirects, unless allowed with `.dangerous()`. Secrets
//!   (`oct`) in a set are rejected.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod cache_control;
mod addresses;
mod discovery;
mod fetch;
mod schedule;
mod keys;
mod refresher;
mod remote;
mod builder;

pub use builder::{DangerousRemoteIssuerBuilder, MAX_COOL_DOWN, MAX_TIMEOUT, RemoteIssuerBuilder};
pub use discovery::DiscoveryFailure;
pub use fetch::FetchFailure;
pub use keys::{DEFAULT_MAX_STALE, MAX_STALE, MIN_STALE};
pub use remote::RemoteIssuer;
pub use schedule::{DEFAULT_REFRESH, MAX_REFRESH, MIN_REFRESH};
