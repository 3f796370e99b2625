//! The claims set (RFC 7519 §4), read in one pass: each claim of its one type, each name once.

use std::borrow::Cow;
use std::fmt;

use gatewright_core::TokenRefusal;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::json::{Fault, Names, Text};
use crate::number::{BadNumber, NumericDate};

/// What a payload says, typed and not yet judged.
#[derive(Debug, Default)]
pub(crate) struct RawClaims<'de> {
    pub(crate) issuer: Option<Cow<'de, str>>,
    pub(crate) subject: Option<Cow<'de, str>>,
    /// Whether the expected audience is among those named.
    pub(crate) audience: Option<bool>,
    pub(crate) expires_at: Option<NumericDate>,
    pub(crate) not_before: Option<NumericDate>,
    pub(crate) issued_at: Option<NumericDate>,
    pub(crate) token_id: Option<Cow<'de, str>>,
    pub(crate) session: Option<Cow<'de, str>>,
    pub(crate) epoch: Option<Cow<'de, str>>,
    pub(crate) scopes: Option<Cow<'de, str>>,
}

/// Claims that this library reads, or refuses a token for.
const REGISTERED: [&str; 11] =
    ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "sid", "epoch", "scope", "cnf"];

pub(crate) fn is_registered(name: &str) -> bool {
    REGISTERED.contains(&name)
}

/// When a token is valid, as it says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) expires_at: NumericDate,
    pub(crate) issued_at: NumericDate,
    pub(crate) not_before: Option<NumericDate>,
}

impl<'de> RawClaims<'de> {
    pub(crate) fn times(&self) -> Result<Times, TokenRefusal> {
        let missing = TokenRefusal::ClaimMissing;
        Ok(Times {
            expires_at: self.expires_at.ok_or(missing)?,
            issued_at: self.issued_at.ok_or(missing)?,
            not_before: self.not_before,
        })
    }

    /// Reads a payload that should name `audience`.
    pub(crate) fn parse(text: &'de str, audience: &str) -> Result<Self, TokenRefusal> {
        let fault = Fault::default();
        let data = if text.trim_ascii_start().starts_with('{') {
            TokenRefusal::ClaimType
        } else {
            TokenRefusal::Json
        };
        fault.parse(text, Members { fault: &fault, audience }, data, TokenRefusal::Json)
    }
}

struct Members<'a> {
    fault: &'a Fault,
    audience: &'a str,
}

impl Members<'_> {
    fn fill<T, E: Error>(&self, slot: &mut Option<T>, value: Result<T, E>) -> Result<(), E> {
        if slot.is_some() {
            return Err(self.fault.raise(TokenRefusal::Duplicate));
        }
        *slot = Some(value?);
        Ok(())
    }

    fn number<'de, A: MapAccess<'de>>(&self, map: &mut A) -> Result<NumericDate, A::Error> {
        NumericDate::parse(map.next_value::<&RawValue>()?.get()).map_err(|bad| {
            self.fault.raise(match bad {
                BadNumber::Type => TokenRefusal::ClaimType,
                BadNumber::Range => TokenRefusal::ClaimRange,
            })
        })
    }
}

impl<'de> DeserializeSeed<'de> for Members<'_> {
    type Value = RawClaims<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = RawClaims<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a claims set")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut claims = RawClaims::default();
        let mut names = Names::default();
        while let Some(name) = map.next_key_seed(Text)? {
            match &*name {
                "iss" => self.fill(&mut claims.issuer, map.next_value_seed(Text))?,
                "sub" => self.fill(&mut claims.subject, map.next_value_seed(Text))?,
                "aud" => self.fill(&mut claims.audience, map.next_value_seed(Audience(self.audience)))?,
                "exp" => self.fill(&mut claims.expires_at, self.number(&mut map))?,
                "nbf" => self.fill(&mut claims.not_before, self.number(&mut map))?,
                "iat" => self.fill(&mut claims.issued_at, self.number(&mut map))?,
                "jti" => self.fill(&mut claims.token_id, map.next_value_seed(Text))?,
                "sid" => self.fill(&mut claims.session, map.next_value_seed(Text))?,
                "epoch" => self.fill(&mut claims.epoch, map.next_value_seed(Text))?,
                "scope" => self.fill(&mut claims.scopes, map.next_value_seed(Text))?,
                "cnf" => return Err(self.fault.raise(TokenRefusal::SenderBound)),
                _ => names.skip(name, &mut map, self.fault, 0)?,
            }
        }
        Ok(claims)
    }
}

/// One string or an array of strings; says whether the expected one is among them, byte for byte.
struct Audience<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Audience<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Audience<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an array of strings")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<bool, E> {
        Ok(text == self.0)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<bool, A::Error> {
        let mut found = false;
        while let Some(text) = seq.next_element_seed(Text)? {
            found |= text == self.0;
        }
        Ok(found)
    }
}
