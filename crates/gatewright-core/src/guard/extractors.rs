//! What all adapters have in common: macros that define their handler arguments, rejection, guard
//! layer and endpoint functions. An adapter adds the implementations of its framework's traits.
//!
//! These are macros because a crate must own a type to implement a foreign trait for it.

/// Defines the handler arguments `Authorized`, `CurrentUser`, `MaybeUser`, `StatelessClaims`,
/// `ExtraClaims`, `ApiKey` and `Path`, each with a private `new` for the adapter.
#[doc(hidden)]
#[macro_export]
macro_rules! extractors {
    () => {
        /// The user of the request's bearer token.
        ///
        /// A missing or invalid token is rejected with 401, a malformed `Authorization` header with
        /// 400. It dereferences to the user: `caller.email` is the address of an `Account`.
        #[doc(alias("logged in user", "login_required"))]
        pub type CurrentUser<U = $crate::Account> = Authorized<$crate::Authenticated, U>;

        /// The user of the request's bearer token, who meets the policy `P`: a role or scope, or a
        /// combination such as `AnyOf<(role::Moderator, role::Admin)>`.
        ///
        /// A missing or invalid token is rejected with 401, a user who does not meet the policy
        /// with 403. It dereferences to the user.
        #[doc(alias("permission", "rbac", "role"))]
        #[non_exhaustive]
        pub struct Authorized<P, U = $crate::Account> {
            /// The user, as the guard read it for this request.
            pub user: ::std::sync::Arc<U>,
            /// The session, the token's claims and the effective scopes.
            pub identity: $crate::Identity<U>,
            policy: ::std::marker::PhantomData<fn() -> P>,
        }

        impl<P, U> Authorized<P, U> {
            fn new(identity: $crate::Identity<U>) -> Self {
                let user = ::std::sync::Arc::clone(identity.user());
                Self { user, identity, policy: ::std::marker::PhantomData }
            }
        }

        /// The user of the request's bearer token, or `None` if the request has no token.
        ///
        /// An invalid token is rejected with 401. Do not use `Option<CurrentUser>` instead: some
        /// frameworks make it `None` for an invalid token too.
        #[doc(alias("anonymous", "guest", "optional"))]
        #[non_exhaustive]
        pub struct MaybeUser<U = $crate::Account> {
            /// The user; `None` if the request has no bearer token.
            pub user: ::std::option::Option<CurrentUser<U>>,
        }

        impl<U> MaybeUser<U> {
            fn new(identity: ::std::option::Option<$crate::Identity<U>>) -> Self {
                Self { user: identity.map(Authorized::new) }
            }
        }

        /// The claims of the request's bearer token. Only the signature, the issuer, the audience
        /// and the times are verified.
        ///
        /// It reads no store. The token stays valid until it expires, also after a logout, a
        /// changed password or a disabled user. A missing or invalid token is rejected with 401.
        #[doc(alias("jwt"))]
        #[non_exhaustive]
        pub struct StatelessClaims<U = $crate::Account> {
            /// The verified claims.
            pub claims: ::std::sync::Arc<$crate::VerifiedClaims>,
            user: ::std::marker::PhantomData<fn() -> U>,
        }

        impl<U> StatelessClaims<U> {
            fn new(claims: ::std::sync::Arc<$crate::VerifiedClaims>) -> Self {
                Self { claims, user: ::std::marker::PhantomData }
            }
        }

        /// Claims of the application's own in the request's bearer token: those that
        /// `AuthBuilder::with_extra_claims` makes.
        ///
        /// A missing or invalid token is rejected with 401. So is a token whose claims do not fit
        /// `T`: the client refreshes and gets new claims. It dereferences to the claims.
        #[doc(alias("custom claims"))]
        #[non_exhaustive]
        pub struct ExtraClaims<T, U = $crate::Account> {
            /// The claims.
            pub claims: T,
            /// The session, all claims and the effective scopes of the caller.
            pub identity: $crate::Identity<U>,
        }

        impl<T, U> ExtraClaims<T, U> {
            fn new((claims, identity): (T, $crate::Identity<U>)) -> Self {
                Self { claims, identity }
            }
        }

        /// The service that sent the request, authenticated by the API key in `X-API-Key`. The key
        /// has the scopes that the policy `P` requires.
        ///
        /// A missing key is rejected with 401, an unknown key or one without the scopes with 403.
        #[non_exhaustive]
        pub struct ApiKey<P = $crate::Authenticated, U = $crate::Account> {
            /// The scopes of the key.
            pub identity: $crate::ApiKeyIdentity<U>,
            policy: ::std::marker::PhantomData<fn() -> P>,
        }

        impl<P, U> ApiKey<P, U> {
            fn new(identity: $crate::ApiKeyIdentity<U>) -> Self {
                Self { identity, policy: ::std::marker::PhantomData }
            }
        }

        /// The parameters in the request's path: one value, or a tuple in the order of the path.
        ///
        /// A parameter that cannot be a `T` is rejected with the 404 of an unknown one. Put it after the guard,
        /// so that an unauthenticated request gets 401 for every path. It dereferences to the value.
        pub struct Path<T, U = $crate::Account> {
            value: T,
            user: ::std::marker::PhantomData<fn() -> U>,
        }

        impl<T, U> Path<T, U> {
            fn new(value: T) -> Self {
                Self { value, user: ::std::marker::PhantomData }
            }

            /// The value itself.
            pub fn into_inner(self) -> T {
                self.value
            }
        }

        impl<T, U> ::std::ops::Deref for Path<T, U> {
            type Target = T;

            fn deref(&self) -> &T {
                &self.value
            }
        }

        impl<T: ::std::fmt::Debug, U> ::std::fmt::Debug for Path<T, U> {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_tuple("Path").field(&self.value).finish()
            }
        }

        impl<P: $crate::Policy, U> $crate::GuardedExtractor for Authorized<P, U> {
            const ACCESS_RULE: $crate::AccessRule = $crate::AccessRule::User(P::REQUIREMENT);
        }

        impl<U> $crate::GuardedExtractor for MaybeUser<U> {
            const ACCESS_RULE: $crate::AccessRule =
                $crate::AccessRule::User($crate::Requirement::Authenticated);
            const IS_OPTIONAL: bool = true;
        }

        impl<U> $crate::GuardedExtractor for StatelessClaims<U> {
            const ACCESS_RULE: $crate::AccessRule =
                $crate::AccessRule::User($crate::Requirement::Authenticated);
        }

        impl<T, U> $crate::GuardedExtractor for ExtraClaims<T, U> {
            const ACCESS_RULE: $crate::AccessRule =
                $crate::AccessRule::User($crate::Requirement::Authenticated);
        }

        impl<P: $crate::Policy, U> $crate::GuardedExtractor for ApiKey<P, U> {
            const ACCESS_RULE: $crate::AccessRule = $crate::AccessRule::ApiKey(P::REQUIREMENT);
        }

        impl<P, U> ::std::ops::Deref for Authorized<P, U> {
            type Target = U;

            fn deref(&self) -> &U {
                &self.user
            }
        }

        impl<T, U> ::std::ops::Deref for ExtraClaims<T, U> {
            type Target = T;

            fn deref(&self) -> &T {
                &self.claims
            }
        }

        /// Without the claims, which may be personal data.
        impl<T, U> ::std::fmt::Debug for ExtraClaims<T, U> {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_struct("ExtraClaims").field("identity", &self.identity).finish_non_exhaustive()
            }
        }

        impl<P, U> ::std::fmt::Debug for Authorized<P, U> {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_struct("Authorized").field("identity", &self.identity).finish_non_exhaustive()
            }
        }

        impl<U> ::std::fmt::Debug for MaybeUser<U> {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_struct("MaybeUser").field("user", &self.user).finish()
            }
        }

        impl<U> ::std::fmt::Debug for StatelessClaims<U> {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_struct("StatelessClaims").field("claims", &self.claims).finish_non_exhaustive()
            }
        }

        impl<P, U> ::std::fmt::Debug for ApiKey<P, U> {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_struct("ApiKey").field("identity", &self.identity).finish_non_exhaustive()
            }
        }
    };
}

