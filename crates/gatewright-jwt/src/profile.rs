//! What the access tokens of an issuer look like: named parts, each of which is one deviation from RFC
//! 9068 or one further requirement.

use std::time::Duration;

use gatewright_core::BuildError;
use gatewright_core::token::{MAX_ACCESS_LIFETIME, MAX_LARGE_TOKEN_BYTES, MAX_TOKEN_BYTES};

use crate::builder::require;
use crate::conditions::{ClaimPath, ClaimValue, Condition};

/// The maximum of [`TokenProfile::with_max_lifetime`]: 30 days.
pub const MAX_PROFILE_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The maximum of [`TokenProfile::with_max_token_bytes`]: 32 KiB, [`MAX_LARGE_TOKEN_BYTES`].
pub const MAX_PROFILE_TOKEN_BYTES: usize = MAX_LARGE_TOKEN_BYTES;

/// The claims that can identify the user without `.dangerous()`. An issuer assigns them once and does not
/// give them to another user.
const SUBJECT_CLAIMS: [&str; 3] = ["sub", "oid", "uid"];

/// What the access tokens of another issuer look like.
///
/// [`rfc9068`](Self::rfc9068) is the default and accepts what a verifier without a profile accepts. Every
/// other profile names the deviations that its issuer needs, and the requirements that tell its access
/// tokens from its other tokens. The method of a part changes one of them, for an issuer without a profile
/// of its own. A part changes no other check: signature, algorithm, key, issuer, audience, times and the
/// strict reading of JSON stay.
///
/// [`JwtBuilder::with_profile`](crate::JwtBuilder::with_profile) and `RemoteIssuerBuilder::with_profile`
/// take it. Their `build` fails if a part is not valid.
///
/// ```
/// use gatewright::Jwt;
/// use gatewright::token::{KeyRing, TokenProfile};
///
/// let verifier = |profile| {
///     let keys = KeyRing::default(); // the keys that the issuer publishes
///     Jwt::builder(keys).issuer("https://tenant.example/").audience("https://my-api").with_profile(profile).build()
/// };
/// assert!(verifier(TokenProfile::auth0()).is_ok());
/// // An issuer of one's own: tokens without `typ` that name their use.
/// let own = TokenProfile::rfc9068().without_type().with_required_claim("use", ["access"]);
/// assert_eq!(own.deviations(), ["the header may have no `typ`"]);
/// assert!(verifier(own).is_ok());
/// let error = verifier(TokenProfile::rfc9068().with_required_claim("use", [""; 0])).unwrap_err();
/// assert_eq!(error.setting, "profile");
/// ```
#[doc(alias("auth0", "keycloak", "okta", "entra", "cognito", "firebase"))]
#[derive(Debug, Clone)]
#[must_use]
pub struct TokenProfile {
    /// The values of `typ`.
    pub(crate) types: Vec<String>,
    pub(crate) untyped: bool,
    pub(crate) needs_token_id: bool,
    /// The issuer, unless the verifier names another one.
    pub(crate) issuer: Option<String>,
    pub(crate) spellings: Vec<String>,
    pub(crate) audiences: Vec<String>,
    pub(crate) client: Option<(String, Vec<String>)>,
    pub(crate) subject: Option<String>,
    pub(crate) max_lifetime: Duration,
    pub(crate) max_token_bytes: usize,
    pub(crate) ignored: Vec<HeaderMember>,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) callers: Callers,
    /// Anonymous users.
    pub(crate) anonymous: Exclusion,
    /// Clients that act for themselves.
    pub(crate) own_clients: Exclusion,
    /// The claims that name the client that requested the token.
    pub(crate) client_names: ClientNames,
    /// The clients that may have requested it.
    pub(crate) clients: Option<Vec<String>>,
    /// The first part that is not valid.
    problem: Option<&'static str>,
}

/// The tenants, service accounts or repositories whose tokens are accepted. `None` is all of them.
#[derive(Debug, Clone)]
pub(crate) enum Callers {
    /// The issuer has none of these.
    Undivided,
    Tenants(Option<Vec<String>>),
    ServiceAccounts(Option<Vec<String>>),
    Repositories(Option<Vec<GithubId>>),
    /// One project, or this tenant of it.
    Project(Option<String>),
}

/// Tokens that are refused unless a setting admits them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exclusion {
    /// These hold for all other tokens. Empty if the issuer does not mark the excluded ones.
    pub(crate) unless_allowed: Vec<Condition>,
    /// These hold for all tokens once the others are admitted.
    pub(crate) if_allowed: Vec<Condition>,
    pub(crate) allowed: bool,
}

impl Exclusion {
    pub(crate) fn of(unless_allowed: impl IntoIterator<Item = Condition>) -> Self {
        Self { unless_allowed: unless_allowed.into_iter().collect(), ..Self::default() }
    }

