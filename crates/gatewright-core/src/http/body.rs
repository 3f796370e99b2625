//! Request bodies: strict parsing of forms and JSON objects into named fields.

use std::fmt;

use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use zeroize::Zeroizing;

use super::request::{Header, RequestView};
use crate::error::RequestError;
use crate::types::Scopes;

/// The largest body of an authentication request: 16 KiB.
pub const MAX_BODY_BYTES: usize = 16 * 1024;

/// How many bytes of a body that is too large are read and discarded: 4 MiB.
pub const MAX_DISCARDED_BYTES: usize = 4 * 1024 * 1024;

/// Collects the body of a request piece by piece, up to the limit.
///
/// A body that is too large is read further, up to [`MAX_DISCARDED_BYTES`], and discarded. Otherwise the
/// server would close the connection on unread data, which resets it, and the client would not get the
/// 413.
///
/// ```
/// use gatewright::http::BodyCollector;
/// # use gatewright::http::{Headers, RequestView};
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
/// # Ok::<(), gatewright::error::RequestError>(())
/// ```
pub struct BodyCollector {
    collected: BytesMut,
    seen: usize,
    wants_more: bool,
    broken: bool,
}

/// Redacts the body, which may contain a password.
impl fmt::Debug for BodyCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyCollector").field("seen", &self.seen).finish_non_exhaustive()
    }
}

impl BodyCollector {
    /// Starts collecting. If the client announces a larger body and waits for `100 Continue` (RFC 9110
    /// §10.1.1), nothing is read.
    #[must_use]
    pub fn new(view: &RequestView<'_>) -> Self {
        let announced = match view.header("content-length") {
            Header::One(length) => std::str::from_utf8(&length).ok().and_then(|text| text.parse().ok()),
            Header::Absent | Header::Repeated => None,
        };
        let waits = !matches!(view.header("expect"), Header::Absent);
        let seen = announced.filter(|length| waits && *length > MAX_BODY_BYTES).unwrap_or(0);
        Self { collected: BytesMut::new(), seen, wants_more: seen == 0, broken: false }
    }

    /// Whether the adapter should read another piece.
    #[must_use]
    pub const fn wants_more(&self) -> bool {
        self.wants_more
    }

    /// Adds the next piece.
    pub fn push(&mut self, piece: &[u8]) {
        self.seen = self.seen.saturating_add(piece.len());
        if self.seen <= MAX_BODY_BYTES {
            self.collected.extend_from_slice(piece);
        }
        self.wants_more = self.seen <= MAX_DISCARDED_BYTES;
    }

    /// Records that reading the body failed.
    pub const fn fail(&mut self) {
        self.broken = true;
        self.wants_more = false;
    }

    /// Returns the body.
    ///
    /// # Errors
    /// [`RequestError::BodySize`] if it is larger than [`MAX_BODY_BYTES`], [`RequestError::Malformed`] if
    /// reading failed.
    pub fn finish(self) -> Result<Bytes, RequestError> {
        match self {
            Self { seen, .. } if seen > MAX_BODY_BYTES => Err(RequestError::BodySize),
            Self { broken: true, .. } => Err(RequestError::Malformed),
            Self { collected, .. } => Ok(collected.freeze()),
        }
    }
}

/// The content type of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MediaType {
    Form,
    Json,
    Absent,
}

impl MediaType {
    /// Reads the `Content-Type`: a form or JSON, case-insensitive, in UTF-8.
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

/// The fields of a body. Their values are wiped on drop.
pub(crate) struct Fields(Vec<(String, Field)>);

enum Field {
    Text(Zeroizing<String>),
    /// A JSON value that is not a string. It is never a valid field.
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

    /// Parses a body whose content type must be one of `accepted`.
    pub(crate) fn read(body: &[u8], media: MediaType, accepted: &[MediaType]) -> Result<Self, RequestError> {
        match media {
            MediaType::Form if accepted.contains(&media) => Self::from_form(body),
            MediaType::Json if accepted.contains(&media) => Self::from_json(body),
            _ => Err(RequestError::MediaType),
        }
    }

    /// The value of a required field. A missing, repeated or empty field is an error.
    pub(crate) fn required(&self, name: &str) -> Result<&str, RequestError> {
        self.optional(name)?.ok_or(RequestError::Malformed)
    }

    /// The value of an optional field. An empty field counts as omitted (RFC 6749 §3.2), a repeated one is
    /// an error.
    pub(crate) fn optional(&self, name: &str) -> Result<Option<&str>, RequestError> {
        Ok(self.verbatim(name)?.filter(|text| !text.is_empty()))
    }

    /// The value of the optional field `scope`.
    pub(crate) fn scopes(&self) -> Result<Option<Scopes>, RequestError> {
        self.optional("scope")?.map(Scopes::parse).transpose().map_err(|_| RequestError::Scope)
    }

    /// The value of a field, even if empty. A repeated field is an error.
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

/// Decodes `application/x-www-form-urlencoded`, stricter than browsers: an invalid percent code or invalid
/// UTF-8 is an error.
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
    fn invalid_percent_codes_and_utf8_are_rejected() {
        for body in ["a=%", "a=%4", "a=%zz", "a=%+1", "a=%ff", "%ff=a", "a=%C3%28"] {
            assert!(form(body).is_err(), "{body}");
        }
        assert!(Fields::from_form(b"a=\xff").is_err());
    }

    #[test]
    fn required_fields_must_occur_once_and_not_empty() {
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
        fn parsers_never_panic(body: Vec<u8>) {
            let _ = Fields::from_form(&body).map(|fields| fields.required("a").is_ok());
            let _ = Fields::from_json(&body).map(|fields| fields.required("a").is_ok());
        }
    }
}
