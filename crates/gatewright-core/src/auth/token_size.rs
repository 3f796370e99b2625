//! The setting of the longest token.

use super::builder::AuthBuilder;
use crate::store::AuthUser;

impl<U: AuthUser> AuthBuilder<U> {
    /// Sets the longest token in the `Authorization` header, in bytes; [`MAX_TOKEN_BYTES`] (8 KiB) unless set. At
    /// most [`MAX_LARGE_TOKEN_BYTES`] (32 KiB). For another issuer whose tokens are longer: the verifier needs a
    /// profile that allows them too. A longer header is answered with 400.
    ///
    /// The server must accept such a header as well. Proxies often allow 8 KiB for one header.
    ///
    /// ```
    /// use gatewright::Auth;
    /// use gatewright::auth::NoUser;
    /// use gatewright::token::{KeyRing, TokenProfile};
    ///
    /// let keys = KeyRing::default(); // the keys that the issuer publishes
    /// let verifier = gatewright::Jwt::builder(keys)
    ///     .with_profile(TokenProfile::keycloak("my-api").with_max_token_bytes(16 * 1024))
    ///     .issuer("https://idp.example/realms/shop")
    ///     .build()?;
    /// let auth = Auth::<NoUser>::resource_server(verifier).with_max_token_bytes(16 * 1024).build()?;
    /// # drop(auth);
    /// # Ok::<(), gatewright::auth::BuildError>(())
    /// ```
    ///
    /// [`MAX_TOKEN_BYTES`]: crate::token::MAX_TOKEN_BYTES
    /// [`MAX_LARGE_TOKEN_BYTES`]: crate::token::MAX_LARGE_TOKEN_BYTES
    pub fn with_max_token_bytes(mut self, bytes: usize) -> Self {
        self.settings.max_token_bytes = bytes;
        self
    }
}

#[cfg(test)]
mod tests {
    use crate::auth::{Auth, NoUser};
    use crate::http::{Headers, RequestView};
    use crate::token::{
        MAX_LARGE_TOKEN_BYTES, MAX_TOKEN_BYTES, TokenError, TokenKind, TokenVerifier, VerifiedClaims,
    };
    use crate::types::Timestamp;
    use std::sync::Arc;

    /// Rejects every token that reaches it, for its signature.
    struct Reached;

    impl TokenVerifier for Reached {
        fn verify(&self, _: TokenKind, _: &str, _: Timestamp) -> Result<Arc<VerifiedClaims>, TokenError> {
            Err(TokenError::Signature)
        }
    }

    struct Bearer(usize);

    impl Headers for Bearer {
        fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
            if name == "authorization" {
                see(format!("Bearer {}", "A".repeat(self.0)).as_bytes());
            }
        }
    }

    /// The status for a token of this length: 401 if the verifier saw it, 400 if not.
    fn status(auth: &Auth<NoUser>, bytes: usize) -> u16 {
        let headers = Bearer(bytes);
        let view = RequestView::new("GET", &headers);
        auth.require_claims(&view).unwrap_err().reply_for(&view).status
    }

    #[test]
    fn longer_tokens_reach_the_verifier_only_if_they_are_allowed() {
        let auth = Auth::<NoUser>::resource_server(Reached).build().unwrap();
        assert_eq!((status(&auth, MAX_TOKEN_BYTES), status(&auth, MAX_TOKEN_BYTES + 1)), (401, 400));
        let large =
            Auth::<NoUser>::resource_server(Reached).with_max_token_bytes(MAX_LARGE_TOKEN_BYTES).build();
        let large = large.unwrap();
        assert_eq!(
            (status(&large, MAX_LARGE_TOKEN_BYTES), status(&large, MAX_LARGE_TOKEN_BYTES + 1)),
            (401, 400)
        );
    }

    #[test]
    fn the_limit_is_8_to_32_kib() {
        for bytes in [0, MAX_TOKEN_BYTES - 1, MAX_LARGE_TOKEN_BYTES + 1] {
            let error =
                Auth::<NoUser>::resource_server(Reached).with_max_token_bytes(bytes).build().unwrap_err();
            assert_eq!((error.setting, error.found()), ("max_token_bytes", Some(bytes.to_string().as_str())));
        }
    }
}
