//! Cases for `AccountStore`, and accounts as users for the cases of `UserStore`.

use gatewright_core::store::{AccountChange, Change, Created, NewAccount, Swap};
use gatewright_core::{Account, Email, Epoch, RoleName, SystemRandomness, Timestamp, UserId};

use tokio::task::JoinSet;

use super::users::{UserState, Users, email, hash};
use super::{Accounts, race, race_of};
use crate::repetitions;

fn role(name: &str) -> RoleName {
    RoleName::new(name).unwrap()
}

pub(super) fn new_account(id: &str, address: &str, role_name: &str) -> NewAccount {
    let created_at = Timestamp::from_micros(1_700_000_000_123_457);
    let epoch = Epoch::from_u64(u64::MAX - 1);
    NewAccount::new(
        UserId::new(id).unwrap(),
        email(address),
        hash("hash-1"),
        role(role_name),
        epoch,
        created_at,
    )
}

pub(super) async fn add<S: Accounts>(store: &S, id: &str, address: &str, role_name: &str) -> Account {
    match store.create(new_account(id, address, role_name)).await.unwrap() {
        Created::Created(account) => account,
        other => panic!("{other:?}"),
    }
}

async fn get<S: Accounts>(store: &S, id: &str) -> Option<Account> {
    store.find_by_id(&UserId::new(id).unwrap()).await.unwrap()
}

fn same(left: &Account, right: &Account) -> bool {
    format!("{left:?}") == format!("{right:?}")
        && left.email == right.email
        && left.password_hash.expose() == right.password_hash.expose()
}

fn change() -> AccountChange {
    AccountChange::default()
}

/// Accounts as the users of the cases for `UserStore`.
#[derive(Debug, Clone)]
pub struct AsUsers<S>(S);

impl<S: Accounts> AsUsers<S> {
    /// Both handles.
    pub fn of(stores: [S; 2]) -> [Self; 2] {
        stores.map(Self)
    }
}

impl<S: Accounts> Users for AsUsers<S> {
    type Store = S;

    fn store(&self) -> &S {
        &self.0
    }

    async fn add(&self, email: &Email, state: &UserState) -> UserId {
        let mut new = new_account("unused", email.as_str(), "user");
        new.id = UserId::generate(new.created_at, &SystemRandomness).unwrap();
        (new.password_hash, new.epoch) = (state.password_hash.clone(), state.epoch);
        match self.0.create(new).await.unwrap() {
            Created::Created(account) => account.id,
            other => panic!("{other:?}"),
        }
    }

    async fn write(&self, id: &UserId, state: &UserState) {
        let before = self.0.find_by_id(id).await.unwrap().unwrap();
        if before.is_active == state.is_active {
            let change = self.0.change_password(id, &before.password_hash, &state.password_hash, state.epoch);
            assert_eq!(change.await.unwrap(), Swap::Done);
        } else {
            let mut step = change();
            (step.is_active, step.epoch) = (Some(state.is_active), Some(state.epoch));
            assert!(matches!(self.0.update(id, &step, None).await.unwrap(), Change::Done(_)));
        }
    }
}

/// Every field survives, the microsecond and the highest bit included.
pub async fn an_account_comes_back_as_it_was_made<S: Accounts>([store, other]: [S; 2]) {
    let made = add(&store, "u1", "ada@example.com", "user").await;
    assert!(made.is_active);
    assert_eq!(made.epoch, Epoch::from_u64(u64::MAX - 1));
    assert_eq!(made.created_at, Timestamp::from_micros(1_700_000_000_123_457));
    assert_eq!(made.password_hash.expose(), "hash-1");
    let by_email = other.find_by_email(&email("ada@example.com")).await.unwrap().unwrap();
    assert!(same(&get(&other, "u1").await.unwrap(), &made) && same(&by_email, &made));
}

/// A verdict, not an error.
pub async fn an_unknown_account_is_absent<S: Accounts>([store, _]: [S; 2]) {
    let id = UserId::new("nobody").unwrap();
    let epoch = Epoch::from_u64(7);
    assert_eq!(store.change_password(&id, &hash("a"), &hash("b"), epoch).await.unwrap(), Swap::Stale);
    assert!(matches!(store.update(&id, &change(), None).await.unwrap(), Change::NotFound));
    assert!(matches!(store.delete(&id, None).await.unwrap(), Change::NotFound));
}

