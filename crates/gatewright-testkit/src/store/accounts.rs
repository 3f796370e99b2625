//! Cases for `AccountStore`, and an adapter that runs the cases for `UserStore` on accounts.

use std::collections::BTreeSet;

use gatewright_core::store::{
    AccountChange, CompareAndSwap, CreateOutcome, EpochChange, NewAccount, StoredPassword, UpdateOutcome,
};
use gatewright_core::{Account, Epoch, LoginName, RoleName, SystemRandom, Timestamp, UserId};

use tokio::task::JoinSet;

use super::users::{UserState, Users, email, hash};
use super::{Accounts, race};
use crate::repetitions;

const CREATED_AT: Timestamp = Timestamp::from_micros(1_700_000_000_123_457);

pub(super) fn role(name: &str) -> RoleName {
    RoleName::new(name).unwrap()
}

pub(super) fn new_account(id: &str, address: &str, role_name: &str) -> NewAccount {
    let (id, epoch) = (UserId::new(id).unwrap(), Epoch::from_u64(u64::MAX - 1));
    NewAccount::new(id, email(address), hash("hash-1"), [role(role_name)], epoch, CREATED_AT)
}

pub(super) fn roles(names: &[&str]) -> BTreeSet<RoleName> {
    names.iter().copied().map(role).collect()
}

pub(super) async fn add<S: Accounts>(store: &S, id: &str, address: &str, role_name: &str) -> Account {
    created(store, new_account(id, address, role_name)).await
}

pub(super) async fn created<S: Accounts>(store: &S, new: NewAccount) -> Account {
    match store.create(new).await.unwrap() {
        CreateOutcome::Created(account) => account,
        other => panic!("{other:?}"),
    }
}

pub(super) async fn get<S: Accounts>(store: &S, id: &str) -> Option<Account> {
    store.find_by_id(&UserId::new(id).unwrap()).await.unwrap()
}

pub(super) fn same(left: &Account, right: &Account) -> bool {
    format!("{left:?}") == format!("{right:?}")
        && left.email == right.email
        && left.password_hash.expose() == right.password_hash.expose()
}

pub(super) fn set_roles(names: &[&str]) -> AccountChange {
    let mut change = AccountChange::default();
    change.roles = Some(roles(names));
    change
}

pub(super) fn set_active(is_active: bool) -> AccountChange {
    let mut change = AccountChange::default();
    change.is_active = Some(is_active);
    change
}

pub(super) async fn updated<S: Accounts>(
    store: &S,
    id: &UserId,
    change: &AccountChange,
    protected: Option<&RoleName>,
) -> Account {
    match store.update(id, change, protected).await.unwrap() {
        UpdateOutcome::Updated(account) => account,
        other => panic!("{other:?}"),
    }
}

/// Accounts as the users of the cases for `UserStore`.
#[derive(Debug, Clone)]
pub struct AsUsers<S>(S);

impl<S: Accounts> AsUsers<S> {
    /// Wraps both handles.
    pub fn of(stores: [S; 2]) -> [Self; 2] {
        stores.map(Self)
    }
}

impl<S: Accounts> Users for AsUsers<S> {
    type Store = S;

    fn store(&self) -> &S {
        &self.0
    }

    async fn add(&self, name: &LoginName, state: &UserState) -> UserId {
        let mut new = new_account("unused", name.as_str(), "user");
        new.id = UserId::generate(new.created_at, &SystemRandom).unwrap();
        (new.password_hash, new.epoch) = (state.password_hash.clone(), state.epoch);
        created(&self.0, new).await.id
    }

    async fn write(&self, id: &UserId, state: &UserState) {
        let before = self.0.find_by_id(id).await.unwrap().unwrap();
        if before.is_active == state.is_active {
            let (old, new) =
                (before.stored_password(), StoredPassword::new(state.password_hash.clone(), state.epoch));
            let swap = self.0.change_password(id, &old, &new).await.unwrap();
            assert_eq!(swap, CompareAndSwap::Swapped);
        } else {
            let mut change = set_active(state.is_active);
            change.epoch = Some(EpochChange::Always(state.epoch));
            updated(&self.0, id, &change, None).await;
        }
    }
}

