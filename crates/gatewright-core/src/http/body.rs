//! Request bodies: strict parsing of forms and JSON objects into named fields.

use std::fmt;

use bytes::{Bytes, BytesMut};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use zeroize::Zeroizing;

use super::request::{Header, RequestView};
use crate::error::{AcceptedTypes, BodyProblem, FieldProblem, RequestError};
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
    /// [`RequestError::BodySize`] if it is larger than [`MAX_BODY_BYTES`], [`BodyProblem::Incomplete`] if
    /// reading failed.
    pub fn finish(self) -> Result<Bytes, RequestError> {
        match self {
            Self { seen, .. } if seen > MAX_BODY_BYTES => Err(RequestError::BodySize),
            Self { broken: true, .. } => Err(RequestError::Body(BodyProblem::Incomplete)),
            Self { collected, .. } => Ok(collected.freeze()),
        }
    }
}

/// The content type of a form.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// The content type of JSON.
pub(crate) const JSON: &str = "application/json";

/// The content type of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MediaType {
    Form,
    Json,
    Absent,
    /// Another type, another charset, or more than one header.
    Other,
}

impl MediaType {
    /// Reads the `Content-Type`: a form or JSON, case-insensitive, in UTF-8.
    pub(crate) fn read(view: &RequestView<'_>) -> Self {
        match view.header("content-type") {
            Header::Absent => Self::Absent,
            Header::Repeated => Self::Other,
            Header::One(value) => String::from_utf8(value).map_or(Self::Other, |text| Self::parse(&text)),
        }
    }

    fn parse(text: &str) -> Self {
        let text = text.to_ascii_lowercase();
        let mut parts = text.split(';').map(str::trim);
        let kind = match parts.next() {
            Some(FORM) => Self::Form,
            Some(JSON) => Self::Json,
            _ => Self::Other,
        };
        let utf8 = parts
            .filter_map(|part| part.strip_prefix("charset="))
            .all(|charset| matches!(charset.trim_matches('"'), "utf-8" | "utf8"));
        if utf8 { kind } else { Self::Other }
    }
}

/// The fields of a body that its endpoint knows. Their values are wiped on drop.
pub(crate) struct Fields {
    known: &'static [&'static str],
    found: Vec<(&'static str, Field)>,
}

/// A field that occurs in a body.
enum Field {
    Text(Zeroizing<String>),
    /// It cannot be read.
    Unusable(FieldProblem),
}

