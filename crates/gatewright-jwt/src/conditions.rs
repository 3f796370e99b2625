//! What a profile requires of claims that the library does not read itself.

use std::fmt;

use gatewright_core::TokenError;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::json::{Fault, Text};

/// Where a claim is: its name, or the names of nested members with the outermost first.
///
/// A name is never split. The claim `kubernetes.io` has one name with a dot.
///
/// ```
/// use gatewright::token::ClaimPath;
///
/// assert_eq!(ClaimPath::from("kubernetes.io").to_string(), "kubernetes.io");
/// assert_eq!(ClaimPath::from(["firebase", "sign_in_provider"]).to_string(), "firebase → sign_in_provider");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimPath(Vec<String>);

impl From<&str> for ClaimPath {
    fn from(name: &str) -> Self {
        Self(vec![name.to_owned()])
    }
}

impl From<String> for ClaimPath {
    fn from(name: String) -> Self {
        Self(vec![name])
    }
}

impl From<Vec<String>> for ClaimPath {
    fn from(names: Vec<String>) -> Self {
        Self(names)
    }
}

impl<const N: usize> From<[&str; N]> for ClaimPath {
    fn from(names: [&str; N]) -> Self {
        Self(names.iter().map(|name| (*name).to_owned()).collect())
    }
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" → "))
    }
}

impl ClaimPath {
    /// The name of the claim that contains it.
    pub(crate) fn root(&self) -> Option<&str> {
        self.0.first().map(String::as_str)
    }

    /// Whether it has a name, and no name is empty.
    pub(crate) fn is_valid(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|name| !name.is_empty())
    }

    /// Whether there is no such member, and everything that would contain it is an object. `null` is a value.
    fn is_absent(&self, claims: &Map<String, Value>) -> bool {
        let mut object = Some(claims);
        for (position, name) in self.0.iter().enumerate() {
            let Some(value) = object.and_then(|object| object.get(name)) else { return object.is_some() };
            if position + 1 == self.0.len() {
                return false;
            }
            object = value.as_object();
        }
        false
    }

    /// The value. `None` if it is absent or `null`.
    fn find<'c>(&self, claims: &'c Map<String, Value>) -> Option<&'c Value> {
        let (root, rest) = self.0.split_first()?;
        let found = rest.iter().try_fold(claims.get(root)?, |value, name| value.as_object()?.get(name))?;
        if found.is_null() { None } else { Some(found) }
    }
}

/// A value that a claim can be required to have. Texts are compared byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClaimValue {
    /// A string.
    Text(String),
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Number(u64),
}

impl From<&str> for ClaimValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for ClaimValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for ClaimValue {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<u64> for ClaimValue {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl fmt::Display for ClaimValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text}"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

impl ClaimValue {
    fn is(&self, value: &Value) -> bool {
        match self {
            Self::Text(text) => value.as_str() == Some(text),
            Self::Bool(own) => value.as_bool() == Some(*own),
            Self::Number(number) => value.as_u64() == Some(*number),
        }
    }
}

/// A requirement on the claims of a token. All requirements of a profile must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    /// At least one of the claims has one of its values.
    OneOf(Vec<(ClaimPath, Vec<ClaimValue>)>),
    /// At least one of the claims is a string that is not empty. None of them is of another type.
    Text(Vec<ClaimPath>),
    /// At least one of the claims is a string or an array of strings, and not empty.
    TextOrList(Vec<ClaimPath>),
    /// The claim is absent, or has one of the values.
    AbsentOr(ClaimPath, Vec<ClaimValue>),
    /// The subject is not the value of one of the claims, and not in one that is an array.
    SubjectIsNot(Vec<ClaimPath>),
    /// The claim is a string and has none of the values.
    NoneOf(ClaimPath, Vec<ClaimValue>),
    /// The claim is absent, and the claim that would contain it is absent or an object.
    Absent(ClaimPath),
    /// The claim is a string without this ending.
    Ending(ClaimPath, &'static str),
    /// The claim is an array of strings, and one of them is another one than this.
    Beyond(ClaimPath, &'static str),
    /// The token is of a service account of this list. `None` accepts every account.
    ServiceAccount(Option<Vec<ServiceAccount>>),
}

/// A namespace of Kubernetes, or one service account in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceAccount {
    namespace: String,
    name: Option<String>,
}

const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

impl ServiceAccount {
    /// Reads `namespace`, `namespace:name` or `system:serviceaccount:namespace:name`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix(SERVICE_ACCOUNT).unwrap_or(text);
        let (namespace, name) = match text.split_once(':') {
            Some((namespace, name)) => (namespace, Some(name)),
            None => (text, None),
        };
        let valid = is_kubernetes_name(namespace) && name.is_none_or(is_kubernetes_name);
        valid.then(|| Self { namespace: namespace.to_owned(), name: name.map(str::to_owned) })
    }

