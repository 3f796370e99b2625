//! The JOSE header (RFC 7515 §4). `alg`, `kid` and `typ` are read, members that change the meaning of a token are refused,
//! and all others are checked for duplicates and depth.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatewright_core::token::MAX_TOKEN_BYTES;
use gatewright_core::{TokenKind, TokenRefusal};
use serde::Serialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};

use crate::json::{Fault, Names, Text};

/// The extensions that must be understood (RFC 7515 §4.1.11): none is supported.
const CRITICAL: &str = "crit";

/// Members that change what a token means or where its key comes from. None is supported, and to ignore one would be
/// to accept what its sender did not mean (RFC 8725 §3.10). So a token with one of them is refused, whatever its value.
const REFUSED: [&str; 16] = [
    "b64", "zip", "jku", "x5u", "jwk", "x5c", "cty",
    "cnf", // another key, another content, another bearer
    "enc", "epk", "apu", "apv", "iv", "tag", "p2s", "p2c", // JWE
];

/// Members that must be strings, and are otherwise ignored.
const TEXTS: [&str; 2] = ["x5t", "x5t#S256"];

/// The members of a header that are read.
#[derive(Debug, Default)]
pub(crate) struct Header<'de> {
    pub(crate) algorithm: Option<Cow<'de, str>>,
    pub(crate) key_id: Option<Cow<'de, str>>,
    pub(crate) media_type: Option<Cow<'de, str>>,
}

impl<'de> Header<'de> {
    pub(crate) fn parse(text: &'de str) -> Result<Self, TokenRefusal> {
        let fault = Fault::default();
        fault.parse(text, Members { fault: &fault }, TokenRefusal::Header, TokenRefusal::Header)
    }

    /// Whether `typ` is this media type. Case and one prefix `application/` are ignored (RFC 7515 §4.1.9).
    pub(crate) fn is_of(&self, media_type: &str) -> bool {
        self.media_type.as_deref().is_some_and(|text| is_same_type(text, media_type))
    }
}

/// Whether a header with a member of this name is refused, whatever its value.
pub(crate) fn is_refused_member(name: &str) -> bool {
    name == CRITICAL || REFUSED.contains(&name)
}

/// Whether a token's header has a key id (`kid`). Nothing is verified. For code that fetches keys: without a key id there is
/// no key to look for.
#[must_use]
pub fn has_key_id(token: &str) -> bool {
    let segment = token.split('.').next().filter(|_| token.len() <= MAX_TOKEN_BYTES);
    let decoded = segment.and_then(|segment| URL_SAFE_NO_PAD.decode(segment).ok()).unwrap_or_default();
    let text = std::str::from_utf8(&decoded).unwrap_or_default();
    Header::parse(text).is_ok_and(|header| header.key_id.is_some())
}

/// Whether two media types are equal. Case and one prefix `application/` of each are ignored (RFC 7515 §4.1.9).
pub(crate) fn is_same_type(one: &str, other: &str) -> bool {
    short(one).eq_ignore_ascii_case(short(other))
}

fn short(media_type: &str) -> &str {
    let prefix = "application/";
    match media_type.split_at_checked(prefix.len()) {
        Some((start, rest)) if start.eq_ignore_ascii_case(prefix) && !rest.is_empty() => rest,
        _ => media_type,
    }
}

#[derive(Serialize)]
struct OwnHeader<'a> {
    alg: &'a str,
    typ: &'a str,
    kid: &'a str,
}

/// A header in base64url. Its members are strings, which always serialize.
pub(crate) fn encode(algorithm: &str, key_id: &str, kind: TokenKind) -> String {
    let header = OwnHeader { alg: algorithm, typ: kind.media_type(), kid: key_id };
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&header).unwrap_or_default())
}

struct Members<'a> {
    fault: &'a Fault,
}

impl<'de> DeserializeSeed<'de> for Members<'_> {
    type Value = Header<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = Header<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JOSE header")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut header = Header::default();
        let mut names = Names::default();
        while let Some(name) = map.next_key_seed(Text)? {
            let slot = match &*name {
                "alg" => &mut header.algorithm,
                "kid" => &mut header.key_id,
                "typ" => &mut header.media_type,
                CRITICAL => return Err(self.fault.raise(TokenRefusal::Critical)),
                other if REFUSED.contains(&other) => return Err(self.fault.raise(TokenRefusal::Header)),
                other => {
                    if TEXTS.contains(&other) {
                        names.read_text(name, &mut map, self.fault)?;
                        continue;
                    }
                    names.skip(name, &mut map, self.fault, 0)?;
                    continue;
                }
            };
            if slot.is_some() {
                return Err(self.fault.raise(TokenRefusal::Duplicate));
            }
            *slot = Some(map.next_value_seed(Text)?);
        }
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_named_without_case_and_with_one_prefix() {
        let is_access = |typ: &str| {
            let text = format!(r#"{{"typ":"{typ}"}}"#);
            Header::parse(&text).unwrap().is_of("at+jwt")
        };
        for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
            assert!(is_access(typ), "{typ}");
        }
        for typ in [
            "",
            "JWT",
            "rt+jwt",
            "at+jwt ",
            "application/application/at+jwt",
            "application/",
            "application/é",
        ] {
            assert!(!is_access(typ), "{typ}");
        }
    }

    #[test]
    fn members_that_change_the_meaning_refuse_the_token_whatever_their_value() {
        for name in REFUSED {
            for value in ["null", "true", "\"\"", "[]"] {
                let text = format!(r#"{{"alg":"HS256","{name}":{value}}}"#);
                assert_eq!(Header::parse(&text).unwrap_err(), TokenRefusal::Header, "{text}");
            }
        }
        assert_eq!(Header::parse(r#"{"crit":null}"#).unwrap_err(), TokenRefusal::Critical);
        assert_eq!(Header::parse(r#"{"\u0063rit":[]}"#).unwrap_err(), TokenRefusal::Critical);
    }

    #[test]
    fn a_member_that_occurs_twice_refuses_the_token_at_any_depth() {
        for text in [
            r#"{"alg":"HS256","alg":"HS256"}"#,
            r#"{"alg":"HS256","\u0061lg":"none"}"#,
            r#"{"x":1,"x":1}"#,
            r#"{"x":[{"y":1,"\u0079":2}]}"#,
        ] {
            assert_eq!(Header::parse(text).unwrap_err(), TokenRefusal::Duplicate, "{text}");
        }
    }

    #[test]
    fn a_header_is_an_object_of_the_right_types() {
        for text in [
            r#"{"x5t":1}"#,
            r#"{"alg":1}"#,
            r#"{"kid":null}"#,
            r#"{"typ":["at+jwt"]}"#,
            "[]",
            "null",
            "",
            "{}x",
        ] {
            assert_eq!(Header::parse(text).unwrap_err(), TokenRefusal::Header, "{text}");
        }
    }
}
