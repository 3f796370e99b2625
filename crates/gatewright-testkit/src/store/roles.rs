//! Cases for the roles of accounts, and for the last and the first holder of one.

use gatewright_core::store::{CreateOutcome, EpochChange, UpdateOutcome};
use gatewright_core::{Account, Epoch, UserId};

use super::accounts::{add, created, get, new_account, role, roles, same, set_active, set_roles, updated};
use super::{Accounts, race, race_of};
use crate::repetitions;

/// None, one or several, whose names compare byte for byte. Each is in the account however it is read.
pub async fn accounts_have_any_number_of_roles<S: Accounts>([store, other]: [S; 2]) {
    let sets: [&[&str]; 4] = [&[], &["user"], &["Admin", "admin", "user"], &["admin", "user"]];
    for (number, names) in sets.iter().enumerate() {
        let mut new = new_account(&format!("u{number}"), &format!("{number}@example.com"), "unused");
        new.roles = roles(names);
        assert_eq!(created(&store, new).await.roles, roles(names));
    }
    for (number, names) in sets.iter().enumerate() {
        let by_id = get(&other, &format!("u{number}")).await.unwrap();
        let by_email = other.find_by_email(&by_id.email).await.unwrap().unwrap();
        assert_eq!((&by_id.roles, &by_email.roles), (&roles(names), &roles(names)));
    }
    let pages = [store.page(None, 3).await, store.page(Some(&UserId::new("u2").unwrap()), 3).await];
    let shown: Vec<Account> = pages.into_iter().flat_map(Result::unwrap).collect();
    assert!(shown.iter().map(|account| account.roles.clone()).eq(sets.map(roles)), "{shown:?}");
    for names in sets {
        let changed = updated(&store, &shown[0].id, &set_roles(names), None).await;
        assert_eq!((changed.roles, get(&other, "u0").await.unwrap().roles), (roles(names), roles(names)));
    }
    assert_eq!(get(&other, "u1").await.unwrap().roles, roles(&["user"]));
}

/// Otherwise the verdict is `Conflict`, also if the account is the last holder.
pub async fn roles_change_only_from_the_expected_ones<S: Accounts>([store, other]: [S; 2]) {
    let account = add(&store, "u1", "ada@example.com", "admin").await;
    let (id, admin) = (account.id.clone(), role("admin"));
    let mut change = set_roles(&["user"]);
    change.is_active = Some(false);
    change.epoch = Some(EpochChange::Always(Epoch::from_u64(7)));
    for other_roles in [&[][..], &["Admin"], &["user"], &["admin", "user"]] {
        change.expected_roles = Some(roles(other_roles));
        for protected in [None, Some(&admin)] {
            let refused = other.update(&id, &change, protected).await.unwrap();
            assert!(matches!(refused, UpdateOutcome::Conflict), "{other_roles:?}: {refused:?}");
        }
    }
    let unknown = store.update(&UserId::new("nobody").unwrap(), &change, Some(&admin)).await.unwrap();
    assert!(matches!(unknown, UpdateOutcome::NotFound));
    change.expected_roles = Some(roles(&["admin"]));
    let refused = other.update(&id, &change, Some(&admin)).await.unwrap();
    assert!(matches!(refused, UpdateOutcome::LastHolder));
    assert!(same(&get(&store, "u1").await.unwrap(), &account));
    assert_eq!(updated(&store, &id, &change, None).await.roles, roles(&["user"]));
}

