//! A service of any number of nodes on one storage, under a clock that stands still.

use std::time::Duration;

use gatewright_core::{
    Account, Auth, AuthBuilder, Bytes, Email, Headers, Identity, Operation, Password, PasswordChange,
    Registration, Reply, RequestView, RoleName, RoleScopes, Scopes, TokenEndpoint, UserId,
};
use serde_json::Value;

use super::{Storage, Tokens};
use crate::{EventRecorder, FixedClock, FragileStore, Outage, TestHasher};

/// The password of everybody.
pub(super) const PASSWORD: &str = "correct horse battery staple";
/// Who logs in.
pub(super) const EMAIL: &str = "ada@example.com";
/// Whose tokens they are, unless a scenario says otherwise.
const ISSUER: &str = "https://issuer.example";

/// How often a caller is told to come again before it gives up.
pub const PATIENCE: usize = 100;

const FORM: &str = "application/x-www-form-urlencoded";

/// What a scenario is given: a new, empty storage, and whatever runs on it.
#[derive(Debug)]
pub struct Service<S, T> {
    pub(super) storage: S,
    pub(super) clock: FixedClock,
    tokens: fn(&str) -> T,
}

impl<S: Storage, T: Tokens> Service<S, T> {
    /// On a storage, with the tokens that `tokens` gives for an issuer.
    #[must_use]
    pub fn new(storage: S, tokens: fn(&str) -> T) -> Self {
        Self { storage, clock: FixedClock::default(), tokens }
    }

    /// A node with no grace for lost answers.
    pub async fn node(&self) -> Node {
        self.node_with_grace(Duration::ZERO).await
    }

    /// A node that answers a lost refresh again for this long.
    pub async fn node_with_grace(&self, grace: Duration) -> Node {
        self.node_of(ISSUER, |builder| builder.with_refresh_grace(grace)).await
    }

    /// A node of this issuer, with settings of its own.
    pub async fn node_of(
        &self,
        issuer: &str,
        settings: impl FnOnce(AuthBuilder<Account>) -> AuthBuilder<Account>,
    ) -> Node {
        let (accounts, sessions) = self.storage.open().await;
        let (accounts, no_accounts) = FragileStore::new(accounts);
        let (sessions, no_sessions) = FragileStore::new(sessions);
        let events = EventRecorder::new();
        let scopes = Scopes::parse("read write").expect("scopes");
        let builder = Auth::builder(accounts.clone(), sessions, (self.tokens)(issuer))
            .with_accounts(accounts)
            .with_issuer((self.tokens)(issuer))
            .with_hasher(TestHasher::new())
            .with_clock(self.clock.clone())
            .with_events(events.clone())
            .with_role_scopes(RoleScopes::new().with("user", scopes))
            .with_token_endpoint(TokenEndpoint::Rfc6749)
            .with_refresh_grace(Duration::ZERO);
        let auth = settings(builder).build().expect("the settings are sound");
        Node { auth, events, no_accounts, no_sessions }
    }

    /// All processes end. Nodes that were started before are not to be used any more.
    pub fn restart(&mut self) {
        self.storage.restart();
    }
}

/// One process of a service. Clones are the same process.
#[derive(Debug, Clone)]
pub struct Node {
    /// What it does is done by this.
    pub auth: Auth,
    /// What it had to say of it.
    pub events: EventRecorder,
    no_accounts: Outage,
    no_sessions: Outage,
}

impl Node {
    /// Makes the account that logs in.
    pub async fn register(&self) -> UserId {
        let registration = Registration::new(EMAIL, Password::new(PASSWORD)).expect("within the policy");
        let role = RoleName::new("user").expect("a role");
        let accounts = self.auth.accounts().expect("accounts are configured");
        let _ = accounts.create(registration, role).await.expect("the store answers");
        let email = Email::parse(EMAIL).expect("an address");
        let page = accounts.page(None, 10).await.expect("the store answers");
        page.into_iter().find(|account| account.email == email).expect("the account is there").id
    }

    /// Logs in, for all scopes that there are.
    pub async fn login(&self) -> Pair {
        self.login_for("read write").await
    }

    /// Logs in for these scopes.
    pub async fn login_for(&self, scope: &str) -> Pair {
        let body = format!("username={}&password={}&scope={}", plus(EMAIL), plus(PASSWORD), plus(scope));
        self.post(Operation::Login, FORM, None, body).await.granted()
    }