/// The time has a fraction of a second, and the epoch has its highest bit set.
pub async fn account_fields_round_trip<S: Accounts>([store, other]: [S; 2]) {
    let made = add(&store, "u1", "ada@example.com", "user").await;
    assert!(made.is_active);
    assert_eq!((made.epoch, made.created_at), (Epoch::from_u64(u64::MAX - 1), CREATED_AT));
    assert_eq!(made.password_hash.expose(), "hash-1");
    let by_email = other.find_by_email(&email("ada@example.com")).await.unwrap().unwrap();
    assert!(same(&get(&other, "u1").await.unwrap(), &made) && same(&by_email, &made));
}

/// Each method returns `Conflict` or `NotFound`, not an error.
pub async fn changes_to_unknown_accounts_are_verdicts<S: Accounts>([store, _]: [S; 2]) {
    let id = UserId::new("nobody").unwrap();
    let [old, new] = ["a", "b"].map(|text| StoredPassword::new(hash(text), Epoch::from_u64(7)));
    let swap = store.change_password(&id, &old, &new).await.unwrap();
    assert_eq!(swap, CompareAndSwap::Conflict);
    let update = store.update(&id, &AccountChange::default(), None).await.unwrap();
    assert!(matches!(update, UpdateOutcome::NotFound));
    assert!(matches!(store.delete(&id, None).await.unwrap(), UpdateOutcome::NotFound));
}

