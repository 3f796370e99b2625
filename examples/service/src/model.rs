//! What the service keeps, what it takes and what it answers.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use gatewright::{Account, Identity, RequestError, Scopes, VerifiedClaims};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

gatewright::roles! {
    /// Who may do what.
    pub enum Role: role { User = "user", Moderator = "moderator", Admin = "admin" }
}

gatewright::scopes! {
    /// What a token, or an API key, may be good for.
    pub enum Scope: scope { ItemsRead = "items:read", ItemsWrite = "items:write", Introspect = "introspect" }
}

/// The largest body of a request to the service's own routes, in bytes.
pub const MAX_BODY_BYTES: usize = 16 * 1024;

/// How many items are kept; the oldest give way.
pub const MAX_ITEMS: usize = 1_000;

/// The longest name of an item, in bytes.
pub const MAX_ITEM_NAME_BYTES: usize = 200;

/// That the service answers.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    status: &'static str,
}

impl Health {
    /// It does.
    pub const OK: Self = Self { status: "ok" };
}

/// Something for services.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExternalData {
    data: &'static str,
}

impl ExternalData {
    /// All there is.
    pub const ALL: Self = Self { data: "for services" };
}

/// The public keys of the tokens (RFC 7517 §5).
#[derive(Debug, Serialize, ToSchema)]
pub struct KeySet {
    keys: Vec<serde_json::Value>,
}

/// A user as that user sees it, with what the token at hand may do.
#[derive(Debug, Serialize, ToSchema)]
pub struct Me<'a> {
    id: &'a str,
    email: &'a str,
    role: &'a str,
    scopes: Vec<&'a str>,
}

impl<'a> From<&'a Identity> for Me<'a> {
    fn from(caller: &'a Identity) -> Self {
        let User { id, email, role, .. } = User::from(&**caller.user());
        Self { id, email, role, scopes: caller.scopes().iter().collect() }
    }
}

/// The caller of a route that nobody in particular may call as well.
#[derive(Debug, Serialize, ToSchema)]
pub struct Maybe<'a> {
    user: Option<Me<'a>>,
}

impl<'a> From<Option<&'a Identity>> for Maybe<'a> {
    fn from(caller: Option<&'a Identity>) -> Self {
        Self { user: caller.map(Me::from) }
    }
}

/// What a token says of itself.
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
            sub: claims.subject.as_str(),
            scope: claims.scopes.as_str(),
            sid: claims.session.map(|id| id.to_string()),
            iat: claims.issued_at.as_seconds(),
            exp: claims.expires_at.as_seconds(),
        }
    }
}

/// A user as an administrator sees one.
#[derive(Debug, Serialize, ToSchema)]
pub struct User<'a> {
    id: &'a str,
    email: &'a str,
    role: &'a str,
    is_active: bool,
}

impl<'a> From<&'a Account> for User<'a> {
    fn from(account: &'a Account) -> Self {
        let (id, email, role) = (account.id.as_str(), account.email.as_str(), account.role.as_str());
        Self { id, email, role, is_active: account.is_active }
    }
}

/// What an admin may change of a user.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Patch {
    /// The new role, if it changes.
    pub role: Option<String>,
    /// Whether the user may log in, if that changes.
    pub is_active: Option<bool>,
}

/// How many users there are.
#[derive(Debug, Serialize, ToSchema)]
pub struct Stats {
    /// All of them.
    pub users: u64,
    /// Those who may log in.
    pub active_users: u64,
}

/// An item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Item {
    id: u64,
    name: String,
}

/// An item to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewItem {
    #[schema(min_length = 1, max_length = 200)]
    name: String,
}

/// The service's items, in memory.
#[derive(Debug, Default)]
pub struct Items(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    last_id: u64,
    items: VecDeque<Item>,
}

impl Items {
    /// All of them, the oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<Item> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.items.iter().cloned().collect()
    }

    /// Adds one.
    ///
    /// # Errors
    /// When its name is empty or longer than [`MAX_ITEM_NAME_BYTES`].
    pub fn add(&self, NewItem { name }: NewItem) -> Result<Item, RequestError> {
        if !(1..=MAX_ITEM_NAME_BYTES).contains(&name.len()) {
            return Err(RequestError::Malformed);
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.last_id += 1;
        let item = Item { id: kept.last_id, name };
        if kept.items.len() == MAX_ITEMS {
            kept.items.pop_front();
        }
        kept.items.push_back(item.clone());
        Ok(item)
    }
}

/// Which scopes the bearer of a role may have.
///
/// # Errors
/// Never: the scopes above are scopes.
pub fn scopes_of(role: Role) -> Result<Scopes, gatewright::InvalidScopes> {
    let scopes: &[Scope] = match role {
        Role::User => &[Scope::ItemsRead],
        Role::Moderator => &[Scope::ItemsRead, Scope::ItemsWrite],
        Role::Admin => &[Scope::ItemsRead, Scope::ItemsWrite, Scope::Introspect],
    };
    let words: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
    Scopes::parse(&words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_items_give_way_and_ids_are_never_used_again() {
        let items = Items::default();
        let add = |name: &str| items.add(NewItem { name: name.to_owned() });
        assert_eq!(add("").unwrap_err(), RequestError::Malformed);
        assert!(add(&"x".repeat(MAX_ITEM_NAME_BYTES + 1)).is_err());
        for _ in 0..=MAX_ITEMS {
            add("x").unwrap();
        }
        let kept = items.list();
        assert_eq!((kept.len(), kept.first().unwrap().id), (MAX_ITEMS, 2));
    }
}
