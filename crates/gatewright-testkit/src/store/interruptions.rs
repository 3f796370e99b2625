//! Cases for calls that are dropped in their middle: a client that goes away, a deadline, a process that stops.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use gatewright_core::session::MAX_SESSIONS_PER_USER;
use gatewright_core::store::{AccountChange, Change, Created, Swap, UserStore};
use gatewright_core::{AuthUser, Epoch, PasswordHash, RoleName, Rotation};

use super::accounts::{add, new_account};
use super::sessions::{GRACE, START, after, begin, digest, exists, new_session, request, rotate};
use super::users::{add_user, email, hash};
use super::{Accounts, Sessions, Users};

/// How many times a call is woken, at most, before it is dropped.
const WAKES: usize = 12;

/// A quick server may answer before anybody waits: then no call has a middle, and all are made again.
const ROUNDS: usize = 20;

/// After how many wakes each attempt is dropped: every number once, and again for as long as nothing was dropped.
fn attempts(unfinished: &Cell<usize>) -> impl Iterator<Item = (usize, usize)> {
    let enough = move |attempt: &usize| *attempt < WAKES || unfinished.get() == 0;
    (0..WAKES * ROUNDS).take_while(enough).map(|attempt| (attempt, attempt % WAKES))
}

/// Polls a call until it has been woken so often, drops it, and says whether it had finished.
async fn dropped_after<F: Future>(wakes: usize, call: F) -> bool {
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

/// Every call was dropped at least at its first wait, if it has one.
fn check_that_some_were_dropped(unfinished: &Cell<usize>) {
    assert!(
        unfinished.get() > 0,
        "no call ever waited: if the store is in memory, tell the suite `in_memory`"
    );
}

/// What the call returns when it is polled for the first time. One that waits is one that can be dropped in its middle.
fn at_once<F: Future>(call: F) -> F::Output {
    match pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the call waits, so the store is not `in_memory`"),
    }
}

/// So that none can be dropped in its middle.
pub async fn no_call_about_sessions_waits<S: Sessions>([store, _]: [S; 2]) {
    let session = new_session("ada", START);
    at_once(store.begin(&session, digest("t0"), 2)).unwrap();
    assert!(at_once(store.find(&session.user, session.id)).unwrap().is_some());
    assert_eq!(at_once(store.list(&session.user)).unwrap().len(), 1);
    let rotation = at_once(store.rotate(&request(&session, "t0", "t1", after(5), GRACE))).unwrap();
    assert!(matches!(rotation, Rotation::Rotated(_)), "{rotation:?}");
    at_once(store.retain(&session.user, session.id, Epoch::from_u64(7))).unwrap();
    assert_eq!(at_once(store.purge_expired(START)).unwrap(), 0);
    at_once(store.end(&session.user, session.id)).unwrap();
    at_once(store.end_all(&session.user)).unwrap();
}

/// So that none can be dropped in its middle.
pub async fn no_call_about_users_waits<U: Users>([users, _]: [U; 2]) {
    let id = add_user(&users, "ada@example.com").await;
    let store = users.store();
    assert!(at_once(store.find_by_id(&id)).unwrap().is_some());
    assert!(at_once(store.find_by_email(&email("ada@example.com"))).unwrap().is_some());
    assert_eq!(at_once(store.replace_password_hash(&id, &hash("hash-1"), &hash("new"))).unwrap(), Swap::Done);
}

/// So that none can be dropped in its middle.
pub async fn no_call_about_accounts_waits<S: Accounts>([store, _]: [S; 2]) {
    let account = at_once(add(&store, "u1", "ada@example.com", "user"));
    let [old, new] = ["hash-1", "new"].map(hash);
    let change = store.change_password(&account.id, &old, &new, Epoch::from_u64(7));
    assert_eq!(at_once(change).unwrap(), Swap::Done);
    let change = AccountChange::default();
    assert!(matches!(at_once(store.update(&account.id, &change, None)).unwrap(), Change::Done(_)));
    assert_eq!(at_once(store.count()).unwrap().total, 1);
    assert_eq!(at_once(store.page(None, 10)).unwrap().len(), 1);
    assert!(matches!(at_once(store.delete(&account.id, None)).unwrap(), Change::Done(())));
}

