//! Checks of new passwords, for the endpoints and for an application's own routes.

use crate::auth::{Auth, Error, Inner};
use crate::error::{AuthError, PolicyError};
use crate::password::{BreachedPasswordsError, PasswordCheckError, PasswordPolicyError};
use crate::store::AuthUser;
use crate::types::{ClientInfo, ClientNetwork, Password, within};

impl<U: AuthUser> Auth<U> {
    /// Checks a new password with the [`PasswordRules`](crate::password::PasswordRules) of this `Auth`, and returns it
    /// in the form that is to be hashed. `names` are those of the user: address, user name.
    ///
    /// It is for an application that stores passwords itself. The ready-made endpoints and
    /// [`Accounts`](crate::Accounts) call it. Call it on the `Auth` of the request
    /// ([`for_request`](Self::for_request)): a list of breached passwords shares its places between the networks of
    /// clients.
    ///
    /// ```
    /// use gatewright::{Auth, MemoryStore, Password};
    ///
    /// # gatewright_testkit::block_on(async {
    /// # let secret = gatewright::HmacSecret::generate()?;
    /// # let tokens = gatewright::Jwt::hs256(secret).issuer("https://issuer.example").audience("api");
    /// # let (tokens, hasher) = (tokens.build()?, gatewright_testkit::TestHasher::new());
    /// let auth = Auth::local(MemoryStore::new(), tokens, hasher).build()?;
    /// let refused = auth.check_password(&Password::new("ada@example.com"), &["ada@example.com"]).await.unwrap_err();
    /// assert_eq!(refused.status(), 422);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// - [`AuthError::Policy`] with the first rule that the password breaks.
    /// - [`AuthError::BreachedPasswords`] if the list of breached passwords gave no answer within the time that a
    ///   password may wait ([`with_hash_wait`](crate::AuthBuilder::with_hash_wait)).
    pub async fn check_password(&self, password: &Password, names: &[&str]) -> Result<Password, Error> {
        let client = self.inner.request().client();
        let check = self.inner.check_new_password(password, names, client, PolicyError::Password);
        self.inner.answerable(check).await
    }
}

impl<U> Inner<U> {
    /// Checks a new password of a client. `refusal` says in which field the client sent it.
    pub(super) async fn check_new_password(
        &self,
        password: &Password,
        names: &[&str],
        client: &ClientInfo,
        refusal: fn(PasswordPolicyError) -> PolicyError,
    ) -> Result<Password, AuthError> {
        let network = client.address.map(ClientNetwork::of);
        let check = self.password_rules.check_from(password, names, network);
        match within(&*self.timer, self.settings.hash_wait, check).await {
            Some(Ok(accepted)) => Ok(accepted),
            Some(Err(PasswordCheckError::Policy(error))) => Err(refusal(error).into()),
            Some(Err(PasswordCheckError::Breached(error))) => Err(error.into()),
            None => Err(BreachedPasswordsError::busy().into()),
        }
    }
}
