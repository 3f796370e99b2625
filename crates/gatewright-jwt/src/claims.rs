//! The claims set (RFC 7519 §4), read in one pass. Each claim must have its type, and no name may
//! occur twice.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use gatewright_core::TokenError;
use gatewright_core::token::AuthMethods;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::json::{Fault, Names, Skip, Text};
use crate::number::{BadNumber, NumericDate};

/// The expected audiences, and whether the tokens are of another issuer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected<'a> {
    /// One of them must be in `aud`.
    pub(crate) audiences: &'a [Arc<str>],
    /// Of another issuer: `sid` and `epoch` are ignored, because their meaning there is unknown.
    /// `scope`, `auth_time` and `amr` are ignored if they have another type than ours.
    pub(crate) foreign: bool,
}

/// The claims of a payload. Their types are checked, their values are not.
#[derive(Debug, Default)]
pub(crate) struct RawClaims<'de> {
    pub(crate) issuer: Option<Cow<'de, str>>,
    pub(crate) subject: Option<Cow<'de, str>>,
    /// `aud`: the position of the first expected audience that it contains, if any.
    pub(crate) audience: Option<Option<usize>>,
    pub(crate) expires_at: Option<NumericDate>,
    pub(crate) not_before: Option<NumericDate>,
    pub(crate) issued_at: Option<NumericDate>,
    pub(crate) token_id: Option<Cow<'de, str>>,
    pub(crate) session: Option<Cow<'de, str>>,
    pub(crate) epoch: Option<Cow<'de, str>>,
    pub(crate) scopes: Option<Cow<'de, str>>,
    pub(crate) auth_time: Option<NumericDate>,
    pub(crate) amr: Option<AuthMethods>,
    /// Whether there are members that are not read here.
    pub(crate) has_others: bool,
}

/// The times of a token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) expires_at: NumericDate,
    pub(crate) issued_at: NumericDate,
    pub(crate) not_before: Option<NumericDate>,
}

impl<'de> RawClaims<'de> {
    pub(crate) fn times(&self) -> Result<Times, TokenError> {
        let missing = TokenError::ClaimMissing;
        Ok(Times {
            expires_at: self.expires_at.ok_or(missing)?,
            issued_at: self.issued_at.ok_or(missing)?,
            not_before: self.not_before,
        })
    }

    /// Reads a payload.
    pub(crate) fn parse(text: &'de str, expected: Expected<'_>) -> Result<Self, TokenError> {
        // Nearly every token has whole seconds. If the first attempt fails for any reason, the
        // payload is read again with the parser for all numbers, and the second result counts.
        Self::read(text, expected, Numbers::Whole).or_else(|_| Self::read(text, expected, Numbers::Any))
    }

    fn read(text: &'de str, expected: Expected<'_>, numbers: Numbers) -> Result<Self, TokenError> {
        let fault = Fault::default();
        let data =
            if text.trim_ascii_start().starts_with('{') { TokenError::ClaimType } else { TokenError::Json };
        let mut claims = Self::default();
        let members = Members { fault: &fault, expected, numbers, claims: &mut claims };
        fault.parse(text, members, data, TokenError::Json)?;
        Ok(claims)
    }
}

/// The notations of numbers that are read.
#[derive(Clone, Copy)]
enum Numbers {
    /// Whole numbers without sign and exponent, which serde reads.
    Whole,
    /// All JSON numbers, from their text.
    Any,
}

/// Fills the claims in place, because they are so large that moving them takes time.
struct Members<'a, 'de> {
    fault: &'a Fault,
    expected: Expected<'a>,
    numbers: Numbers,
    claims: &'a mut RawClaims<'de>,
}

impl Fault {
    fn fill<T, E: Error>(&self, slot: &mut Option<T>, value: Result<T, E>) -> Result<(), E> {
        if slot.is_some() {
            return Err(self.raise(TokenError::Duplicate));
        }
        *slot = Some(value?);
        Ok(())
    }

    fn number<'de, A: MapAccess<'de>>(&self, map: &mut A, numbers: Numbers) -> Result<NumericDate, A::Error> {
        if matches!(numbers, Numbers::Whole) {
            return map.next_value().map(NumericDate::from_seconds);
        }
        NumericDate::parse(map.next_value::<&RawValue>()?.get()).map_err(|bad| {
            self.raise(match bad {
                BadNumber::Type => TokenError::ClaimType,
                BadNumber::Range => TokenError::ClaimRange,
            })
        })
    }
}

