//! Roles: a name in the core, an enum in the application.

use std::fmt;
use std::str::FromStr;

/// The longest role name, in bytes.
pub const MAX_ROLE_BYTES: usize = 64;

/// A role's name: 1 to [`MAX_ROLE_BYTES`] bytes of visible ASCII.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleName(String);

/// What becomes of a user's sessions when the role changes. The new role counts from the next request on in either case:
/// roles are read from the store and are no part of a token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoleChange {
    /// They go on with the new role.
    #[default]
    KeepSessions,
    /// They end, and the user logs in again.
    EndSessions,
}

/// The text is not a role.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("not a known role")]
pub struct UnknownRole {}

impl RoleName {
    /// Takes the name as it is.
    ///
    /// # Errors
    /// When it is empty, too long or holds anything but visible ASCII.
    pub fn new(name: impl Into<String>) -> Result<Self, UnknownRole> {
        let name = name.into();
        let fits = (1..=MAX_ROLE_BYTES).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic());
        if fits { Ok(Self(name)) } else { Err(UnknownRole {}) }
    }

    /// The name.
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
/// The enum gets `as_str`, `name`, `ALL`, `FromStr`, `Display` and serde's traits; each type in the module is a
/// [`Policy`](crate::Policy). A role that does not exist does not compile, and neither do two roles of one name.
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
            /// The role's name as the account store takes it.
            ///
            /// # Errors
            /// When the declared text is not a role name.
            $vis fn name(self) -> ::core::result::Result<$crate::RoleName, $crate::UnknownRole> {
                $crate::RoleName::new(self.as_str())
            }
        }
    };
}

/// For [`roles!`](crate::roles): stops the compiler at a name that is no role.
#[doc(hidden)]
#[expect(clippy::indexing_slicing, reason = "const fn: no iterators; the bounds stand in the loops")]
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
