//! Cases for a store that cannot tell: its server is gone, its connections are closed, or its table is not there.

use gatewright_core::store::{AccountChange, UserStore};
use gatewright_core::{Epoch, UserId};

use super::accounts::{add, new_account};
use super::users::{add_user, email, hash};
use super::{Accounts, Users};

/// An error, and not that there is no such user: as such a guard or a login would tell it to the client.
pub async fn a_store_of_users_that_cannot_tell_says_so<U: Users>([users, _]: [U; 2], broken: impl UserStore) {
    // An id of the right kind: what can be no id is absent without a question to anybody.
    let id = add_user(&users, "ada@example.com").await;
    assert!(broken.find_by_id(&id).await.is_err());
    assert!(broken.find_by_email(&email("ada@example.com")).await.is_err());
    assert!(broken.replace_password_hash(&id, &hash("hash-1"), &hash("new")).await.is_err());
}

/// An error, and no verdict.
pub async fn a_store_of_accounts_that_cannot_tell_says_so<S: Accounts>([store, _]: [S; 2], broken: S) {
    let id: UserId = add(&store, "u1", "ada@example.com", "user").await.id;
    let change = AccountChange::default();
    assert!(broken.create(new_account("u2", "eve@example.com", "user")).await.is_err());
    assert!(broken.change_password(&id, &hash("hash-1"), &hash("new"), Epoch::from_u64(7)).await.is_err());
    assert!(broken.update(&id, &change, None).await.is_err());
    assert!(broken.delete(&id, None).await.is_err());
    assert!(broken.count().await.is_err());
    assert!(broken.page(None, 10).await.is_err());
}
