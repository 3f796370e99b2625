//! Fetches a JWK set over HTTPS, and the metadata that name it, with limits on time and size.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gatewright_core::BuildError;
use gatewright_jwt::{JwkSet, MAX_JWKS_BYTES};
use ureq::Agent;
use ureq::config::ConfigBuilder;
use ureq::http::{Response, Uri, header};
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};
use ureq::typestate::AgentScope;
use ureq::unversioned::resolver::{DefaultResolver, Resolver};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Body, Error};

use crate::addresses::{AddressFilter, Classify, PrivateAddress};
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
    /// Which addresses are private.
    pub(crate) classify: Classify,
}

/// Fetches the set of an issuer.
pub(crate) struct Fetcher {
    settings: ConnectionSettings,
    source: Source,
}

/// Where the set is.
enum Source {
    Url(KeySetAddress),
    Discovered(Box<Discovery>),
}

/// An issuer whose metadata name the set.
struct Discovery {
    issuer: DiscoveredIssuer,
    /// What the metadata said at the start, until the first fetch.
    found: Mutex<Option<KeySetAddress>>,
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
        let address = KeySetAddress { url, agent: settings.agent_with_proxy() };
        Ok(Self { settings, source: Source::Url(address) })
    }

    /// Asks the metadata of the issuer for the URL of the set.
    pub(crate) fn discovering(issuer: &str, settings: ConnectionSettings) -> Result<Self, BuildError> {
        let issuer = DiscoveredIssuer::new(issuer, settings.http)?;
        Ok(Self {
            settings,
            source: Source::Discovered(Box::new(Discovery { issuer, found: Mutex::default() })),
        })
    }

    /// Reads the metadata of the issuer. The next fetch uses what they say.
    pub(crate) fn discover(&self) -> Result<(), DiscoveryFailure> {
        if let Source::Discovered(discovery) = &self.source {
            let address = self.read_metadata(&discovery.issuer)?;
            *lock(&discovery.found) = Some(address);
        }
        Ok(())
    }

    /// Fetches the set. The metadata are read before each fetch, so that the verifier follows an issuer that moves
    /// its set.
    pub(crate) fn fetch(&self) -> Result<FetchedSet, FetchFailure> {
        match &self.source {
            Source::Url(address) => address.fetch(),
            Source::Discovered(discovery) => {
                let found = lock(&discovery.found).take();
                let address = found.map_or_else(|| self.read_metadata(&discovery.issuer), Ok);
                address.map_err(FetchFailure::Discovery)?.fetch()
            }
        }
    }

    fn read_metadata(&self, issuer: &DiscoveredIssuer) -> Result<KeySetAddress, DiscoveryFailure> {
        let (resolver, observed) = AddressFilter::observing(self.settings.classify);
        let agent = ConnectionSettings { redirects: false, ..self.settings.clone() }.agent(resolver);
        let [openid, oauth] = &issuer.urls;
        let document = match get(&agent, openid) {
            Err(Refused::Status(404 | 410)) => get(&agent, oauth),
            other => other,
        };
        let (_, document) = document.map_err(Refused::of_metadata)?;
        let private = observed.is_private();
        let url = issuer.read(&document, private, self.settings.classify)?;
        let agent = if private {
            self.settings.agent(AddressFilter::observing(self.settings.classify).0)
        } else {
            self.settings.agent(AddressFilter::public_only(self.settings.classify))
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
    /// For the URL that the application names. Uses the proxy of the environment.
    fn agent_with_proxy(&self) -> Agent {
        Agent::with_parts(self.config().build(), DefaultConnector::new(), DefaultResolver::default())
    }

    /// For the URLs of a discovery. A proxy would resolve names itself, out of sight of the resolver.
    fn agent(&self, resolver: impl Resolver) -> Agent {
        Agent::with_parts(self.config().proxy(None).build(), DefaultConnector::new(), resolver)
    }

    fn config(&self) -> ConfigBuilder<AgentScope> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(provider)
            .root_certs(self.roots.clone())
            .build();
        Agent::config_builder()
            .https_only(!self.http)
            .http_status_as_error(false)
            .max_redirects(if self.redirects { MAX_REDIRECTS } else { 0 })
            .max_response_header_size(MAX_HEADER_BYTES)
            .timeout_global(Some(self.timeout))
            .max_idle_connections(0)
            .tls_config(tls)
    }
}

