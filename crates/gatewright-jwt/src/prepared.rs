//! A profile as verification uses it: checked once, with everything that it compares prepared.

use std::sync::Arc;

use gatewright_core::{BuildError, TokenError, TokenKind};
use serde_json::{Map, Value};

use crate::builder::require;
use crate::claims::RawClaims;
use crate::conditions::{ClaimValue, Condition, ServiceAccount, select};
use crate::header::{Header, is_same_type};
use crate::profile::{Callers, ClientNames, GithubId, TokenProfile};

/// What an issuer of several tenants writes for the tenant: in its metadata, and in the `issuer` of keys
/// that sign for all of them.
const TENANT: &str = "{tenantid}";

/// Names for several tenants at once. No token is from one of them.
const TENANT_NAMES: [&str; 3] = ["common", "organizations", "consumers"];

/// The tenant of all personal accounts. A list must not contain it: everyone can have such an account.
const PERSONAL_ACCOUNTS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// A profile with the issuer and the audience of its verifier.
#[derive(Debug)]
pub(crate) struct Prepared {
    types: Vec<String>,
    untyped: bool,
    pub(crate) needs_token_id: bool,
    /// The verifier's issuer.
    issuer: Arc<str>,
    spellings: Vec<String>,
    tenants: Option<Tenants>,
    pub(crate) audiences: Vec<Arc<str>>,
    client: Option<(String, Vec<Arc<str>>)>,
    subject: Option<String>,
    ignored: Vec<&'static str>,
    conditions: Vec<Condition>,
    /// The names of all claims that are read.
    names: Vec<String>,
}

/// The issuers of tenants: the same text around the id of the tenant.
#[derive(Debug)]
struct Tenants {
    before: String,
    after: String,
    /// `None` accepts every tenant.
    listed: Option<Vec<String>>,
}

/// The claims of a token that the profile reads.
pub(crate) struct ProfileClaims(Map<String, Value>);

impl TokenProfile {
    /// Checks the profile, and combines it with the verifier's issuer and audience, which may be empty if the
    /// profile has them.
    pub(crate) fn prepare(&self, issuer: &str, audience: &str) -> Result<Prepared, BuildError> {
        self.check()?;
        self.check_types()?;
        let issuer = if issuer.is_empty() { self.issuer.as_deref().unwrap_or_default() } else { issuer };
        let client = self.client.as_ref().map(|(name, clients)| (name.clone(), shared(clients)));
        let tenants = match &self.callers {
            Callers::Tenants(listed) => Some(Tenants::new(issuer, listed.as_deref())?),
            _ => None,
        };
        let mut prepared = Prepared {
            types: self.types.clone(),
            untyped: self.untyped,
            needs_token_id: self.needs_token_id,
            issuer: Arc::from(issuer),
            spellings: self.spellings.clone(),
            tenants,
            audiences: self.all_audiences(audience)?,
            client,
            subject: self.subject.clone().filter(|name| name != "sub"),
            ignored: self.ignored.iter().map(|member| member.name()).collect(),
            conditions: self.all_conditions()?,
            names: Vec::new(),
        };
        prepared.names = prepared.names();
        Ok(prepared)
    }

    /// An error if the type of another kind of our own tokens is accepted.
    fn check_types(&self) -> Result<(), BuildError> {
        let kinds = TokenKind::ALL.into_iter().filter(|kind| *kind != TokenKind::Access);
        let taken =
            self.types.iter().find(|own| kinds.clone().any(|kind| is_same_type(kind.media_type(), own)));
        let Some(taken) = taken else { return Ok(()) };
        let other = BuildError::new("profile", "a `typ` must not be the type of another token kind");
        Err(other.with_found(taken))
    }

    fn all_audiences(&self, audience: &str) -> Result<Vec<Arc<str>>, BuildError> {
        let own = self.audiences.is_empty();
        if own && !audience.is_empty() {
            return Ok(vec![Arc::from(audience)]);
        }
        let named = audience.is_empty() || self.audiences.iter().any(|one| one == audience);
        let problem = "must be one of the profile's audiences, or not be set";
        require(named, "audience", problem).map_err(|error| error.with_found(audience))?;
        Ok(shared(&self.audiences))
    }

    fn all_conditions(&self) -> Result<Vec<Condition>, BuildError> {
        let mut all = self.conditions.clone();
        match &self.callers {
            Callers::ServiceAccounts(accounts) => {
                let accounts = accounts.as_ref().map(|all| service_accounts(all)).transpose()?;
                all.push(Condition::ServiceAccount(accounts));
            }
            Callers::Repositories(ids) => all.push(repositories(ids.as_deref())?),
            Callers::Project(tenant) => all.push(project(tenant.as_deref())),
            Callers::Undivided | Callers::Tenants(_) => {}
        }
        all.extend(self.anonymous.conditions().iter().chain(self.own_clients.conditions()).cloned());
        all.extend(self.requesting_client());
        Ok(all)
    }

