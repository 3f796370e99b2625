//! Building a [`Jwt`]: a ring of keys, one issuer, one audience.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use gatewright_core::token::{FUTURE_TOLERANCE, MAX_ACCESS_LIFETIME, MAX_TOKEN_BYTES};
use gatewright_core::{BuildError, TokenKind};

use crate::algorithm::Algorithm;
use crate::cache::Cache;
use crate::claims::Expected;
use crate::error::KeyError;
use crate::header::{Header, is_same_type};
use crate::prepared::Prepared;
use crate::profile::TokenProfile;
use crate::ring::{KeyRing, State};
use crate::secret::HmacSecret;
use crate::signing::SigningKey;

/// The maximum of [`JwtBuilder::with_leeway`] and [`JwtBuilder::with_tolerance`]: 60 seconds.
pub const MAX_LEEWAY: Duration = Duration::from_secs(60);

/// Issues and verifies the tokens of one issuer for one audience, with the keys of a [`KeyRing`].
///
/// [`Jwt::hs256`] and [`Jwt::builder`] start one. It implements
/// [`TokenIssuer`](gatewright_core::TokenIssuer) and
/// [`TokenVerifier`](gatewright_core::TokenVerifier). Keys are parsed once, and there is no global
/// state. The [crate's documentation](crate) has an example and lists what is rejected.
#[doc(alias("json web token", "jsonwebtoken"))]
pub struct Jwt {
    pub(crate) ring: KeyRing,
    pub(crate) rules: Rules,
    pub(crate) cache: Option<Cache>,
}

/// The issuer, the audience and the settings that tokens are checked against.
#[derive(Clone)]
pub(crate) struct Rules {
    pub(crate) issuer: Arc<str>,
    pub(crate) audience: Arc<str>,
    pub(crate) leeway: Duration,
    pub(crate) tolerance: Duration,
    pub(crate) max_age: Option<Duration>,
    /// The `typ` of access tokens, if it is not `at+jwt`.
    pub(crate) access_type: Option<String>,
    pub(crate) without_kid: bool,
    /// The tokens are of another issuer: only access tokens are accepted, without sessions.
    pub(crate) foreign: bool,
    /// What the tokens of the other issuer look like, if they do not look as RFC 9068 says.
    pub(crate) profile: Option<Arc<Prepared>>,
    pub(crate) max_token_bytes: usize,
    pub(crate) max_access_lifetime: Duration,
}

impl Jwt {
    /// Starts with an HMAC-SHA-256 key: an [`HmacSecret`], or the text or bytes of one, unchanged.
    /// [`build`](JwtBuilder::build) fails if the secret is weak.
    ///
    /// ```
    /// use gatewright::{HmacSecret, Jwt};
    ///
    /// let jwt = Jwt::hs256(HmacSecret::generate()?).issuer("https://issuer.example").audience("my-api").build()?;
    /// assert_eq!(jwt.ring().ids().len(), 1);
    /// let error = Jwt::hs256("too short").issuer("https://issuer.example").audience("my-api").build().unwrap_err();
    /// assert_eq!(error.setting, "secret");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn hs256<S>(secret: S) -> JwtBuilder
    where
        S: TryInto<HmacSecret, Error: Into<KeyError>>,
    {
        JwtBuilder::new(Keys::Secret { secret: secret.try_into().map_err(Into::into), id: None })
    }

    /// Starts with a key ring. The caller can keep a handle on it to rotate the keys.
    ///
    /// ```
    /// use gatewright::Jwt;
    /// use gatewright::token::{Algorithm, KeyRing, NewKey, SigningKey};
    ///
    /// let ring = KeyRing::new(SigningKey::from_jwk(NewKey::generate(Algorithm::EdDsa)?.jwk())?);
    /// let jwt = Jwt::builder(ring.clone()).issuer("https://issuer.example").audience("my-api").build()?;
    /// assert_eq!(jwt.ring().ids(), ring.ids());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder(ring: KeyRing) -> JwtBuilder {
        JwtBuilder::new(Keys::Ring(ring))
    }

    /// The key ring that this `Jwt` signs and verifies with. Changes of the ring take effect at
    /// once.
    #[must_use]
    pub const fn ring(&self) -> &KeyRing {
        &self.ring
    }

    /// Whether tokens without `kid` are accepted ([`DangerousJwtBuilder::without_kid`]). For code
    /// that fetches keys.
    #[must_use]
    pub const fn accepts_without_kid(&self) -> bool {
        self.rules.without_kid
    }
}

