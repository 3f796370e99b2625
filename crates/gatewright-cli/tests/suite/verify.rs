//! `gatewright token verify`: verdicts, lines and exit codes.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::common::{AUDIENCE, ISSUER, baseline, file, run, vectors, verify};

/// The HS256 key of the vectors.
const HS256: &str =
    r#"{"kty":"oct","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY","alg":"HS256","kid":"hs1"}"#;

#[test]
fn every_hostile_vector_gets_its_verdict() {
    let file = vectors();
    let mut policies: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for vector in file["vectors"].as_array().unwrap() {
        policies.entry(vector["policy"].to_string()).or_default().push(vector.clone());
    }
    let mut ran = 0;
    for (number, group) in policies.values().enumerate() {
        let tokens: Vec<&str> = group.iter().map(|vector| vector["token"].as_str().unwrap()).collect();
        // A token with a line break is read as two lines, one of which is refused.
        let (whole, broken): (Vec<usize>, Vec<usize>) =
            (0..group.len()).partition(|at| !tokens[*at].contains('\n'));
        let input: Vec<&str> = whole.iter().map(|at| tokens[*at]).collect();
        let done = verify(&group[0]["policy"], &format!("vectors-{number}"), input.join("\n").as_bytes());
        let lines: Vec<&str> = done.out.lines().collect();
        assert_eq!(lines.len(), whole.len() - usize::from(input.last() == Some(&"")), "{}", done.err);
        for (line, at) in lines.iter().zip(&whole) {
            let accepted = group[*at]["expect"] == "accept";
            assert_eq!(*line == "accepted", accepted, "{} {line}", group[*at]["id"]);
            assert!(accepted || line.starts_with("refused: "), "{line}");
        }
        let refused = whole.iter().any(|at| group[*at]["expect"] != "accept");
        assert_eq!(done.code, i32::from(refused));
        for at in broken {
            let input = format!("{}\n", tokens[at]);
            let done = verify(&group[at]["policy"], &format!("broken-{number}"), input.as_bytes());
            assert_eq!((done.code, group[at]["expect"] == "reject"), (1, true), "{}", done.out);
            ran += 1;
        }
        ran += whole.len();
    }
    assert_eq!(ran, 150);
}

#[test]
fn lines_end_at_lf_only_and_are_not_trimmed() {
    let token = baseline();
    let verdicts = |input: &[u8]| {
        let done = verify(&Value::Null, "lines", input);
        (done.out, done.code)
    };
    assert_eq!(verdicts(b""), (String::new(), 0));
    assert_eq!(verdicts(token.as_bytes()), ("accepted\n".to_owned(), 0));
    assert_eq!(verdicts(format!("{token}\n{token}\n").as_bytes()), ("accepted\naccepted\n".to_owned(), 0));
    let refused = "refused: format\n";
    assert_eq!(verdicts(b"\n"), (refused.to_owned(), 1));
    assert_eq!(verdicts(format!("\n{token}\n").as_bytes()), (format!("{refused}accepted\n"), 1));
    for odd in [
        format!("{token}\r\n"),
        format!(" {token}\n"),
        format!("{token} \n"),
        format!("\u{feff}{token}"),
        format!("{token}\0"),
    ] {
        let (out, code) = verdicts(odd.as_bytes());
        assert!(out.starts_with("refused: ") && out.lines().count() == 1 && code == 1, "{odd:?}: {out}");
    }
    let bytes = [b"\xff\xfe\n", token.as_bytes(), b"\n\xc3("].concat();
    assert_eq!(verdicts(&bytes), (format!("{refused}accepted\n{refused}"), 1));
    let long = [&vec![b'A'; 3_000_000], &b"\n"[..], token.as_bytes()].concat();
    assert_eq!(verdicts(&long), ("refused: size\naccepted\n".to_owned(), 1));
}

