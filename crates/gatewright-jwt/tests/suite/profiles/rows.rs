//! One row for each profile: a token that it accepts, tokens of the issuer's other kinds, tokens of other
//! callers. Values are invented, shapes are those that the issuers document.
//!
//! All other tokens are for the audience of the access token, as if the API and its client had one name: the
//! profile, not the audience, must tell them apart.

use gatewright_core::TokenError;
use gatewright_jwt::{GithubId, TokenProfile};
use serde_json::{Value, json};

use super::signing::{KID, with};

/// A token that is not accepted.
pub(super) struct Rejected {
    pub(super) what: &'static str,
    pub(super) header: Value,
    pub(super) claims: Value,
    pub(super) error: TokenError,
}

pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) profile: fn() -> TokenProfile,
    pub(super) issuer: &'static str,
    /// Empty if the profile has audiences or clients.
    pub(super) audience: &'static str,
    pub(super) header: Value,
    pub(super) claims: Value,
    /// ID, refresh and logout tokens. Empty if the issuer has none that are JWTs.
    pub(super) kinds: Vec<Rejected>,
    /// Tokens of another tenant, client, repository, service account or audience.
    pub(super) callers: Vec<Rejected>,
}

impl Row {
    fn new(
        name: &'static str,
        profile: fn() -> TokenProfile,
        issuer: &'static str,
        [header, claims]: [Value; 2],
    ) -> Self {
        let header = with(&json!({"alg": "RS256", "kid": KID}), &header);
        let claims = with(&json!({"iss": issuer, "iat": 1_700_000_000, "exp": 1_700_003_600}), &claims);
        Self { name, profile, issuer, audience: "", header, claims, kinds: Vec::new(), callers: Vec::new() }
    }

    fn audience(self, audience: &'static str) -> Self {
        Self { audience, ..self }
    }

    /// Adds a token of another kind: the access token with these changes of header and claims.
    fn kind(mut self, what: &'static str, changes: [Value; 2], error: TokenError) -> Self {
        let rejected = self.changed(what, &changes, error);
        self.kinds.push(rejected);
        self
    }

    /// Adds a token of another caller: the access token with these changes of the claims.
    fn caller(mut self, what: &'static str, changes: Value, error: TokenError) -> Self {
        let rejected = self.changed(what, &[json!({}), changes], error);
        self.callers.push(rejected);
        self
    }

    fn changed(&self, what: &'static str, [header, claims]: &[Value; 2], error: TokenError) -> Rejected {
        Rejected { what, header: with(&self.header, header), claims: with(&self.claims, claims), error }
    }
}

/// Both changes together.
fn both(one: &Value, other: &Value) -> Value {
    let mut both = one.clone();
    both.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
    both
}

/// The changes that make a logout token of an access token (OpenID Connect Back-Channel Logout §2.4).
fn logout() -> Value {
    json!({"events": {"http://schemas.openid.net/event/backchannel-logout": {}}, "sid": "s1"})
}

pub(super) fn rows() -> Vec<Row> {
    vec![
        rfc9068(),
        auth0(),
        entra_id(),
        okta(),
        cognito(),
        keycloak(),
        google_id_token(),
        firebase(),
        supabase(),
        kubernetes(),
        spring_authorization_server(),
        ory_hydra(),
        cloud_foundry_uaa(),
        github_actions(),
    ]
}

pub(super) fn row(name: &str) -> Row {
    rows().into_iter().find(|row| row.name == name).unwrap()
}

fn rfc9068() -> Row {
    let claims = json!({"sub": "42", "aud": "my-api", "jti": "1", "client_id": "web", "scope": "items:read"});
    Row::new("rfc9068", TokenProfile::rfc9068, "https://issuer.example", [json!({"typ": "at+jwt"}), claims])
        .audience("my-api")
        .kind("ID", [json!({"typ": "JWT"}), json!({"client_id": null, "nonce": "n"})], TokenError::Kind)
        .kind("refresh", [json!({"typ": "rt+jwt"}), json!({})], TokenError::Kind)
        .kind("logout", [json!({"typ": "logout+jwt"}), logout()], TokenError::Kind)
        .caller("audience", json!({"aud": "other"}), TokenError::Audience)
}

