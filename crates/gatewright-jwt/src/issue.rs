//! Issuing tokens: header, claims, signature.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatewright_core::token::{ExtraObject, IssueError, MAX_TOKEN_BYTES};
use gatewright_core::types::DerivedKey;
use gatewright_core::{Claims, Timestamp, TokenError, TokenId, TokenIssuer, TokenKind, TokenText};
use serde::Serialize;

use crate::builder::Jwt;

#[derive(Serialize)]
struct Payload<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: u64,
    iat: u64,
    jti: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<u64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    amr: &'a [String],
}

#[async_trait]
impl TokenIssuer for Jwt {
    async fn issue(&self, kind: TokenKind, claims: &Claims) -> Result<TokenText, IssueError> {
        self.sign(kind, claims)
    }

    fn public_keys(&self) -> Arc<str> {
        self.ring().jwks()
    }

    /// By HKDF-SHA-256 (RFC 5869) with an empty salt, and the label as `info`. The input is the HMAC
    /// secret, the seed of an Ed25519 key, the private number of an EC key, or the primes of an RSA key.
    fn derive_keys(&self, label: &'static str) -> Vec<DerivedKey> {
        self.ring().derive_keys(label)
    }
}

impl Jwt {
    /// Signs a token at once: what [`TokenIssuer::issue`] does, outside of an async function.
    ///
    /// # Errors
    /// The ring has no signing key, the claims are such that the verifier would reject the token, or signing
    /// failed.
    pub fn sign(&self, kind: TokenKind, claims: &Claims) -> Result<TokenText, IssueError> {
        self.check(kind, claims)?;
        let payload = Payload {
            iss: &self.rules.issuer,
            sub: claims.subject.as_str(),
            aud: self.rules.audience(kind),
            exp: claims.expires_at.as_seconds(),
            iat: claims.issued_at.as_seconds(),
            jti: claims.token_id.as_ref().map(TokenId::as_str),
            sid: claims.session.map(|id| id.to_string()),
            epoch: claims.epoch.map(|epoch| epoch.to_string()),
            scope: (kind == TokenKind::Access).then(|| claims.scopes.as_str()),
            auth_time: claims.auth_time.map(Timestamp::as_seconds),
            amr: claims.amr.as_slice(),
        };
        let mut payload = serde_json::to_string(&payload).map_err(failed)?;
        if let Some(extra) = &claims.extra {
            append(&mut payload, extra);
        }
        let state = self.ring.state();
        let (key, header) = state.signer(kind).ok_or_else(|| failed("the ring has no signing key"))?;
        let mut token = header.to_owned();
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut token);
        key.sign_into(&mut token).map_err(failed)?;
        if token.len() > MAX_TOKEN_BYTES {
            return Err(failed("the token is longer than 8 KiB, which verifiers reject"));
        }
        Ok(TokenText::new(token))
    }
}

impl Jwt {
    /// An error if the verifier would reject the claims.
    fn check(&self, kind: TokenKind, claims: &Claims) -> Result<(), IssueError> {
        let lifetime = claims.expires_at.as_seconds().saturating_sub(claims.issued_at.as_seconds());
        if lifetime > kind.max_lifetime().as_secs() {
            return Err(failed(TokenError::Lifetime));
        }
        if claims.token_id.as_ref().is_none_or(|id| id.as_str().is_empty()) {
            return Err(failed(TokenError::ClaimMissing));
        }
        if self.rules.foreign {
            return Err(failed("this verifier is for another issuer's tokens"));
        }
        Ok(())
    }
}

/// Adds the members of an object to the object in `payload`. The payload has no members of these names.
fn append(payload: &mut String, extra: &ExtraObject) {
    let members = extra.as_json().strip_prefix('{').filter(|members| *members != "}");
    if let Some(members) = members
        && payload.pop().is_some()
    {
        payload.push(',');
        payload.push_str(members);
    }
}

fn failed(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> IssueError {
    IssueError::new(Some(cause.into()))
}