/// Defines `Rejection`, a reply that an adapter turns into a response of its framework, and `Error`, an
/// error whose reply it turns into one.
#[doc(hidden)]
#[macro_export]
macro_rules! rejection {
    () => {
        /// A reply of Gatewright in place of the handler's own response.
        ///
        /// Extractors and guards reject requests with it. A handler can return it too, made from a
        /// `Reply`: `Rejection::from(pair.to_reply())`.
        #[derive(Clone)]
        pub struct Rejection($crate::Reply);

        impl ::std::convert::From<$crate::Reply> for Rejection {
            fn from(reply: $crate::Reply) -> Self {
                Self(reply)
            }
        }

        impl ::std::fmt::Debug for Rejection {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_struct("Rejection").field("status", &self.0.status).finish_non_exhaustive()
            }
        }

        impl ::std::fmt::Display for Rejection {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                write!(f, "rejected with status {}", self.0.status)
            }
        }

        impl ::std::error::Error for Rejection {}

        /// Why a handler fails: an error of `Auth` or `Accounts`, or an answer of the application's own, such
        /// as `auth.not_found()`.
        ///
        /// `?` makes it. Its response is the one that a ready-made endpoint gives for the same cause, with the
        /// renderer, the realm and the events of that `Auth`.
        pub struct Error($crate::Error);

        impl Error {
            /// The cause.
            #[must_use]
            pub const fn kind(&self) -> &$crate::AuthError {
                self.0.kind()
            }
        }

        impl ::std::convert::From<$crate::Error> for Error {
            fn from(error: $crate::Error) -> Self {
                Self(error)
            }
        }

        impl ::std::fmt::Debug for Error {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Debug::fmt(&self.0, f)
            }
        }

        /// The message of the cause.
        impl ::std::fmt::Display for Error {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(&self.0, f)
            }
        }

        /// The source of the cause.
        impl ::std::error::Error for Error {
            fn source(&self) -> ::std::option::Option<&(dyn ::std::error::Error + 'static)> {
                ::std::error::Error::source(&self.0)
            }
        }
    };
}

