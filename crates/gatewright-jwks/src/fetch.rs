//! Fetches a JWK set over HTTPS, and the metadata that name it, with limits on time and size.

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gatewright_core::BuildError;
use gatewright_jwt::{JwkSet, MAX_JWKS_BYTES};
use ureq::Agent;
use ureq::http::{Response, Uri, header};
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};
use ureq::unversioned::resolver::{DefaultResolver, Resolver};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Body, Error};

use crate::addresses::{AddressFilter, PrivateAddress};
use crate::cache_control;
use crate::discovery::{DiscoveredIssuer, DiscoveryFailure};

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
    /// The metadata that name the set cannot be used.
    Discovery(DiscoveryFailure),
    /// The metadata of a public issuer name a host with a private address.
    PrivateAddress,
}

impl fmt::Display for FetchFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problem = match self {
            Self::Discovery(failure) => return failure.fmt(f),
            Self::PrivateAddress => "the issuer is public, and the host of its JWK set has a private address",
            Self::Unreachable => "the server is unreachable or did not respond in time",
            Self::Status => "the response status is not 200",
            Self::Redirect => "the response is a redirect",
            Self::Large => "the response is too large",
            Self::Malformed => "the response is not a JWK set",
            Self::NoKeys => "the JWK set has no usable key",
        };
        f.write_str(problem)
    }
}

impl std::error::Error for FetchFailure {}

#[derive(Clone)]
pub(crate) struct ConnectionSettings {
    pub(crate) timeout: Duration,
    pub(crate) roots: RootCerts,
    pub(crate) http: bool,
    pub(crate) redirects: bool,
}

/// Fetches the set of an issuer.
pub(crate) struct Fetcher {
    settings: ConnectionSettings,
    source: Source,
}

/// Where the set is.
enum Source {
    Url(KeySetAddress),
    Discovered {
        issuer: DiscoveredIssuer,
        /// What the metadata said, until a fetch of the set fails.
        found: Mutex<Option<Arc<KeySetAddress>>>,
    },
}

