//! Roles: a name in the core, an enum in the application.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::str::FromStr;

/// The longest role name: 64 bytes.
pub const MAX_ROLE_BYTES: usize = 64;

/// The name of a role: 1 to [`MAX_ROLE_BYTES`] bytes of visible ASCII. serde reads and writes it as text.
///
/// ```
/// use gatewright::RoleName;
///
/// assert_eq!(RoleName::new("admin")?.as_str(), "admin");
/// assert!(RoleName::new("power user").is_err());
/// # Ok::<(), gatewright::types::UnknownRole>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleName(Cow<'static, str>);

/// The roles of an application, as an enum. [`roles!`](crate::roles) implements it.
///
/// [`AuthBuilder::with_roles`](crate::AuthBuilder::with_roles) takes it.
pub trait RoleEnum: Copy + Into<RoleName> + 'static {
    /// All roles, in the order of declaration.
    const ROLES: &'static [Self];
}

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
        if is_role(&name) { Ok(Self(Cow::Owned(name))) } else { Err(UnknownRole {}) }
    }

    /// Creates a role name from a literal. An invalid name of a constant does not compile.
    ///
    /// Names that are not literals, such as those of a request or a file, go through [`new`](Self::new). An
    /// application that declares its roles with [`roles!`](crate::roles) needs neither.
    ///
    /// ```
    /// use gatewright::RoleName;
    ///
    /// const ADMIN: RoleName = RoleName::from_static("admin");
    /// assert_eq!(ADMIN.as_str(), "admin");
    /// ```
    ///
    /// ```compile_fail
    /// # use gatewright::RoleName;
    /// const ADMIN: RoleName = RoleName::from_static("power user");
    /// ```
    ///
    /// # Panics
    /// If the name is invalid and the call is not in a constant.
    #[must_use]
    pub const fn from_static(name: &'static str) -> Self {
        assert!(is_role(name), "a role's name is 1 to 64 bytes of visible ASCII");
        Self(Cow::Borrowed(name))
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

impl Borrow<str> for RoleName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Declares an application's roles: an enum, and a module with one type per role that guards can name.
///
/// The enum gets `as_str`, `ALL`, `FromStr`, `Display` and serde's traits, and converts into a
/// [`RoleName`]. It is a [`RoleEnum`](crate::RoleEnum). Each type in the module is a [`Policy`](crate::Policy). An undeclared role, two roles with one name, or an invalid name does
/// not compile.
///
/// ```
/// use gatewright::RoleName;
/// use gatewright::types::{Policy, Requirement};
///
/// gatewright::roles! {
///     /// Who may do what.
///     pub enum Role: role { User = "user", Admin = "admin" }
/// }
///
/// assert_eq!(<role::Admin as Policy>::REQUIREMENT, Requirement::Role("admin"));
/// assert_eq!("user".parse::<Role>(), Ok(Role::User));
/// assert!("Admin".parse::<Role>().is_err());
/// assert_eq!(RoleName::from(Role::Admin).as_str(), "admin");
/// ```
///
/// ```compile_fail
/// gatewright::roles! { pub enum Role: role { User = "user", Admin = "user" } }
/// ```
///
/// ```compile_fail
/// gatewright::roles! { pub enum Role: role { PowerUser = "power user" } }
/// ```
#[doc(alias("permission", "rbac"))]
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

        impl $crate::RoleEnum for $name {
            const ROLES: &'static [Self] = Self::ALL;
        }

        impl ::core::convert::From<$name> for $crate::RoleName {
            fn from(role: $name) -> Self {
                Self::from_static(role.as_str())
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
        assert!(is_role(names[name]), "a role's name is 1 to 64 bytes of visible ASCII without spaces");
        name += 1;
    }
}

#[expect(clippy::indexing_slicing, reason = "const fn: no iterators; the loop checks the bounds")]
const fn is_role(name: &str) -> bool {
    let bytes = name.as_bytes();
    let mut at = 0;
    while at < bytes.len() && bytes[at].is_ascii_graphic() {
        at += 1;
    }
    at == bytes.len() && 0 < at && at <= MAX_ROLE_BYTES
}
