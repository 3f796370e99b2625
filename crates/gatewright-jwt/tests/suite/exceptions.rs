//! The only published tokens whose verdict here differs from that of their project, and the
//! reasons.

/// Algorithms that are not supported.
pub(crate) const UNSUPPORTED: [(&str, &str); 1] =
    [("ES512", "P-521 is not supported; the key is rejected when it is read")];

/// A well-known secret is rejected as a key, so the signature is not checked.
const PLACEHOLDER: &str = "key is a placeholder; use at least 32 random bytes";
const SHORT: &str = "key is shorter than its algorithm requires";

/// Tokens that their project accepts and we reject: file, our verdict, positions in the file,
/// reason.
#[rustfmt::skip]
pub(crate) const PUBLISHED: [(&str, &str, &[usize], &str); 10] = [
    ("jwt_keats_jsonwebtoken.json", PLACEHOLDER, &[3, 4, 10], "the secret is `secret`"),
    ("jwt_keats_jsonwebtoken.json", SHORT, &[8], "the secret has three bytes"),
    ("jwt_keats_jsonwebtoken.json", "key", &[0, 1, 9, 11],
     "decoded there without verification, or the key is not published: without a key no token is accepted"),
    ("jwt_node_jsonwebtoken.json", PLACEHOLDER, &[7], "the secret is `secret`"),
    ("jwt_node_jsonwebtoken.json", SHORT, &[8, 9, 10], "the secret is `key`"),
    ("jwt_node_jsonwebtoken.json", "claim_missing", &[13], "the signature is valid; issuer, subject and times are absent"),
    ("jwt_node_jsonwebtoken.json", "key", &[14], "its key is not published"),
    ("jwt_pyjwt.json", PLACEHOLDER, &[4, 8, 9, 10, 20, 24, 28, 29, 30, 31, 36, 38], "the secret is `secret`"),
    ("jwt_pyjwt.json", "format", &[0, 1, 2, 3], "signing inputs of two segments, without their signatures"),
    ("jwt_pyjwt.json", "key", &[5, 23], "decoded there without verification, or the key is not published"),
];

/// Keys that are published, but not in the file of their tokens: file, position of the token,
/// secret in base64url.
#[rustfmt::skip]
pub(crate) const KEYS: [(&str, usize, &str); 2] = [
    ("jwt_keats_jsonwebtoken.json", 8, "AQID"),
    // RFC 7515 A.1
    ("jwt_keats_jsonwebtoken.json", 12, "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"),
];

/// Tokens with a valid signature whose claims are not those of an access token, in the format of
/// `PUBLISHED`.
#[rustfmt::skip]
pub(crate) const NOT_ACCESS_TOKENS: [(&str, &str, &[usize], &str); 2] = [
    ("jwt_pyjwt.json", "claim_missing", &[21, 22, 34, 35], "the signature is valid; subject, times and id are absent"),
    ("jwt_keats_jsonwebtoken.json", "claim_missing", &[12], "the signature is valid; subject, audience and times are absent"),
];
