//! PEM (RFC 7468): exactly one block with the expected label.

use pkcs8::der::pem::decode_vec;
use zeroize::Zeroizing;

use crate::error::KeyError;
use crate::jwk::MAX_JWK_BYTES;

/// Reads the bytes of a public key, `PUBLIC KEY`.
pub(crate) fn public(text: &str) -> Result<Vec<u8>, KeyError> {
    let (label, der) = block(text)?;
    match label {
        "PUBLIC KEY" => Ok(der.to_vec()),
        private if private.ends_with("PRIVATE KEY") => Err(KeyError::Private),
        _ => Err(KeyError::PemType),
    }
}

/// Reads the bytes of a private key, `PRIVATE KEY` (PKCS#8, not encrypted).
pub(crate) fn private(text: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let (label, der) = block(text)?;
    match label {
        "PRIVATE KEY" => Ok(der),
        "PUBLIC KEY" | "RSA PUBLIC KEY" | "CERTIFICATE" => Err(KeyError::Public),
        _ => Err(KeyError::PemType),
    }
}

fn block(text: &str) -> Result<(&str, Zeroizing<Vec<u8>>), KeyError> {
    if text.len() > MAX_JWK_BYTES {
        return Err(KeyError::Long);
    }
    if text.matches("-----BEGIN ").count() != 1 {
        return Err(if text.trim().is_empty() { KeyError::Missing } else { KeyError::Format });
    }
    let (label, der) = decode_vec(text.as_bytes()).map_err(|_| KeyError::Format)?;
    Ok((label, Zeroizing::new(der)))
}
