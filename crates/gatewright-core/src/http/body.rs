//! Request bodies as named fields, from a form or a JSON object, strictly.

use std::fmt;

use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use zeroize::Zeroizing;

use super::request::{Header, RequestView};
use crate::error::RequestError;
use crate::types::Scopes;

/// The largest body of an authentication request, in bytes.
pub const MAX_BODY_BYTES: usize = 16 * 1024;

/// How much of a body is read at most, in bytes, when it is too large and thrown away.
pub const MAX_DISCARDED_BYTES: usize = 4 * 1024 * 1024;

/// Collects a request's body, piece by piece, as far as it counts.
///
/// A body that is too large is read a little further and thrown away: a connection closed on unread data is reset, and
/// the answer lost with it.
///
/// ```
/// use gatewright_core::BodyCollector;
/// # use gatewright_core::{Headers, RequestView};
/// # struct Empty;
/// # impl Headers for Empty { fn each(&self, _: &str, _: &mut dyn FnMut(&[u8])) {} }
/// # let view = RequestView::new("POST", &Empty);
///
/// let mut body = BodyCollector::new(&view);
/// for piece in [b"user", b"name"] {
///     if body.wants_more() {
///         body.push(piece);
///     }
/// }
/// assert_eq!(&body.finish()?[..], b"username");
/// # Ok::<(), gatewright_core::error::RequestError>(())
/// ```
pub struct BodyCollector {
    kept: BytesMut,
    seen: usize,
    wants_more: bool,
    broken: bool,
}

/// Without the body: it may hold a password.
impl fmt::Debug for BodyCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyCollector").field("seen", &self.seen).finish_non_exhaustive()
    }
}

impl BodyCollector {
    /// For this request. From a client that announces too much and waits to be asked (RFC 9110 §10.1.1) nothing is read.
    #[must_use]
    pub fn new(view: &RequestView<'_>) -> Self {
        let announced = match view.header("content-length") {
            Header::One(length) => std::str::from_utf8(&length).ok().and_then(|text| text.parse().ok()),
            Header::Absent | Header::Repeated => None,
        };
        let waits = !matches!(view.header("expect"), Header::Absent);
        let seen = announced.filter(|length| waits && *length > MAX_BODY_BYTES).unwrap_or(0);
        Self { kept: BytesMut::new(), seen, wants_more: seen == 0, broken: false }
    }

    /// Whether another piece should be read.
    #[must_use]
    pub const fn wants_more(&self) -> bool {
        self.wants_more
    }

    /// Takes the next piece.
    pub fn push(&mut self, piece: &[u8]) {
        self.seen = self.seen.saturating_add(piece.len());
        if self.seen <= MAX_BODY_BYTES {
            self.kept.extend_from_slice(piece);
        }
        self.wants_more = self.seen <= MAX_DISCARDED_BYTES;
    }

    /// The body broke off.
    pub const fn fail(&mut self) {
        self.broken = true;
        self.wants_more = false;
    }

    /// The body.
    ///
    /// # Errors
    /// When it is larger than [`MAX_BODY_BYTES`], or broke off.
    pub fn finish(self) -> Result<Bytes, RequestError> {
        match self {
            Self { seen, .. } if seen > MAX_BODY_BYTES => Err(RequestError::BodySize),
            Self { broken: true, .. } => Err(RequestError::Malformed),
            Self { kept, .. } => Ok(kept.freeze()),
        }
    }
}

/// What a body says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MediaType {
    Form,
    Json,
    Absent,
}

impl MediaType {
    /// Reads the `Content-Type`: one of the two types, in any case, as UTF-8.
    pub(crate) fn read(view: &RequestView<'_>) -> Result<Self, RequestError> {
        let value = match view.header("content-type") {
            Header::Absent => return Ok(Self::Absent),
            Header::One(value) => value,
            Header::Repeated => return Err(RequestError::MediaType),
        };
        let text = String::from_utf8(value).map_err(|_| RequestError::MediaType)?.to_ascii_lowercase();
        let mut parts = text.split(';').map(str::trim);
        let kind = match parts.next() {
            Some("application/x-www-form-urlencoded") => Self::Form,
            Some("application/json") => Self::Json,
            _ => return Err(RequestError::MediaType),
        };
        let utf8 = parts
            .filter_map(|part| part.strip_prefix("charset="))
            .all(|charset| matches!(charset.trim_matches('"'), "utf-8" | "utf8"));
        if utf8 { Ok(kind) } else { Err(RequestError::MediaType) }
    }
}

/// The fields of a body, wiped when dropped.
pub(crate) struct Fields(Vec<(String, Field)>);

enum Field {
    Text(Zeroizing<String>),
    /// A JSON value that is no string: never a field's value.
    Other,
}

impl Fields {
    pub(crate) fn from_form(body: &[u8]) -> Result<Self, RequestError> {
        let pairs = body.split(|b| *b == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
            let at = pair.iter().position(|b| *b == b'=').unwrap_or(pair.len());
            let (name, value) = pair.split_at(at);
            let value = Zeroizing::new(percent_decode(value.get(1..).unwrap_or_default())?);
            Ok((percent_decode(name)?, Field::Text(value)))
        });
        pairs.collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn from_json(body: &[u8]) -> Result<Self, RequestError> {
        serde_json::from_slice(body).map_err(|_| RequestError::Malformed)
    }

