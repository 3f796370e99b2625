//! The profile of `gatewright token verify`: a name, or a TOML file that composes one.

use std::fs;
use std::path::Path;
use std::time::Duration;

use gatewright_jwt::{ClaimPath, ClaimValue, GithubId, HeaderMember, TokenProfile};
use serde::Deserialize;

use crate::output::Failure;

/// The names of the profiles, for the help text.
pub(crate) const NAMES: [&str; 14] = [
    "rfc9068",
    "auth0",
    "entra_id",
    "okta",
    "cognito",
    "keycloak",
    "google_id_token",
    "firebase",
    "supabase",
    "kubernetes",
    "spring_authorization_server",
    "ory_hydra",
    "cloud_foundry_uaa",
    "github_actions",
];

/// What a profile takes besides its name.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    /// Audiences, clients or the project, by the profile.
    pub(crate) names: Vec<String>,
    /// Tenants, namespaces and service accounts, or owners and repositories.
    pub(crate) callers: Vec<String>,
}

/// Reads a profile: a name of [`NAMES`], or the path of a file that ends with `.toml`.
pub(crate) fn read(text: &str, lists: Lists) -> Result<TokenProfile, Failure> {
    if !Path::new(text).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml")) {
        return named(text, lists);
    }
    if !lists.callers.is_empty() {
        return Err(format!("--allow is for the name of a profile; write the list into {text}"));
    }
    let document = fs::read_to_string(text).map_err(|error| format!("{text}: {error}"))?;
    let composed: Composed = toml::from_str(&document).map_err(|error| format!("{text}: {error}"))?;
    composed.profile(lists.names).map_err(|error| format!("{text}: {error}"))
}

fn named(name: &str, lists: Lists) -> Result<TokenProfile, Failure> {
    let Lists { names, callers } = lists;
    if !NAMES.contains(&name) {
        // The name is not repeated: it may be a token.
        return Err(format!("--profile: must be a file .toml, or {}", NAMES.join(", ")));
    }
    let takes_callers = matches!(name, "entra_id" | "kubernetes" | "github_actions");
    if !callers.is_empty() && !takes_callers {
        return Err(format!("{name}: has no list of callers; remove --allow"));
    }
    if names.len() > 1 && !matches!(name, "cognito" | "google_id_token") {
        return Err(format!("{name}: takes one audience; several belong into a file .toml as `audiences`"));
    }
    let one = || match names.as_slice() {
        [one] => Ok(one.clone()),
        _ => Err(format!("{name}: needs one audience; add --audience")),
    };
    Ok(match name {
        "rfc9068" => TokenProfile::rfc9068(),
        "auth0" => TokenProfile::auth0(),
        "entra_id" => TokenProfile::entra_id(one()?, callers),
        "okta" => TokenProfile::okta(),
        "cognito" => TokenProfile::cognito(names),
        "keycloak" => TokenProfile::keycloak(one()?),
        "google_id_token" => TokenProfile::google_id_token(names),
        "firebase" => TokenProfile::firebase(one()?),
        "supabase" => TokenProfile::supabase(),
        "kubernetes" => TokenProfile::kubernetes(one()?, callers),
        "spring_authorization_server" => TokenProfile::spring_authorization_server(),
        "ory_hydra" => TokenProfile::ory_hydra(),
        "cloud_foundry_uaa" => TokenProfile::cloud_foundry_uaa(),
        _ => TokenProfile::github_actions(one()?, github_ids(&callers)?),
    })
}

/// Reads `owner:ID` and `repository:ID`.
fn github_ids(texts: &[String]) -> Result<Vec<GithubId>, Failure> {
    let read = |text: &String| match text.split_once(':') {
        Some(("owner", id)) => id.parse().ok().map(GithubId::Owner),
        Some(("repository", id)) => id.parse().ok().map(GithubId::Repository),
        _ => None,
    };
    let wrong = || "github_actions: a caller must be `owner:` or `repository:` and a number".to_owned();
    texts.iter().map(|text| read(text).ok_or_else(wrong)).collect()
}

/// A file: a profile to start with, and parts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Composed {
    #[serde(default = "rfc9068")]
    profile: String,
    /// For profiles that take clients or a project, instead of `--audience`.
    #[serde(default)]
    names: Vec<String>,
    /// The clients that may have requested the tokens.
    clients: Option<Vec<String>>,
    tenant: Option<String>,
    /// What `--allow` takes.
    #[serde(default)]
    allow: Vec<String>,
    types: Option<Vec<String>>,
    #[serde(default)]
    without_type: bool,
    token_id: Option<TokenIdRule>,
    audiences: Option<Vec<String>>,
    client_claim: Option<ClientClaim>,
    #[serde(default)]
    issuer_spellings: Vec<String>,
    subject_claim: Option<String>,
    max_lifetime_seconds: Option<u64>,
    max_token_bytes: Option<usize>,
    #[serde(default)]
    ignored_headers: Vec<Ignored>,
    #[serde(default)]
    required_claims: Vec<RequiredClaim>,
    #[serde(default)]
    present_claims: Vec<Claim>,
    #[serde(default)]
    absent_claims: Vec<Claim>,
    #[serde(default)]
    allow_anonymous: bool,
    #[serde(default)]
    allow_clients: bool,
    #[serde(default)]
    dangerous: Dangerous,
}

