//! Building a [`RemoteIssuer`]: its settings and their limits.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use gatewright_core::{BuildError, Clock, SystemClock};
use gatewright_jwt::{IssuerVerifier, Jwt, JwtBuilder, KeyRing, TokenProfile};
use ureq::tls::{Certificate, RootCerts};

use crate::addresses::is_private;
use crate::fetch::{ConnectionSettings, Fetcher};
use crate::keys::{DEFAULT_MAX_STALE, Keys, MAX_STALE, MIN_STALE};
use crate::refresher::{Refresher, Shared};
use crate::remote::RemoteIssuer;
use crate::schedule::{MIN_REFRESH, Schedule};

/// The maximum of [`with_timeout`](RemoteIssuerBuilder::with_timeout): one minute.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(60);
/// The maximum of [`with_cool_down`](RemoteIssuerBuilder::with_cool_down): one minute, as
/// [`MIN_REFRESH`].
pub const MAX_COOL_DOWN: Duration = MIN_REFRESH;

const MIN_TIMEOUT: Duration = Duration::from_nanos(1);
const MIN_COOL_DOWN: Duration = Duration::from_secs(1);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_COOL_DOWN: Duration = Duration::from_secs(30);

/// Builder for [`RemoteIssuer`], from [`RemoteIssuer::builder`]. [`issuer`](Self::issuer) and
/// [`audience`](Self::audience) are required. Every other setting has a default; the methods name it.
/// [`build`](Self::build) checks all settings.
#[must_use]
pub struct RemoteIssuerBuilder {
    source: Source,
    jwt: JwtBuilder,
    ring: KeyRing,
    clock: Arc<dyn Clock>,
    timeout: Duration,
    cool_down: Duration,
    max_stale: Duration,
    root: Option<String>,
    http: bool,
    redirects: bool,
}

/// Where the URL of the set is from.
enum Source {
    Url(String),
    /// The metadata of this issuer.
    Issuer {
        issuer: String,
        in_background: bool,
    },
}

impl fmt::Debug for RemoteIssuerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteIssuerBuilder").field("jwt", &self.jwt).finish_non_exhaustive()
    }
}

impl RemoteIssuer {
    /// Starts with the URL of the issuer's JWK set.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use gatewright::token::RemoteIssuer;
    ///
    /// let issuer = RemoteIssuer::builder("https://issuer.example/jwks.json")
    ///     .issuer("https://issuer.example")
    ///     .audience("my-api")
    ///     .with_max_stale(Duration::from_secs(6 * 60 * 60))
    ///     .build()?;
    /// # Ok::<(), gatewright::auth::BuildError>(())
    /// ```
    pub fn builder(jwks_url: impl Into<String>) -> RemoteIssuerBuilder {
        RemoteIssuerBuilder::new(Source::Url(jwks_url.into()))
    }

    /// Starts with the issuer: its metadata name the URL of its JWK set (OpenID Connect Discovery 1.0, or RFC
    /// 8414). Sets [`issuer`](RemoteIssuerBuilder::issuer).
    ///
    /// [`build`](RemoteIssuerBuilder::build) fetches the metadata and fails if they cannot be used, unless
    /// [`with_background_discovery`](RemoteIssuerBuilder::with_background_discovery) leaves that to the thread.
    /// Their `issuer` must be equal, and their `jwks_uri` an HTTPS URL without user information. It must not
    /// lead to a private address, unless all addresses of the issuer are private. No redirect of the metadata is
    /// followed, and no proxy of the environment is used: a proxy resolves names itself. The metadata are read again
    /// before each fetch of the set, so the verifier follows an issuer that moves it.
    ///
    /// ```no_run
    /// use gatewright::token::{RemoteIssuer, TokenProfile};
    ///
    /// let issuer = RemoteIssuer::discover("https://idp.example/realms/shop")
    ///     .with_profile(TokenProfile::keycloak("my-api"))
    ///     .build()?;
    /// # Ok::<(), gatewright::auth::BuildError>(())
    /// ```
    #[doc(alias("openid-configuration", "well-known"))]
    pub fn discover(issuer: impl Into<String>) -> RemoteIssuerBuilder {
        let issuer = issuer.into();
        let source = Source::Issuer { issuer: issuer.clone(), in_background: false };
        RemoteIssuerBuilder::new(source).issuer(issuer)
    }
}

