//! The rows of the table of answers, each as a check of a response.

use super::response::Response;

/// The headers that forbid caches to keep a response (RFC 6749 §5.1).
pub const NO_STORE: [(&str, &str); 2] = [("cache-control", "no-store"), ("pragma", "no-cache")];

const INSUFFICIENT: &str = r#"{"detail":"Insufficient permissions","error":"insufficient_scope"}"#;

impl Response {
    /// Compares the response to the byte. A response with a body must have the type JSON; `headers`
    /// are all others but `date`, `connection` and `content-length`.
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

    /// Compares the status alone.
    #[track_caller]
    pub fn expect_status(&self, status: u16) {
        assert_eq!(self.status, status, "{}", self.text());
    }

    /// 200 with any body.
    #[track_caller]
    pub fn expect_ok(&self) {
        self.expect_status(200);
    }

    /// 204.
    #[track_caller]
    pub fn expect_no_content(&self) {
        self.expect(204, &[], "");
    }

    /// 401: no credentials.
    #[track_caller]
    pub fn expect_unauthenticated(&self) {
        self.expect(401, &[("www-authenticate", "Bearer")], r#"{"detail":"Not authenticated"}"#);
    }

    /// 400: the credentials cannot be parsed.
    #[track_caller]
    pub fn expect_malformed_credentials(&self) {
        let challenge = r#"Bearer error="invalid_request""#;
        let body = r#"{"detail":"Malformed credentials","error":"invalid_request"}"#;
        self.expect(400, &[("www-authenticate", challenge)], body);
    }

    /// 401: the token is invalid.
    #[track_caller]
    pub fn expect_invalid_token(&self) {
        let challenge = r#"Bearer error="invalid_token""#;
        let body = r#"{"detail":"Could not validate credentials","error":"invalid_token"}"#;
        self.expect(401, &[("www-authenticate", challenge)], body);
    }

    /// 403: the user lacks the role.
    #[track_caller]
    pub fn expect_forbidden(&self) {
        self.expect(403, &[("www-authenticate", r#"Bearer error="insufficient_scope""#)], INSUFFICIENT);
    }

    /// 403: the token lacks the scope. The challenge names the scope.
    #[track_caller]
    pub fn expect_missing_scope(&self, scope: &str) {
        let challenge = format!(r#"Bearer error="insufficient_scope", scope="{scope}""#);
        self.expect(403, &[("www-authenticate", &challenge)], INSUFFICIENT);
    }

    /// 401: the login was refused.
    #[track_caller]
    pub fn expect_login_refused(&self) {
        let body = r#"{"detail":"Incorrect email or password","error":"invalid_grant"}"#;
        self.expect(401, &[("www-authenticate", "Bearer")], body);
    }

    /// 401: the refresh was refused.
    #[track_caller]
    pub fn expect_refresh_refused(&self) {
        let body = r#"{"detail":"Invalid refresh token","error":"invalid_grant"}"#;
        self.expect(401, &[("www-authenticate", "Bearer")], body);
    }

    /// 400: a field is missing or unusable. `problem` follows its name: `is missing`.
    #[track_caller]
    pub fn expect_malformed_field(&self, field: &str, problem: &str) {
        let body = format!(
            r#"{{"detail":"Malformed request: {field} {problem}","error":"invalid_request","field":"{field}"}}"#
        );
        self.expect(400, &[], &body);
    }

    /// 400: the body cannot be parsed. `problem` follows `the body`: `is not a JSON object`.
    #[track_caller]
    pub fn expect_malformed_body(&self, problem: &str) {
        let body =
            format!(r#"{{"detail":"Malformed request: the body {problem}","error":"invalid_request"}}"#);
        self.expect(400, &[], &body);
    }

    /// 400: the body is a form that cannot be parsed.
    #[track_caller]
    pub fn expect_no_form(&self) {
        self.expect_malformed_body("is not a form in UTF-8");
    }

    /// 400: the body is not one JSON object.
    #[track_caller]
    pub fn expect_no_json(&self) {
        self.expect_malformed_body("is not a JSON object");
    }

    /// 400: the grant type is another.
    #[track_caller]
    pub fn expect_unsupported_grant_type(&self) {
        self.expect(400, &[], r#"{"detail":"Unsupported grant type","error":"unsupported_grant_type"}"#);
    }

    /// 400: the scope is malformed, or more than was granted.
    #[track_caller]
    pub fn expect_invalid_scope(&self) {
        self.expect(400, &[], r#"{"detail":"Invalid scope","error":"invalid_scope"}"#);
    }

    /// 415 to a `POST`, with the types that are accepted.
    #[track_caller]
    pub fn expect_unsupported_media_type(&self, accepted: &[&str]) {
        self.expect_unsupported("accept-post", accepted);
    }

    /// 415 to a `PATCH`, with the types that are accepted.
    #[track_caller]
    pub fn expect_unsupported_patch(&self, accepted: &[&str]) {
        self.expect_unsupported("accept-patch", accepted);
    }

    #[track_caller]
    fn expect_unsupported(&self, header: &str, accepted: &[&str]) {
        let body = format!(r#"{{"detail":"Unsupported media type: send {}"}}"#, accepted.join(" or "));
        self.expect(415, &[(header, &accepted.join(", "))], &body);
    }

    /// 422: a value breaks a rule.
    #[track_caller]
    pub fn expect_unprocessable(&self, detail: &str, error: &str, field: &str) {
        let body = format!(r#"{{"detail":"{detail}","error":"{error}","field":"{field}"}}"#);
        self.expect(422, &[], &body);
    }

    /// 404.
    #[track_caller]
    pub fn expect_not_found(&self) {
        self.expect(404, &[], r#"{"detail":"Not found"}"#);
    }

    /// 401: no API key.
    #[track_caller]
    pub fn expect_no_api_key(&self) {
        self.expect(401, &[("www-authenticate", "ApiKey")], r#"{"detail":"Not authenticated"}"#);
    }

    /// 403: the API key is invalid.
    #[track_caller]
    pub fn expect_invalid_api_key(&self) {
        self.expect(403, &[], r#"{"detail":"Invalid API key"}"#);
    }

    /// 403: the API key lacks the scope.
    #[track_caller]
    pub fn expect_insufficient_api_key(&self) {
        self.expect(403, &[], INSUFFICIENT);
    }

    /// 405, with the methods that are allowed.
    #[track_caller]
    pub fn expect_method_not_allowed(&self, allow: &str) {
        self.expect(405, &[("allow", allow)], r#"{"detail":"Method not allowed"}"#);
    }

    /// 413.
    #[track_caller]
    pub fn expect_too_large(&self) {
        self.expect(413, &[], r#"{"detail":"Request body too large"}"#);
    }

    /// 429, with the time to wait in seconds.
    #[track_caller]
    pub fn expect_too_many_attempts(&self, retry_after: u32) {
        let body = r#"{"detail":"Too many attempts","error":"too_many_attempts"}"#;
        self.expect(429, &[("retry-after", &retry_after.to_string())], body);
    }

    /// 503, with the time to wait.
    #[track_caller]
    pub fn expect_unavailable(&self) {
        self.expect(503, &[("retry-after", "2")], r#"{"detail":"Service unavailable"}"#);
    }

    /// The response to `HEAD`: status and headers of the response to `GET`, `content-length`
    /// included, and no body.
    #[track_caller]
    pub fn expect_head_of(&self, get: &Self) {
        let empty = Vec::new();
        assert_eq!((self.status, &self.raw_headers, &self.body), (get.status, &get.raw_headers, &empty));
        assert!(get.header("content-length").is_some());
    }
}
