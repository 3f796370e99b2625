//! Rows that Gatewright cannot have written are errors, never an absent session and never a verdict.

use std::time::Duration;

use gatewright::store::{Rotation, RotationRequest, Session, SessionSeed, SessionStore, TokenDigest};
use gatewright::token::TokenId;
use gatewright::types::{Epoch, SessionId, SystemRandom, Timestamp};
use gatewright::{MySqlStore, PostgresStore, SqliteStore, UserId};
use gatewright_testkit::run_case;
use gatewright_tests::database::Database;
use sqlx::Connection;

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// A statement that makes a column malformed, and the one that repairs it.
type Fault = [&'static str; 2];

/// Columns of the session. Every method that reads sessions fails.
const SESSION: [Fault; 7] = [
    [
        "UPDATE gatewright_sessions SET auth_time = -1",
        "UPDATE gatewright_sessions SET auth_time = created_at",
    ],
    ["UPDATE gatewright_sessions SET amr = 'a\"'", "UPDATE gatewright_sessions SET amr = NULL"],
    [
        "UPDATE gatewright_sessions SET pending_used_at = -1",
        "UPDATE gatewright_sessions SET pending_used_at = created_at",
    ],
    [
        "UPDATE gatewright_sessions SET earlier_used_at = -1",
        "UPDATE gatewright_sessions SET earlier_used_at = created_at",
    ],
    [
        "UPDATE gatewright_sessions SET last_used_at = -1",
        "UPDATE gatewright_sessions SET last_used_at = created_at",
    ],
    ["UPDATE gatewright_sessions SET scopes = '\"'", "UPDATE gatewright_sessions SET scopes = ''"],
    ["UPDATE gatewright_sessions SET address = 'nowhere'", "UPDATE gatewright_sessions SET address = NULL"],
];

/// Columns of the rotation. Rotations fail. A digest without its time is not a list of used tokens.
const ROTATION: [Fault; 5] = [
    [
        "UPDATE gatewright_sessions SET used = current_digest",
        "UPDATE gatewright_sessions SET used = substr(current_digest, 1, 0)",
    ],
    [
        "UPDATE gatewright_sessions SET rotated_at = -1",
        "UPDATE gatewright_sessions SET rotated_at = created_at",
    ],
    [
        "UPDATE gatewright_sessions SET rotated_by_address = 'nowhere'",
        "UPDATE gatewright_sessions SET rotated_by_address = NULL",
    ],
    [
        "UPDATE gatewright_sessions SET foreign_graces = 256",
        "UPDATE gatewright_sessions SET foreign_graces = 0",
    ],
    [
        "UPDATE gatewright_sessions SET foreign_graces = -1",
        "UPDATE gatewright_sessions SET foreign_graces = 0",
    ],
];

#[test]
fn a_malformed_row_is_an_error_and_changes_nothing_in_sqlite() {
    run_case(async || malformed_rows_are_errors::<SqliteStore>().await);
}

#[test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
fn a_malformed_row_is_an_error_and_changes_nothing_on_postgres() {
    run_case(async || malformed_rows_are_errors::<PostgresStore>().await);
}

#[test]
#[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
fn a_malformed_row_is_an_error_and_changes_nothing_on_mysql() {
    run_case(async || malformed_rows_are_errors::<MySqlStore>().await);
}

/// A token that was used before is presented: a store that ignored the fault would end the session.
async fn malformed_rows_are_errors<D: Database>() {
    let url = D::new_url().await;
    let store = D::open(&url).await.unwrap();
    let mut raw = D::Connection::connect(&url).await.unwrap();
    let (id, user) = (SessionId::generate(NOW, &SystemRandom).unwrap(), UserId::new("ada").unwrap());
    let (seed, end) =
        (SessionSeed::generate(&SystemRandom).unwrap(), NOW.saturating_add(Duration::from_secs(60)));
    let [used, current, next] = ["t0", "t1", "t2"].map(|id| TokenDigest::of(&TokenId::new(id)));
    let session = Session::new(id, user.clone(), Epoch::from_u64(1), seed, NOW).with_expiry(end, end);
    SessionStore::create(&store, &session, current, 1).await.unwrap();
    let request = |token, next| RotationRequest::new(user.clone(), id, token, next, NOW, Duration::ZERO, end);

    for [break_it, repair] in SESSION.into_iter().chain(ROTATION) {
        D::execute(&mut raw, break_it).await;
        for token in [used, current] {
            let rotation = store.rotate(&request(token, next)).await;
            assert!(rotation.is_err(), "{break_it}: {rotation:?}");
        }
        let is_of_session = SESSION.iter().any(|[statement, _]| *statement == break_it);
        assert_eq!(store.find(&user, id).await.is_err(), is_of_session, "{break_it}");
        assert_eq!(store.list(&user).await.is_err(), is_of_session, "{break_it}");
        D::execute(&mut raw, repair).await;
    }
    let rotation = store.rotate(&request(current, next)).await.unwrap();
    assert!(matches!(rotation, Rotation::Rotated(_)), "{rotation:?}");
    // A malformed row does not stop a password change.
    D::execute(&mut raw, "UPDATE gatewright_sessions SET rotated_at = -1, last_used_at = -1").await;
    let mut new = session;
    new.id = SessionId::generate(NOW, &SystemRandom).unwrap();
    store.replace_all(&new, current).await.unwrap();
    assert_eq!(store.list(&user).await.unwrap().len(), 1);
}
