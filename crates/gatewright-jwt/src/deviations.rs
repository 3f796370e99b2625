//! The deviations of a profile, as sentences for logs and documentation.

use gatewright_core::token::{MAX_ACCESS_LIFETIME, MAX_TOKEN_BYTES};

use crate::header::is_same_type;
use crate::profile::{Callers, TokenProfile};

pub(crate) fn of(profile: &TokenProfile) -> Vec<String> {
    let mut all = of_header(profile);
    all.extend(of_names(profile));
    all.extend(of_callers(profile));
    if profile.max_lifetime > MAX_ACCESS_LIFETIME {
        all.push(format!("a token may be valid for {} hours", profile.max_lifetime.as_secs() / 3600));
    }
    if profile.max_token_bytes > MAX_TOKEN_BYTES {
        all.push(format!("a token may have {} bytes", profile.max_token_bytes));
    }
    all
}

fn of_header(profile: &TokenProfile) -> Vec<String> {
    let other = profile.types.iter().filter(|one| !is_same_type(one, "at+jwt"));
    let mut all: Vec<String> = other.map(|one| format!("the header may have the `typ` {one}")).collect();
    if profile.untyped {
        all.push("the header may have no `typ`".to_owned());
    }
    all.extend(
        profile
            .ignored
            .iter()
            .map(|member| format!("the header may have `{}`, which is ignored", member.name())),
    );
    all
}

fn of_names(profile: &TokenProfile) -> Vec<String> {
    let mut all: Vec<String> =
        profile.spellings.iter().map(|spelling| format!("`iss` may be {spelling}")).collect();
    if profile.audiences.len() > 1 {
        all.push(format!("`aud` may contain any of {}", profile.audiences.join(", ")));
    }
    if let Some((name, clients)) = &profile.client {
        all.push(format!("without `aud`, `{name}` may be any of {}", clients.join(", ")));
    }
    let subject = profile.subject.iter().filter(|name| *name != "sub");
    all.extend(subject.map(|name| format!("`{name}` identifies the user instead of `sub`")));
    all
}

fn of_callers(profile: &TokenProfile) -> Vec<String> {
    let mut all = Vec::new();
    all.extend(match &profile.callers {
        Callers::Tenants(None) => Some("users of all tenants are accepted".to_owned()),
        Callers::Tenants(Some(tenants)) if tenants.len() > 1 => {
            Some(format!("users of the tenants {} are accepted", tenants.join(", ")))
        }
        Callers::ServiceAccounts(None) => Some("all service accounts of the cluster are accepted".to_owned()),
        Callers::Repositories(None) => Some("workflows of all repositories are accepted".to_owned()),
        _ => None,
    });
    if profile.anonymous.allowed {
        all.push("anonymous users are accepted".to_owned());
    }
    if profile.own_clients.allowed {
        all.push("clients that act for themselves are accepted".to_owned());
    }
    all
}
