//! Requirements: the roles and scopes that a route requires of its caller, as a value and as a type.

use std::marker::PhantomData;

/// The roles and scopes that a route requires, besides a valid credential.
///
/// Everything is `'static`. So a requirement can be a constant, shared by the guard that enforces it and
/// the document that describes it.
///
/// ```
/// use gatewright::types::Requirement;
///
/// const STAFF: Requirement = Requirement::AnyOf(&[Requirement::Role("moderator"), Requirement::Role("admin")]);
/// const EDITORS: Requirement = Requirement::AllOf(&[STAFF, Requirement::Scopes(&["items:write"])]);
/// assert_ne!(STAFF, EDITORS);
/// ```
#[doc(alias("permission"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Requirement {
    /// Any valid credential.
    Authenticated,
    /// This role.
    Role(&'static str),
    /// All of these scopes.
    Scopes(&'static [&'static str]),
    /// At least one of these requirements. An empty list rejects every caller.
    AnyOf(&'static [Requirement]),
    /// Every one of these requirements.
    AllOf(&'static [Requirement]),
}

/// Whether a requirement is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Verdict {
    Met,
    Missing,
}

/// The roles and scopes that a caller lacks, each once.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) roles: Vec<&'static str>,
    pub(crate) scopes: Vec<&'static str>,
}

impl Requirement {
    /// Evaluates the requirement for a caller with these roles and effective scopes.
    pub(crate) fn evaluate(
        &self,
        has_role: &dyn Fn(&str) -> bool,
        has_scope: &dyn Fn(&str) -> bool,
    ) -> Verdict {
        if self.is_met(has_role, has_scope) { Verdict::Met } else { Verdict::Missing }
    }

    fn is_met(&self, has_role: &dyn Fn(&str) -> bool, has_scope: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Self::Authenticated => true,
            Self::Role(role) => has_role(role),
            Self::Scopes(scopes) => scopes.iter().all(|scope| has_scope(scope)),
            Self::AnyOf(parts) => parts.iter().any(|part| part.is_met(has_role, has_scope)),
            Self::AllOf(parts) => parts.iter().all(|part| part.is_met(has_role, has_scope)),
        }
    }

    /// What a caller with these roles and effective scopes lacks to meet the requirement. Of a choice that is not
    /// met, it is every part.
    pub(crate) fn missing(
        &self,
        has_role: &dyn Fn(&str) -> bool,
        has_scope: &dyn Fn(&str) -> bool,
    ) -> Missing {
        let mut missing = Missing::default();
        self.add_missing(&mut missing, has_role, has_scope);
        missing
    }

    fn add_missing(
        &self,
        missing: &mut Missing,
        has_role: &dyn Fn(&str) -> bool,
        has_scope: &dyn Fn(&str) -> bool,
    ) {
        let add = |names: &mut Vec<&'static str>, name| {
            if !names.contains(&name) {
                names.push(name);
            }
        };
        match self {
            _ if self.is_met(has_role, has_scope) => {}
            Self::Authenticated => {}
            Self::Role(role) => add(&mut missing.roles, *role),
            Self::Scopes(scopes) => {
                scopes
                    .iter()
                    .filter(|scope| !has_scope(scope))
                    .for_each(|scope| add(&mut missing.scopes, *scope));
            }
            Self::AnyOf(parts) | Self::AllOf(parts) => {
                parts.iter().for_each(|part| part.add_missing(missing, has_role, has_scope));
            }
        }
    }

    /// Every scope in the requirement, each once. The challenge of a 403 names them (RFC 6750 §3).
    #[must_use]
    pub fn scopes(&self) -> Vec<&'static str> {
        let mut named = Vec::new();
        self.name_scopes(&mut named);
        named
    }

    fn name_scopes(&self, named: &mut Vec<&'static str>) {
        match self {
            Self::Authenticated | Self::Role(_) => {}
            Self::Scopes(scopes) => {
                for scope in *scopes {
                    if !named.contains(scope) {
                        named.push(scope);
                    }
                }
            }
            Self::AnyOf(parts) | Self::AllOf(parts) => parts.iter().for_each(|part| part.name_scopes(named)),
        }
    }
}

/// A requirement as a type, for the type parameter of an extractor. [`roles!`](crate::roles) and
/// [`scopes!`](crate::scopes) define one type per role and per scope.
///
/// ```
/// use gatewright::AnyOf;
/// use gatewright::types::{Policy, Requirement};
///
/// gatewright::roles! { pub enum Role: role { Moderator = "moderator", Admin = "admin" } }
/// type Staff = AnyOf<(role::Moderator, role::Admin)>;
///
/// const ROLES: &[Requirement] = &[Requirement::Role("moderator"), Requirement::Role("admin")];
/// assert_eq!(Staff::REQUIREMENT, Requirement::AnyOf(ROLES));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a policy",
    label = "a guard needs a type that says what is required",
    note = "the enum of `roles!` or `scopes!` stands for all its names: name one type of the module beside it, as in \
            `Authorized<role::Admin>`, or combine several with `AnyOf<(..)>` or `AllOf<(..)>`"
)]
pub trait Policy: Send + Sync + 'static {
    /// The requirement that this type represents.
    const REQUIREMENT: Requirement;
}