impl Rules {
    /// The audience of tokens of this kind. All but access tokens are for the issuer itself.
    pub(crate) const fn audience(&self, kind: TokenKind) -> &Arc<str> {
        match kind {
            TokenKind::Access => &self.audience,
            _ => &self.issuer,
        }
    }

    /// How a payload of this kind is read.
    pub(crate) fn expected(&self, kind: TokenKind) -> Expected<'_> {
        let audiences = match &self.profile {
            None => std::slice::from_ref(self.audience(kind)),
            Some(profile) => &profile.audiences,
        };
        Expected { audiences, foreign: self.foreign }
    }

    /// The longest lifetime of tokens of this kind.
    pub(crate) const fn max_lifetime(&self, kind: TokenKind) -> Duration {
        match kind {
            TokenKind::Access => self.max_access_lifetime,
            other => other.max_lifetime(),
        }
    }

    /// The members of the header that are ignored.
    pub(crate) fn ignored_headers(&self) -> &[&'static str] {
        self.profile.as_ref().map_or(&[], |profile| profile.ignored_headers())
    }

    /// Whether the `issuer` of a key restricts what it signs.
    pub(crate) fn binds_keys(&self) -> bool {
        self.profile.as_ref().is_some_and(|profile| profile.binds_keys())
    }

    /// Whether `typ` is that of this kind. Once the ring has a signing key, a profile's types no longer apply.
    pub(crate) fn accepts_type(&self, state: &State, header: &Header<'_>, kind: TokenKind) -> bool {
        match &self.profile {
            Some(profile) if !state.can_sign() => profile.accepts_type(header),
            _ => header.is_of(self.media_type(state, kind)),
        }
    }

    /// Takes over what the profile says.
    fn apply(&mut self, profile: &TokenProfile) -> Result<(), BuildError> {
        let twice = "is part of the profile; set it with `TokenProfile::with_types`";
        require(self.access_type.is_none(), "access_type", twice)?;
        let prepared = profile.prepare(&self.issuer, &self.audience)?;
        self.issuer = Arc::clone(prepared.issuer());
        if let Some(first) = prepared.audiences.first() {
            self.audience = Arc::clone(first);
        }
        self.max_token_bytes = profile.max_token_bytes;
        self.max_access_lifetime = profile.max_lifetime;
        self.profile = Some(Arc::new(prepared));
        Ok(())
    }

    /// The expected `typ`. Once the ring has a signing key, the custom access type no longer
    /// applies.
    fn media_type(&self, state: &State, kind: TokenKind) -> &str {
        match (kind, &self.access_type) {
            (TokenKind::Access, Some(other)) if !state.can_sign() => other,
            _ => kind.media_type(),
        }
    }
}

impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwt")
            .field("ring", &self.ring)
            .field("issuer", &self.rules.issuer)
            .field("audience", &self.rules.audience)
            .finish_non_exhaustive()
    }
}

enum Keys {
    Secret { secret: Result<HmacSecret, KeyError>, id: Option<String> },
    Ring(KeyRing),
}

/// Builder for [`Jwt`], from [`Jwt::hs256`] or [`Jwt::builder`]. [`issuer`](Self::issuer) and
/// [`audience`](Self::audience) are required. Every other setting has a default; the methods name it.
/// [`build`](Self::build) checks all settings.
#[must_use]
pub struct JwtBuilder {
    keys: Keys,
    rules: Rules,
    misplaced_id: bool,
    cache: Option<usize>,
    profile: Option<TokenProfile>,
}

impl fmt::Debug for JwtBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtBuilder").field("issuer", &self.rules.issuer).finish_non_exhaustive()
    }
}

impl JwtBuilder {
    fn new(keys: Keys) -> Self {
        let rules = Rules {
            issuer: Arc::from(""),
            audience: Arc::from(""),
            leeway: Duration::ZERO,
            tolerance: FUTURE_TOLERANCE,
            max_age: None,
            access_type: None,
            without_kid: false,
            foreign: false,
            profile: None,
            max_token_bytes: MAX_TOKEN_BYTES,
            max_access_lifetime: MAX_ACCESS_LIFETIME,
        };
        Self { keys, rules, misplaced_id: false, cache: None, profile: None }
    }