fn auth0() -> Row {
    let issuer = "https://tenant.example/";
    let claims = json!({
        "sub": "auth0|65a1", "aud": ["https://my-api", "https://tenant.example/userinfo"], "azp": "web",
        "scope": "openid items:read", "permissions": ["items:read"],
    });
    let id = json!({"azp": null, "scope": null, "permissions": null, "sid": "s1", "name": "Ada"});
    Row::new("auth0", TokenProfile::auth0, issuer, [json!({"typ": "JWT"}), claims])
        .audience("https://my-api")
        .kind("ID", [json!({}), id.clone()], TokenError::ClaimMissing)
        .kind("ID", [json!({}), both(&id, &json!({"azp": "web", "nonce": "n"}))], TokenError::ClaimValue)
        .kind("logout", [json!({"typ": "logout+jwt"}), logout()], TokenError::Kind)
        .kind("logout", [json!({}), logout()], TokenError::ClaimValue)
        .caller("audience", json!({"aud": ["https://tenant.example/userinfo"]}), TokenError::Audience)
        .caller(
            "client for itself",
            json!({"sub": "web@clients", "gty": "client-credentials"}),
            TokenError::ClaimValue,
        )
}

fn entra_id() -> Row {
    let issuer = "https://login.microsoftonline.com/9122/v2.0";
    let profile = || TokenProfile::entra_id("6731de76", ["9122", "8000"]);
    let claims = json!({
        "sub": "HKZpf", "aud": "6731de76", "azp": "6e74", "azpacr": "0", "oid": "6905", "scp": "items.read",
        "tid": "9122", "ver": "2.0", "uti": "fqiB", "name": "Ada", "nbf": 1_700_000_000,
    });
    let id = json!({"azp": null, "azpacr": null, "scp": null, "preferred_username": "ada@example.com"});
    let v1 = json!({"iss": "https://sts.windows.net/9122/", "ver": "1.0", "appid": "6e74", "azp": null});
    let tenant = |tenant: &str| format!("https://login.microsoftonline.com/{tenant}/v2.0");
    Row::new("entra_id", profile, issuer, [json!({"typ": "JWT"}), claims])
        .kind("ID", [json!({}), id.clone()], TokenError::ClaimMissing)
        .kind("ID", [json!({}), both(&id, &json!({"azp": "6e74", "nonce": "n"}))], TokenError::ClaimValue)
        .kind("version 1.0", [json!({}), v1], TokenError::Issuer)
        .caller("tenant", json!({"iss": tenant("7777"), "tid": "7777"}), TokenError::Issuer)
        .caller("tenant", json!({"tid": "8000"}), TokenError::Issuer)
        .caller("tenant", json!({"iss": tenant("8000")}), TokenError::Issuer)
        .caller("client for itself", json!({"scp": null}), TokenError::ClaimMissing)
        .caller("client for itself", json!({"scp": null, "roles": ["admin"]}), TokenError::ClaimMissing)
        .caller("audience", json!({"aud": "other"}), TokenError::Audience)
}

fn okta() -> Row {
    let issuer = "https://dev.example/oauth2/default";
    let claims = json!({
        "ver": 1, "jti": "AT.0mP4", "aud": "api://default", "cid": "0oab", "uid": "00u1",
        "scp": ["items:read", "openid"], "sub": "ada@example.com", "auth_time": 1_700_000_000,
    });
    let id = json!({"jti": "ID.x", "cid": null, "uid": null, "scp": null, "amr": ["pwd"], "idp": "00o1"});
    Row::new("okta", TokenProfile::okta, issuer, [json!({}), claims])
        .audience("api://default")
        .kind("ID", [json!({}), id.clone()], TokenError::ClaimMissing)
        .kind("ID", [json!({}), both(&id, &json!({"cid": "0oab", "at_hash": "h"}))], TokenError::ClaimValue)
        .caller("audience", json!({"aud": "api://other"}), TokenError::Audience)
        .caller("client for itself", json!({"uid": null, "sub": "0oab"}), TokenError::ClaimMissing)
}