    /// The requirement on the client that requested the token.
    fn requesting_client(&self) -> Option<Condition> {
        let listed = || self.clients.iter().flatten().cloned().map(ClaimValue::Text).collect::<Vec<_>>();
        match (self.client_names, &self.clients) {
            (ClientNames::Unknown, _) | (ClientNames::Claims(_), None) => None,
            (ClientNames::Claims(names), Some(_)) => {
                Some(Condition::OneOf(names.iter().map(|name| ((*name).into(), listed())).collect()))
            }
            (ClientNames::OtherParties(name), None) => Some(Condition::Absent(name.into())),
            (ClientNames::OtherParties(name), Some(_)) => Some(Condition::AbsentOr(name.into(), listed())),
        }
    }
}

fn shared(texts: &[String]) -> Vec<Arc<str>> {
    texts.iter().map(|text| Arc::from(text.as_str())).collect()
}

fn service_accounts(accounts: &[String]) -> Result<Vec<ServiceAccount>, BuildError> {
    let none = "the list of namespaces and service accounts is empty; all of them need `.dangerous()`";
    require(!accounts.is_empty(), "profile", none)?;
    let parse = |text: &String| {
        let problem = "must be a namespace, or a namespace and a service account as `namespace:name`";
        ServiceAccount::parse(text).ok_or_else(|| BuildError::new("profile", problem).with_found(text))
    };
    accounts.iter().map(parse).collect()
}

/// The users of the project itself, or of one tenant of it.
fn project(tenant: Option<&str>) -> Condition {
    let path = ["firebase", "tenant"].into();
    match tenant {
        None => Condition::Absent(path),
        Some(tenant) => Condition::OneOf(vec![(path, vec![tenant.into()])]),
    }
}

/// The owner or the repository is listed. For all repositories, the claims must still be there.
fn repositories(ids: Option<&[GithubId]>) -> Result<Condition, BuildError> {
    let (owner, repository) = ("repository_owner_id", "repository_id");
    let Some(ids) = ids else { return Ok(Condition::Text(vec![repository.into()])) };
    let none = "the list of owners and repositories is empty; all of them need `.dangerous()`";
    require(!ids.is_empty(), "profile", none)?;
    let (mut owners, mut repositories) = (Vec::new(), Vec::new());
    for id in ids {
        match id {
            GithubId::Owner(id) => owners.push(ClaimValue::Text(id.to_string())),
            GithubId::Repository(id) => repositories.push(ClaimValue::Text(id.to_string())),
        }
    }
    let options = [(owner.into(), owners), (repository.into(), repositories)];
    Ok(Condition::OneOf(options.into_iter().filter(|(_, values)| !values.is_empty()).collect()))
}

impl Tenants {
    fn new(issuer: &str, listed: Option<&[String]>) -> Result<Self, BuildError> {
        let none = "the list of tenants is empty; all tenants need `.dangerous()`";
        require(listed.is_none_or(|all| !all.is_empty()), "profile", none)?;
        let wrong = |tenant: &&String| !is_tenant(tenant) || tenant.eq_ignore_ascii_case(PERSONAL_ACCOUNTS);
        if let Some(wrong) = listed.into_iter().flatten().find(wrong) {
            let problem = "must be the id of one tenant, and not that of all personal accounts";
            return Err(BuildError::new("profile", problem).with_found(wrong));
        }
        let (before, after) = split(issuer, listed.unwrap_or_default()).ok_or_else(|| {
            let problem = "must contain `{tenantid}` or, once, the id of a tenant of the profile";
            BuildError::new("issuer", problem).with_found(issuer)
        })?;
        Ok(Self { before, after, listed: listed.map(<[String]>::to_vec) })
    }

    /// The tenant of this issuer, if it is accepted.
    fn tenant<'i>(&self, issuer: &'i str) -> Option<&'i str> {
        let tenant = issuer.strip_prefix(self.before.as_str())?.strip_suffix(self.after.as_str())?;
        let accepted = match &self.listed {
            Some(listed) => listed.iter().any(|own| own == tenant),
            None => is_tenant(tenant),
        };
        accepted.then_some(tenant)
    }
}