/// The URL of a set, and the HTTP client that fetches it.
struct KeySetAddress {
    url: Uri,
    agent: Agent,
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
        let address = KeySetAddress { url, agent: settings.agent(DefaultResolver::default()) };
        Ok(Self { settings, source: Source::Url(address) })
    }

    /// Asks the metadata of the issuer for the URL of the set.
    pub(crate) fn discovering(issuer: &str, settings: ConnectionSettings) -> Result<Self, BuildError> {
        let issuer = DiscoveredIssuer::new(issuer, settings.http)?;
        Ok(Self { settings, source: Source::Discovered { issuer, found: Mutex::default() } })
    }

    /// Reads the metadata of the issuer, unless the URL of the set is known.
    pub(crate) fn discover(&self) -> Result<(), DiscoveryFailure> {
        match &self.source {
            Source::Url(_) => Ok(()),
            Source::Discovered { issuer, found } => self.address(issuer, found).map(drop),
        }
    }

    pub(crate) fn fetch(&self) -> Result<FetchedSet, FetchFailure> {
        let (issuer, found) = match &self.source {
            Source::Url(address) => return address.fetch(),
            Source::Discovered { issuer, found } => (issuer, found),
        };
        let address = self.address(issuer, found).map_err(FetchFailure::Discovery)?;
        let fetched = address.fetch();
        if fetched.is_err() {
            *lock(found) = None;
        }
        fetched
    }

    fn address(
        &self,
        issuer: &DiscoveredIssuer,
        found: &Mutex<Option<Arc<KeySetAddress>>>,
    ) -> Result<Arc<KeySetAddress>, DiscoveryFailure> {
        if let Some(address) = &*lock(found) {
            return Ok(Arc::clone(address));
        }
        let address = Arc::new(self.read_metadata(issuer)?);
        *lock(found) = Some(Arc::clone(&address));
        Ok(address)
    }

    fn read_metadata(&self, issuer: &DiscoveredIssuer) -> Result<KeySetAddress, DiscoveryFailure> {
        let (resolver, met_private) = AddressFilter::observing();
        let agent = ConnectionSettings { redirects: false, ..self.settings.clone() }.agent(resolver);
        let [openid, oauth] = &issuer.urls;
        let document = match get(&agent, openid) {
            Err(Refused::Status(400..=499)) => get(&agent, oauth),
            other => other,
        };
        let (_, document) = document.map_err(Refused::of_metadata)?;
        let private = issuer.is_private() || met_private.load(Ordering::Acquire);
        let url = issuer.read(&document, private)?;
        let agent = if private {
            self.settings.agent(DefaultResolver::default())
        } else {
            self.settings.agent(AddressFilter::public_only())
        };
        Ok(KeySetAddress { url, agent })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl KeySetAddress {
    fn fetch(&self) -> Result<FetchedSet, FetchFailure> {
        let (response, text) = get(&self.agent, &self.url).map_err(Refused::of_set)?;
        let set = JwkSet::parse(&text).map_err(|_| FetchFailure::Malformed)?;
        let lifetime = lifetime(&response);
        if set.keys().is_empty() { Err(FetchFailure::NoKeys) } else { Ok(FetchedSet { set, lifetime }) }
    }
}

/// Why there is no text of a response.
enum Refused {
    Status(u16),
    Error(Error),
    /// The text is not UTF-8.
    Encoding,
}

/// Fetches a text of at most [`MAX_JWKS_BYTES`]. The status must be 200.
fn get(agent: &Agent, url: &Uri) -> Result<(Response<Body>, String), Refused> {
    let mut response = agent.get(url).call().map_err(Refused::Error)?;
    match response.status().as_u16() {
        200 => {}
        status => return Err(Refused::Status(status)),
    }
    let limit = u64::try_from(MAX_JWKS_BYTES).unwrap_or(u64::MAX);
    let body = response.body_mut().with_config().limit(limit).read_to_vec().map_err(Refused::Error)?;
    let text = String::from_utf8(body).map_err(|_| Refused::Encoding)?;
    Ok((response, text))
}

impl Refused {
    fn of_set(self) -> FetchFailure {
        match self {
            Self::Status(300..=399) => FetchFailure::Redirect,
            Self::Status(_) => FetchFailure::Status,
            Self::Encoding => FetchFailure::Malformed,
            Self::Error(Error::BodyExceedsLimit(_) | Error::LargeResponseHeader(..)) => FetchFailure::Large,
            Self::Error(Error::TooManyRedirects | Error::RedirectFailed | Error::RequireHttpsOnly(_)) => {
                FetchFailure::Redirect
            }
            Self::Error(Error::Other(cause)) if cause.is::<PrivateAddress>() => FetchFailure::PrivateAddress,
            Self::Error(_) => FetchFailure::Unreachable,
        }
    }

    fn of_metadata(self) -> DiscoveryFailure {
        match self.of_set() {
            FetchFailure::Status => DiscoveryFailure::Status,
            FetchFailure::Redirect => DiscoveryFailure::Redirect,
            FetchFailure::Large => DiscoveryFailure::Large,
            FetchFailure::Malformed => DiscoveryFailure::Malformed,
            _ => DiscoveryFailure::Unreachable,
        }
    }
}

impl ConnectionSettings {
    fn agent(&self, resolver: impl Resolver) -> Agent {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(provider)
            .root_certs(self.roots.clone())
            .build();
        let config = Agent::config_builder()
            .https_only(!self.http)
            .http_status_as_error(false)
            .max_redirects(if self.redirects { MAX_REDIRECTS } else { 0 })
            .max_response_header_size(MAX_HEADER_BYTES)
            .timeout_global(Some(self.timeout))
            .max_idle_connections(0)
            .tls_config(tls);
        Agent::with_parts(config.build(), DefaultConnector::new(), resolver)
    }
}

fn lifetime(response: &Response<Body>) -> Option<Duration> {
    let values = response.headers().get_all(header::CACHE_CONTROL).iter();
    cache_control::lifetime(values.filter_map(|value| value.to_str().ok()))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    fn settings() -> ConnectionSettings {
        let (timeout, roots) = (Duration::from_secs(10), RootCerts::PlatformVerifier);
        ConnectionSettings { timeout, roots, http: true, redirects: false }
    }

    /// The name `localhost` is not an address, so only its resolution shows that it is private.
    #[test]
    fn the_key_set_of_a_public_issuer_is_not_fetched_from_a_private_address() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url: Uri =
            format!("http://localhost:{}/jwks", listener.local_addr().unwrap().port()).parse().unwrap();
        let refused =
            KeySetAddress { url: url.clone(), agent: settings().agent(AddressFilter::public_only()) };
        assert_eq!(refused.fetch().map(drop), Err(FetchFailure::PrivateAddress));
        let answer = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 404 x\r\ncontent-length: 0\r\n\r\n");
        });
        let (resolver, met_private) = AddressFilter::observing();
        let allowed = KeySetAddress { url, agent: settings().agent(resolver) };
        assert_eq!(allowed.fetch().map(drop), Err(FetchFailure::Status));
        assert!(met_private.load(Ordering::Acquire));
        answer.join().unwrap();
    }
}
