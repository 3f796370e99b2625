//! OAuth 2.0 scopes (RFC 6749 §3.3): a set of case-sensitive words.

use std::fmt;

/// The longest list of scopes, in bytes, as it is sent and as a session keeps it.
pub const MAX_SCOPES_BYTES: usize = 1024;

/// A set of scopes, kept as the space-separated text that tokens and answers carry.
///
/// ```
/// use gatewright_core::Scopes;
///
/// let asked = Scopes::parse("items:write items:read items:read")?;
/// let allowed = Scopes::parse("items:read")?;
/// assert_eq!(asked.intersection(&allowed).as_str(), "items:read");
/// assert!(!asked.contains("items:rea"));
/// # Ok::<(), gatewright_core::InvalidScopes>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scopes(String);

/// The text is not a list of scopes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("not a list of scopes")]
pub struct InvalidScopes {}

impl Scopes {
    /// Reads a list separated by spaces; repeated scopes count once, the order stays.
    ///
    /// # Errors
    /// When a character is not one RFC 6749 allows in a scope, or the text is longer than [`MAX_SCOPES_BYTES`].
    pub fn parse(text: &str) -> Result<Self, InvalidScopes> {
        if text.len() > MAX_SCOPES_BYTES || !text.bytes().all(|b| b == b' ' || is_scope_byte(b)) {
            return Err(InvalidScopes {});
        }
        let mut scopes = Self(String::with_capacity(text.len()));
        text.split(' ').for_each(|scope| scopes.insert(scope));
        Ok(scopes)
    }

    /// The scopes, separated by single spaces.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Each scope once.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ').filter(|scope| !scope.is_empty())
    }

    /// Whether exactly this scope is in the set.
    #[must_use]
    pub fn contains(&self, scope: &str) -> bool {
        self.iter().any(|own| own == scope)
    }

    /// Whether every scope of this set is in `other`.
    #[must_use]
    pub fn is_subset_of(&self, other: &Self) -> bool {
        self.iter().all(|scope| other.contains(scope))
    }

    /// What both sets hold, in this set's order.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.filter(|scope| other.contains(scope))
    }

    /// What either set holds, this set's first.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self::collect(self.iter().chain(other.iter()))
    }

    /// The scopes that `keep` keeps: most often, all of them.
    pub(crate) fn filter(&self, keep: impl Fn(&str) -> bool) -> Self {
        if self.iter().all(&keep) {
            self.clone()
        } else {
            Self::collect(self.iter().filter(|scope| keep(scope)))
        }
    }

    fn collect<'a>(scopes: impl Iterator<Item = &'a str>) -> Self {
        let mut set = Self::default();
        scopes.for_each(|scope| set.insert(scope));
        set
    }

    fn insert(&mut self, scope: &str) {
        if scope.is_empty() || self.contains(scope) {
            return;
        }
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        self.0.push_str(scope);
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which scopes the bearer of a role may have; a user may have those of all roles held. By default nobody has any.
#[derive(Debug, Clone, Default)]
pub struct RoleScopes(Vec<(String, Scopes)>);

impl RoleScopes {
    /// Nobody has any scope.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what `role` may have.
    #[must_use]
    pub fn with(mut self, role: impl Into<String>, scopes: Scopes) -> Self {
        self.0.push((role.into(), scopes));
        self
    }

    /// What the bearer of every role may have.
    pub(crate) fn all(&self) -> Scopes {
        self.allowed(self.0.iter().map(|(role, _)| role.as_str()))
    }

    /// Whether the bearer of this role may have the scope.
    pub(crate) fn grants(&self, role: &str, scope: &str) -> bool {
        self.0.iter().any(|(name, scopes)| name == role && scopes.contains(scope))
    }

    /// What the bearer of these roles may have.
    pub(crate) fn allowed<'a>(&self, roles: impl Iterator<Item = &'a str>) -> Scopes {
        let mut allowed = Scopes::default();
        for role in roles {
            let granted = self.0.iter().filter(|(name, _)| name == role);
            granted.flat_map(|(_, scopes)| scopes.iter()).for_each(|scope| allowed.insert(scope));
        }
        allowed
    }
}