/// Defines `RequireLayer`, the middleware of a guard, and `Require`, the service that it makes.
#[doc(hidden)]
#[macro_export]
macro_rules! guard_layer {
    () => {
        /// The middleware that [`require`] returns. It puts a guard in front of what it wraps.
        #[doc(alias("middleware"))]
        pub struct RequireLayer<U = $crate::Account> {
            guard: $crate::Guard<U>,
            fills_not_found: bool,
        }

        /// What [`RequireLayer`] wraps, behind its guard. The guard leaves the `Caller` in the
        /// request's extensions: guards and extractors further inside do not authenticate again.
        pub struct Require<T, U = $crate::Account> {
            guard: $crate::Guard<U>,
            /// Whether a 404 without a body gets Gatewright's body.
            fills_not_found: bool,
            inner: T,
        }

        impl<U> ::std::clone::Clone for RequireLayer<U> {
            fn clone(&self) -> Self {
                Self { guard: self.guard.clone(), fills_not_found: self.fills_not_found }
            }
        }

        impl<T: ::std::clone::Clone, U> ::std::clone::Clone for Require<T, U> {
            fn clone(&self) -> Self {
                Self {
                    inner: self.inner.clone(),
                    guard: self.guard.clone(),
                    fills_not_found: self.fills_not_found,
                }
            }
        }

        impl<U> ::std::fmt::Debug for RequireLayer<U> {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_struct("RequireLayer").field("guard", &self.guard).finish()
            }
        }

        impl<T, U> ::std::fmt::Debug for Require<T, U> {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_struct("Require").field("guard", &self.guard).finish_non_exhaustive()
            }
        }
    };
}

