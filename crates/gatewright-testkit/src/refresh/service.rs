//! A service with any number of nodes on one storage, under a fixed clock.

use std::time::Duration;

use gatewright_core::{
    Account, Auth, AuthBuilder, Bytes, Email, Endpoint, Headers, Identity, Password, PasswordChange,
    Registration, Reply, RequestView, RoleName, RoleScopes, Scopes, TokenEndpoint, TokenText, UserId,
};
use serde_json::Value;

use super::{Storage, Tokens};
use crate::{EventRecorder, FailingStore, FixedClock, Outage, TestHasher};

/// The password of the account.
pub(super) const PASSWORD: &str = "correct horse battery staple";
/// The address of the account.
pub(super) const EMAIL: &str = "ada@example.com";
/// The issuer, unless a scenario names another one.
const ISSUER: &str = "https://issuer.example";

/// The maximum number of requests of [`Node::refresh_with_retries`].
pub const MAX_ATTEMPTS: usize = 100;

const FORM: &str = "application/x-www-form-urlencoded";

/// The argument of a scenario: a new, empty storage and the nodes that the scenario starts on it.
#[derive(Debug)]
pub struct Service<S, T> {
    pub(super) storage: S,
    pub(super) clock: FixedClock,
    tokens: fn(&str) -> T,
}

impl<S: Storage, T: Tokens> Service<S, T> {
    /// Creates a service on `storage`. `tokens` returns the tokens of an issuer by its name.
    #[must_use]
    pub fn new(storage: S, tokens: fn(&str) -> T) -> Self {
        Self { storage, clock: FixedClock::default(), tokens }
    }

    /// Starts a node without a grace window.
    pub async fn node(&self) -> Node {
        self.node_with_grace(Duration::ZERO).await
    }

    /// Starts a node with this grace window.
    pub async fn node_with_grace(&self, grace: Duration) -> Node {
        self.node_of(ISSUER, |builder| builder.with_refresh_grace(grace)).await
    }

    /// Starts a node of this issuer with other settings.
    pub async fn node_of(
        &self,
        issuer: &str,
        settings: impl FnOnce(AuthBuilder<Account>) -> AuthBuilder<Account>,
    ) -> Node {
        let (accounts, sessions) = self.storage.open().await;
        let (accounts, no_accounts) = FailingStore::new(accounts);
        let (sessions, no_sessions) = FailingStore::new(sessions);
        let events = EventRecorder::new();
        let scopes = Scopes::parse("read write").expect("valid scopes");
        let builder = Auth::builder(accounts.clone(), sessions, (self.tokens)(issuer), TestHasher::new())
            .with_accounts(accounts)
            .with_clock(self.clock.clone())
            .with_events(events.clone())
            .with_role_scopes(RoleScopes::new().with(RoleName::from_static("user"), scopes))
            .with_token_endpoint(TokenEndpoint::Rfc6749)
            .with_refusal_floor(Duration::ZERO)
            .without_throttle()
            .with_refresh_grace(Duration::ZERO);
        let auth = settings(builder).build().expect("valid settings");
        Node { auth, events, no_accounts, no_sessions }
    }

    /// Simulates that all processes stop. Do not use the nodes started before.
    pub fn restart(&mut self) {
        self.storage.restart();
    }
}

/// A node of a service. Clones are the same node.
#[derive(Debug, Clone)]
pub struct Node {
    /// The handle of the node.
    pub auth: Auth,
    /// The events of the node.
    pub events: EventRecorder,
    no_accounts: Outage,
    no_sessions: Outage,
}

impl Node {
    /// Creates the account.
    pub async fn register(&self) -> UserId {
        let registration =
            Registration::new(EMAIL, Password::new(PASSWORD)).expect("the policy accepts the password");
        let accounts = self.auth.accounts().expect("accounts are configured");
        let _ =
            accounts.create(registration, [RoleName::from_static("user")]).await.expect("the store answers");
        let email = Email::parse(EMAIL).expect("a valid address");
        let page = accounts.page(None, 10).await.expect("the store answers");
        page.into_iter().find(|account| account.email == email).expect("the account exists").id
    }

    /// Logs in with all scopes.
    pub async fn login(&self) -> Pair {
        self.login_for("read write").await
    }

    /// Logs in with these scopes.
    pub async fn login_for(&self, scope: &str) -> Pair {
        let body = format!("username={}&password={}&scope={}", plus(EMAIL), plus(PASSWORD), plus(scope));
        self.post(Endpoint::Login, FORM, None, body).await.granted()
    }

    /// Sends a refresh token as a form.
    pub async fn refresh(&self, token: &str) -> Answer {
        self.post(Endpoint::Refresh, FORM, None, format!("refresh_token={token}")).await
    }

    /// Like [`refresh`](Self::refresh), but repeats the request while the answer is 503. Returns
    /// the answer and the number of 503 answers before it.
    ///
    /// # Panics
    /// If all [`MAX_ATTEMPTS`] answers are 503.
    pub async fn refresh_with_retries(&self, token: &str) -> (Answer, usize) {
        for busy in 0..MAX_ATTEMPTS {
            let answer = self.refresh(token).await;
            if answer.status() != 503 {
                return (answer, busy);
            }
        }
        panic!("{MAX_ATTEMPTS} answers were 503")
    }