/// `Taken`, and the first account stands as it was.
pub async fn a_taken_address_or_id_changes_nothing<S: Accounts>([store, other]: [S; 2]) {
    let first = add(&store, "u1", "ada@example.com", "user").await;
    for second in
        [new_account("u2", "ada@example.com", "admin"), new_account("u1", "eve@example.com", "admin")]
    {
        assert!(matches!(other.create(second).await.unwrap(), Created::Taken));
    }
    assert!(same(&get(&store, "u1").await.unwrap(), &first));
    assert!(get(&store, "u2").await.is_none());
    assert!(store.find_by_email(&email("eve@example.com")).await.unwrap().is_none());
}

/// No collation folds case, accents or trailing spaces.
pub async fn addresses_and_ids_are_compared_byte_for_byte<S: Accounts>([store, _]: [S; 2]) {
    for (id, address) in [("u", "a@example.com"), ("U", "\u{e4}@example.com"), ("u ", "\u{e5}@example.com")] {
        add(&store, id, address, "user").await;
    }
    assert_eq!(store.count().await.unwrap().total, 3);
    assert_eq!(get(&store, "U").await.unwrap().email, email("\u{e4}@example.com"));
    assert!(get(&store, "u  ").await.is_none());
}

/// Unique under a race, through two pools.
pub async fn of_many_parallel_creates_of_one_address_one_succeeds<S: Accounts>(stores: [S; 2]) {
    for repetition in 0..repetitions() {
        let results = race(&stores, |store, racer| async move {
            let id = format!("{repetition}-{racer}");
            store.create(new_account(&id, &format!("r{repetition}@example.com"), "user")).await.unwrap()
        })
        .await;
        let created = results.iter().filter(|result| matches!(result, Created::Created(_))).count();
        assert_eq!(created, 1, "repetition {repetition}");
    }
}

/// One winner, through two pools.
pub async fn of_many_parallel_swaps_of_one_hash_one_succeeds<S: Accounts>(stores: [S; 2]) {
    for repetition in 0..repetitions() {
        let account =
            add(&stores[0], &format!("u{repetition}"), &format!("r{repetition}@example.com"), "user").await;
        let results = race(&stores, |store, racer| {
            let id = account.id.clone();
            async move {
                let new = hash(&format!("new-{racer}"));
                store
                    .change_password(&id, &hash("hash-1"), &new, Epoch::from_u64(racer as u64))
                    .await
                    .unwrap()
            }
        })
        .await;
        assert_eq!(results.iter().filter(|swap| **swap == Swap::Done).count(), 1, "repetition {repetition}");
        let after = get(&stores[1], &format!("u{repetition}")).await.unwrap();
        assert_eq!(after.password_hash.expose(), format!("new-{}", after.epoch.as_u64()));
    }
}

/// Both or neither.
pub async fn a_change_of_password_replaces_hash_and_epoch_together<S: Accounts>([store, other]: [S; 2]) {
    let account = add(&store, "u1", "ada@example.com", "user").await;
    let epoch = Epoch::from_u64(7);
    for wrong in ["other", "Hash-1", "hash-1 ", "hash-1\0", ""] {
        let changed = store.change_password(&account.id, &hash(wrong), &hash("new"), epoch).await.unwrap();
        let upgraded = store.replace_password_hash(&account.id, &hash(wrong), &hash("new")).await.unwrap();
        assert_eq!((changed, upgraded), (Swap::Stale, Swap::Stale), "{wrong:?}");
    }
    assert!(same(&get(&other, "u1").await.unwrap(), &account));
    let done = store.change_password(&account.id, &hash("hash-1"), &hash("new"), epoch).await.unwrap();
    assert_eq!(done, Swap::Done);
    let after = get(&other, "u1").await.unwrap();
    assert_eq!((after.password_hash.expose(), after.epoch), ("new", epoch));
}

