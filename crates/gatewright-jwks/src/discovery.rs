//! The metadata of an issuer: OpenID Connect Discovery 1.0, or RFC 8414. They name the URL of the key set.

use std::fmt;

use gatewright_core::BuildError;
use serde::Deserialize;
use ureq::http::Uri;

use crate::addresses::{Classify, is_private_host};

/// Why the metadata of an issuer cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DiscoveryFailure {
    /// The connection failed, the certificate is not trusted, or the response did not arrive in time.
    Unreachable,
    /// The response status is not 200.
    Status,
    /// The response is a redirect.
    Redirect,
    /// The response is larger than [`MAX_JWKS_BYTES`](gatewright_jwt::MAX_JWKS_BYTES), or its headers than 16
    /// KiB.
    Large,
    /// The response is not a JSON object with the texts `issuer` and `jwks_uri`.
    Malformed,
    /// `issuer` is another one.
    Issuer,
    /// `jwks_uri` is not an HTTPS URL, or it has user information or a fragment.
    KeySetUrl,
    /// `jwks_uri` is a private address, and the issuer is not.
    PrivateAddress,
}

impl DiscoveryFailure {
    /// The problem, as a phrase that follows the name of the setting.
    #[must_use]
    pub const fn problem(self) -> &'static str {
        match self {
            Self::Unreachable => "has no metadata: the server is unreachable or did not respond in time",
            Self::Status => {
                "has no metadata: the response status is not 200; name the key set with `RemoteIssuer::builder`"
            }
            Self::Redirect => "has no metadata: the response is a redirect, which is not followed",
            Self::Large => "has metadata that are too large",
            Self::Malformed => "has metadata that are not a JSON object with `issuer` and `jwks_uri`",
            Self::Issuer => "must be exactly the `issuer` of its metadata",
            Self::KeySetUrl => "has metadata whose `jwks_uri` is not an HTTPS URL without user information",
            Self::PrivateAddress => {
                "has metadata whose `jwks_uri` is a private address; name the key set with `RemoteIssuer::builder`"
            }
        }
    }
}

impl fmt::Display for DiscoveryFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the issuer {}", self.problem())
    }
}

impl std::error::Error for DiscoveryFailure {}

/// An issuer whose metadata name the key set.
#[derive(Debug)]
pub(crate) struct DiscoveredIssuer {
    issuer: String,
    /// Where the metadata are: by OpenID Connect Discovery §4, and by RFC 8414 §3.1 if the first has none.
    pub(crate) urls: [Uri; 2],
    /// Whether the key set may have an HTTP URL too.
    http: bool,
}

/// The members that are read. Each of them must occur once.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

impl DiscoveredIssuer {
    /// Checks the URL of the issuer.
    pub(crate) fn new(issuer: &str, http: bool) -> Result<Self, BuildError> {
        let invalid = |problem| BuildError::new("issuer", problem).with_found(issuer);
        let url = key_set_url(issuer, http).filter(|url| url.query().is_none());
        let url =
            url.ok_or_else(|| invalid("must be a URL with https:// and without query, fragment and user"))?;
        let urls = metadata_urls(&url).ok_or_else(|| invalid("is not a valid URL"))?;
        // An HTTPS issuer keeps HTTPS for its key set.
        let http = http && url.scheme_str() == Some("http");
        Ok(Self { issuer: issuer.to_owned(), urls, http })
    }

    /// Reads the URL of the key set. `private` says whether the issuer has a private address.
    pub(crate) fn read(
        &self,
        document: &str,
        private: bool,
        classify: Classify,
    ) -> Result<Uri, DiscoveryFailure> {
        // Serde would read an array as an object without names.
        let object = Some(document).filter(|text| text.trim_ascii_start().starts_with('{'));
        let metadata: Option<Metadata> = object.and_then(|text| serde_json::from_str(text).ok());
        let metadata = metadata.ok_or(DiscoveryFailure::Malformed)?;
        if metadata.issuer != self.issuer {
            return Err(DiscoveryFailure::Issuer);
        }
        let url = key_set_url(&metadata.jwks_uri, self.http).ok_or(DiscoveryFailure::KeySetUrl)?;
        let internal = url.host().is_some_and(|host| is_private_host(host, classify));
        if internal && !private { Err(DiscoveryFailure::PrivateAddress) } else { Ok(url) }
    }
}

/// An HTTPS URL, or an HTTP URL if that is allowed, without user information and fragment.
fn key_set_url(text: &str, http: bool) -> Option<Uri> {
    let url: Uri = text.parse().ok().filter(|_| !text.contains('#'))?;
    let scheme = match url.scheme_str()? {
        "https" => true,
        "http" => http,
        _ => false,
    };
    let host = url.host().is_some_and(|host| !host.is_empty());
    let user = url.authority()?.as_str().contains('@');
    (scheme && host && !user).then_some(url)
}