/// Any valid credential.
#[derive(Debug, Clone, Copy)]
pub struct Authenticated;

impl Policy for Authenticated {
    const REQUIREMENT: Requirement = Requirement::Authenticated;
}

/// At least one policy of a tuple of up to six: `AnyOf<(role::Moderator, role::Admin)>`.
#[derive(Debug, Clone, Copy)]
pub struct AnyOf<T>(PhantomData<fn() -> T>);

/// Every policy of a tuple of up to six: `AllOf<(role::User, scope::ItemsWrite)>`.
#[derive(Debug, Clone, Copy)]
pub struct AllOf<T>(PhantomData<fn() -> T>);

macro_rules! tuples {
    ($($name:ident)+) => {
        impl<$($name: Policy),+> Policy for AnyOf<($($name,)+)> {
            const REQUIREMENT: Requirement = Requirement::AnyOf(&[$($name::REQUIREMENT),+]);
        }

        impl<$($name: Policy),+> Policy for AllOf<($($name,)+)> {
            const REQUIREMENT: Requirement = Requirement::AllOf(&[$($name::REQUIREMENT),+]);
        }
    };
}

tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluate(requirement: Requirement, roles: &[&str], scopes: &[&str]) -> Verdict {
        requirement.evaluate(&|role| roles.contains(&role), &|scope| scopes.contains(&scope))
    }

    #[test]
    fn every_named_scope_is_required() {
        let both = Requirement::Scopes(&["read", "write"]);
        assert_eq!(evaluate(both, &[], &["write", "read"]), Verdict::Met);
        assert_eq!(evaluate(both, &["read", "write"], &["read"]), Verdict::Missing);
    }

    #[test]
    fn an_empty_choice_rejects_every_caller() {
        assert_eq!(evaluate(Requirement::AnyOf(&[]), &["admin"], &["all"]), Verdict::Missing);
    }

    #[test]
    fn missing_names_are_those_that_the_caller_lacks() {
        const STAFF: Requirement =
            Requirement::AnyOf(&[Requirement::Role("moderator"), Requirement::Role("admin")]);
        const BOTH: Requirement = Requirement::Scopes(&["read", "write", "write"]);
        const EDITORS: Requirement = Requirement::AllOf(&[STAFF, BOTH, Requirement::Role("admin")]);
        type Names = &'static [&'static str];
        let cases: [(Requirement, Names, Names, Names, Names); 8] = [
            (STAFF, &["user"], &[], &["moderator", "admin"], &[]),
            (STAFF, &["admin"], &[], &[], &[]),
            (BOTH, &[], &["read"], &[], &["write"]),
            (BOTH, &[], &[], &[], &["read", "write"]),
            (EDITORS, &["moderator"], &["read"], &["admin"], &["write"]),
            (EDITORS, &[], &["read", "write"], &["moderator", "admin"], &[]),
            (Requirement::AnyOf(&[]), &["admin"], &["read"], &[], &[]),
            (Requirement::Authenticated, &[], &[], &[], &[]),
        ];
        for (requirement, roles, scopes, missing_roles, missing_scopes) in cases {
            let missing =
                requirement.missing(&|role| roles.contains(&role), &|scope| scopes.contains(&scope));
            assert_eq!(
                (&missing.roles[..], &missing.scopes[..]),
                (missing_roles, missing_scopes),
                "{requirement:?}"
            );
        }
    }

    #[test]
    fn policies_combine_like_requirements() {
        struct Admin;
        impl Policy for Admin {
            const REQUIREMENT: Requirement = Requirement::Role("admin");
        }
        struct Reader;
        impl Policy for Reader {
            const REQUIREMENT: Requirement = Requirement::Scopes(&["read"]);
        }
        let any = AnyOf::<(Admin, Reader)>::REQUIREMENT;
        let all = AllOf::<(Admin, Reader)>::REQUIREMENT;
        assert_eq!(evaluate(any, &["admin"], &[]), Verdict::Met);
        assert_eq!(evaluate(any, &[], &["read"]), Verdict::Met);
        assert_eq!(evaluate(any, &["user"], &["write"]), Verdict::Missing);
        assert_eq!(evaluate(all, &["admin"], &[]), Verdict::Missing);
        assert_eq!(evaluate(all, &["admin"], &["read"]), Verdict::Met);
        assert_eq!(all.scopes(), ["read"]);
    }
}
