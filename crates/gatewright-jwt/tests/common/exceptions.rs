//! Where we answer otherwise than whoever published a vector, and why. Nothing else may.

/// Algorithms that are not supported.
pub(crate) const UNSUPPORTED: [(&str, &str); 1] =
    [("ES512", "P-521 is not among the algorithms; the key is refused when it is read")];

/// A secret that everybody knows: its signature is never looked at.
const PLACEHOLDER: &str = "key is a placeholder: draw at least 32 random bytes";
const SHORT: &str = "key is shorter than its algorithm demands";

/// Tokens that their projects accept and we refuse: file, what we say, which of the file's tokens, reason.
#[rustfmt::skip]
pub(crate) const PUBLISHED: [(&str, &str, &[usize], &str); 10] = [
    ("jwt_keats_jsonwebtoken.json", PLACEHOLDER, &[3, 4, 10], "the secret is `secret`"),
    ("jwt_keats_jsonwebtoken.json", SHORT, &[8], "the secret has three bytes"),
    ("jwt_keats_jsonwebtoken.json", "key", &[0, 1, 9, 11],
     "decoded there without a check, or under a key that was not published: without a key nothing is believed"),
    ("jwt_node_jsonwebtoken.json", PLACEHOLDER, &[7], "the secret is `secret`"),
    ("jwt_node_jsonwebtoken.json", SHORT, &[8, 9, 10], "the secret is `key`"),
    ("jwt_node_jsonwebtoken.json", "claim_missing", &[13], "the signature holds; issuer, subject and times are absent"),
    ("jwt_node_jsonwebtoken.json", "key", &[14], "its key was not published"),
    ("jwt_pyjwt.json", PLACEHOLDER, &[4, 8, 9, 10, 20, 24, 28, 29, 30, 31, 36, 38], "the secret is `secret`"),
    ("jwt_pyjwt.json", "format", &[0, 1, 2, 3], "signing inputs of two segments, without their signatures"),
    ("jwt_pyjwt.json", "key", &[5, 23], "decoded there without a check, or under a key that was not published"),
];

/// Keys that are published beside the tokens and not in the file: file, which token, the secret in base64url.
#[rustfmt::skip]
pub(crate) const KEYS: [(&str, usize, &str); 2] = [
    ("jwt_keats_jsonwebtoken.json", 8, "AQID"),
    // RFC 7515 A.1
    ("jwt_keats_jsonwebtoken.json", 12, "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"),
];

/// Tokens whose signature holds, in the same file, and whose claims are not those of an access token.
#[rustfmt::skip]
pub(crate) const SIGNED_ALONE: [(&str, &str, &[usize], &str); 2] = [
    ("jwt_pyjwt.json", "claim_missing", &[21, 22, 34, 35], "the signature holds; subject, times and id are absent"),
    ("jwt_keats_jsonwebtoken.json", "claim_missing", &[12], "the signature holds; subject, audience and times are absent"),
];
