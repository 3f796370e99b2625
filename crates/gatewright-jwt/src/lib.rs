//! JSON Web Tokens (RFC 7519, RFC 8725, RFC 9068), verified strictly.
//!
//! [`Jwt`] issues and verifies tokens with the keys of a [`KeyRing`], for one issuer and one
//! audience. [`Issuers`] combines verifiers of several issuers.
//!
//! ```text
//! verify: size ─► three segments ─► header ─► key by kid ─► signature ─► claims, in one pass ─► VerifiedClaims
//! ```
//!
//! The simplest setup has one secret:
//!
//! ```
//! use gatewright::token::{Claims, TokenId, TokenKind, TokenVerifier};
//! use gatewright::types::Timestamp;
//! use gatewright::{HmacSecret, Jwt, UserId};
//!
//! let secret = HmacSecret::generate()?; // or the text of AUTH_SECRET_KEY
//! let jwt = Jwt::hs256(secret).issuer("https://issuer.example").audience("my-api").build()?;
//! let now = Timestamp::from_seconds(1_700_000_000);
//! let claims = Claims::new(UserId::new("42")?, TokenId::new("1"), now, Timestamp::from_seconds(1_700_000_900));
//!
//! let token = jwt.sign(TokenKind::Access, &claims)?;
//! assert_eq!(jwt.verify(TokenKind::Access, token.expose(), now)?.subject().as_str(), "42");
//! assert!(jwt.verify(TokenKind::Refresh, token.expose(), now).is_err());
//! assert!(jwt.verify(TokenKind::Access, token.expose(), claims.expires_at).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Keys
//! A key is for one [`Algorithm`] and has one id. [`SigningKey`] and [`VerifyingKey`] are read from
//! PEM (PKCS#8, SubjectPublicKeyInfo), from a JWK, or from the bytes of a secret; [`NewKey`]
//! generates one. Each key is checked when it is read: its size, its numbers, its use, and that it
//! is not private where a public one is expected, or the other way round. [`KeyRing`] rotates keys
//! while requests run, and publishes the public ones. [`JwkSet`] reads the sets of others. With the
//! feature `jsonwebtoken`, its algorithms, keys and key sets convert into these types.
//!
//! # What is rejected
//! Every reason is a [`TokenError`](gatewright_core::TokenError) with a name, for logs and metrics.
//! The client gets the same answer for all of them. Rejected are:
//! - tokens over 8 KiB, and tokens that are not three segments of canonical base64url;
//! - header members of a wrong type, and those that change what a token means or where its key
//!   comes from (`crit`, `b64`, `zip`, `jku`, `x5u`, `jwk`, `x5c`, `cty`, those of JWE);
//! - a missing or unknown `kid`, another algorithm than that of the key, another kind of token;
//! - members that occur twice, at any depth;
//! - claims that are missing, of a wrong type or out of range, and another issuer or audience;
//! - tokens that have expired, are not valid yet, or have a too long lifetime;
//! - sender-bound tokens (`cnf`).
//!
//! # Tokens of other issuers
//! Most issuers' access tokens are not as RFC 9068 says. A [`TokenProfile`] names what those of an issuer look like,
//! and what distinguishes them from its ID, refresh and logout tokens. It has constructors for fourteen issuers.
//!
//! [`Claims::with_extra`](gatewright_core::Claims::with_extra) adds claims of the application's own,
//! and [`VerifiedClaims::extra`](gatewright_core::VerifiedClaims::extra) reads them.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod number;
mod json;
mod header;
mod claims;
mod algorithm;
mod error;
mod secret;
mod derive;
mod public;
mod jwk;
mod pem;
mod key;
mod signing;
mod generate;
mod jwks;
#[cfg(feature = "jsonwebtoken")]
mod conversions;
mod ring;
mod cache;
mod conditions;
mod profile;
mod profiles;
mod deviations;
mod prepared;
mod builder;
mod issue;
mod verify;
mod issuers;
#[doc(hidden)]
pub mod inspection;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use builder::{DangerousJwtBuilder, Jwt, JwtBuilder, MAX_LEEWAY};
pub use cache::MAX_CACHE_TOKENS;
pub use conditions::{ClaimPath, ClaimValue};
pub use error::{KeyError, RingError};
pub use generate::NewKey;
pub use issuers::{IssuerVerifier, Issuers};
pub use jwks::{JwkSet, MAX_JWKS_BYTES, MAX_JWKS_KEYS, RejectedKey};
pub use key::{MAX_KEY_ID_BYTES, VerifyingKey};
pub use profile::{
    DangerousTokenProfile, GithubId, HeaderMember, MAX_PROFILE_LIFETIME, MAX_PROFILE_TOKEN_BYTES,
    TokenProfile,
};
pub use ring::KeyRing;
pub use secret::{HmacSecret, MIN_SECRET_BYTES};
pub use signing::SigningKey;
