//! The HTTP suites: requests and exact answers, over a real socket, against an application with the example's routes.
//!
//! [`SUITES`] lists them. Each module of cases is a part of one; a case is a function of a [`Target`] that panics when an
//! answer is not what it must be. An answer's status, headers and body are all that is looked at, to the byte.

mod client;
mod response;
mod expect;
mod suites;
pub mod resource;
pub mod scopes;
pub mod api_keys;
pub mod published;
pub mod endpoints;
pub mod accounts;
pub mod sessions;
pub mod revoke;
pub mod introspect;
pub mod bodies;
pub mod methods;
pub mod paths;
pub mod outage;
pub mod difference;
pub mod problem;
pub mod rfc6749;
pub mod forwarded;
pub mod document;

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

pub use client::Request;
pub use response::Response;
pub use suites::{SUITES, Suite};

/// The password of every user the suite registers.
pub const PASSWORD: &str = "correct horse battery staple";

/// A running application: fresh, with one admin, two API keys, a grace window of at least 10 seconds and an HS256 key.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Target {
    /// Host and port.
    pub address: String,
    /// The admin's address.
    pub admin_email: String,
    /// The admin's password.
    pub admin_password: String,
    /// The HS256 key, for making tokens that must be refused.
    pub secret: String,
    /// An API key without scopes.
    pub api_key: String,
    /// An API key with the scope `introspect`.
    pub scoped_api_key: String,
    /// How often in a row a request is sent again that was answered 503.
    pub patience: usize,
}

/// What a login or refresh returned.
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
    /// All of a target but its API keys, in the order of the fields. A base URL may stand for the address.
    #[must_use]
    pub fn new(address: &str, admin_email: &str, admin_password: &str, secret: &str) -> Self {
        let address = address.strip_prefix("http://").unwrap_or(address).trim_end_matches('/').to_owned();
        let [admin_email, admin_password, secret] = [admin_email, admin_password, secret].map(str::to_owned);
        let (api_key, scoped_api_key) = (String::new(), String::new());
        Self { address, admin_email, admin_password, secret, api_key, scoped_api_key, patience: 0 }
    }

    /// The API keys that the application accepts: one without scopes, one with the scope `introspect`.
    #[must_use]
    pub fn with_api_keys(mut self, plain: &str, scoped: &str) -> Self {
        [self.api_key, self.scoped_api_key] = [plain, scoped].map(str::to_owned);
        self
    }

    /// Sends a request again where the answer is 503, at most so often in a row: a busy machine may leave a store no time, and
    /// that says nothing of what is proved.
    #[must_use]
    pub const fn with_patience(mut self, times: usize) -> Self {
        self.patience = times;
        self
    }

    /// Sends a request and reads the answer.
    #[must_use]
    pub fn send(&self, request: &Request) -> Response {
        let mut answer = request.send(&self.address);
        for _ in 0..self.patience {
            if answer.status != 503 {
                break;
            }
            answer = request.send(&self.address);
        }
        answer
    }

    /// Sends a request to a server that may be gone, or go while it answers.
    ///
    /// # Errors
    /// When there is no connection, or not the whole answer comes back.
    pub fn try_send(&self, request: &Request) -> io::Result<Response> {
        request.attempt(&self.address)
    }

    /// Sends a request, or as much of it as there is, and ends the sending half of the connection. A server may hang up
    /// without an answer.
    #[must_use]
    pub fn send_and_break_off(&self, request: &Request) -> Option<Response> {
        request.send_and_break_off(&self.address)
    }

    /// Registers somebody new and returns the address.
    #[must_use]
    pub fn register(&self) -> String {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let email = format!("user{number}-{}@example.com", std::process::id());
        let body = format!(r#"{{"email":"{email}","password":"{PASSWORD}"}}"#);
        let response = self.send(&Request::post("/auth/register").json(&body));
        response.expect(201, &[], r#"{"detail":"Registered"}"#);
        email
    }

    /// Logs in.
    #[must_use]
    pub fn login(&self, email: &str, password: &str) -> Tokens {
        let response =
            self.send(&Request::post("/auth/login").form(&[("username", email), ("password", password)]));
        Tokens::from(&response)
    }

    /// Somebody new, logged in.
    #[must_use]
    pub fn user(&self) -> Tokens {
        self.login(&self.register(), PASSWORD)
    }

    /// The admin, logged in.
    #[must_use]
    pub fn admin(&self) -> Tokens {
        self.login(&self.admin_email, &self.admin_password)
    }

    /// Exchanges a refresh token.
    #[must_use]
    pub fn refresh(&self, token: &str) -> Response {
        self.send(&Request::post("/auth/refresh").form(&[("refresh_token", token)]))
    }

    /// `GET /users/me` with this token.
    #[must_use]
    pub fn me(&self, access: &str) -> Response {
        self.send(&Request::get("/users/me").bearer(access))
    }

    /// The id of whoever holds this token.
    #[must_use]
    pub fn id_of(&self, access: &str) -> String {
        self.me(access).json()["id"].as_str().expect("the user has an id").to_owned()
    }

    /// Gives this user another role, as the admin.
    pub fn set_role(&self, id: &str, role: &str) {
        let body = format!(r#"{{"role":"{role}"}}"#);
        let request = Request::new("PATCH", &format!("/users/{id}")).bearer(&self.admin().access);
        assert_eq!(self.send(&request.json(&body)).status, 200);
    }

    /// A token like `token`, with its claims changed, signed with the application's key.
    #[must_use]
    pub fn forge(&self, token: &str, change: impl FnOnce(&mut Value)) -> String {
        let header = token.split('.').next().expect("a token has a header");
        self.sign(header, token, change)
    }

    /// As [`Target::forge`], with another `typ` in the header.
    #[must_use]
    pub fn forge_as(&self, typ: &str, token: &str, change: impl FnOnce(&mut Value)) -> String {
        let header = token.split('.').next().expect("a token has a header");
        let header = URL_SAFE_NO_PAD.decode(header).expect("base64url");
        let mut header: Value = serde_json::from_slice(&header).expect("JSON");
        header["typ"] = typ.into();
        self.sign(&URL_SAFE_NO_PAD.encode(header.to_string()), token, change)
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
        assert_eq!(response.status, 200, "{}", response.text());
        let body = response.json();
        let text =
            |name: &str| body[name].as_str().unwrap_or_else(|| panic!("no {name} in {body}")).to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token"), scope: text("scope") }
    }
}

/// Holds two texts against each other that must be one token, as the contract of
/// [`TokenIssuer`](gatewright_core::TokenIssuer) has it: the id and the times are the same. The signatures need not be, since
/// some algorithms sign with randomness (ECDSA, RSA-PSS).
#[track_caller]
pub fn expect_same_token(one: &str, other: &str) {
    let [one, other] = [one, other].map(claims);
    for name in ["jti", "iat", "exp"] {
        assert!(!one[name].is_null(), "no {name} in {one}");
        assert_eq!(one[name], other[name], "{name}");
    }
}

/// What a token says, believed by nobody.
#[must_use]
pub fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("a token has a payload");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64url")).expect("JSON")
}
