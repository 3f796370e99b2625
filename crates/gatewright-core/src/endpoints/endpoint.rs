//! The ready-made endpoints, by name.

use std::time::Duration;

/// How long the public keys may be kept by others: 5 minutes. Publish a key for longer than that before it signs.
pub const PUBLIC_KEYS_MAX_AGE: Duration = Duration::from_secs(300);

/// An endpoint that Gatewright answers itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// JSON `email`, `password`; 201 whether or not the address is taken.
    Register,
    /// The OAuth 2.0 password form; a pair of tokens.
    Login,
    /// Form or JSON `refresh_token`; the next pair.
    Refresh,
    /// A bearer token, or form or JSON `refresh_token`; 204. A refresh token in the body decides, so that an expired
    /// access token in the header keeps nobody logged in.
    Logout,
    /// A bearer token; 204. A body may be there, as form or JSON, and says nothing.
    LogoutAll,
    /// A bearer token and JSON `current_password`, `new_password`; 204.
    ChangePassword,
    /// A bearer token; the caller's own sessions.
    Sessions,
    /// A bearer token, and in the path the id of one of the caller's own sessions; 204, and 404 for every other id.
    EndSession,
    /// RFC 7009: form `token`, and `token_type_hint` and `client_id`, which say nothing; 200, and the token's session has
    /// ended if the token was valid. Whoever has the token may revoke it.
    Revoke,
    /// RFC 7662: an API key that meets [`INTROSPECTION`](crate::INTROSPECTION), form `token`, and `token_type_hint`, which
    /// says nothing; what the token is worth.
    Introspect,
}

impl Endpoint {
    /// All of them.
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

    /// The method. What answers `GET` answers `HEAD` too.
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

    /// The methods, as the `Allow` header names them.
    #[must_use]
    pub const fn allow(self) -> &'static str {
        match self {
            Self::Sessions => "GET,HEAD",
            _ => self.method(),
        }
    }

    /// The path in the full set of routes, below whatever prefix they are mounted at; `{id}` stands for one segment,
    /// [`RequestView::with_id`](crate::RequestView::with_id).
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
