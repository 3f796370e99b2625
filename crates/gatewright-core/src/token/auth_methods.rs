//! How a user logged in: the `amr` claim.

use std::sync::LazyLock;

/// The methods of a login (RFC 8176 §2): `pwd`, `otp`, `hwk` and others. Empty if they are unknown.
///
/// The methods of a password login take no memory of their own, because nearly every token has them.
///
/// ```
/// use gatewright::token::AuthMethods;
///
/// let methods: AuthMethods = ["pwd", "otp"].into_iter().collect();
/// assert_eq!(methods.as_slice(), ["pwd", "otp"]);
/// assert_eq!(AuthMethods::password(), ["pwd"].into_iter().collect());
/// assert!(AuthMethods::default().as_slice().is_empty());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuthMethods(Methods);

/// `Other` is neither empty nor the password alone, so equal methods are equal values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Methods {
    #[default]
    Unknown,
    Password,
    Other(Box<[String]>),
}

static PASSWORD: LazyLock<[String; 1]> = LazyLock::new(|| ["pwd".to_owned()]);

impl AuthMethods {
    /// A password alone: `["pwd"]`.
    #[must_use]
    pub const fn password() -> Self {
        Self(Methods::Password)
    }

    /// The methods, in their order.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        match &self.0 {
            Methods::Unknown => &[],
            Methods::Password => &*PASSWORD,
            Methods::Other(methods) => methods,
        }
    }
}

impl<T: Into<String>> FromIterator<T> for AuthMethods {
    fn from_iter<I: IntoIterator<Item = T>>(methods: I) -> Self {
        let methods: Box<[String]> = methods.into_iter().map(Into::into).collect();
        Self(match &*methods {
            [] => Methods::Unknown,
            [one] if one == "pwd" => Methods::Password,
            _ => Methods::Other(methods),
        })
    }
}
