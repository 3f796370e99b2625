//! Dispatch: from the bytes of a request for an endpoint to its reply.

use std::future::Future;

use bytes::Bytes;
use serde::Serialize;

use super::accounts::Registration;
use super::change_password::PasswordChange;
use super::endpoint::{Endpoint, PUBLIC_KEYS_MAX_AGE};
use super::introspect::INTROSPECTION;
use super::login::Login;
use super::refresh::Refresh;
use crate::auth::{Auth, Failure};
use crate::error::{AccessError, AuthError, RequestError};
use crate::guard::{Identity, authenticate_uncached};
use crate::http::{
    BearerToken, Fields, MAX_BODY_BYTES, MediaType, PresentedApiKey, Reply, RequestView, read_api_key,
};
use crate::store::AuthUser;
use crate::types::{ClientInfo, SessionId, TokenText};

/// What an endpoint needs of a request. It is read before the future starts.
struct EndpointRequest {
    endpoint: Endpoint,
    media: MediaType,
    bearer: Result<Option<BearerToken>, AccessError>,
    api_key: PresentedApiKey,
    client: ClientInfo,
    /// The id in the path, if it is a valid one.
    id: Option<SessionId>,
    body: Bytes,
}

impl<U: AuthUser> Auth<U> {
    /// The endpoints that are available with this configuration.
    ///
    /// Password change needs an account store. Registration needs an account store and a registration role.
    /// Introspection needs API keys.
    ///
    /// ```
    /// use gatewright::Auth;
    /// use gatewright::endpoints::Endpoint;
    /// # use gatewright::{MemoryStore, Password, Registration, RoleName};
    ///
    /// # gatewright_testkit::block_on(async {
    /// # let secret = gatewright::HmacSecret::generate()?;
    /// # let tokens = gatewright::Jwt::hs256(secret).issuer("https://issuer.example").audience("api");
    /// # let (tokens, hasher) = (tokens.build()?, gatewright_testkit::TestHasher::new());
    /// # let builder = Auth::local(MemoryStore::new(), tokens, hasher).with_registration_role(RoleName::new("user")?);
    /// let auth = builder.build()?;
    /// assert!(auth.endpoints().any(|endpoint| endpoint == Endpoint::Register));
    /// assert!(auth.endpoints().all(|endpoint| endpoint != Endpoint::Introspect), "there are no API keys");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn endpoints(&self) -> impl Iterator<Item = Endpoint> + use<U> {
        let has_accounts = self.inner.accounts.is_some();
        let has_api_keys = !self.inner.api_keys.is_empty();
        let registers = has_accounts && self.inner.settings.registration_role.is_some();
        Endpoint::ALL.iter().copied().filter(move |endpoint| match endpoint {
            Endpoint::Register => registers,
            Endpoint::ChangePassword => has_accounts,
            Endpoint::Introspect => has_api_keys,
            _ => true,
        })
    }

    /// Answers a request for an endpoint. `body` is the result of a [`BodyCollector`](crate::BodyCollector).
    ///
    /// It never fails: an error becomes the reply that clients see.
    ///
    /// ```
    /// use gatewright::Auth;
    /// use gatewright::endpoints::Endpoint;
    /// use gatewright::http::{Bytes, Headers, RequestView};
    /// # use gatewright::{MemoryStore, Password, Registration, RoleName};
    ///
    /// struct Form;
    ///
    /// impl Headers for Form {
    ///     fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
    ///         if name == "content-type" {
    ///             see(b"application/x-www-form-urlencoded");
    ///         }
    ///     }
    /// }
    ///
    /// # gatewright_testkit::block_on(async {
    /// # let secret = gatewright::HmacSecret::generate()?;
    /// # let tokens = gatewright::Jwt::hs256(secret).issuer("https://issuer.example").audience("api");
    /// # let (tokens, hasher) = (tokens.build()?, gatewright_testkit::TestHasher::new());
    /// # let builder = Auth::local(MemoryStore::new(), tokens, hasher).with_registration_role(RoleName::new("user")?);
    /// # let auth = builder.build()?;
    /// # let password = Password::new("correct horse battery staple");
    /// # auth.register(Registration::new("ada@example.com", password.clone())?).await?;
    /// let body = Bytes::from_static(b"username=ada@example.com&password=correct+horse+battery+staple");
    /// let view = RequestView::new("POST", &Form);
    /// let reply = auth.handle(Endpoint::Login, &view, Ok(body)).await;
    /// assert_eq!(reply.status, 200);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn handle(
        &self,
        endpoint: Endpoint,
        view: &RequestView<'_>,
        body: Result<Bytes, RequestError>,
    ) -> impl Future<Output = Reply> + Send + use<U> {
        let auth = self.for_request(view);
        let request = EndpointRequest::read(&auth, endpoint, view, body);
        async move {
            let answered = match request {
                Ok(request) => auth.dispatch(endpoint, request).await,
                Err(refusal) => Err(refusal.into()),
            };
            match answered {
                Ok(reply) => reply,
                Err(failure) => auth.inner.reply_to(&failure),
            }
        }
    }

    /// The reply to `GET /.well-known/jwks.json`: the public keys of the tokens as a JWK set (RFC 7517 §5).
    /// Others may cache it for [`PUBLIC_KEYS_MAX_AGE`].
    #[must_use]
    pub fn public_keys(&self) -> Reply {
        let max_age = format!("public, max-age={}", PUBLIC_KEYS_MAX_AGE.as_secs());
        let body = Bytes::copy_from_slice(self.inner.issuer.public_keys().as_bytes());
        let reply = Reply { body, ..Reply::empty(200) };
        reply.with_header("content-type", "application/jwk-set+json").with_header("cache-control", max_age)
    }

    /// The reply to an unsupported method: 405. `allow` lists the supported ones, separated by commas. If it
    /// is empty, the framework sets the `Allow` header. Emits nothing.
    #[must_use]
    pub fn method_not_allowed(&self, allow: &'static str) -> Reply {
        self.inner.answers.reply(&RequestError::Method { allow }.into())
    }

    /// The future of one endpoint, in a box: without it every request would carry the largest of them.
    async fn dispatch(&self, endpoint: Endpoint, request: EndpointRequest) -> Result<Reply, Failure> {
        match endpoint {
            Endpoint::Register => Box::pin(self.handle_register(request)).await,
            Endpoint::Login => Box::pin(self.handle_login(request)).await,
            Endpoint::Refresh => Box::pin(self.handle_refresh(&request)).await,
            Endpoint::Logout => Box::pin(self.handle_logout(&request)).await,
            Endpoint::LogoutAll => Box::pin(self.handle_logout_all(&request)).await,
            Endpoint::ChangePassword => Box::pin(self.handle_change_password(request)).await,
            Endpoint::Sessions => Box::pin(self.handle_sessions(&request)).await,
            Endpoint::EndSession => Box::pin(self.handle_end_session(&request)).await,
            Endpoint::Revoke => Box::pin(self.handle_revoke(&request)).await,
            Endpoint::Introspect => Box::pin(self.handle_introspect(request)).await,
        }
    }

    async fn handle_register(&self, request: EndpointRequest) -> Result<Reply, Failure> {
        #[derive(Serialize)]
        struct Registered {
            detail: &'static str,
        }
        let registration = Registration::from_fields(&request.fields()?, self.inner.settings.usernames)?;
        let registration = registration.with_client(request.into_client());
        self.register(registration).await?;
        Ok(Reply::json(201, &Registered { detail: "Registered" }))
    }

    async fn handle_login(&self, request: EndpointRequest) -> Result<Reply, Failure> {
        let login = Login::from_fields(&request.fields()?)?;
        let login = login.with_client(request.into_client());
        Ok(self.login(login).await?.to_reply())
    }

    async fn handle_refresh(&self, request: &EndpointRequest) -> Result<Reply, Failure> {
        let refresh = Refresh::from_fields(&request.fields()?)?;
        Ok(self.refresh(refresh.with_client(request.client.clone())).await?.to_reply())
    }

    async fn handle_logout(&self, request: &EndpointRequest) -> Result<Reply, Failure> {
        match request.refresh_token()? {
            Some(token) => self.logout_by_refresh_token(&token).await?,
            None => self.logout(&self.caller(request).await?).await?,
        }
        Ok(Reply::no_content())
    }

    async fn handle_logout_all(&self, request: &EndpointRequest) -> Result<Reply, Failure> {
        let caller = self.caller(request).await?;
        request.optional_fields()?;
        self.logout_all(&caller).await?;
        Ok(Reply::no_content())
    }

    async fn handle_change_password(&self, request: EndpointRequest) -> Result<Reply, Failure> {
        let caller = self.caller(&request).await?;
        let change = PasswordChange::from_fields(&request.fields()?)?;
        let change = change.with_client(request.into_client());
        Ok(self.change_password(&caller, change).await?.to_reply())
    }

    async fn handle_sessions(&self, request: &EndpointRequest) -> Result<Reply, Failure> {
        let caller = self.caller(request).await?;
        Ok(self.sessions(&caller).await?.to_reply())
    }

    async fn handle_end_session(&self, request: &EndpointRequest) -> Result<Reply, Failure> {
        let caller = self.caller(request).await?;
        self.end_session(&caller, request.id.ok_or(AuthError::NotFound {})?).await?;
        Ok(Reply::no_content())
    }

    async fn handle_revoke(&self, request: &EndpointRequest) -> Result<Reply, Failure> {
        self.revoke(&request.token()?).await?;
        Ok(Reply::empty(200))
    }

    async fn handle_introspect(&self, request: EndpointRequest) -> Result<Reply, Failure> {
        let token = request.token();
        let client = || request.client.clone();
        self.authorize_api_key(request.api_key.clone(), &INTROSPECTION, client)?;
        Ok(self.introspect(&token?).await?.to_reply())
    }

    /// Authenticates the caller of an endpoint for users, from the stores, never from the cache.
    async fn caller(&self, request: &EndpointRequest) -> Result<Identity<U>, Failure> {
        let bearer = request.bearer.clone()?.ok_or(AccessError::NoCredential)?;
        authenticate_uncached(&self.inner, bearer.expose()).await
    }
}