/// `create` returns `Taken`, and the first account does not change.
pub async fn taken_address_or_id_changes_nothing<S: Accounts>([store, other]: [S; 2]) {
    let first = add(&store, "u1", "ada@example.com", "user").await;
    for (id, address) in [("u2", "ada@example.com"), ("u1", "eve@example.com")] {
        let second = other.create(new_account(id, address, "admin")).await.unwrap();
        assert!(matches!(second, CreateOutcome::Taken));
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

/// All calls create an account with the same address, on both handles.
pub async fn one_of_many_parallel_creates_succeeds<S: Accounts>(stores: [S; 2]) {
    for repetition in 0..repetitions() {
        let results = race(&stores, |store, racer| async move {
            let id = format!("{repetition}-{racer}");
            store.create(new_account(&id, &format!("r{repetition}@example.com"), "user")).await.unwrap()
        })
        .await;
        let created = results.iter().filter(|result| matches!(result, CreateOutcome::Created(_))).count();
        assert_eq!(created, 1, "repetition {repetition}");
    }
}

/// All calls expect the same hash and epoch, on both handles.
pub async fn one_of_many_parallel_password_changes_succeeds<S: Accounts>(stores: [S; 2]) {
    for repetition in 0..repetitions() {
        let account =
            add(&stores[0], &format!("u{repetition}"), &format!("r{repetition}@example.com"), "user").await;
        let results = race(&stores, |store, racer| {
            let (id, old) = (account.id.clone(), account.stored_password());
            let new = StoredPassword::new(hash(&format!("new-{racer}")), Epoch::from_u64(racer as u64));
            async move { store.change_password(&id, &old, &new).await.unwrap() }
        })
        .await;
        let swapped = results.iter().filter(|swap| **swap == CompareAndSwap::Swapped).count();
        assert_eq!(swapped, 1, "repetition {repetition}");
        let after = get(&stores[1], account.id.as_str()).await.unwrap();
        assert_eq!(after.password_hash.expose(), format!("new-{}", after.epoch.as_u64()));
    }
}

/// With a wrong expected hash, neither changes.
pub async fn password_change_replaces_hash_and_epoch_together<S: Accounts>([store, other]: [S; 2]) {
    let account = add(&store, "u1", "ada@example.com", "user").await;
    let new = StoredPassword::new(hash("new"), Epoch::from_u64(7));
    for wrong in ["other", "Hash-1", "hash-1 ", "hash-1\0", ""] {
        let expected = StoredPassword::new(hash(wrong), account.epoch);
        let changed = store.change_password(&account.id, &expected, &new).await.unwrap();
        let upgraded = store.replace_password_hash(&account.id, &hash(wrong), &hash("new")).await.unwrap();
        assert_eq!([changed, upgraded], [CompareAndSwap::Conflict; 2], "{wrong:?}");
    }
    assert!(same(&get(&other, "u1").await.unwrap(), &account));
    let swap = store.change_password(&account.id, &account.stored_password(), &new).await.unwrap();
    assert_eq!(swap, CompareAndSwap::Swapped);
    let after = get(&other, "u1").await.unwrap();
    assert_eq!((after.password_hash.expose(), after.epoch), ("new", new.epoch));
}

/// Another call has ended the user's sessions with a new epoch. A password change that read the account before
/// must not replace that epoch.
pub async fn password_change_does_not_overwrite_a_new_epoch<S: Accounts>([store, other]: [S; 2]) {
    let account = add(&store, "u1", "ada@example.com", "user").await;
    let read = account.stored_password();
    let mut change = AccountChange::default();
    change.epoch = Some(EpochChange::Always(Epoch::from_u64(7)));
    let ended = updated(&other, &account.id, &change, None).await;
    let new = StoredPassword::new(hash("new"), Epoch::from_u64(8));
    let swap = store.change_password(&account.id, &read, &new).await.unwrap();
    assert_eq!(swap, CompareAndSwap::Conflict);
    assert!(same(&get(&other, "u1").await.unwrap(), &ended));
    let swap = store.change_password(&account.id, &ended.stored_password(), &new).await.unwrap();
    assert_eq!(swap, CompareAndSwap::Swapped);
}

/// The store checks `is_active` in the same step, even if the caller was authorized before.
pub async fn disabled_account_cannot_change_its_password<S: Accounts>([store, other]: [S; 2]) {
    let account = add(&store, "u1", "ada@example.com", "user").await;
    let new = StoredPassword::new(hash("new"), Epoch::from_u64(7));
    for (active, expected) in [(false, CompareAndSwap::Conflict), (true, CompareAndSwap::Swapped)] {
        let before = updated(&store, &account.id, &set_active(active), None).await;
        let swap = other.change_password(&account.id, &account.stored_password(), &new).await.unwrap();
        assert_eq!(swap, expected, "active: {active}");
        assert_eq!(same(&get(&store, "u1").await.unwrap(), &before), !active);
    }
}

/// `update` returns the account with the changes.
pub async fn update_changes_only_the_given_fields<S: Accounts>([store, other]: [S; 2]) {
    let mut expected = add(&store, "u1", "ada@example.com", "user").await;
    add(&store, "u2", "eve@example.com", "user").await;
    let mut set_epoch = AccountChange::default();
    set_epoch.epoch = Some(EpochChange::Always(Epoch::from_u64(9)));
    let mut set_password = AccountChange::default();
    set_password.password_hash = Some(hash("hash-2"));
    let steps =
        [set_roles(&["moderator"]), set_active(false), set_epoch, set_password, AccountChange::default()];
    for step in steps {
        expected.password_hash = step.password_hash.clone().unwrap_or(expected.password_hash);
        expected.roles = step.roles.clone().unwrap_or(expected.roles);
        expected.is_active = step.is_active.unwrap_or(expected.is_active);
        expected.epoch = if step.epoch.is_some() { Epoch::from_u64(9) } else { expected.epoch };
        let account = updated(&store, &expected.id, &step, None).await;
        assert!(same(&account, &expected), "{account:?}");
        assert!(same(&get(&other, "u1").await.unwrap(), &expected));
    }
    assert_eq!(get(&store, "u2").await.unwrap().roles, roles(&["user"]));
}

/// A new account with another id can take the address.
pub async fn deleting_an_account_frees_its_address<S: Accounts>([store, other]: [S; 2]) {
    let account = add(&store, "u1", "ada@example.com", "user").await;
    assert!(matches!(store.delete(&account.id, None).await.unwrap(), UpdateOutcome::Updated(())));
    assert!(get(&other, "u1").await.is_none());
    assert!(other.find_by_email(&account.email).await.unwrap().is_none());
    assert!(matches!(other.delete(&account.id, None).await.unwrap(), UpdateOutcome::NotFound));
    add(&other, "u2", "ada@example.com", "user").await;
}

/// An empty store has zero of both.
pub async fn total_and_active_accounts_are_counted<S: Accounts>([store, _]: [S; 2]) {
    let counts = store.count().await.unwrap();
    assert_eq!((counts.total, counts.active), (0, 0));
    for number in 0..3 {
        add(&store, &format!("u{number}"), &format!("{number}@example.com"), "user").await;
    }
    updated(&store, &UserId::new("u1").unwrap(), &set_active(false), None).await;
    let counts = store.count().await.unwrap();
    assert_eq!((counts.total, counts.active), (3, 2));
}

/// Pages are ordered by id. Accounts inserted during the walk may appear or not.
pub async fn pages_show_each_account_once_during_inserts<S: Accounts>([store, other]: [S; 2]) {
    for number in 0..25 {
        let mut new = new_account(&format!("u{number:02}"), &format!("{number}@example.com"), "user");
        new.roles = ["user", "editor", "admin"].map(role).into_iter().take(number % 4).collect();
        created(&store, new).await;
    }
    let seen = walk(&store, 10, async |seen| {
        add(&other, &format!("a{seen}"), &format!("late{seen}@example.com"), "user").await;
    })
    .await;
    let expected: Vec<String> = (0..25).map(|number| format!("u{number:02}")).collect();
    assert_eq!(seen, expected);
    assert!(store.page(None, 0).await.unwrap().is_empty());
}

/// The new ids sort before, between and behind the existing ones.
pub async fn pages_show_each_account_once_during_parallel_inserts<S: Accounts>([store, other]: [S; 2]) {
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
    let seen = walk(&store, 7, async |_| {}).await;
    makers.join_all().await;
    assert!(seen.is_sorted_by(|one, next| one < next), "{seen:?}");
    let shown = seen.iter().filter(|id| id.starts_with('u') && id.len() == 3).count();
    assert_eq!(shown, 60);
}

/// Byte for byte, anywhere in the key of the address and without wildcards, in the order of ids.
pub async fn search_finds_the_addresses_that_contain_a_text<S: Accounts>([store, other]: [S; 2]) {
    let addresses =
        ["ada@example.com", "eve%lane@example.com", "eve_lane@example.org", "\u{c4}d'x@example.com"];
    for (number, address) in addresses.iter().enumerate() {
        let mut new = new_account(&format!("u{number}"), address, "user");
        new.roles = roles(&["editor", "user"]);
        created(&store, new).await;
    }
    let search = async |text: &str, after: Option<&str>, limit: u32| {
        let after = after.map(|id| UserId::new(id).unwrap());
        let found = other.search(text, after.as_ref(), limit).await.unwrap();
        assert!(found.iter().all(|account| account.roles == roles(&["editor", "user"])));
        found.iter().map(|account| account.id.to_string()).collect::<Vec<_>>().join(" ")
    };
    let found = [
        ("", "u0 u1 u2 u3"),
        ("example.com", "u0 u1 u3"),
        ("ada@example.com", "u0"),
        ("eve", "u1 u2"),
        ("eve%", "u1"),
        ("eve_", "u2"),
        ("%", "u1"),
        ("\u{e4}", "u3"),
        ("d'x", "u3"),
        ("\u{c4}", ""),
        ("Ada", ""),
        ("a\u{308}", ""),
        ("adam", ""),
    ];
    for (text, ids) in found {
        assert_eq!(search(text, None, 10).await, ids, "{text:?}");
    }
    assert_eq!(search("example", None, 2).await, "u0 u1", "the limit counts accounts");
    assert_eq!(search("example", Some("u1"), 2).await, "u2 u3");
    assert_eq!(search("example.com", Some("u1"), 2).await, "u3");
    assert_eq!(search("example", None, 0).await, "");
}

/// Reads page after page and returns the ids. Calls `after_page` with the number of ids so far.
async fn walk<S: Accounts>(store: &S, limit: u32, after_page: impl AsyncFn(usize)) -> Vec<String> {
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = store.page(after.as_ref(), limit).await.unwrap();
        assert!(page.len() <= limit as usize);
        let Some(last) = page.last() else { return seen };
        after = Some(last.id.clone());
        seen.extend(page.iter().map(|account| account.id.as_str().to_owned()));
        after_page(seen.len()).await;
    }
}
