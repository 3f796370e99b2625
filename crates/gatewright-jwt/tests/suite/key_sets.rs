//! Key sets as issuers publish them: several keys with one id, entries that cannot be used, `null`, limits.

use gatewright_core::{TokenError, TokenKind, TokenVerifier};
use gatewright_jwt::{
    Algorithm, JwkSet, Jwt, KeyError, KeyRing, MAX_JWKS_BYTES, MAX_JWKS_KEYS, RingError, SigningKey,
    VerifyingKey,
};
use serde_json::{Value, json};

use crate::common::{AUDIENCE, ISSUER, NOW, claims, encode, key};

/// A key, and its public JWK with the id `a`.
fn pair(algorithm: Algorithm) -> (SigningKey, Value) {
    let key = key(algorithm).with_id("a").unwrap();
    let set: Value =
        serde_json::from_str(&KeyRing::verifying([key.verifying_key().clone()]).unwrap().jwks()).unwrap();
    (key, set["keys"][0].clone())
}

fn parse(entries: &[Value]) -> JwkSet {
    JwkSet::parse(&json!({ "keys": entries }).to_string()).unwrap()
}

/// The algorithms of the usable keys, and the errors of the others.
fn summary(set: &JwkSet) -> (Vec<Algorithm>, Vec<KeyError>) {
    let errors = set.rejected().iter().map(gatewright_jwt::RejectedKey::error).collect();
    (set.keys().iter().map(VerifyingKey::algorithm).collect(), errors)
}

fn token(key: SigningKey) -> String {
    let jwt = Jwt::builder(KeyRing::new(key)).issuer(ISSUER).audience(AUDIENCE).build().unwrap();
    jwt.sign(TokenKind::Access, &claims()).unwrap().expose().to_owned()
}

fn verifier(ring: &KeyRing) -> Jwt {
    Jwt::builder(ring.clone()).issuer(ISSUER).audience(AUDIENCE).of_another_issuer().build().unwrap()
}

fn verify(jwt: &Jwt, token: &str) -> Result<(), TokenError> {
    jwt.verify(TokenKind::Access, token, NOW).map(drop)
}

#[test]
fn keys_of_different_algorithms_can_have_one_id() {
    let (rs, rs_jwk) = pair(Algorithm::Rs256);
    let (es, es_jwk) = pair(Algorithm::Es256);
    let (ed, ed_jwk) = pair(Algorithm::EdDsa);
    let ps_jwk = {
        let mut jwk = rs_jwk.clone();
        jwk["alg"] = json!("PS256");
        jwk
    };
    let all = [rs_jwk, es_jwk, ed_jwk, ps_jwk];
    let set = parse(&all);
    let algorithms = vec![Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa, Algorithm::Ps256];
    assert_eq!(summary(&set), (algorithms, vec![]));
    let ring = KeyRing::verifying(set.clone().into_keys()).unwrap();
    assert_eq!(ring.ids(), ["a"]);
    let jwt = verifier(&ring);
    let ps = key(Algorithm::Ps256).with_id("a").unwrap();
    for signing in [rs, es, ed, ps] {
        assert_eq!(verify(&jwt, &token(signing)), Ok(()));
    }
    let (other, _) = pair(Algorithm::Es384);
    assert_eq!(
        verify(&jwt, &token(other)),
        Err(TokenError::Key),
        "the issuer may have a key that is not known yet"
    );
    let (forged, _) = pair(Algorithm::Es256);
    assert_eq!(
        verify(&jwt, &token(forged)),
        Err(TokenError::Signature),
        "no key is tried in place of another"
    );

    // The ring changes with a set, keeps equal ones, and retires all keys of an id.
    ring.replace_with_jwks(set).unwrap();
    let published: Value = serde_json::from_str(&ring.jwks()).unwrap();
    let names: Vec<&str> =
        published["keys"].as_array().unwrap().iter().map(|key| key["alg"].as_str().unwrap()).collect();
    assert_eq!(names, ["ES256", "EdDSA", "PS256", "RS256"]);
    ring.replace_with_jwks(parse(&all[..1])).unwrap();
    assert_eq!(verify(&jwt, &token(pair(Algorithm::Es256).0)), Err(TokenError::Key));
    ring.retire("a").unwrap();
    assert!(ring.ids().is_empty());
}