fn cognito() -> Row {
    let issuer = "https://cognito-idp.eu-west-1.amazonaws.com/pool_1";
    let claims = json!({
        "sub": "2f1a", "version": 2, "client_id": "6q1cl", "origin_jti": "o", "event_id": "e",
        "token_use": "access", "scope": "openid items:read", "jti": "a3f", "username": "ada",
    });
    let id = json!({"token_use": "id", "aud": "6q1cl", "client_id": null, "scope": null, "cognito:username": "ada"});
    let both = json!({"token_use": "id", "aud": "6q1cl"});
    Row::new("cognito", || TokenProfile::cognito(["6q1cl"]), issuer, [json!({}), claims])
        .audience("6q1cl")
        .kind("ID", [json!({}), id], TokenError::ClaimMissing)
        .kind("ID", [json!({}), both], TokenError::ClaimValue)
        .caller("client", json!({"client_id": "other"}), TokenError::Audience)
        .caller("client", json!({"client_id": "other", "aud": "6q1cl"}), TokenError::ClaimValue)
        .caller("client for itself", json!({"username": null, "sub": "6q1cl"}), TokenError::ClaimMissing)
        .caller("audience", json!({"aud": "other"}), TokenError::Audience)
}

fn keycloak() -> Row {
    let issuer = "https://idp.example/realms/shop";
    let claims = json!({
        "jti": "onrtac:0b6f", "aud": ["my-api", "account"], "sub": "7f0c", "typ": "Bearer", "azp": "web",
        "sid": "93b2", "scope": "openid items:read", "realm_access": {"roles": ["admin"]},
    });
    let id = json!({"typ": "ID", "azp": "my-api", "at_hash": "h", "scope": null});
    Row::new("keycloak", || TokenProfile::keycloak("my-api"), issuer, [json!({"typ": "JWT"}), claims])
        .kind("ID", [json!({}), id], TokenError::ClaimValue)
        .kind("refresh", [json!({}), json!({"typ": "Refresh"})], TokenError::ClaimValue)
        .kind("offline", [json!({}), json!({"typ": "Offline"})], TokenError::ClaimValue)
        .kind("logout", [json!({}), both(&logout(), &json!({"typ": "Logout"}))], TokenError::ClaimValue)
        .caller("client", json!({"aud": null}), TokenError::Audience)
        .caller("audience", json!({"aud": "account", "azp": "my-api"}), TokenError::Audience)
}

fn google_id_token() -> Row {
    let profile = || TokenProfile::google_id_token(["app.apps", "phone.apps"]);
    let claims = json!({
        "azp": "phone.apps", "aud": "app.apps", "sub": "1107", "email": "ada@example.com", "email_verified": true,
        "at_hash": "x",
    });
    let event = json!({"exp": null, "sub": null, "azp": null, "jti": "e", "events": {}});
    let full = json!({"events": {}});
    Row::new("google_id_token", profile, "https://accounts.google.com", [json!({"typ": "JWT"}), claims])
        .kind("security event", [json!({}), event], TokenError::ClaimMissing)
        .kind("security event", [json!({}), full], TokenError::ClaimValue)
        .caller("client", json!({"aud": "other.apps"}), TokenError::Audience)
        .caller("client", json!({"azp": "other.apps"}), TokenError::ClaimValue)
        .caller("client", json!({"azp": null}), TokenError::ClaimMissing)
}

fn firebase() -> Row {
    let issuer = "https://securetoken.google.com/my-project";
    let claims = json!({
        "aud": "my-project", "user_id": "u1", "sub": "u1", "email": "ada@example.com", "email_verified": true,
        "auth_time": 1_700_000_000, "firebase": {"identities": {}, "sign_in_provider": "password"},
    });
    let cookie = json!({"iss": "https://session.firebase.google.com/my-project"});
    let custom = json!({"iss": "svc@my-project.iam.gserviceaccount.com", "firebase": null, "uid": "u1"});
    let other = json!({"iss": "https://securetoken.google.com/other", "aud": "other"});
    Row::new("firebase", || TokenProfile::firebase("my-project"), issuer, [json!({"typ": "JWT"}), claims])
        .kind("session cookie", [json!({}), cookie], TokenError::Issuer)
        .kind("custom token", [json!({}), custom], TokenError::Issuer)
        .kind("without a provider", [json!({}), json!({"firebase": {}})], TokenError::ClaimMissing)
        .caller("project", other, TokenError::Issuer)
        .caller("project", json!({"aud": "other"}), TokenError::Audience)
        .caller(
            "tenant",
            json!({"firebase": {"sign_in_provider": "password", "tenant": "t"}}),
            TokenError::ClaimValue,
        )
}