    fn includes(&self, namespace: &str, name: &str) -> bool {
        self.namespace == namespace && self.name.as_deref().is_none_or(|own| own == name)
    }
}

/// A DNS label or subdomain: the names of namespaces and service accounts.
fn is_kubernetes_name(name: &str) -> bool {
    let is_valid =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    !name.is_empty() && name.len() <= 253 && name.bytes().all(is_valid)
}

impl Condition {
    /// The names of the claims that it reads.
    pub(crate) fn roots(&self) -> Vec<&str> {
        match self {
            Self::OneOf(options) => options.iter().filter_map(|(path, _)| path.root()).collect(),
            Self::Text(paths) | Self::TextOrList(paths) => paths.iter().filter_map(ClaimPath::root).collect(),
            Self::SubjectIsNot(paths) => paths.iter().filter_map(ClaimPath::root).chain(["sub"]).collect(),
            Self::NoneOf(path, _)
            | Self::AbsentOr(path, _)
            | Self::Absent(path)
            | Self::Ending(path, _)
            | Self::Beyond(path, _) => path.root().into_iter().collect(),
            Self::ServiceAccount(_) => vec!["sub", "kubernetes.io"],
        }
    }

    /// Whether it has names and values to compare.
    pub(crate) fn is_valid(&self) -> bool {
        match self {
            Self::OneOf(options) => {
                let valid =
                    |(path, values): &(ClaimPath, Vec<ClaimValue>)| path.is_valid() && !values.is_empty();
                !options.is_empty() && options.iter().all(valid)
            }
            Self::Text(paths) | Self::TextOrList(paths) | Self::SubjectIsNot(paths) => {
                !paths.is_empty() && paths.iter().all(ClaimPath::is_valid)
            }
            Self::NoneOf(path, values) | Self::AbsentOr(path, values) => {
                path.is_valid() && !values.is_empty()
            }
            Self::Absent(path) | Self::Ending(path, _) | Self::Beyond(path, _) => path.is_valid(),
            Self::ServiceAccount(accounts) => accounts.as_ref().is_none_or(|accounts| !accounts.is_empty()),
        }
    }

    pub(crate) fn check(&self, claims: &Map<String, Value>) -> Result<(), TokenError> {
        let holds = match self {
            Self::OneOf(options) => return one_of(options, claims),
            Self::Text(paths) => return one_text(paths, claims),
            Self::TextOrList(paths) => return text_or_list(paths, claims),
            Self::NoneOf(path, values) => {
                let value = text(path, claims)?;
                !values.iter().any(|refused| matches!(refused, ClaimValue::Text(refused) if refused == value))
            }
            Self::AbsentOr(path, values) => {
                path.is_absent(claims)
                    || path.find(claims).is_some_and(|value| values.iter().any(|accepted| accepted.is(value)))
            }
            Self::SubjectIsNot(paths) => subject_is_not(paths, claims),
            Self::Absent(path) => path.is_absent(claims),
            Self::Ending(path, ending) => !text(path, claims)?.ends_with(ending),
            Self::Beyond(path, known) => list(path, claims)?.iter().any(|value| value != known),
            Self::ServiceAccount(accounts) => return service_account(accounts.as_deref(), claims),
        };
        if holds { Ok(()) } else { Err(TokenError::ClaimValue) }
    }
}

fn one_of(options: &[(ClaimPath, Vec<ClaimValue>)], claims: &Map<String, Value>) -> Result<(), TokenError> {
    let mut error = TokenError::ClaimMissing;
    for (path, values) in options {
        let Some(value) = path.find(claims) else { continue };
        if values.iter().any(|accepted| accepted.is(value)) {
            return Ok(());
        }
        error = TokenError::ClaimValue;
    }
    Err(error)
}

fn one_text(paths: &[ClaimPath], claims: &Map<String, Value>) -> Result<(), TokenError> {
    let mut found = false;
    for value in paths.iter().filter_map(|path| path.find(claims)) {
        found |= !value.as_str().ok_or(TokenError::ClaimType)?.is_empty();
    }
    if found { Ok(()) } else { Err(TokenError::ClaimMissing) }
}

