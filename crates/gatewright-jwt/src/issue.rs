//! Issuing: header, claims, signature.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatewright_core::token::{IssueError, MAX_TOKEN_BYTES};
use gatewright_core::{Claims, TokenIssuer, TokenKind, TokenText};
use serde::Serialize;

use crate::builder::Jwt;

#[derive(Serialize)]
struct Payload<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: u64,
    iat: u64,
    jti: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
}

impl TokenIssuer for Jwt {
    fn issue(&self, kind: TokenKind, claims: &Claims) -> Result<TokenText, IssueError> {
        let payload = Payload {
            iss: &self.issuer,
            sub: claims.subject.as_str(),
            aud: self.audience(kind),
            exp: claims.expires_at.as_seconds(),
            iat: claims.issued_at.as_seconds(),
            jti: claims.token_id.as_str(),
            sid: claims.session.map(|id| id.to_string()),
            epoch: claims.epoch.map(|epoch| epoch.to_string()),
            scope: (kind == TokenKind::Access).then(|| claims.scopes.as_str()),
        };
        let payload = serde_json::to_vec(&payload).map_err(|error| IssueError::new(Some(error.into())))?;
        let mut token = self.header(kind).ok_or_else(|| IssueError::new(None))?.to_owned();
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut token);
        let signature = self.key.sign(token.as_bytes());
        token.push('.');
        token.push_str(&signature);
        if token.len() > MAX_TOKEN_BYTES {
            return Err(IssueError::new(Some("the token is longer than anybody would read".into())));
        }
        Ok(TokenText::new(token))
    }
}