fn supabase() -> Row {
    let issuer = "https://project.supabase.co/auth/v1";
    let claims = json!({
        "sub": "u", "aud": "authenticated", "role": "authenticated", "email": "ada@example.com", "phone": "",
        "aal": "aal1", "amr": [{"method": "password", "timestamp": 1_700_000_000}], "session_id": "s",
        "app_metadata": {"provider": "email"}, "user_metadata": {}, "is_anonymous": false,
    });
    let id = json!({"role": null, "session_id": null, "is_anonymous": null, "nonce": "n"});
    let api_key =
        json!({"iss": "supabase", "ref": "project", "role": "service_role", "sub": null, "aud": null});
    Row::new("supabase", TokenProfile::supabase, issuer, [json!({"typ": "JWT"}), claims])
        .kind("ID", [json!({}), id], TokenError::ClaimMissing)
        .kind("ID", [json!({}), json!({"nonce": "n"})], TokenError::ClaimValue)
        .kind("API key", [json!({}), api_key], TokenError::Issuer)
        .kind("API key", [json!({}), json!({"role": "service_role"})], TokenError::ClaimValue)
        .caller("role", json!({"role": "anon"}), TokenError::ClaimValue)
        .caller("role", json!({"aud": "anon"}), TokenError::Audience)
        .caller("OAuth client", json!({"client_id": "app"}), TokenError::ClaimValue)
}

fn kubernetes() -> Row {
    let issuer = "https://kubernetes.default.svc.cluster.local";
    let profile = || TokenProfile::kubernetes("my-api", ["shop:web", "jobs"]);
    let claims = json!({
        "aud": ["my-api"], "jti": "k", "nbf": 1_700_000_000, "sub": "system:serviceaccount:shop:web",
        "kubernetes.io": {"namespace": "shop", "serviceaccount": {"name": "web", "uid": "8c0b"}},
    });
    let secret = json!({
        "iss": "kubernetes/serviceaccount", "aud": null, "exp": null, "kubernetes.io": null,
        "kubernetes.io/serviceaccount/namespace": "shop",
    });
    let node = json!({"sub": "system:node:one"});
    let namespace =
        json!({"sub": "system:serviceaccount:other:web", "kubernetes.io": {"namespace": "other"}});
    let differ = json!({"sub": "system:serviceaccount:jobs:any"});
    Row::new("kubernetes", profile, issuer, [json!({}), claims])
        .kind("secret", [json!({}), secret], TokenError::Issuer)
        .caller("service account", json!({"sub": "system:serviceaccount:shop:db"}), TokenError::ClaimValue)
        .caller("namespace", namespace, TokenError::ClaimValue)
        .caller("namespace", differ, TokenError::ClaimValue)
        .caller("service account", json!({"sub": "system:serviceaccount:jobs:x", "kubernetes.io": {"namespace": "jobs", "serviceaccount": {"name": "web"}}}), TokenError::ClaimValue)
        .caller("node", node, TokenError::ClaimValue)
        .caller("audience", json!({"aud": ["https://kubernetes.default.svc"]}), TokenError::Audience)
}

fn spring_authorization_server() -> Row {
    let claims = json!({
        "sub": "ada", "aud": "client", "scope": ["items:read"], "jti": "j", "nbf": 1_700_000_000,
    });
    let id = json!({"scope": null, "nbf": null, "azp": "client", "auth_time": 1_700_000_000, "sid": "s"});
    let profile = TokenProfile::spring_authorization_server;
    Row::new("spring_authorization_server", profile, "https://as.example", [json!({}), claims])
        .audience("client")
        .kind("ID", [json!({}), id.clone()], TokenError::ClaimMissing)
        .kind("ID", [json!({}), both(&id, &json!({"nonce": "n"}))], TokenError::ClaimMissing)
        .kind("ID", [json!({}), json!({"nonce": "n"})], TokenError::ClaimValue)
        .caller("client", json!({"aud": "other"}), TokenError::Audience)
        .caller("client for itself", json!({"sub": "client"}), TokenError::ClaimValue)
}

