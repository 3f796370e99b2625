//! The public part of a key: its numbers, which are checked once, and its members in a JWK (RFC
//! 7517, RFC 8037).

use aws_lc_rs::digest;
use aws_lc_rs::rsa::RsaParameters;
use aws_lc_rs::signature::{ED25519, ParsedPublicKey, RsaPublicKeyComponents};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pkcs8::PrivateKeyInfoRef;
use pkcs8::der::Decode;
use pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use serde::Serialize;

use crate::algorithm::{Algorithm, Curve, Family};
use crate::error::KeyError;

const MIN_RSA_BITS: usize = 2048;
const MAX_RSA_BITS: usize = 8192;
const ED25519_BYTES: usize = 32;

const RSA_OID: &str = "1.2.840.113549.1.1.1";
const EC_OID: &str = "1.2.840.10045.2.1";
const ED25519_OID: &str = "1.3.101.112";

/// The numbers of a public key, big-endian.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PublicParts {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Ec { x: Vec<u8>, y: Vec<u8> },
    Ed25519(Vec<u8>),
}

/// The members of a public key in a JWK. The type has no place for private ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kty")]
pub(crate) enum PublicMembers {
    #[serde(rename = "RSA")]
    Rsa { n: String, e: String },
    #[serde(rename = "EC")]
    Ec { crv: &'static str, x: String, y: String },
    #[serde(rename = "OKP")]
    Okp { crv: &'static str, x: String },
}

/// A checked key, for verification and for publishing.
pub(crate) struct CheckedKey {
    pub(crate) key: ParsedPublicKey,
    pub(crate) members: PublicMembers,
    /// The length of its signatures, in bytes.
    pub(crate) signature_bytes: usize,
}

impl PublicParts {
    /// Reads a SubjectPublicKeyInfo (RFC 5280 §4.1) of the kind of key that the algorithm needs.
    pub(crate) fn from_spki(algorithm: Algorithm, der: &[u8]) -> Result<Self, KeyError> {
        let info = SubjectPublicKeyInfoRef::try_from(der).map_err(|_| KeyError::Format)?;
        let key = info.subject_public_key.as_bytes().ok_or(KeyError::Format)?;
        check_identifier(algorithm, &info.algorithm)?;
        match algorithm.family() {
            Family::Hmac(_) => Err(KeyError::KeyFile),
            Family::Rsa { .. } => Self::from_pkcs1(key),
            Family::Ec(curve) => Self::from_point(curve, key),
            Family::Ed25519 => Ok(Self::Ed25519(key.to_vec())),
        }
    }

    /// Reads an RSAPublicKey (RFC 8017 A.1.1).
    pub(crate) fn from_pkcs1(der: &[u8]) -> Result<Self, KeyError> {
        let key = pkcs1::RsaPublicKeyRef::from_der(der).map_err(|_| KeyError::Format)?;
        Ok(Self::Rsa { n: key.modulus.as_bytes().to_vec(), e: key.public_exponent.as_bytes().to_vec() })
    }

    /// Reads an uncompressed point (SEC 1 §2.3.3).
    pub(crate) fn from_point(curve: &Curve, point: &[u8]) -> Result<Self, KeyError> {
        let [4, coordinates @ ..] = point else { return Err(KeyError::Format) };
        match coordinates.split_at_checked(curve.bytes) {
            Some((x, y)) if y.len() == curve.bytes => Ok(Self::Ec { x: x.to_vec(), y: y.to_vec() }),
            _ => Err(KeyError::Format),
        }
    }

    /// Checks the sizes, and that the numbers are a valid key for the algorithm.
    pub(crate) fn check(self, algorithm: Algorithm) -> Result<CheckedKey, KeyError> {
        match (algorithm.family(), self) {
            (Family::Rsa { verify, .. }, Self::Rsa { n, e }) => check_rsa(verify, &n, &e),
            (Family::Ec(curve), Self::Ec { x, y }) => check_ec(curve, &x, &y),
            (Family::Ed25519, Self::Ed25519(x)) => check_ed25519(&x),
            _ => Err(KeyError::Algorithm),
        }
    }
}

/// Checks that a PKCS#8 private key is of the kind and size that the algorithm needs, for a precise
/// error. The cryptographic library checks the rest, but does not say why it rejects a key.
pub(crate) fn check_pkcs8(algorithm: Algorithm, der: &[u8]) -> Result<(), KeyError> {
    let info = PrivateKeyInfoRef::try_from(der).map_err(|_| KeyError::Format)?;
    check_identifier(algorithm, &info.algorithm)?;
    if let Family::Rsa { .. } = algorithm.family() {
        let key =
            pkcs1::RsaPrivateKeyRef::from_der(info.private_key.as_bytes()).map_err(|_| KeyError::Format)?;
        check_rsa_size(key.modulus.as_bytes())?;
    }
    Ok(())
}

/// Checks that an AlgorithmIdentifier (RFC 5280 §4.1.1.2) names the kind of key that the algorithm
/// needs.
fn check_identifier(algorithm: Algorithm, identifier: &AlgorithmIdentifierRef<'_>) -> Result<(), KeyError> {
    let expect = |oid: &str, found: &dyn ToString| {
        if found.to_string() == oid { Ok(()) } else { Err(KeyError::Algorithm) }
    };
    match algorithm.family() {
        Family::Hmac(_) => Err(KeyError::KeyFile),
        Family::Rsa { .. } => expect(RSA_OID, &identifier.oid),
        Family::Ec(curve) => {
            expect(EC_OID, &identifier.oid)?;
            expect(curve.oid, &identifier.parameters_oid().map_err(|_| KeyError::Algorithm)?)
        }
        Family::Ed25519 => {
            expect(ED25519_OID, &identifier.oid)?;
            // RFC 8410 §3
            if identifier.parameters.is_some() { Err(KeyError::Format) } else { Ok(()) }
        }
    }
}

fn check_rsa_size(n: &[u8]) -> Result<(), KeyError> {
    match bit_length(n) {
        ..MIN_RSA_BITS => Err(KeyError::Short),
        MIN_RSA_BITS..=MAX_RSA_BITS => Ok(()),
        _ => Err(KeyError::Long),
    }
}

fn check_rsa(verify: &'static RsaParameters, n: &[u8], e: &[u8]) -> Result<CheckedKey, KeyError> {
    check_rsa_size(n)?;
    let (n, e) = (strip_zeros(n), strip_zeros(e));
    if !is_odd(n) || !is_exponent(e) {
        return Err(KeyError::Invalid);
    }
    let key = RsaPublicKeyComponents { n, e }.to_parsed_public_key(verify);
    let members = PublicMembers::Rsa { n: encode(n), e: encode(e) };
    Ok(CheckedKey { key: valid(key)?, members, signature_bytes: n.len() })
}

fn check_ec(curve: &Curve, x: &[u8], y: &[u8]) -> Result<CheckedKey, KeyError> {
    if x.len() != curve.bytes || y.len() != curve.bytes {
        return Err(KeyError::Invalid);
    }
    let key = ParsedPublicKey::new(curve.verify, point(x, y));
    let members = PublicMembers::Ec { crv: curve.name, x: encode(x), y: encode(y) };
    Ok(CheckedKey { key: valid(key)?, members, signature_bytes: 2 * curve.bytes })
}

fn check_ed25519(x: &[u8]) -> Result<CheckedKey, KeyError> {
    if x.len() != ED25519_BYTES || is_weak_ed25519(x) {
        return Err(KeyError::Invalid);
    }
    let key = ParsedPublicKey::new(&ED25519, x);
    let members = PublicMembers::Okp { crv: "Ed25519", x: encode(x) };
    Ok(CheckedKey { key: valid(key)?, members, signature_bytes: 64 })
}

impl PublicMembers {
    /// The key's thumbprint (RFC 7638): its id unless another one is given.
    pub(crate) fn thumbprint(&self) -> String {
        // The members in alphabetical order. They contain no character that JSON escapes.
        let text = match self {
            Self::Rsa { n, e } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
            Self::Ec { crv, x, y } => format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#),
            Self::Okp { crv, x } => format!(r#"{{"crv":"{crv}","kty":"OKP","x":"{x}"}}"#),
        };
        encode(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
    }
}

/// An uncompressed point (SEC 1 §2.3.3).
pub(crate) fn point(x: &[u8], y: &[u8]) -> Vec<u8> {
    [&[4], x, y].concat()
}

/// A number without leading zeros.
pub(crate) fn strip_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

fn bit_length(number: &[u8]) -> usize {
    let number = strip_zeros(number);
    let first = number.first().map_or(0, |byte| byte.leading_zeros());
    (number.len().saturating_mul(8)).saturating_sub(usize::try_from(first).unwrap_or(0))
}

/// Whether a point has an order of at most eight, or a non-canonical encoding. Anyone can forge
/// signatures under a key of small order. RFC 8032 §5.1.7 does not require this check, and the
/// cryptographic library accepts such keys.
fn is_weak_ed25519(point: &[u8]) -> bool {
    // The y coordinate, big-endian, without the sign bit of x.
    let mut y: Vec<u8> = point.iter().rev().copied().collect();
    if let Some(first) = y.first_mut() {
        *first &= 0x7f;
    }
    let small = strip_zeros(&y).is_empty() || strip_zeros(&y) == [1];
    let of_order_eight = ORDER_EIGHT.iter().any(|weak| y.iter().eq(weak.iter().rev()));
    // p - 1 has the order two. Encodings of p and above are not canonical.
    small || of_order_eight || y >= P_MINUS_ONE.to_vec()
}

/// The y coordinates of the four points of order eight, little-endian.
const ORDER_EIGHT: [[u8; ED25519_BYTES]; 2] = [
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

/// 2²⁵⁵ - 20, big-endian.
const P_MINUS_ONE: [u8; ED25519_BYTES] = {
    let mut number = [0xff; ED25519_BYTES];
    number[0] = 0x7f;
    number[ED25519_BYTES - 1] = 0xec;
    number
};

/// Whether an RSA exponent is odd, at least 3 and below 2³³. With the exponent 1 anyone can forge
/// signatures, and a long exponent makes verification slow. The cryptographic library accepts both.
fn is_exponent(number: &[u8]) -> bool {
    let value = number.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    is_odd(number) && number.len() <= 5 && (3..1 << 33).contains(&value)
}

fn is_odd(number: &[u8]) -> bool {
    number.last().is_some_and(|byte| byte % 2 == 1)
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn valid<E>(key: Result<ParsedPublicKey, E>) -> Result<ParsedPublicKey, KeyError> {
    key.map_err(|_| KeyError::Invalid)
}
