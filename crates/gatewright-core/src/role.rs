//! Roles: a name in the core, an enum in the application.

use std::fmt;
use std::str::FromStr;

/// The longest role name, in bytes.
pub const MAX_ROLE_BYTES: usize = 64;

/// A role's name: 1 to [`MAX_ROLE_BYTES`] bytes of visible ASCII.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleName(String);

/// The text is not a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("not a known role")]
pub struct UnknownRole {}

impl UnknownRole {
    /// For [`roles!`](crate::roles).
    #[doc(hidden)]
    #[must_use]
    pub const fn new() -> Self {
        Self {}
    }
}

impl Default for UnknownRole {
    fn default() -> Self {
        Self::new()
    }
}

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
#[macro_export]
macro_rules! roles {
    ($(#[$meta:meta])* $vis:vis enum $name:ident : $module:ident { $($variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(clippy::exhaustive_enums, reason = "the application's own roles, all of them")]
        $vis enum $name {
            $(#[doc = concat!("`", $text, "`")] $variant),+
        }

        #[allow(dead_code, reason = "an application need not use all of what the macro gives")]
        impl $name {
            /// Every role, in the order of declaration.
            $vis const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The role's name as stores and tables keep it.
            #[must_use]
            $vis const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The role's name as the account store takes it.
            ///
            /// # Errors
            /// When the declared text is not a role name.
            $vis fn name(self) -> ::core::result::Result<$crate::RoleName, $crate::UnknownRole> {
                $crate::RoleName::new(self.as_str())
            }
        }

        const _: () = $crate::assert_distinct(&[$($text),+]);

        impl ::core::str::FromStr for $name {
            type Err = $crate::UnknownRole;

            fn from_str(text: &str) -> ::core::result::Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err($crate::UnknownRole::new()),
                }
            }
        }

        impl ::core::fmt::Display for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::serde::Serialize for $name {
            fn serialize<S: $crate::serde::Serializer>(&self, to: S) -> ::core::result::Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }

        impl<'de> $crate::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::serde::Deserializer<'de>>(from: D) -> ::core::result::Result<Self, D::Error> {
                let text = <::std::borrow::Cow<'de, str> as $crate::serde::Deserialize>::deserialize(from)?;
                text.parse().map_err($crate::serde::de::Error::custom)
            }
        }

        /// One type per role, for guards to name.
        $vis mod $module {
            $(
                #[doc = concat!("Requires the role `", $text, "`.")]
                #[derive(Debug, Clone, Copy)]
                pub struct $variant;

                impl $crate::Policy for $variant {
                    const REQUIREMENT: $crate::Requirement = $crate::Requirement::Role($text);
                }
            )+
        }
    };
}

/// For [`roles!`](crate::roles): stops the compiler when two names are one.
#[doc(hidden)]
#[expect(clippy::indexing_slicing, reason = "const fn: no iterators; the bounds stand in the loops")]
pub const fn assert_distinct(names: &[&str]) {
    let mut left = 0;
    while left < names.len() {
        let mut right = left + 1;
        while right < names.len() {
            assert!(!same(names[left].as_bytes(), names[right].as_bytes()), "two roles share one name");
            right += 1;
        }
        left += 1;
    }
}

#[expect(clippy::indexing_slicing, reason = "const fn: no iterators; the lengths are compared first")]
const fn same(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let mut at = 0;
    while at < left.len() {
        if left[at] != right[at] {
            return false;
        }
        at += 1;
    }
    true
}
