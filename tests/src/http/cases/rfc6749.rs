//! Cases for an application whose token endpoints answer as RFC 6749 §5.2 requires.

use gatewright_testkit::auth_routes::{PASSWORD, Target};

/// Login and refresh, for every reason. The body is that of the default token endpoint.
pub fn a_refused_grant_is_400_without_a_challenge(target: &Target) {
    let login = r#"{"detail":"Incorrect email or password","error":"invalid_grant"}"#;
    let email = target.register();
    for (username, password) in
        [(&*email, "wrong"), ("nobody@example.com", PASSWORD), ("no address", PASSWORD)]
    {
        target.try_login(username, password).expect(400, &[], login);
    }
    let tokens = target.login(&email, PASSWORD);
    let refresh = r#"{"detail":"Invalid refresh token","error":"invalid_grant"}"#;
    for token in ["x", "x.y.z", &tokens.access] {
        target.refresh(token).expect(400, &[], refresh);
    }
    target.refresh(&tokens.refresh).expect_ok();
    target.send(&target.post("/logout").form(&[("refresh_token", "x")])).expect(400, &[], refresh);
    target.me("x.y.z").expect_invalid_token();
}