    /// The issuer: the `iss` of every token, written and checked. Usually the URL of the service that
    /// signs the tokens. Required.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.rules.issuer = issuer.into().into();
        self
    }

    /// The audience: the `aud` of every access token, written and checked. It names the API that the
    /// tokens are for. Required.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.rules.audience = audience.into().into();
        self
    }

    /// The id of the key of [`Jwt::hs256`]: 1 to 128 bytes. Default: derived from the secret. Not
    /// for [`Jwt::builder`], because the keys of a ring have ids of their own.
    pub fn with_key_id(mut self, key_id: impl Into<String>) -> Self {
        match &mut self.keys {
            Keys::Secret { id, .. } => *id = Some(key_id.into()),
            Keys::Ring(_) => self.misplaced_id = true,
        }
        self
    }

    /// How long after `exp` a token is still accepted. Default: zero. At most [`MAX_LEEWAY`].
    pub fn with_leeway(mut self, leeway: Duration) -> Self {
        self.rules.leeway = leeway;
        self
    }

    /// How far in the future `iat` and `nbf` may lie. Default: [`FUTURE_TOLERANCE`]. At most
    /// [`MAX_LEEWAY`].
    pub fn with_tolerance(mut self, tolerance: Duration) -> Self {
        self.rules.tolerance = tolerance;
        self
    }

    /// How long ago a token may have been issued, even if its `exp` lies in the future. Default: no
    /// limit but the maximal lifetime of its kind. [`with_leeway`](Self::with_leeway) does not
    /// extend it.
    pub fn with_max_age(mut self, max_age: Duration) -> Self {
        self.rules.max_age = Some(max_age);
        self
    }

    /// Caches up to this many verified tokens (rounded up to a multiple of four, at most
    /// [`MAX_CACHE_TOKENS`](crate::MAX_CACHE_TOKENS)), so that a signature is not checked twice.
    /// Default: no cache. Useful with algorithms that verify slowly, such as EdDSA and ES256.
    /// Tokens over 2 KiB are not cached.
    ///
    /// An entry is used only for the same text, as the same kind, while the ring is unchanged.
    /// Times are checked at each use. The cache does not affect the checks that follow, such as
    /// revocation and epoch. A change of the ring, such as retiring a key, invalidates all entries.
    pub fn with_cache(mut self, tokens: usize) -> Self {
        self.cache = Some(tokens);
        self
    }

    /// The tokens are of another issuer. Only access tokens are accepted, `sid` and `epoch` are
    /// ignored, and a `scope` that is not a string grants nothing. Not for a ring that signs.
    pub const fn of_another_issuer(mut self) -> Self {
        self.rules.foreign = true;
        self
    }

    /// The tokens are of another issuer and look as this profile says. Implies
    /// [`of_another_issuer`](Self::of_another_issuer). If the profile has an issuer or audiences, the builder
    /// needs none.
    ///
    /// ```
    /// use gatewright::Jwt;
    /// use gatewright::token::{KeyRing, TokenProfile};
    ///
    /// let keys = KeyRing::default(); // the keys that the issuer publishes
    /// let verifier = Jwt::builder(keys).with_profile(TokenProfile::firebase("my-project")).build()?;
    /// # use gatewright::token::IssuerVerifier;
    /// assert_eq!(verifier.issuer(), "https://securetoken.google.com/my-project");
    /// # Ok::<(), gatewright::auth::BuildError>(())
    /// ```
    pub fn with_profile(mut self, profile: TokenProfile) -> Self {
        self.rules.foreign = true;
        self.profile = Some(profile);
        self
    }

    /// Settings that weaken a check, for issuers whose tokens need it. They are not for a ring that
    /// signs.
    pub const fn dangerous(self) -> DangerousJwtBuilder {
        DangerousJwtBuilder(self)
    }

    /// Checks all settings and parses the key.
    ///
    /// # Errors
    /// If the issuer or the audience is missing, if the secret is missing, short, a placeholder or a
    /// key file, or if another setting is out of range. The error names the setting.
    pub fn build(self) -> Result<Jwt, BuildError> {
        let mut rules = self.rules;
        if let Some(profile) = &self.profile {
            rules.apply(profile)?;
        }
        let (issuer, audience) = (
            r#"is missing or empty; set it with `.issuer("https://…")`"#,
            r#"is missing or empty; set it with `.audience("…")`"#,
        );
        require(!rules.issuer.is_empty(), "issuer", issuer)?;
        let stands_in = self.profile.as_ref().is_some_and(|profile| profile.client.is_some());
        require(stands_in || !rules.audience.is_empty(), "audience", audience)?;
        for (setting, time) in [("leeway", rules.leeway), ("tolerance", rules.tolerance)] {
            if time > MAX_LEEWAY {
                let error = BuildError::new(setting, "must be at most 60 seconds");
                return Err(error.with_found(format_args!("{time:?}")));
            }
        }
        let own_ids = "is only for a secret: the keys of a ring have ids of their own";
        require(!self.misplaced_id, "key_id", own_ids)?;
        let ring = match self.keys {
            Keys::Ring(ring) => ring,
            Keys::Secret { secret, id } => KeyRing::new(secret_key(secret, id)?),
        };
        check_foreign(&rules, &ring)?;
        let cache = self.cache.map(Cache::new).transpose()?;
        if let Some(profile) = &self.profile {
            log(profile, &rules.issuer);
        }
        Ok(Jwt { ring, rules, cache })
    }
}