#[test]
fn different_keys_with_one_id_and_algorithm_are_all_rejected() {
    let ((_, one), (_, two), (_, es)) =
        (pair(Algorithm::EdDsa), pair(Algorithm::EdDsa), pair(Algorithm::Es256));
    let duplicate = vec![KeyError::Duplicate, KeyError::Duplicate];
    let set = parse(&[one.clone(), es.clone(), two.clone()]);
    assert_eq!(summary(&set), (vec![Algorithm::Es256], duplicate.clone()));
    assert_eq!(
        set.rejected().iter().map(|key| (key.position(), key.id())).collect::<Vec<_>>(),
        [(0, Some("a")), (2, Some("a"))]
    );
    // The algorithm that a key implies counts as one that it names.
    let mut implied = two.clone();
    implied.as_object_mut().unwrap().remove("alg");
    assert_eq!(summary(&parse(&[one.clone(), implied])), (vec![], duplicate.clone()));
    // The same key twice is one key. A third one still makes all of them ambiguous.
    assert_eq!(summary(&parse(&[one.clone(), one.clone()])), (vec![Algorithm::EdDsa], vec![]));
    assert_eq!(summary(&parse(&[one.clone(), one.clone(), two])).1.len(), 3);
    let keys = parse(&[one.clone(), es]).into_keys();
    assert_eq!(keys.len(), 2);
    let twice = keys.iter().cloned().chain(keys.iter().cloned());
    assert_eq!(KeyRing::verifying(twice).unwrap_err(), RingError::Duplicate);
    // A ring that signs has one key for each id.
    let own = KeyRing::new(key(Algorithm::Es256).with_id("a").unwrap());
    assert_eq!(own.trust(keys[0].clone()), Err(RingError::Duplicate));
    assert_eq!(own.publish(pair(Algorithm::EdDsa).0), Err(RingError::Duplicate));
}

