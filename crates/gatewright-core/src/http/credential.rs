//! Credentials as they stand in a request, read and not yet believed.

use zeroize::Zeroizing;

use super::request::{Header, RequestView};
use crate::error::AccessError;
use crate::token::MAX_TOKEN_BYTES;
use crate::types::{MAX_API_KEY_BYTES, TokenText};

/// A bearer token from the `Authorization` header (RFC 6750 §2.1). Tokens in query strings or bodies are never read.
#[derive(Debug, Clone)]
pub struct BearerToken(TokenText);

impl BearerToken {
    /// Reads the request's bearer token: `None` when there is no credential, or one of another scheme.
    ///
    /// The scheme is the leading run of token characters, in any case; behind `Bearer` stand spaces and one token of
    /// at most [`MAX_TOKEN_BYTES`], and nothing else.
    ///
    /// # Errors
    /// [`AccessError::Malformed`] when the header is repeated, or says `Bearer` and cannot be read.
    pub fn read(view: &RequestView<'_>) -> Result<Option<Self>, AccessError> {
        let mut read = None;
        view.each("authorization", &mut |value| {
            read = Some(match read {
                None => parse(value.trim_ascii()),
                Some(_) => Err(AccessError::Malformed),
            });
        });
        read.unwrap_or(Ok(None))
    }

    /// Reveals the token to the verifier.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// The header that API keys are sent in.
pub const API_KEY_HEADER: &str = "x-api-key";

/// A key as it was sent, `None` where there is none.
pub(crate) type PresentedApiKey = Result<Option<Zeroizing<Vec<u8>>>, AccessError>;

/// Reads the request's API key: `None` when there is none, or an empty one. Two are refused like a wrong one.
pub(crate) fn read_api_key(view: &RequestView<'_>) -> PresentedApiKey {
    match view.header(API_KEY_HEADER) {
        Header::Absent => Ok(None),
        Header::One(key) if key.is_empty() => Ok(None),
        Header::One(key) if key.len() <= MAX_API_KEY_BYTES => Ok(Some(Zeroizing::new(key))),
        Header::One(_) | Header::Repeated => Err(AccessError::ApiKeyUnknown),
    }
}

fn parse(value: &[u8]) -> Result<Option<BearerToken>, AccessError> {
    let end = value.iter().position(|b| !is_scheme_byte(*b)).unwrap_or(value.len());
    let (scheme, rest) = value.split_at(end);
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Ok(None);
    }
    let start = rest.iter().position(|b| *b != b' ').unwrap_or(rest.len());
    let (spaces, token) = rest.split_at(start);
    if spaces.is_empty() || token.len() > MAX_TOKEN_BYTES || !is_token68(token) {
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
    // Without a branch for each byte: every request has hundreds of them.
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
    fn a_token_behind_bearer_in_any_case_and_any_number_of_spaces_is_read() {
        for value in ["Bearer a.b-c_d~e+f/g==", "bearer a.b-c_d~e+f/g==", "BEARER    a.b-c_d~e+f/g=="] {
            assert_eq!(read(&[value.as_bytes()]).unwrap().as_deref(), Some("a.b-c_d~e+f/g=="), "{value}");
        }
    }

    #[test]
    fn another_scheme_or_an_empty_value_is_no_credential() {
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
    fn two_headers_are_malformed_whatever_they_hold() {
        assert_eq!(read(&[b"Bearer x", b"Bearer x"]), Err(AccessError::Malformed));
        assert_eq!(read(&[b"Basic x", b""]), Err(AccessError::Malformed));
    }

    #[test]
    fn a_token_of_the_greatest_length_is_read_and_one_byte_more_is_malformed() {
        let value = |bytes: usize| format!("Bearer {}", "A".repeat(bytes));
        assert!(read(&[value(MAX_TOKEN_BYTES).as_bytes()]).unwrap().is_some());
        assert_eq!(read(&[value(MAX_TOKEN_BYTES + 1).as_bytes()]), Err(AccessError::Malformed));
    }
}
