//! Claims of the application's own: one JSON object beside the registered claims.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The longest [`ExtraObject`], as compact JSON: 1 KiB.
pub const MAX_EXTRA_CLAIMS_BYTES: usize = 1024;

/// The deepest nesting of arrays and objects in an [`ExtraObject`].
const MAX_DEPTH: u8 = 8;

/// Claims that a token has anyway, and claims that other programs act on: those of RFC 7519, RFC 9068, RFC
/// 8693, RFC 7800, RFC 9470, and ours.
const RESERVED: [&str; 23] = [
    // RFC 7519
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    // RFC 9068, with RFC 7643
    "client_id",
    "auth_time",
    "acr",
    "amr",
    "scope",
    "roles",
    "groups",
    "entitlements",
    // RFC 8693
    "act",
    "may_act",
    // RFC 7800
    "cnf",
    // RFC 9470 uses `acr` and `auth_time`; its parameters
    "acr_values",
    "max_age",
    // Ours
    "sid",
    "epoch",
    "typ",
];

/// The claims that [`VerifiedClaims`](super::VerifiedClaims) has methods for, or that are verified.
const READ: [&str; 13] =
    ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "sid", "epoch", "scope", "cnf", "auth_time", "amr"];

/// Claims of the application's own: a JSON object of at most 1 KiB without reserved names.
///
/// Anyone who has a token can read its claims, so they must not contain secrets.
///
/// ```
/// use gatewright::token::{ExtraObject, InvalidExtraClaims};
/// use serde::Serialize;
///
/// #[derive(Serialize)]
/// struct Tenant {
///     tenant: u32,
/// }
///
/// assert_eq!(ExtraObject::new(&Tenant { tenant: 7 })?.as_json(), r#"{"tenant":7}"#);
///
/// #[derive(Serialize)]
/// struct Impostor {
///     sub: &'static str,
/// }
///
/// let refused = ExtraObject::new(&Impostor { sub: "42" }).unwrap_err();
/// assert_eq!(refused, InvalidExtraClaims::Reserved("sub".to_owned()));
/// # Ok::<(), InvalidExtraClaims>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ExtraObject(Box<str>);

/// Why a value cannot be the extra claims of a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidExtraClaims {
    /// The value does not serialize as a JSON object.
    #[error("extra claims must serialize as a JSON object")]
    NotAnObject,
    /// The object has a member with a reserved name.
    #[error("the extra claim `{0}` has a reserved name; rename it")]
    Reserved(String),
    /// The object is longer than [`MAX_EXTRA_CLAIMS_BYTES`].
    #[error("extra claims must be at most 1024 bytes of JSON, are {0}")]
    TooLong(usize),
    /// The object nests arrays and objects deeper than 8 levels.
    #[error("extra claims must nest at most 8 levels deep")]
    TooDeep,
}

impl ExtraObject {
    /// Serializes `value` and checks it.
    ///
    /// # Errors
    /// If the value is not a JSON object, is longer than [`MAX_EXTRA_CLAIMS_BYTES`], nests deeper than 8
    /// levels, or has a member with a reserved name: one of RFC 7519, RFC 9068, RFC 8693, RFC 7800, RFC 9470,
    /// or `sid`, `epoch`, `typ`.
    pub fn new<T: Serialize + ?Sized>(value: &T) -> Result<Self, InvalidExtraClaims> {
        let Ok(Value::Object(members)) = serde_json::to_value(value) else {
            return Err(InvalidExtraClaims::NotAnObject);
        };
        if let Some(name) = members.keys().find(|name| RESERVED.contains(&name.as_str())) {
            return Err(InvalidExtraClaims::Reserved(name.clone()));
        }
        if !members.values().all(|value| is_flat(value, MAX_DEPTH - 1)) {
            return Err(InvalidExtraClaims::TooDeep);
        }
        let text = Value::Object(members).to_string();
        if text.len() > MAX_EXTRA_CLAIMS_BYTES {
            return Err(InvalidExtraClaims::TooLong(text.len()));
        }
        Ok(Self(text.into()))
    }

    /// The object as compact JSON. Its members have different names.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.0
    }
}

/// Redacted: the claims may be personal data.
impl fmt::Debug for ExtraObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExtraObject(..)")
    }
}

/// Whether a value nests at most this deep.
fn is_flat(value: &Value, levels: u8) -> bool {
    let is_inner_flat = |value: &Value| levels.checked_sub(1).is_some_and(|levels| is_flat(value, levels));
    match value {
        Value::Array(values) => levels > 0 && values.iter().all(is_inner_flat),
        Value::Object(members) => levels > 0 && members.values().all(is_inner_flat),
        _ => true,
    }
}

/// The extra claims of a verified payload do not fit the type that was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[error("the token's extra claims do not fit `{type_name}`")]
pub struct ExtraClaimsMismatch {
    type_name: &'static str,
    source: serde_json::Error,
}

impl ExtraClaimsMismatch {
    /// The type that was asked for.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        self.type_name
    }
}

/// Reads a type from the members of a payload that the library itself does not read.
pub(super) fn read<T: DeserializeOwned>(payload: &str) -> Result<T, ExtraClaimsMismatch> {
    let read = serde_json::from_str(payload).and_then(|mut members: Map<String, Value>| {
        members.retain(|name, _| !READ.contains(&name.as_str()));
        T::deserialize(Value::Object(members))
    });
    read.map_err(|source| ExtraClaimsMismatch { type_name: std::any::type_name::<T>(), source })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reserved_names_are_refused_and_similar_ones_are_not() {
        for name in RESERVED {
            let refused = ExtraObject::new(&json!({ name: 1 })).unwrap_err();
            assert_eq!(refused, InvalidExtraClaims::Reserved(name.to_owned()));
        }
        let similar = json!({"Sub": 1, "tenant": {"sub": 1}, "role": "x"});
        assert_eq!(ExtraObject::new(&similar).unwrap().as_json(), similar.to_string());
        assert!(READ.iter().all(|name| RESERVED.contains(name)), "what is read cannot be written");
    }

    #[test]
    fn only_flat_objects_of_1024_bytes_are_accepted() {
        for value in [json!(null), json!([]), json!("x"), json!(7)] {
            assert_eq!(ExtraObject::new(&value), Err(InvalidExtraClaims::NotAnObject), "{value}");
        }
        let of_length = |length: usize| json!({"a": "x".repeat(length - r#"{"a":""}"#.len())});
        assert_eq!(ExtraObject::new(&of_length(1024)).unwrap().as_json().len(), 1024);
        assert_eq!(ExtraObject::new(&of_length(1025)), Err(InvalidExtraClaims::TooLong(1025)));
        let nested = |levels: usize| (1..levels).fold(json!({}), |inner, _| json!({ "a": inner }));
        assert!(ExtraObject::new(&nested(8)).is_ok());
        assert_eq!(ExtraObject::new(&nested(9)), Err(InvalidExtraClaims::TooDeep));
    }

    #[test]
    fn the_claims_of_the_library_are_not_read_as_extra_claims() {
        let payload = r#"{"iss":"x","sub":"42","tenant":7,"exp":1}"#;
        assert_eq!(read::<Value>(payload).unwrap(), json!({"tenant": 7}));
        let error = read::<u8>(payload).unwrap_err();
        assert_eq!(error.to_string(), "the token's extra claims do not fit `u8`");
    }
}
