//! Building a [`RemoteIssuer`]: what is required, what can be set, and what is refused.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use gatewright_core::{BuildError, Clock, SystemClock};
use gatewright_jwt::{Jwt, JwtBuilder, KeyRing};
use ureq::tls::{Certificate, RootCerts};

use crate::fetch::{Connection, Source};
use crate::keys::{DEFAULT_MAX_STALE, Keys, MAX_STALE, MIN_STALE};
use crate::remote::{Refresher, RemoteIssuer, Shared};
use crate::schedule::{MIN_REFRESH, Schedule};

/// The longest time an answer can be waited for: a minute.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(60);
/// The longest cool-down between fetches that can be set: as long as a set is used at least.
pub const MAX_COOL_DOWN: Duration = MIN_REFRESH;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_COOL_DOWN: Duration = Duration::from_secs(30);

/// Collects a [`RemoteIssuer`].
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

    /// What is expected of tokens beyond issuer and audience: leeway, a cache, the `.dangerous()` settings. A builder of
    /// other keys in the place of the one that is given is refused.
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

    /// The clock that fetches are scheduled by; the system's unless set.
    pub fn with_clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How long a fetch may take as a whole: 10 seconds unless set, at most [`MAX_TIMEOUT`].
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The shortest time between two fetches, whoever asks: 30 seconds unless set, at least one, at most
    /// [`MAX_COOL_DOWN`].
    pub fn with_cool_down(mut self, cool_down: Duration) -> Self {
        self.cool_down = cool_down;
        self
    }

    /// How long a key is believed after the last good answer that had it: [`DEFAULT_MAX_STALE`] (a day) unless set, from
    /// [`MIN_STALE`] to [`MAX_STALE`]. Then its tokens are refused ([`TokenRefusal::Key`]) until a good answer has it again.
    ///
    /// This bounds for how long a stolen key is useful when the issuer withdraws it and its set cannot be fetched, is
    /// empty, or has the key in a form that cannot be used. It also bounds for how long the issuer may be unreachable before its
    /// tokens are refused. The set is fetched again after half of this time at the latest.
    ///
    /// [`TokenRefusal::Key`]: gatewright_core::TokenRefusal::Key
    pub fn with_max_stale(mut self, max_stale: Duration) -> Self {
        self.max_stale = max_stale;
        self
    }

    /// Trusts this one certificate, in PEM, and what it signed, instead of what the system trusts: for an authority of
    /// one's own.
    pub fn with_root_certificate(mut self, pem: impl Into<String>) -> Self {
        self.root = Some(pem.into());
        self
    }

    /// What weakens a check.
    pub const fn dangerous(self) -> DangerousRemoteIssuerBuilder {
        DangerousRemoteIssuerBuilder(self)
    }

    /// Checks everything and starts the thread, which fetches at once.
    ///
    /// # Errors
    /// When the URL is not HTTPS, or another setting is out of its bounds; the error names the setting.
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
        let shared = Arc::new(Shared::new(schedule, keys));
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

/// Settings that weaken how keys are fetched.
#[must_use]
#[derive(Debug)]
pub struct DangerousRemoteIssuerBuilder(RemoteIssuerBuilder);

impl DangerousRemoteIssuerBuilder {
    /// Fetches over plain HTTP too.
    ///
    /// What is lost: whoever is on the way decides which tokens are believed.
    pub fn with_http(mut self) -> RemoteIssuerBuilder {
        self.0.http = true;
        self.0
    }

    /// Follows up to three redirects.
    ///
    /// What is lost: an open redirect on the issuer's host decides which tokens are believed.
    pub fn with_redirects(mut self) -> RemoteIssuerBuilder {
        self.0.redirects = true;
        self.0
    }
}
