//! The guards of one operation, as its `security` and its error responses.

use std::collections::BTreeMap;
use std::time::Duration;

use gatewright_core::{AccessRule, Denial, Requirement};
use serde_json::{Value, json};
use utoipa::openapi::{Response, SecurityRequirement};

use crate::denials::{Bodies, UNAVAILABLE};
use crate::requirement::{alternatives_of_all, as_json, is_met_by_any_credential, words_of_all};
use crate::schemes::{API_KEY, BEARER, OAUTH2};

/// All guards of one operation. A request must pass every one of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Guards {
    /// What the user must have; `None` if no guard asks for a user.
    user: Option<Needed>,
    /// What the API key must have; `None` if no guard asks for a key.
    api_key: Option<Needed>,
}

/// What the guards require of one kind of credential.
#[derive(Debug, Clone)]
struct Needed {
    requirements: Vec<Requirement>,
    /// Whether requests without this credential pass.
    is_optional: bool,
}

impl Guards {
    /// Adds a guard. Returns `false` if this version cannot document the rule.
    #[must_use]
    pub(crate) fn add(&mut self, rule: AccessRule, is_optional: bool) -> bool {
        match rule {
            AccessRule::User(requirement) => add(&mut self.user, requirement, is_optional),
            AccessRule::ApiKey(requirement) => add(&mut self.api_key, requirement, is_optional),
            _ => return false,
        }
        true
    }

    /// Any user's token.
    pub(crate) fn by_user(is_optional: bool) -> Self {
        Self { user: Some(Needed { requirements: Vec::new(), is_optional }), api_key: None }
    }

    /// An API key that meets a requirement.
    pub(crate) fn by_api_key(requirement: Requirement) -> Self {
        let needed = Needed { requirements: vec![requirement], is_optional: false };
        Self { user: None, api_key: Some(needed) }
    }

    /// Whether there are no guards.
    pub(crate) const fn is_empty(&self) -> bool {
        self.user.is_none() && self.api_key.is_none()
    }

    /// All scopes that the guards name for tokens. The OAuth2 scheme lists them.
    pub(crate) fn token_scopes(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.user.iter().flat_map(|user| &user.requirements).flat_map(Requirement::scopes)
    }

    /// The alternatives for the operation's `security`. Each is a set of credentials: a token under
    /// either scheme, an API key, a token and a key, or none.
    pub(crate) fn security(&self) -> Vec<SecurityRequirement> {
        let tokens = self.user.as_ref().map(token_alternatives);
        let keys = self.api_key.as_ref().map(|key| with_optional(vec![without_scopes(API_KEY)], key));
        let all = tokens.into_iter().chain(keys).reduce(|left, right| {
            left.iter().flat_map(|one| right.iter().map(move |other| joined(one, other))).collect()
        });
        all.unwrap_or_default().into_iter().map(security_requirement).collect()
    }

    /// The error responses, by status.
    pub(crate) fn responses(&self, bodies: Bodies) -> Vec<(u16, Response)> {
        let mut responses = Vec::new();
        if self.user.is_some() {
            let description = "The `Authorization` header is malformed or repeated.";
            responses.push((400, bodies.response(400, description, &[Denial::MalformedCredentials])));
        }
        let (description, denials) = self.unauthenticated();
        responses.push((401, bodies.response(401, description, &denials)));
        let denials = self.forbidden_denials();
        if !denials.is_empty() {
            responses.push((403, bodies.response(403, &self.forbidden(), &denials)));
        }
        if self.api_key.is_some() {
            let limited = Denial::TooManyAttempts(Duration::from_secs(1));
            let description = "The API key is invalid, after too many refused requests.";
            responses.push((429, bodies.response(429, description, &[limited])));
        }
        responses.push((503, bodies.response(503, UNAVAILABLE, &[Denial::Unavailable])));
        responses
    }

    /// What a caller needs besides a valid credential, as JSON; `None` if that is nothing.
    pub(crate) fn as_json(&self) -> Option<Value> {
        let requirements: Vec<Value> = self.requirements().map(as_json).collect();
        match requirements.as_slice() {
            [] => None,
            [one] => Some(one.clone()),
            all => Some(json!({ "allOf": all })),
        }
    }

    fn requirements(&self) -> impl Iterator<Item = &Requirement> {
        [&self.user, &self.api_key].into_iter().flatten().flat_map(|needed| &needed.requirements)
    }

    fn unauthenticated(&self) -> (&'static str, Vec<Denial>) {
        let both = vec![Denial::NotAuthenticated, Denial::InvalidToken];
        match (&self.user, &self.api_key) {
            (None, Some(_)) => ("The API key is missing.", vec![Denial::NoApiKey]),
            (Some(_), Some(_)) => ("The API key is missing, or the token is missing or invalid.", both),
            (Some(user), None) if user.is_optional => {
                ("A token is present and invalid.", vec![Denial::InvalidToken])
            }
            (_, None) => ("The token is missing or invalid.", both),
        }
    }

    fn forbidden(&self) -> String {
        let requirements: Vec<Requirement> = self.requirements().copied().collect();
        let missing =
            (!requirements.is_empty()).then(|| format!("Requires {}.", words_of_all(&requirements)));
        let wrong_key = self.api_key.is_some().then(|| "The API key is invalid.".to_owned());
        [wrong_key, missing].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    fn forbidden_denials(&self) -> Vec<Denial> {
        let key = self.api_key.iter().map(|_| Denial::InvalidApiKey);
        let user = self.user.iter().filter(|user| !user.requirements.is_empty());
        key.chain(user.map(|_| Denial::Forbidden(Vec::new()))).collect()
    }
}

fn add(credential: &mut Option<Needed>, requirement: Requirement, is_optional: bool) {
    let needed = credential.get_or_insert_with(|| Needed { requirements: Vec::new(), is_optional: true });
    needed.is_optional &= is_optional;
    if !is_met_by_any_credential(&requirement) {
        needed.requirements.push(requirement);
    }
}

/// The schemes that one alternative combines, each with its scopes.
type Alternative = BTreeMap<&'static str, Vec<&'static str>>;

/// The OAuth2 scheme once for each alternative set of scopes, and the plain bearer token. OpenAPI
/// cannot list the scopes of a bearer token.
fn token_alternatives(user: &Needed) -> Vec<Alternative> {
    let scopes = alternatives_of_all(&user.requirements).into_iter();
    let mut all: Vec<Alternative> =
        scopes.map(|scopes| Alternative::from([(OAUTH2, scopes.into_iter().collect())])).collect();
    if all.is_empty() {
        // No caller can pass this guard. An empty list would mean that the operation is public.
        all.push(without_scopes(OAUTH2));
    }
    all.push(without_scopes(BEARER));
    with_optional(all, user)
}

fn with_optional(mut all: Vec<Alternative>, needed: &Needed) -> Vec<Alternative> {
    if needed.is_optional {
        all.push(Alternative::new());
    }
    all
}

fn without_scopes(scheme: &'static str) -> Alternative {
    Alternative::from([(scheme, Vec::new())])
}

fn joined(left: &Alternative, right: &Alternative) -> Alternative {
    left.iter().chain(right).map(|(scheme, scopes)| (*scheme, scopes.clone())).collect()
}

fn security_requirement(alternative: Alternative) -> SecurityRequirement {
    let empty = SecurityRequirement::default();
    alternative.into_iter().fold(empty, |all, (scheme, scopes)| all.add(scheme, scopes))
}