impl RemoteIssuerBuilder {
    fn new(source: Source) -> Self {
        let ring = KeyRing::default();
        Self {
            source,
            jwt: Jwt::builder(ring.clone()).of_another_issuer(),
            ring,
            clock: Arc::new(SystemClock),
            timeout: DEFAULT_TIMEOUT,
            cool_down: DEFAULT_COOL_DOWN,
            max_stale: DEFAULT_MAX_STALE,
            root: None,
            http: false,
            redirects: false,
        }
    }

    /// The expected issuer of tokens: their `iss`. Required.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.jwt = self.jwt.issuer(issuer);
        self
    }

    /// The expected audience of tokens: it must be in their `aud`. Required.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.jwt = self.jwt.audience(audience);
        self
    }

    /// What the issuer's access tokens look like. Default: as RFC 9068 says. If the profile has an issuer or
    /// audiences, the builder needs none.
    ///
    /// ```no_run
    /// use gatewright::token::{RemoteIssuer, TokenProfile};
    ///
    /// let issuer = RemoteIssuer::builder("https://idp.example/realms/shop/protocol/openid-connect/certs")
    ///     .issuer("https://idp.example/realms/shop")
    ///     .with_profile(TokenProfile::keycloak("my-api"))
    ///     .build()?;
    /// # Ok::<(), gatewright::auth::BuildError>(())
    /// ```
    pub fn with_profile(mut self, profile: TokenProfile) -> Self {
        self.jwt = self.jwt.with_profile(profile);
        self
    }

    /// Changes how tokens are verified: the leeway, a cache, the `.dangerous()` settings. `rules`
    /// must return the builder that it receives. `build` fails if it returns one with another key
    /// ring.
    ///
    /// ```
    /// use std::time::Duration;
    /// use gatewright::token::RemoteIssuer;
    ///
    /// let builder = RemoteIssuer::builder("https://issuer.example/jwks.json")
    ///     .issuer("https://issuer.example")
    ///     .audience("my-api")
    ///     .with_rules(|jwt| jwt.with_leeway(Duration::from_secs(10)).with_cache(10_000));
    /// # let _ = builder;
    /// ```
    pub fn with_rules(mut self, rules: impl FnOnce(JwtBuilder) -> JwtBuilder) -> Self {
        self.jwt = rules(self.jwt);
        self
    }

    /// Lets [`build`](Self::build) return before the metadata of [`RemoteIssuer::discover`] are fetched. The
    /// thread fetches them, logs each failure and tries again after a cool-down. Until then every token is
    /// rejected. For services that must start while the issuer is down.
    pub fn with_background_discovery(mut self) -> Self {
        if let Source::Issuer { in_background, .. } = &mut self.source {
            *in_background = true;
        }
        self
    }

    /// The clock for the schedule of fetches and the age of keys. Default: the system's clock.
    pub fn with_clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The time limit for one request. Default: 10 seconds. At most [`MAX_TIMEOUT`]. A fetch is one request, and
    /// after [`RemoteIssuer::discover`] up to three: two for the metadata, one for the set.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The shortest time between two fetches. It also limits how fast a failed fetch is repeated.
    /// Default: 30 seconds. From one second to [`MAX_COOL_DOWN`].
    pub fn with_cool_down(mut self, cool_down: Duration) -> Self {
        self.cool_down = cool_down;
        self
    }

    /// How long a key is used after the last successful fetch that contained it. Default:
    /// [`DEFAULT_MAX_STALE`] (one day). From [`MIN_STALE`] to [`MAX_STALE`]. After that time its
    /// tokens are rejected ([`TokenError::Key`]) until a fetch contains the key again.
    ///
    /// This limits how long a withdrawn key stays valid when fetches fail, when the set is empty,
    /// or when an unusable key replaces it. It also limits how long an issuer can be unreachable
    /// before its tokens are rejected. The set is due again after half of this time at the latest.
    ///
    /// [`TokenError::Key`]: gatewright_core::TokenError::Key
    pub fn with_max_stale(mut self, max_stale: Duration) -> Self {
        self.max_stale = max_stale;
        self
    }

    /// Trusts only this root certificate (PEM), for a private certificate authority. Default: the
    /// root certificates of the system.
    pub fn with_root_certificate(mut self, pem: impl Into<String>) -> Self {
        self.root = Some(pem.into());
        self
    }

    /// Settings that weaken the protection of fetches.
    pub const fn dangerous(self) -> DangerousRemoteIssuerBuilder {
        DangerousRemoteIssuerBuilder(self)
    }

    /// Checks all settings and starts the thread, which fetches the set at once. `build` does not
    /// wait for it: see [`RemoteIssuer::wait_until_ready`].
    ///
    /// After [`RemoteIssuer::discover`] it first fetches the metadata of the issuer, which blocks for up to two
    /// [timeouts](Self::with_timeout), one for each place of the metadata.
    ///
    /// # Errors
    /// If the issuer or the audience is missing, the URL is not HTTPS, the metadata of the issuer cannot be
    /// used ([`DiscoveryFailure`](crate::DiscoveryFailure)), another setting is out of range, or the thread
    /// cannot be started. The error names the setting.
    pub fn build(self) -> Result<RemoteIssuer, BuildError> {
        let Self { source, jwt, ring, clock, timeout, cool_down, max_stale, root, http, redirects } = self;
        let limits = [
            ("timeout", MIN_TIMEOUT..=MAX_TIMEOUT, timeout, "must be above 0 and at most 60 seconds"),
            ("cool_down", MIN_COOL_DOWN..=MAX_COOL_DOWN, cool_down, "must be 1 to 60 seconds"),
            ("max_stale", MIN_STALE..=MAX_STALE, max_stale, "must be 5 minutes to 30 days"),
        ];
        if let Some((setting, _, time, problem)) =
            limits.into_iter().find(|(_, range, time, _)| !range.contains(time))
        {
            return Err(BuildError::new(setting, problem).with_found(format_args!("{time:?}")));
        }
        let roots = roots(root.as_deref())?;
        let settings = ConnectionSettings { timeout, roots, http, redirects, classify: is_private };
        let jwt = jwt.build()?;
        if !jwt.ring().is_same_ring(&ring) {
            return Err(BuildError::new("rules", "must return the builder that they receive"));
        }
        let fetcher = source.fetcher(settings, jwt.issuer())?;
        let (schedule, keys) = (Schedule::new(cool_down, max_stale), Keys::new(ring, max_stale));
        let shared = Arc::new(Shared::new(jwt.issuer().to_owned(), clock, schedule, keys));
        let requests = Refresher::spawn(fetcher, Arc::clone(&shared));
        let requests = requests.map_err(|_| BuildError::new("thread", "could not be started"))?;
        Ok(RemoteIssuer { jwt, shared, requests })
    }
}