#[test]
fn an_entry_that_cannot_be_used_costs_that_entry_alone() {
    let (_, good) = pair(Algorithm::EdDsa);
    let text = good.to_string();
    let changed = |name: &str, value: Value| {
        let mut jwk = good.clone();
        jwk[name] = value;
        jwk.to_string()
    };
    let x = good["x"].as_str().unwrap();
    let nested = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let entries = [
        (text.replacen('{', r#"{"x":"AA","#, 1), KeyError::Format),
        (text.replacen('{', r#"{"z":1,"z":1,"#, 1), KeyError::Format),
        (text.replacen('{', r#"{"kid":"a","#, 1), KeyError::Format),
        (text.replacen('{', &format!(r#"{{"z":{nested},"#), 1), KeyError::Format),
        (changed("kty", json!(7)), KeyError::Format),
        (changed("key_ops", json!("verify")), KeyError::Format),
        (changed("use", json!(["sig"])), KeyError::Format),
        (changed("kid", json!(1)), KeyError::Format),
        (changed("crv", json!("Ed448")), KeyError::Algorithm),
        (json!({"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"}).to_string(), KeyError::Algorithm),
        (
            json!({"kty": "RSA", "alg": "RSA-OAEP", "use": "enc", "n": "AA", "e": "AQAB"}).to_string(),
            KeyError::Use,
        ),
        (changed("x", json!(format!("{x}="))), KeyError::Format),
        (changed("x", json!("!")), KeyError::Format),
        ("1".to_owned(), KeyError::Format),
        ("null".to_owned(), KeyError::Format),
        ("[]".to_owned(), KeyError::Format),
        (format!(r#"["OKP",null,"a",null,null,"Ed25519",null,null,null,"{x}",null]"#), KeyError::Format),
    ];
    for (entry, error) in &entries {
        let set = JwkSet::parse(&format!(r#"{{"keys":[{entry},{text}]}}"#)).unwrap();
        assert_eq!(summary(&set), (vec![Algorithm::EdDsa], vec![*error]), "{entry}");
    }
    let all: Vec<&str> = entries.iter().map(|(entry, _)| entry.as_str()).collect();
    let set = JwkSet::parse(&format!(r#"{{"x":{nested},"keys":[{},{text}]}}"#, all.join(","))).unwrap();
    assert_eq!((set.keys().len(), set.rejected().len()), (1, 17));
    let array = JwkSet::parse(r#"{"keys":[["a"]]}"#).unwrap();
    assert_eq!(array.rejected()[0].id(), None, "an array has no `kid`");
    let named = JwkSet::parse(r#"{"keys":[{"kid":"\u001b[31m","kty":"?"}]}"#).unwrap();
    assert_eq!(
        named.rejected()[0].to_string(),
        r#"entry 0 with the kid "\u{1b}[31m" is for another algorithm or an unsupported one"#
    );
}

#[test]
fn null_counts_as_absent() {
    let (signing, good) = pair(Algorithm::EdDsa);
    let mut jwk = good;
    for name in
        ["use", "key_ops", "n", "e", "y", "k", "d", "p", "q", "dp", "dq", "qi", "oth", "issuer", "x5c"]
    {
        jwk[name] = Value::Null;
    }
    let set = parse(&[jwk.clone()]);
    assert_eq!(summary(&set), (vec![Algorithm::EdDsa], vec![]));
    assert_eq!(verify(&verifier(&KeyRing::verifying(set.into_keys()).unwrap()), &token(signing)), Ok(()));
    (jwk["alg"], jwk["kid"]) = (Value::Null, Value::Null);
    let set = parse(&[jwk.clone()]);
    assert_eq!(set.keys()[0].algorithm(), Algorithm::EdDsa);
    assert_eq!(set.keys()[0].id().len(), 43, "the thumbprint");
    for name in ["kty", "crv", "x"] {
        let mut without = jwk.clone();
        without[name] = Value::Null;
        assert_eq!(parse(&[without]).keys().len(), 0, "{name}");
    }
    let secret = json!({"kty": "oct", "k": encode([7; 64]), "d": null});
    assert_eq!(summary(&parse(&[secret])).1, [KeyError::Private]);
}

#[test]
fn sets_have_at_most_256_entries_and_one_mebibyte() {
    assert_eq!((MAX_JWKS_KEYS, MAX_JWKS_BYTES), (256, 1_048_576));
    let (_, good) = pair(Algorithm::EdDsa);
    let of = |entries: usize| {
        let named = |number: usize| {
            let mut jwk = good.clone();
            jwk["kid"] = json!(format!("k{number}"));
            jwk
        };
        JwkSet::parse(&json!({"keys": (0..entries).map(named).collect::<Vec<_>>()}).to_string())
    };
    assert_eq!(of(256).unwrap().keys().len(), 256);
    assert_eq!(of(257).unwrap_err(), KeyError::Long);
    let padded = |bytes: usize| {
        let frame = format!(r#"{{"keys":[{good}],"x":""}}"#);
        format!(r#"{{"keys":[{good}],"x":"{}"}}"#, "A".repeat(bytes - frame.len()))
    };
    assert_eq!(JwkSet::parse(&padded(MAX_JWKS_BYTES)).unwrap().keys().len(), 1);
    assert_eq!(JwkSet::parse(&padded(MAX_JWKS_BYTES + 1)).unwrap_err(), KeyError::Long);
}

#[test]
fn an_unusable_successor_keeps_the_keys_with_its_id() {
    let ((rs, rs_jwk), (es, es_jwk)) = (pair(Algorithm::Rs256), pair(Algorithm::Es256));
    let ring = KeyRing::verifying(parse(&[rs_jwk, es_jwk.clone()]).into_keys()).unwrap();
    let jwt = verifier(&ring);
    let (rs, es) = (token(rs), token(es));
    ring.replace_with_jwks(parse(&[json!({"kid": "a", "kty": "?"})])).unwrap();
    assert_eq!((verify(&jwt, &rs), verify(&jwt, &es)), (Ok(()), Ok(())));
    // One usable key with the id replaces all of them.
    ring.replace_with_jwks(parse(&[json!({"kid": "a", "kty": "?"}), es_jwk])).unwrap();
    assert_eq!((verify(&jwt, &rs), verify(&jwt, &es)), (Err(TokenError::Key), Ok(())));
}
