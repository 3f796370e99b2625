//! Cases for `SessionStore`.

use std::time::Duration;

use gatewright_core::rotation::{SessionSeed, TokenDigest, TokenLife};
use gatewright_core::session::MAX_SESSIONS_PER_USER;
use gatewright_core::{
    Epoch, Rotation, RotationRequest, Scopes, Session, SessionId, SystemRandomness, Timestamp, TokenId,
    UserId,
};

use super::{RACERS, Sessions, race, race_of};
use crate::repetitions;

/// A moment with a fraction of a second, so that a store that rounds is found out.
pub(super) const START: Timestamp = Timestamp::from_micros(1_700_000_000_123_457);
pub(super) const IDLE: Duration = Duration::from_secs(3_600);
const ABSOLUTE: Duration = Duration::from_secs(10_000);
pub(super) const GRACE: Duration = Duration::from_secs(10);

pub(super) fn user(id: &str) -> UserId {
    UserId::new(id).unwrap()
}

pub(super) fn digest(token: &str) -> TokenDigest {
    TokenDigest::of(&TokenId::new(token))
}

pub(super) fn after(seconds: u64) -> Timestamp {
    START.saturating_add(Duration::from_secs(seconds))
}

pub(super) fn new_session(owner: &str, created_at: Timestamp) -> Session {
    let id = SessionId::generate(created_at, &SystemRandomness).unwrap();
    let seed = SessionSeed::generate(&SystemRandomness).unwrap();
    let (idle, absolute) = (created_at.saturating_add(IDLE), created_at.saturating_add(ABSOLUTE));
    Session::begin(id, user(owner), Epoch::from_u64(u64::MAX - 1), seed, created_at)
        .with_scopes(Scopes::parse("items:read items:write").unwrap())
        .with_expiry(idle, absolute)
}

/// A session at [`START`] whose current token is `t0`.
pub(super) async fn begin<S: Sessions>(store: &S, owner: &str) -> Session {
    let session = new_session(owner, START);
    store.begin(&session, digest("t0"), MAX_SESSIONS_PER_USER).await.unwrap();
    session
}

pub(super) fn request(
    session: &Session,
    presented: &str,
    successor: &str,
    now: Timestamp,
    grace: Duration,
) -> RotationRequest {
    RotationRequest::new(
        session.user.clone(),
        session.id,
        digest(presented),
        digest(successor),
        now,
        grace,
        now.saturating_add(IDLE),
    )
}

pub(super) async fn rotate<S: Sessions>(store: &S, request: &RotationRequest) -> Rotation {
    store.rotate(request).await.unwrap()
}

pub(super) async fn exists<S: Sessions>(store: &S, session: &Session) -> bool {
    store.find(&session.user, session.id).await.unwrap().is_some()
}

pub(super) fn fields(session: &Session) -> String {
    format!("{session:?} {:?}", session.seed.expose())
}

/// Every field survives, the microsecond and the highest bit included.
pub async fn a_session_comes_back_as_it_was_kept<S: Sessions>([store, other]: [S; 2]) {
    let session = begin(&store, "ada").await;
    assert_eq!(fields(&other.find(&session.user, session.id).await.unwrap().unwrap()), fields(&session));
}

/// `None`, not an error.
pub async fn an_unknown_session_is_absent<S: Sessions>([store, _]: [S; 2]) {
    let session = new_session("ada", START);
    assert!(!exists(&store, &session).await);
    assert_eq!(rotate(&store, &request(&session, "t0", "t1", START, GRACE)).await, Rotation::Unknown);
    store.end(&session.user, session.id).await.unwrap();
    store.end_all(&session.user).await.unwrap();
    store.retain(&session.user, session.id, Epoch::from_u64(1)).await.unwrap();
    assert!(!exists(&store, &session).await);
}

/// `last_used_at` and the idle end move with it, and with nothing else.
pub async fn the_current_token_rotates<S: Sessions>([store, other]: [S; 2]) {
    let mut session = begin(&store, "ada").await;
    for (step, seconds) in [(0, 5), (1, 600), (2, 601)] {
        let (presented, successor) = (format!("t{step}"), format!("t{}", step + 1));
        let rotation =
            rotate(&store, &request(&session, &presented, &successor, after(seconds), GRACE)).await;
        let life = TokenLife::new(after(seconds), after(seconds).saturating_add(IDLE));
        assert_eq!(rotation, Rotation::Rotated(life));
        session.last_used_at = life.issued_at;
        session.idle_expires_at = life.expires_at;
        assert_eq!(fields(&other.find(&session.user, session.id).await.unwrap().unwrap()), fields(&session));
    }
}

