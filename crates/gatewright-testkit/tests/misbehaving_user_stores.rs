//! User stores that each break the contract in one way, and the case of `user_suite!` that detects
//! it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use gatewright_core::store::CompareAndSwap;
use gatewright_core::{AuthUser, Epoch, LoginName, PasswordHash, StoreError, UserId, UserStore};
use gatewright_testkit::block_on;
use gatewright_testkit::store::{UserState, Users, broken, cancellation, users};
use tokio::task::yield_now;

#[derive(Clone)]
struct User {
    id: UserId,
    name: LoginName,
    state: UserState,
}

impl AuthUser for User {
    fn id(&self) -> UserId {
        self.id.clone()
    }

    fn roles(&self) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }

    fn is_active(&self) -> bool {
        self.state.is_active
    }

    fn password_hash(&self) -> Option<PasswordHash> {
        Some(self.state.password_hash.clone())
    }

    fn epoch(&self) -> Epoch {
        self.state.epoch
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// An unknown user is an error.
    AbsentIsError,
    /// A failed query returns `None`.
    ErrorIsAbsent,
    /// Hash and epoch come from two reads.
    ReadsTwice,
    /// Each handle caches users forever.
    Caches,
    /// Spaces around an id are ignored.
    TrimsIds,
    /// Accents in a login name are ignored.
    FoldsNames,
    /// Hashes are compared without case.
    IgnoresCase,
    /// A hash upgrade also changes the epoch.
    ChangesTheEpoch,
    /// A hash upgrade replaces the hash of every user with the expected hash.
    IgnoresTheId,
    /// The hash is compared in one step and written in another.
    ComparesFirst,
    /// Every read waits once.
    Waits,
}

#[derive(Clone)]
struct Faulty {
    fault: Fault,
    rows: Arc<Mutex<Vec<User>>>,
    cached: Arc<Mutex<Vec<User>>>,
}

impl Faulty {
    fn with(fault: Fault) -> [Self; 2] {
        let rows = Arc::default();
        [(); 2].map(|()| Self { fault, rows: Arc::clone(&rows), cached: Arc::default() })
    }

    fn row(&self, fits: impl Fn(&User) -> bool) -> Option<User> {
        self.rows.lock().unwrap().iter().find(|user| fits(user)).cloned()
    }

    async fn find(&self, fits: impl Fn(&User) -> bool) -> Result<Option<User>, StoreError> {
        let mut found = self.row(&fits);
        match self.fault {
            Fault::AbsentIsError if found.is_none() => return Err(StoreError::new("find", "no rows")),
            Fault::ReadsTwice => {
                let Some(user) = &mut found else { return Ok(None) };
                let (first, mut turns) = (user.state.epoch, 0);
                // As slow as a database, so that a write happens in between.
                while user.state.epoch == first && turns < 500 {
                    yield_now().await;
                    user.state.epoch = self.row(&fits).unwrap().state.epoch;
                    turns += 1;
                }
            }
            Fault::Caches => {
                let mut cached = self.cached.lock().unwrap();
                let known = cached.iter().find(|user| fits(user)).cloned();
                cached.extend(found.clone());
                found = known.or(found);
            }
            Fault::Waits => yield_now().await,
            _ => {}
        }
        Ok(found)
    }

    fn is_same(&self, asked: &UserId, own: &UserId) -> bool {
        let trimmed = self.fault == Fault::TrimsIds && asked.as_str().trim() == own.as_str();
        trimmed || asked == own
    }

    fn is_expected(&self, expected: &PasswordHash, own: &PasswordHash) -> bool {
        match self.fault {
            Fault::IgnoresCase => expected.expose().eq_ignore_ascii_case(own.expose()),
            _ => expected.expose() == own.expose(),
        }
    }
}

#[async_trait]
impl UserStore for Faulty {
    type User = User;

    async fn find_by_id(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        self.find(|user| self.is_same(id, &user.id)).await
    }

    async fn find_by_login(&self, name: &LoginName) -> Result<Option<User>, StoreError> {
        let folded = |name: &LoginName| match self.fault {
            Fault::FoldsNames => name.as_str().replace('\u{e4}', "a"),
            _ => name.as_str().to_owned(),
        };
        self.find(|user| folded(name) == folded(&user.name)).await
    }

    async fn replace_password_hash(
        &self,
        id: &UserId,
        expected: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<CompareAndSwap, StoreError> {
        let fits = |user: &User| {
            let is_requested = self.fault == Fault::IgnoresTheId || self.is_same(id, &user.id);
            is_requested && self.is_expected(expected, &user.state.password_hash)
        };
        let is_there = self.row(fits).is_some();
        if self.fault == Fault::ComparesFirst {
            yield_now().await;
        }
        let mut rows = self.rows.lock().unwrap();
        let mut replaced = 0;
        for user in rows.iter_mut() {
            if fits(user) || self.fault == Fault::ComparesFirst && is_there && user.id == *id {
                user.state.password_hash = new.clone();
                replaced += 1;
                if self.fault == Fault::ChangesTheEpoch {
                    user.state.epoch = Epoch::from_u64(1);
                }
            }
        }
        Ok(if replaced == 0 { CompareAndSwap::Conflict } else { CompareAndSwap::Swapped })
    }
}

impl Users for Faulty {
    type Store = Self;

    fn store(&self) -> &Self {
        self
    }

    async fn add(&self, name: &LoginName, state: &UserState) -> UserId {
        let mut rows = self.rows.lock().unwrap();
        let id = UserId::from(rows.len() as u64);
        rows.push(User { id: id.clone(), name: name.clone(), state: state.clone() });
        id
    }

    async fn write(&self, id: &UserId, state: &UserState) {
        let mut rows = self.rows.lock().unwrap();
        rows.iter_mut().filter(|user| user.id == *id).for_each(|user| user.state = state.clone());
    }
}

async fn correct() -> [Faulty; 2] {
    Faulty::with(Fault::None)
}

gatewright_testkit::user_suite!(correct_store, correct, in_memory);

/// For each fault, a test that the case detects it.
macro_rules! detected {
    ($($name:ident $fault:ident $module:ident::$case:ident $message:literal)+) => {
        $(
            #[test]
            #[should_panic(expected = $message)]
            fn $name() {
                block_on($module::$case(Faulty::with(Fault::$fault)));
            }
        )+
    };
}

detected! {
    error_for_an_unknown_user AbsentIsError users::unknown_users_are_absent "no rows"
    hash_and_epoch_of_two_reads ReadsTwice users::reads_return_one_consistent_row "left == right"
    cached_users Caches users::reads_see_all_acknowledged_writes "was acknowledged"
    trimmed_ids TrimsIds users::addresses_and_ids_are_compared_byte_for_byte "is not"
    folded_names FoldsNames users::addresses_and_ids_are_compared_byte_for_byte "left == right"
    case_insensitive_hashes IgnoresCase users::hash_replacement_compares_byte_for_byte "Hash-1"
    changed_epoch ChangesTheEpoch users::hash_replacement_compares_byte_for_byte "left == right"
    changed_bystander IgnoresTheId users::hash_replacement_compares_byte_for_byte "left == right"
    compare_and_write_in_two_steps ComparesFirst users::one_of_many_parallel_hash_upgrades_succeeds "left == right"
    waiting_call Waits cancellation::user_calls_complete_at_first_poll "the call waits"
}

#[test]
#[should_panic(expected = "is_err()")]
fn none_from_a_broken_store() {
    let [broken, _] = Faulty::with(Fault::ErrorIsAbsent);
    block_on(broken::broken_user_store_returns_errors(Faulty::with(Fault::None), broken));
}
