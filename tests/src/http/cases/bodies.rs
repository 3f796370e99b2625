//! Cases for the bodies that the example reads itself.

use example_service::model::MAX_BODY_BYTES;
use example_service::testing::Example;
use gatewright_testkit::auth_routes::{FORM, JSON, Request, Target};

/// Behind its guard, `POST /items` accepts JSON with the known members, up to the limit.
pub fn the_examples_own_route_reads_bodies_as_strictly(target: &Target) {
    let admin = target.admin().access;
    let post = || Request::post("/items").bearer(&admin);
    let send = |media: &str, body: &[u8]| target.send(&post().body(media, body));
    for body in ["", "{}", "[]", "null", "{", r#"{"name":1}"#, r#"{"name":"x","more":1}"#] {
        send(JSON, body.as_bytes()).expect_malformed_body("is invalid");
    }
    send(JSON, br#"{"name":"x","name":"x"}"#).expect_malformed_body("is invalid");
    send(JSON, b"{\"name\":\"\xff\"}").expect_malformed_body("is invalid");
    send(JSON, br#"{"name":""}"#).expect_malformed_field("name", "is empty");
    let long = format!(r#"{{"name":"{}"}}"#, "x".repeat(201));
    send(JSON, long.as_bytes()).expect_malformed_field("name", "is invalid");
    let others =
        ["", FORM, "text/plain", "multipart/form-data; boundary=x", "application/json; charset=utf-16"];
    for media in others {
        send(media, br#"{"name":"x"}"#).expect_unsupported_media_type(&[JSON]);
    }
    for media in ["Application/JSON", "application/json; charset=\"UTF-8\"", "application/json;x=y"] {
        send(media, br#"{"name":"x"}"#).expect_status(201);
    }
    let padded = |length: usize| format!(r#"{{"name":"x"{}}}"#, " ".repeat(length - 12));
    send(JSON, padded(MAX_BODY_BYTES).as_bytes()).expect_status(201);
    send(JSON, padded(MAX_BODY_BYTES + 1).as_bytes()).expect_too_large();
    target.send(&post().json(&padded(MAX_BODY_BYTES + 1)).chunked()).expect_too_large();
    if let Some(answer) = target.send_and_break_off(&post().json(r#"{"name":"x"}"#).announcing(100)) {
        answer.expect_malformed_body("is incomplete");
    }
}