fn text_or_list(paths: &[ClaimPath], claims: &Map<String, Value>) -> Result<(), TokenError> {
    let filled = |value: &Value| match value {
        Value::String(text) => !text.is_empty(),
        Value::Array(values) => !values.is_empty() && values.iter().all(Value::is_string),
        _ => false,
    };
    let found = paths.iter().filter_map(|path| path.find(claims)).any(filled);
    if found { Ok(()) } else { Err(TokenError::ClaimMissing) }
}

fn subject_is_not(paths: &[ClaimPath], claims: &Map<String, Value>) -> bool {
    // A token without `sub` is rejected for that reason.
    let Some(subject) = claims.get("sub") else { return true };
    let names = |value: &Value| value == subject || value.as_array().is_some_and(|all| all.contains(subject));
    !paths.iter().filter_map(|path| path.find(claims)).any(names)
}

fn text<'c>(path: &ClaimPath, claims: &'c Map<String, Value>) -> Result<&'c str, TokenError> {
    path.find(claims).ok_or(TokenError::ClaimMissing)?.as_str().ok_or(TokenError::ClaimType)
}

fn list<'c>(path: &ClaimPath, claims: &'c Map<String, Value>) -> Result<Vec<&'c str>, TokenError> {
    let values = path.find(claims).ok_or(TokenError::ClaimMissing)?;
    let values = values.as_array().ok_or(TokenError::ClaimType)?;
    values.iter().map(|value| value.as_str().ok_or(TokenError::ClaimType)).collect()
}

/// The subject names namespace and account. `kubernetes.io` names the same namespace, and the same account if it
/// names one.
fn service_account(
    accounts: Option<&[ServiceAccount]>,
    claims: &Map<String, Value>,
) -> Result<(), TokenError> {
    let subject = text(&ClaimPath::from("sub"), claims).map_err(|_| TokenError::SubjectMissing)?;
    let account = subject.strip_prefix(SERVICE_ACCOUNT).and_then(|account| account.split_once(':'));
    let (namespace, name) = account.ok_or(TokenError::ClaimValue)?;
    let same_account = ClaimPath::from(["kubernetes.io", "serviceaccount", "name"])
        .find(claims)
        .is_none_or(|account| account.as_str() == Some(name));
    let same = same_account && text(&ClaimPath::from(["kubernetes.io", "namespace"]), claims)? == namespace;
    let names = is_kubernetes_name(namespace) && is_kubernetes_name(name);
    let listed = accounts.is_none_or(|all| all.iter().any(|own| own.includes(namespace, name)));
    if same && names && listed { Ok(()) } else { Err(TokenError::ClaimValue) }
}

/// Reads the claims with these names. The payload was read before, so it is a JSON object without
/// duplicate members.
pub(crate) fn select(payload: &str, names: &[String]) -> Result<Map<String, Value>, TokenError> {
    let fault = Fault::default();
    fault.parse(payload, Selected(names), TokenError::ClaimType, TokenError::Json)
}

struct Selected<'a>(&'a [String]);

