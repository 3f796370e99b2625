//! `gatewright keys`: generating keys and publishing them.

use std::fs;

use serde_json::{Value, json};

use crate::common::{file, run};

/// Runs `keys generate` with these arguments and returns its output.
fn generate(arguments: &[&str]) -> String {
    let done = run(&[&["keys", "generate"], arguments].concat(), b"");
    assert_eq!(done.code, 0, "{}", done.err);
    done.out
}

#[test]
fn a_generated_key_is_published_from_pem_and_jwk() {
    for alg in ["EdDSA", "ES256", "ES384", "PS256"] {
        let both = generate(&["--alg", alg]);
        let (pem, jwk) = both.split_at(both.find('{').unwrap());
        let (pem_file, jwk_file) = (file(&format!("{alg}.pem"), pem), file(&format!("{alg}.jwk"), jwk));
        let from_jwk = run(&["keys", "jwks", jwk_file.to_str().unwrap()], b"");
        let from_pem = run(&["keys", "jwks", "--alg", alg, pem_file.to_str().unwrap()], b"");
        assert_eq!((from_jwk.code, &from_jwk.out), (0, &from_pem.out), "{}{}", from_jwk.err, from_pem.err);
        assert_eq!(run(&["keys", "jwks"], both.as_bytes()).out, from_jwk.out);
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
fn a_secret_is_generated_as_jwk_and_never_published() {
    let jwk = generate(&["--alg", "HS256"]);
    let secret: Value = serde_json::from_str(&jwk).unwrap();
    assert_eq!((secret["kty"].as_str(), secret["k"].as_str().unwrap().len()), (Some("oct"), 43));
    let path = file("secret.jwk", &jwk);
    let published = run(&["keys", "jwks", path.to_str().unwrap()], b"");
    assert_eq!((published.code, published.out.as_str()), (2, ""));
    assert!(!published.err.contains(secret["k"].as_str().unwrap()));
    assert_eq!(run(&["keys", "generate", "--alg", "HS256", "--format", "pem"], b"").code, 2);
    assert_eq!(run(&["keys", "generate", "--alg", "none"], b"").code, 2);
}

#[test]
fn a_key_file_must_be_new_and_only_its_owner_can_read_it() {
    let path = file("owned.key", "");
    let path = path.to_str().unwrap();
    let arguments = ["keys", "generate", "--alg", "EdDSA", "--out", path];
    assert_eq!(run(&arguments, b"").code, 2, "the file exists");
    fs::remove_file(path).unwrap();
    assert_eq!(generate(&arguments[2..]), "");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(run(&["keys", "jwks", path], b"").code, 0);
}

#[test]
fn a_private_key_with_key_ops_sign_is_published() {
    let jwk = generate(&["--alg", "ES256", "--format", "jwk"]);
    let mut key: Value = serde_json::from_str(&jwk).unwrap();
    key["key_ops"] = json!(["sign"]);
    let done = run(&["keys", "jwks"], key.to_string().as_bytes());
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.out.contains(key["x"].as_str().unwrap()) && !done.out.contains(key["d"].as_str().unwrap()));
    key["key_ops"] = json!(["encrypt"]);
    assert_eq!(run(&["keys", "jwks"], key.to_string().as_bytes()).code, 2);
}
