//! Cases for cancelled calls: the client disconnects, a deadline passes, or the process stops.

use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use gatewright_core::store::{
    AccountChange, CompareAndSwap, CreateOutcome, EpochChange, MAX_SESSIONS_PER_USER, StoredPassword,
    UpdateOutcome, UserStore,
};
use gatewright_core::{AuthUser, Epoch, RoleName, Rotation};

use super::accounts::{add, new_account};
use super::replacement::replacement;
use super::sessions::{
    GRACE, START, after, count_existing, create_session, digest, exists, new_session, request, rotate,
    store_session,
};
use super::users::{add_user, hash, login};
use super::{Accounts, Sessions, Users};

/// A call is cancelled after at most this number of wakes.
const WAKES: usize = 12;

/// A fast server may answer before the first wait, so that no call is cancelled. Then the attempts
/// are repeated, at most this many times.
const ROUNDS: usize = 20;

/// Runs `attempt` once for each number of wakes, and again until at least one call was cancelled.
///
/// `attempt` receives its own number and the number of wakes after which it cancels its calls. It
/// returns whether all of its calls finished.
pub(crate) async fn cancel_after_each_wake(attempt: impl AsyncFn(usize, usize) -> bool) {
    let mut was_cancelled = false;
    for number in 0..WAKES * ROUNDS {
        if number >= WAKES && was_cancelled {
            break;
        }
        was_cancelled |= !attempt(number, number % WAKES).await;
    }
    assert!(was_cancelled, "no call waited: pass `in_memory` to the suite if the store is in memory");
}

/// Polls a call until it was woken `wakes` times, then drops it. Returns whether the call finished.
pub(crate) async fn finishes_within<F: Future>(wakes: usize, call: F) -> bool {
    let mut call = Box::pin(call);
    let mut woken = 0;
    poll_fn(|context| match call.as_mut().poll(context) {
        Poll::Ready(_) => Poll::Ready(true),
        Poll::Pending if woken == wakes => Poll::Ready(false),
        Poll::Pending => {
            woken += 1;
            Poll::Pending
        }
    })
    .await
}

/// Returns the result of the first poll. A call that waits could be cancelled midway.
pub(crate) fn at_once<F: Future>(call: F) -> F::Output {
    match pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the call waits, so the store is not `in_memory`"),
    }
}

/// Such calls cannot be cancelled midway.
pub async fn session_calls_complete_at_first_poll<S: Sessions>([store, _]: [S; 2]) {
    let session = new_session("ada", START);
    at_once(store.create(&session, digest("t0"), 2)).unwrap();
    assert!(at_once(store.find(&session.user, session.id)).unwrap().is_some());
    assert_eq!(at_once(store.list(&session.user)).unwrap().len(), 1);
    let rotation = at_once(store.rotate(&request(&session, "t0", "t1", after(5), GRACE))).unwrap();
    assert!(matches!(rotation, Rotation::Rotated(_)), "{rotation:?}");
    at_once(store.replace_all(&replacement("ada"), digest("n0"))).unwrap();
    assert_eq!(at_once(store.delete_expired(START)).unwrap(), 0);
    at_once(store.delete(&session.user, session.id)).unwrap();
    at_once(store.delete_all(&session.user)).unwrap();
}

/// Such calls cannot be cancelled midway.
pub async fn user_calls_complete_at_first_poll<U: Users>([users, _]: [U; 2]) {
    let id = add_user(&users, "ada@example.com").await;
    let store = users.store();
    assert!(at_once(store.find_by_id(&id)).unwrap().is_some());
    assert!(at_once(store.find_by_login(&login("ada@example.com"))).unwrap().is_some());
    let swap = at_once(store.replace_password_hash(&id, &hash("hash-1"), &hash("new"))).unwrap();
    assert_eq!(swap, CompareAndSwap::Swapped);
}

