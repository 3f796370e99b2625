//! Building a [`RemoteIssuer`]: its settings and their bounds.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use gatewright_core::{BuildError, Clock, SystemClock};
use gatewright_jwt::{IssuerVerifier, Jwt, JwtBuilder, KeyRing};
use ureq::tls::{Certificate, RootCerts};

use crate::fetch::{Connection, Source};
use crate::keys::{DEFAULT_MAX_STALE, Keys, MAX_STALE, MIN_STALE};
use crate::remote::{Refresher, RemoteIssuer, Shared};
use crate::schedule::{MIN_REFRESH, Schedule};

/// The longest timeout of a fetch: a minute.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(60);
/// The longest cool-down between two fetches: [`MIN_REFRESH`].
pub const MAX_COOL_DOWN: Duration = MIN_REFRESH;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_COOL_DOWN: Duration = Duration::from_secs(30);

/// Builds a [`RemoteIssuer`].
#[must_use]
pub struct RemoteIssuerBuilder {
    jwks_url: String,
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

impl fmt::Debug for RemoteIssuerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteIssuerBuilder").field("jwt", &self.jwt).finish_non_exhaustive()
    }
}

impl RemoteIssuerBuilder {
    pub(crate) fn new(issuer: String, audience: String, jwks_url: String) -> Self {
        let ring = KeyRing::default();
        Self {
            jwks_url,
            jwt: Jwt::builder(ring.clone(), issuer, audience).of_another_issuer(),
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

    /// Changes how tokens are verified: leeway, a cache, the `.dangerous()` settings. `rules` must return the builder that it is
    /// given; one with another key ring is refused.
    ///
    /// ```
    /// use std::time::Duration;
    /// use gatewright_jwks::RemoteIssuer;
    ///
    /// let builder = RemoteIssuer::builder("https://issuer.example", "my-api", "https://issuer.example/jwks.json")
    ///     .with_rules(|jwt| jwt.with_leeway(Duration::from_secs(10)).with_cache(10_000));
    /// # let _ = builder;
    /// ```
    pub fn with_rules(mut self, rules: impl FnOnce(JwtBuilder) -> JwtBuilder) -> Self {
        self.jwt = rules(self.jwt);
        self
    }

    /// The clock that schedules fetches and limits the age of keys: that of the system unless set.
    pub fn with_clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How long a fetch may take as a whole: 10 seconds unless set, at most [`MAX_TIMEOUT`].
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The shortest time between two fetches, whatever causes them: 30 seconds unless set, from one second to
    /// [`MAX_COOL_DOWN`].
    pub fn with_cool_down(mut self, cool_down: Duration) -> Self {
        self.cool_down = cool_down;
        self
    }

    /// How long a key is used after the last successful fetch that contained it: [`DEFAULT_MAX_STALE`] (a day) unless set, from
    /// [`MIN_STALE`] to [`MAX_STALE`]. After that its tokens are refused ([`TokenRefusal::Key`]) until a fetch contains it again.
    ///
    /// This limits how long a key that the issuer has withdrawn is still accepted when fetches fail, the set is empty, or the key
    /// is replaced by one that cannot be used. It also limits how long an issuer can be unreachable before its tokens are
    /// refused. The set is due again after half of this time at the latest.
    ///
    /// [`TokenRefusal::Key`]: gatewright_core::TokenRefusal::Key
    pub fn with_max_stale(mut self, max_stale: Duration) -> Self {
        self.max_stale = max_stale;
        self
    }

    /// Trusts only this root certificate (PEM) instead of those of the system: for a private certificate authority.
    pub fn with_root_certificate(mut self, pem: impl Into<String>) -> Self {
        self.root = Some(pem.into());
        self
    }

    /// Settings that weaken a check.
    pub const fn dangerous(self) -> DangerousRemoteIssuerBuilder {
        DangerousRemoteIssuerBuilder(self)
    }

    /// Checks all settings and starts the thread, which fetches the set at once.
    ///
    /// # Errors
    /// When the URL is not HTTPS, or another setting is out of its bounds. The error names the setting.
    pub fn build(self) -> Result<RemoteIssuer, BuildError> {
        if self.timeout.is_zero() || self.timeout > MAX_TIMEOUT {
            return Err(BuildError::new("timeout", "must be above zero and at most 60 seconds"));
        }
        if self.cool_down < Duration::from_secs(1) || self.cool_down > MAX_COOL_DOWN {
            return Err(BuildError::new("cool_down", "must be 1 to 60 seconds"));
        }
        if self.max_stale < MIN_STALE || self.max_stale > MAX_STALE {
            return Err(BuildError::new("max_stale", "must be 5 minutes to 30 days"));
        }
        let roots = roots(self.root.as_deref())?;
        let Self { timeout, http, redirects, ring, clock, cool_down, max_stale, .. } = self;
        let source = Source::new(&self.jwks_url, Connection { timeout, roots, http, redirects })?;
        let jwt = self.jwt.build()?;
        if !jwt.ring().is_same_ring(&ring) {
            return Err(BuildError::new("rules", "are for other keys than those that are fetched"));
        }
        let (schedule, keys) = (Schedule::new(cool_down, max_stale), Keys::new(ring, max_stale));
        let shared = Arc::new(Shared::new(jwt.issuer().to_owned(), schedule, keys));
        let (ask, asked) = sync_channel(1);
        let refresher = Refresher { source, clock: Arc::clone(&clock), shared: Arc::clone(&shared), asked };
        let thread = thread::Builder::new().name("gatewright-jwks".to_owned());
        thread
            .spawn(move || refresher.run())
            .map_err(|_| BuildError::new("thread", "could not be started"))?;
        Ok(RemoteIssuer { jwt, clock, shared, ask })
    }
}

fn roots(pem: Option<&str>) -> Result<RootCerts, BuildError> {
    let Some(pem) = pem else { return Ok(RootCerts::PlatformVerifier) };
    let certificate = Certificate::from_pem(pem.as_bytes());
    let certificate =
        certificate.map_err(|_| BuildError::new("root_certificate", "is no certificate in PEM"))?;
    Ok(RootCerts::new_with_certs(&[certificate]))
}

/// Settings that weaken the protection of fetches.
#[must_use]
#[derive(Debug)]
pub struct DangerousRemoteIssuerBuilder(RemoteIssuerBuilder);

impl DangerousRemoteIssuerBuilder {
    /// Allows plain HTTP.
    ///
    /// What is lost: anybody on the network path can replace the keys, and so decide which tokens are accepted.
    pub fn with_http(mut self) -> RemoteIssuerBuilder {
        self.0.http = true;
        self.0
    }

    /// Follows up to three redirects.
    ///
    /// What is lost: with an open redirect on the issuer's host, anybody can replace the keys.
    pub fn with_redirects(mut self) -> RemoteIssuerBuilder {
        self.0.redirects = true;
        self.0
    }
}
