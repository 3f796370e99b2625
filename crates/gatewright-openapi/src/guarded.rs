//! What guards demand, as an operation's security and its refusals.

use std::collections::BTreeMap;

use gatewright_core::{Demand, Denial, Requirement};
use serde_json::{Value, json};
use utoipa::openapi::{Response, SecurityRequirement};

use crate::denials::{Bodies, UNAVAILABLE};
use crate::need::{alternatives_of_all, as_json, asks_nothing, words_of_all};
use crate::schemes::{API_KEY, BEARER, OAUTH2};

/// All that guards one operation. Guards in front of each other must all let a request through.
#[derive(Debug, Clone, Default)]
pub(crate) struct Guarded {
    /// What users must have; `None` where no user is asked for.
    user: Option<Asked>,
    api_key: Option<Asked>,
}

#[derive(Debug, Clone)]
struct Asked {
    needs: Vec<Requirement>,
    is_optional: bool,
}

impl Guarded {
    /// Adds a guard, if it is of a kind that can be documented.
    #[must_use]
    pub(crate) fn add(&mut self, demand: Demand, is_optional: bool) -> bool {
        match demand {
            Demand::User(need) => add(&mut self.user, need, is_optional),
            Demand::ApiKey(need) => add(&mut self.api_key, need, is_optional),
            _ => return false,
        }
        true
    }

    /// Any user's token.
    pub(crate) fn by_user(is_optional: bool) -> Self {
        Self { user: Some(Asked { needs: Vec::new(), is_optional }), api_key: None }
    }

    /// An API key that meets a requirement.
    pub(crate) fn by_api_key(need: Requirement) -> Self {
        Self { user: None, api_key: Some(Asked { needs: vec![need], is_optional: false }) }
    }

    /// Whether nothing guards.
    pub(crate) const fn is_open(&self) -> bool {
        self.user.is_none() && self.api_key.is_none()
    }

    /// The scopes that tokens may need, for the scheme to list.
    pub(crate) fn token_scopes(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.user.iter().flat_map(|asked| &asked.needs).flat_map(Requirement::scopes)
    }

    /// Alternatives, each a set of credentials: a token by either scheme, a key, both, or nothing.
    pub(crate) fn security(&self) -> Vec<SecurityRequirement> {
        let tokens = self.user.as_ref().map(token_alternatives);
        let keys = self.api_key.as_ref().map(key_alternatives);
        let all = tokens.into_iter().chain(keys).reduce(|left, right| {
            left.iter().flat_map(|one| right.iter().map(move |other| joined(one, other))).collect()
        });
        all.unwrap_or_default().into_iter().map(requirement).collect()
    }

    /// The refusals, by status.
    pub(crate) fn responses(&self, bodies: Bodies) -> Vec<(u16, Response)> {
        let mut refusals = Vec::new();
        if self.user.is_some() {
            let description = "The `Authorization` header cannot be read, or is there twice.";
            refusals.push((400, bodies.response(400, description, &[Denial::MalformedCredentials])));
        }
        refusals.push((401, bodies.response(401, self.unauthenticated(), &self.unauthenticated_denials())));
        let denials = self.forbidden_denials();
        if !denials.is_empty() {
            refusals.push((403, bodies.response(403, &self.forbidden(), &denials)));
        }
        refusals.push((503, bodies.response(503, UNAVAILABLE, &[Denial::Unavailable])));
        refusals
    }

    /// What must be met, as programs read it, if it is more than a valid credential.
    pub(crate) fn as_json(&self) -> Option<Value> {
        let needs: Vec<Value> = self.needs().map(as_json).collect();
        match needs.as_slice() {
            [] => None,
            [one] => Some(one.clone()),
            all => Some(json!({ "allOf": all })),
        }
    }

    fn needs(&self) -> impl Iterator<Item = &Requirement> {
        [&self.user, &self.api_key].into_iter().flatten().flat_map(|asked| &asked.needs)
    }

    const fn unauthenticated(&self) -> &'static str {
        match (&self.user, &self.api_key) {
            (Some(Asked { is_optional: true, .. }), None) => "The token is there and not valid.",
            (_, None) => "There is no token, or it is not valid.",
            (None, Some(_)) => "There is no API key.",
            (Some(_), Some(_)) => "There is no API key, or no valid token.",
        }
    }

    fn unauthenticated_denials(&self) -> Vec<Denial> {
        match (&self.user, &self.api_key) {
            (None, Some(_)) => vec![Denial::NoApiKey],
            (Some(asked), None) if asked.is_optional => vec![Denial::InvalidToken],
            _ => vec![Denial::NotAuthenticated, Denial::InvalidToken],
        }
    }

    fn forbidden(&self) -> String {
        let needs: Vec<Requirement> = self.needs().copied().collect();
        let missing = (!needs.is_empty()).then(|| format!("Requires {}.", words_of_all(&needs)));
        let wrong_key = self.api_key.is_some().then(|| "The API key is not valid.".to_owned());
        [wrong_key, missing].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    fn forbidden_denials(&self) -> Vec<Denial> {
        let key = self.api_key.iter().map(|_| Denial::InvalidApiKey);
        let user = self.user.iter().filter(|asked| !asked.needs.is_empty());
        key.chain(user.map(|_| Denial::Forbidden(Vec::new()))).collect()
    }
}

fn add(side: &mut Option<Asked>, need: Requirement, is_optional: bool) {
    let asked = side.get_or_insert_with(|| Asked { needs: Vec::new(), is_optional: true });
    asked.is_optional &= is_optional;
    if !asks_nothing(&need) {
        asked.needs.push(need);
    }
}

/// Schemes that must all be satisfied, each with its scopes.
type Alternative = BTreeMap<&'static str, Vec<&'static str>>;

/// The OAuth2 scheme once per alternative of scopes, and the plain bearer token, whose scopes OpenAPI cannot say.
fn token_alternatives(asked: &Asked) -> Vec<Alternative> {
    let scopes = alternatives_of_all(&asked.needs).into_iter();
    let mut all: Vec<Alternative> =
        scopes.map(|scopes| Alternative::from([(OAUTH2, scopes.into_iter().collect())])).collect();
    if all.is_empty() {
        // Nobody may pass. The credential is asked for all the same; an empty list would say that anybody may.
        all.push(plain(OAUTH2));
    }
    all.push(plain(BEARER));
    or_nothing(all, asked)
}

fn key_alternatives(asked: &Asked) -> Vec<Alternative> {
    or_nothing(vec![plain(API_KEY)], asked)
}

fn or_nothing(mut all: Vec<Alternative>, asked: &Asked) -> Vec<Alternative> {
    if asked.is_optional {
        all.push(Alternative::new());
    }
    all
}

fn plain(scheme: &'static str) -> Alternative {
    Alternative::from([(scheme, Vec::new())])
}

fn joined(left: &Alternative, right: &Alternative) -> Alternative {
    left.iter().chain(right).map(|(scheme, scopes)| (*scheme, scopes.clone())).collect()
}

fn requirement(alternative: Alternative) -> SecurityRequirement {
    let none = SecurityRequirement::default();
    alternative.into_iter().fold(none, |all, (scheme, scopes)| all.add(scheme, scopes))
}