/// Such calls cannot be cancelled midway.
pub async fn account_calls_complete_at_first_poll<S: Accounts>([store, _]: [S; 2]) {
    let account = at_once(add(&store, "u1", "ada@example.com", "user"));
    assert!(at_once(store.find_by_email(&account.email)).unwrap().is_some());
    let new = StoredPassword::new(hash("new"), Epoch::from_u64(7));
    let swap = at_once(store.change_password(&account.id, &account.stored_password(), &new)).unwrap();
    assert_eq!(swap, CompareAndSwap::Swapped);
    let update = at_once(store.update(&account.id, &AccountChange::default(), None)).unwrap();
    assert!(matches!(update, UpdateOutcome::Updated(_)));
    let role = RoleName::from_static("user");
    assert!(at_once(store.has_active_holder(&role)).unwrap());
    let first = at_once(store.create_first_holder(new_account("u2", "eve@example.com", "user"), &role));
    assert!(matches!(first.unwrap(), CreateOutcome::HolderExists));
    assert_eq!(at_once(store.count()).unwrap().total, 1);
    assert_eq!(at_once(store.page(None, 10)).unwrap().len(), 1);
    assert_eq!(at_once(store.search("ada", None, 10)).unwrap().len(), 1);
    assert!(matches!(at_once(store.delete(&account.id, None)).unwrap(), UpdateOutcome::Updated(())));
}

/// The token is then the current or a used token, and the session still exists.
pub async fn cancelled_rotation_is_atomic<S: Sessions>([store, other]: [S; 2]) {
    cancel_after_each_wake(async |_, wakes| {
        let session = create_session(&store, "ada").await;
        let step = request(&session, "t0", "t1", after(5), GRACE);
        let finished = finishes_within(wakes, store.rotate(&step)).await;
        let again = rotate(&other, &step).await;
        assert!(
            matches!(again, Rotation::Rotated(_) | Rotation::Grace { .. }),
            "{again:?} after {wakes} wakes"
        );
        finished
    })
    .await;
}

/// Either the new session exists and the oldest was deleted, or neither. The next creation keeps
/// the limit.
pub async fn cancelled_session_creation_is_atomic<S: Sessions>([store, other]: [S; 2]) {
    cancel_after_each_wake(async |attempt, wakes| {
        let owner = format!("ada-{attempt}");
        let [dropped, last] = [new_session(&owner, after(1)), new_session(&owner, after(2))];
        let older = [create_session(&store, &owner).await, create_session(&store, &owner).await];
        let finished = finishes_within(wakes, store.create(&dropped, digest("t0"), 2)).await;
        store_session(&other, &last, 2).await;
        let [one, two] = older;
        assert_eq!(
            count_existing(&other, &[one, two, dropped, last.clone()]).await,
            2,
            "after {wakes} wakes"
        );
        assert!(exists(&other, &last).await);
        finished
    })
    .await;
}

/// Either the new session replaced the others, or nothing changed.
pub async fn cancelled_replacement_is_atomic<S: Sessions>([store, other]: [S; 2]) {
    cancel_after_each_wake(async |attempt, wakes| {
        let owner = format!("ada-{attempt}");
        let old = [create_session(&store, &owner).await, create_session(&store, &owner).await];
        let new = replacement(&owner);
        let finished = finishes_within(wakes, store.replace_all(&new, digest("n0"))).await;
        // The server may still run the cancelled call. A login of the same user on this handle comes after it.
        store_session(&store, &new_session(&owner, after(1)), MAX_SESSIONS_PER_USER).await;
        let happened = exists(&other, &new).await;
        assert!(happened || !finished);
        let kept = count_existing(&other, &old).await;
        assert_eq!(kept, if happened { 0 } else { 2 }, "after {wakes} wakes");
        finished
    })
    .await;
}

/// More sessions than any store has connections, so that every connection is used again.
const MANY: usize = 12;

/// Cancelled calls may leave a connection in a transaction. Later writes must still be visible to
/// all handles once they are acknowledged.
pub async fn writes_after_cancelled_calls_are_not_lost<S: Sessions>([store, other]: [S; 2]) {
    cancel_after_each_wake(async |_, wakes| {
        let mut finished = true;
        for _ in 0..3 {
            let sessions = [(); MANY].map(|()| new_session("ada", START));
            for session in &sessions {
                store_session(&other, session, MAX_SESSIONS_PER_USER).await;
            }
            finished &= transactions_finish_within(wakes, &store).await;
            for session in &sessions {
                store.delete(&session.user, session.id).await.unwrap();
                assert!(!exists(&other, session).await, "acknowledged and lost, after {wakes} wakes");
            }
        }
        finished
    })
    .await;
}