/// Wherever it is dropped: afterwards the token is current or previous, and the session lives.
pub async fn a_dropped_rotation_has_happened_or_not<S: Sessions>([store, other]: [S; 2]) {
    let unfinished = Cell::new(0);
    for (_, wakes) in attempts(&unfinished) {
        let session = begin(&store, "ada").await;
        let step = request(&session, "t0", "t1", after(5), GRACE);
        let finished = dropped_after(wakes, store.rotate(&step)).await;
        unfinished.set(unfinished.get() + usize::from(!finished));
        let again = rotate(&other, &step).await;
        assert!(matches!(again, Rotation::Rotated(_) | Rotation::Grace(_)), "{again:?} after {wakes} wakes");
    }
    check_that_some_were_dropped(&unfinished);
}

/// The session is there and the oldest has ended, or neither; the next beginning finds everything in order.
pub async fn a_dropped_beginning_has_happened_or_not<S: Sessions>([store, other]: [S; 2]) {
    let unfinished = Cell::new(0);
    for (attempt, wakes) in attempts(&unfinished) {
        let owner = format!("ada-{attempt}");
        let older = [begin(&store, &owner).await, begin(&store, &owner).await];
        let [dropped, last] = [new_session(&owner, after(1)), new_session(&owner, after(2))];
        let finished = dropped_after(wakes, store.begin(&dropped, digest("t0"), 2)).await;
        unfinished.set(unfinished.get() + usize::from(!finished));
        other.begin(&last, digest("t0"), 2).await.unwrap();
        let mut kept = 0;
        for session in [&older[0], &older[1], &dropped, &last] {
            kept += usize::from(exists(&other, session).await);
        }
        assert_eq!(kept, 2, "after {wakes} wakes");
        assert!(exists(&other, &last).await);
    }
    check_that_some_were_dropped(&unfinished);
}

/// The kept session has the new epoch and the others have ended, or neither.
pub async fn a_dropped_retaining_has_happened_or_not<S: Sessions>([store, other]: [S; 2]) {
    let unfinished = Cell::new(0);
    let epoch = Epoch::from_u64(7);
    for (attempt, wakes) in attempts(&unfinished) {
        let owner = format!("ada-{attempt}");
        let [kept, ended] = [begin(&store, &owner).await, begin(&store, &owner).await];
        let finished = dropped_after(wakes, store.retain(&kept.user, kept.id, epoch)).await;
        unfinished.set(unfinished.get() + usize::from(!finished));
        // Whatever is under way still is waited for by whoever changes the same session.
        let step = request(&kept, "t0", "t1", after(5), GRACE);
        assert!(matches!(rotate(&other, &step).await, Rotation::Rotated(_)));
        let happened = other.find(&kept.user, kept.id).await.unwrap().unwrap().epoch == epoch;
        assert_eq!(exists(&other, &ended).await, !happened, "after {wakes} wakes");
    }
    check_that_some_were_dropped(&unfinished);
}

/// More than any store has connections: each is used again.
const MANY: usize = 12;

/// Whatever the dropped calls left behind: a change that is acknowledged afterwards is there for everybody at once.
pub async fn what_is_acknowledged_after_dropped_calls_has_happened<S: Sessions>([store, other]: [S; 2]) {
    let unfinished = Cell::new(0);
    for (_, wakes) in attempts(&unfinished).flat_map(|attempt| [attempt; 3]) {
        let sessions = [(); MANY].map(|()| new_session("ada", START));
        for session in &sessions {
            other.begin(session, digest("t0"), MAX_SESSIONS_PER_USER).await.unwrap();
        }
        unfinished.set(unfinished.get() + drop_transactions(&store, wakes).await);
        for session in &sessions {
            store.end(&session.user, session.id).await.unwrap();
            assert!(!exists(&other, session).await, "acknowledged and lost, after {wakes} wakes");
        }
    }
    check_that_some_were_dropped(&unfinished);
}

/// Drops a call of each verb that takes several steps after so many wakes, and says how many had not finished.
async fn drop_transactions<S: Sessions>(store: &S, wakes: usize) -> usize {
    let session = new_session("eve", START);
    let step = request(&session, "t0", "t1", after(5), GRACE);
    let finished = [
        dropped_after(wakes, store.begin(&session, digest("t0"), MAX_SESSIONS_PER_USER)).await,
        dropped_after(wakes, store.retain(&session.user, session.id, Epoch::from_u64(7))).await,
        dropped_after(wakes, store.rotate(&step)).await,
    ];
    finished.iter().filter(|finished| !**finished).count()
}