fn rfc9068() -> String {
    "rfc9068".to_owned()
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum TokenIdRule {
    Optional,
    Required,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientClaim {
    name: String,
    clients: Vec<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Ignored {
    Jku,
    X5u,
    X5c,
}

/// The name of a claim, or the names of nested members.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Claim {
    Name(String),
    Path(Vec<String>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RequiredClaim {
    claim: Claim,
    values: Vec<RequiredValue>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum RequiredValue {
    Bool(bool),
    Number(u64),
    Text(String),
}

/// The settings behind `.dangerous()`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dangerous {
    #[serde(default)]
    all_tenants: bool,
    #[serde(default)]
    all_service_accounts: bool,
    #[serde(default)]
    all_repositories: bool,
    subject_claim: Option<String>,
}

impl Composed {
    fn profile(self, audiences: Vec<String>) -> Result<TokenProfile, Failure> {
        let names = if self.names.is_empty() { audiences } else { self.names };
        let mut profile = named(&self.profile, Lists { names, callers: self.allow })?;
        if let Some(types) = self.types {
            profile = profile.with_types(types);
        }
        if self.without_type {
            profile = profile.without_type();
        }
        profile = match self.token_id {
            Some(TokenIdRule::Optional) => profile.with_optional_token_id(),
            Some(TokenIdRule::Required) => profile.with_required_token_id(),
            None => profile,
        };
        if let Some(audiences) = self.audiences {
            profile = profile.with_audiences(audiences);
        }
        if let Some(ClientClaim { name, clients }) = self.client_claim {
            profile = profile.with_client_claim(name, clients);
        }
        if let Some(name) = self.subject_claim {
            profile = profile.with_subject_claim(name);
        }
        if let Some(seconds) = self.max_lifetime_seconds {
            profile = profile.with_max_lifetime(Duration::from_secs(seconds));
        }
        if let Some(bytes) = self.max_token_bytes {
            profile = profile.with_max_token_bytes(bytes);
        }
        if let Some(clients) = self.clients {
            profile = profile.with_clients(clients);
        }
        if let Some(tenant) = self.tenant {
            profile = profile.with_tenant(tenant);
        }
        if self.allow_anonymous {
            profile = profile.allow_anonymous();
        }
        if self.allow_clients {
            profile = profile.allow_clients();
        }
        profile = self.issuer_spellings.into_iter().fold(profile, TokenProfile::with_issuer_spelling);
        profile = self
            .ignored_headers
            .into_iter()
            .fold(profile, |own, member| own.with_ignored_header(member.into()));
        for RequiredClaim { claim, values } in self.required_claims {
            profile = profile.with_required_claim(claim, values);
        }
        profile = self.present_claims.into_iter().fold(profile, TokenProfile::with_present_claim);
        profile = self.absent_claims.into_iter().fold(profile, TokenProfile::with_absent_claim);
        Ok(self.dangerous.apply(profile))
    }
}

impl Dangerous {
    fn apply(self, mut profile: TokenProfile) -> TokenProfile {
        if self.all_tenants {
            profile = profile.dangerous().with_all_tenants();
        }
        if self.all_service_accounts {
            profile = profile.dangerous().with_all_service_accounts();
        }
        if self.all_repositories {
            profile = profile.dangerous().with_all_repositories();
        }
        match self.subject_claim {
            Some(name) => profile.dangerous().with_subject_claim(name),
            None => profile,
        }
    }
}

impl From<Ignored> for HeaderMember {
    fn from(member: Ignored) -> Self {
        match member {
            Ignored::Jku => Self::Jku,
            Ignored::X5u => Self::X5u,
            Ignored::X5c => Self::X5c,
        }
    }
}

impl From<Claim> for ClaimPath {
    fn from(claim: Claim) -> Self {
        match claim {
            Claim::Name(name) => name.into(),
            Claim::Path(names) => names.into(),
        }
    }
}

impl From<RequiredValue> for ClaimValue {
    fn from(value: RequiredValue) -> Self {
        match value {
            RequiredValue::Bool(value) => value.into(),
            RequiredValue::Number(number) => number.into(),
            RequiredValue::Text(text) => text.into(),
        }
    }
}