    pub(crate) fn conditions(&self) -> &[Condition] {
        if self.allowed { &self.if_allowed } else { &self.unless_allowed }
    }
}

/// Where a token names the client that requested it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ClientNames {
    /// Nowhere that the profile knows.
    Unknown,
    /// One of these claims has it.
    Claims(&'static [&'static str]),
    /// The claim names clients of other parties. It is absent for the application's own.
    OtherParties(&'static str),
}

/// A member of the header that says where the key of the token is. A profile can ignore it
/// ([`TokenProfile::with_ignored_header`]). It is never followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderMember {
    /// `jku`: the URL of a JWK set (RFC 7515 §4.1.2).
    Jku,
    /// `x5u`: the URL of a certificate (RFC 7515 §4.1.5).
    X5u,
    /// `x5c`: certificates (RFC 7515 §4.1.6).
    X5c,
}

impl HeaderMember {
    /// The name in the header.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jku => "jku",
            Self::X5u => "x5u",
            Self::X5c => "x5c",
        }
    }
}

/// Whose workflows [`TokenProfile::github_actions`] accepts. Names can be given to somebody else after
/// their owner was renamed or deleted; ids cannot.
///
/// Owners and repositories are numbered separately, so a bare number would name both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GithubId {
    /// All repositories of an organization or a user: the claim `repository_owner_id`.
    Owner(u64),
    /// One repository: the claim `repository_id`.
    Repository(u64),
}

impl TokenProfile {
    /// RFC 9068, as far as a verifier without a profile requires it: the type is `at+jwt`, and `iss`, `aud`,
    /// `sub`, `exp` and `iat` are present. Also the start for a profile of one's own.
    pub fn rfc9068() -> Self {
        Self {
            types: vec!["at+jwt".to_owned()],
            untyped: false,
            needs_token_id: false,
            issuer: None,
            spellings: Vec::new(),
            audiences: Vec::new(),
            client: None,
            subject: None,
            max_lifetime: MAX_ACCESS_LIFETIME,
            max_token_bytes: MAX_TOKEN_BYTES,
            ignored: Vec::new(),
            conditions: Vec::new(),
            callers: Callers::Undivided,
            anonymous: Exclusion::default(),
            own_clients: Exclusion::default(),
            client_names: ClientNames::Unknown,
            clients: None,
            problem: None,
        }
    }

    /// The accepted values of `typ`, instead of `at+jwt` alone. Case and a prefix `application/` are ignored.
    ///
    /// Risk: if other tokens of the issuer have such a type too, one kind can be taken for another (RFC 8725
    /// §3.11). Require a claim that tells them apart.
    pub fn with_types(mut self, types: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.types = types.into_iter().map(Into::into).collect();
        self
    }

    /// Accepts tokens without `typ` as well.
    ///
    /// Risk: as [`with_types`](Self::with_types).
    pub const fn without_type(mut self) -> Self {
        self.untyped = true;
        self
    }

    /// Accepts tokens without `jti`.
    ///
    /// Risk: such a token cannot be put on a list of revoked tokens.
    pub const fn with_optional_token_id(mut self) -> Self {
        self.needs_token_id = false;
        self
    }

    /// Requires `jti`.
    pub const fn with_required_token_id(mut self) -> Self {
        self.needs_token_id = true;
        self
    }

    /// The audiences: `aud` must contain one of them. The verifier's own audience is then not needed, or must
    /// be one of these.
    ///
    /// Risk: a token for one of these APIs is accepted by all of them.
    pub fn with_audiences(mut self, audiences: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.audiences = audiences.into_iter().map(Into::into).collect();
        let empty = self.audiences.is_empty() || self.audiences.iter().any(String::is_empty);
        self.note(empty, "an audience is missing or empty");
        self
    }

    /// Accepts tokens without `aud` whose claim `name` is one of these clients. The claim then stands for the
    /// audience. A token that has `aud` must still contain the audience. The list is logged at the start.
    ///
    /// Risk: every API of the issuer that does the same accepts the token.
    pub fn with_client_claim(
        mut self,
        name: impl Into<String>,
        clients: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let (name, clients) = (name.into(), clients.into_iter().map(Into::into).collect::<Vec<String>>());
        self.note(name.is_empty(), "the claim that names the client is empty");
        let empty = clients.is_empty() || clients.iter().any(String::is_empty);
        self.note(empty, "the list of clients is empty; name each client whose tokens are accepted");
        self.client = Some((name, clients));
        self
    }

    /// Another spelling of `iss` for the same issuer. [`VerifiedClaims::issuer`] is the verifier's issuer for
    /// each spelling, so a user has one identity.
    ///
    /// Risk: a token of another issuer with this `iss` is accepted if the verifier has its key.
    ///
    /// [`VerifiedClaims::issuer`]: gatewright_core::VerifiedClaims::issuer
    pub fn with_issuer_spelling(mut self, issuer: impl Into<String>) -> Self {
        let issuer = issuer.into();
        self.note(issuer.is_empty(), "a spelling of the issuer is empty");
        self.spellings.push(issuer);
        self
    }

