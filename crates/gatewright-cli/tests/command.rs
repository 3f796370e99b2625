//! The real program, as a shell runs it: keys, and verification.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use common::{AUDIENCE, ISSUER, baseline, file, run, vectors, verify};
use serde_json::{Value, json};

#[test]
fn every_hostile_vector_gets_its_line() {
    let file = vectors();
    let mut policies: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for vector in file["vectors"].as_array().unwrap() {
        policies.entry(vector["policy"].to_string()).or_default().push(vector.clone());
    }
    let mut ran = 0;
    for (number, group) in policies.values().enumerate() {
        let tokens: Vec<&str> = group.iter().map(|vector| vector["token"].as_str().unwrap()).collect();
        // A token with a line break in it is two lines here, of which one is refused.
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
            let done = verify(
                &group[at]["policy"],
                &format!("broken-{number}"),
                format!("{}\n", tokens[at]).as_bytes(),
            );
            assert_eq!((done.code, group[at]["expect"] == "reject"), (1, true), "{}", done.out);
            ran += 1;
        }
        ran += whole.len();
    }
    assert_eq!(ran, 150);
}

#[test]
fn lines_are_split_at_lf_alone_and_nothing_is_trimmed() {
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
fn a_key_is_made_published_and_its_set_is_read() {
    for alg in ["EdDSA", "ES256", "ES384", "PS256"] {
        let made = run(&["keys", "generate", "--alg", alg], b"");
        assert_eq!(made.code, 0);
        let (pem, jwk) = made.out.split_at(made.out.find('{').unwrap());
        let (pem_file, jwk_file) = (file(&format!("{alg}.pem"), pem), file(&format!("{alg}.jwk"), jwk));
        let from_jwk = run(&["keys", "jwks", jwk_file.to_str().unwrap()], b"");
        let from_pem = run(&["keys", "jwks", "--alg", alg, pem_file.to_str().unwrap()], b"");
        assert_eq!((from_jwk.code, &from_jwk.out), (0, &from_pem.out), "{}{}", from_jwk.err, from_pem.err);
        assert_eq!(run(&["keys", "jwks"], made.out.as_bytes()).out, from_jwk.out);
        let private: Value = serde_json::from_str(jwk).unwrap();
        for name in ["d", "p", "q", "dp", "dq", "qi"] {
            let Some(text) = private[name].as_str() else { continue };
            assert!(!from_jwk.out.contains(text), "{alg} {name}");
        }
        let without = run(&["keys", "jwks", pem_file.to_str().unwrap()], b"");
        assert_eq!((without.code, without.out.as_str()), (2, ""));
        let twice = run(&["keys", "jwks", jwk_file.to_str().unwrap(), jwk_file.to_str().unwrap()], b"");
        assert_eq!(twice.code, 2);
    }
}

#[test]
fn a_secret_is_made_as_a_jwk_and_never_published() {
    let made = run(&["keys", "generate", "--alg", "HS256"], b"");
    let secret: Value = serde_json::from_str(&made.out).unwrap();
    assert_eq!(
        (made.code, secret["kty"].as_str(), secret["k"].as_str().unwrap().len()),
        (0, Some("oct"), 43)
    );
    let path = file("secret.jwk", &made.out);
    let published = run(&["keys", "jwks", path.to_str().unwrap()], b"");
    assert_eq!((published.code, published.out.as_str()), (2, ""));
    assert!(!published.err.contains(secret["k"].as_str().unwrap()));
    assert_eq!(run(&["keys", "generate", "--alg", "HS256", "--format", "pem"], b"").code, 2);
    assert_eq!(run(&["keys", "generate", "--alg", "none"], b"").code, 2);
}

#[test]
fn a_key_that_cannot_be_used_does_not_lose_the_others() {
    let good = r#"{"kty":"oct","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY","alg":"HS256","kid":"hs1"}"#;
    let path = file("mixed", &format!(r#"{{"keys":[{{"kty":"?"}},{good}]}}"#));
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
fn a_key_file_is_new_and_its_owners_alone() {
    let path = file("owned.key", "");
    let path = path.to_str().unwrap();
    assert_eq!(
        run(&["keys", "generate", "--alg", "EdDSA", "--out", path], b"").code,
        2,
        "it is there already"
    );
    fs::remove_file(path).unwrap();
    let made = run(&["keys", "generate", "--alg", "EdDSA", "--out", path], b"");
    assert_eq!((made.code, made.out.as_str()), (0, ""), "{}", made.err);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(run(&["keys", "jwks", path], b"").code, 0);
}

#[test]
fn a_private_key_that_is_to_sign_is_published_by_its_public_half() {
    let made = run(&["keys", "generate", "--alg", "ES256", "--format", "jwk"], b"");
    let mut key: Value = serde_json::from_str(&made.out).unwrap();
    key["key_ops"] = json!(["sign"]);
    let done = run(&["keys", "jwks"], key.to_string().as_bytes());
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.out.contains(key["x"].as_str().unwrap()) && !done.out.contains(key["d"].as_str().unwrap()));
    key["key_ops"] = json!(["encrypt"]);
    assert_eq!(run(&["keys", "jwks"], key.to_string().as_bytes()).code, 2);
}

#[test]
fn two_keys_of_one_id_are_judged_after_their_algorithms() {
    let good = r#"{"kty":"oct","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY","alg":"HS256","kid":"hs1"}"#;
    let made = run(&["keys", "generate", "--alg", "HS512"], b"");
    let mut other: Value = serde_json::from_str(&made.out).unwrap();
    other["kid"] = json!("hs1");
    let path = file("one-id", &format!(r#"{{"keys":[{good},{other}]}}"#));
    let verdict = |algorithms: &[&str]| {
        let mut arguments = vec!["token", "verify", "--jwks", path.to_str().unwrap(), "--issuer", ISSUER];
        arguments.extend(["--audience", AUDIENCE, "--now", "1700000000"]);
        arguments.extend(algorithms.iter().flat_map(|name| ["--algorithm", name]));
        run(&arguments, baseline().as_bytes()).out
    };
    assert_eq!(verdict(&["HS256"]), "accepted\n");
    assert_eq!(verdict(&["HS256", "ES256"]), "accepted\n");
    for both in [&[][..], &["HS256", "HS512"]] {
        assert_eq!(verdict(both), "refused: key\n");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn an_error_that_nobody_can_read_still_exits_with_two() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatewright"));
    let done = command.args(["token", "inspect", "a.b"]).stderr(full).status().unwrap();
    assert_eq!(done.code(), Some(2));
}

#[test]
fn a_token_of_another_kind_of_ours_is_for_the_issuer_itself() {
    let path = file("kinds", r#"{"keys":[]}"#);
    let with = |audience: &str, typ: &str| {
        let path = path.to_str().unwrap();
        run(
            &["token", "verify", "--jwks", path, "--issuer", ISSUER, "--audience", audience, "--typ", typ],
            b"x\n",
        )
    };
    assert_eq!(
        (with(AUDIENCE, "rt+jwt").code, with(ISSUER, "RT+jwt").code, with(AUDIENCE, "JWT").code),
        (2, 1, 1)
    );
    assert_eq!((with(AUDIENCE, "application/rt+jwt").code, with(ISSUER, "Application/rt+jwt").code), (2, 1));
}
