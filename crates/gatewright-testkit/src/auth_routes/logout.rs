//! Cases for `logout` and `logout-all`.

use super::{FORM, JSON, PASSWORD, Target, Tokens};

/// Its access token and its refresh token become invalid; other sessions of the user go on.
pub fn logout_ends_the_session(target: &Target) {
    let [here, there] = target.two_sessions();
    target.send(&target.post("/logout")).expect_unauthenticated();
    target.logout("x.y.z").expect_invalid_token();
    target.logout(&here.access).expect_no_content();
    target.expect_ended(&here);
    target.logout(&here.access).expect_invalid_token();
    target.me(&there.access).expect_ok();
}

/// A used refresh token is enough, an expired access token beside it is ignored, and a repeated
/// logout succeeds.
pub fn logout_by_refresh_token_needs_no_access_token(target: &Target) {
    let first = target.user();
    let second = Tokens::expect_granted(&target.refresh(&first.refresh));
    let expired = target.forge(&second.access, |claims| claims["exp"] = claims["iat"].clone());
    let logout = |token: &str| target.post("/logout").form(&[("refresh_token", token)]);
    target.send(&logout("x")).expect_refresh_refused();
    target.send(&logout(&second.access)).expect_refresh_refused();
    target.me(&second.access).expect_ok();
    target.send(&logout(&first.refresh).bearer(&expired)).expect_no_content();
    target.expect_ended(&second);
    let body = format!(r#"{{"refresh_token":"{}"}}"#, first.refresh);
    target.send(&target.post("/logout").json(&body)).expect_no_content();
    let raw = |media: &str, body: &str| target.send(&target.post("/logout").body(media, body));
    raw("text/plain", "x").expect_unsupported_media_type(&[FORM, JSON]);
    raw(FORM, "refresh_token=a&refresh_token=b").expect_malformed_field("refresh_token", "is repeated");
    raw(JSON, r#"{"refresh_token":1}"#).expect_malformed_field("refresh_token", "is not a string");
}

/// Sessions in the cache of the guards included. The user can log in again.
pub fn logout_all_ends_every_session_of_the_caller_alone(target: &Target) {
    let email = target.register();
    let logout_all = |access: &str| target.post("/logout-all").bearer(access);
    let sessions = [(); 3].map(|()| target.login(&email, PASSWORD));
    let other = target.user();
    for session in sessions.iter().chain([&other]) {
        target.me(&session.access).expect_ok();
    }
    target.send(&logout_all(&sessions[1].access)).expect_no_content();
    for session in &sessions {
        target.expect_ended(session);
        target.send(&logout_all(&session.access)).expect_invalid_token();
    }
    target.me(&other.access).expect_ok();
    let back = target.login(&email, PASSWORD);
    target.me(&back.access).expect_ok();
    target.send(&logout_all(&back.access).json("{}")).expect_no_content();
    target.me(&back.access).expect_invalid_token();
}

/// Without a token, with a refresh token, and with a malformed body.
pub fn a_refused_logout_all_ends_nothing(target: &Target) {
    let user = target.user();
    let logout_all = || target.post("/logout-all");
    target.send(&logout_all()).expect_unauthenticated();
    target.send(&logout_all().form(&[("refresh_token", &user.refresh)])).expect_unauthenticated();
    for token in ["x.y.z", &user.refresh] {
        target.send(&logout_all().bearer(token)).expect_invalid_token();
    }
    let post = || logout_all().bearer(&user.access);
    target.send(&post().body("text/plain", "x")).expect_unsupported_media_type(&[FORM, JSON]);
    target.send(&post().json("{")).expect_no_json();
    target.send(&post().body(FORM, "x=%")).expect_no_form();
    target.expect_active(&user);
}
