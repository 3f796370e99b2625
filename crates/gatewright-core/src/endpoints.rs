//! The ready-made endpoints: bytes in, bytes out.

use std::future::Future;

use bytes::Bytes;
use serde::Serialize;

use crate::account::{PasswordChange, Registration};
use crate::auth::Auth;
use crate::authenticator;
use crate::body::{Fields, MAX_BODY_BYTES, MediaType};
use crate::client::ClientInfo;
use crate::credential::{Bearer, PresentedApiKey, read_api_key};
use crate::error::{AccessRefusal, AuthError, RequestError};
use crate::id::SessionId;
use crate::identity::Identity;
use crate::introspect::INTROSPECTION;
use crate::login::Login;
use crate::operation::{Operation, PUBLIC_KEYS_MAX_AGE};
use crate::refresh::Refresh;
use crate::reply::Reply;
use crate::request::RequestView;
use crate::secret::TokenText;
use crate::store::AuthUser;

/// What an endpoint needs of a request, read before the future begins.
struct Call {
    media: Result<MediaType, RequestError>,
    bearer: Result<Option<Bearer>, AccessRefusal>,
    api_key: PresentedApiKey,
    client: ClientInfo,
    /// The id in the path, if it is one.
    id: Option<SessionId>,
    body: Bytes,
}

impl<U: AuthUser> Auth<U> {
    /// The endpoints that this `Auth` was configured for: without an account store there is no change of password, without a
    /// registration role as well no registration, and without API keys no introspection.
    pub fn operations(&self) -> impl Iterator<Item = Operation> + use<U> {
        let has_accounts = self.inner.accounts.is_some();
        let has_api_keys = !self.inner.api_keys.is_empty();
        let registers = has_accounts && self.inner.settings.registration_role.is_some();
        Operation::ALL.iter().copied().filter(move |operation| match operation {
            Operation::Register => registers,
            Operation::ChangePassword => has_accounts,
            Operation::Introspect => has_api_keys,
            _ => true,
        })
    }

    /// Answers a request for `operation`, with its body as a [`BodyCollector`](crate::BodyCollector) collected it.
    pub fn answer(
        &self,
        operation: Operation,
        view: &RequestView<'_>,
        body: Result<Bytes, RequestError>,
    ) -> impl Future<Output = Reply> + Send + use<U> {
        let call = Call::read(self, operation, view, body);
        let auth = self.clone();
        async move {
            let answered = match call {
                Ok(call) => auth.perform(operation, call).await,
                Err(refusal) => Err(refusal.into()),
            };
            match answered {
                Ok(reply) => reply,
                Err(error) => auth.reply_to(&error),
            }
        }
    }

    /// The public keys of the tokens, for `GET /.well-known/jwks.json`: a JWK set, which others may keep for
    /// [`PUBLIC_KEYS_MAX_AGE`].
    #[must_use]
    pub fn public_keys(&self) -> Reply {
        let max_age = format!("public, max-age={}", PUBLIC_KEYS_MAX_AGE.as_secs());
        let body = Bytes::copy_from_slice(self.inner.issuer.public_keys().as_bytes());
        let reply = Reply { body, ..Reply::empty(200) };
        reply.with_header("content-type", "application/jwk-set+json").with_header("cache-control", max_age)
    }

    /// The answer to a request with another method than those in `allow`, separated by commas. An empty list leaves the
    /// `Allow` header to the framework.
    #[must_use]
    pub fn method_not_allowed(&self, allow: &'static str) -> Reply {
        self.reply_to(&RequestError::Method { allow }.into())
    }

    /// The answer to a request for a thing that is not there.
    #[must_use]
    pub fn not_found(&self) -> Reply {
        self.reply_to(&AuthError::NotFound {})
    }

    async fn perform(&self, operation: Operation, call: Call) -> Result<Reply, AuthError> {
        match operation {
            Operation::Register => self.answer_register(&call).await,
            Operation::Login => self.answer_login(&call).await,
            Operation::Refresh => self.answer_refresh(&call).await,
            Operation::Logout => self.answer_logout(&call).await,
            Operation::LogoutAll => self.answer_logout_all(&call).await,
            Operation::ChangePassword => self.answer_change_password(&call).await,
            Operation::Sessions => self.answer_sessions(&call).await,
            Operation::EndSession => self.answer_end_session(&call).await,
            Operation::Revoke => self.answer_revoke(&call).await,
            Operation::Introspect => self.answer_introspect(call).await,
        }
    }

    async fn answer_register(&self, call: &Call) -> Result<Reply, AuthError> {
        #[derive(Serialize)]
        struct Registered {
            detail: &'static str,
        }
        let registration = Registration::from_fields(&call.fields(&[MediaType::Json])?)?;
        self.register(registration).await?;
        Ok(Reply::json(201, &Registered { detail: "Registered" }))
    }

