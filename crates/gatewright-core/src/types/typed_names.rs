//! An application's role and scope names as types: the common part of [`roles!`](crate::roles) and
//! [`scopes!`](crate::scopes).

/// For [`roles!`](crate::roles) and [`scopes!`](crate::scopes): an enum of names, and a module with one
/// [`Policy`](crate::Policy) per name.
#[doc(hidden)]
#[macro_export]
macro_rules! __named {
    (
        ($($meta:tt)*) $vis:vis $name:ident $module:ident $what:literal
        ($error:path) $kind:ident
        $($(#[$variant_meta:meta])* $variant:ident = $text:literal),+
    ) => {
        $($meta)*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(clippy::exhaustive_enums, reason = "the application's own names, all of them")]
        $vis enum $name {
            $($(#[$variant_meta])* #[doc = concat!("`", $text, "`")] $variant),+
        }

        #[allow(dead_code, reason = "an application need not use all of what the macro gives")]
        impl $name {
            /// All variants, in the order of declaration.
            $vis const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name, as tokens and stores contain it.
            #[must_use]
            $vis const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        const _: () = $crate::assert_distinct(&[$($text),+]);

        impl ::core::str::FromStr for $name {
            type Err = $error;

            fn from_str(text: &str) -> ::core::result::Result<Self, $error> {
                match text {
                    $($text => ::core::result::Result::Ok(Self::$variant),)+
                    _ => ::core::result::Result::Err(<$error as ::core::default::Default>::default()),
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

        #[doc = concat!("One type per ", $what, ", for guards to name.")]
        #[allow(dead_code, reason = "an application need not use all of what the macro gives")]
        $vis mod $module {
            $(
                #[doc = concat!("Requires the ", $what, " `", $text, "`.")]
                #[derive(Debug, Clone, Copy)]
                pub struct $variant;

                impl $crate::Policy for $variant {
                    const REQUIREMENT: $crate::Requirement = $crate::__requirement!($kind $text);
                }
            )+
        }
    };
}

/// For [`roles!`](crate::roles) and [`scopes!`](crate::scopes).
#[doc(hidden)]
#[macro_export]
macro_rules! __requirement {
    (Role $text:literal) => {
        $crate::Requirement::Role($text)
    };
    (Scope $text:literal) => {
        $crate::Requirement::Scopes(&[$text])
    };
}

/// For [`roles!`](crate::roles) and [`scopes!`](crate::scopes): a compile-time check that the names differ.
#[doc(hidden)]
#[expect(clippy::indexing_slicing, reason = "const fn: no iterators; the loops check the bounds")]
pub const fn assert_distinct(names: &[&str]) {
    let mut left = 0;
    while left < names.len() {
        let mut right = left + 1;
        while right < names.len() {
            assert!(!same(names[left].as_bytes(), names[right].as_bytes()), "two of them share one name");
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
