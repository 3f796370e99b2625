//! Stores of users that break their contract, each in one way, and the case of `user_suite!` that finds it out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use gatewright_core::store::Swap;
use gatewright_core::{AuthUser, Email, Epoch, PasswordHash, StoreError, UserId, UserStore};
use gatewright_testkit::block_on;
use gatewright_testkit::store::{UserState, Users, broken, interruptions, users};
use tokio::task::yield_now;

#[derive(Clone)]
struct User {
    id: UserId,
    email: Email,
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
    Nothing,
    /// Nobody is an error.
    AbsentIsBroken,
    /// And a server that is gone is nobody.
    BrokenIsAbsent,
    /// The hash is of one read and the epoch of another.
    ReadsTwice,
    /// What a handle has read once it never reads again.
    Remembers,
    /// Spaces around an id do not count.
    TrimsIds,
    /// Letters with and without an accent are one.
    FoldsAddresses,
    /// Hashes are compared without regard to case.
    IgnoresCase,
    /// A better hash comes with another epoch.
    ChangesTheEpoch,
    /// Whoever has the expected hash gets the new one.
    ForgetsTheId,
    /// The hash is compared in one step and written in another.
    ComparesFirst,
    /// A call waits although nothing keeps it.
    Waits,
}

#[derive(Clone)]
struct Faulty {
    fault: Fault,
    rows: Arc<Mutex<Vec<User>>>,
    remembered: Arc<Mutex<Vec<User>>>,
}

impl Faulty {
    fn with(fault: Fault) -> [Self; 2] {
        let rows = Arc::default();
        [(); 2].map(|()| Self { fault, rows: Arc::clone(&rows), remembered: Arc::default() })
    }

    fn row(&self, fits: impl Fn(&User) -> bool) -> Option<User> {
        self.rows.lock().unwrap().iter().find(|user| fits(user)).cloned()
    }

    async fn find(&self, fits: impl Fn(&User) -> bool) -> Result<Option<User>, StoreError> {
        let mut found = self.row(&fits);
        match self.fault {
            Fault::AbsentIsBroken if found.is_none() => return Err(StoreError::new("find", "no rows")),
            Fault::ReadsTwice => {
                let Some(user) = &mut found else { return Ok(None) };
                let (first, mut turns) = (user.state.epoch, 0);
                // As slow as a database, so that somebody writes in between.
                while user.state.epoch == first && turns < 500 {
                    yield_now().await;
                    user.state.epoch = self.row(&fits).unwrap().state.epoch;
                    turns += 1;
                }
            }
            Fault::Remembers => {
                let mut remembered = self.remembered.lock().unwrap();
                let known = remembered.iter().find(|user| fits(user)).cloned();
                remembered.extend(found.clone());
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

    async fn find_by_email(&self, email: &Email) -> Result<Option<User>, StoreError> {
        let folded = |email: &Email| match self.fault {
            Fault::FoldsAddresses => email.as_str().replace('\u{e4}', "a"),
            _ => email.as_str().to_owned(),
        };
        self.find(|user| folded(email) == folded(&user.email)).await
    }

    async fn replace_password_hash(
        &self,
        id: &UserId,
        expected: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<Swap, StoreError> {
        let fits = |user: &User| {
            let is_asked_for = self.fault == Fault::ForgetsTheId || self.is_same(id, &user.id);
            is_asked_for && self.is_expected(expected, &user.state.password_hash)
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
        Ok(if replaced == 0 { Swap::Stale } else { Swap::Done })
    }
}

impl Users for Faulty {
    type Store = Self;

    fn store(&self) -> &Self {
        self
    }

    async fn add(&self, email: &Email, state: &UserState) -> UserId {
        let mut rows = self.rows.lock().unwrap();
        let id = UserId::from(rows.len() as u64);
        rows.push(User { id: id.clone(), email: email.clone(), state: state.clone() });
        id
    }

    async fn write(&self, id: &UserId, state: &UserState) {
        let mut rows = self.rows.lock().unwrap();
        rows.iter_mut().filter(|user| user.id == *id).for_each(|user| user.state = state.clone());
    }
}

async fn faultless() -> [Faulty; 2] {
    Faulty::with(Fault::Nothing)
}

gatewright_testkit::user_suite!(without_a_fault, faultless, in_memory);

/// Each fault with the case that finds it out.
macro_rules! found_out {
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

found_out! {
    nobody_who_is_an_error AbsentIsBroken users::an_unknown_user_is_absent "no rows"
    a_user_of_two_moments ReadsTwice users::a_user_comes_back_as_of_one_moment "left == right"
    what_is_remembered Remembers users::a_read_sees_every_change_that_was_acknowledged_before_it_began "was acknowledged"
    another_spelling_of_an_id TrimsIds users::addresses_and_ids_are_compared_byte_for_byte "is not"
    addresses_that_are_folded FoldsAddresses users::addresses_and_ids_are_compared_byte_for_byte "left == right"
    hashes_that_differ_in_case IgnoresCase users::a_hash_is_replaced_only_if_it_is_the_expected_one_to_the_byte "Hash-1"
    an_epoch_that_changes ChangesTheEpoch users::a_hash_is_replaced_only_if_it_is_the_expected_one_to_the_byte "left == right"
    a_bystander_with_the_same_hash ForgetsTheId users::a_hash_is_replaced_only_if_it_is_the_expected_one_to_the_byte "left == right"
    a_comparison_before_the_write ComparesFirst users::of_many_parallel_upgrades_of_one_hash_one_succeeds "left == right"
    a_call_that_waits Waits interruptions::no_call_about_users_waits "the call waits"
}

#[test]
#[should_panic(expected = "is_err()")]
fn a_server_that_is_gone_and_says_nobody() {
    let [gone, _] = Faulty::with(Fault::BrokenIsAbsent);
    block_on(broken::a_store_of_users_that_cannot_tell_says_so(Faulty::with(Fault::Nothing), gone));
}
