//! JSON Web Tokens (RFC 7519, RFC 8725, RFC 9068), strictly.
//!
//! [`Jwt`] issues and verifies with one key, one issuer and one audience:
//!
//! ```text
//! verify: size ─► three segments ─► header ─► key by kid ─► signature ─► claims, in one pass ─► VerifiedClaims
//! ```
//!
//! ```
//! use gatewright_core::{Claims, Timestamp, TokenId, TokenIssuer, TokenKind, TokenVerifier, UserId};
//! use gatewright_jwt::Jwt;
//!
//! let jwt = Jwt::hs256(*b"fu8F0qTz1nQmX3vKd7RwYb2LhJc9PsEa", "https://issuer.example", "my-api").build()?;
//! let now = Timestamp::from_seconds(1_700_000_000);
//! let claims = Claims::new(UserId::new("42")?, TokenId::new("1"), now, Timestamp::from_seconds(1_700_000_900));
//!
//! let token = jwt.issue(TokenKind::Access, &claims)?;
//! assert_eq!(jwt.verify(TokenKind::Access, token.expose(), now)?.subject.as_str(), "42");
//! assert!(jwt.verify(TokenKind::Refresh, token.expose(), now).is_err());
//! assert!(jwt.verify(TokenKind::Access, token.expose(), claims.expires_at).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod number;
mod json;
mod header;
mod claims;
mod algorithm;
mod error;
mod secret;
mod public;
mod jwk;
mod pem;
mod key;
mod signing;
mod generate;
mod jwks;
mod ring;
mod cache;
mod builder;
mod issue;
mod verify;
mod issuers;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use builder::{DangerousJwtBuilder, Jwt, JwtBuilder, MAX_LEEWAY};
pub use cache::MAX_CACHE_TOKENS;
pub use error::{KeyError, RingError};
pub use generate::NewKey;
pub use issuers::Issuers;
pub use jwks::{JwkSet, MAX_JWKS_BYTES, MAX_JWKS_KEYS};
pub use key::{MAX_KEY_ID_BYTES, VerifyingKey};
pub use ring::KeyRing;
pub use secret::MIN_SECRET_BYTES;
pub use signing::SigningKey;
pub use verify::Extended;
