//! The profiles of known issuers, in the order of the guide's page. Each says what it accepts beyond RFC
//! 9068, and how it tells access tokens from the issuer's other tokens.

use crate::conditions::Condition;
use crate::profile::{
    Callers, ClientNames, Exclusion, GithubId, HeaderMember, MAX_PROFILE_LIFETIME, TokenProfile,
};

/// Claims of ID tokens (OpenID Connect Core §2, §3.1.3.6) that no access token of the issuer has.
const OF_ID_TOKENS: [&str; 3] = ["nonce", "at_hash", "c_hash"];

/// The claim of logout tokens (OpenID Connect Back-Channel Logout §2.4) and security events (RFC 8417).
const OF_EVENTS: &str = "events";

impl TokenProfile {
    /// Access tokens of Auth0, of the default profile and of its RFC 9068 profile. The audience is the
    /// identifier of the API.
    ///
    /// Beyond RFC 9068: `typ` may be `JWT`, `jti` may be missing, and tokens may be valid for 30 days, the
    /// longest that an API can be set to. Shorten it with [`with_max_lifetime`](Self::with_max_lifetime) to the
    /// API's own setting. Rejected: ID tokens, which have neither `azp` nor `client_id`, logout tokens, and clients
    /// that act for themselves, unless [allowed](Self::allow_clients).
    pub fn auth0() -> Self {
        let mut profile = Self::rfc9068()
            .with_types(["JWT", "at+jwt"])
            .with_optional_token_id()
            .with_max_lifetime(MAX_PROFILE_LIFETIME)
            .with(Condition::Text(vec!["azp".into(), "client_id".into()]))
            .without_claims(&OF_ID_TOKENS)
            .without_claims(&[OF_EVENTS]);
        profile.client_names = ClientNames::Claims(&["azp", "client_id"]);
        profile.own_clients = Exclusion::of([Condition::Ending("sub".into(), "@clients")]);
        profile
    }

    /// Access tokens of version 2.0 of Microsoft Entra ID, for the API `audience` (its client id), of users of
    /// these tenants.
    ///
    /// The issuer is `https://login.microsoftonline.com/{tenantid}/v2.0` unless the verifier names another
    /// one. It contains either `{tenantid}` or the id of a listed tenant. `tid` must name the tenant of `iss`.
    /// A key whose JWK has an `issuer` verifies tokens of that issuer alone.
    ///
    /// Beyond RFC 9068: `typ` is `JWT`, and `jti` may be missing. Rejected: tokens of version 1.0, ID tokens,
    /// which have no `azp`, tokens of other tenants, and applications that act for themselves, which have no
    /// `scp`. [`allow_clients`](Self::allow_clients) admits those that have a role of the API; every application of
    /// a tenant can request a token without one. All tenants need [`dangerous`](Self::dangerous). The tenant of
    /// all personal accounts cannot be listed.
    pub fn entra_id(
        audience: impl Into<String>,
        tenants: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let mut profile = Self::rfc9068()
            .with_types(["JWT"])
            .with_optional_token_id()
            .with_audiences([audience])
            .with_required_claim("ver", ["2.0"])
            .with_present_claim("azp")
            .without_claims(&OF_ID_TOKENS)
            .without_claims(&[OF_EVENTS]);
        profile.client_names = ClientNames::Claims(&["azp"]);
        let roles = Condition::TextOrList(vec!["scp".into(), "roles".into()]);
        profile.own_clients = Exclusion::of([Condition::Text(vec!["scp".into()])]);
        profile.own_clients.if_allowed = vec![roles];
        profile.callers = Callers::Tenants(Some(tenants.into_iter().map(Into::into).collect()));
        profile.issuer = Some("https://login.microsoftonline.com/{tenantid}/v2.0".to_owned());
        profile
    }

    /// Access tokens of a custom authorization server of Okta.
    ///
    /// Beyond RFC 9068: `typ` is missing. Rejected: ID tokens, which have no `cid`, and clients that act for
    /// themselves, which have no `uid`, unless [allowed](Self::allow_clients). `sub` is the user's login, which can
    /// change: `with_subject_claim("uid")` uses the id of the user instead.
    pub fn okta() -> Self {
        let mut profile = Self::rfc9068()
            .without_type()
            .with_required_token_id()
            .with_present_claim("cid")
            .without_claims(&OF_ID_TOKENS)
            .without_claims(&[OF_EVENTS]);
        profile.client_names = ClientNames::Claims(&["cid"]);
        profile.own_clients = Exclusion::of([Condition::Text(vec!["uid".into()])]);
        profile
    }

    /// Access tokens of Amazon Cognito for these app clients.
    ///
    /// Beyond RFC 9068: `typ` is missing, and `client_id` stands for a missing `aud`. Rejected: ID tokens
    /// (`token_use`), tokens of other app clients of the pool, and clients that act for themselves, which have no
    /// `username`, unless [allowed](Self::allow_clients).
    pub fn cognito(clients: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let clients = texts(clients);
        let mut profile = Self::rfc9068()
            .without_type()
            .with_required_token_id()
            .with_client_claim("client_id", clients.clone())
            .with_required_claim("client_id", clients)
            .with_required_claim("token_use", ["access"])
            .without_claims(&[OF_EVENTS]);
        profile.own_clients = Exclusion::of([Condition::Text(vec!["username".into()])]);
        profile
    }