impl Source {
    fn fetcher(self, settings: ConnectionSettings, expected: &str) -> Result<Fetcher, BuildError> {
        let (issuer, in_background) = match self {
            Self::Url(url) => return Fetcher::new(&url, settings),
            Self::Issuer { issuer, in_background } => (issuer, in_background),
        };
        if issuer != expected {
            let problem =
                "must be the one of `RemoteIssuer::discover`, or be set with `RemoteIssuer::builder`";
            return Err(BuildError::new("issuer", problem).with_found(expected));
        }
        let fetcher = Fetcher::discovering(&issuer, settings)?;
        if !in_background {
            fetcher.discover().map_err(|failure| BuildError::new("issuer", failure.problem()))?;
        }
        Ok(fetcher)
    }
}

fn roots(pem: Option<&str>) -> Result<RootCerts, BuildError> {
    let Some(pem) = pem else { return Ok(RootCerts::PlatformVerifier) };
    let certificate = Certificate::from_pem(pem.as_bytes());
    let certificate =
        certificate.map_err(|_| BuildError::new("root_certificate", "must be a certificate in PEM"))?;
    Ok(RootCerts::new_with_certs(&[certificate]))
}

/// Settings that weaken the protection of fetches, from [`RemoteIssuerBuilder::dangerous`]. Each
/// returns to the builder.
#[must_use]
#[derive(Debug)]
pub struct DangerousRemoteIssuerBuilder(RemoteIssuerBuilder);

impl DangerousRemoteIssuerBuilder {
    /// Allows plain HTTP.
    ///
    /// Risk: an attacker on the network path can replace the keys and then forge tokens.
    pub fn with_http(mut self) -> RemoteIssuerBuilder {
        self.0.http = true;
        self.0
    }

    /// Follows up to three redirects.
    ///
    /// Risk: an open redirect on the issuer's host lets an attacker replace the keys and then forge
    /// tokens.
    pub fn with_redirects(mut self) -> RemoteIssuerBuilder {
        self.0.redirects = true;
        self.0
    }
}
