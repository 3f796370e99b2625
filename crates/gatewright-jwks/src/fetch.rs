//! Fetches a JWK set over HTTPS, with limits on time and size.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use gatewright_core::BuildError;
use gatewright_jwt::{JwkSet, MAX_JWKS_BYTES};
use ureq::Agent;
use ureq::http::{Response, Uri, header};
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};
use ureq::{Body, Error};

use crate::cache_control;

const MAX_HEADER_BYTES: usize = 16 * 1024;
const MAX_REDIRECTS: u32 = 3;

/// Why a fetch failed. A failed fetch does not change the keys; it is repeated after a cool-down.
///
/// [`RemoteIssuer::last_failure`](crate::RemoteIssuer::last_failure) returns the latest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FetchFailure {
    /// The connection failed, the certificate is not trusted, or the response did not arrive in
    /// time.
    Unreachable,
    /// The response status is not 200.
    Status,
    /// The response is a redirect.
    Redirect,
    /// The response is larger than [`MAX_JWKS_BYTES`], or its headers than 16 KiB.
    Large,
    /// The response body is not a JWK set.
    Malformed,
    /// The set has no usable key. It may be empty.
    NoKeys,
}

impl fmt::Display for FetchFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "the server is unreachable or did not respond in time",
            Self::Status => "the response status is not 200",
            Self::Redirect => "the response is a redirect",
            Self::Large => "the response is too large",
            Self::Malformed => "the response is not a JWK set",
            Self::NoKeys => "the JWK set has no usable key",
        })
    }
}

impl std::error::Error for FetchFailure {}

pub(crate) struct ConnectionSettings {
    pub(crate) timeout: Duration,
    pub(crate) roots: RootCerts,
    pub(crate) http: bool,
    pub(crate) redirects: bool,
}

/// The URL of a set, and the HTTP client that fetches it.
pub(crate) struct Fetcher {
    agent: Agent,
    url: Uri,
}

/// The result of a successful fetch.
pub(crate) struct FetchedSet {
    pub(crate) set: JwkSet,
    /// How long the set is fresh, if the response says so.
    pub(crate) lifetime: Option<Duration>,
}

impl Fetcher {
    pub(crate) fn new(url: &str, settings: ConnectionSettings) -> Result<Self, BuildError> {
        let invalid = |problem| Err(BuildError::new("jwks_url", problem));
        let Ok(url) = url.parse::<Uri>() else { return invalid("is not a valid URL") };
        let allowed = match url.scheme_str() {
            Some("https") => true,
            Some("http") => settings.http,
            _ => false,
        };
        if !allowed {
            let scheme = url.scheme_str().unwrap_or("a path");
            return Err(BuildError::new("jwks_url", "must begin with https://").with_found(scheme));
        }
        if url.host().is_none_or(str::is_empty) {
            return invalid("has no host");
        }
        Ok(Self { agent: agent(settings), url })
    }

    pub(crate) fn fetch(&self) -> Result<FetchedSet, FetchFailure> {
        let mut response = self.agent.get(&self.url).call().map_err(failure)?;
        match response.status().as_u16() {
            200 => {}
            300..=399 => return Err(FetchFailure::Redirect),
            _ => return Err(FetchFailure::Status),
        }
        let lifetime = lifetime(&response);
        let limit = u64::try_from(MAX_JWKS_BYTES).unwrap_or(u64::MAX);
        let body = response.body_mut().with_config().limit(limit).read_to_vec().map_err(failure)?;
        let text = String::from_utf8(body).map_err(|_| FetchFailure::Malformed)?;
        let set = JwkSet::parse(&text).map_err(|_| FetchFailure::Malformed)?;
        if set.keys().is_empty() { Err(FetchFailure::NoKeys) } else { Ok(FetchedSet { set, lifetime }) }
    }
}

fn agent(settings: ConnectionSettings) -> Agent {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(provider)
        .root_certs(settings.roots)
        .build();
    let config = Agent::config_builder()
        .https_only(!settings.http)
        .http_status_as_error(false)
        .max_redirects(if settings.redirects { MAX_REDIRECTS } else { 0 })
        .max_response_header_size(MAX_HEADER_BYTES)
        .timeout_global(Some(settings.timeout))
        .max_idle_connections(0)
        .tls_config(tls);
    config.build().new_agent()
}

fn lifetime(response: &Response<Body>) -> Option<Duration> {
    let values = response.headers().get_all(header::CACHE_CONTROL).iter();
    cache_control::lifetime(values.filter_map(|value| value.to_str().ok()))
}

fn failure(error: Error) -> FetchFailure {
    match error {
        Error::BodyExceedsLimit(_) | Error::LargeResponseHeader(..) => FetchFailure::Large,
        Error::TooManyRedirects | Error::RedirectFailed | Error::RequireHttpsOnly(_) => {
            FetchFailure::Redirect
        }
        _ => FetchFailure::Unreachable,
    }
}