/// Whoever was let in before the account was disabled changes nothing after it.
pub async fn an_account_that_may_not_be_used_gets_no_password<S: Accounts>([store, other]: [S; 2]) {
    let account = add(&store, "u1", "ada@example.com", "user").await;
    let epoch = Epoch::from_u64(7);
    for (active, expected) in [(false, Swap::Stale), (true, Swap::Done)] {
        let mut step = change();
        step.is_active = Some(active);
        assert!(matches!(store.update(&account.id, &step, None).await.unwrap(), Change::Done(_)));
        let before = get(&store, "u1").await.unwrap();
        let swap = other.change_password(&account.id, &hash("hash-1"), &hash("new"), epoch).await.unwrap();
        assert_eq!(swap, expected, "active: {active}");
        assert_eq!(same(&get(&store, "u1").await.unwrap(), &before), !active);
    }
}

/// And returns the account as it is then.
pub async fn an_update_changes_what_it_names_and_nothing_else<S: Accounts>([store, other]: [S; 2]) {
    let mut expected = add(&store, "u1", "ada@example.com", "user").await;
    let mut bystander = change();
    bystander.role = Some(role("admin"));
    add(&store, "u2", "eve@example.com", "user").await;

    let mut steps = [change(), change(), change(), change()];
    steps[0].role = Some(role("moderator"));
    steps[1].is_active = Some(false);
    steps[2].epoch = Some(Epoch::from_u64(9));
    for step in steps {
        expected.role = step.role.clone().unwrap_or(expected.role);
        expected.is_active = step.is_active.unwrap_or(expected.is_active);
        expected.epoch = step.epoch.unwrap_or(expected.epoch);
        match store.update(&expected.id, &step, None).await.unwrap() {
            Change::Done(account) => assert!(same(&account, &expected), "{account:?}"),
            other => panic!("{other:?}"),
        }
        assert!(same(&get(&other, "u1").await.unwrap(), &expected));
    }
    assert_eq!(get(&store, "u2").await.unwrap().role, role("user"));
}

/// Not demoted, not disabled, not deleted; disabled holders do not count, and other changes go through.
pub async fn the_last_active_holder_of_the_protected_role_remains<S: Accounts>([store, _]: [S; 2]) {
    let admin = role("admin");
    let last = add(&store, "u1", "ada@example.com", "admin").await;
    let disabled = add(&store, "u2", "eve@example.com", "admin").await;
    add(&store, "u3", "user@example.com", "user").await;
    let mut disable = change();
    disable.is_active = Some(false);
    assert!(matches!(store.update(&disabled.id, &disable, Some(&admin)).await.unwrap(), Change::Done(_)));

    let mut demote = change();
    demote.role = Some(role("user"));
    assert!(matches!(store.update(&last.id, &demote, Some(&admin)).await.unwrap(), Change::LastHolder));
    assert!(matches!(store.update(&last.id, &disable, Some(&admin)).await.unwrap(), Change::LastHolder));
    assert!(matches!(store.delete(&last.id, Some(&admin)).await.unwrap(), Change::LastHolder));
    assert!(same(&get(&store, "u1").await.unwrap(), &last));

    let mut keep = change();
    keep.role = Some(admin.clone());
    keep.is_active = Some(true);
    assert!(matches!(store.update(&last.id, &keep, Some(&admin)).await.unwrap(), Change::Done(_)));
    assert!(matches!(store.delete(&disabled.id, Some(&admin)).await.unwrap(), Change::Done(())));
    assert!(matches!(store.delete(&last.id, None).await.unwrap(), Change::Done(())));
}

