//! Who sends the requests: users in every state, and their tokens, good and bad.

use serde_json::json;

use super::super::{PASSWORD, Request, Target, Tokens};

/// What each target has, made the same way in each.
pub(super) struct Actors {
    /// A user, and the session the requests are sent in.
    pub(super) user: Tokens,
    pub(super) user_id: String,
    /// Sessions of the same user that requests may consume.
    pub(super) spare: Vec<Tokens>,
    pub(super) admin: Tokens,
    pub(super) admin_id: String,
    /// The admin's session for `items:read` alone.
    pub(super) reader: Tokens,
    /// A user who may log out everywhere.
    pub(super) leaving: Tokens,
    pub(super) logged_out: String,
    pub(super) disabled: String,
    pub(super) deleted: String,
}

/// The user of every target.
pub(super) const EMAIL: &str = "difference@example.com";

impl Actors {
    pub(super) fn of(target: &Target) -> Self {
        let user = sign_up(target, EMAIL);
        let spare = (0..8).map(|_| target.login(EMAIL, PASSWORD)).collect();
        let admin = target.admin();
        let form = [
            ("username", &*target.admin_email),
            ("password", &*target.admin_password),
            ("scope", "items:read"),
        ];
        let reader = Tokens::from(&target.send(&Request::post("/auth/login").form(&form)));
        let leaving = sign_up(target, "leaving@example.com");
        let logged_out = target.login(EMAIL, PASSWORD).access;
        assert_eq!(target.send(&Request::post("/auth/logout").bearer(&logged_out)).status, 204);
        let disabled = sign_up(target, "disabled@example.com").access;
        let path = format!("/users/{}", target.id_of(&disabled));
        let disable = Request::new("PATCH", &path).bearer(&admin.access).json(r#"{"is_active":false}"#);
        assert_eq!(target.send(&disable).status, 200);
        let deleted = sign_up(target, "deleted@example.com").access;
        let path = format!("/users/{}", target.id_of(&deleted));
        assert_eq!(target.send(&Request::new("DELETE", &path).bearer(&admin.access)).status, 204);
        let [user_id, admin_id] = [&user.access, &admin.access].map(|token| target.id_of(token));
        Self { user, user_id, spare, admin, admin_id, reader, leaving, logged_out, disabled, deleted }
    }

    /// Bearer tokens by name, good and bad.
    pub(super) fn tokens(&self, target: &Target) -> Vec<(&'static str, String)> {
        let good = &self.user.access;
        let forge = |change: &dyn Fn(&mut serde_json::Value)| target.forge(good, |claims| change(claims));
        let expired = forge(&|claims| claims["exp"] = claims["iat"].clone());
        let unsigned = &good[..=good.rfind('.').expect("a token has a signature")];
        vec![
            ("user", good.clone()),
            ("admin", self.admin.access.clone()),
            ("reader", self.reader.access.clone()),
            ("logged out", self.logged_out.clone()),
            ("disabled", self.disabled.clone()),
            ("deleted", self.deleted.clone()),
            ("refresh token", self.user.refresh.clone()),
            ("no token", "x".to_owned()),
            ("three parts", "x.y.z".to_owned()),
            ("unsigned", unsigned.to_owned()),
            (
                "algorithm none",
                format!("eyJhbGciOiJub25lIn0.{}", &unsigned[unsigned.find('.').map_or(0, |at| at + 1)..]),
            ),
            ("expired with a bad signature", format!("{expired}A")),
            ("expired", expired),
            ("other issuer", forge(&|claims| claims["iss"] = json!("http://other"))),
            ("other audience", forge(&|claims| claims["aud"] = json!("other"))),
            ("other subject", forge(&|claims| claims["sub"] = json!("nobody"))),
            ("other epoch", forge(&|claims| claims["epoch"] = json!("0000000000000000"))),
            ("bound to a sender", forge(&|claims| claims["cnf"] = json!({"jkt": "x"}))),
            ("more scopes", forge(&|claims| claims["scope"] = json!("items:read items:write"))),
            ("no scopes", forge(&|claims| claims["scope"] = json!(""))),
            ("longest", "A".repeat(8 * 1_024)),
            ("too long", "A".repeat(8 * 1_024 + 1)),
        ]
    }
}

fn sign_up(target: &Target, email: &str) -> Tokens {
    let body = format!(r#"{{"email":"{email}","password":"{PASSWORD}"}}"#);
    assert_eq!(target.send(&Request::post("/auth/register").json(&body)).status, 201);
    target.login(email, PASSWORD)
}

#[cfg(test)]
impl Actors {
    /// As many as there are, whom no application knows.
    pub(super) fn unheard_of() -> Self {
        let token = "e30.eyJpYXQiOjEsImV4cCI6Mn0.x".to_owned();
        let [access, refresh] = [token.clone(), token.clone()];
        let tokens = Tokens { access, refresh, scope: String::new() };
        let [user_id, admin_id, logged_out, disabled, deleted] = [(); 5].map(|()| token.clone());
        let [user, admin, reader, leaving] = [(); 4].map(|()| tokens.clone());
        Self {
            user,
            user_id,
            spare: vec![tokens; 8],
            admin,
            admin_id,
            reader,
            leaving,
            logged_out,
            disabled,
            deleted,
        }
    }
}