/// As often as it is asked, until a microsecond before the window closes, and nothing changes.
pub async fn the_previous_token_gets_the_same_successor_inside_the_grace_window<S: Sessions>(
    [store, other]: [S; 2],
) {
    let session = begin(&store, "ada").await;
    let Rotation::Rotated(life) = rotate(&store, &request(&session, "t0", "t1", after(5), GRACE)).await
    else {
        panic!("the current token did not rotate")
    };
    let kept = fields(&store.find(&session.user, session.id).await.unwrap().unwrap());
    let last = Timestamp::from_micros(after(15).as_micros() - 1);
    for now in [after(5), after(6), last, after(1)] {
        let again = rotate(&other, &request(&session, "t0", "t1", now, GRACE)).await;
        assert_eq!(again, Rotation::Grace(life), "{now:?}");
    }
    assert_eq!(fields(&store.find(&session.user, session.id).await.unwrap().unwrap()), kept);
    assert!(matches!(
        rotate(&store, &request(&session, "t1", "t2", last, GRACE)).await,
        Rotation::Rotated(_)
    ));
}

/// The window is open still, and that does not help.
pub async fn the_previous_token_is_reuse_once_its_successor_was_used<S: Sessions>([store, other]: [S; 2]) {
    let session = begin(&store, "ada").await;
    assert!(matches!(
        rotate(&store, &request(&session, "t0", "t1", after(5), GRACE)).await,
        Rotation::Rotated(_)
    ));
    assert!(matches!(
        rotate(&store, &request(&session, "t1", "t2", after(6), GRACE)).await,
        Rotation::Rotated(_)
    ));
    assert_eq!(rotate(&other, &request(&session, "t0", "t1", after(7), GRACE)).await, Rotation::Reused);
    assert!(!exists(&store, &session).await);
    assert_eq!(rotate(&store, &request(&session, "t2", "t3", after(7), GRACE)).await, Rotation::Unknown);
}

/// At the moment it closes, and at any moment when there is none.
pub async fn the_previous_token_is_reuse_when_the_grace_window_closes<S: Sessions>([store, other]: [S; 2]) {
    for (now, grace) in [(after(15), GRACE), (after(5), Duration::ZERO)] {
        let session = begin(&store, "ada").await;
        assert!(matches!(
            rotate(&store, &request(&session, "t0", "t1", after(5), grace)).await,
            Rotation::Rotated(_)
        ));
        assert_eq!(rotate(&other, &request(&session, "t0", "t1", now, grace)).await, Rotation::Reused);
        assert!(!exists(&store, &session).await);
    }
}

/// A little before the rotation is the difference of two clocks; longer before it, the token is used up as it is after.
pub async fn a_clock_that_was_set_back_opens_no_grace_window_of_its_own<S: Sessions>([store, other]: [S; 2]) {
    let session = begin(&store, "ada").await;
    let first = rotate(&store, &request(&session, "t0", "t1", after(30), GRACE)).await;
    let Rotation::Rotated(life) = first else { panic!("{first:?}") };
    let again = rotate(&other, &request(&session, "t0", "t1", after(20), GRACE)).await;
    assert_eq!(again, Rotation::Grace(life));
    let earlier = Timestamp::from_micros(after(20).as_micros() - 1);
    assert_eq!(rotate(&other, &request(&session, "t0", "t1", earlier, GRACE)).await, Rotation::Reused);
    assert!(!exists(&store, &session).await);
}

/// A token of the session that the store never knew, or has long forgotten.
pub async fn any_other_token_is_reuse<S: Sessions>([store, other]: [S; 2]) {
    let bystander = begin(&store, "ada").await;
    let session = begin(&store, "ada").await;
    assert_eq!(rotate(&other, &request(&session, "t1", "t2", after(5), GRACE)).await, Rotation::Reused);
    assert!(!exists(&store, &session).await);
    assert!(exists(&store, &bystander).await);
}

/// Idle or absolute, from the moment of expiry on; and it is no reuse either.
pub async fn an_expired_session_rotates_nothing<S: Sessions>([store, _]: [S; 2]) {
    let session = begin(&store, "ada").await;
    let idle_end = START.saturating_add(IDLE);
    for token in ["t0", "other"] {
        assert_eq!(rotate(&store, &request(&session, token, "t1", idle_end, GRACE)).await, Rotation::Expired);
    }
    assert_eq!(fields(&store.find(&session.user, session.id).await.unwrap().unwrap()), fields(&session));
    let just_before = Timestamp::from_micros(idle_end.as_micros() - 1);
    let rotation = rotate(&store, &request(&session, "t0", "t1", just_before, GRACE)).await;
    assert!(matches!(rotation, Rotation::Rotated(_)));
    let absolute_end = START.saturating_add(ABSOLUTE);
    assert_eq!(rotate(&store, &request(&session, "t1", "t2", absolute_end, GRACE)).await, Rotation::Expired);
}

