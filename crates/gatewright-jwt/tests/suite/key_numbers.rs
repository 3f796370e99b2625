//! The numbers of public keys, and their encoding in PEM.

use gatewright_jwt::{Algorithm, KeyError, KeyRing, VerifyingKey};
use serde_json::{Value, json};

use crate::common::{decode, encode, key};

#[test]
fn rsa_exponents_must_be_odd_from_3_to_below_2_to_the_33() {
    let set: Value = serde_json::from_str(&KeyRing::new(key(Algorithm::Rs256)).jwks()).unwrap();
    let read = |e: &[u8]| {
        let jwk = json!({"kty": "RSA", "alg": "RS256", "n": set["keys"][0]["n"], "e": encode(e)});
        VerifyingKey::from_jwk(&jwk.to_string()).map(drop)
    };
    for e in [&[3][..], &[1, 0, 1], &[0, 1, 0, 1], &[1, 255, 255, 255, 255]] {
        assert_eq!(read(e), Ok(()), "{e:?}");
    }
    for e in
        [&[][..], &[0], &[1], &[2], &[1, 0, 0], &[2, 0, 0, 0, 1], &[1, 0, 0, 0, 0, 0, 0, 0, 3], &[255; 256]]
    {
        assert_eq!(read(e), Err(KeyError::Invalid), "{e:?}");
    }
}

#[test]
fn ed25519_keys_with_algorithm_parameters_are_rejected() {
    let set: Value = serde_json::from_str(&KeyRing::new(key(Algorithm::EdDsa)).jwks()).unwrap();
    let x = decode(set["keys"][0]["x"].as_str().unwrap());
    let read = |start: &[u8]| {
        use base64::Engine;
        let text = base64::engine::general_purpose::STANDARD.encode([start, &x].concat());
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n");
        VerifyingKey::from_pem(Algorithm::EdDsa, &pem).map(drop)
    };
    assert_eq!(read(&[0x30, 42, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 33, 0]), Ok(()));
    assert_eq!(read(&[0x30, 44, 0x30, 7, 6, 3, 0x2b, 0x65, 0x70, 5, 0, 3, 33, 0]), Err(KeyError::Format));
}