/// Cancels one call of each method that runs several statements. Returns whether all of them
/// finished.
async fn transactions_finish_within<S: Sessions>(wakes: usize, store: &S) -> bool {
    let session = new_session("eve", START);
    let step = request(&session, "t0", "t1", after(5), GRACE);
    let finished = [
        finishes_within(wakes, store.create(&session, digest("t0"), MAX_SESSIONS_PER_USER)).await,
        finishes_within(wakes, store.rotate(&step)).await,
        finishes_within(wakes, store.replace_all(&replacement("eve"), digest("n0"))).await,
    ];
    finished == [true; 3]
}

/// A cancelled upgrade does not happen later, after another caller has replaced the hash.
pub async fn cancelled_hash_upgrade_is_atomic<U: Users>([users, other]: [U; 2]) {
    let [old, new, last] = ["hash-1", "new", "last"].map(hash);
    cancel_after_each_wake(async |attempt, wakes| {
        let id = add_user(&users, &format!("{attempt}@example.com")).await;
        let before = other.store().find_by_id(&id).await.unwrap().unwrap();
        let upgrade = users.store().replace_password_hash(&id, &old, &new);
        let finished = finishes_within(wakes, upgrade).await;
        let mut replaced = 0;
        for expected in [&old, &new] {
            let swap = other.store().replace_password_hash(&id, expected, &last).await.unwrap();
            replaced += usize::from(swap == CompareAndSwap::Swapped);
        }
        assert_eq!(replaced, 1, "after {wakes} wakes");
        let after = other.store().find_by_id(&id).await.unwrap().unwrap();
        assert_eq!(after.password_hash().unwrap().expose(), "last");
        assert_eq!((after.epoch(), after.is_active()), (before.epoch(), before.is_active()));
        finished
    })
    .await;
}

/// Either the account exists with all fields, or its address and its id are still free.
pub async fn cancelled_account_creation_is_atomic<S: Accounts>([store, other]: [S; 2]) {
    cancel_after_each_wake(async |attempt, wakes| {
        let new = new_account(&format!("u{attempt}"), &format!("{attempt}@example.com"), "user");
        let finished = finishes_within(wakes, store.create(new.clone())).await;
        // The second call waits for the first one if that is still running. One of the two
        // succeeds.
        let again = other.create(new.clone()).await.unwrap();
        assert!(!finished || matches!(again, CreateOutcome::Taken));
        let [by_id, by_email] = [other.find_by_id(&new.id).await, other.find_by_email(&new.email).await]
            .map(|found| found.unwrap().unwrap());
        assert_eq!((by_id.email, by_email.id), (new.email, new.id), "after {wakes} wakes");
        assert_eq!(other.count().await.unwrap().total, 1 + attempt as u64);
        finished
    })
    .await;
}

/// Roles, `is_active` and epoch have all changed, or none of them.
pub async fn cancelled_account_update_is_atomic<S: Accounts>([store, other]: [S; 2]) {
    let epoch = Epoch::from_u64(7);
    let mut change = AccountChange::default();
    let new = BTreeSet::from(["editor", "user"].map(RoleName::from_static));
    (change.roles, change.is_active) = (Some(new.clone()), Some(false));
    change.epoch = Some(EpochChange::IfRolesDiffer(epoch));
    cancel_after_each_wake(async |attempt, wakes| {
        let account = add(&store, &format!("u{attempt}"), &format!("{attempt}@example.com"), "admin").await;
        let finished = finishes_within(wakes, store.update(&account.id, &change, None)).await;
        let after = other.find_by_id(&account.id).await.unwrap().unwrap();
        let happened = after.epoch == epoch;
        assert!(!finished || happened);
        let roles = if happened { &new } else { &account.roles };
        assert_eq!((&after.roles, after.is_active), (roles, !happened), "after {wakes} wakes");
        finished
    })
    .await;
}

/// Hash and epoch have both changed, or neither.
pub async fn cancelled_password_change_is_atomic<S: Accounts>([store, other]: [S; 2]) {
    let new = StoredPassword::new(hash("new"), Epoch::from_u64(7));
    cancel_after_each_wake(async |attempt, wakes| {
        let account = add(&store, &format!("u{attempt}"), &format!("{attempt}@example.com"), "user").await;
        let old = account.stored_password();
        let finished = finishes_within(wakes, store.change_password(&account.id, &old, &new)).await;
        let after = other.find_by_id(&account.id).await.unwrap().unwrap();
        let happened = after.password_hash.expose() == "new";
        assert_eq!(after.epoch, if happened { new.epoch } else { account.epoch });
        finished
    })
    .await;
}