fn metadata_urls(issuer: &Uri) -> Option<[Uri; 2]> {
    let (scheme, authority) = (issuer.scheme_str()?, issuer.authority()?);
    let path = issuer.path().strip_suffix('/').unwrap_or(issuer.path());
    let openid = format!("{scheme}://{authority}{path}/.well-known/openid-configuration");
    let oauth = format!("{scheme}://{authority}/.well-known/oauth-authorization-server{path}");
    Some([openid.parse().ok()?, oauth.parse().ok()?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addresses::is_private;

    const ISSUER: &str = "https://issuer.example/realms/shop";

    fn urls(issuer: &str) -> [String; 2] {
        DiscoveredIssuer::new(issuer, false).unwrap().urls.map(|url| url.to_string())
    }

    #[test]
    fn the_metadata_are_at_the_places_of_both_standards() {
        let (openid, oauth) = (".well-known/openid-configuration", ".well-known/oauth-authorization-server");
        for issuer in ["https://issuer.example", "https://issuer.example/"] {
            let base = "https://issuer.example/";
            assert_eq!(urls(issuer), [format!("{base}{openid}"), format!("{base}{oauth}")]);
        }
        let with_path = [format!("{ISSUER}/{openid}"), format!("https://issuer.example/{oauth}/realms/shop")];
        assert_eq!((urls(ISSUER), urls(&format!("{ISSUER}/"))), (with_path.clone(), with_path));
    }

    #[test]
    fn an_issuer_without_a_plain_https_url_is_refused() {
        for issuer in [
            "",
            "issuer.example",
            "http://issuer.example",
            "ftp://issuer.example",
            "https://",
            "https://user@issuer.example",
            "https://issuer.example/?x=1",
            "https://issuer.example/#x",
            "https://issuer.example/{tenantid}/v2.0 x",
        ] {
            let error = DiscoveredIssuer::new(issuer, false).unwrap_err();
            assert_eq!(error.setting, "issuer", "{issuer}");
        }
        assert!(DiscoveredIssuer::new("http://issuer.example", true).is_ok());
    }

    fn read(document: &str, private: bool) -> Result<String, DiscoveryFailure> {
        let issuer = DiscoveredIssuer::new(ISSUER, false).unwrap();
        issuer.read(document, private, is_private).map(|url| url.to_string())
    }

    fn with_key_set(url: &str) -> String {
        format!(r#"{{"issuer":"{ISSUER}","jwks_uri":"{url}","x":{{"y":[1]}}}}"#)
    }

    #[test]
    fn the_key_set_needs_a_plain_https_url() {
        for url in [
            "https://keys.example/jwks?v=1",
            "https://issuer.example:8443/jwks",
            "https://keys.example/jwk/a@b",
        ] {
            assert_eq!(read(&with_key_set(url), false).as_deref(), Ok(url));
        }
        for url in [
            "",
            "/jwks",
            "http://issuer.example/jwks",
            "file:///etc/passwd",
            "https://user:secret@issuer.example/jwks",
            "https://@issuer.example/jwks",
            "https:///jwks",
            "https://issuer.example/jwks#x",
            "https://issuer.example/ jwks",
        ] {
            assert_eq!(read(&with_key_set(url), false), Err(DiscoveryFailure::KeySetUrl), "{url}");
        }
    }

    #[test]
    fn a_private_address_is_only_for_a_private_issuer() {
        for host in ["127.0.0.1", "[::1]", "169.254.169.254", "10.0.0.1:8443"] {
            let document = with_key_set(&format!("https://{host}/jwks"));
            assert_eq!(read(&document, false), Err(DiscoveryFailure::PrivateAddress), "{host}");
            assert!(read(&document, true).is_ok(), "{host}");
        }
    }

    #[test]
    fn only_an_http_issuer_may_have_a_key_set_over_http() {
        let read = |issuer: &str| {
            let document = format!(r#"{{"issuer":"{issuer}","jwks_uri":"http://keys.example/jwks"}}"#);
            DiscoveredIssuer::new(issuer, true).unwrap().read(&document, false, is_private).map(drop)
        };
        assert_eq!(read("http://issuer.example"), Ok(()));
        assert_eq!(read("https://issuer.example"), Err(DiscoveryFailure::KeySetUrl));
    }

    #[test]
    fn another_issuer_and_other_documents_are_refused() {
        for other in [
            "https://issuer.example/realms/shop/",
            "https://issuer.example",
            "",
            "HTTPS://issuer.example/realms/shop",
        ] {
            let document = format!(r#"{{"issuer":"{other}","jwks_uri":"https://issuer.example/jwks"}}"#);
            assert_eq!(read(&document, false), Err(DiscoveryFailure::Issuer), "{other}");
        }
        for document in [
            "",
            "[]",
            "null",
            "{}",
            "<html>",
            r#"["https://issuer.example/realms/shop","https://issuer.example/jwks"]"#,
            r#"{"issuer":1,"jwks_uri":"https://issuer.example"}"#,
            r#"{"issuer":"https://issuer.example/realms/shop"}"#,
            r#"{"issuer":"https://issuer.example/realms/shop","jwks_uri":null}"#,
            r#"{"issuer":"a","issuer":"https://issuer.example/realms/shop","jwks_uri":"https://a.example"}"#,
        ] {
            assert_eq!(read(document, false), Err(DiscoveryFailure::Malformed), "{document}");
        }
    }
}