    async fn answer_login(&self, call: &Call) -> Result<Reply, AuthError> {
        let login = Login::from_fields(&call.fields(&[MediaType::Form])?)?;
        Ok(self.login(login.with_client(call.client.clone())).await?.to_reply())
    }

    async fn answer_refresh(&self, call: &Call) -> Result<Reply, AuthError> {
        let refresh = Refresh::from_fields(&call.fields(&[MediaType::Form, MediaType::Json])?)?;
        Ok(self.refresh(refresh).await?.to_reply())
    }

    async fn answer_logout(&self, call: &Call) -> Result<Reply, AuthError> {
        match call.refresh_token()? {
            Some(token) => self.logout_by_refresh_token(&token).await?,
            None => self.logout(&self.caller(call).await?).await?,
        }
        Ok(Reply::no_content())
    }

    async fn answer_logout_all(&self, call: &Call) -> Result<Reply, AuthError> {
        let caller = self.caller(call).await?;
        call.optional_fields()?;
        self.logout_all(&caller).await?;
        Ok(Reply::no_content())
    }

    async fn answer_change_password(&self, call: &Call) -> Result<Reply, AuthError> {
        let caller = self.caller(call).await?;
        let change = PasswordChange::from_fields(&call.fields(&[MediaType::Json])?)?;
        self.change_password(&caller, change).await?;
        Ok(Reply::no_content())
    }

    async fn answer_sessions(&self, call: &Call) -> Result<Reply, AuthError> {
        let caller = self.caller(call).await?;
        Ok(self.sessions(&caller).await?.to_reply())
    }

    async fn answer_end_session(&self, call: &Call) -> Result<Reply, AuthError> {
        let caller = self.caller(call).await?;
        self.end_session(&caller, call.id.ok_or(AuthError::NotFound {})?).await?;
        Ok(Reply::no_content())
    }

    async fn answer_revoke(&self, call: &Call) -> Result<Reply, AuthError> {
        self.revoke(&call.token()?).await?;
        Ok(Reply::empty(200))
    }

    async fn answer_introspect(&self, call: Call) -> Result<Reply, AuthError> {
        let token = call.token();
        self.judge_api_key(call.api_key, &INTROSPECTION)?;
        Ok(self.introspect(&token?).await?.to_reply())
    }

    /// Who calls an endpoint that is for users. What is remembered does not count here.
    async fn caller(&self, call: &Call) -> Result<Identity<U>, AuthError> {
        let bearer = call.bearer.clone()?.ok_or(AccessRefusal::NoCredential)?;
        authenticator::authenticate_anew(&self.inner, bearer.expose()).await
    }
}

impl Call {
    fn read<U: AuthUser>(
        auth: &Auth<U>,
        operation: Operation,
        view: &RequestView<'_>,
        body: Result<Bytes, RequestError>,
    ) -> Result<Self, RequestError> {
        let allow = operation.allow();
        if !allow.split(',').any(|method| method == view.method()) {
            return Err(RequestError::Method { allow });
        }
        // Only what is posted has a body that means something.
        let body = if operation.method() == "POST" { body? } else { Bytes::new() };
        if body.len() > MAX_BODY_BYTES {
            return Err(RequestError::BodySize);
        }
        let (media, bearer, api_key) = (MediaType::read(view), Bearer::read(view), read_api_key(view));
        let logs_in = operation == Operation::Login;
        let client = if logs_in { auth.client(view) } else { ClientInfo::default() };
        let id = view.id().and_then(|text| text.parse().ok());
        Ok(Self { media, bearer, api_key, client, id, body })
    }

    fn fields(&self, accepted: &[MediaType]) -> Result<Fields, RequestError> {
        Fields::read(&self.body, self.media?, accepted)
    }

    /// The fields of a body that need not be there. No body at all needs no content type.
    fn optional_fields(&self) -> Result<Option<Fields>, RequestError> {
        let is_empty = self.body.is_empty();
        if is_empty { Ok(None) } else { self.fields(&[MediaType::Form, MediaType::Json]).map(Some) }
    }

    /// The token in the form of a revocation or an introspection. A hint may be wrong, but not there twice (RFC 6749 §3.2);
    /// nobody needs one here, where a token says itself what it is.
    fn token(&self) -> Result<TokenText, RequestError> {
        let fields = self.fields(&[MediaType::Form])?;
        fields.optional("token_type_hint")?;
        Ok(TokenText::new(fields.required("token")?))
    }

    /// The refresh token in the body of a logout, if there is one.
    fn refresh_token(&self) -> Result<Option<TokenText>, RequestError> {
        let Some(fields) = self.optional_fields()? else { return Ok(None) };
        Ok(fields.optional("refresh_token")?.map(TokenText::new))
    }
}
