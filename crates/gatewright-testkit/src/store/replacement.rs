//! Cases for `SessionStore::replace_all`.

use gatewright_core::store::MAX_SESSIONS_PER_USER;
use gatewright_core::{Epoch, Rotation, Session};

use super::sessions::{
    GRACE, START, after, create_session, digest, exists, expect_stored, fields, new_session, request, rotate,
    rotated, store_session, user,
};
use super::{RACERS, Sessions, race};

/// A session as a password change makes it: it began before the others and has another epoch.
pub(super) fn replacement(owner: &str) -> Session {
    let mut session = new_session(owner, START);
    session.epoch = Epoch::from_u64(7);
    session.earlier_used_at = after(100);
    (session.pending_used_at, session.last_used_at) = (after(250), after(300));
    session
}

async fn list<S: Sessions>(store: &S, owner: &str) -> Vec<String> {
    store.list(&user(owner)).await.unwrap().iter().map(fields).collect()
}

/// Also the sessions that have the new epoch already. The new session has all its fields, and its token
/// rotates. Sessions of other users stay.
pub async fn replace_all_leaves_only_the_new_session<S: Sessions>([store, other]: [S; 2]) {
    let old = [create_session(&store, "ada").await, create_session(&store, "ada").await];
    let mut younger = new_session("ada", after(1));
    younger.epoch = Epoch::from_u64(7);
    store_session(&store, &younger, MAX_SESSIONS_PER_USER).await;
    let mut bystanders = Vec::new();
    for stranger in ["eve", "Ada", "ada ", "ad", "adaa", "%", "_da"] {
        bystanders.push(create_session(&store, stranger).await);
    }
    let new = replacement("ada");
    store.replace_all(&new, digest("n0")).await.unwrap();
    assert_eq!(list(&other, "ada").await, [fields(&new)]);
    for gone in old.iter().chain([&younger]) {
        assert_eq!(rotate(&other, &request(gone, "t0", "t1", after(1), GRACE)).await, Rotation::Unknown);
    }
    for bystander in &bystanders {
        expect_stored(&other, bystander).await;
    }
    assert_eq!(rotated(&other, &request(&new, "n0", "n1", after(301), GRACE)).await.issued_at, after(301));
    // The next login is younger than the new session.
    let next = new_session("ada", after(400));
    assert_eq!(store_session(&store, &next, 1).await, 1);
    assert_eq!(list(&other, "ada").await, [fields(&next)]);
}

/// A user without sessions gets one.
pub async fn replace_all_creates_a_users_first_session<S: Sessions>([store, other]: [S; 2]) {
    let new = replacement("ada");
    store.replace_all(&new, digest("n0")).await.unwrap();
    expect_stored(&other, &new).await;
}

/// 50 calls replace the sessions at once. One session is left.
pub async fn parallel_replacements_leave_one_session<S: Sessions>(stores: [S; 2]) {
    create_session(&stores[0], "ada").await;
    let new: Vec<Session> = (0..RACERS).map(|_| replacement("ada")).collect();
    race(&stores, |store, racer| {
        let new = new[racer].clone();
        async move { store.replace_all(&new, digest("n0")).await.unwrap() }
    })
    .await;
    let left = list(&stores[1], "ada").await;
    assert_eq!(left.len(), 1);
    assert!(new.iter().any(|session| fields(session) == left[0]));
}

/// One of 50 calls replaces the sessions; the others log in, rotate a token of the old session, or
/// delete it. The old session is gone afterwards. A login is there if it came after the replacement.
pub async fn replace_all_is_atomic_between_logins_rotations_and_logouts<S: Sessions>(stores: [S; 2]) {
    let old = create_session(&stores[0], "ada").await;
    let logged_out = create_session(&stores[0], "ada").await;
    let new = replacement("ada");
    let logins: Vec<Session> = (0..RACERS).map(|_| new_session("ada", after(1))).collect();
    race(&stores, |store, racer| {
        let (old, out, new, login) = (old.clone(), logged_out.clone(), new.clone(), logins[racer].clone());
        async move {
            match racer {
                7 => store.replace_all(&new, digest("n0")).await.unwrap(),
                8 => store.delete(&out.user, out.id).await.unwrap(),
                _ if racer % 2 == 0 => drop(store_session(&store, &login, MAX_SESSIONS_PER_USER).await),
                _ => {
                    let rotation = rotate(&store, &request(&old, "t0", "t1", after(1), GRACE)).await;
                    let before = matches!(rotation, Rotation::Rotated(_) | Rotation::Grace { .. });
                    assert!(before || rotation == Rotation::Unknown, "{rotation:?}");
                }
            }
        }
    })
    .await;
    let left = list(&stores[1], "ada").await;
    assert_eq!(left[0], fields(&new), "the new session is the oldest");
    assert!(!exists(&stores[1], &old).await && !exists(&stores[1], &logged_out).await);
    let kept = logins.iter().filter(|login| left.contains(&fields(login))).count();
    assert_eq!(left.len(), 1 + kept, "no other session is left");
    rotated(&stores[0], &request(&new, "n0", "n1", after(301), GRACE)).await;
}