impl Fields {
    /// Parses a body whose content type must be one of `accepted`. Fields that are not `known` are ignored.
    pub(crate) fn read(
        body: &[u8],
        media: MediaType,
        accepted: &'static [&'static str],
        known: &'static [&'static str],
    ) -> Result<Self, RequestError> {
        match media {
            MediaType::Form if accepted.contains(&FORM) => Self::from_form(body, known),
            MediaType::Json if accepted.contains(&JSON) => Self::from_json(body, known),
            _ => Err(RequestError::MediaType(AcceptedTypes::Post(accepted))),
        }
    }

    fn from_form(body: &[u8], known: &'static [&'static str]) -> Result<Self, RequestError> {
        let mut fields = Self { known, found: Vec::new() };
        for pair in body.split(|b| *b == b'&').filter(|pair| !pair.is_empty()) {
            let at = pair.iter().position(|b| *b == b'=').unwrap_or(pair.len());
            let (name, value) = pair.split_at(at);
            let name = percent_decode(name).ok_or(RequestError::Body(BodyProblem::NotForm))?;
            match (percent_decode(value.get(1..).unwrap_or_default()), fields.known(&name)) {
                (value, Some(name)) => fields.insert(name, value.ok_or(FieldProblem::BadlyEncoded)),
                (Some(_ignored), None) => {}
                (None, None) => return Err(RequestError::Body(BodyProblem::NotForm)),
            }
        }
        Ok(fields)
    }

    fn from_json(body: &[u8], known: &'static [&'static str]) -> Result<Self, RequestError> {
        let mut json = serde_json::Deserializer::from_slice(body);
        let fields = json.deserialize_map(Self { known, found: Vec::new() });
        let fields = fields.and_then(|fields| json.end().map(|()| fields));
        fields.map_err(|_| RequestError::Body(BodyProblem::NotJson))
    }

    /// The name, if the endpoint knows it.
    fn known(&self, name: &str) -> Option<&'static str> {
        self.known.iter().copied().find(|known| *known == name)
    }

    fn insert(&mut self, name: &'static str, value: Result<Zeroizing<String>, FieldProblem>) {
        match self.found.iter_mut().find(|(own, _)| *own == name) {
            Some((_, field)) => *field = Field::Unusable(FieldProblem::Repeated),
            None => self.found.push((name, value.map_or_else(Field::Unusable, Field::Text))),
        }
    }

    /// The value of a required field. A missing, repeated or empty field is an error.
    pub(crate) fn required(&self, name: &'static str) -> Result<&str, RequestError> {
        match self.present(name)? {
            "" => Err(RequestError::Field { name, problem: FieldProblem::Empty }),
            text => Ok(text),
        }
    }

    /// The value of a required field, even if empty. A missing or repeated field is an error.
    pub(crate) fn present(&self, name: &'static str) -> Result<&str, RequestError> {
        self.verbatim(name)?.ok_or(RequestError::Field { name, problem: FieldProblem::Missing })
    }

    /// The value of an optional field. An empty field counts as omitted (RFC 6749 §3.2), a repeated one is
    /// an error.
    pub(crate) fn optional(&self, name: &'static str) -> Result<Option<&str>, RequestError> {
        Ok(self.verbatim(name)?.filter(|text| !text.is_empty()))
    }

    /// The value of the optional field `scope`.
    pub(crate) fn scopes(&self) -> Result<Option<Scopes>, RequestError> {
        self.optional("scope")?.map(Scopes::parse).transpose().map_err(|_| RequestError::Scope)
    }

    fn verbatim(&self, name: &'static str) -> Result<Option<&str>, RequestError> {
        match self.found.iter().find(|(own, _)| *own == name) {
            None => Ok(None),
            Some((_, Field::Text(text))) => Ok(Some(text)),
            Some((_, Field::Unusable(problem))) => Err(RequestError::Field { name, problem: *problem }),
        }
    }
}

/// Collects the members of a JSON object.
impl<'de> Visitor<'de> for Fields {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            let value = match value {
                // The value of an unknown field is wiped too: it may be a password under a wrong name.
                Value::String(text) => Ok(Zeroizing::new(text)),
                _ => Err(FieldProblem::NotText),
            };
            if let Some(name) = self.known(&name) {
                self.insert(name, value);
            }
        }
        Ok(self)
    }
}

/// Decodes `application/x-www-form-urlencoded`, stricter than browsers: an invalid percent code or invalid
/// UTF-8 is `None`.
fn percent_decode(text: &[u8]) -> Option<Zeroizing<String>> {
    let mut decoded = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => hex(bytes.next())? << 4 | hex(bytes.next())?,
            other => *other,
        });
    }
    let text = std::str::from_utf8(&decoded).ok()?;
    Some(Zeroizing::new(text.to_owned()))
}

