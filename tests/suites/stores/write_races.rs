//! Fifty writes to the sessions of one user at once. The databases answer some of them with a
//! deadlock or a lock timeout; the store retries those, so no caller sees an error.

use std::time::Duration;

use gatewright::store::{Rotation, RotationRequest, Session, SessionSeed, TokenDigest};
use gatewright::token::TokenId;
use gatewright::types::{Epoch, SessionId, SystemRandom, Timestamp};
use gatewright::{MySqlStore, PostgresStore, UserId};
use gatewright_testkit::store::{RACERS, Sessions, race};
use gatewright_testkit::{repetitions, run_case};
use gatewright_tests::database::handles;

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);
const GRACE: Duration = Duration::from_secs(10);
const LIMIT: u32 = 100;

/// How often a race is repeated.
fn rounds() -> usize {
    repetitions().min(5)
}

/// Expands each case as a test on each server.
macro_rules! on_each_server {
    ($($case:ident)+) => { $(
        mod $case {
            use super::*;

            #[test]
            #[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
            fn on_postgres() {
                run_case(async || super::$case(handles::<PostgresStore>().await).await);
            }

            #[test]
            #[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
            fn on_mysql() {
                run_case(async || super::$case(handles::<MySqlStore>().await).await);
            }

            #[test]
            #[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
            fn on_redis() {
                run_case(async || super::$case(crate::stores::redis().await).await);
            }
        }
    )+ };
}

on_each_server! {
    replacements_leave_one_session
    sessions_created_after_the_last_replacement_remain
    rotations_during_a_replacement_are_never_reuse
    writes_of_every_kind_succeed
}

fn ada() -> UserId {
    UserId::new("ada").unwrap()
}

fn digest(token: &str) -> TokenDigest {
    TokenDigest::of(&TokenId::new(token))
}

fn new_session() -> Session {
    let end = NOW.saturating_add(Duration::from_secs(3_600));
    let id = SessionId::generate(NOW, &SystemRandom).unwrap();
    let seed = SessionSeed::generate(&SystemRandom).unwrap();
    Session::new(id, ada(), Epoch::from_u64(1), seed, NOW).with_expiry(end, end)
}

async fn new_sessions<S: Sessions>(store: &S, count: usize) -> Vec<Session> {
    let mut sessions = Vec::new();
    for _ in 0..count {
        let session = new_session();
        store.create(&session, digest("t0"), LIMIT).await.unwrap();
        sessions.push(session);
    }
    sessions
}

fn first_rotation(session: &Session) -> RotationRequest {
    let (now, end) = (NOW.saturating_add(Duration::from_secs(1)), session.expires_at);
    RotationRequest::new(ada(), session.id, digest("t0"), digest("t1"), now, GRACE, end)
}

async fn ids<S: Sessions>(store: &S) -> Vec<SessionId> {
    store.list(&ada()).await.unwrap().iter().map(|session| session.id).collect()
}

async fn replacements_leave_one_session<S: Sessions>(stores: [S; 2]) {
    for _ in 0..rounds() {
        let old = new_sessions(&stores[0], 3).await;
        let new: Vec<Session> = (0..RACERS).map(|_| new_session()).collect();
        race(&stores, |store, racer| {
            let session = new[racer].clone();
            async move { store.replace_all(&session, digest("t0")).await.unwrap() }
        })
        .await;
        let left = ids(&stores[1]).await;
        let winner = new.iter().find(|session| left == [session.id]);
        let winner = winner.unwrap_or_else(|| panic!("{} sessions are left", left.len()));
        let rotation = stores[0].rotate(&first_rotation(winner)).await.unwrap();
        assert!(matches!(rotation, Rotation::Rotated(_)), "{rotation:?}");
        for session in old {
            assert_eq!(stores[0].rotate(&first_rotation(&session)).await.unwrap(), Rotation::Unknown);
        }
    }
}

async fn sessions_created_after_the_last_replacement_remain<S: Sessions>(stores: [S; 2]) {
    for _ in 0..rounds() {
        new_sessions(&stores[0], 3).await;
        let new: Vec<Session> = (0..RACERS).map(|_| new_session()).collect();
        race(&stores, |store, racer| {
            let session = new[racer].clone();
            async move {
                if replaces(racer) {
                    store.replace_all(&session, digest("t0")).await.unwrap();
                } else {
                    store.create(&session, digest("t0"), LIMIT).await.unwrap();
                }
            }
        })
        .await;
        let position = |id| new.iter().position(|session| session.id == id);
        let left: Vec<Option<usize>> = ids(&stores[1]).await.into_iter().map(position).collect();
        let (first, others) = left.split_first().unwrap();
        assert!(first.is_some_and(replaces), "{left:?}");
        assert!(others.iter().all(|other| other.is_some_and(|racer| !replaces(racer))), "{left:?}");
    }
}

const fn replaces(racer: usize) -> bool {
    racer % 4 < 2
}

async fn rotations_during_a_replacement_are_never_reuse<S: Sessions>(stores: [S; 2]) {
    for _ in 0..rounds() {
        let old = new_sessions(&stores[0], 5).await;
        let new = new_session();
        let verdicts = race(&stores, |store, racer| {
            let (new, request) = (new.clone(), first_rotation(&old[racer % old.len()]));
            async move {
                if racer == RACERS / 2 {
                    store.replace_all(&new, digest("t0")).await.unwrap();
                    return Rotation::Unknown;
                }
                store.rotate(&request).await.unwrap()
            }
        })
        .await;
        let is_expected = |verdict: &Rotation| {
            matches!(verdict, Rotation::Rotated(_) | Rotation::Grace { .. } | Rotation::Unknown)
        };
        assert!(verdicts.iter().all(is_expected), "{verdicts:?}");
        assert_eq!(ids(&stores[1]).await, [new.id]);
    }
}

/// The calls lock rows in different orders.
async fn writes_of_every_kind_succeed<S: Sessions>(stores: [S; 2]) {
    for _ in 0..rounds() {
        let old = new_sessions(&stores[0], 10).await;
        race(&stores, |store, racer| {
            let old = old[racer % old.len()].clone();
            async move {
                match racer % 7 {
                    0 | 1 => drop(store.create(&new_session(), digest("t0"), 5).await.unwrap()),
                    2 => store.replace_all(&new_session(), digest("t0")).await.unwrap(),
                    3 => store.delete_all(&old.user).await.unwrap(),
                    4 => store.delete(&old.user, old.id).await.unwrap(),
                    5 => drop(store.delete_expired(old.expires_at).await.unwrap()),
                    _ => drop(store.rotate(&first_rotation(&old)).await.unwrap()),
                }
            }
        })
        .await;
        let last = new_session();
        stores[0].replace_all(&last, digest("t0")).await.unwrap();
        assert_eq!(ids(&stores[1]).await, [last.id]);
    }
}