fn ory_hydra() -> Row {
    let claims = json!({
        "aud": ["my-api"], "client_id": "web", "ext": {}, "jti": "h1", "scp": ["items:read"], "sub": "ada",
        "nbf": 1_700_000_000,
    });
    let id = json!({"client_id": null, "ext": null, "scp": null, "at_hash": "h", "rat": 1_700_000_000, "sid": "s"});
    Row::new("ory_hydra", TokenProfile::ory_hydra, "https://hydra.example/", [json!({"typ": "JWT"}), claims])
        .audience("my-api")
        .kind("ID", [json!({}), id], TokenError::ClaimMissing)
        .kind("logout", [json!({}), both(&logout(), &json!({"client_id": null}))], TokenError::ClaimMissing)
        .kind("logout", [json!({}), logout()], TokenError::ClaimValue)
        .caller("audience", json!({"aud": []}), TokenError::Audience)
        .caller("client for itself", json!({"sub": "web"}), TokenError::ClaimValue)
}

fn cloud_foundry_uaa() -> Row {
    let issuer = "https://uaa.example/oauth/token";
    let claims = json!({
        "jti": "9f8b", "sub": "c2", "scope": ["shop.read", "openid"], "client_id": "shop", "cid": "shop",
        "azp": "shop", "grant_type": "password", "zid": "uaa", "aud": ["shop", "openid"], "rev_sig": "r",
    });
    let header = json!({"typ": "JWT", "jku": "https://uaa.example/token_keys"});
    let id = json!({"scope": ["openid"], "aud": ["shop"], "email_verified": true, "amr": ["pwd"]});
    let refresh = json!({"jti": "9f8b-r", "scope": null, "granted_scopes": ["shop.read", "openid"]});
    let profile = TokenProfile::cloud_foundry_uaa;
    Row::new("cloud_foundry_uaa", profile, issuer, [header, claims])
        .audience("shop")
        .kind("ID", [json!({}), id], TokenError::ClaimValue)
        .kind("ID", [json!({}), json!({"scope": ["openid"]})], TokenError::ClaimValue)
        .kind("refresh", [json!({}), refresh], TokenError::ClaimMissing)
        .kind("refresh", [json!({}), json!({"jti": "9f8b-r"})], TokenError::ClaimValue)
        .caller("audience", json!({"aud": ["openid", "other"]}), TokenError::Audience)
        .caller("client for itself", json!({"grant_type": "client_credentials"}), TokenError::ClaimValue)
        .caller("client for itself", json!({"sub": "shop"}), TokenError::ClaimValue)
}

fn github_actions() -> Row {
    let issuer = "https://token.actions.githubusercontent.com";
    let profile =
        || TokenProfile::github_actions("my-api", [GithubId::Owner(9919), GithubId::Repository(1_296_269)]);
    let claims = json!({
        "jti": "g", "sub": "repo:octo/shop:ref:refs/heads/main", "aud": "my-api", "ref": "refs/heads/main",
        "repository": "octo/shop", "repository_id": "70", "repository_owner": "octo",
        "repository_owner_id": "9919", "nbf": 1_699_999_400,
    });
    let swapped = json!({"repository_id": "9919", "repository_owner_id": "1296269"});
    Row::new("github_actions", profile, issuer, [json!({"typ": "JWT", "x5t": "abc"}), claims])
        .caller(
            "repository",
            json!({"repository_id": "71", "repository_owner_id": "72"}),
            TokenError::ClaimValue,
        )
        .caller("repository", swapped, TokenError::ClaimValue)
        .caller(
            "repository",
            json!({"repository_id": null, "repository_owner_id": null}),
            TokenError::ClaimMissing,
        )
        .caller("audience", json!({"aud": "https://github.com/octo"}), TokenError::Audience)
}
