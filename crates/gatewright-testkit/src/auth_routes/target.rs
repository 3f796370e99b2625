//! The application under test, and what a client does with it.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatewright_core::Endpoint;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Request, Response};

/// The password of every user whom the suite registers.
pub const PASSWORD: &str = "correct horse battery staple";

/// A running application.
///
/// ```
/// use gatewright_testkit::auth_routes::Target;
/// use gatewright_testkit::shared_secret;
///
/// let target = Target::new("http://127.0.0.1:3000")
///     .with_guarded_route("/users/me")
///     .with_secret(&shared_secret("my application"));
/// assert_eq!(target.path("/login"), "/auth/login");
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Target {
    /// Host and port.
    pub address: String,
    /// The HS256 key of the tokens.
    pub secret: String,
    /// An API key without scopes.
    pub api_key: String,
    /// An API key with the scope `introspect`.
    pub scoped_api_key: String,
    prefix: String,
    guarded_route: String,
    sign_up: Option<fn() -> String>,
    patience: usize,
}

/// The response to a login or a refresh.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Tokens {
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
    /// The granted scopes.
    pub scope: String,
}

impl Target {
    /// An application at an address or a base URL. Its endpoints are below `/auth`, `register` and
    /// `password` among them, and its guarded route is `/me`.
    #[must_use]
    pub fn new(address: &str) -> Self {
        let address = address.strip_prefix("http://").unwrap_or(address).trim_end_matches('/').to_owned();
        let [secret, api_key, scoped_api_key] = [(); 3].map(|()| String::new());
        let [prefix, guarded_route] = ["/auth", "/me"].map(str::to_owned);
        Self { address, secret, api_key, scoped_api_key, prefix, guarded_route, sign_up: None, patience: 0 }
    }