/// Defines one function for each ready-made endpoint. `$route` is the adapter's function from an
/// `Auth` and an `Endpoint` to a route.
#[doc(hidden)]
#[macro_export]
macro_rules! endpoint_routes {
    ($route:ident -> $out:ty $(where $state:ident: $($bound:tt)+)?) => {
        /// `POST`: registers an account. Takes JSON `email`, `password`. Replies 201, also if the
        /// address is already taken.
        pub fn register<$($state: $($bound)+,)? U: $crate::AuthUser>(auth: &$crate::Auth<U>) -> $out {
            $route(auth, $crate::Endpoint::Register)
        }

        /// `POST`: logs in. Takes the OAuth 2.0 password form. Replies with a pair of tokens.
        pub fn login<$($state: $($bound)+,)? U: $crate::AuthUser>(auth: &$crate::Auth<U>) -> $out {
            $route(auth, $crate::Endpoint::Login)
        }

        /// `POST`: exchanges a refresh token. Takes form or JSON `refresh_token`. Replies with the
        /// next pair of tokens.
        pub fn refresh<$($state: $($bound)+,)? U: $crate::AuthUser>(auth: &$crate::Auth<U>) -> $out {
            $route(auth, $crate::Endpoint::Refresh)
        }

        /// `POST`: ends one session. Takes a bearer token, or form or JSON `refresh_token`.
        /// Replies 204.
        pub fn logout<$($state: $($bound)+,)? U: $crate::AuthUser>(auth: &$crate::Auth<U>) -> $out {
            $route(auth, $crate::Endpoint::Logout)
        }

        /// `POST`: ends every session of the caller. Takes a bearer token. Replies 204.
        pub fn logout_all<$($state: $($bound)+,)? U: $crate::AuthUser>(auth: &$crate::Auth<U>) -> $out {
            $route(auth, $crate::Endpoint::LogoutAll)
        }

        /// `POST`: changes the caller's password and ends all other sessions. Takes a bearer token
        /// and JSON `current_password`, `new_password`. Replies 204.
        pub fn change_password<$($state: $($bound)+,)? U: $crate::AuthUser>(auth: &$crate::Auth<U>) -> $out {
            $route(auth, $crate::Endpoint::ChangePassword)
        }

        /// `GET` and `HEAD`: lists the caller's sessions. Takes a bearer token.
        pub fn sessions<$($state: $($bound)+,)? U: $crate::AuthUser>(auth: &$crate::Auth<U>) -> $out {
            $route(auth, $crate::Endpoint::Sessions)
        }

        /// `DELETE`: ends one of the caller's sessions. Mount it at a path with a parameter named
        /// `id`. Takes a bearer token. Replies 204, or 404 for an id of no session of the caller.
        pub fn end_session<$($state: $($bound)+,)? U: $crate::AuthUser>(auth: &$crate::Auth<U>) -> $out {
            $route(auth, $crate::Endpoint::EndSession)
        }

        /// `POST`: revokes a token and ends its session. Takes the form of RFC 7009. Replies 200,
        /// also if the token is invalid.
        pub fn revoke<$($state: $($bound)+,)? U: $crate::AuthUser>(auth: &$crate::Auth<U>) -> $out {
            $route(auth, $crate::Endpoint::Revoke)
        }

        /// `POST`: introspects a token. Takes an API key with the scope `introspect` and the form
        /// of RFC 7662. Replies with the token's claims, or that the token is not active.
        pub fn introspect<$($state: $($bound)+,)? U: $crate::AuthUser>(auth: &$crate::Auth<U>) -> $out {
            $route(auth, $crate::Endpoint::Introspect)
        }
    };
}