    /// Access tokens of Keycloak for the client `client`, which is the API.
    ///
    /// Beyond RFC 9068: `typ` may be `JWT`. A token without `aud` is accepted if its `azp` is this client: it
    /// was issued to the API itself. Tokens of other clients need the API in `aud`: by an audience mapper, and by
    /// the default mapper "audience resolve" also for each user who has a role of the API, whatever the client.
    /// So name the clients that may call: [`with_clients`](Self::with_clients). Rejected: ID, refresh, offline and
    /// logout tokens (the claim `typ`). Lightweight tokens have no `sub` and are rejected too, until the client
    /// scope `basic` with its mapper "Subject (sub)" adds it.
    ///
    /// The service account of a client is a user of Keycloak with an id of its own, and is accepted.
    pub fn keycloak(client: impl Into<String>) -> Self {
        let client = client.into();
        let mut profile = Self::rfc9068()
            .with_types(["JWT", "at+jwt"])
            .with_required_token_id()
            .with_audiences([client.clone()])
            .with_client_claim("azp", [client])
            .with_required_claim("typ", ["Bearer"])
            .without_claims(&[OF_EVENTS]);
        profile.client_names = ClientNames::Claims(&["azp"]);
        profile
    }

    /// ID tokens of Google for these clients. Google's access tokens are not JWTs, so an application sends
    /// the ID token to its own API.
    ///
    /// Beyond RFC 9068: `typ` is `JWT`, `jti` may be missing, and `iss` may be `accounts.google.com`. `azp`
    /// must be in the list too. Rejected: tokens for other clients, and security events. An ID token proves who
    /// the user is, and grants nothing.
    pub fn google_id_token(clients: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let clients = texts(clients);
        let mut profile = Self::rfc9068()
            .with_types(["JWT"])
            .with_optional_token_id()
            .with_issuer_spelling("accounts.google.com")
            .with_audiences(clients.clone())
            .with_required_claim("azp", clients)
            .without_claims(&[OF_EVENTS]);
        profile.issuer = Some("https://accounts.google.com".to_owned());
        profile
    }

    /// ID tokens of Firebase Authentication for the project `project`. Firebase has no access tokens.
    ///
    /// The issuer is `https://securetoken.google.com/` and the project, unless the verifier names another one.
    /// Beyond RFC 9068: `typ` is `JWT`, and `jti` may be missing. Rejected: anonymous users, unless
    /// [allowed](Self::allow_anonymous), session cookies and custom tokens, which have another issuer, and users of
    /// a tenant, unless [`with_tenant`](Self::with_tenant) names it.
    pub fn firebase(project: impl Into<String>) -> Self {
        let project = project.into();
        let mut profile = Self::rfc9068()
            .with_types(["JWT"])
            .with_optional_token_id()
            .with_audiences([project.clone()])
            .with_present_claim(["firebase", "sign_in_provider"])
            .without_claims(&[OF_EVENTS]);
        let provider = ["firebase", "sign_in_provider"].into();
        profile.anonymous = Exclusion::of([Condition::NoneOf(provider, vec!["anonymous".into()])]);
        profile.callers = Callers::Project(None);
        profile.issuer = Some(format!("https://securetoken.google.com/{project}"));
        profile
    }

    /// Access tokens of Supabase Auth, signed with an asymmetric key of the project.
    ///
    /// Beyond RFC 9068: `typ` is `JWT`, and `jti` may be missing. `aud` and `role` must be `authenticated`.
    /// Rejected: the API keys `anon` and `service_role`, ID tokens, anonymous users, unless
    /// [allowed](Self::allow_anonymous), and tokens of OAuth clients of the project, unless
    /// [`with_clients`](Self::with_clients) lists them: a user grants such a client a few scopes, but its token has
    /// the user's `role`.
    pub fn supabase() -> Self {
        let mut profile = Self::rfc9068()
            .with_types(["JWT"])
            .with_optional_token_id()
            .with_audiences(["authenticated"])
            .with_required_claim("role", ["authenticated"])
            .with_present_claim("session_id")
            .without_claims(&OF_ID_TOKENS)
            .without_claims(&[OF_EVENTS]);
        let named = Condition::OneOf(vec![("is_anonymous".into(), vec![false.into()])]);
        profile.anonymous = Exclusion::of([named]);
        profile.client_names = ClientNames::OtherParties("client_id");
        profile
    }

    /// Tokens of Kubernetes service accounts for the audience `audience`, of these namespaces (`shop`) or
    /// service accounts (`shop:web`).
    ///
    /// Beyond RFC 9068: `typ` is missing, and `jti` may be missing. Rejected: tokens of other namespaces and
    /// service accounts, and tokens from secrets, which have no `aud` and never expire. All service accounts
    /// need [`dangerous`](Self::dangerous). Whoever may create tokens of an account (`serviceaccounts/token`) can
    /// call as well: `with_present_claim(["kubernetes.io", "pod", "name"])` accepts tokens of pods alone.
    pub fn kubernetes(
        audience: impl Into<String>,
        accounts: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let mut profile = Self::rfc9068()
            .without_type()
            .with_optional_token_id()
            .with_audiences([audience])
            .without_claims(&[OF_EVENTS]);
        profile.callers = Callers::ServiceAccounts(Some(texts(accounts)));
        profile
    }

