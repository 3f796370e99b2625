//! One fetch over HTTPS, within bounds of time and size.

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

/// Why a fetch failed. A failed fetch does not change the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FetchFailure {
    /// No connection, a certificate that is not trusted, or no answer in time.
    Unreachable,
    /// An answer with another status than 200.
    Status,
    /// A redirect.
    Redirect,
    /// An answer that is too large.
    Large,
    /// An answer that is no JWK set.
    Malformed,
    /// A set without a usable key, such as an empty one.
    NoKeys,
}

impl fmt::Display for FetchFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "the server could not be reached or did not answer in time",
            Self::Status => "the answer has another status than 200",
            Self::Redirect => "the answer is a redirect",
            Self::Large => "the answer is too large",
            Self::Malformed => "the answer is no JWK set",
            Self::NoKeys => "the set has no key that can be used",
        })
    }
}

impl std::error::Error for FetchFailure {}

/// The settings of connections.
pub(crate) struct Connection {
    pub(crate) timeout: Duration,
    pub(crate) roots: RootCerts,
    pub(crate) http: bool,
    pub(crate) redirects: bool,
}

/// The URL of a set, with a client to fetch it.
pub(crate) struct Source {
    agent: Agent,
    url: Uri,
}

/// The answer to a successful fetch.
pub(crate) struct Answer {
    pub(crate) set: JwkSet,
    pub(crate) lifetime: Option<Duration>,
}

impl Source {
    pub(crate) fn new(url: &str, connection: Connection) -> Result<Self, BuildError> {
        let refuse = |problem| Err(BuildError::new("jwks_url", problem));
        let Ok(url) = url.parse::<Uri>() else { return refuse("is no URL") };
        let allowed = match url.scheme_str() {
            Some("https") => true,
            Some("http") => connection.http,
            _ => false,
        };
        if !allowed {
            return refuse("is not https");
        }
        if url.host().is_none_or(str::is_empty) {
            return refuse("names no host");
        }
        Ok(Self { agent: agent(connection), url })
    }

    pub(crate) fn fetch(&self) -> Result<Answer, FetchFailure> {
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
        if set.keys().is_empty() { Err(FetchFailure::NoKeys) } else { Ok(Answer { set, lifetime }) }
    }
}

fn agent(connection: Connection) -> Agent {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(provider)
        .root_certs(connection.roots)
        .build();
    let config = Agent::config_builder()
        .https_only(!connection.http)
        .http_status_as_error(false)
        .max_redirects(if connection.redirects { MAX_REDIRECTS } else { 0 })
        .max_response_header_size(MAX_HEADER_BYTES)
        .timeout_global(Some(connection.timeout))
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
