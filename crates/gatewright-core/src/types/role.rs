//! Roles: a name in the core, an enum in the application.

use std::fmt;
use std::str::FromStr;

/// The longest role name: 64 bytes.
pub const MAX_ROLE_BYTES: usize = 64;

/// The name of a role: 1 to [`MAX_ROLE_BYTES`] bytes of visible ASCII.
///
/// ```
/// use gatewright_core::RoleName;
///
/// assert_eq!(RoleName::new("admin")?.as_str(), "admin");
/// assert!(RoleName::new("power user").is_err());
/// # Ok::<(), gatewright_core::UnknownRole>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleName(String);

/// What happens to a user's sessions when the role changes.
///
/// In both cases the new role applies from the next request on: guards read roles from the store, not
/// from the token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoleChange {
    /// They continue with the new role.
    #[default]
    KeepSessions,
    /// They are deleted, and the user logs in again.
    EndSessions,
}

/// The text is not the name of a role.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("not a known role")]
pub struct UnknownRole {}

impl RoleName {
    /// Creates a role name, unchanged.
    ///
    /// # Errors
    /// The name is empty, longer than [`MAX_ROLE_BYTES`], or contains anything but visible ASCII.
    pub fn new(name: impl Into<String>) -> Result<Self, UnknownRole> {
        let name = name.into();
        let fits = (1..=MAX_ROLE_BYTES).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic());
        if fits { Ok(Self(name)) } else { Err(UnknownRole {}) }
    }

    /// The text of the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RoleName {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::new(text)
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Declares an application's roles: an enum, and a module with one type per role that guards can name.
///
/// The enum gets `as_str`, `name`, `ALL`, `FromStr`, `Display` and serde's traits. Each type in the module
/// is a [`Policy`](crate::Policy). An undeclared role, two roles with one name, or an invalid name does
/// not compile.
///
/// ```
/// use gatewright_core::{Policy, Requirement};
///
/// gatewright_core::roles! {
///     /// Who may do what.
///     pub enum Role: role { User = "user", Admin = "admin" }
/// }
///
/// assert_eq!(<role::Admin as Policy>::REQUIREMENT, Requirement::Role("admin"));
/// assert_eq!("user".parse::<Role>(), Ok(Role::User));
/// assert!("Admin".parse::<Role>().is_err());
/// ```
///
/// ```compile_fail
/// gatewright_core::roles! { pub enum Role: role { User = "user", Admin = "user" } }
/// ```
///
/// ```compile_fail
/// gatewright_core::roles! { pub enum Role: role { PowerUser = "power user" } }
/// ```
#[macro_export]
macro_rules! roles {
    ($(#[$meta:meta])* $vis:vis enum $name:ident : $module:ident {
        $($(#[$variant_meta:meta])* $variant:ident = $text:literal),+ $(,)?
    }) => {
        const _: () = $crate::assert_roles(&[$($text),+]);

        $crate::__named! {
            ($(#[$meta])*) $vis $name $module "role"
            ($crate::UnknownRole) Role
            $($(#[$variant_meta])* $variant = $text),+
        }

        #[allow(dead_code, reason = "an application need not use all of what the macro gives")]
        impl $name {
            /// The name, for the account store and the builder.
            ///
            /// # Errors
            /// The declared text is not a role name. The macro checks it, so this does not happen.
            $vis fn name(self) -> ::core::result::Result<$crate::RoleName, $crate::UnknownRole> {
                $crate::RoleName::new(self.as_str())
            }
        }
    };
}

/// For [`roles!`](crate::roles): a compile-time check that every name is a valid role name.
#[doc(hidden)]
#[expect(clippy::indexing_slicing, reason = "const fn: no iterators; the loops check the bounds")]
pub const fn assert_roles(names: &[&str]) {
    let mut name = 0;
    while name < names.len() {
        let bytes = names[name].as_bytes();
        assert!(!bytes.is_empty() && bytes.len() <= MAX_ROLE_BYTES, "a role has a name of at most 64 bytes");
        let mut at = 0;
        while at < bytes.len() {
            assert!(bytes[at].is_ascii_graphic(), "a role's name is visible ASCII without spaces");
            at += 1;
        }
        name += 1;
    }
}
