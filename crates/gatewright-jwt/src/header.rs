//! The JOSE header (RFC 7515 §4). `alg`, `kid` and `typ` are read. A token with a member that changes
//! its meaning is rejected. All other members are checked for duplicates and depth.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatewright_core::{TokenError, TokenKind};
use serde::Serialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};

use crate::json::{Fault, Names, Text};

/// The member that names extensions which must be understood (RFC 7515 §4.1.11). No extension is
/// supported.
const CRITICAL: &str = "crit";

/// Members that change what a token means or where its key comes from. None is supported. Ignoring
/// one would accept a token with another meaning than its sender's (RFC 8725 §3.10). So a token
/// with one of them is rejected, with any value.
const REJECTED: [&str; 16] = [
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
    pub(crate) fn parse(text: &'de str) -> Result<Self, TokenError> {
        Self::parse_ignoring(text, &[])
    }

    /// Reads a header that may have these members. They are checked for duplicates and depth only.
    pub(crate) fn parse_ignoring(text: &'de str, ignored: &[&'static str]) -> Result<Self, TokenError> {
        let fault = Fault::default();
        fault.parse(text, Members { fault: &fault, ignored }, TokenError::Header, TokenError::Header)
    }

    /// Whether `typ` is this media type. Case and one prefix `application/` are ignored (RFC 7515
    /// §4.1.9).
    pub(crate) fn is_of(&self, media_type: &str) -> bool {
        self.media_type.as_deref().is_some_and(|text| is_same_type(text, media_type))
    }
}

/// Whether a header with a member of this name is rejected, with any value.
pub(crate) fn is_rejected_member(name: &str) -> bool {
    name == CRITICAL || REJECTED.contains(&name)
}

/// Whether two media types are equal. Case and one prefix `application/` of each are ignored (RFC
/// 7515 §4.1.9).
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

/// Writes a header in base64url. Its members are strings, which always serialize.
pub(crate) fn encode(algorithm: &str, key_id: &str, kind: TokenKind) -> String {
    let header = OwnHeader { alg: algorithm, typ: kind.media_type(), kid: key_id };
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&header).unwrap_or_default())
}

struct Members<'a> {
    fault: &'a Fault,
    ignored: &'a [&'static str],
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
                CRITICAL => return Err(self.fault.raise(TokenError::Critical)),
                other if REJECTED.contains(&other) && !self.ignored.contains(&other) => {
                    return Err(self.fault.raise(TokenError::Header));
                }
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
                return Err(self.fault.raise(TokenError::Duplicate));
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
    fn typ_ignores_case_and_one_application_prefix() {
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
    fn members_that_change_the_meaning_are_rejected_with_any_value() {
        for name in REJECTED {
            for value in ["null", "true", "\"\"", "[]"] {
                let text = format!(r#"{{"alg":"HS256","{name}":{value}}}"#);
                assert_eq!(Header::parse(&text).unwrap_err(), TokenError::Header, "{text}");
            }
        }
        assert_eq!(Header::parse(r#"{"crit":null}"#).unwrap_err(), TokenError::Critical);
        assert_eq!(Header::parse(r#"{"\u0063rit":[]}"#).unwrap_err(), TokenError::Critical);
    }

    #[test]
    fn duplicate_members_are_rejected_at_any_depth() {
        for text in [
            r#"{"alg":"HS256","alg":"HS256"}"#,
            r#"{"alg":"HS256","\u0061lg":"none"}"#,
            r#"{"x":1,"x":1}"#,
            r#"{"x":[{"y":1,"\u0079":2}]}"#,
        ] {
            assert_eq!(Header::parse(text).unwrap_err(), TokenError::Duplicate, "{text}");
        }
    }

    #[test]
    fn headers_with_members_of_a_wrong_type_are_rejected() {
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
            assert_eq!(Header::parse(text).unwrap_err(), TokenError::Header, "{text}");
        }
    }
}