#[test]
fn wrong_arguments_exit_with_two_and_print_nothing() {
    let jwks = file("jwks", r#"{"keys":[]}"#);
    let broken = file("broken", "{");
    let (jwks, broken) = (jwks.to_str().unwrap(), broken.to_str().unwrap());
    let base = ["token", "verify", "--issuer", "i", "--audience", "a"];
    let cases: [&[&str]; 13] = [
        &[],
        &["token"],
        &["token", "verify"],
        &base,
        &["token", "verify", "--jwks", jwks, "--issuer", "i"],
        &[&base[..], &["--jwks", "/nonexistent/jwks.json"]].concat(),
        &[&base[..], &["--jwks", broken]].concat(),
        &[&base[..], &["--jwks", jwks, "--leeway", "61"]].concat(),
        &[&base[..], &["--jwks", jwks, "--leeway", "-1"]].concat(),
        &[&base[..], &["--jwks", jwks, "--now", "soon"]].concat(),
        &[&base[..], &["--jwks", jwks, "--algorithm", "none"]].concat(),
        &[&base[..], &["--jwks", jwks, "--typ", ""]].concat(),
        &["token", "verify", "--jwks", jwks, "--issuer", "", "--audience", "a"],
    ];
    for arguments in cases {
        let done = run(arguments, b"x\n");
        assert_eq!((done.code, done.out.as_str()), (2, ""), "{arguments:?}");
        assert!(!done.err.is_empty(), "{arguments:?}");
    }
}

#[test]
fn an_unusable_key_is_reported_and_the_others_are_used() {
    let path = file("mixed", &format!(r#"{{"keys":[{{"kty":"?"}},{HS256}]}}"#));
    let arguments =
        ["token", "verify", "--jwks", path.to_str().unwrap(), "--issuer", ISSUER, "--audience", AUDIENCE];
    let with = |more: &[&str]| {
        run(&[&arguments[..], &["--now", "1700000000"], more].concat(), baseline().as_bytes())
    };
    let done = with(&[]);
    assert_eq!((done.out.as_str(), done.code), ("accepted\n", 0));
    assert!(done.err.contains("a key is not used"), "{}", done.err);
    assert_eq!(with(&["--algorithm", "ES256"]).out, "refused: key\n");
    assert_eq!(with(&["--algorithm", "ES256", "--algorithm", "HS256"]).out, "accepted\n");
    assert_eq!(with(&["--typ", "JWT"]).out, "refused: kind\n");
    assert_eq!(with(&["--typ", "AT+JWT"]).out, "accepted\n");
    assert_eq!(with(&["--max-age", "9"]).out, "refused: age\n");
    assert_eq!(with(&["--max-age", "10"]).out, "accepted\n");
}

#[test]
fn keys_with_one_id_are_chosen_by_the_algorithm_of_the_token() {
    let made = |algorithm: &str| {
        let made = run(&["keys", "generate", "--alg", algorithm], b"");
        let mut key: Value = serde_json::from_str(&made.out).unwrap();
        key["kid"] = json!("hs1");
        key
    };
    let verdict = |other: &Value, algorithms: &[&str]| {
        let path = file("one-id", &format!(r#"{{"keys":[{HS256},{other}]}}"#));
        let mut arguments = vec!["token", "verify", "--jwks", path.to_str().unwrap(), "--issuer", ISSUER];
        arguments.extend(["--audience", AUDIENCE, "--now", "1700000000"]);
        arguments.extend(algorithms.iter().flat_map(|name| ["--algorithm", name]));
        run(&arguments, baseline().as_bytes()).out
    };
    let (other, same) = (made("HS512"), made("HS256"));
    for algorithms in [&[][..], &["HS256"], &["HS256", "HS512"]] {
        assert_eq!(verdict(&other, algorithms), "accepted\n", "{algorithms:?}");
        assert_eq!(verdict(&same, algorithms), "refused: key\n", "{algorithms:?}");
    }
    assert_eq!(verdict(&other, &["HS512"]), "refused: key\n");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_error_stream_does_not_change_the_exit_code() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatewright"));
    let done = command.args(["token", "inspect", "a.b"]).stderr(full).status().unwrap();
    assert_eq!(done.code(), Some(2));
}

#[test]
fn other_kinds_of_tokens_need_the_issuer_as_audience() {
    let path = file("kinds", r#"{"keys":[]}"#);
    let code = |audience: &str, typ: &str| {
        let base = ["token", "verify", "--jwks", path.to_str().unwrap(), "--issuer", ISSUER];
        run(&[&base[..], &["--audience", audience, "--typ", typ]].concat(), b"x\n").code
    };
    for typ in ["rt+jwt", "RT+jwt", "application/rt+jwt", "Application/rt+jwt"] {
        assert_eq!((code(AUDIENCE, typ), code(ISSUER, typ)), (2, 1), "{typ}");
    }
    assert_eq!(code(AUDIENCE, "JWT"), 1);
}