/// Whatever token is presented.
pub async fn an_ended_session_is_unknown<S: Sessions>([store, other]: [S; 2]) {
    let session = begin(&store, "ada").await;
    store.end(&session.user, session.id).await.unwrap();
    assert_eq!(rotate(&other, &request(&session, "t0", "t1", after(5), GRACE)).await, Rotation::Unknown);
}

/// However often the session is refreshed.
pub async fn the_idle_end_never_passes_the_absolute_end<S: Sessions>([store, _]: [S; 2]) {
    let session = begin(&store, "ada").await;
    let end = START.saturating_add(ABSOLUTE);
    for (step, seconds) in [3_000, 6_000, 9_000, 9_999].into_iter().enumerate() {
        let (presented, successor) = (format!("t{step}"), format!("t{}", step + 1));
        match rotate(&store, &request(&session, &presented, &successor, after(seconds), GRACE)).await {
            Rotation::Rotated(life) => {
                assert_eq!(life.expires_at, after(seconds).saturating_add(IDLE).min(end))
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(store.find(&session.user, session.id).await.unwrap().unwrap().idle_expires_at, end);
}

/// One winner, through two pools; the others find the token used up, and the session is over.
pub async fn of_many_parallel_rotations_without_grace_one_succeeds<S: Sessions>(stores: [S; 2]) {
    for repetition in 0..repetitions() {
        let session = begin(&stores[0], "ada").await;
        let results = race(&stores, |store, _| {
            let request = request(&session, "t0", "t1", after(5), Duration::ZERO);
            async move { store.rotate(&request).await.unwrap() }
        })
        .await;
        let count =
            |verdict: fn(&Rotation) -> bool| results.iter().filter(|rotation| verdict(rotation)).count();
        assert_eq!(count(|rotation| matches!(rotation, Rotation::Rotated(_))), 1, "repetition {repetition}");
        assert_eq!(count(|rotation| *rotation == Rotation::Reused), 1, "repetition {repetition}");
        assert_eq!(count(|rotation| *rotation == Rotation::Unknown), RACERS - 2, "repetition {repetition}");
        assert!(!exists(&stores[1], &session).await);
    }
}

/// One rotates, all others get the same, through two pools.
pub async fn many_parallel_rotations_with_grace_agree_on_one_successor<S: Sessions>(stores: [S; 2]) {
    for repetition in 0..repetitions() {
        let session = begin(&stores[0], "ada").await;
        let results = race(&stores, |store, _| {
            let request = request(&session, "t0", "t1", after(5), GRACE);
            async move { store.rotate(&request).await.unwrap() }
        })
        .await;
        let life = TokenLife::new(after(5), after(5).saturating_add(IDLE));
        let count = |expected| results.iter().filter(|rotation| **rotation == expected).count();
        assert_eq!(count(Rotation::Rotated(life)), 1, "repetition {repetition}");
        assert_eq!(count(Rotation::Grace(life)), RACERS - 1, "repetition {repetition}");
    }
}

/// In the step that begins the new one, and no other user's.
pub async fn one_session_too_many_ends_the_oldest<S: Sessions>([store, other]: [S; 2]) {
    let bystander = begin(&store, "eve").await;
    let (mut sessions, mut ended) = (Vec::new(), Vec::new());
    // The clock steps back once: the order of beginning counts, not the times.
    for second in [5, 6, 1, 2, 3] {
        let session = new_session("ada", after(second));
        ended.push(store.begin(&session, digest("t0"), 3).await.unwrap());
        sessions.push(session);
    }
    assert_eq!(ended, [0, 0, 0, 1, 1]);
    for (number, session) in sessions.iter().enumerate() {
        assert_eq!(exists(&other, session).await, number >= 2, "session {number}");
    }
    // A lower limit ends more than one.
    let last = new_session("ada", after(9));
    assert_eq!(store.begin(&last, digest("t0"), 1).await.unwrap(), 3);
    for session in &sessions {
        assert!(!exists(&other, session).await);
    }
    assert!(exists(&other, &last).await);
    assert!(exists(&other, &bystander).await);
}

/// Whoever comes when: never more than the limit, and the youngest is there.
pub async fn many_parallel_beginnings_keep_the_limit<S: Sessions>(stores: [S; 2]) {
    const CALLERS: usize = 12;
    let sessions: Vec<Session> = (0..CALLERS).map(|_| new_session("ada", START)).collect();
    let ended = race_of(CALLERS, &stores, |store, racer| {
        let session = sessions[racer].clone();
        async move { store.begin(&session, digest("t0"), 3).await.unwrap() }
    })
    .await;
    assert_eq!(ended.iter().sum::<u64>(), 9);
    let mut kept = 0;
    for session in &sessions {
        kept += usize::from(exists(&stores[0], session).await);
    }
    assert_eq!(kept, 3);
}

/// Again and again.
pub async fn ending_is_final_and_ends_nothing_else<S: Sessions>([store, other]: [S; 2]) {
    let [one, two, three] =
        [begin(&store, "ada").await, begin(&store, "ada").await, begin(&store, "ada").await];
    let bystander = begin(&store, "eve").await;
    for _ in 0..2 {
        store.end(&one.user, one.id).await.unwrap();
        assert!(!exists(&other, &one).await && exists(&other, &two).await);
    }
    for _ in 0..2 {
        store.end_all(&two.user).await.unwrap();
        assert!(!exists(&other, &two).await && !exists(&other, &three).await);
    }
    assert!(exists(&other, &bystander).await);
}

/// Those that have the epoch already stay too: they began after the change.
pub async fn a_retained_session_takes_the_epoch_and_the_others_end<S: Sessions>([store, other]: [S; 2]) {
    let epoch = Epoch::from_u64(7);
    let [kept, ended, bystander] =
        [begin(&store, "ada").await, begin(&store, "ada").await, begin(&store, "eve").await];
    let mut younger = new_session("ada", after(1));
    younger.epoch = epoch;
    store.begin(&younger, digest("t0"), MAX_SESSIONS_PER_USER).await.unwrap();

    store.retain(&kept.user, kept.id, epoch).await.unwrap();
    assert_eq!(other.find(&kept.user, kept.id).await.unwrap().unwrap().epoch, epoch);
    assert!(!exists(&other, &ended).await && exists(&other, &younger).await);
    assert_eq!(
        fields(&other.find(&bystander.user, bystander.id).await.unwrap().unwrap()),
        fields(&bystander)
    );

    store.retain(&kept.user, bystander.id, Epoch::from_u64(8)).await.unwrap();
    assert_eq!(
        fields(&other.find(&bystander.user, bystander.id).await.unwrap().unwrap()),
        fields(&bystander)
    );
    assert!(!exists(&other, &kept).await);
}

/// On any number of nodes.
pub async fn expired_sessions_are_forgotten_and_others_are_not<S: Sessions>([store, other]: [S; 2]) {
    let old = begin(&store, "ada").await;
    let young = new_session("ada", after(10));
    store.begin(&young, digest("t0"), MAX_SESSIONS_PER_USER).await.unwrap();
    let now = START.saturating_add(IDLE);
    assert_eq!(store.purge_expired(Timestamp::from_micros(now.as_micros() - 1)).await.unwrap(), 0);
    assert_eq!(store.purge_expired(now).await.unwrap(), 1);
    assert_eq!(other.purge_expired(now).await.unwrap(), 0);
    assert!(!exists(&other, &old).await && exists(&other, &young).await);
}

/// Each session once, whoever forgets it.
pub async fn many_parallel_clean_ups_forget_each_expired_session_once<S: Sessions>(stores: [S; 2]) {
    const SESSIONS: usize = 40;
    let mut expired = Vec::new();
    for _ in 0..SESSIONS {
        expired.push(begin(&stores[0], "ada").await);
    }
    let young = new_session("ada", after(10));
    stores[0].begin(&young, digest("t0"), MAX_SESSIONS_PER_USER).await.unwrap();
    let now = START.saturating_add(IDLE);
    let forgotten =
        race_of(8, &stores, |store, _| async move { store.purge_expired(now).await.unwrap() }).await;
    assert_eq!(forgotten.iter().sum::<u64>(), SESSIONS as u64);
    for session in &expired {
        assert!(!exists(&stores[1], session).await);
    }
    assert!(exists(&stores[1], &young).await);
}

/// No collation folds case or trailing spaces.
pub async fn users_are_compared_byte_for_byte<S: Sessions>([store, _]: [S; 2]) {
    let sessions = [begin(&store, "ada").await, begin(&store, "Ada").await, begin(&store, "ada ").await];
    store.end_all(&user("ada")).await.unwrap();
    let left = [
        exists(&store, &sessions[0]).await,
        exists(&store, &sessions[1]).await,
        exists(&store, &sessions[2]).await,
    ];
    assert_eq!(left, [false, true, true]);
}