/// Letters, digits and hyphens: a UUID.
fn is_tenant(text: &str) -> bool {
    let valid = !text.is_empty() && text.len() <= 64;
    let named = TENANT_NAMES.iter().any(|name| name.eq_ignore_ascii_case(text));
    valid && !named && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The texts before and after the tenant in the issuer.
fn split(issuer: &str, tenants: &[String]) -> Option<(String, String)> {
    if let Some((before, after)) = issuer.split_once(TENANT) {
        return (!after.contains(TENANT)).then(|| (before.to_owned(), after.to_owned()));
    }
    let segments: Vec<&str> = issuer.split('/').collect();
    let is_listed = |segment: &&str| tenants.iter().any(|tenant| tenant == segment);
    let at = segments.iter().position(is_listed)?;
    let (before, rest) = (segments.get(..at)?, segments.get(at + 1..)?);
    if rest.iter().any(is_listed) {
        return None;
    }
    let end = |rest: &[&str]| rest.iter().map(|segment| format!("/{segment}")).collect::<String>();
    let start = before.iter().map(|segment| format!("{segment}/")).collect();
    Some((start, end(rest)))
}

impl Prepared {
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.conditions.iter().flat_map(Condition::roots).map(str::to_owned).collect();
        names.extend(self.tenants.iter().map(|_| "tid".to_owned()));
        names.extend(self.client.iter().map(|(name, _)| name.clone()));
        names.extend(self.subject.clone());
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The verifier's issuer: of several spellings or tenants, the configured one.
    pub(crate) const fn issuer(&self) -> &Arc<str> {
        &self.issuer
    }

    /// The members of the header that are ignored.
    pub(crate) fn ignored_headers(&self) -> &[&'static str] {
        &self.ignored
    }

    /// Whether `typ` is one of an access token.
    pub(crate) fn accepts_type(&self, header: &Header<'_>) -> bool {
        match header.media_type.as_deref() {
            Some(_) => self.types.iter().any(|own| header.is_of(own)),
            None => self.untyped,
        }
    }

    /// Whether a token with this `iss` can be accepted.
    pub(crate) fn accepts_issuer(&self, issuer: &str) -> bool {
        match &self.tenants {
            Some(tenants) => tenants.tenant(issuer).is_some(),
            None => *issuer == *self.issuer || self.spellings.iter().any(|own| own == issuer),
        }
    }

    /// Whether the `issuer` of a key restricts what it signs.
    pub(crate) const fn binds_keys(&self) -> bool {
        self.tenants.is_some()
    }

    /// Reads the claims that the profile needs.
    pub(crate) fn select(&self, payload: &str) -> Result<ProfileClaims, TokenError> {
        if self.names.is_empty() {
            Ok(ProfileClaims(Map::new()))
        } else {
            select(payload, &self.names).map(ProfileClaims)
        }
    }

    /// Checks `iss`, and returns the issuer of the token's user: one for all spellings, one for each tenant.
    /// `key` is the issuer that the key names.
    pub(crate) fn check_issuer(
        &self,
        issuer: &str,
        claims: &ProfileClaims,
        key: Option<&str>,
    ) -> Result<Arc<str>, TokenError> {
        let Some(tenants) = &self.tenants else {
            return if self.accepts_issuer(issuer) {
                Ok(Arc::clone(&self.issuer))
            } else {
                Err(TokenError::Issuer)
            };
        };
        let tenant = tenants.tenant(issuer).ok_or(TokenError::Issuer)?;
        let named = claims.text("tid")?.ok_or(TokenError::ClaimMissing)?;
        let of_key = key.is_none_or(|key| key.replace(TENANT, tenant) == issuer);
        if named == tenant && of_key { Ok(Arc::from(issuer)) } else { Err(TokenError::Issuer) }
    }

    /// Checks `aud`, or the claim that replaces it. Returns what matched.
    pub(crate) fn check_audience(
        &self,
        raw: &RawClaims<'_>,
        claims: &ProfileClaims,
    ) -> Result<Arc<str>, TokenError> {
        let Some(matched) = raw.audience else { return self.check_client(claims) };
        matched.and_then(|at| self.audiences.get(at)).cloned().ok_or(TokenError::Audience)
    }

    fn check_client(&self, claims: &ProfileClaims) -> Result<Arc<str>, TokenError> {
        let (name, clients) = self.client.as_ref().ok_or(TokenError::ClaimMissing)?;
        let client = claims.text(name)?.ok_or(TokenError::ClaimMissing)?;
        clients.iter().find(|own| ***own == *client).cloned().ok_or(TokenError::Audience)
    }

    /// Checks the further requirements.
    pub(crate) fn check_conditions(&self, claims: &ProfileClaims) -> Result<(), TokenError> {
        self.conditions.iter().try_for_each(|condition| condition.check(&claims.0))
    }

    /// The claim that identifies the user: `sub`, which was read before, or another one.
    pub(crate) fn subject<'c>(
        &self,
        sub: Option<&'c str>,
        claims: &'c ProfileClaims,
    ) -> Result<Option<&'c str>, TokenError> {
        match &self.subject {
            None => Ok(sub),
            Some(name) => claims.text(name),
        }
    }
}

impl ProfileClaims {
    /// A claim that is a string. `None` if it is absent.
    fn text(&self, name: &str) -> Result<Option<&str>, TokenError> {
        self.0.get(name).map(|value| value.as_str().ok_or(TokenError::ClaimType)).transpose()
    }
}
