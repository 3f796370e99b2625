//! The builder's methods for the audit trail.

use std::sync::Arc;

use super::builder::AuthBuilder;
use crate::audit::{AuditSettings, AuditStore};
use crate::store::AuthUser;

impl<U: AuthUser> AuthBuilder<U> {
    /// Sets where the [audit trail](crate::audit) is kept, and its settings.
    ///
    /// [`Auth::local`](crate::Auth::local) keeps it in its own store, if that is a SQL database.
    /// [`Auth::builder`](crate::Auth::builder) keeps none unless set. The
    /// [receiver of events](Self::with_events) receives all events as well.
    ///
    /// ```
    /// use gatewright::audit::{AuditFilter, AuditKey, AuditSettings};
    /// use gatewright::{Auth, Login, MemoryStore, Password};
    ///
    /// # gatewright_testkit::block_on(async {
    /// # let secret = gatewright::HmacSecret::generate()?;
    /// # let tokens = gatewright::Jwt::hs256(secret).issuer("https://issuer.example").audience("api");
    /// # let (tokens, hasher) = (tokens.build()?, gatewright_testkit::TestHasher::new());
    /// # let key = gatewright_testkit::shared_secret("audit");
    /// let (store, settings) = (MemoryStore::new(), AuditSettings::new().with_key(AuditKey::new(key)?));
    /// let auth = Auth::local(store.clone(), tokens, hasher).with_audit(store, settings).build()?;
    /// assert!(auth.login(Login::new("ada@example.com", Password::new("a wrong guess"))).await.is_err());
    ///
    /// let audit = auth.audit()?;
    /// audit.flush().await?;
    /// let rows = audit.page(&AuditFilter::new().of_event("LoginRefused"), None, 10).await?;
    /// assert_eq!(rows[0].record.cause.as_deref(), Some("the user does not exist"));
    /// assert!(audit.verify(&[]).await?.damage.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn with_audit(mut self, store: impl AuditStore, settings: AuditSettings) -> Self {
        self.audit.set(Arc::new(store), settings);
        self
    }

    /// Sets the settings of the audit trail in the store of the accounts: its key, for example.
    pub fn with_audit_settings(mut self, settings: AuditSettings) -> Self {
        self.audit.set_settings(settings);
        self
    }

    /// Keeps no audit trail: for tests, or for an application with one of its own.
    pub fn without_audit(mut self) -> Self {
        self.audit.turn_off();
        self
    }
}