    /// Access tokens of Spring Authorization Server. The audience is the id of the client, unless the server
    /// customizes its tokens.
    ///
    /// Beyond RFC 9068: `typ` is missing. Rejected: ID tokens, which have the same audience and no `scope`. So
    /// access tokens without a scope are rejected too. Clients that act for themselves have their id as `sub` and
    /// `aud`, and are rejected unless [allowed](Self::allow_clients).
    pub fn spring_authorization_server() -> Self {
        let mut profile = Self::rfc9068()
            .without_type()
            .with_required_token_id()
            .with(Condition::TextOrList(vec!["scope".into()]))
            .without_claims(&OF_ID_TOKENS)
            .without_claims(&[OF_EVENTS]);
        profile.own_clients = Exclusion::of([Condition::SubjectIsNot(vec!["aud".into()])]);
        profile
    }

    /// Access tokens of Ory Hydra, with its strategy `jwt`.
    ///
    /// Beyond RFC 9068: `typ` is `JWT`. Rejected: ID tokens and logout tokens, which have no `client_id`, and
    /// clients that act for themselves, whose `sub` is their id, unless [allowed](Self::allow_clients).
    pub fn ory_hydra() -> Self {
        let mut profile = Self::rfc9068()
            .with_types(["JWT"])
            .with_required_token_id()
            .with_present_claim("client_id")
            .without_claims(&OF_ID_TOKENS)
            .without_claims(&[OF_EVENTS]);
        profile.client_names = ClientNames::Claims(&["client_id"]);
        profile.own_clients = Exclusion::of([Condition::SubjectIsNot(vec!["client_id".into()])]);
        profile
    }

    /// Access tokens of the UAA of Cloud Foundry.
    ///
    /// Beyond RFC 9068: `typ` is `JWT`, and `jku` is ignored. Rejected: ID tokens, whose only scope is
    /// `openid`, refresh tokens, which have `granted_scopes` and a `jti` that ends with `-r`, and clients that act
    /// for themselves (`grant_type`), unless [allowed](Self::allow_clients).
    pub fn cloud_foundry_uaa() -> Self {
        let mut profile = Self::rfc9068()
            .with_types(["JWT"])
            .with_required_token_id()
            .with_ignored_header(HeaderMember::Jku)
            .with_present_claim("client_id")
            .with(Condition::Beyond("scope".into(), "openid"))
            .with(Condition::Ending("jti".into(), "-r"))
            .without_claims(&["granted_scopes", "email_verified", "at_hash"])
            .without_claims(&[OF_EVENTS]);
        let grant = Condition::NoneOf("grant_type".into(), vec!["client_credentials".into()]);
        profile.client_names = ClientNames::Claims(&["client_id"]);
        profile.own_clients = Exclusion::of([grant, Condition::SubjectIsNot(vec!["client_id".into()])]);
        profile
    }

    /// Tokens of GitHub Actions workflows for the audience `audience`, of these owners and repositories.
    ///
    /// Beyond RFC 9068: `typ` is `JWT`. Rejected: tokens of other repositories. All repositories need
    /// [`dangerous`](Self::dangerous). The list says whose workflows are accepted, not which. Require `environment`,
    /// or `ref` and `event_name`, if only some may call: workflows that strangers trigger, as by
    /// `pull_request_target`, run with the default branch as `ref`. `sub` contains names, which can pass to another
    /// owner: identify the caller by `repository_id`.
    ///
    /// ```
    /// use gatewright::token::{GithubId, TokenProfile};
    ///
    /// let ours = TokenProfile::github_actions("my-api", [GithubId::Owner(9919)])
    ///     .with_required_claim("ref", ["refs/heads/main"])
    ///     .with_required_claim("event_name", ["push", "workflow_dispatch"]);
    /// assert_eq!(ours.deviations(), ["the header may have the `typ` JWT"]);
    /// ```
    pub fn github_actions(audience: impl Into<String>, ids: impl IntoIterator<Item = GithubId>) -> Self {
        let mut profile = Self::rfc9068()
            .with_types(["JWT"])
            .with_required_token_id()
            .with_audiences([audience])
            .without_claims(&[OF_EVENTS]);
        profile.callers = Callers::Repositories(Some(ids.into_iter().collect()));
        profile.issuer = Some("https://token.actions.githubusercontent.com".to_owned());
        profile
    }

    fn without_claims(self, names: &[&str]) -> Self {
        names.iter().fold(self, |profile, name| profile.with_absent_claim(*name))
    }
}

fn texts(values: impl IntoIterator<Item = impl Into<String>>) -> Vec<String> {
    values.into_iter().map(Into::into).collect()
}
