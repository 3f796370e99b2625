//! Roles, scopes, items, and the JSON that the service takes and sends.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use gatewright::error::{FieldProblem, RequestError};
use gatewright::token::VerifiedClaims;
use gatewright::types::{UnknownRole, Username};
use gatewright::{Account, AuthUser, Identity, RoleName, Scopes};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

gatewright::roles! {
    /// The roles of the service.
    pub enum Role: role { User = "user", Moderator = "moderator", Admin = "admin" }
}

gatewright::scopes! {
    /// The scopes of tokens and API keys.
    pub enum Scope: scope { ItemsRead = "items:read", ItemsWrite = "items:write", Introspect = "introspect" }
}

/// The maximum size of a body that the service's own routes read, in bytes.
pub const MAX_BODY_BYTES: usize = 16 * 1024;

/// The maximum number of items. Adding one more removes the oldest.
pub const MAX_ITEMS: usize = 1_000;

/// The maximum length of an item's name, in bytes.
pub const MAX_ITEM_NAME_BYTES: usize = 200;

/// The answer to a health check.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    status: &'static str,
}

impl Health {
    /// The service is running.
    pub const OK: Self = Self { status: "ok" };
}

/// Data for services with an API key.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExternalData {
    data: &'static str,
}

impl ExternalData {
    /// All data.
    pub const ALL: Self = Self { data: "for services" };
}

/// The public keys of the tokens (RFC 7517 §5).
#[derive(Debug, Serialize, ToSchema)]
pub struct KeySet {
    keys: Vec<serde_json::Value>,
}

/// The caller, with the scopes of the token.
#[derive(Debug, Serialize, ToSchema)]
pub struct Me<'a> {
    id: &'a str,
    email: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    roles: Vec<&'a str>,
    scopes: Vec<&'a str>,
}

impl<'a> From<&'a Identity> for Me<'a> {
    fn from(caller: &'a Identity) -> Self {
        let User { id, email, username, roles, .. } = User::from(&**caller.user());
        Self { id, email, username, roles, scopes: caller.scopes().iter().collect() }
    }
}

/// The caller of a route that does not require a token.
#[derive(Debug, Serialize, ToSchema)]
pub struct Maybe<'a> {
    user: Option<Me<'a>>,
}

impl<'a> From<Option<&'a Identity>> for Maybe<'a> {
    fn from(caller: Option<&'a Identity>) -> Self {
        Self { user: caller.map(Me::from) }
    }
}

/// The claims of a token.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenClaims<'a> {
    sub: &'a str,
    scope: &'a str,
    sid: Option<String>,
    iat: u64,
    exp: u64,
}

impl<'a> From<&'a VerifiedClaims> for TokenClaims<'a> {
    fn from(claims: &'a VerifiedClaims) -> Self {
        Self {
            sub: claims.subject().as_str(),
            scope: claims.scopes().as_str(),
            sid: claims.session().map(|id| id.to_string()),
            iat: claims.issued_at().as_seconds(),
            exp: claims.expires_at().as_seconds(),
        }
    }
}

/// A user, as an administrator sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct User<'a> {
    id: &'a str,
    email: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    /// In alphabetical order.
    roles: Vec<&'a str>,
    is_active: bool,
}

impl<'a> From<&'a Account> for User<'a> {
    fn from(account: &'a Account) -> Self {
        let (id, email, roles) = (account.id.as_str(), account.email.as_str(), account.roles().collect());
        let username = account.username.as_ref().map(Username::as_str);
        Self { id, email, username, roles, is_active: account.is_active }
    }
}

/// A change of a user by an administrator.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Patch {
    /// The new roles, at least one, in place of all present ones. Left out, the roles do not change.
    #[schema(min_items = 1)]
    pub roles: Option<Vec<String>>,
    /// Whether the user may log in. Left out, this does not change.
    pub is_active: Option<bool>,
}

impl Patch {
    /// The new roles, if they are to change.
    ///
    /// # Errors
    /// `roles` is empty, or contains a role that the service does not have.
    pub fn new_roles(&self) -> Result<Option<BTreeSet<RoleName>>, UnknownRole> {
        let Some(names) = &self.roles else { return Ok(None) };
        let roles: Result<BTreeSet<RoleName>, UnknownRole> =
            names.iter().map(|name| Ok(name.parse::<Role>()?.into())).collect();
        roles.and_then(|roles| if roles.is_empty() { Err(UnknownRole::default()) } else { Ok(Some(roles)) })
    }
}

/// The number of users.
#[derive(Debug, Serialize, ToSchema)]
pub struct Stats {
    /// All users.
    pub users: u64,
    /// The users who may log in.
    pub active_users: u64,
}

/// An item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Item {
    id: u64,
    name: String,
}

/// An item to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewItem {
    #[schema(min_length = 1, max_length = 200)]
    name: String,
}

/// The service's items, in memory.
#[derive(Debug, Default)]
pub struct Items(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last_id: u64,
    items: VecDeque<Item>,
}

impl Items {
    /// All items, oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<Item> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.items.iter().cloned().collect()
    }

    /// Adds an item with the next id.
    ///
    /// # Errors
    /// [`RequestError::Field`] if the name is empty or longer than [`MAX_ITEM_NAME_BYTES`].
    pub fn add(&self, NewItem { name }: NewItem) -> Result<Item, RequestError> {
        let refuse = |problem| Err(RequestError::Field { name: "name", problem });
        match name.len() {
            0 => return refuse(FieldProblem::Empty),
            1..=MAX_ITEM_NAME_BYTES => {}
            _ => return refuse(FieldProblem::Invalid),
        }
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.last_id += 1;
        let item = Item { id: state.last_id, name };
        if state.items.len() == MAX_ITEMS {
            state.items.pop_front();
        }
        state.items.push_back(item.clone());
        Ok(item)
    }
}

/// The scopes that a user with this role may have.
///
/// # Errors
/// Never: the names of the scopes above are valid.
pub fn scopes_of(role: Role) -> Result<Scopes, gatewright::types::InvalidScopes> {
    let scopes: &[Scope] = match role {
        Role::User => &[Scope::ItemsRead],
        Role::Moderator => &[Scope::ItemsRead, Scope::ItemsWrite],
        Role::Admin => &[Scope::ItemsRead, Scope::ItemsWrite, Scope::Introspect],
    };
    let names: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
    Scopes::parse(&names.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_items_are_removed_and_ids_are_not_reused() {
        let items = Items::default();
        let add = |name: &str| items.add(NewItem { name: name.to_owned() });
        let refused = |name: &str| add(name).unwrap_err().to_string();
        assert_eq!(refused(""), "name is empty");
        assert_eq!(refused(&"x".repeat(MAX_ITEM_NAME_BYTES + 1)), "name is invalid");
        for _ in 0..=MAX_ITEMS {
            add("x").unwrap();
        }
        let listed = items.list();
        assert_eq!((listed.len(), listed.first().unwrap().id), (MAX_ITEMS, 2));
    }
}
