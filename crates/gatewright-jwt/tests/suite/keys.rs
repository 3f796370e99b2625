//! Keys and JWK sets: which texts are keys, and for which algorithms.

use gatewright_jwt::{Algorithm, JwkSet, KeyError, NewKey, RejectedKey, SigningKey, VerifyingKey};
use serde_json::{Value, json};

use crate::common::{SECRET, decode, encode, hostile, is_rsa, key, vectors};

/// The vectors' private key of this kind (`rsa`, `ec` or `ed`) in PEM.
fn private_pem(kind: &str) -> String {
    hostile()["keys"][format!("{kind}_server_private_pem")].as_str().unwrap().to_owned()
}

fn public_pem(kind: &str) -> String {
    let with_key = |policy: &&Value| {
        policy["kid_keys"].as_object().is_some_and(|keys| keys.keys().any(|id| id.starts_with(kind)))
    };
    let policy = vectors().map(|vector| vector.policy).find(with_key).unwrap();
    policy["public_key_pem"].as_str().unwrap().to_owned()
}

fn jwk(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The JWK with one member replaced or added, or removed (`None`).
fn changed(text: &str, name: &str, value: Option<Value>) -> String {
    let mut key = jwk(text);
    match value {
        Some(value) => drop(key.as_object_mut().unwrap().insert(name.to_owned(), value)),
        None => drop(key.as_object_mut().unwrap().remove(name)),
    }
    key.to_string()
}

#[test]
fn a_generated_key_can_be_read_from_pem_and_jwk() {
    for algorithm in Algorithm::ALL {
        if matches!(algorithm, Algorithm::Rs384 | Algorithm::Rs512 | Algorithm::Ps384 | Algorithm::Ps512) {
            continue; // the same as RS256 and PS256, and slow to generate
        }
        let new = NewKey::generate(algorithm).unwrap();
        let from_jwk = SigningKey::from_jwk(new.jwk()).unwrap();
        assert_eq!((from_jwk.id(), from_jwk.algorithm()), (new.id(), algorithm));
        assert_eq!(new.pem().is_none(), algorithm.is_symmetric());
        if let Some(pem) = new.pem() {
            assert_eq!(SigningKey::from_pem(algorithm, pem).unwrap().id(), new.id());
        }
        assert!(!format!("{new:?} {from_jwk:?}").contains(jwk(new.jwk())["d"].as_str().unwrap_or("\"k\"")));
    }
}

#[test]
fn a_pem_key_is_read_for_its_own_algorithms_only() {
    let mut read = 0;
    for kind in ["rsa", "ec", "ed"] {
        let (public, private) = (public_pem(kind), private_pem(kind));
        for algorithm in Algorithm::ALL {
            let fits = match kind {
                "rsa" => is_rsa(algorithm),
                "ec" => algorithm == Algorithm::Es256,
                _ => algorithm == Algorithm::EdDsa,
            };
            let verifying = VerifyingKey::from_pem(algorithm, &public);
            let signing = SigningKey::from_pem(algorithm, &private);
            assert_eq!((verifying.is_ok(), signing.is_ok()), (fits, fits), "{kind} {algorithm}");
            if let (Ok(verifying), Ok(signing)) = (verifying, signing) {
                assert_eq!(verifying.id(), signing.id());
                read += 1;
            }
        }
    }
    assert_eq!(read, 8);
}

#[test]
fn private_and_public_keys_are_not_interchangeable() {
    let new = NewKey::generate(Algorithm::Es256).unwrap();
    let public = changed(new.jwk(), "d", None);
    assert_eq!(VerifyingKey::from_pem(Algorithm::Es256, &private_pem("ec")).unwrap_err(), KeyError::Private);
    assert_eq!(SigningKey::from_pem(Algorithm::Es256, &public_pem("ec")).unwrap_err(), KeyError::Public);
    assert_eq!(VerifyingKey::from_jwk(new.jwk()).unwrap_err(), KeyError::Private);
    assert_eq!(SigningKey::from_jwk(&public).unwrap_err(), KeyError::Public);
    assert!(VerifyingKey::from_jwk(&public).is_ok());
    for member in ["d", "p", "q", "dp", "dq", "qi", "k", "oth"] {
        let value = if member == "oth" { json!([]) } else { json!("AA") };
        let text = changed(&public, member, Some(value));
        assert_eq!(VerifyingKey::from_jwk(&text).unwrap_err(), KeyError::Private, "{member}");
    }
}

#[test]
fn a_public_pem_must_be_one_valid_block_with_the_right_label() {
    let public = public_pem("ec");
    let error = |text: &str| VerifyingKey::from_pem(Algorithm::Es256, text).unwrap_err();
    assert_eq!(error(""), KeyError::Missing);
    assert_eq!(error(&format!("{public}{public}")), KeyError::Format);
    assert_eq!(error(&public.replace("PUBLIC KEY", "CERTIFICATE")), KeyError::PemType);
    assert_eq!(error(&public.replace("PUBLIC KEY", "ENCRYPTED PRIVATE KEY")), KeyError::Private);
    assert_eq!(error(&"x".repeat(100_000)), KeyError::Long);
    assert_eq!(error(&public.replace('M', "!")), KeyError::Format);
    assert!(VerifyingKey::from_pem(Algorithm::Es256, &public.replace('\n', "\r\n")).is_ok());
    assert!(VerifyingKey::from_pem(Algorithm::Es256, public.trim_end()).is_ok());
}

#[test]
fn errors_of_private_pem_name_the_reason() {
    let error = |algorithm, text: &str| SigningKey::from_pem(algorithm, text).unwrap_err();
    for (kind, legacy) in
        [("rsa", "RSA PRIVATE KEY"), ("ec", "EC PRIVATE KEY"), ("ed", "ENCRYPTED PRIVATE KEY")]
    {
        let text = private_pem(kind).replace("PRIVATE KEY", legacy);
        assert_eq!(error(Algorithm::Es256, &text), KeyError::PemType, "{legacy}");
    }
    let others = [
        ("rsa", Algorithm::Es256),
        ("rsa", Algorithm::EdDsa),
        ("ec", Algorithm::Es384),
        ("ec", Algorithm::EdDsa),
        ("ed", Algorithm::Rs256),
    ];
    for (kind, other) in others {
        assert_eq!(error(other, &private_pem(kind)), KeyError::Algorithm, "{kind}");
    }
    assert_eq!(error(Algorithm::Hs256, &private_pem("ec")), KeyError::KeyFile);
    assert_eq!(error(Algorithm::Rs256, include_str!("../vectors/rsa_1024_private.pem")), KeyError::Short);
}

#[test]
fn keys_of_a_wrong_size_are_rejected() {
    for (algorithm, least) in [(Algorithm::Hs256, 32), (Algorithm::Hs384, 48), (Algorithm::Hs512, 64)] {
        let bytes: Vec<u8> = (0..least).collect();
        assert!(SigningKey::from_secret(algorithm, &bytes).is_ok());
        let short = bytes.get(1..).unwrap();
        assert_eq!(SigningKey::from_secret(algorithm, short).unwrap_err(), KeyError::Short);
        let text = json!({"kty": "oct", "alg": algorithm.name(), "k": encode(short)}).to_string();
        assert_eq!(VerifyingKey::from_jwk(&text).unwrap_err(), KeyError::Short);
    }
    let rsa = |bits: usize, first: u8| {
        let mut n = vec![0xff_u8; bits / 8];
        n[0] = first;
        let text = json!({"kty": "RSA", "alg": "RS256", "n": encode(&n), "e": "AQAB"}).to_string();
        VerifyingKey::from_jwk(&text).map(drop)
    };
    assert_eq!(rsa(1024, 0xff), Err(KeyError::Short));
    assert_eq!(rsa(2048, 0x7f), Err(KeyError::Short), "2047 bits");
    assert_eq!(rsa(2056, 0), Ok(()), "2048 bits after a zero byte");
    assert_eq!(rsa(16_384, 0xff), Err(KeyError::Long));
    let ed = |length: usize| {
        let x = encode(vec![9; length]);
        VerifyingKey::from_jwk(&json!({"kty": "OKP", "crv": "Ed25519", "x": x}).to_string()).map(drop)
    };
    for length in [31, 33, 0, 44] {
        assert_eq!(ed(length), Err(KeyError::Invalid), "{length} bytes");
    }
    for e in ["AQ", "AA", "Ag", ""] {
        let n = encode(vec![0xff; 256]);
        let text = json!({"kty": "RSA", "alg": "RS256", "n": n, "e": e}).to_string();
        assert!(VerifyingKey::from_jwk(&text).is_err(), "an exponent of {e:?}");
    }
}

#[test]
fn a_point_that_is_not_on_the_curve_is_rejected() {
    for algorithm in [Algorithm::Es256, Algorithm::Es384] {
        let public = changed(NewKey::generate(algorithm).unwrap().jwk(), "d", None);
        let y = decode(jwk(&public)["y"].as_str().unwrap());
        let with = |name: &str, bytes: &[u8]| changed(&public, name, Some(json!(encode(bytes))));
        let mut off_curve = y.clone();
        *off_curve.last_mut().unwrap() ^= 1;
        let zeros = vec![0; y.len()];
        let zero = changed(&with("x", &zeros), "y", Some(json!(encode(&zeros))));
        for text in [with("y", &off_curve), with("y", y.get(1..).unwrap()), zero] {
            assert_eq!(VerifyingKey::from_jwk(&text).unwrap_err(), KeyError::Invalid, "{text}");
        }
    }
}

#[test]
fn weak_ed25519_keys_are_rejected() {
    let read = |x: &[u8]| {
        VerifyingKey::from_jwk(&json!({"kty": "OKP", "crv": "Ed25519", "x": encode(x)}).to_string()).map(drop)
    };
    let hex = |text: &str| -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(text.get(at..at + 2).unwrap(), 16).unwrap())
            .collect()
    };
    let filled = |first: u8, middle: u8, last: u8| [&[first], &[middle; 30][..], &[last]].concat();
    let weak = [
        filled(0, 0, 0),
        filled(1, 0, 0),
        filled(0xec, 0xff, 0x7f),
        filled(0xed, 0xff, 0x7f),
        filled(0xee, 0xff, 0x7f),
        filled(0xff, 0xff, 0x7f),
        hex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
        hex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    ];
    for point in weak {
        let mut other = point.clone();
        other[31] ^= 0x80;
        let invalid = Err(KeyError::Invalid);
        assert_eq!((read(&point), read(&other)), (invalid, invalid), "{point:x?}");
    }
}

