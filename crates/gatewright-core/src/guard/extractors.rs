//! The handler arguments of every adapter, defined once: what one is and what it demands is the same in all of them, and
//! how a framework makes one is the adapter's.

/// For adapters: `Authorized`, `CurrentUser`, `MaybeUser`, `StatelessClaims` and `ApiKey`, each with a `new` for the
/// adapter. A crate must own the types it implements a framework's traits for, so these cannot live in the core.
#[doc(hidden)]
#[macro_export]
macro_rules! extractors {
    () => {
        /// The user behind the request's bearer token. Without one: 401.
        ///
        /// It dereferences to the user.
        pub type CurrentUser<U = $crate::Account> = Authorized<$crate::Authenticated, U>;

        /// The user behind the request's bearer token, who meets the policy `P`. Nobody: 401; somebody who does not: 403.
        ///
        /// It dereferences to the user.
        #[non_exhaustive]
        pub struct Authorized<P, U = $crate::Account> {
            /// The user, as of this request.
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

        /// The user behind the request's bearer token, if there is one. A token that is there and bad is still refused:
        /// never use `Option<CurrentUser>` instead, which some frameworks make `None` of in both cases.
        #[non_exhaustive]
        pub struct MaybeUser<U = $crate::Account> {
            /// The user; `None` when the request has no credential.
            pub user: ::std::option::Option<CurrentUser<U>>,
        }

        impl<U> MaybeUser<U> {
            fn new(identity: ::std::option::Option<$crate::Identity<U>>) -> Self {
                Self { user: identity.map(Authorized::new) }
            }
        }

        /// What the request's bearer token says, believed for its signature and times alone: no store is asked, so a
        /// logout, a disabled user or a changed password is not noticed before the token expires.
        #[non_exhaustive]
        pub struct StatelessClaims<U = $crate::Account> {
            /// The token's claims.
            pub claims: $crate::VerifiedClaims,
            user: ::std::marker::PhantomData<fn() -> U>,
        }

        impl<U> StatelessClaims<U> {
            fn new(claims: $crate::VerifiedClaims) -> Self {
                Self { claims, user: ::std::marker::PhantomData }
            }
        }

        /// The service behind the request's `X-API-Key`, whose key has the scopes that `P` asks for. No key: 401; a wrong
        /// one, or one that lacks a scope: 403.
        #[non_exhaustive]
        pub struct ApiKey<P = $crate::Authenticated, U = $crate::Account> {
            /// What is known of the key: its scopes.
            pub identity: $crate::ApiKeyIdentity<U>,
            policy: ::std::marker::PhantomData<fn() -> P>,
        }

        impl<P, U> ApiKey<P, U> {
            fn new(identity: $crate::ApiKeyIdentity<U>) -> Self {
                Self { identity, policy: ::std::marker::PhantomData }
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

        impl<P: $crate::Policy, U> $crate::GuardedExtractor for ApiKey<P, U> {
            const ACCESS_RULE: $crate::AccessRule = $crate::AccessRule::ApiKey(P::REQUIREMENT);
        }

        impl<P, U> ::std::ops::Deref for Authorized<P, U> {
            type Target = U;

            fn deref(&self) -> &U {
                &self.user
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