impl EndpointRequest {
    fn read<U: AuthUser>(
        auth: &Auth<U>,
        endpoint: Endpoint,
        view: &RequestView<'_>,
        body: Result<Bytes, RequestError>,
    ) -> Result<Self, RequestError> {
        let allow = endpoint.allow();
        if !allow.split(',').any(|method| method == view.method()) {
            return Err(RequestError::Method { allow });
        }
        // The other methods have no body, so a body is ignored.
        let body = if endpoint.method() == "POST" { body? } else { Bytes::new() };
        if body.len() > MAX_BODY_BYTES {
            return Err(RequestError::BodySize);
        }
        let (media, bearer, api_key) = (MediaType::read(view), auth.inner.bearer(view), read_api_key(view));
        let needs_client = matches!(
            endpoint,
            Endpoint::Login
                | Endpoint::Refresh
                | Endpoint::Register
                | Endpoint::ChangePassword
                | Endpoint::Introspect
        );
        let client = if needs_client { auth.request().client().clone() } else { ClientInfo::default() };
        let id = view.id().and_then(|text| text.parse().ok());
        Ok(Self { endpoint, media, bearer, api_key, client, id, body })
    }

    /// The client alone. The body is dropped, so that a refusal that is held back does not keep it.
    fn into_client(self) -> ClientInfo {
        self.client
    }

    fn fields(&self) -> Result<Fields, RequestError> {
        Fields::read(&self.body, self.media, self.endpoint.media_types(), self.endpoint.fields())
    }

    /// The fields of an optional body. An empty body needs no content type.
    fn optional_fields(&self) -> Result<Option<Fields>, RequestError> {
        if self.body.is_empty() { Ok(None) } else { self.fields().map(Some) }
    }

    /// The token in the form of a revocation or an introspection. `token_type_hint` is ignored, because a token
    /// contains its kind. It must not be repeated (RFC 6749 §3.2).
    fn token(&self) -> Result<TokenText, RequestError> {
        let fields = self.fields()?;
        let token = TokenText::new(fields.required("token")?);
        fields.optional("token_type_hint")?;
        Ok(token)
    }

    /// The refresh token in the body of a logout, if the body has one.
    fn refresh_token(&self) -> Result<Option<TokenText>, RequestError> {
        let Some(fields) = self.optional_fields()? else { return Ok(None) };
        Ok(fields.optional("refresh_token")?.map(TokenText::new))
    }
}