fn hex(digit: Option<&u8>) -> Option<u8> {
    u8::try_from(char::from(*digit?).to_digit(16)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &["a", "b", "c", "d", "e"];

    fn form(body: &[u8]) -> Result<Fields, RequestError> {
        Fields::from_form(body, KNOWN)
    }

    fn json(body: &[u8]) -> Result<Fields, RequestError> {
        Fields::from_json(body, KNOWN)
    }

    fn problem(fields: &Fields) -> Option<FieldProblem> {
        match fields.required("a") {
            Err(RequestError::Field { name: "a", problem }) => Some(problem),
            _ => None,
        }
    }

    #[test]
    fn plus_and_percent_codes_are_decoded_once() {
        let fields = form("a=x+y%20z%2B%2520&b=%C3%A9&c==&d".as_bytes()).unwrap();
        assert_eq!(fields.required("a"), Ok("x y z+%20"));
        assert_eq!(fields.required("b"), Ok("é"));
        assert_eq!(fields.required("c"), Ok("="));
        assert_eq!(fields.optional("d"), Ok(None));
        assert_eq!(fields.present("d"), Ok(""));
        assert_eq!(fields.optional("e"), Ok(None));
    }

    #[test]
    fn a_badly_encoded_value_names_its_field_and_any_other_text_the_body() {
        for value in [&b"%"[..], b"%4", b"%zz", b"%+1", b"%ff", b"%C3%28", b"\xff"] {
            let known = form(&[&b"a="[..], value].concat()).unwrap();
            assert_eq!(problem(&known), Some(FieldProblem::BadlyEncoded), "{value:?}");
            for unknown in [[&b"x="[..], value].concat(), [value, &b"=a"[..]].concat(), value.to_vec()] {
                let refused = form(&unknown).err();
                assert_eq!(refused, Some(RequestError::Body(BodyProblem::NotForm)), "{unknown:?}");
            }
        }
    }

    #[test]
    fn required_fields_must_occur_once_and_not_empty() {
        use FieldProblem::{Empty, Missing, Repeated};
        for (body, expected) in [
            ("", Missing),
            ("b=1", Missing),
            ("A=1", Missing),
            ("a=", Empty),
            ("a", Empty),
            ("a=1&a=1", Repeated),
            ("a=1&a=", Repeated),
            ("a=1&%61=2", Repeated),
            ("a=%&a=1&a=1", Repeated),
        ] {
            assert_eq!(problem(&form(body.as_bytes()).unwrap()), Some(expected), "{body}");
        }
    }

    #[test]
    fn a_json_member_must_be_one_string() {
        use FieldProblem::{Empty, Missing, NotText, Repeated};
        assert_eq!(json(br#"{"a":"x","b":{"c":[1]}}"#).unwrap().required("a"), Ok("x"));
        for (body, expected) in [
            ("{}", Missing),
            (r#"{"a":""}"#, Empty),
            (r#"{"a":1}"#, NotText),
            (r#"{"a":null}"#, NotText),
            (r#"{"a":["x"]}"#, NotText),
            (r#"{"a":"x","a":"x"}"#, Repeated),
            (r#"{"a":1,"a":"x"}"#, Repeated),
            (r#"{"a":"x","\u0061":"y"}"#, Repeated),
        ] {
            assert_eq!(problem(&json(body.as_bytes()).unwrap()), Some(expected), "{body}");
        }
    }

    #[test]
    fn a_body_that_is_not_a_json_object_is_rejected_as_a_whole() {
        let deep = format!("{{\"x\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
        for body in [
            &b""[..],
            b"null",
            b"[]",
            b"\"a\"",
            b"{",
            b"{\"a\":\"x\"}x",
            b"{\"a\":\"\\ud800\"}",
            b"{\"x\":\"\xff\"}",
            b"\xef\xbb\xbf{}",
            deep.as_bytes(),
        ] {
            assert_eq!(json(body).err(), Some(RequestError::Body(BodyProblem::NotJson)), "{body:?}");
        }
    }

    #[test]
    fn ten_thousand_repetitions_are_one_field() {
        let (members, pairs) = (r#""a":"x","x":0,"#.repeat(10_000), "a=x&x=0&".repeat(10_000));
        let members = format!("{{{}}}", members.trim_end_matches(','));
        for fields in [json(members.as_bytes()).unwrap(), form(pairs.as_bytes()).unwrap()] {
            assert_eq!((fields.found.len(), problem(&fields)), (1, Some(FieldProblem::Repeated)));
        }
    }

    proptest::proptest! {
        #[test]
        fn parsers_never_panic(body: Vec<u8>) {
            let _ = form(&body).map(|fields| fields.required("a").is_ok());
            let _ = json(&body).map(|fields| fields.required("a").is_ok());
        }
    }
}