    /// The claim that identifies the user, instead of `sub`: `oid` or `uid`. Others are behind
    /// [`dangerous`](Self::dangerous).
    pub fn with_subject_claim(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        let unstable = !SUBJECT_CLAIMS.contains(&name.as_str());
        self.note(unstable, "a subject other than `sub`, `oid` or `uid` needs `.dangerous()`");
        self.subject = Some(name);
        self
    }

    /// The longest time from `iat` to `exp`, instead of 24 hours. At most [`MAX_PROFILE_LIFETIME`].
    ///
    /// Risk: a stolen token is valid for this long.
    pub const fn with_max_lifetime(mut self, lifetime: Duration) -> Self {
        self.max_lifetime = lifetime;
        self
    }

    /// The longest token in bytes, instead of 8 KiB. At most [`MAX_PROFILE_TOKEN_BYTES`]. Routes accept such a
    /// token only if the `Auth` allows the longer `Authorization` header too (`AuthBuilder::with_max_token_bytes`).
    ///
    /// Risk: each request takes more time and memory before its signature is checked.
    pub const fn with_max_token_bytes(mut self, bytes: usize) -> Self {
        self.max_token_bytes = bytes;
        self
    }

    /// Accepts tokens with this member of the header, and ignores it. Its URL is never fetched, and its
    /// certificate is never used: the key is the one with the token's `kid`.
    pub fn with_ignored_header(mut self, member: HeaderMember) -> Self {
        if !self.ignored.contains(&member) {
            self.ignored.push(member);
        }
        self
    }

    /// Requires a claim with one of these values.
    pub fn with_required_claim(
        self,
        path: impl Into<ClaimPath>,
        values: impl IntoIterator<Item = impl Into<ClaimValue>>,
    ) -> Self {
        self.with(Condition::OneOf(vec![(path.into(), values.into_iter().map(Into::into).collect())]))
    }

    /// Requires a claim that is a string, and not empty.
    pub fn with_present_claim(self, path: impl Into<ClaimPath>) -> Self {
        self.with(Condition::Text(vec![path.into()]))
    }

    /// Rejects tokens that have this claim, with any value. ID tokens have `nonce` or `at_hash`, logout tokens
    /// and security events have `events`.
    pub fn with_absent_claim(self, path: impl Into<ClaimPath>) -> Self {
        self.with(Condition::Absent(path.into()))
    }

    /// Accepts the tokens of anonymous users, who never proved who they are. Only for
    /// [`supabase`](Self::supabase) and [`firebase`](Self::firebase), which otherwise refuse them.
    ///
    /// Risk: anyone can be such a user, and can be many of them.
    pub fn allow_anonymous(mut self) -> Self {
        let unknown = self.anonymous.unless_allowed.is_empty();
        self.note(unknown, "`.allow_anonymous()` is only for `supabase` and `firebase`");
        self.anonymous.allowed = true;
        self
    }

    /// Accepts the tokens that a client requested for itself (client credentials, RFC 6749 §4.4). For the profiles
    /// `auth0`, `entra_id`, `okta`, `cognito`, `spring_authorization_server`, `ory_hydra` and
    /// `cloud_foundry_uaa`, which otherwise refuse them. On Entra ID, such a client needs a role of the API.
    ///
    /// Risk: the subject is then a client. Where clients choose their ids, one can have the name of a user (RFC
    /// 9068 §5), so check that a user is meant before granting what belongs to users.
    pub fn allow_clients(mut self) -> Self {
        let unknown = self.own_clients.unless_allowed.is_empty();
        self.note(unknown, "`.allow_clients()` is only for profiles that distinguish clients from users");
        self.own_clients.allowed = true;
        self
    }

    /// Accepts only the tokens that one of these clients requested. On Supabase, also those of the project's own
    /// sign-in, which name no client.
    ///
    /// ```
    /// use gatewright::token::TokenProfile;
    ///
    /// let profile = TokenProfile::keycloak("my-api").with_clients(["web", "phone"]);
    /// # let _ = profile;
    /// ```
    pub fn with_clients(mut self, clients: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let clients: Vec<String> = clients.into_iter().map(Into::into).collect();
        let unknown = matches!(self.client_names, ClientNames::Unknown);
        self.note(unknown, "`.with_clients()` is only for profiles whose tokens name a client");
        self.note(clients.is_empty() || clients.iter().any(String::is_empty), "the list of clients is empty");
        self.clients = Some(clients);
        self
    }