impl<'de> DeserializeSeed<'de> for Selected<'_> {
    type Value = Map<String, Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Selected<'_> {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a claims set")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut claims = Map::new();
        while let Some(name) = map.next_key_seed(Text)? {
            if self.0.iter().any(|wanted| *wanted == *name) {
                claims.insert(name.into_owned(), map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(condition: &Condition, claims: &Value) -> Result<(), TokenError> {
        condition.check(claims.as_object().unwrap())
    }

    #[test]
    fn a_required_value_is_compared_with_its_type() {
        let condition = Condition::OneOf(vec![("token_use".into(), vec!["access".into()])]);
        assert_eq!(check(&condition, &json!({"token_use": "access"})), Ok(()));
        for other in [json!("Access"), json!("access "), json!(["access"]), json!(true), json!({"access": 1})]
        {
            assert_eq!(
                check(&condition, &json!({"token_use": other})),
                Err(TokenError::ClaimValue),
                "{other}"
            );
        }
        for absent in [json!({}), json!({"token_use": null})] {
            assert_eq!(check(&condition, &absent), Err(TokenError::ClaimMissing));
        }
        let anonymous = Condition::OneOf(vec![("is_anonymous".into(), vec![false.into()])]);
        assert_eq!(check(&anonymous, &json!({"is_anonymous": false})), Ok(()));
        for other in [json!("false"), json!(0), json!(true)] {
            assert_eq!(check(&anonymous, &json!({"is_anonymous": other})), Err(TokenError::ClaimValue));
        }
    }

    #[test]
    fn a_claim_that_must_be_absent_is_refused_with_any_value() {
        let condition = Condition::Absent("events".into());
        assert_eq!(check(&condition, &json!({})), Ok(()));
        for value in [json!(null), json!({}), json!("")] {
            assert_eq!(check(&condition, &json!({"events": value})), Err(TokenError::ClaimValue), "{value}");
        }
        let nested = Condition::Absent(["firebase", "tenant"].into());
        for absent in [json!({}), json!({"firebase": {}}), json!({"firebase": {"x": 1}})] {
            assert_eq!(check(&nested, &absent), Ok(()), "{absent}");
        }
        for parent in [json!({"tenant": null}), json!({"tenant": "t"}), json!([]), json!("x"), json!(null)] {
            let found = check(&nested, &json!({"firebase": parent}));
            assert_eq!(found, Err(TokenError::ClaimValue), "{parent}");
        }
    }

    #[test]
    fn a_claim_that_must_be_a_text_is_no_list() {
        let one = Condition::Text(vec!["azp".into(), "client_id".into()]);
        for accepted in
            [json!({"azp": "web"}), json!({"client_id": "web"}), json!({"azp": null, "client_id": "web"})]
        {
            assert_eq!(check(&one, &accepted), Ok(()), "{accepted}");
        }
        for (claims, error) in [
            (json!({}), TokenError::ClaimMissing),
            (json!({"azp": ""}), TokenError::ClaimMissing),
            (json!({"azp": ["web"]}), TokenError::ClaimType),
            (json!({"azp": "web", "client_id": ["web"]}), TokenError::ClaimType),
        ] {
            assert_eq!(check(&one, &claims), Err(error), "{claims}");
        }
        let refused = Condition::NoneOf("provider".into(), vec!["anonymous".into()]);
        assert_eq!(check(&refused, &json!({"provider": "password"})), Ok(()));
        assert_eq!(check(&refused, &json!({"provider": "anonymous"})), Err(TokenError::ClaimValue));
        assert_eq!(check(&refused, &json!({"provider": ["anonymous"]})), Err(TokenError::ClaimType));
    }

    #[test]
    fn a_subject_that_is_the_client_is_found_in_texts_and_lists() {
        let condition = Condition::SubjectIsNot(vec!["client_id".into(), "aud".into()]);
        assert_eq!(check(&condition, &json!({"sub": "ada", "client_id": "web", "aud": ["api"]})), Ok(()));
        for claims in
            [json!({"sub": "web", "client_id": "web"}), json!({"sub": "web", "aud": ["api", "web"]})]
        {
            assert_eq!(check(&condition, &claims), Err(TokenError::ClaimValue), "{claims}");
        }
    }

    #[test]
    fn a_name_with_a_dot_is_not_a_path() {
        let condition = Condition::OneOf(vec![("a.b".into(), vec!["x".into()])]);
        assert_eq!(check(&condition, &json!({"a.b": "x"})), Ok(()));
        assert_eq!(check(&condition, &json!({"a": {"b": "x"}})), Err(TokenError::ClaimMissing));
    }

    #[test]
    fn a_service_account_is_listed_by_namespace_or_by_name() {
        let token =
            |namespace: &str, sub: &str| json!({"sub": sub, "kubernetes.io": {"namespace": namespace}});
        let condition =
            |entry: &str| Condition::ServiceAccount(ServiceAccount::parse(entry).map(|one| vec![one]));
        for entry in ["shop", "shop:web", "system:serviceaccount:shop:web"] {
            assert_eq!(check(&condition(entry), &token("shop", "system:serviceaccount:shop:web")), Ok(()));
        }
        for (entry, namespace, sub) in [
            ("shop:web", "shop", "system:serviceaccount:shop:other"),
            ("shop", "other", "system:serviceaccount:other:web"),
            ("shop", "other", "system:serviceaccount:shop:web"),
            ("shop", "shop", "system:serviceaccount:shop"),
            ("shop", "shop", "system:serviceaccount:shop:web:x"),
            ("shop", "shop", "system:node:shop:web"),
            ("shop", "shop", "shop:web"),
        ] {
            let found = check(&condition(entry), &token(namespace, sub));
            assert_eq!(found, Err(TokenError::ClaimValue), "{entry} {namespace} {sub}");
        }
        for entry in ["", ":", "shop:", ":web", "a:b:c", "Shop", "*", "shop web"] {
            assert_eq!(ServiceAccount::parse(entry), None, "{entry}");
        }
    }
}
