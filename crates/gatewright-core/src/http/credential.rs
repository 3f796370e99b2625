//! Credentials in a request: parsed, not yet verified.

use zeroize::Zeroizing;

use super::request::{Header, RequestView};
use crate::error::AccessError;
use crate::token::MAX_TOKEN_BYTES;
use crate::types::{MAX_API_KEY_BYTES, TokenText};

/// The bearer token in the `Authorization` header (RFC 6750 §2.1), not yet verified.
///
/// Tokens in query strings or bodies are never read.
///
/// ```
/// use gatewright::http::{Headers, RequestView};
/// use gatewright_core::http::BearerToken;
///
/// struct One(&'static str);
///
/// impl Headers for One {
///     fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
///         if name == "authorization" {
///             see(self.0.as_bytes());
///         }
///     }
/// }
///
/// let read = |value| BearerToken::read(&RequestView::new("GET", &One(value)));
/// assert_eq!(read("bearer abc")?.unwrap().expose(), "abc");
/// assert!(read("Basic dXNlcjpwYXNz")?.is_none(), "another scheme is no credential");
/// assert!(read("Bearer a b").is_err());
/// # Ok::<(), gatewright::error::AccessError>(())
/// ```
#[derive(Debug, Clone)]
pub struct BearerToken(TokenText);

impl BearerToken {
    /// Reads the bearer token of a request. `Ok(None)` if there is no credential, or one of another
    /// scheme.
    ///
    /// The scheme is case-insensitive. After `Bearer`, one or more spaces and exactly one token of at
    /// most [`MAX_TOKEN_BYTES`] must follow.
    ///
    /// # Errors
    /// [`AccessError::Malformed`] if the header occurs twice, or the text after `Bearer` is not one token.
    pub fn read(view: &RequestView<'_>) -> Result<Option<Self>, AccessError> {
        Self::read_up_to(view, MAX_TOKEN_BYTES)
    }

    /// As [`read`](Self::read), for tokens of at most this many bytes.
    pub(crate) fn read_up_to(view: &RequestView<'_>, longest: usize) -> Result<Option<Self>, AccessError> {
        let mut read = None;
        view.each("authorization", &mut |value| {
            read = Some(match read {
                None => parse(value.trim_ascii(), longest),
                Some(_) => Err(AccessError::Malformed),
            });
        });
        read.unwrap_or(Ok(None))
    }

    /// Exposes the token, for the verifier.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// The header that carries an API key.
pub const API_KEY_HEADER: &str = "x-api-key";

/// The API key that the request contains, if any.
pub(crate) type PresentedApiKey = Result<Option<Zeroizing<Vec<u8>>>, AccessError>;

/// Reads the API key of a request. `Ok(None)` if the header is absent or empty. Two keys are rejected as
/// an unknown key is.
pub(crate) fn read_api_key(view: &RequestView<'_>) -> PresentedApiKey {
    match view.header(API_KEY_HEADER) {
        Header::Absent => Ok(None),
        Header::One(key) if key.is_empty() => Ok(None),
        Header::One(key) if key.len() <= MAX_API_KEY_BYTES => Ok(Some(Zeroizing::new(key))),
        Header::One(_) | Header::Repeated => Err(AccessError::ApiKeyUnknown),
    }
}

fn parse(value: &[u8], longest: usize) -> Result<Option<BearerToken>, AccessError> {
    let end = value.iter().position(|b| !is_scheme_byte(*b)).unwrap_or(value.len());
    let (scheme, rest) = value.split_at(end);
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Ok(None);
    }
    let start = rest.iter().position(|b| *b != b' ').unwrap_or(rest.len());
    let (spaces, token) = rest.split_at(start);
    if spaces.is_empty() || token.len() > longest || !is_token68(token) {
        return Err(AccessError::Malformed);
    }
    let text = std::str::from_utf8(token).map_err(|_| AccessError::Malformed)?;
    Ok(Some(BearerToken(TokenText::new(text))))
}

/// RFC 9110 §5.6.2: `tchar`.
const fn is_scheme_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// RFC 9110 §11.2: `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
fn is_token68(token: &[u8]) -> bool {
    let padding = token.iter().rev().take_while(|b| **b == b'=').count();
    let body = token.get(..token.len() - padding).unwrap_or_default();
    // `fold` without an early exit compiles to code without a branch per byte.
    !body.is_empty() && body.iter().fold(true, |all, byte| all & is_token_byte(*byte))
}

const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Headers;

    struct Values<'a>(&'a [&'a [u8]]);

    impl Headers for Values<'_> {
        fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
            if name == "authorization" {
                self.0.iter().for_each(|value| see(value));
            }
        }
    }

    fn read(values: &[&[u8]]) -> Result<Option<String>, AccessError> {
        let headers = Values(values);
        let read = BearerToken::read(&RequestView::new("GET", &headers))?;
        Ok(read.map(|bearer| bearer.expose().to_owned()))
    }

    #[test]
    fn the_scheme_is_case_insensitive_and_spaces_may_repeat() {
        for value in ["Bearer a.b-c_d~e+f/g==", "bearer a.b-c_d~e+f/g==", "BEARER    a.b-c_d~e+f/g=="] {
            assert_eq!(read(&[value.as_bytes()]).unwrap().as_deref(), Some("a.b-c_d~e+f/g=="), "{value}");
        }
    }

    #[test]
    fn other_schemes_and_empty_values_are_no_credential() {
        for value in
            ["", " ", "Basic YTpi", "Bearer.x", "Bearerabc def", "Digest x", "\"Bearer\" x", ",", "=x"]
        {
            assert_eq!(read(&[value.as_bytes()]), Ok(None), "{value:?}");
        }
        assert_eq!(read(&[]), Ok(None));
    }

    #[test]
    fn bearer_with_anything_but_one_token_is_malformed() {
        let cases: [&[u8]; 14] = [
            b"Bearer",
            b"Bearer ",
            b"Bearer\tx",
            b"Bearer \tx",
            b"Bearer x y",
            b"Bearer x,y",
            b"Bearer x, Bearer y",
            b"Bearer \"x\"",
            b"Bearer =",
            b"Bearer x=y",
            b"Bearer,x",
            b"Bearer=x",
            b"Bearer \xff",
            b"Bearer x\0",
        ];
        for value in cases {
            assert_eq!(read(&[value]), Err(AccessError::Malformed), "{value:?}");
        }
    }

    #[test]
    fn repeated_headers_are_malformed() {
        assert_eq!(read(&[b"Bearer x", b"Bearer x"]), Err(AccessError::Malformed));
        assert_eq!(read(&[b"Basic x", b""]), Err(AccessError::Malformed));
    }

    #[test]
    fn tokens_have_a_maximum_length() {
        let value = |bytes: usize| format!("Bearer {}", "A".repeat(bytes));
        assert!(read(&[value(MAX_TOKEN_BYTES).as_bytes()]).unwrap().is_some());
        assert_eq!(read(&[value(MAX_TOKEN_BYTES + 1).as_bytes()]), Err(AccessError::Malformed));
    }
}