    /// Accepts the users of this tenant of Identity Platform, and no others. Only for
    /// [`firebase`](Self::firebase), which otherwise refuses the users of all tenants: `iss` and `aud` are the
    /// same for each tenant, and two tenants can have users with one `sub`.
    pub fn with_tenant(mut self, tenant: impl Into<String>) -> Self {
        let tenant = tenant.into();
        let other = !matches!(self.callers, Callers::Project(_));
        self.note(other, "`.with_tenant()` is only for `firebase`");
        self.note(tenant.is_empty(), "the tenant is empty");
        self.callers = Callers::Project(Some(tenant));
        self
    }

    /// Settings that leave a list of callers open, or identify users by a claim that can change.
    pub const fn dangerous(self) -> DangerousTokenProfile {
        DangerousTokenProfile(self)
    }

    /// What the profile accepts beyond RFC 9068, one sentence each. `build` logs them.
    #[must_use]
    pub fn deviations(&self) -> Vec<String> {
        crate::deviations::of(self)
    }

    pub(crate) fn with(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// Remembers the first problem.
    pub(crate) fn note(&mut self, wrong: bool, problem: &'static str) {
        if wrong && self.problem.is_none() {
            self.problem = Some(problem);
        }
    }

    /// An error if a part is not valid.
    pub(crate) fn check(&self) -> Result<(), BuildError> {
        if let Some(problem) = self.problem {
            return Err(BuildError::new("profile", problem));
        }
        let typed = self.untyped || !self.types.is_empty();
        require(
            typed && self.types.iter().all(|one| !one.is_empty()),
            "profile",
            "a `typ` is missing or empty",
        )?;
        let lifetime = !self.max_lifetime.is_zero() && self.max_lifetime <= MAX_PROFILE_LIFETIME;
        require(lifetime, "profile", "the longest lifetime must be above 0 and at most 30 days")
            .map_err(|error| error.with_found(format_args!("{:?}", self.max_lifetime)))?;
        let size = (MAX_TOKEN_BYTES..=MAX_PROFILE_TOKEN_BYTES).contains(&self.max_token_bytes);
        require(size, "profile", "the longest token must be 8 to 32 KiB")
            .map_err(|error| error.with_found(self.max_token_bytes))?;
        let spelled = matches!(self.callers, Callers::Tenants(_)) && !self.spellings.is_empty();
        require(!spelled, "profile", "the issuers of tenants have one spelling each")?;
        let complete = self.conditions.iter().all(Condition::is_valid);
        require(complete, "profile", "a required claim has no name, or a list of values is empty")
    }
}

impl Default for TokenProfile {
    fn default() -> Self {
        Self::rfc9068()
    }
}

/// Settings of a [`TokenProfile`] that weaken a check, from [`TokenProfile::dangerous`]. Each returns to the
/// profile.
#[derive(Debug)]
#[must_use]
pub struct DangerousTokenProfile(TokenProfile);

impl DangerousTokenProfile {
    /// Accepts the tokens of all tenants of [`TokenProfile::entra_id`]. The issuer must contain `{tenantid}`.
    ///
    /// Risk: anyone can create a tenant, and users in it with any name and address. A user is identified by
    /// issuer and subject together.
    pub fn with_all_tenants(mut self) -> TokenProfile {
        let other = !matches!(self.0.callers, Callers::Tenants(_));
        self.0.note(other, "`.with_all_tenants()` is only for `entra_id`");
        self.0.callers = Callers::Tenants(None);
        self.0
    }

    /// Accepts the tokens of all service accounts of the cluster of [`TokenProfile::kubernetes`].
    ///
    /// Risk: everyone who can start a pod in any namespace can call.
    pub fn with_all_service_accounts(mut self) -> TokenProfile {
        let other = !matches!(self.0.callers, Callers::ServiceAccounts(_));
        self.0.note(other, "`.with_all_service_accounts()` is only for `kubernetes`");
        self.0.callers = Callers::ServiceAccounts(None);
        self.0
    }

    /// Accepts the tokens of all repositories of [`TokenProfile::github_actions`].
    ///
    /// Risk: anyone can create a repository and choose the audience of its tokens. Every check of the caller
    /// is then the application's own.
    pub fn with_all_repositories(mut self) -> TokenProfile {
        let other = !matches!(self.0.callers, Callers::Repositories(_));
        self.0.note(other, "`.with_all_repositories()` is only for `github_actions`");
        self.0.callers = Callers::Repositories(None);
        self.0
    }

    /// Identifies users by another claim than `sub`, `oid` or `uid`.
    ///
    /// Risk: claims such as an address or a name can change, and can be given to another person, who then is
    /// the same user.
    pub fn with_subject_claim(mut self, name: impl Into<String>) -> TokenProfile {
        let name = name.into();
        self.0.note(name.is_empty(), "the claim that identifies the user is empty");
        self.0.subject = Some(name);
        self.0
    }
}
