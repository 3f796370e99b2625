//! The setting of the rules for new passwords.

use super::builder::AuthBuilder;
use crate::password::PasswordRules;
use crate::store::AuthUser;

impl<U: AuthUser> AuthBuilder<U> {
    /// Sets the rules for new passwords; those of [`PasswordRules::new`] unless set.
    ///
    /// ```
    /// use gatewright::Auth;
    /// use gatewright::password::PasswordRules;
    /// # let secret = gatewright::HmacSecret::generate()?;
    /// # let tokens = gatewright::Jwt::hs256(secret).issuer("https://issuer.example").audience("api");
    /// # let (store, tokens) = (gatewright::MemoryStore::new(), tokens.build()?);
    ///
    /// let builder = Auth::local(store, tokens, gatewright_testkit::TestHasher::new());
    /// let rules = PasswordRules::new().with_words(["Example Books"]).with_min_code_points(12);
    /// let error = builder.with_password_rules(rules).build().unwrap_err();
    /// assert_eq!(error.explain(), "must be 15 to 64, is 12; 8 to 14 need `dangerous()` of the rules");
    /// # Ok::<(), gatewright::auth::BuildError>(())
    /// ```
    pub fn with_password_rules(mut self, rules: PasswordRules) -> Self {
        self.password_rules = rules;
        self
    }
}
