//! Cases for `SessionStore`.

use std::time::Duration;

use gatewright_core::store::{MAX_SESSIONS_PER_USER, SessionSeed, TokenDigest, Validity};
use gatewright_core::types::MAX_AMR_BYTES;
use gatewright_core::{
    Amr, Epoch, Rotation, RotationRequest, Scopes, Session, SessionId, SystemRandom, Timestamp, TokenId,
    UserId,
};

use super::{Sessions, race_of};

/// A time with a fraction of a second, to detect stores that round.
pub(super) const START: Timestamp = Timestamp::from_micros(1_700_000_000_123_457);
pub(super) const IDLE: Duration = Duration::from_secs(3_600);
pub(super) const ABSOLUTE: Duration = Duration::from_secs(10_000);
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

pub(super) fn just_before(time: Timestamp) -> Timestamp {
    Timestamp::from_micros(time.as_micros() - 1)
}

pub(super) fn new_session(owner: &str, created_at: Timestamp) -> Session {
    let id = SessionId::generate(created_at, &SystemRandom).unwrap();
    let seed = SessionSeed::generate(&SystemRandom).unwrap();
    let (idle, absolute) = (created_at.saturating_add(IDLE), created_at.saturating_add(ABSOLUTE));
    Session::new(id, user(owner), Epoch::from_u64(u64::MAX - 1), seed, created_at)
        .with_scopes(Scopes::parse("items:read items:write").unwrap())
        .with_auth_time(created_at.saturating_add(Duration::from_micros(1)))
        .with_amr(Amr::new(["pwd", "urn:example:badge"]).unwrap())
        .with_expiry(idle, absolute)
}

/// Stores a session whose current token is `t0`. Returns how many sessions the limit deleted.
pub(super) async fn store_session<S: Sessions>(store: &S, session: &Session, limit: u32) -> u64 {
    store.create(session, digest("t0"), limit).await.unwrap()
}

/// Stores a new session of `owner` that starts at [`START`] and has the current token `t0`.
pub(super) async fn create_session<S: Sessions>(store: &S, owner: &str) -> Session {
    create_session_at(store, owner, START).await
}

