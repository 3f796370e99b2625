//! Cases for appending and reading chains.

use gatewright_core::Timestamp;
use gatewright_core::audit::{
    AppendOutcome, AuditActor, AuditChain, AuditOutcome, AuditRecord, AuditRow, MAX_APPENDED_ROWS,
    MAX_CAUSE_BYTES, MAX_DETAIL_BYTES, MAX_WRITER_BYTES, SALT_BYTES,
};
use gatewright_core::event::{MAX_METHOD_BYTES, MAX_REQUEST_ID_BYTES, MAX_ROUTE_BYTES};
use gatewright_core::types::{MAX_USER_AGENT_BYTES, MAX_USER_ID_BYTES};

use super::{Cloned, append, chain, places, row, row_of, writer};
use crate::store::race;

/// Every column, at its greatest length, empty and absent; text that a database may change.
pub async fn rows_are_returned_unchanged<T: Cloned>([store, _]: [T; 2]) {
    let longest = |length: usize| Some("x".repeat(length));
    let mut full = AuditRecord::new(Timestamp::from_micros(u64::MAX), "e".repeat(64), AuditOutcome::Unknown);
    full.cause = longest(MAX_CAUSE_BYTES);
    full.actor = Some(AuditActor::from_text(format!("user:{}", "u".repeat(MAX_USER_ID_BYTES))));
    full.subject = longest(MAX_USER_ID_BYTES);
    full.session = longest(36);
    full.client_address = longest(45);
    full.user_agent = longest(MAX_USER_AGENT_BYTES);
    full.login_name = longest(32);
    full.method = longest(MAX_METHOD_BYTES);
    full.route = longest(MAX_ROUTE_BYTES);
    full.request_id = longest(MAX_REQUEST_ID_BYTES);
    full.detail = longest(MAX_DETAIL_BYTES);
    let mut odd = AuditRecord::new(Timestamp::from_micros(0), "", AuditOutcome::from_text("later"));
    odd.cause = Some(String::new());
    odd.subject = Some(" é\u{301} İ ß \u{10ffff} ".to_owned());
    odd.route = Some("'; DROP TABLE gatewright_audit; -- \\ $1 ? %".to_owned());
    let bare = AuditRecord::new(Timestamp::from_micros(1), "Failed", AuditOutcome::Failed);
    let longest_name = "w".repeat(MAX_WRITER_BYTES);
    let rows = [
        row_of(&longest_name, 1, full),
        AuditRow::new(writer(&longest_name), 2, odd, (None, vec![0; 32], None)),
        AuditRow::new(
            writer(&longest_name),
            3,
            bare,
            (Some(vec![0; SALT_BYTES]), vec![255; 32], Some(vec![1; 32])),
        ),
    ];
    append(&store, &rows).await;
    assert_eq!(chain(&store, &longest_name).await, rows);
    assert_eq!(store.last_row(&writer(&longest_name)).await.unwrap().as_ref(), rows.last());
}

/// As soon as the call has returned.
pub async fn appended_rows_are_visible_to_the_other_handle<T: Cloned>([one, other]: [T; 2]) {
    assert_eq!(other.last_row(&writer("a")).await.unwrap(), None);
    assert!(other.chains().await.unwrap().is_empty());
    for number in 1..=5 {
        append(&one, &[row("a", number)]).await;
        assert_eq!(places(&chain(&other, "a").await).len() as u64, number);
    }
    assert_eq!(places(&other.chain_rows(&writer("a"), 2, 2).await.unwrap()), [("a", 3), ("a", 4)]);
    assert!(other.chain_rows(&writer("a"), 5, 2).await.unwrap().is_empty());
    assert!(other.chain_rows(&writer("a"), 0, 0).await.unwrap().is_empty());
}

/// Whichever of its rows is taken.
pub async fn a_batch_with_a_taken_number_is_not_stored<T: Cloned>([one, other]: [T; 2]) {
    append(&one, &[row("a", 3)]).await;
    let mut changed = row("a", 3);
    changed.record.event = "LoggedOut".into();
    for batch in [
        vec![changed.clone()],
        vec![row("a", 2), changed.clone(), row("a", 4)],
        (3..30).map(|number| row("a", number)).collect(),
    ] {
        assert_eq!(other.append_rows(&batch).await.unwrap(), AppendOutcome::Taken);
        assert_eq!(chain(&one, "a").await, [row("a", 3)]);
    }
    append(&other, &[row("a", 4), row("a", 5)]).await;
    assert_eq!(places(&chain(&one, "a").await), [("a", 3), ("a", 4), ("a", 5)]);
}

/// Names that differ in case, or of which one begins with the other, are different.
pub async fn two_writers_do_not_disturb_each_other<T: Cloned>([one, other]: [T; 2]) {
    append(&one, &[row("node", 1), row("node", 2)]).await;
    append(&other, &[row("Node", 1)]).await;
    append(&other, &[row("node-2", 1), row("node-2", 2), row("node-2", 3)]).await;
    let chains = ["Node", "node", "node-2"].map(writer).into_iter().zip([1, 2, 3]);
    let chains: Vec<_> = chains.map(|(writer, last)| AuditChain::new(writer, 1, last)).collect();
    assert_eq!(one.chains().await.unwrap(), chains);
    assert_eq!(places(&chain(&one, "Node").await), [("Node", 1)]);
    assert_eq!(one.last_row(&writer("nod")).await.unwrap(), None);
}

/// A batch of three rows is there completely or not at all.
pub async fn parallel_writers_of_one_name_store_each_number_once<T: Cloned>(handles: [T; 2]) {
    let outcomes = race(&handles, |store, number| async move {
        let batch: Vec<_> = (1..=3)
            .map(|place| {
                let mut row = row("a", place);
                row.record.detail = Some(number.to_string());
                row
            })
            .collect();
        store.append_rows(&batch).await.unwrap()
    })
    .await;
    let appended = outcomes.iter().filter(|outcome| **outcome == AppendOutcome::Appended).count();
    assert_eq!(appended, 1);
    let rows = chain(&handles[0], "a").await;
    assert_eq!(places(&rows), [("a", 1), ("a", 2), ("a", 3)]);
    assert!(rows.iter().all(|row| row.record.detail == rows[0].record.detail));
}

/// In one call, and after it further ones.
pub async fn the_largest_batch_is_stored<T: Cloned>([store, _]: [T; 2]) {
    let largest = u64::try_from(MAX_APPENDED_ROWS).unwrap();
    let rows: Vec<_> = (1..=largest).map(|number| row("a", number)).collect();
    append(&store, &rows).await;
    append(&store, &[]).await;
    assert_eq!(chain(&store, "a").await, rows);
}