/// Declares an application's scopes: an enum, and a module with one type per scope that guards can name.
///
/// The enum gets `as_str`, `ALL`, `FromStr`, `Display` and serde's traits; each type in the module is a
/// [`Policy`](crate::Policy), and [`AllOf`](crate::AllOf) asks for several. A scope that does not exist does not compile,
/// and neither do two of one name, nor a name that is no scope (RFC 6749 §3.3).
///
/// ```
/// use gatewright_core::{AllOf, Policy};
///
/// gatewright_core::scopes! {
///     /// What a token may be good for.
///     pub enum Scope: scope { ItemsRead = "items:read", ItemsWrite = "items:write" }
/// }
///
/// let both = <AllOf<(scope::ItemsRead, scope::ItemsWrite)> as Policy>::REQUIREMENT;
/// assert_eq!(both.scopes(), ["items:read", "items:write"]);
/// assert_eq!("items:read".parse::<Scope>(), Ok(Scope::ItemsRead));
/// ```
///
/// ```compile_fail
/// gatewright_core::scopes! { pub enum Scope: scope { Read = "items read" } }
/// ```
#[macro_export]
macro_rules! scopes {
    ($(#[$meta:meta])* $vis:vis enum $name:ident : $module:ident {
        $($(#[$variant_meta:meta])* $variant:ident = $text:literal),+ $(,)?
    }) => {
        const _: () = $crate::assert_scopes(&[$($text),+]);

        $crate::__named! {
            ($(#[$meta])*) $vis $name $module "scope"
            ($crate::InvalidScopes) Scope
            $($(#[$variant_meta])* $variant = $text),+
        }
    };
}

/// For [`scopes!`](crate::scopes): stops the compiler at a name that is no scope.
#[doc(hidden)]
#[expect(clippy::indexing_slicing, reason = "const fn: no iterators; the bounds stand in the loops")]
pub const fn assert_scopes(names: &[&str]) {
    let mut name = 0;
    while name < names.len() {
        let bytes = names[name].as_bytes();
        assert!(!bytes.is_empty(), "a scope has a name");
        let mut at = 0;
        while at < bytes.len() {
            assert!(is_scope_byte(bytes[at]), "not a scope: RFC 6749 section 3.3");
            at += 1;
        }
        name += 1;
    }
}

/// Whether a text is one scope.
pub(crate) fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_scope_byte)
}

/// RFC 6749 §3.3: `scope-token = 1*( %x21 / %x23-5B / %x5D-7E )`.
const fn is_scope_byte(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_backslashes_controls_and_other_alphabets_are_no_scope_characters() {
        for text in ["a\"b", "a\\b", "a\tb", "a\nb", "\u{e9}", "a\u{7f}"] {
            assert_eq!(Scopes::parse(text), Err(InvalidScopes {}), "{text:?}");
        }
        assert!(Scopes::parse(&"a".repeat(MAX_SCOPES_BYTES + 1)).is_err());
    }

    #[test]
    fn a_scope_is_compared_whole_and_with_case() {
        let scopes = Scopes::parse("admin:writer  Read").unwrap();
        assert_eq!(scopes.as_str(), "admin:writer Read");
        assert!(!scopes.contains("admin:write") && !scopes.contains("read") && !scopes.contains(""));
    }

    #[test]
    fn a_user_may_have_the_scopes_of_all_roles_held() {
        let table = RoleScopes::new()
            .with("user", Scopes::parse("read").unwrap())
            .with("editor", Scopes::parse("read write").unwrap());
        assert_eq!(table.allowed(["user", "editor"].into_iter()).as_str(), "read write");
        assert_eq!(table.allowed(["User"].into_iter()).as_str(), "");
    }
}