impl<'de> DeserializeSeed<'de> for Members<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a claims set")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Self { fault, expected, numbers, claims } = self;
        let mut names = Names::default();
        while let Some(name) = map.next_key_seed(Text)? {
            match &*name {
                "iss" => fault.fill(&mut claims.issuer, map.next_value_seed(Text))?,
                "sub" => fault.fill(&mut claims.subject, map.next_value_seed(Text))?,
                "aud" => {
                    fault.fill(&mut claims.audience, map.next_value_seed(Audience(expected.audiences)))?
                }
                "exp" => fault.fill(&mut claims.expires_at, fault.number(&mut map, numbers))?,
                "nbf" => fault.fill(&mut claims.not_before, fault.number(&mut map, numbers))?,
                "iat" => fault.fill(&mut claims.issued_at, fault.number(&mut map, numbers))?,
                "jti" => fault.fill(&mut claims.token_id, map.next_value_seed(Text))?,
                "sid" | "epoch" if expected.foreign => names.skip(name, &mut map, fault, 0)?,
                "scope" if expected.foreign => {
                    names.take(name, fault)?;
                    claims.scopes = map.next_value_seed(Lenient(Skip { fault, depth: 0 }, read_text))?;
                }
                "auth_time" if expected.foreign => {
                    names.take(name, fault)?;
                    let number = |raw| NumericDate::parse(raw).ok();
                    claims.auth_time = map.next_value_seed(Lenient(Skip { fault, depth: 0 }, number))?;
                }
                "amr" if expected.foreign => {
                    names.take(name, fault)?;
                    claims.amr = map.next_value_seed(Lenient(Skip { fault, depth: 0 }, read_methods))?;
                }
                "sid" => fault.fill(&mut claims.session, map.next_value_seed(Text))?,
                "epoch" => fault.fill(&mut claims.epoch, map.next_value_seed(Text))?,
                "scope" => fault.fill(&mut claims.scopes, map.next_value_seed(Text))?,
                "auth_time" => fault.fill(&mut claims.auth_time, fault.number(&mut map, numbers))?,
                "amr" => fault.fill(&mut claims.amr, methods(&mut map))?,
                "cnf" => return Err(fault.raise(TokenError::SenderBound)),
                _ => {
                    claims.has_others = true;
                    names.skip(name, &mut map, fault, 0)?;
                }
            }
        }
        Ok(())
    }
}

/// `amr`: an array of strings.
fn methods<'de, A: MapAccess<'de>>(map: &mut A) -> Result<AuthMethods, A::Error> {
    let raw = map.next_value::<&'de RawValue>()?.get();
    read_methods(raw).ok_or_else(|| Error::custom("not an array of strings"))
}

/// The methods of a password login, which nearly every token has, are read without an allocation.
fn read_methods(raw: &str) -> Option<AuthMethods> {
    if raw == r#"["pwd"]"# {
        return Some(AuthMethods::password());
    }
    let methods: Vec<String> = serde_json::from_str(raw).ok()?;
    Some(methods.into_iter().collect())
}

fn read_text(raw: &str) -> Option<Cow<'_, str>> {
    Text.deserialize(&mut serde_json::Deserializer::from_str(raw)).ok()
}

/// A value that the function reads from its text. A value of another type is checked for duplicates
/// and depth, and read as `None`.
struct Lenient<'a, F>(Skip<'a>, F);

impl<'de, T, F: FnOnce(&'de str) -> Option<T>> DeserializeSeed<'de> for Lenient<'_, F> {
    type Value = Option<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let Self(skip, read) = self;
        let raw = <&'de RawValue>::deserialize(deserializer)?.get();
        let value = read(raw);
        if value.is_none() {
            skip.deserialize(&mut serde_json::Deserializer::from_str(raw)).map_err(Error::custom)?;
        }
        Ok(value)
    }
}

/// A string or an array of strings. Reads which of the expected ones is among them. Strings are
/// compared byte for byte.
struct Audience<'a>(&'a [Arc<str>]);

impl Audience<'_> {
    fn position(&self, text: &str) -> Option<usize> {
        self.0.iter().position(|expected| **expected == *text)
    }
}

impl<'de> DeserializeSeed<'de> for Audience<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Audience<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an array of strings")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Option<usize>, E> {
        Ok(self.position(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Option<usize>, A::Error> {
        let mut found = None;
        while let Some(text) = seq.next_element_seed(Text)? {
            found = found.or_else(|| self.position(&text));
        }
        Ok(found)
    }
}
