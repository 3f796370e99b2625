//! The settings of user names.

use super::builder::AuthBuilder;
use crate::store::AuthUser;
use crate::types::Usernames;

impl<U: AuthUser> AuthBuilder<U> {
    /// Lets accounts have a user name beside their address. Users log in with either: a text with an `@` is an
    /// address, any other a [`Username`](crate::Username).
    ///
    /// A registration may have the field `username`. User names are public: a taken one is refused with 422
    /// `username_taken`. Unless set, the field is ignored.
    pub const fn with_usernames(mut self) -> Self {
        self.settings.usernames = Usernames::Optional;
        self
    }

    /// As [`with_usernames`](Self::with_usernames), and every registration must have one.
    pub const fn with_required_usernames(mut self) -> Self {
        self.settings.usernames = Usernames::Required;
        self
    }

    /// Refuses new user names with letters of several scripts ([`Username::is_single_script`](crate::Username::is_single_script)): 422
    /// `invalid_username`. `ad\u{430}` with a Cyrillic letter looks like `ada`. Unless set, they are accepted.
    ///
    /// It does not change logins, so accounts that have such a name keep it.
    ///
    /// ```
    /// use gatewright::error::PolicyError;
    /// use gatewright::types::InvalidUsername;
    /// use gatewright::{Auth, AuthError, Password, Registration};
    /// # let secret = gatewright::HmacSecret::generate().unwrap();
    /// # let tokens = gatewright::Jwt::hs256(secret).issuer("https://issuer.example").audience("api");
    /// # let (store, tokens) = (gatewright::MemoryStore::new(), tokens.build().unwrap());
    /// # let (hasher, role) = (gatewright_testkit::TestHasher::new(), gatewright::RoleName::from_static("user"));
    ///
    /// # gatewright_testkit::block_on(async {
    /// let builder = Auth::local(store, tokens, hasher).with_registration_role(role);
    /// let auth = builder.with_usernames().with_single_script_usernames().build()?;
    /// let new = Registration::new("eve@example.com", Password::new("correct horse battery staple"))?;
    /// let refused = auth.register(new.with_username("ad\u{430}")?).await.unwrap_err();
    /// let reason = PolicyError::Username(InvalidUsername::MixedScripts);
    /// assert!(matches!(refused.kind(), AuthError::Policy(found) if *found == reason));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub const fn with_single_script_usernames(mut self) -> Self {
        self.settings.single_script_usernames = true;
        self
    }
}