/// Logs what a profile accepts beyond RFC 9068.
fn log(profile: &TokenProfile, issuer: &str) {
    for deviation in profile.deviations() {
        tracing::info!(issuer, deviation, "the profile of an issuer accepts more than RFC 9068");
    }
}

/// An error for this setting, unless it is valid.
pub(crate) fn require(valid: bool, setting: &'static str, problem: &'static str) -> Result<(), BuildError> {
    if valid { Ok(()) } else { Err(BuildError::new(setting, problem)) }
}

fn secret_key(secret: Result<HmacSecret, KeyError>, id: Option<String>) -> Result<SigningKey, BuildError> {
    let key = secret.and_then(|secret| SigningKey::from_secret(Algorithm::Hs256, secret.expose()));
    let key = key.map_err(|error| {
        let short = error == KeyError::Short;
        let too_short = r#"must be at least 32 bytes; generate one with "openssl rand -base64 32""#;
        BuildError::new("secret", if short { too_short } else { error.problem() })
    })?;
    match id {
        Some(id) => key.with_id(&id).map_err(|_| {
            let error = BuildError::new("key_id", "must be 1 to 128 bytes long");
            error.with_found(id.len())
        }),
        None => Ok(key),
    }
}

/// Settings for foreign tokens are errors on a ring that signs, and the type of foreign access tokens
/// must not be that of another kind. Otherwise one kind of token could be taken for another.
fn check_foreign(rules: &Rules, ring: &KeyRing) -> Result<(), BuildError> {
    let verifies_only = !ring.state().can_sign();
    let own = "is only for another issuer's tokens: this ring signs its own";
    require(verifies_only || !rules.foreign, "issuer", "must not be another one: this ring signs tokens")?;
    require(verifies_only || rules.access_type.is_none(), "access_type", own)?;
    require(verifies_only || !rules.without_kid, "without_kid", own)?;
    let Some(access_type) = &rules.access_type else { return Ok(()) };
    require(!access_type.is_empty(), "access_type", "is empty")?;
    let mut others = TokenKind::ALL.into_iter().filter(|kind| *kind != TokenKind::Access);
    let taken = others.any(|kind| is_same_type(kind.media_type(), access_type));
    let other = "must not be the type of another token kind";
    require(!taken, "access_type", other).map_err(|error| error.with_found(access_type))
}

/// Settings that weaken a check, from [`JwtBuilder::dangerous`]. Each returns to the builder.
///
/// They are for the tokens of another issuer. [`JwtBuilder::build`] fails if the ring has a key
/// that can sign, active or not.
#[must_use]
#[derive(Debug)]
pub struct DangerousJwtBuilder(JwtBuilder);

impl DangerousJwtBuilder {
    /// Accepts tokens without `kid`, if the ring has exactly one key.
    ///
    /// Risk: while the ring has two keys, as during a rotation, such tokens are rejected. Keys are
    /// never tried one after another.
    pub fn without_kid(mut self) -> JwtBuilder {
        self.0.rules.without_kid = true;
        self.0
    }

    /// Expects access tokens to have this `typ` instead of `at+jwt`.
    ///
    /// Risk: if all tokens of the issuer are of type `JWT`, one kind can be taken for another (RFC
    /// 8725 §3.11). The `typ` of another [`TokenKind`] is an error.
    pub fn with_access_type(mut self, media_type: impl Into<String>) -> JwtBuilder {
        self.0.rules.access_type = Some(media_type.into());
        self.0
    }
}