pub(super) async fn create_session_at<S: Sessions>(store: &S, owner: &str, created_at: Timestamp) -> Session {
    let session = new_session(owner, created_at);
    store_session(store, &session, MAX_SESSIONS_PER_USER).await;
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

/// Uses the current token and returns the validity of its successor.
pub(super) async fn rotated<S: Sessions>(store: &S, request: &RotationRequest) -> Validity {
    match rotate(store, request).await {
        Rotation::Rotated(validity) => validity,
        other => panic!("the current token did not rotate: {other:?}"),
    }
}

pub(super) async fn exists<S: Sessions>(store: &S, session: &Session) -> bool {
    store.find(&session.user, session.id).await.unwrap().is_some()
}

pub(super) async fn count_existing<S: Sessions>(store: &S, sessions: &[Session]) -> usize {
    let mut count = 0;
    for session in sessions {
        count += usize::from(exists(store, session).await);
    }
    count
}

/// Returns all fields of a session as text, for comparison.
pub(super) fn fields(session: &Session) -> String {
    format!("{session:?} {:?}", session.seed.expose())
}

/// Reads the session from the store.
pub(super) async fn stored<S: Sessions>(store: &S, session: &Session) -> Session {
    store.find(&session.user, session.id).await.unwrap().unwrap()
}

/// Asserts that the stored session equals `session` in every field.
pub(super) async fn expect_stored<S: Sessions>(store: &S, session: &Session) {
    assert_eq!(fields(&stored(store, session).await), fields(session));
}

/// The time has a fraction of a second, and the epoch has its highest bit set. The authentication methods
/// may be unknown, or as long as they can be.
pub async fn session_fields_round_trip<S: Sessions>([store, other]: [S; 2]) {
    let session = create_session(&store, "ada").await;
    expect_stored(&other, &session).await;
    for amr in [String::new(), "x".repeat(MAX_AMR_BYTES)] {
        let session = new_session("ada", START).with_amr(Amr::parse(&amr).unwrap());
        store_session(&store, &session, MAX_SESSIONS_PER_USER).await;
        expect_stored(&other, &session).await;
    }
}

/// The result is `None`, `Unknown` or no effect, not an error.
pub async fn unknown_sessions_are_absent<S: Sessions>([store, _]: [S; 2]) {
    let session = new_session("ada", START);
    assert!(!exists(&store, &session).await);
    assert_eq!(rotate(&store, &request(&session, "t0", "t1", START, GRACE)).await, Rotation::Unknown);
    store.delete(&session.user, session.id).await.unwrap();
    store.delete_all(&session.user).await.unwrap();
    assert!(!exists(&store, &session).await);
}

/// The step that creates a session also deletes the oldest sessions of the same user beyond the
/// limit.
pub async fn session_limit_deletes_the_oldest<S: Sessions>([store, other]: [S; 2]) {
    let bystander = create_session(&store, "eve").await;
    let (mut sessions, mut deleted) = (Vec::new(), Vec::new());
    // The clock moves back once: the order of creation decides, not the time.
    for second in [5, 6, 1, 2, 3] {
        let session = new_session("ada", after(second));
        deleted.push(store_session(&store, &session, 3).await);
        sessions.push(session);
    }
    assert_eq!(deleted, [0, 0, 0, 1, 1]);
    for (number, session) in sessions.iter().enumerate() {
        assert_eq!(exists(&other, session).await, number >= 2, "session {number}");
    }
    // A lower limit deletes more than one session.
    let last = new_session("ada", after(9));
    assert_eq!(store_session(&store, &last, 1).await, 3);
    assert_eq!(count_existing(&other, &sessions).await, 0);
    assert!(exists(&other, &last).await);
    assert!(exists(&other, &bystander).await);
}

/// All calls create a session of the same user, on both handles.
pub async fn parallel_creates_keep_the_session_limit<S: Sessions>(stores: [S; 2]) {
    const CALLERS: usize = 12;
    let sessions: Vec<Session> = (0..CALLERS).map(|_| new_session("ada", START)).collect();
    let deleted = race_of(CALLERS, &stores, |store, racer| {
        let session = sessions[racer].clone();
        async move { store_session(&store, &session, 3).await }
    })
    .await;
    assert_eq!(deleted.iter().sum::<u64>(), 9);
    assert_eq!(count_existing(&stores[0], &sessions).await, 3);
}

/// A second call has no effect.
pub async fn delete_is_final_and_deletes_nothing_else<S: Sessions>([store, other]: [S; 2]) {
    let [one, two, three] = [
        create_session(&store, "ada").await,
        create_session(&store, "ada").await,
        create_session(&store, "ada").await,
    ];
    let bystander = create_session(&store, "eve").await;
    for _ in 0..2 {
        store.delete(&one.user, one.id).await.unwrap();
        assert!(!exists(&other, &one).await && exists(&other, &two).await);
    }
    for _ in 0..2 {
        store.delete_all(&two.user).await.unwrap();
        assert!(!exists(&other, &two).await && !exists(&other, &three).await);
    }
    assert!(exists(&other, &bystander).await);
}

/// A second call, on another node, deletes nothing.
pub async fn delete_expired_deletes_only_expired_sessions<S: Sessions>([store, other]: [S; 2]) {
    let old = create_session(&store, "ada").await;
    let young = create_session_at(&store, "ada", after(10)).await;
    let now = START.saturating_add(IDLE);
    assert_eq!(store.delete_expired(just_before(now)).await.unwrap(), 0);
    assert_eq!(store.delete_expired(now).await.unwrap(), 1);
    assert_eq!(other.delete_expired(now).await.unwrap(), 0);
    assert!(!exists(&other, &old).await && exists(&other, &young).await);
}

/// The returned counts add up to the number of expired sessions.
pub async fn parallel_cleanups_delete_each_expired_session_once<S: Sessions>(stores: [S; 2]) {
    const SESSIONS: usize = 40;
    let mut expired = Vec::new();
    for _ in 0..SESSIONS {
        expired.push(create_session(&stores[0], "ada").await);
    }
    let young = create_session_at(&stores[0], "ada", after(10)).await;
    let now = START.saturating_add(IDLE);
    let deleted =
        race_of(8, &stores, |store, _| async move { store.delete_expired(now).await.unwrap() }).await;
    assert_eq!(deleted.iter().sum::<u64>(), SESSIONS as u64);
    assert_eq!(count_existing(&stores[1], &expired).await, 0);
    assert!(exists(&stores[1], &young).await);
}

/// No collation folds case or trailing spaces.
pub async fn user_ids_are_compared_byte_for_byte<S: Sessions>([store, _]: [S; 2]) {
    let deleted = create_session(&store, "ada").await;
    let others = [create_session(&store, "Ada").await, create_session(&store, "ada ").await];
    store.delete_all(&deleted.user).await.unwrap();
    assert!(!exists(&store, &deleted).await);
    assert_eq!(count_existing(&store, &others).await, 2);
}
