//! The users who send the requests, and their tokens, valid and invalid.

use example_service::testing::{ADMIN_EMAIL, ADMIN_PASSWORD, Example};
use gatewright_testkit::auth_routes::{PASSWORD, Request, Target, Tokens};
use serde_json::json;

/// The users of a target, created in the same way in each.
pub(super) struct Actors {
    /// A user, and the session that sends the requests.
    pub(super) user: Tokens,
    pub(super) user_id: String,
    /// Sessions of the same user that requests may end.
    pub(super) spare: [Tokens; 8],
    /// The access token of one more, for `logout` with all kinds of bodies.
    pub(super) ending: String,
    pub(super) admin: Tokens,
    pub(super) admin_id: String,
    /// The admin's session for `items:read` alone.
    pub(super) reader: Tokens,
    /// A user who may call `logout-all`.
    pub(super) leaving: Tokens,
    pub(super) logged_out: String,
    pub(super) disabled: String,
    pub(super) deleted: String,
}

/// The user of every target.
pub(super) const EMAIL: &str = "difference@example.com";

impl Actors {
    pub(super) fn new(target: &Target) -> Self {
        let user = sign_up(target, EMAIL);
        let spare = [(); 8].map(|()| target.login(EMAIL, PASSWORD));
        let ending = target.login(EMAIL, PASSWORD).access;
        let admin = target.admin();
        let form = [("username", ADMIN_EMAIL), ("password", ADMIN_PASSWORD), ("scope", "items:read")];
        let reader = Tokens::from(&target.login_with(&form));
        let leaving = sign_up(target, "leaving@example.com");
        let logged_out = target.login(EMAIL, PASSWORD).access;
        target.logout(&logged_out).expect_no_content();
        let disabled = sign_up(target, "disabled@example.com").access;
        target.patch_user(&target.id_of(&disabled), r#"{"is_active":false}"#).expect_ok();
        let deleted = sign_up(target, "deleted@example.com").access;
        let path = format!("/users/{}", target.id_of(&deleted));
        target.send(&Request::new("DELETE", &path).bearer(&admin.access)).expect_no_content();
        let [user_id, admin_id] = [&user.access, &admin.access].map(|token| target.id_of(token));
        Self { user, user_id, spare, ending, admin, admin_id, reader, leaving, logged_out, disabled, deleted }
    }

    /// Bearer tokens by name, valid and invalid.
    pub(super) fn tokens(&self, target: &Target) -> Vec<(&'static str, String)> {
        let good = &self.user.access;
        let expired = target.forge(good, |claims| claims["exp"] = claims["iat"].clone());
        let unsigned = &good[..=good.rfind('.').expect("a token has a signature")];
        let without_header = &unsigned[unsigned.find('.').map_or(0, |at| at + 1)..];
        vec![
            ("user", good.clone()),
            ("admin", self.admin.access.clone()),
            ("reader", self.reader.access.clone()),
            ("logged out", self.logged_out.clone()),
            ("disabled", self.disabled.clone()),
            ("deleted", self.deleted.clone()),
            ("refresh token", self.user.refresh.clone()),
            ("one part", "x".to_owned()),
            ("three parts", "x.y.z".to_owned()),
            ("unsigned", unsigned.to_owned()),
            ("algorithm none", format!("eyJhbGciOiJub25lIn0.{without_header}")),
            ("expired with a bad signature", format!("{expired}A")),
            ("expired", expired),
            ("other issuer", target.forge_claim(good, "iss", "http://other")),
            ("other audience", target.forge_claim(good, "aud", "other")),
            ("other subject", target.forge_claim(good, "sub", "nobody")),
            ("other epoch", target.forge_claim(good, "epoch", "0000000000000000")),
            ("bound to a sender", target.forge_claim(good, "cnf", json!({"jkt": "x"}))),
            ("more scopes", target.forge_claim(good, "scope", "items:read items:write")),
            ("no scopes", target.forge_claim(good, "scope", "")),
            ("longest", "A".repeat(8 * 1_024)),
            ("too long", "A".repeat(8 * 1_024 + 1)),
        ]
    }
}

fn sign_up(target: &Target, email: &str) -> Tokens {
    target.register_as(email, PASSWORD).expect_status(201);
    target.login(email, PASSWORD)
}
