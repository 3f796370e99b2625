//! Cases for `UserStore` with any user type.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use gatewright_core::store::CompareAndSwap;
use gatewright_core::{AuthUser, Email, Epoch, LoginName, PasswordHash, UserId, UserStore};
use tokio::sync::Barrier;
use tokio::task::{JoinSet, yield_now};

use super::race;
use crate::repetitions;

/// A `UserStore` under test, and the writes that its application makes to the table. The trait
/// `UserStore` has no such writes. Clones use the same table.
pub trait Users: Clone + Send + Sync + 'static {
    /// The type of the store under test.
    type Store: UserStore;

    /// Returns the store under test.
    fn store(&self) -> &Self::Store;

    /// Inserts a user with this login name and state, and returns the id. The name has the form of an
    /// address, so that a store of addresses can be tested too.
    fn add(&self, name: &LoginName, state: &UserState) -> impl Future<Output = UserId> + Send;

    /// Writes this state to the user's row in one step.
    ///
    /// The new state has another epoch than the old one. It also has either another hash or another
    /// `is_active`, never both.
    fn write(&self, id: &UserId, state: &UserState) -> impl Future<Output = ()> + Send;
}

/// The fields of a user that guards and login read. The hash is not the output of a password
/// hasher.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct UserState {
    /// The stored hash.
    pub password_hash: PasswordHash,
    /// The epoch. Its highest bit may be set.
    pub epoch: Epoch,
    /// Whether the user may log in.
    pub is_active: bool,
}

/// The number of writes to a user during concurrent reads.
const STEPS: u64 = 60;

/// The number of concurrent readers, half of them on each handle.
const READERS: usize = 4;

/// The number of reads of each reader during one write.
const READS: usize = 4;

pub(super) fn email(text: &str) -> Email {
    Email::parse(text).unwrap()
}

pub(super) fn login(text: &str) -> LoginName {
    LoginName::parse(text).unwrap()
}

pub(super) fn hash(text: &str) -> PasswordHash {
    PasswordHash::new(text)
}

/// The states that a user passes through: disabled, enabled, new password, and so on.
fn state(step: u64) -> UserState {
    let password_hash = hash(&format!("hash-{}", 1 + step / 3));
    UserState { password_hash, epoch: Epoch::from_u64(u64::MAX - step), is_active: step % 3 != 1 }
}

/// All fields of a state, for comparison: hash, epoch, `is_active`.
type Fields = (Option<String>, Epoch, bool);

fn fields(user: &impl AuthUser) -> Fields {
    (user.password_hash().map(|hash| hash.expose().to_owned()), user.epoch(), user.is_active())
}

fn expected(state: &UserState) -> Fields {
    (Some(state.password_hash.expose().to_owned()), state.epoch, state.is_active)
}

pub(super) async fn add_user<U: Users>(users: &U, address: &str) -> UserId {
    users.add(&login(address), &state(0)).await
}

async fn get<U: Users>(users: &U, id: &UserId) -> Fields {
    let found = users.store().find_by_id(id).await.unwrap().unwrap();
    assert_eq!(found.id(), *id);
    fields(&found)
}

/// Reads by id and by login name, through both handles. The epoch has its highest bit set.
pub async fn user_fields_round_trip<U: Users>(both: [U; 2]) {
    let (ada, eve) = (login("ada@example.com"), login("eve@example.com"));
    let ids = [both[0].add(&ada, &state(0)).await, both[0].add(&eve, &state(3)).await];
    for users in &both {
        for (id, name, state) in [(&ids[0], &ada, state(0)), (&ids[1], &eve, state(3))] {
            assert_eq!(get(users, id).await, expected(&state));
            let found = users.store().find_by_login(name).await.unwrap().unwrap();
            assert_eq!((found.id(), fields(&found)), (id.clone(), expected(&state)));
        }
    }
}

/// The result is `None` or `Conflict`, not an error. Wildcards and SQL in the argument match no
/// user.
pub async fn unknown_users_are_absent<U: Users>([users, _]: [U; 2]) {
    let known = add_user(&users, "ada@example.com").await;
    let store = users.store();
    for text in ["nobody", "0", "-1", "18446744073709551616", "%", "_", "*", "' OR 1=1 --"] {
        let id = UserId::new(text).unwrap();
        assert!(id == known || store.find_by_id(&id).await.unwrap().is_none(), "{text}");
        let swap = store.replace_password_hash(&id, &hash("hash-0"), &hash("new")).await.unwrap();
        assert_eq!(swap, CompareAndSwap::Conflict, "{text}");
    }
    let longest = "\u{1f600}".repeat(63);
    for text in [
        "no@body",
        "%@example.com",
        "_da@example.com",
        "ada@example.co",
        "'or'1'='1'@example.com",
        "ada",
        "nobody",
        "%",
        "' OR 1=1 --",
        "ada@example.com@",
        &longest,
    ] {
        assert!(store.find_by_login(&login(text)).await.unwrap().is_none(), "{text}");
    }
    assert_eq!(get(&users, &known).await, expected(&state(0)));
}

