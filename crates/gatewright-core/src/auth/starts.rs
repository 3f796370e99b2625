//! How a builder starts: with Gatewright's own accounts, or with the users of an application.

use std::sync::Arc;

use super::builder::{AuthBuilder, Parts};
use super::handle::Auth;
use crate::audit::AuditStore;
use crate::password::PasswordHasher;
use crate::store::{Account, AccountStore, AuthUser, SessionStore, UserStore};
use crate::throttle::Throttle;
use crate::token::{TokenIssuer, TokenVerifier};

impl Auth<Account> {
    /// Starts the builder with Gatewright's own accounts.
    ///
    /// `store` keeps accounts, sessions, the [`throttle`](crate::throttle) and, in a SQL database, the
    /// [audit trail](crate::audit). `tokens` issues and verifies tokens, `hasher` hashes
    /// passwords.
    pub fn local<S, T>(store: S, tokens: T, hasher: impl PasswordHasher) -> AuthBuilder<Account>
    where
        S: AccountStore<User = Account> + SessionStore + Throttle + AuditStore,
        T: TokenIssuer + TokenVerifier + 'static,
    {
        let (store, tokens) = (Arc::new(store), Arc::new(tokens));
        let parts = Parts {
            users: Arc::clone(&store) as _,
            sessions: Arc::clone(&store) as _,
            verifier: Arc::clone(&tokens) as _,
            issuer: tokens,
            hasher: Arc::new(hasher),
        };
        let mut builder = AuthBuilder::new(parts).with_shared_accounts(Arc::clone(&store) as _);
        builder.audit.offer(Arc::clone(&store) as _);
        builder.with_shared_throttle(store)
    }
}

impl<U: AuthUser> Auth<U> {
    /// Starts the builder with users of your own, or with separate stores for users and sessions.
    ///
    /// `tokens` issues and verifies tokens, `hasher` hashes passwords. The user type `U` follows from the
    /// user store.
    ///
    /// ```
    /// use gatewright::{Auth, MemoryStore};
    ///
    /// # let secret = gatewright::HmacSecret::generate()?;
    /// # let tokens = gatewright::Jwt::hs256(secret).issuer("https://issuer.example").audience("api");
    /// # let (tokens, hasher) = (tokens.build()?, gatewright_testkit::TestHasher::new());
    /// let (users, sessions) = (MemoryStore::new(), MemoryStore::new());
    /// let auth = Auth::builder(users.clone(), sessions, tokens, hasher).with_accounts(users).build()?;
    /// assert!(auth.accounts().is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder<T>(
        users: impl UserStore<User = U>,
        sessions: impl SessionStore,
        tokens: T,
        hasher: impl PasswordHasher,
    ) -> AuthBuilder<U>
    where
        T: TokenIssuer + TokenVerifier + 'static,
    {
        let tokens = Arc::new(tokens);
        AuthBuilder::new(Parts {
            users: Arc::new(users),
            sessions: Arc::new(sessions),
            verifier: Arc::clone(&tokens) as _,
            issuer: tokens,
            hasher: Arc::new(hasher),
        })
    }
}
