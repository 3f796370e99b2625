//! `gatewright token inspect`: the explanation of a token that is not verified.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::common::{Done, baseline, run, verify};

fn encode(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// Inspects a token with this header and payload.
fn inspect(header: &str, payload: &str) -> Done {
    let token = format!("{}.{}.AA", encode(header), encode(payload));
    let done = run(&["token", "inspect"], token.as_bytes());
    assert_eq!(done.code, 0, "{}", done.err);
    done
}

#[test]
fn the_explanation_says_twice_that_nothing_is_verified() {
    let token = baseline();
    for input in [token.clone(), format!("{token}\n")] {
        let done = run(&["token", "inspect", "--now", "1700000000"], input.as_bytes());
        assert_eq!(done.code, 0, "{}", done.err);
        assert_eq!(done.out.matches("NOT VERIFIED").count(), 2);
        assert!(done.out.contains("valid until 300 seconds from now"), "{}", done.out);
        assert!(done.out.contains("issued 10 seconds ago") && done.out.contains("of the kind Access"));
    }
    for broken in ["", "a.b", "a.b.c.d", "!.e30.x", "e30.!.x"] {
        assert_eq!(run(&["token", "inspect"], broken.as_bytes()).code, 2, "{broken}");
    }
}

/// Other users of the machine can read the arguments of a process. The error must not write the token
/// to a log either.
#[test]
fn a_token_in_the_arguments_is_refused_and_not_repeated() {
    let token = baseline();
    let verify = ["verify", "--jwks", "keys.json", "--issuer", "a", "--audience", "b"];
    for command in [&["inspect"][..], &["inspect", "--now", "1700000000"], &verify] {
        let arguments = [&["token"], command, &[&token]].concat();
        let done = run(&arguments, token.as_bytes());
        assert_eq!((done.code, done.out.as_str()), (2, ""), "{command:?}: {}", done.err);
        let usage = format!("write it to standard input: gatewright token {}", command[0]);
        assert!(done.err.contains(&usage), "{command:?}: {}", done.err);
        assert!(!done.err.contains(token.split_once('.').unwrap().0), "{command:?}: {}", done.err);
    }
    let option = format!("--{token}");
    let assignment = format!("--token={token}");
    let misplaced: [&[&str]; 13] = [
        &[&token],
        &["keys", &token],
        &["keys", "generate", &token],
        &["keys", "generate", "--alg", &token],
        &["keys", "generate", "--alg", "ES256", "--format", &token],
        &["token", &token],
        &["token", &option],
        &["token", "inspect", &option],
        &["token", "inspect", &assignment],
        &["token", "inspect", "--now", &token],
        &["token", "verify", "--leeway", &token],
        &["token", "verify", "--max-age", &token],
        &["token", "verify", "--algorithm", &token],
    ];
    for arguments in misplaced {
        let done = run(arguments, token.as_bytes());
        assert_eq!((done.code, done.out.as_str()), (2, ""), "{arguments:?}: {}", done.err);
        assert!(token.split('.').all(|part| !done.err.contains(part)), "{}", done.err);
    }
    let done = run(&["token", "verify", "--leeway", &token], b"");
    assert!(done.err.contains("invalid value '…' for '--leeway <S>': invalid digit"), "{}", done.err);
    let help = run(&["token", "inspect", "--help"], b"");
    assert!(!help.out.to_lowercase().contains("[token"), "{}", help.out);
}

#[test]
fn the_explanation_is_printable_ascii() {
    let hostile = "{\"sub\":\"\\u001b[2J\u{9b}31m\u{202e}\u{1f600}\"}";
    let done = inspect("{}", hostile);
    assert!(done.out.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)), "{:?}", done.out);
    assert!(done.out.contains("\\u202e") && done.out.contains("\\ud83d\\ude00"));
}

#[test]
fn the_explanation_names_members_that_verification_refuses() {
    let plain = inspect(r#"{"alg":"ES256","kid":"a","typ":"Application/at+JWT"}"#, "{}").out;
    assert!(plain.contains("of the kind Access") && !plain.contains("such a token is refused"), "{plain}");
    for (header, payload, word) in [
        (r#"{"crit":[]}"#, "{}", "crit: not supported"),
        ("{}", r#"{"cnf":{}}"#, "cnf: bound"),
        (r#"{"kid":"a","\u006bid":"b"}"#, "{}", "occurs twice"),
        ("{}", r#"{"a":[{"b":1,"b":1}]}"#, "occurs twice"),
        (r#"{"crit":[],"a":1,"a":1}"#, "{}", "occurs twice"),
        ("{}", r#"{"exp":"soon"}"#, "refused by verification"),
    ] {
        assert!(inspect(header, payload).out.contains(word), "{header} {payload}");
    }
}

#[test]
fn inspection_and_verification_refuse_the_same_headers() {
    let names = [
        "crit", "b64", "zip", "jku", "x5u", "jwk", "x5c", "cty", "cnf", "enc", "epk", "apu", "apv", "iv",
        "tag", "p2s", "p2c", "x5t", "x5t#S256", "nonce", "Crit",
    ];
    let values = ["null", "1", "\"a\"", "[]"];
    let mut members: Vec<String> =
        names.iter().flat_map(|name| values.map(|value| format!("\"{name}\":{value}"))).collect();
    members.push(r#""\u0063rit":[]"#.to_owned());
    members.push(r#""x":1,"x":1"#.to_owned());
    members.push(format!("\"x\":{}{}", "[".repeat(32), "]".repeat(32)));
    members.push(format!("\"x\":{}{}", "[".repeat(33), "]".repeat(33)));
    let tokens: Vec<String> = members
        .iter()
        .map(|member| format!(r#"{{"alg":"HS256","kid":"hs1","typ":"at+jwt",{member}}}"#))
        .map(|header| format!("{}.{}.AA", encode(&header), encode("{}")))
        .collect();
    let verdicts = verify(&Value::Null, "headers", tokens.join("\n").as_bytes()).out;
    assert_eq!(verdicts.lines().count(), tokens.len());
    for ((member, token), verdict) in members.iter().zip(&tokens).zip(verdicts.lines()) {
        let inspected = run(&["token", "inspect"], token.as_bytes()).out;
        // If the header is not refused, the invalid signature is.
        let refused = verdict != "refused: signature";
        assert_eq!(inspected.contains("refused"), refused, "{member}: {verdict}\n{inspected}");
    }
}
