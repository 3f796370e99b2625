//! The names, methods and paths of the ready-made endpoints.

use std::time::Duration;

use crate::http::{FORM, JSON};

/// How long others may cache the public keys: 5 minutes. Publish a key for longer than that before it signs.
pub const PUBLIC_KEYS_MAX_AGE: Duration = Duration::from_secs(300);

/// A ready-made endpoint. [`Auth::handle`](crate::Auth::handle) answers its requests.
///
/// ```
/// use gatewright::endpoints::Endpoint;
///
/// assert_eq!((Endpoint::Login.method(), Endpoint::Login.path()), ("POST", "/login"));
/// assert_eq!(Endpoint::Sessions.allow(), "GET,HEAD");
/// ```
#[doc(alias("login", "logout", "register", "routes"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// Registration. JSON `email` and `password`. 201, whether or not the address is taken.
    Register,
    /// Login. The OAuth 2.0 password form. 200 with a pair of tokens.
    Login,
    /// Refresh. Form or JSON `refresh_token`. 200 with the next pair of tokens.
    Refresh,
    /// Logout. A bearer token, or form or JSON `refresh_token`. 204. A refresh token in the body takes
    /// precedence, so an expired access token in the header does not prevent the logout.
    Logout,
    /// Logout from all sessions. A bearer token. 204. A form or JSON body is allowed and ignored.
    LogoutAll,
    /// Password change. A bearer token and JSON `current_password` and `new_password`. 200 with the pair of tokens of a
    /// new session.
    ChangePassword,
    /// The caller's own sessions. A bearer token. 200 with a list.
    Sessions,
    /// Ends one of the caller's own sessions. A bearer token, and the id of the session in the path. 204,
    /// or 404 for any other id.
    EndSession,
    /// Token revocation (RFC 7009). Form `token`; `token_type_hint` and `client_id` are ignored. 200, and the
    /// session of a valid token has ended. Possession of the token is enough.
    Revoke,
    /// Token introspection (RFC 7662). An API key that meets [`INTROSPECTION`](crate::INTROSPECTION), and form
    /// `token`; `token_type_hint` is ignored. 200 with the state of the token.
    Introspect,
}

impl Endpoint {
    /// All endpoints.
    pub const ALL: &'static [Self] = &[
        Self::Register,
        Self::Login,
        Self::Refresh,
        Self::Logout,
        Self::LogoutAll,
        Self::ChangePassword,
        Self::Sessions,
        Self::EndSession,
        Self::Revoke,
        Self::Introspect,
    ];

    /// The method of the endpoint. An endpoint with `GET` also answers `HEAD`.
    #[must_use]
    pub const fn method(self) -> &'static str {
        match self {
            Self::Register
            | Self::Login
            | Self::Refresh
            | Self::Logout
            | Self::LogoutAll
            | Self::ChangePassword
            | Self::Revoke
            | Self::Introspect => "POST",
            Self::Sessions => "GET",
            Self::EndSession => "DELETE",
        }
    }

    /// The methods as the `Allow` header lists them.
    #[must_use]
    pub const fn allow(self) -> &'static str {
        match self {
            Self::Sessions => "GET,HEAD",
            _ => self.method(),
        }
    }

    /// The content types that the endpoint accepts. They are empty if it reads no body.
    ///
    /// ```
    /// use gatewright::endpoints::Endpoint;
    ///
    /// assert_eq!(Endpoint::Login.media_types(), ["application/x-www-form-urlencoded"]);
    /// ```
    #[must_use]
    pub const fn media_types(self) -> &'static [&'static str] {
        match self {
            Self::Register | Self::ChangePassword => &[JSON],
            Self::Login | Self::Revoke | Self::Introspect => &[FORM],
            Self::Refresh | Self::Logout | Self::LogoutAll => &[FORM, JSON],
            Self::Sessions | Self::EndSession => &[],
        }
    }

    /// The fields that the endpoint knows. It reads them in this order, and the answer names the first that is
    /// missing or unusable.
    pub(crate) const fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Register => &["email", "password", "username"],
            Self::Login => &["grant_type", "username", "password", "scope"],
            Self::Refresh => &["grant_type", "refresh_token", "scope"],
            Self::Logout => &["refresh_token"],
            Self::ChangePassword => &["current_password", "new_password"],
            Self::Revoke | Self::Introspect => &["token", "token_type_hint"],
            Self::LogoutAll | Self::Sessions | Self::EndSession => &[],
        }
    }

    /// The path below the prefix at which the routes are mounted. `{id}` matches one segment, which
    /// [`RequestView::with_id`](crate::RequestView::with_id) carries.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Register => "/register",
            Self::Login => "/login",
            Self::Refresh => "/refresh",
            Self::Logout => "/logout",
            Self::LogoutAll => "/logout-all",
            Self::ChangePassword => "/password",
            Self::Sessions => "/sessions",
            Self::EndSession => "/sessions/{id}",
            Self::Revoke => "/revoke",
            Self::Introspect => "/introspect",
        }
    }
}
