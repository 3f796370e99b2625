//! OAuth 2.0 scopes (RFC 6749 §3.3): sets of case-sensitive words.

use std::fmt;
use std::str::FromStr;

use super::role::RoleName;

/// The longest list of scopes: 1,024 bytes, in requests and in sessions.
pub const MAX_SCOPES_BYTES: usize = 1024;

/// A set of scopes, stored as the space-separated text that tokens and replies carry. serde reads and
/// writes the same text.
///
/// ```
/// use gatewright::Scopes;
///
/// let requested = Scopes::parse("items:write items:read items:read")?;
/// let allowed = Scopes::parse("items:read")?;
/// assert_eq!(requested.intersection(&allowed).as_str(), "items:read");
/// assert!(!requested.contains("items:rea"));
/// # Ok::<(), gatewright::types::InvalidScopes>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scopes(String);

/// The text is not a list of scopes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("not a list of scopes")]
pub struct InvalidScopes {}

impl Scopes {
    /// Parses a list separated by spaces. Repeated scopes count once, and the order is kept.
    ///
    /// # Errors
    /// The text contains a character that RFC 6749 does not allow in a scope, or is longer than
    /// [`MAX_SCOPES_BYTES`].
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

    /// Iterates over the scopes, each once.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ').filter(|scope| !scope.is_empty())
    }

    /// Whether the set contains exactly this scope. There are no prefixes or wildcards.
    #[must_use]
    pub fn contains(&self, scope: &str) -> bool {
        self.iter().any(|own| own == scope)
    }

    /// Whether every scope of this set is in `other`.
    #[must_use]
    pub fn is_subset_of(&self, other: &Self) -> bool {
        self.iter().all(|scope| other.contains(scope))
    }

    /// The scopes in both sets, in the order of this set.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.filter(|scope| other.contains(scope))
    }

    /// The scopes in either set, those of this set first.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self::collect(self.iter().chain(other.iter()))
    }

    /// The scopes for which `keep` is true, usually all of them.
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

/// As [`Scopes::parse`].
impl FromStr for Scopes {
    type Err = InvalidScopes;

    fn from_str(text: &str) -> Result<Self, InvalidScopes> {
        Self::parse(text)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which scopes each role grants. A user may have the scopes of all of the user's roles.
///
/// ```
/// use gatewright::{RoleScopes, Scopes};
///
/// gatewright::roles! { pub enum Role: role { User = "user", Editor = "editor" } }
///
/// let scopes = RoleScopes::new()
///     .with(Role::User, Scopes::parse("items:read")?)
///     .with(Role::Editor, Scopes::parse("items:read items:write")?);
/// # let _ = scopes;
/// # Ok::<(), gatewright::types::InvalidScopes>(())
/// ```
#[doc(alias("permission", "rbac"))]
#[derive(Debug, Clone, Default)]
pub struct RoleScopes(Vec<(RoleName, Scopes)>);

impl RoleScopes {
    /// Grants no scopes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the scopes that `role` grants.
    #[must_use]
    pub fn with(mut self, role: impl Into<RoleName>, scopes: Scopes) -> Self {
        self.0.push((role.into(), scopes));
        self
    }

    /// The roles with an entry.
    pub(crate) fn roles(&self) -> impl Iterator<Item = &RoleName> {
        self.0.iter().map(|(role, _)| role)
    }

    /// The scopes of all roles together.
    pub(crate) fn all(&self) -> Scopes {
        self.allowed(self.0.iter().map(|(role, _)| role.as_str()))
    }

    /// Whether this role grants this scope.
    pub(crate) fn grants(&self, role: &str, scope: &str) -> bool {
        self.0.iter().any(|(name, scopes)| name.as_str() == role && scopes.contains(scope))
    }

    /// The scopes that these roles grant together.
    pub(crate) fn allowed<'a>(&self, roles: impl Iterator<Item = &'a str>) -> Scopes {
        let mut allowed = Scopes::default();
        for role in roles {
            let granted = self.0.iter().filter(|(name, _)| name.as_str() == role);
            granted.flat_map(|(_, scopes)| scopes.iter()).for_each(|scope| allowed.insert(scope));
        }
        allowed
    }
}

/// Declares an application's scopes: an enum, and a module with one type per scope that guards can name.
///
/// The enum gets `as_str`, `ALL`, `FromStr`, `Display` and serde's traits. Each type in the module is a
/// [`Policy`](crate::Policy), and [`AllOf`](crate::AllOf) requires several. An undeclared scope, two
/// scopes with one name, or an invalid name (RFC 6749 §3.3) does not compile.
///
/// ```
/// use gatewright::AllOf;
/// use gatewright::types::Policy;
///
/// gatewright::scopes! {
///     /// What a token allows.
///     pub enum Scope: scope { ItemsRead = "items:read", ItemsWrite = "items:write" }
/// }
///
/// let both = <AllOf<(scope::ItemsRead, scope::ItemsWrite)> as Policy>::REQUIREMENT;
/// assert_eq!(both.scopes(), ["items:read", "items:write"]);
/// assert_eq!("items:read".parse::<Scope>(), Ok(Scope::ItemsRead));
/// ```
///
/// ```compile_fail
/// gatewright::scopes! { pub enum Scope: scope { Read = "items read" } }
/// ```
#[doc(alias("permission"))]
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

/// For [`scopes!`](crate::scopes): a compile-time check that every name is a valid scope.
#[doc(hidden)]
#[expect(clippy::indexing_slicing, reason = "const fn: no iterators; the loops check the bounds")]
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

/// Whether the text is a single valid scope.
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
    fn only_the_characters_of_rfc_6749_parse_as_scopes() {
        for text in ["a\"b", "a\\b", "a\tb", "a\nb", "\u{e9}", "a\u{7f}"] {
            assert_eq!(Scopes::parse(text), Err(InvalidScopes {}), "{text:?}");
        }
        assert!(Scopes::parse(&"a".repeat(MAX_SCOPES_BYTES + 1)).is_err());
    }

    #[test]
    fn scopes_compare_whole_and_case_sensitive() {
        let scopes = Scopes::parse("admin:writer  Read").unwrap();
        assert_eq!(scopes.as_str(), "admin:writer Read");
        assert!(!scopes.contains("admin:write") && !scopes.contains("read") && !scopes.contains(""));
    }

    #[test]
    fn a_user_may_have_the_scopes_of_all_roles() {
        let table = RoleScopes::new()
            .with(RoleName::from_static("user"), Scopes::parse("read").unwrap())
            .with(RoleName::from_static("editor"), Scopes::parse("read write").unwrap());
        assert_eq!(table.allowed(["user", "editor"].into_iter()).as_str(), "read write");
        assert_eq!(table.allowed(["User"].into_iter()).as_str(), "");
    }
}
