//! The roles that an application names: other roles are refused in the settings, and reported in users.

use std::collections::BTreeSet;

use super::build_error::BuildError;
use super::inner::Settings;
use super::shared::Shared;
use crate::event::Event;
use crate::store::AuthUser;
use crate::types::RoleName;

/// Checks that the settings name only roles of the application. Warns of roles without scopes.
pub(super) fn check_roles(settings: &Settings) -> Result<(), BuildError> {
    let Some(known) = &settings.roles else { return Ok(()) };
    let single = [
        ("registration_role", settings.registration_role.as_ref()),
        ("protected_role", settings.protected_role.as_ref()),
    ];
    let single = single.into_iter().filter_map(|(setting, role)| Some((setting, role?)));
    let scoped: BTreeSet<&RoleName> = settings.role_scopes.roles().collect();
    let scopes = scoped.iter().map(|role| ("role_scopes", *role));
    if let Some((setting, role)) = single.chain(scopes).find(|(_, role)| !known.contains(*role)) {
        return Err(BuildError::new(setting, "must be one of `with_roles`").with_found(role));
    }
    for role in known.iter().filter(|role| !scoped.is_empty() && !scoped.contains(role)) {
        let fix = "add the role to RoleScopes, with empty Scopes if that is meant";
        tracing::warn!(target: "gatewright", %role, fix, "users with this role get no scopes");
    }
    Ok(())
}

impl<U: AuthUser> Shared<U> {
    /// Reports a user with a role that the application does not have, at most once a minute, with a count.
    pub(crate) fn report_unknown_role(&self, user: &U) {
        let Some(known) = &self.settings.roles else { return };
        let Some(role) = user.roles().find(|role| !known.contains(*role)) else { return };
        if let Some(count) = self.unknown_roles.record(self.timer.now()) {
            self.emit(&Event::UnknownRole { user: &user.id(), role, count });
        }
    }
}
