//! Tokens and keys that other projects and RFCs publish, from the folder in `GATEWRIGHT_VECTORS`.

use std::path::Path;

use gatewright_core::{Timestamp, TokenKind, TokenVerifier};
use gatewright_jwt::{Algorithm, Jwt, KeyError, KeyRing, SigningKey, VerifyingKey};
use serde_json::Value;

use crate::common::{decode, is_rsa};
use crate::exceptions::{KEYS, NOT_ACCESS_TOKENS, PUBLISHED, UNSUPPORTED};

fn file(name: &str) -> Value {
    let folder = std::env::var("GATEWRIGHT_VECTORS").unwrap();
    serde_json::from_str(&std::fs::read_to_string(Path::new(&folder).join(name)).unwrap()).unwrap()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// A private JWK without its private members.
fn public(key: &Value) -> String {
    let mut key = key.clone();
    for name in ["d", "p", "q", "dp", "dq", "qi"] {
        key.as_object_mut().unwrap().remove(name);
    }
    key.to_string()
}

/// Checks that a signature is valid for its text and not for a changed one, if the algorithm is
/// supported.
fn check_signature(id: &str, algorithm: &str, jwk: &str, signed: &str, signature: &str) {
    let Ok(algorithm) = algorithm.parse::<Algorithm>() else {
        assert!(UNSUPPORTED.iter().any(|(name, _)| *name == algorithm), "{id}: {algorithm}");
        return;
    };
    let key = VerifyingKey::from_jwk_for(algorithm, jwk).unwrap();
    assert_eq!(key.verify_signature(signed.as_bytes(), signature), Ok(()), "{id}");
    assert!(key.verify_signature(format!("{signed}A").as_bytes(), signature).is_err(), "{id}");
}

/// Our verdict: `accepted`, the problem of the key, or the name of the error. The verifier accepts
/// a missing `kid` and the type `JWT`, and expects the token's own issuer and audience at a time
/// when the token is valid.
fn verdict(vector: &Value, keys: &Value, secret: Option<&str>, signed_tokens: &mut usize) -> String {
    let under = &vector["signature_valid_under"];
    let named: Result<Algorithm, _> = text(&vector["header"], "alg").parse();
    let key = match (named, under["kty"].as_str()) {
        (Ok(algorithm), _) if secret.is_some() => {
            Some(VerifyingKey::from_secret(algorithm, &decode(secret.unwrap())))
        }
        (Ok(algorithm), Some("asym")) => {
            Some(VerifyingKey::from_pem(algorithm, keys[text(under, "key_file")].as_str().unwrap()))
        }
        (Ok(algorithm), Some(_)) => {
            Some(VerifyingKey::from_secret(algorithm, text(under, "secret_utf8").as_bytes()))
        }
        _ => None,
    };
    let key = match key.transpose() {
        Ok(key) => key,
        Err(error) => return format!("key {}", error.problem()),
    };
    let token = text(vector, "token");
    if let Some(key) = &key {
        let (signed, signature) = token.rsplit_once('.').unwrap();
        assert_eq!(key.verify_signature(signed.as_bytes(), signature), Ok(()), "{}", vector["test"]);
        *signed_tokens += 1;
    }
    let claim = |name: &str| vector["payload"][name].as_str().unwrap_or("any").to_owned();
    let now = vector["payload"]["exp"].as_u64().unwrap_or(1).saturating_sub(1);
    let ring = KeyRing::verifying(key).unwrap();
    let jwt = Jwt::builder(ring).issuer(claim("iss")).audience(claim("aud")).dangerous().without_kid();
    let jwt = jwt.dangerous().with_access_type("JWT").build().unwrap();
    match jwt.verify(TokenKind::Access, token, Timestamp::from_seconds(now)) {
        Ok(_) => "accepted".to_owned(),
        Err(error) => error.name().to_owned(),
    }
}

/// Our verdict, the position and the reason of each exception of a file.
fn exceptions(name: &str) -> Vec<(&'static str, usize, &'static str)> {
    let listed = PUBLISHED.iter().chain(&NOT_ACCESS_TOKENS).filter(|(file, ..)| *file == name);
    listed.flat_map(|(_, ours, positions, why)| positions.iter().map(|at| (*ours, *at, *why))).collect()
}

/// Checks that we reject every token that its project rejects, and that every token that only we
/// reject is listed. Returns the number of tokens, of signatures that are valid under a key that we
/// accept, and of accepted tokens: 0, because no token has all claims of our access tokens.
fn check(name: &str) -> (usize, usize, usize) {
    let file = file(name);
    let vectors = file["vectors"].as_array().unwrap();
    let mut exceptions = exceptions(name);
    let (mut signed, mut accepted) = (0, 0);
    for (position, vector) in vectors.iter().enumerate() {
        let key = KEYS.iter().find(|(file, at, _)| *file == name && *at == position);
        let verdict = verdict(vector, &file["keys"], key.map(|(.., secret)| *secret), &mut signed);
        match (verdict.as_str(), text(vector, "upstream_expects").starts_with("accept")) {
            ("accepted", expected) => {
                accepted += 1;
                assert!(expected, "{name} {position}");
            }
            (_, false) => {}
            (_, true) => {
                let listed = exceptions.iter().position(|(ours, at, _)| *ours == verdict && *at == position);
                let found =
                    listed.unwrap_or_else(|| panic!("{name} {position} {}: {verdict}", vector["test"]));
                exceptions.swap_remove(found);
            }
        }
    }
    assert_eq!(exceptions, [], "these exceptions did not occur");
    (vectors.len(), signed, accepted)
}

mod needs_vectors {
    use super::*;

    #[test]
    #[ignore = "needs GATEWRIGHT_VECTORS"]
    fn tokens_of_pyjwt() {
        assert_eq!(check("jwt_pyjwt.json"), (49, 4, 0));
        let file = file("jwt_pyjwt.json");
        let advisory = file["advisory_GHSA-ffqj-6fqr-9h24_CVE-2022-29217"].as_array().unwrap();
        for vector in advisory {
            let (signed, signature) = text(vector, "token").rsplit_once('.').unwrap();
            let algorithm =
                if text(vector, "id").starts_with("eddsa") { Algorithm::EdDsa } else { Algorithm::Es256 };
            let key = VerifyingKey::from_pem(algorithm, text(vector, "key_spki_pem")).unwrap();
            let valid = key.verify_signature(signed.as_bytes(), signature).is_ok();
            assert_eq!(valid, vector["expect"] == "accept_signature", "{}", vector["id"]);
            for name in ["key_openssh", "key_spki_pem"] {
                let secret = VerifyingKey::from_secret(Algorithm::Hs256, text(vector, name).as_bytes());
                assert_eq!(secret.unwrap_err(), KeyError::KeyFile, "{}", vector["id"]);
            }
        }
        assert_eq!(advisory.len(), 4);
    }

    #[test]
    #[ignore = "needs GATEWRIGHT_VECTORS"]
    fn tokens_of_node_jsonwebtoken() {
        assert_eq!(check("jwt_node_jsonwebtoken.json"), (15, 3, 0));
    }

    #[test]
    #[ignore = "needs GATEWRIGHT_VECTORS"]
    fn tokens_of_jsonwebtoken() {
        assert_eq!(check("jwt_keats_jsonwebtoken.json"), (13, 1, 0));
    }

    #[test]
    #[ignore = "needs GATEWRIGHT_VECTORS"]
    fn signatures_of_rfc_7515_and_rfc_8037() {
        let file = file("jws_rfc7515_8037.json");
        let vectors = file["vectors"].as_array().unwrap();
        for vector in vectors {
            let (signed, signature) = text(vector, "token").rsplit_once('.').unwrap();
            if vector["expect"] == "reject" {
                assert!(text(vector, "alg").parse::<Algorithm>().is_err());
                continue;
            }
            let (id, alg, jwk) = (text(vector, "id"), text(vector, "alg"), vector["jwk"].to_string());
            check_signature(id, alg, &jwk, signed, signature);
        }
        assert_eq!(vectors.len(), 6);
    }

    #[test]
    #[ignore = "needs GATEWRIGHT_VECTORS"]
    fn signatures_of_the_jose_cookbook() {
        let files = [
            "curve25519__jws.json",
            "jws__4_1.rsa_v15_signature.json",
            "jws__4_2.rsa-pss_signature.json",
            "jws__4_3.ecdsa_signature.json",
            "jws__4_4.hmac-sha2_integrity_protection.json",
            "jws__4_5.signature_with_detached_content.json",
            "jws__4_6.protecting_specific_header_fields.json",
            "jws__4_7.protecting_content_only.json",
            "jws__4_8.multiple_signatures.json",
        ];
        let list = |value: &Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        let mut signatures = 0;
        for name in files {
            let file = file(&format!("jose_cookbook/{name}"));
            let (keys, algorithms) = (list(&file["input"]["key"]), list(&file["input"]["alg"]));
            for ((key, algorithm), signing) in keys.iter().zip(&algorithms).zip(list(&file["signing"])) {
                let (signed, signature) = (text(&signing, "sig-input"), text(&signing, "sig"));
                check_signature(name, algorithm.as_str().unwrap(), &public(key), signed, signature);
                signatures += 1;
            }
        }
        assert_eq!(signatures, 11);
    }

    #[test]
    #[ignore = "needs GATEWRIGHT_VECTORS"]
    fn keys_of_the_jose_cookbook() {
        let key = |name: &str| file(&format!("jose_cookbook/{name}")).to_string();
        for algorithm in Algorithm::ALL {
            let rsa = is_rsa(algorithm);
            let verifying = VerifyingKey::from_jwk_for(algorithm, &key("jwk__3_3.rsa_public_key.json"));
            assert_eq!(verifying.is_ok(), rsa);
            let signing = SigningKey::from_jwk_for(algorithm, &key("jwk__3_4.rsa_private_key.json"));
            assert_eq!(signing.is_ok(), rsa);
            // P-521 is not supported, and keys for encryption are rejected.
            assert!(SigningKey::from_jwk_for(algorithm, &key("jwk__3_2.ec_private_key.json")).is_err());
            for name in ["jwk__3_1.ec_public_key.json", "jwk__3_6.symmetric_key_encryption.json"] {
                assert!(VerifyingKey::from_jwk_for(algorithm, &key(name)).is_err(), "{name}");
            }
        }
        let secret = key("jwk__3_5.symmetric_key_mac_computation.json");
        assert_eq!(SigningKey::from_jwk(&secret).unwrap().algorithm(), Algorithm::Hs256);
    }
}