/// The check and the change are one step, through two pools: however they go about it, one active holder is left.
pub async fn many_holders_cannot_demote_disable_and_delete_each_other_at_once<S: Accounts>(stores: [S; 2]) {
    const HOLDERS: usize = 9;
    for repetition in 0..repetitions().min(5) {
        let mut holders = Vec::new();
        for racer in 0..HOLDERS {
            let (id, address) =
                (format!("{repetition}-{racer}"), format!("{repetition}-{racer}@example.com"));
            holders.push(add(&stores[0], &id, &address, &format!("admin{repetition}")).await.id);
        }
        let refused = race_of(HOLDERS, &stores, |store, racer| {
            let id = holders[racer].clone();
            async move {
                let protected = role(&format!("admin{repetition}"));
                let mut step = change();
                match racer % 3 {
                    0 => step.role = Some(role("user")),
                    1 => step.is_active = Some(false),
                    _ => {
                        return matches!(
                            store.delete(&id, Some(&protected)).await.unwrap(),
                            Change::LastHolder
                        );
                    }
                }
                matches!(store.update(&id, &step, Some(&protected)).await.unwrap(), Change::LastHolder)
            }
        })
        .await;
        assert_eq!(refused.iter().filter(|refused| **refused).count(), 1, "repetition {repetition}");
        let mut left = 0;
        for id in &holders {
            let holder = stores[1].find_by_id(id).await.unwrap();
            left += usize::from(
                holder.is_some_and(|holder| holder.is_active && holder.role.as_str().starts_with("admin")),
            );
        }
        assert_eq!(left, 1, "repetition {repetition}");
    }
}

/// Somebody else may have the address, under another id.
pub async fn a_deleted_account_is_gone_and_its_address_free<S: Accounts>([store, other]: [S; 2]) {
    let account = add(&store, "u1", "ada@example.com", "user").await;
    assert!(matches!(store.delete(&account.id, None).await.unwrap(), Change::Done(())));
    assert!(get(&other, "u1").await.is_none());
    assert!(other.find_by_email(&account.email).await.unwrap().is_none());
    assert!(matches!(other.delete(&account.id, None).await.unwrap(), Change::NotFound));
    add(&other, "u2", "ada@example.com", "user").await;
}

/// All, and those that may be used.
pub async fn accounts_are_counted<S: Accounts>([store, _]: [S; 2]) {
    let counts = store.count().await.unwrap();
    assert_eq!((counts.total, counts.active), (0, 0));
    for number in 0..3 {
        add(&store, &format!("u{number}"), &format!("{number}@example.com"), "user").await;
    }
    let mut disable = change();
    disable.is_active = Some(false);
    assert!(matches!(
        store.update(&UserId::new("u1").unwrap(), &disable, None).await.unwrap(),
        Change::Done(_)
    ));
    let counts = store.count().await.unwrap();
    assert_eq!((counts.total, counts.active), (3, 2));
}

/// In the order of their ids; accounts made during the walk may show or not.
pub async fn pages_show_every_account_once_while_others_are_made<S: Accounts>([store, other]: [S; 2]) {
    for number in 0..25 {
        add(&store, &format!("u{number:02}"), &format!("{number}@example.com"), "user").await;
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = store.page(after.as_ref(), 10).await.unwrap();
        assert!(page.len() <= 10);
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        seen.extend(page.iter().map(|account| account.id.as_str().to_owned()));
        add(&other, &format!("a{}", seen.len()), &format!("late{}@example.com", seen.len()), "user").await;
    }
    let expected: Vec<String> = (0..25).map(|number| format!("u{number:02}")).collect();
    assert_eq!(seen, expected);
    assert!(store.page(None, 0).await.unwrap().is_empty());
}

/// However many accounts are made meanwhile, before, between and behind those that are shown.
pub async fn pages_show_every_account_once_while_many_are_made_at_once<S: Accounts>([store, other]: [S; 2]) {
    for number in 0..60 {
        add(&store, &format!("u{number:02}"), &format!("{number}@example.com"), "user").await;
    }
    let mut makers = JoinSet::new();
    for maker in 0..6 {
        let other = other.clone();
        makers.spawn(async move {
            for number in 0..10 {
                let id = format!("{}{number}-{maker}", ["a", "u3", "z"][number % 3]);
                add(&other, &id, &format!("{id}@example.com"), "user").await;
            }
        });
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = store.page(after.as_ref(), 7).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        seen.extend(page.iter().map(|account| account.id.as_str().to_owned()));
    }
    makers.join_all().await;
    assert!(seen.is_sorted_by(|one, next| one < next), "{seen:?}");
    let shown = seen.iter().filter(|id| id.starts_with('u') && id.len() == 3).count();
    assert_eq!(shown, 60);
}
