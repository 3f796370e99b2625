//! Cases for an application whose token endpoint refuses as RFC 6749 §5.2 has it.

use super::difference::compare_after;
use super::{PASSWORD, Request, Target};

/// Login and refresh, whatever the cause; the body is the usual one.
pub fn a_refused_grant_is_400_without_a_challenge([_, target]: [Target; 2]) {
    let login = r#"{"detail":"Incorrect email or password","error":"invalid_grant"}"#;
    let email = target.register();
    for (username, password) in
        [(&*email, "wrong"), ("nobody@example.com", PASSWORD), ("no address", PASSWORD)]
    {
        let form = [("username", username), ("password", password)];
        target.send(&Request::post("/auth/login").form(&form)).expect(400, &[], login);
    }
    let tokens = target.login(&email, PASSWORD);
    let refresh = r#"{"detail":"Invalid refresh token","error":"invalid_grant"}"#;
    for token in ["x", "x.y.z", &tokens.access] {
        target.refresh(token).expect(400, &[], refresh);
    }
    assert_eq!(target.refresh(&tokens.refresh).status, 200);
    target.send(&Request::post("/auth/logout").form(&[("refresh_token", "x")])).expect(400, &[], refresh);
    target.me("x.y.z").expect_invalid_token();
}

/// On every request that tells two applications apart.
pub fn all_else_is_as_it_was([plain, target]: [Target; 2]) {
    let report = compare_after(&[("plain", &plain), ("rfc6749", &target)], &|name, mut answer| {
        if name == "plain" && answer.status != 200 && answer.body.contains(r#""error":"invalid_grant""#) {
            assert_eq!(answer.status, 401);
            answer.status = 400;
            return answer.without("www-authenticate");
        }
        answer
    });
    assert!(report.differences.is_empty(), "{report}");
    assert!(report.cases > 3_000);
}