    /// Sends a refresh token, as a form.
    pub async fn refresh(&self, token: &str) -> Answer {
        self.post(Operation::Refresh, FORM, None, format!("refresh_token={token}")).await
    }

    /// As [`refresh`](Self::refresh), again for as long as the answer is 503, at most [`PATIENCE`] times; and how often it was.
    pub async fn refresh_with_patience(&self, token: &str) -> (Answer, usize) {
        for busy in 0..PATIENCE {
            let answer = self.refresh(token).await;
            if answer.status() != 503 {
                return (answer, busy);
            }
        }
        panic!("the stores did not answer {PATIENCE} times")
    }

    /// Sends a request's body, and an access token where there is one.
    pub async fn post(
        &self,
        operation: Operation,
        media_type: &str,
        access: Option<&str>,
        body: impl Into<Bytes>,
    ) -> Answer {
        let headers = Sent { media_type, authorization: access.map(|token| format!("Bearer {token}")) };
        let answer =
            self.auth.answer(operation, &RequestView::new(operation.method(), &headers), Ok(body.into()));
        Answer(answer.await)
    }

    /// Who a guard takes the holder of this access token for.
    ///
    /// # Errors
    /// The status with which the guard refuses.
    pub async fn identify(&self, access: &str) -> Result<Identity, u16> {
        let headers = Sent { media_type: "", authorization: Some(format!("Bearer {access}")) };
        let identity = self.auth.authenticate(&RequestView::new("GET", &headers));
        identity.await.map_err(|reply| reply.status)?.ok_or(401)
    }

    /// What `GET` with this access token is answered: 200 for whoever is recognised.
    pub async fn status(&self, access: &str) -> u16 {
        self.identify(access).await.map_or_else(|status| status, |_| 200)
    }

    /// Changes the password of whoever holds this access token.
    pub async fn change_password(&self, access: &str) {
        let who = self.identify(access).await.expect("the caller is recognised");
        let change = PasswordChange::new(Password::new(PASSWORD), Password::new("another correct horse"));
        self.auth.change_password(&who, change.expect("within the policy")).await.expect("the stores answer");
    }

    /// Disables an account, or lets it be used again.
    pub async fn set_active(&self, id: &UserId, is_active: bool) {
        let accounts = self.auth.accounts().expect("accounts are configured");
        accounts.update(id, None, Some(is_active)).await.expect("the stores answer");
    }

    /// Every call of a store fails from now on: whatever is answered otherwise than with 503 asked none.
    pub fn cut_off(&self) {
        self.no_accounts.of_users();
        self.no_sessions.of_sessions();
    }

    /// The stores are there again.
    pub fn reconnect(&self) {
        self.no_accounts.end();
        self.no_sessions.end();
    }

    /// How many events of this kind there were since the last call.
    #[must_use]
    pub fn count_events(&self, kind: &str) -> usize {
        self.events.take().iter().filter(|event| event.starts_with(kind)).count()
    }
}

/// What a login or a refresh granted.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Pair {
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
}

/// An answer, with what it must be.
#[derive(Debug, Clone)]
pub struct Answer(Reply);

impl Answer {
    /// The status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.0.status
    }

    /// The tokens of a 200 that no cache may keep.
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

    /// Status, headers and body, to the byte.
    #[track_caller]
    pub fn expect(&self, status: u16, body: &str) {
        let media_type = (!body.is_empty()).then(|| ("content-type", "application/json".to_owned()));
        let headers: Vec<_> = media_type.into_iter().collect();
        let text = String::from_utf8_lossy(&self.0.body);
        assert_eq!((self.0.status, &self.0.headers, &*text), (status, &headers, body));
    }

    /// The one answer to every refused refresh (RFC 6749 §5.2).
    #[track_caller]
    pub fn expect_invalid_grant(&self) {
        self.expect(400, r#"{"detail":"Invalid refresh token","error":"invalid_grant"}"#);
    }

    /// The answer to what is no refresh at all.
    #[track_caller]
    pub fn expect_invalid_request(&self) {
        self.expect(400, r#"{"detail":"Malformed request","error":"invalid_request"}"#);
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

/// As a form has it: none of our words holds anything but spaces that must be spelled otherwise.
fn plus(text: &str) -> String {
    text.replace(' ', "+")
}