    /// Another path for the endpoints to be below.
    #[must_use]
    pub fn with_prefix(self, prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), ..self }
    }

    /// Another guarded route. It answers `GET` with 200 to every logged-in user.
    #[must_use]
    pub fn with_guarded_route(self, path: &str) -> Self {
        Self { guarded_route: path.to_owned(), ..self }
    }

    /// The application's HS256 key. Cases sign tokens with it that the application must refuse.
    #[must_use]
    pub fn with_secret(self, secret: &str) -> Self {
        Self { secret: secret.to_owned(), ..self }
    }

    /// API keys that the application accepts: one without scopes, and one with the scope
    /// `introspect`. With them the application has the endpoint `introspect`.
    #[must_use]
    pub fn with_api_keys(self, plain: &str, scoped: &str) -> Self {
        Self { api_key: plain.to_owned(), scoped_api_key: scoped.to_owned(), ..self }
    }

    /// For an application with a users table of its own, which has neither of the endpoints
    /// `register` and `password`: `sign_up` adds a user with the password [`PASSWORD`] and returns
    /// the email address.
    #[must_use]
    pub const fn with_sign_up(mut self, sign_up: fn() -> String) -> Self {
        self.sign_up = Some(sign_up);
        self
    }

    /// Repeats a request up to this many times while the response is 503: on a busy machine a store
    /// may miss its deadline.
    #[must_use]
    pub const fn with_patience(mut self, times: usize) -> Self {
        self.patience = times;
        self
    }

    /// The whole path of an endpoint.
    #[must_use]
    pub fn path(&self, endpoint: &str) -> String {
        format!("{}{endpoint}", self.prefix)
    }

    /// A `POST` request to an endpoint.
    #[must_use]
    pub fn post(&self, endpoint: &str) -> Request {
        Request::post(&self.path(endpoint))
    }

    /// The endpoints of the application that are called with `POST`.
    #[must_use]
    pub fn endpoints(&self) -> Vec<String> {
        let exists = |endpoint: &&Endpoint| match endpoint {
            Endpoint::Register | Endpoint::ChangePassword => self.sign_up.is_none(),
            Endpoint::Introspect => !self.scoped_api_key.is_empty(),
            endpoint => endpoint.method() == "POST",
        };
        Endpoint::ALL.iter().filter(exists).map(|endpoint| self.path(endpoint.path())).collect()
    }

    /// Sends a request.
    ///
    /// # Panics
    /// When the server closes the connection without a response.
    #[must_use]
    pub fn send(&self, request: &Request) -> Response {
        let response = self.send_unless_closed(request);
        response.unwrap_or_else(|| panic!("the server closed the connection without a response: {request:?}"))
    }

    /// Sends a request; `None` if the server closes the connection without a response.
    #[must_use]
    pub fn send_unless_closed(&self, request: &Request) -> Option<Response> {
        let mut response = request.send(&self.address);
        for _ in 0..self.patience {
            if response.as_ref().is_none_or(|response| response.status != 503) {
                break;
            }
            response = request.send(&self.address);
        }
        response
    }

    /// Sends a request to a server that may stop at any time.
    ///
    /// # Errors
    /// When the connection fails, or the response is incomplete.
    pub fn try_send(&self, request: &Request) -> io::Result<Response> {
        request.try_send(&self.address)
    }

    /// Sends a request, complete or not, and closes the sending half of the connection. The server
    /// may close the other half without a response.
    #[must_use]
    pub fn send_and_break_off(&self, request: &Request) -> Option<Response> {
        request.send_and_break_off(&self.address)
    }

    /// Registers a new user with the password [`PASSWORD`] and returns the email address.
    #[must_use]
    pub fn register(&self) -> String {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        if let Some(sign_up) = self.sign_up {
            return sign_up();
        }
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let email = format!("user{number}-{}@example.com", std::process::id());
        self.register_as(&email, PASSWORD).expect(201, &[], r#"{"detail":"Registered"}"#);
        email
    }

    /// `register`.
    #[must_use]
    pub fn register_as(&self, email: &str, password: &str) -> Response {
        let body = json!({"email": email, "password": password}).to_string();
        self.send(&self.post("/register").json(&body))
    }

    /// `login` with the fields of a form.
    #[must_use]
    pub fn login_with(&self, fields: &[(&str, &str)]) -> Response {
        self.send(&self.post("/login").form(fields))
    }

    /// `login` with a password that may be wrong.
    #[must_use]
    pub fn try_login(&self, email: &str, password: &str) -> Response {
        self.login_with(&[("username", email), ("password", password)])
    }

    /// Logs in.
    #[must_use]
    pub fn login(&self, email: &str, password: &str) -> Tokens {
        Tokens::from(&self.try_login(email, password))
    }

    /// Logs in with the password [`PASSWORD`] and asks for scopes.
    #[must_use]
    pub fn login_for(&self, email: &str, scope: &str) -> Tokens {
        Tokens::from(&self.login_with(&[("username", email), ("password", PASSWORD), ("scope", scope)]))
    }

    /// Registers a new user and logs in.
    #[must_use]
    pub fn user(&self) -> Tokens {
        self.login(&self.register(), PASSWORD)
    }

    /// Two sessions of a new user.
    #[must_use]
    pub fn two_sessions(&self) -> [Tokens; 2] {
        let email = self.register();
        [(); 2].map(|()| self.login(&email, PASSWORD))
    }

    /// `refresh`.
    #[must_use]
    pub fn refresh(&self, token: &str) -> Response {
        self.send(&self.post("/refresh").form(&[("refresh_token", token)]))
    }

    /// `logout` with an access token.
    #[must_use]
    pub fn logout(&self, access: &str) -> Response {
        self.send(&self.post("/logout").bearer(access))
    }

    /// `password`.
    #[must_use]
    pub fn change_password(&self, access: &str, current: &str, new: &str) -> Response {
        let body = json!({"current_password": current, "new_password": new}).to_string();
        self.send(&self.post("/password").bearer(access).json(&body))
    }

    /// `revoke`.
    #[must_use]
    pub fn revoke(&self, token: &str) -> Response {
        self.send(&self.post("/revoke").form(&[("token", token)]))
    }

    /// `introspect`, with the API key that may.
    #[must_use]
    pub fn introspect(&self, token: &str) -> Response {
        self.send(&self.post("/introspect").form(&[("token", token)]).api_key(&self.scoped_api_key))
    }

    /// A request to the guarded route, without credentials.
    #[must_use]
    pub fn guarded(&self) -> Request {
        Request::get(&self.guarded_route)
    }

    /// The guarded route, called with an access token.
    #[must_use]
    pub fn me(&self, access: &str) -> Response {
        self.send(&self.guarded().bearer(access))
    }

    /// Checks that the guarded route accepts the access token and that the refresh token, which
    /// this uses, is valid.
    #[track_caller]
    pub fn expect_active(&self, tokens: &Tokens) {
        self.me(&tokens.access).expect_ok();
        self.refresh(&tokens.refresh).expect_ok();
    }

    /// Checks that the guarded route rejects the access token, and `refresh` the refresh token.
    #[track_caller]
    pub fn expect_ended(&self, tokens: &Tokens) {
        self.me(&tokens.access).expect_invalid_token();
        self.refresh(&tokens.refresh).expect_refresh_refused();
    }

    /// A token with other claims, signed with the application's key.
    #[must_use]
    pub fn forge(&self, token: &str, change: impl FnOnce(&mut Value)) -> String {
        let header = token.split('.').next().expect("a token has a header");
        self.sign(header, token, change)
    }

    /// A token with one other claim, signed with the application's key.
    #[must_use]
    pub fn forge_claim(&self, token: &str, name: &str, value: impl Into<Value>) -> String {
        self.forge(token, |claims| claims[name] = value.into())
    }

    /// A token that expired in 2023, signed with the application's key.
    #[must_use]
    pub fn forge_expired(&self, token: &str) -> String {
        self.forge(token, |claims| {
            claims["iat"] = json!(1_700_000_000);
            claims["exp"] = json!(1_700_000_900);
        })
    }

    /// A token with another `typ` in its header, signed with the application's key.
    #[must_use]
    pub fn forge_type(&self, token: &str, typ: &str) -> String {
        let header = token.split('.').next().expect("a token has a header");
        let header = URL_SAFE_NO_PAD.decode(header).expect("base64url");
        let mut header: Value = serde_json::from_slice(&header).expect("JSON");
        header["typ"] = typ.into();
        self.sign(&URL_SAFE_NO_PAD.encode(header.to_string()), token, |_| {})
    }

    fn sign(&self, header: &str, token: &str, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = claims(token);
        change(&mut claims);
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()).expect("a key of any length");
        mac.update(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }
}

impl From<&Response> for Tokens {
    fn from(response: &Response) -> Self {
        response.expect_ok();
        let body = response.json();
        let text =
            |name: &str| body[name].as_str().unwrap_or_else(|| panic!("no {name} in {body}")).to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token"), scope: text("scope") }
    }
}

/// Compares two texts of one token. The contract of [`TokenIssuer`](gatewright_core::TokenIssuer)
/// requires the same id and times. The signatures may differ: ECDSA and RSA-PSS sign with
/// randomness.
#[track_caller]
pub fn expect_same_token(one: &str, other: &str) {
    let [one, other] = [one, other].map(claims);
    for name in ["jti", "iat", "exp"] {
        assert!(!one[name].is_null(), "no {name} in {one}");
        assert_eq!(one[name], other[name], "{name}");
    }
}

/// The claims of a token. Neither the signature nor a claim is verified.
#[must_use]
pub fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("a token has a payload");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64url")).expect("JSON")
}

/// The id of the session that a token belongs to.
#[must_use]
pub fn session_id(token: &str) -> String {
    claims(token)["sid"].as_str().expect("a session").to_owned()
}