/// All calls expect the same roles, on both handles. The winner's roles and epoch remain.
pub async fn one_of_many_parallel_role_changes_succeeds<S: Accounts>(stores: [S; 2]) {
    for repetition in 0..repetitions() {
        let id = format!("u{repetition}");
        let account = add(&stores[0], &id, &format!("r{repetition}@example.com"), "user").await;
        let results = race(&stores, |store, racer| {
            let (id, mut change) = (account.id.clone(), set_roles(&["user", &format!("r{racer}")]));
            change.expected_roles = Some(roles(&["user"]));
            change.epoch = Some(EpochChange::IfRolesDiffer(Epoch::from_u64(racer as u64)));
            async move { store.update(&id, &change, None).await.unwrap() }
        })
        .await;
        let changed = results.iter().filter(|result| matches!(result, UpdateOutcome::Updated(_))).count();
        assert_eq!(changed, 1, "repetition {repetition}: {results:?}");
        let after = get(&stores[1], &id).await.unwrap();
        assert_eq!(after.roles, roles(&["user", &format!("r{}", after.epoch.as_u64())]));
    }
}

/// With `EpochChange::IfRolesDiffer`. The same roles keep the epoch, in the same step as the change.
pub async fn epoch_is_replaced_if_the_roles_differ<S: Accounts>([store, other]: [S; 2]) {
    let mut expected = add(&store, "u1", "ada@example.com", "user").await.epoch;
    let steps: [(u64, &[&str], bool); 5] = [
        (11, &["user"], false),
        (12, &["admin", "user"], true),
        (13, &["admin", "user"], false),
        (14, &["admin"], true),
        (15, &[], true),
    ];
    let id = UserId::new("u1").unwrap();
    for (number, names, differ) in steps {
        let mut change = set_roles(names);
        change.epoch = Some(EpochChange::IfRolesDiffer(Epoch::from_u64(number)));
        expected = if differ { Epoch::from_u64(number) } else { expected };
        assert_eq!(updated(&store, &id, &change, None).await.epoch, expected, "{names:?}");
        assert_eq!(get(&other, "u1").await.unwrap().epoch, expected, "{names:?}");
    }
    let mut no_roles = set_active(true);
    no_roles.epoch = Some(EpochChange::IfRolesDiffer(Epoch::from_u64(16)));
    assert_eq!(updated(&store, &id, &no_roles, None).await.epoch, expected);
}

/// The last holder cannot be demoted, disabled or deleted. Disabled holders do not count. Other
/// changes succeed.
pub async fn last_active_holder_of_the_protected_role_remains<S: Accounts>([store, _]: [S; 2]) {
    let admin = role("admin");
    let last = add(&store, "u1", "ada@example.com", "admin").await;
    let disabled = add(&store, "u2", "eve@example.com", "admin").await;
    add(&store, "u3", "user@example.com", "user").await;
    updated(&store, &disabled.id, &set_active(false), Some(&admin)).await;

    for change in [set_roles(&["user"]), set_roles(&["Admin", "user"]), set_roles(&[]), set_active(false)] {
        let refused = store.update(&last.id, &change, Some(&admin)).await.unwrap();
        assert!(matches!(refused, UpdateOutcome::LastHolder));
    }
    assert!(matches!(store.delete(&last.id, Some(&admin)).await.unwrap(), UpdateOutcome::LastHolder));
    assert!(same(&get(&store, "u1").await.unwrap(), &last));

    for names in [&["admin", "user"][..], &["admin", "auditor"], &["admin"]] {
        let mut keep = set_roles(names);
        keep.is_active = Some(true);
        assert_eq!(updated(&store, &last.id, &keep, Some(&admin)).await.roles, roles(names));
    }
    // A second holder among several roles lets the first one go.
    let second = UserId::new("u3").unwrap();
    updated(&store, &second, &set_roles(&["admin", "auditor", "user"]), Some(&admin)).await;
    updated(&store, &last.id, &set_roles(&["user"]), Some(&admin)).await;
    let refused = store.update(&second, &set_roles(&["auditor", "user"]), Some(&admin)).await.unwrap();
    assert!(matches!(refused, UpdateOutcome::LastHolder));
    updated(&store, &last.id, &set_roles(&["admin"]), Some(&admin)).await;
    updated(&store, &second, &set_roles(&["user"]), Some(&admin)).await;
    assert!(matches!(store.delete(&disabled.id, Some(&admin)).await.unwrap(), UpdateOutcome::Updated(())));
    assert!(matches!(store.delete(&last.id, None).await.unwrap(), UpdateOutcome::Updated(())));
}

