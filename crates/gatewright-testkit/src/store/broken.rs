//! Cases for a store whose server is down, whose connections are closed, or whose table does not
//! exist.

use gatewright_core::store::{AccountChange, StoredPassword, UserStore};
use gatewright_core::{Epoch, RoleName};

use super::accounts::{add, new_account};
use super::users::{add_user, email, hash, login};
use super::{Accounts, Users};

/// A store that returned `None` instead would make guards and logins answer that the user does not
/// exist.
pub async fn broken_user_store_returns_errors<U: Users>([users, _]: [U; 2], broken: impl UserStore) {
    // A valid id: a store may return `None` for a malformed id without a query.
    let id = add_user(&users, "ada@example.com").await;
    assert!(broken.find_by_id(&id).await.is_err());
    assert!(broken.find_by_login(&login("ada@example.com")).await.is_err());
    assert!(broken.replace_password_hash(&id, &hash("hash-1"), &hash("new")).await.is_err());
}

/// No method returns a verdict.
pub async fn broken_account_store_returns_errors<S: Accounts>([store, _]: [S; 2], broken: S) {
    let id = add(&store, "u1", "ada@example.com", "user").await.id;
    assert!(broken.find_by_email(&email("ada@example.com")).await.is_err());
    assert!(broken.create(new_account("u2", "eve@example.com", "user")).await.is_err());
    let admin = RoleName::from_static("admin");
    let first = new_account("u2", "eve@example.com", "admin");
    assert!(broken.create_first_holder(first, &admin).await.is_err());
    assert!(broken.has_active_holder(&admin).await.is_err());
    let stored = StoredPassword::new(hash("hash-1"), Epoch::from_u64(7));
    assert!(broken.change_password(&id, &stored, &stored).await.is_err());
    assert!(broken.update(&id, &AccountChange::default(), None).await.is_err());
    assert!(broken.delete(&id, None).await.is_err());
    assert!(broken.count().await.is_err());
    assert!(broken.page(None, 10).await.is_err());
    assert!(broken.search("ada", None, 10).await.is_err());
}
