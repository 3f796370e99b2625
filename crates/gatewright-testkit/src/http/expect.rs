//! What an answer must be, to the byte.

use super::response::Response;

impl Response {
    /// Holds the answer against what it must be, to the byte. Where there is a body its type is JSON.
    #[track_caller]
    pub fn expect(&self, status: u16, headers: &[(&str, &str)], body: &str) {
        let mut all: Vec<(String, String)> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        if !body.is_empty() {
            all.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        all.sort();
        let expected = (status, all, body.to_owned());
        assert_eq!((self.status, self.headers.clone(), self.text()), expected);
    }

    /// 401 to nobody.
    #[track_caller]
    pub fn expect_unauthenticated(&self) {
        self.expect(401, &[("www-authenticate", "Bearer")], r#"{"detail":"Not authenticated"}"#);
    }

    /// 400 to a credential that cannot be read.
    #[track_caller]
    pub fn expect_malformed_credentials(&self) {
        let challenge = r#"Bearer error="invalid_request""#;
        let body = r#"{"detail":"Malformed credentials","error":"invalid_request"}"#;
        self.expect(400, &[("www-authenticate", challenge)], body);
    }

    /// 401 to a bad token.
    #[track_caller]
    pub fn expect_invalid_token(&self) {
        let challenge = r#"Bearer error="invalid_token""#;
        let body = r#"{"detail":"Could not validate credentials","error":"invalid_token"}"#;
        self.expect(401, &[("www-authenticate", challenge)], body);
    }

    /// 403 to somebody without the role.
    #[track_caller]
    pub fn expect_forbidden(&self) {
        let challenge = r#"Bearer error="insufficient_scope""#;
        let body = r#"{"detail":"Insufficient permissions","error":"insufficient_scope"}"#;
        self.expect(403, &[("www-authenticate", challenge)], body);
    }

    /// 401 to a refused login.
    #[track_caller]
    pub fn expect_login_refused(&self) {
        let body = r#"{"detail":"Incorrect email or password","error":"invalid_grant"}"#;
        self.expect(401, &[("www-authenticate", "Bearer")], body);
    }

    /// 401 to a refused refresh.
    #[track_caller]
    pub fn expect_refresh_refused(&self) {
        let body = r#"{"detail":"Invalid refresh token","error":"invalid_grant"}"#;
        self.expect(401, &[("www-authenticate", "Bearer")], body);
    }

    /// 400 to a request that cannot be understood.
    #[track_caller]
    pub fn expect_malformed(&self) {
        self.expect(400, &[], r#"{"detail":"Malformed request","error":"invalid_request"}"#);
    }

    /// 415.
    #[track_caller]
    pub fn expect_unsupported_media_type(&self) {
        self.expect(415, &[], r#"{"detail":"Unsupported media type"}"#);
    }

    /// 404.
    #[track_caller]
    pub fn expect_not_found(&self) {
        self.expect(404, &[], r#"{"detail":"Not found"}"#);
    }

    /// 403 to somebody without a scope, which the challenge names.
    #[track_caller]
    pub fn expect_missing_scope(&self, scope: &str) {
        let challenge = format!(r#"Bearer error="insufficient_scope", scope="{scope}""#);
        let body = r#"{"detail":"Insufficient permissions","error":"insufficient_scope"}"#;
        self.expect(403, &[("www-authenticate", &challenge)], body);
    }

    /// 401 to nobody where an API key is asked for.
    #[track_caller]
    pub fn expect_no_api_key(&self) {
        self.expect(401, &[("www-authenticate", "ApiKey")], r#"{"detail":"Not authenticated"}"#);
    }

    /// 403 to a wrong API key.
    #[track_caller]
    pub fn expect_invalid_api_key(&self) {
        self.expect(403, &[], r#"{"detail":"Invalid API key"}"#);
    }

    /// 405, with the methods that there are.
    #[track_caller]
    pub fn expect_method_not_allowed(&self, allow: &str) {
        self.expect(405, &[("allow", allow)], r#"{"detail":"Method not allowed"}"#);
    }

    /// 413.
    #[track_caller]
    pub fn expect_too_large(&self) {
        self.expect(413, &[], r#"{"detail":"Request body too large"}"#);
    }

    /// 503, with the time to wait.
    #[track_caller]
    pub fn expect_unavailable(&self) {
        self.expect(503, &[("retry-after", "2")], r#"{"detail":"Service unavailable"}"#);
    }

    /// Status and headers of the answer to `GET`, its length included, and no body.
    #[track_caller]
    pub fn expect_head_of(&self, get: &Self) {
        let empty = Vec::new();
        assert_eq!((self.status, &self.raw_headers, &self.body), (get.status, &get.raw_headers, &empty));
        assert!(get.header("content-length").is_some());
    }
}