/// All holders are demoted, disabled or deleted at once, on both handles. One call must fail.
pub async fn parallel_changes_leave_one_holder_of_the_protected_role<S: Accounts>(stores: [S; 2]) {
    const HOLDERS: usize = 9;
    for repetition in 0..repetitions().min(5) {
        let mut holders = Vec::new();
        for racer in 0..HOLDERS {
            let id = format!("{repetition}-{racer}");
            let address = format!("{id}@example.com");
            let mut new = new_account(&id, &address, &format!("admin{repetition}"));
            new.roles.extend(roles(&["user"]));
            holders.push(created(&stores[0], new).await.id);
        }
        let refused = race_of(HOLDERS, &stores, |store, racer| {
            let id = holders[racer].clone();
            async move {
                let protected = role(&format!("admin{repetition}"));
                let change = match racer % 3 {
                    0 => set_roles(&["user"]),
                    1 => set_active(false),
                    _ => {
                        let deleted = store.delete(&id, Some(&protected)).await.unwrap();
                        return matches!(deleted, UpdateOutcome::LastHolder);
                    }
                };
                matches!(
                    store.update(&id, &change, Some(&protected)).await.unwrap(),
                    UpdateOutcome::LastHolder
                )
            }
        })
        .await;
        assert_eq!(refused.iter().filter(|refused| **refused).count(), 1, "repetition {repetition}");
        let mut left = 0;
        for id in &holders {
            let holder = stores[1].find_by_id(id).await.unwrap();
            let protected = format!("admin{repetition}");
            let is_left = |holder: Account| holder.is_active && holder.roles.contains(protected.as_str());
            left += usize::from(holder.is_some_and(is_left));
        }
        assert_eq!(left, 1, "repetition {repetition}");
    }
}

/// Disabled holders and holders of other roles do not count. A taken address changes nothing.
pub async fn first_holder_of_a_role_is_created_once<S: Accounts>([store, other]: [S; 2]) {
    let admin = role("admin");
    add(&store, "u1", "ada@example.com", "Admin").await;
    let disabled = add(&store, "u2", "eve@example.com", "admin").await;
    updated(&store, &disabled.id, &set_active(false), None).await;
    assert!(!other.has_active_holder(&admin).await.unwrap());
    let taken = other.create_first_holder(new_account("u3", "eve@example.com", "admin"), &admin).await;
    assert!(matches!(taken.unwrap(), CreateOutcome::Taken));
    assert!(get(&store, "u3").await.is_none() && !get(&store, "u2").await.unwrap().is_active);

    let first = other.create_first_holder(new_account("u3", "admin@example.com", "admin"), &admin).await;
    assert!(matches!(first.unwrap(), CreateOutcome::Created(account) if account.roles == roles(&["admin"])));
    assert!(store.has_active_holder(&admin).await.unwrap());
    for id in ["u3", "u4"] {
        let again = store.create_first_holder(new_account(id, &format!("{id}@example.com"), "admin"), &admin);
        assert!(matches!(again.await.unwrap(), CreateOutcome::HolderExists));
    }
    assert_eq!(store.count().await.unwrap().total, 3);
}

/// With different addresses, on both handles.
pub async fn one_of_many_parallel_first_holders_is_created<S: Accounts>(stores: [S; 2]) {
    for repetition in 0..repetitions() {
        let results = race(&stores, |store, racer| async move {
            let (id, name) = (format!("{repetition}-{racer}"), format!("admin{repetition}"));
            let new = new_account(&id, &format!("{id}@example.com"), &name);
            store.create_first_holder(new, &role(&name)).await.unwrap()
        })
        .await;
        let created = results.iter().filter(|result| matches!(result, CreateOutcome::Created(_))).count();
        let refused = results.iter().filter(|result| matches!(result, CreateOutcome::HolderExists)).count();
        assert_eq!((created, refused), (1, results.len() - 1), "repetition {repetition}");
    }
}