/// No collation folds accents or letters. Another spelling of an id is another id.
pub async fn addresses_and_ids_are_compared_byte_for_byte<U: Users>([users, _]: [U; 2]) {
    let addresses = ["a@example.com", "\u{e4}@example.com", "strasse@example.com", "stra\u{df}e@example.com"];
    let store = users.store();
    let mut ids = Vec::new();
    for address in addresses {
        ids.push(add_user(&users, address).await);
    }
    for (address, id) in addresses.iter().zip(&ids) {
        assert_eq!(store.find_by_login(&login(address)).await.unwrap().unwrap().id(), *id, "{address}");
    }
    let text = ids[0].as_str();
    let spellings = [
        format!("{text} "),
        format!(" {text}"),
        format!("+{text}"),
        format!("0{text}"),
        format!("{text}.0"),
        text.to_uppercase(),
        text.to_lowercase(),
    ];
    for other in
        spellings.iter().map(|other| UserId::new(other).unwrap()).filter(|other| !ids.contains(other))
    {
        assert!(store.find_by_id(&other).await.unwrap().is_none(), "{other:?} is not {text:?}");
        let swap = store.replace_password_hash(&other, &hash("hash-1"), &hash("new")).await.unwrap();
        assert_eq!(swap, CompareAndSwap::Conflict, "{other:?} is not {text:?}");
    }
}

/// Hash, epoch and `is_active` of one read come from one write, by id and by login name.
pub async fn reads_return_one_consistent_row<U: Users>(both: [U; 2]) {
    for (_, found) in read_while_written(both).await {
        assert_eq!(found, expected(&state(step_of(&found))));
    }
}

/// This includes reads through the other handle.
pub async fn reads_see_all_acknowledged_writes<U: Users>(both: [U; 2]) {
    for (acknowledged, found) in read_while_written(both).await {
        assert!(step_of(&found) >= acknowledged, "step {acknowledged} was acknowledged: {found:?}");
    }
}

fn step_of((_, epoch, _): &Fields) -> u64 {
    u64::MAX - epoch.as_u64()
}

/// Reads a user during writes. Returns each read with the last write acknowledged before it began.
async fn read_while_written<U: Users>(both: [U; 2]) -> Vec<(u64, Fields)> {
    let name = login("ada@example.com");
    let id = both[0].add(&name, &state(0)).await;
    let (acknowledged, seen) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(Vec::new())));
    let barrier = Arc::new(Barrier::new(READERS + 1));
    let mut readers = JoinSet::new();
    for reader in 0..READERS {
        let (users, id, name) = (both[reader % 2].clone(), id.clone(), name.clone());
        let (acknowledged, seen, barrier) =
            (Arc::clone(&acknowledged), Arc::clone(&seen), Arc::clone(&barrier));
        readers.spawn(async move {
            for _ in 0..STEPS {
                barrier.wait().await;
                for turn in 0..READS {
                    let before = acknowledged.load(Ordering::SeqCst);
                    let found = read(&users, &id, &name, turn).await;
                    seen.lock().unwrap().push((before, found));
                    yield_now().await;
                }
            }
        });
    }
    for step in 1..=STEPS {
        tokio::select! {
            _ = barrier.wait() => {}
            // A failed reader never reaches the barrier.
            Some(Err(error)) = readers.join_next() => panic!("a read failed: {error}"),
        }
        both[0].write(&id, &state(step)).await;
        acknowledged.store(step, Ordering::SeqCst);
    }
    readers.join_all().await;
    std::mem::take(&mut *seen.lock().unwrap())
}

/// Reads by id and by login name alternately.
async fn read<U: Users>(users: &U, id: &UserId, name: &LoginName, turn: usize) -> Fields {
    let store = users.store();
    let found =
        if turn.is_multiple_of(2) { store.find_by_id(id).await } else { store.find_by_login(name).await };
    fields(&found.unwrap().unwrap())
}

/// Case and trailing spaces matter. The epoch does not change, nor does another user with the same
/// hash.
pub async fn hash_replacement_compares_byte_for_byte<U: Users>([users, other]: [U; 2]) {
    let id = add_user(&users, "ada@example.com").await;
    let bystander = add_user(&users, "eve@example.com").await;
    let store = users.store();
    for wrong in ["Hash-1", "hash-1 ", "hash-2", "hash-", ""] {
        let swap = store.replace_password_hash(&id, &hash(wrong), &hash("new")).await.unwrap();
        assert_eq!(swap, CompareAndSwap::Conflict, "{wrong:?}");
    }
    assert_eq!(get(&other, &id).await, expected(&state(0)));
    let swap = store.replace_password_hash(&id, &hash("hash-1"), &hash("new")).await.unwrap();
    assert_eq!(swap, CompareAndSwap::Swapped);
    let upgraded = UserState { password_hash: hash("new"), ..state(0) };
    assert_eq!(get(&other, &id).await, expected(&upgraded));
    assert_eq!(get(&other, &bystander).await, expected(&state(0)));
}

/// As with many simultaneous logins, on both handles. The stored hash is the hash of the one
/// success.
pub async fn one_of_many_parallel_hash_upgrades_succeeds<U: Users>(both: [U; 2]) {
    for repetition in 0..repetitions() {
        let id = add_user(&both[0], &format!("r{repetition}@example.com")).await;
        let results = race(&both, |users, racer| {
            let id = id.clone();
            async move {
                let new = hash(&format!("new-{racer}"));
                let swap = users.store().replace_password_hash(&id, &hash("hash-1"), &new).await.unwrap();
                (swap == CompareAndSwap::Swapped).then_some(new)
            }
        })
        .await;
        let won: Vec<PasswordHash> = results.into_iter().flatten().collect();
        assert_eq!(won.len(), 1, "repetition {repetition}");
        let state = UserState { password_hash: won[0].clone(), ..state(0) };
        assert_eq!(get(&both[1], &id).await, expected(&state), "repetition {repetition}");
    }
}