fn lifetime(response: &Response<Body>) -> Option<Duration> {
    let values = response.headers().get_all(header::CACHE_CONTROL).iter();
    cache_control::lifetime(values.filter_map(|value| value.to_str().ok()))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{IpAddr, Ipv4Addr, TcpListener};
    use std::thread;

    use super::*;

    /// In these tests 127.0.0.1 is public. All other addresses are private.
    fn classify(address: IpAddr) -> bool {
        address != IpAddr::V4(Ipv4Addr::LOCALHOST)
    }

    /// An issuer that answers each request with the document that names its key set at `host`, and counts requests.
    /// The fetcher can reach it at `127.0.0.1`, and at other loopback addresses.
    fn issuer(host: &str) -> (Fetcher, thread::JoinHandle<usize>) {
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let issuer = format!("http://127.0.0.1:{port}");
        let document = format!(r#"{{"issuer":"{issuer}","jwks_uri":"http://{host}:{port}/jwks"}}"#);
        let server = thread::spawn(move || {
            let mut requests = 0;
            for mut stream in listener.incoming().flatten() {
                let mut request = [0; 1024];
                let length = stream.read(&mut request).unwrap();
                if request.get(..length).unwrap().starts_with(b"STOP") {
                    break;
                }
                requests += 1;
                let head = format!(
                    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                    document.len()
                );
                stream.write_all(format!("{head}{document}").as_bytes()).unwrap();
            }
            requests
        });
        let (timeout, roots) = (Duration::from_secs(10), RootCerts::PlatformVerifier);
        let settings = ConnectionSettings { timeout, roots, http: true, redirects: true, classify };
        (Fetcher::discovering(&issuer, settings).unwrap(), server)
    }

    fn stop(fetcher: &Fetcher, server: thread::JoinHandle<usize>) -> usize {
        let Source::Discovered(discovery) = &fetcher.source else { return 0 };
        let authority = discovery.issuer.urls.first().unwrap().authority().unwrap().as_str().to_owned();
        std::net::TcpStream::connect(authority).unwrap().write_all(b"STOP").unwrap();
        server.join().unwrap()
    }

    /// `127.2` and `0x7f000002` are no addresses for a parser of URLs, and names of 127.0.0.2 for a resolver.
    #[test]
    fn a_public_issuer_cannot_lead_to_a_private_address() {
        for (host, failure, requests) in [
            ("127.0.0.2", FetchFailure::Discovery(DiscoveryFailure::PrivateAddress), 1),
            ("[::1]", FetchFailure::Discovery(DiscoveryFailure::PrivateAddress), 1),
            ("127.2", FetchFailure::PrivateAddress, 1),
            ("0x7f000002", FetchFailure::PrivateAddress, 1),
            // Public: the set is fetched, and the server answers with something else.
            ("127.0.0.1", FetchFailure::Malformed, 2),
        ] {
            let (fetcher, server) = issuer(host);
            assert_eq!(fetcher.fetch().map(drop), Err(failure), "{host}");
            assert_eq!(stop(&fetcher, server), requests, "{host}");
        }
    }

    #[test]
    fn the_first_fetch_uses_the_metadata_of_the_start_and_each_later_one_reads_them_again() {
        let (fetcher, server) = issuer("127.0.0.1");
        assert_eq!(fetcher.discover(), Ok(()));
        for _ in 0..3 {
            assert_eq!(fetcher.fetch().map(drop), Err(FetchFailure::Malformed));
        }
        assert_eq!(stop(&fetcher, server), 1 + 1 + 2 + 2);
    }
}