/// And is not made later, when somebody else has replaced the hash.
pub async fn a_dropped_upgrade_has_happened_or_not<U: Users>([users, other]: [U; 2]) {
    let unfinished = Cell::new(0);
    let [old, new, last] = ["hash-1", "new", "last"].map(hash);
    for (attempt, wakes) in attempts(&unfinished) {
        let id = add_user(&users, &format!("{attempt}@example.com")).await;
        let before = other.store().find_by_id(&id).await.unwrap().unwrap();
        let upgrade = users.store().replace_password_hash(&id, &old, &new);
        let finished = dropped_after(wakes, upgrade).await;
        unfinished.set(unfinished.get() + usize::from(!finished));
        let mut replaced = 0;
        for expected in [&old, &new] {
            let swap = other.store().replace_password_hash(&id, expected, &last).await.unwrap();
            replaced += usize::from(swap == Swap::Done);
        }
        assert_eq!(replaced, 1, "after {wakes} wakes");
        let after = other.store().find_by_id(&id).await.unwrap().unwrap();
        assert_eq!(after.password_hash().unwrap().expose(), "last");
        assert_eq!((after.epoch(), after.is_active()), (before.epoch(), before.is_active()));
    }
    check_that_some_were_dropped(&unfinished);
}

/// The account is there whole, or its address and its id are free.
pub async fn a_dropped_creation_has_happened_or_not<S: Accounts>([store, other]: [S; 2]) {
    let unfinished = Cell::new(0);
    for (attempt, wakes) in attempts(&unfinished) {
        let new = new_account(&format!("u{attempt}"), &format!("{attempt}@example.com"), "user");
        let finished = dropped_after(wakes, store.create(new.clone())).await;
        unfinished.set(unfinished.get() + usize::from(!finished));
        // Of two creations one took place, and this one waits for the other.
        let again = other.create(new.clone()).await.unwrap();
        assert!(!finished || matches!(again, Created::Taken));
        let [by_id, by_email] = [other.find_by_id(&new.id).await, other.find_by_email(&new.email).await]
            .map(|found| found.unwrap().unwrap());
        assert_eq!((by_id.email, by_email.id), (new.email, new.id), "after {wakes} wakes");
        assert_eq!(other.count().await.unwrap().total, 1 + attempt as u64);
    }
    check_that_some_were_dropped(&unfinished);
}

/// Role, activity and epoch are all new, or all old.
pub async fn a_dropped_update_has_happened_or_not<S: Accounts>([store, other]: [S; 2]) {
    let unfinished = Cell::new(0);
    for (attempt, wakes) in attempts(&unfinished) {
        let account = add(&store, &format!("u{attempt}"), &format!("{attempt}@example.com"), "admin").await;
        let mut change = AccountChange::default();
        (change.role, change.is_active) = (Some(RoleName::new("user").unwrap()), Some(false));
        change.epoch = Some(Epoch::from_u64(7));
        let finished = dropped_after(wakes, store.update(&account.id, &change, None)).await;
        unfinished.set(unfinished.get() + usize::from(!finished));
        let after = other.find_by_id(&account.id).await.unwrap().unwrap();
        let happened = after.epoch == Epoch::from_u64(7);
        assert!(!finished || happened);
        let role = if happened { "user" } else { "admin" };
        assert_eq!((after.role.as_str(), after.is_active), (role, !happened), "after {wakes} wakes");
    }
    check_that_some_were_dropped(&unfinished);
}

/// Hash and epoch are both new, or both old.
pub async fn a_dropped_change_of_password_has_happened_or_not<S: Accounts>([store, other]: [S; 2]) {
    let unfinished = Cell::new(0);
    let (old, new) = (PasswordHash::new("hash-1"), PasswordHash::new("new"));
    for (attempt, wakes) in attempts(&unfinished) {
        let account = add(&store, &format!("u{attempt}"), &format!("{attempt}@example.com"), "user").await;
        let change = store.change_password(&account.id, &old, &new, Epoch::from_u64(7));
        let finished = dropped_after(wakes, change).await;
        unfinished.set(unfinished.get() + usize::from(!finished));
        let after = other.find_by_id(&account.id).await.unwrap().unwrap();
        let happened = after.password_hash.expose() == "new";
        assert_eq!(after.epoch, if happened { Epoch::from_u64(7) } else { account.epoch });
    }
    check_that_some_were_dropped(&unfinished);
}