#[test]
fn private_and_public_halves_must_match() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Es384] {
        let (one, other) = (NewKey::generate(algorithm).unwrap(), NewKey::generate(algorithm).unwrap());
        let mixed = changed(one.jwk(), "d", Some(jwk(other.jwk())["d"].clone()));
        assert_eq!(SigningKey::from_jwk(&mixed).unwrap_err(), KeyError::Invalid, "{algorithm}");
    }
    let new = NewKey::generate(Algorithm::Rs256).unwrap();
    for member in ["d", "p", "q", "dp", "dq", "qi"] {
        let mixed = changed(new.jwk(), member, Some(json!("AQAB")));
        assert!(SigningKey::from_jwk(&mixed).is_err(), "{member}");
        assert!(SigningKey::from_jwk(&changed(new.jwk(), member, None)).is_err(), "without {member}");
    }
}

#[test]
fn a_jwk_with_wrong_members_is_rejected() {
    let public = changed(NewKey::generate(Algorithm::EdDsa).unwrap().jwk(), "d", None);
    let error =
        |name: &str, value: Value| VerifyingKey::from_jwk(&changed(&public, name, Some(value))).unwrap_err();
    assert_eq!(error("use", json!("enc")), KeyError::Use);
    assert_eq!(error("key_ops", json!(["sign"])), KeyError::Use);
    assert_eq!(error("key_ops", json!([])), KeyError::Use);
    assert_eq!(error("alg", json!("ES256")), KeyError::Algorithm);
    assert_eq!(error("alg", json!("none")), KeyError::Algorithm);
    assert_eq!(error("crv", json!("Ed448")), KeyError::Algorithm);
    assert_eq!(error("kty", json!("okp")), KeyError::Algorithm);
    assert_eq!(error("kid", json!("")), KeyError::Id);
    assert_eq!(error("kid", json!("k".repeat(129))), KeyError::Id);
    for name in ["kty", "alg", "kid", "use", "key_ops", "crv", "x", "d", "k"] {
        for value in [json!(1), json!({})] {
            assert_eq!(error(name, value), KeyError::Format, "{name}");
        }
    }
    let x = jwk(&public)["x"].as_str().unwrap().to_owned();
    for bad in
        [format!("{x}="), format!("{x} "), x.replace(['A', 'a', '-', '_', 'Q', 'w'], "+"), format!("{x}\n")]
    {
        assert!(
            bad == x || VerifyingKey::from_jwk(&changed(&public, "x", Some(json!(bad)))).is_err(),
            "{bad}"
        );
    }
    let twice = public.replacen('{', r#"{"\u0078":"AA","#, 1);
    assert_eq!(VerifyingKey::from_jwk(&twice).unwrap_err(), KeyError::Format);
    let deep = public.replacen('{', &format!(r#"{{"z":{}{},"#, "[".repeat(200), "]".repeat(200)), 1);
    assert_eq!(VerifyingKey::from_jwk(&deep).unwrap_err(), KeyError::Format);
    for text in ["", "{}", "[]", "null", "x", "{\"kty\":\"RSA\"}x"] {
        assert!(VerifyingKey::from_jwk(text).is_err(), "{text}");
    }
    assert_eq!(VerifyingKey::from_jwk(&" ".repeat(70_000)).unwrap_err(), KeyError::Long);
    let named = changed(&public, "alg", Some(json!("Ed25519")));
    assert_eq!(VerifyingKey::from_jwk(&named).unwrap().algorithm(), Algorithm::EdDsa);
}

#[test]
fn a_key_that_fits_several_algorithms_must_name_one() {
    let rsa = changed(&changed(NewKey::generate(Algorithm::Rs256).unwrap().jwk(), "alg", None), "d", None);
    let rsa = ["p", "q", "dp", "dq", "qi"].iter().fold(rsa, |text, name| changed(&text, name, None));
    assert_eq!(VerifyingKey::from_jwk(&rsa).unwrap_err(), KeyError::Ambiguous);
    assert_eq!(VerifyingKey::from_jwk_for(Algorithm::Ps384, &rsa).unwrap().algorithm(), Algorithm::Ps384);
    assert_eq!(VerifyingKey::from_jwk_for(Algorithm::Es256, &rsa).unwrap_err(), KeyError::Algorithm);
    let set = JwkSet::parse(&format!(r#"{{"keys":[{rsa}]}}"#)).unwrap();
    assert_eq!(set.keys()[0].algorithm(), Algorithm::Rs256);
    let oct = json!({"kty": "oct", "k": encode((0..64).collect::<Vec<u8>>())}).to_string();
    assert_eq!(VerifyingKey::from_jwk(&oct).unwrap_err(), KeyError::Ambiguous);
    let set = format!(r#"{{"keys":[{oct}]}}"#);
    assert_eq!(JwkSet::parse(&set).unwrap().rejected()[0].error(), KeyError::Private);
    assert_eq!(JwkSet::parse_with_secrets(&set, &[]).unwrap().keys()[0].algorithm(), Algorithm::Hs256);
    let only = JwkSet::parse_with_secrets(&set, &[Algorithm::Hs384]).unwrap();
    assert_eq!(only.keys()[0].algorithm(), Algorithm::Hs384);
    assert_eq!(VerifyingKey::from_jwk_for(Algorithm::Hs512, &oct).unwrap().algorithm(), Algorithm::Hs512);
}

#[test]
fn a_set_leaves_out_unusable_keys_and_different_keys_with_one_id() {
    let public = |id: &str| {
        let text = changed(NewKey::generate(Algorithm::EdDsa).unwrap().jwk(), "d", None);
        changed(&text, "kid", Some(json!(id)))
    };
    let secret = NewKey::generate(Algorithm::Hs256).unwrap();
    let text = format!(
        r#"{{"keys":[{},{{"kty":"XX"}},1,{},{},{},{}]}}"#,
        public("a"),
        secret.jwk(),
        public("b"),
        public("b"),
        NewKey::generate(Algorithm::Es256).unwrap().jwk(),
    );
    let set = JwkSet::parse(&text).unwrap();
    assert_eq!(set.keys().iter().map(VerifyingKey::id).collect::<Vec<_>>(), ["a"]);
    assert_eq!(
        set.rejected().iter().map(RejectedKey::error).collect::<Vec<_>>(),
        [
            KeyError::Algorithm,
            KeyError::Format,
            KeyError::Private,
            KeyError::Private,
            KeyError::Duplicate,
            KeyError::Duplicate
        ]
    );
    assert_eq!(JwkSet::parse_with_secrets(&text, &[]).unwrap().keys().len(), 2);
    assert_eq!(JwkSet::parse_with_secrets(&text, &[Algorithm::Hs256]).unwrap().keys().len(), 1);
    for broken in ["", "[]", "[[]]", "{}", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#, r#"{"keys":null}"#] {
        assert_eq!(JwkSet::parse(broken).unwrap_err(), KeyError::Format, "{broken}");
    }
    assert_eq!(JwkSet::parse(&" ".repeat(1_100_000)).unwrap_err(), KeyError::Long);
    assert_eq!(JwkSet::parse(&format!(r#"{{"keys":[{}1]}}"#, "1,".repeat(256))).unwrap_err(), KeyError::Long);
}

#[test]
fn the_id_of_a_secret_is_derived_from_it() {
    let id = |secret: &[u8; 32]| VerifyingKey::from_secret(Algorithm::Hs256, secret).unwrap().id().to_owned();
    assert_eq!(id(b"0123456789abcdef0123456789abcdef"), id(b"0123456789abcdef0123456789abcdef"));
    assert_ne!(id(b"0123456789abcdef0123456789abcdef"), id(b"0123456789abcdef0123456789abcdeF"));
}

#[test]
fn debug_output_contains_no_secret() {
    let hmac = SigningKey::from_secret(Algorithm::Hs256, SECRET).unwrap();
    let shown = format!("{hmac:?} {:?}", hmac.verifying_key());
    assert!(!shown.contains("0123") && shown.contains("Hs256"), "{shown}");
    let shown = format!("{:?}", key(Algorithm::Es256));
    assert!(shown.starts_with("SigningKey { id: ") && shown.len() < 120, "{shown}");
}