    /// Sends a request to an endpoint, with an access token if `access` has one.
    pub async fn post(
        &self,
        endpoint: Endpoint,
        media_type: &str,
        access: Option<&str>,
        body: impl Into<Bytes>,
    ) -> Answer {
        let headers = Sent { media_type, authorization: access.map(|token| format!("Bearer {token}")) };
        let answer =
            self.auth.handle(endpoint, &RequestView::new(endpoint.method(), &headers), Ok(body.into()));
        Answer(answer.await)
    }

    /// Authenticates a request with this access token.
    ///
    /// # Errors
    /// The status of the guard's refusal.
    pub async fn authenticate(&self, access: &str) -> Result<Identity, u16> {
        let headers = Sent { media_type: "", authorization: Some(format!("Bearer {access}")) };
        let identity = self.auth.authenticate(&RequestView::new("GET", &headers));
        identity.await.map_err(|error| error.status())?.ok_or(401)
    }

    /// Returns the status of a guarded `GET` with this access token.
    pub async fn status(&self, access: &str) -> u16 {
        self.authenticate(access).await.map_or_else(|status| status, |_| 200)
    }

    /// Changes the password of the user with this access token, and returns the new pair.
    pub async fn change_password(&self, access: &str) -> Pair {
        let who = self.authenticate(access).await.expect("the access token is accepted");
        let change = PasswordChange::new(Password::new(PASSWORD), Password::new("another correct horse"));
        let change = change.expect("the policy accepts the password");
        let pair = self.auth.change_password(&who, change).await.expect("the stores answer");
        let text = |token: TokenText| token.expose().to_owned();
        Pair { access: text(pair.access_token), refresh: text(pair.refresh_token) }
    }

    /// Enables or disables an account.
    pub async fn set_active(&self, id: &UserId, is_active: bool) {
        let accounts = self.auth.accounts().expect("accounts are configured");
        accounts.update(id, None, Some(is_active)).await.expect("the stores answer");
    }

    /// Makes every call of a store fail. From now on, an answer other than 503 proves that the node
    /// did not call a store.
    pub fn cut_off(&self) {
        self.no_accounts.fail_users();
        self.no_sessions.fail_sessions();
    }

    /// Makes the stores work again.
    pub fn reconnect(&self) {
        self.no_accounts.recover();
        self.no_sessions.recover();
    }

    /// Returns the number of events of this kind since the last call of this method.
    #[must_use]
    pub fn count_events(&self, kind: &str) -> usize {
        self.events.take().iter().filter(|event| event.starts_with(kind)).count()
    }
}

/// The tokens that a login or a refresh granted.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Pair {
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
}

/// The answer of a node.
#[derive(Debug, Clone)]
pub struct Answer(Reply);

impl Answer {
    /// Returns the status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.0.status
    }

    /// Returns the tokens. Asserts that the answer is 200 and has `Cache-Control: no-store`.
    #[must_use]
    #[track_caller]
    pub fn granted(&self) -> Pair {
        let body = String::from_utf8_lossy(&self.0.body);
        assert_eq!(self.0.status, 200, "{body}");
        assert!(self.0.headers.contains(&("cache-control", "no-store".to_owned())), "{:?}", self.0.headers);
        let body: Value = serde_json::from_str(&body).expect("JSON");
        let text = |name: &str| body[name].as_str().expect("a token").to_owned();
        Pair { access: text("access_token"), refresh: text("refresh_token") }
    }

    /// Asserts the exact status, headers and body.
    #[track_caller]
    pub fn expect(&self, status: u16, body: &str) {
        let media_type = (!body.is_empty()).then(|| ("content-type", "application/json".to_owned()));
        let headers: Vec<_> = media_type.into_iter().collect();
        let text = String::from_utf8_lossy(&self.0.body);
        assert_eq!((self.0.status, &self.0.headers, &*text), (status, &headers, body));
    }

    /// Asserts the answer to every refused refresh (RFC 6749 §5.2).
    #[track_caller]
    pub fn expect_invalid_grant(&self) {
        self.expect(400, r#"{"detail":"Invalid refresh token","error":"invalid_grant"}"#);
    }

    /// Asserts the answer to a malformed request that names its field: `refresh_token is missing`.
    #[track_caller]
    pub fn expect_malformed_token(&self, problem: &str) {
        let detail = format!("Malformed request: refresh_token {problem}");
        let body = format!(r#"{{"detail":"{detail}","error":"invalid_request","field":"refresh_token"}}"#);
        self.expect(400, &body);
    }

    /// Asserts the answer to a body that is not one JSON object.
    #[track_caller]
    pub fn expect_no_json(&self) {
        let detail = "Malformed request: the body is not a JSON object";
        self.expect(400, &format!(r#"{{"detail":"{detail}","error":"invalid_request"}}"#));
    }
}

struct Sent<'a> {
    media_type: &'a str,
    authorization: Option<String>,
}

impl Headers for Sent<'_> {
    fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        match name {
            "content-type" if !self.media_type.is_empty() => see(self.media_type.as_bytes()),
            "authorization" => self.authorization.iter().for_each(|value| see(value.as_bytes())),
            _ => {}
        }
    }
}

/// Encodes a text for a form. The texts of this file contain no special characters except spaces.
fn plus(text: &str) -> String {
    text.replace(' ', "+")
}