    /// From a body whose type must be one of `accepted`.
    pub(crate) fn read(body: &[u8], media: MediaType, accepted: &[MediaType]) -> Result<Self, RequestError> {
        match media {
            MediaType::Form if accepted.contains(&media) => Self::from_form(body),
            MediaType::Json if accepted.contains(&media) => Self::from_json(body),
            _ => Err(RequestError::MediaType),
        }
    }

    /// The field's value; missing, repeated and empty are refused.
    pub(crate) fn required(&self, name: &str) -> Result<&str, RequestError> {
        self.optional(name)?.ok_or(RequestError::Malformed)
    }

    /// The field's value; an empty one counts as omitted (RFC 6749 §3.2), a repeated one is refused.
    pub(crate) fn optional(&self, name: &str) -> Result<Option<&str>, RequestError> {
        Ok(self.verbatim(name)?.filter(|text| !text.is_empty()))
    }

    /// The field `scope`, if there is one.
    pub(crate) fn scopes(&self) -> Result<Option<Scopes>, RequestError> {
        self.optional("scope")?.map(Scopes::parse).transpose().map_err(|_| RequestError::Scope)
    }

    /// The field's value, empty or not; a repeated one is refused.
    pub(crate) fn verbatim(&self, name: &str) -> Result<Option<&str>, RequestError> {
        let mut found = self.0.iter().filter(|(own, _)| own == name);
        match (found.next(), found.next()) {
            (None, _) => Ok(None),
            (Some((_, Field::Text(text))), None) => Ok(Some(text)),
            _ => Err(RequestError::Malformed),
        }
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, value)) = map.next_entry()? {
                    let field = match value {
                        Value::String(text) => Field::Text(Zeroizing::new(text)),
                        _ => Field::Other,
                    };
                    fields.push((name, field));
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// application/x-www-form-urlencoded, without the leniency of browsers: a bad code or bad UTF-8 is refused.
fn percent_decode(text: &[u8]) -> Result<String, RequestError> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => hex(bytes.next())? << 4 | hex(bytes.next())?,
            other => *other,
        });
    }
    String::from_utf8(decoded).map_err(|_| RequestError::Malformed)
}

fn hex(digit: Option<&u8>) -> Result<u8, RequestError> {
    let value = digit.and_then(|digit| char::from(*digit).to_digit(16));
    value.and_then(|value| u8::try_from(value).ok()).ok_or(RequestError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(body: &str) -> Result<Fields, RequestError> {
        Fields::from_form(body.as_bytes())
    }

    #[test]
    fn plus_and_percent_codes_are_decoded_once() {
        let fields = form("a=x+y%20z%2B%2520&b=%C3%A9&c==&d").unwrap();
        assert_eq!(fields.required("a"), Ok("x y z+%20"));
        assert_eq!(fields.required("b"), Ok("é"));
        assert_eq!(fields.required("c"), Ok("="));
        assert_eq!(fields.optional("d"), Ok(None));
        assert_eq!(fields.optional("e"), Ok(None));
    }

    #[test]
    fn bad_percent_codes_and_bad_utf8_are_refused() {
        for body in ["a=%", "a=%4", "a=%zz", "a=%+1", "a=%ff", "%ff=a", "a=%C3%28"] {
            assert!(form(body).is_err(), "{body}");
        }
        assert!(Fields::from_form(b"a=\xff").is_err());
    }

    #[test]
    fn a_field_that_is_missing_repeated_or_empty_is_refused_where_it_is_required() {
        for body in ["", "b=1", "a=", "a", "a=1&a=1", "a=1&a=", "a=1&%61=2"] {
            assert_eq!(form(body).unwrap().required("a"), Err(RequestError::Malformed), "{body}");
        }
    }

    #[test]
    fn a_json_member_must_be_one_string() {
        let json = |body: &str| Fields::from_json(body.as_bytes());
        assert_eq!(json(r#"{"a":"x","b":{"c":[1]}}"#).unwrap().required("a"), Ok("x"));
        for body in [
            r#"{"a":1}"#,
            r#"{"a":null}"#,
            r#"{"a":["x"]}"#,
            r#"{"a":"x","a":"x"}"#,
            r#"{"a":"x","\u0061":"y"}"#,
        ] {
            assert_eq!(json(body).unwrap().required("a"), Err(RequestError::Malformed), "{body}");
        }
        for body in ["", "[]", "\"a\"", "{", "{\"a\":\"x\"}x", "{\"a\":\"\\ud800\"}"] {
            assert!(json(body).is_err(), "{body}");
        }
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
        assert!(json(&deep).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_parsers_panic(body: Vec<u8>) {
            let _ = Fields::from_form(&body).map(|fields| fields.required("a").is_ok());
            let _ = Fields::from_json(&body).map(|fields| fields.required("a").is_ok());
        }
    }
}
