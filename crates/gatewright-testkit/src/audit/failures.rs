//! Cases for failed and cancelled calls, and for the task that writes.

use gatewright_core::UserId;
use gatewright_core::audit::{AppendOutcome, AuditFilter, AuditStore};
use tokio::sync::oneshot;

use super::{Cloned, at, chain, row, writer};
use crate::store::cancellation::{at_once, cancel_after_each_wake, finishes_within};

/// Such calls cannot be cancelled midway.
pub async fn calls_complete_at_first_poll<T: Cloned>([store, _]: [T; 2]) {
    assert_eq!(at_once(store.append_rows(&[row("a", 1)])).unwrap(), AppendOutcome::Appended);
    assert!(at_once(store.last_row(&writer("a"))).unwrap().is_some());
    assert_eq!(at_once(store.chains()).unwrap().len(), 1);
    assert_eq!(at_once(store.chain_rows(&writer("a"), 0, 9)).unwrap().len(), 1);
    assert_eq!(at_once(store.page_rows(&AuditFilter::new(), None, 9)).unwrap().len(), 1);
    assert_eq!(at_once(store.first_number_since(&writer("a"), at(0))).unwrap(), Some(1));
    assert_eq!(at_once(store.erase_personal(&UserId::from(1))).unwrap(), 0);
    assert_eq!(at_once(store.delete_rows(&writer("a"), 1, 1)).unwrap(), 1);
}

/// A cancelled batch is there completely or not at all, and does not block the next one.
pub async fn cancelled_batches_are_atomic<T: Cloned>([one, other]: [T; 2]) {
    cancel_after_each_wake(async |number, wakes| {
        let name = format!("node-{number}");
        let rows: Vec<_> = (1..=40).map(|number| row(&name, number)).collect();
        let finished = finishes_within(wakes, one.append_rows(&rows)).await;
        let after = row(&name, 41);
        assert_eq!(other.append_rows(std::slice::from_ref(&after)).await.unwrap(), AppendOutcome::Appended);
        let stored = chain(&other, &name).await;
        assert!(stored.len() == 41 || !finished && stored == [after], "{} rows", stored.len());
        finished
    })
    .await;
}

/// Never an absent row or an empty trail.
pub async fn broken_store_returns_errors<T: AuditStore>(store: T) {
    assert!(store.append_rows(&[row("a", 1)]).await.is_err());
    assert!(store.last_row(&writer("a")).await.is_err());
    assert!(store.chains().await.is_err());
    assert!(store.chain_rows(&writer("a"), 0, 9).await.is_err());
    assert!(store.page_rows(&AuditFilter::new(), None, 9).await.is_err());
    assert!(store.first_number_since(&writer("a"), at(0)).await.is_err());
    assert!(store.delete_rows(&writer("a"), 1, 1).await.is_err());
    assert!(store.erase_personal(&UserId::from(1)).await.is_err());
}

/// The task can call the store, and the caller does not wait for it.
pub async fn the_writer_runs_in_the_background<T: Cloned>([store, other]: [T; 2]) {
    let ((begin, begun), (end, ended)) = (oneshot::channel(), oneshot::channel());
    let writer = store.clone();
    store.spawn_writer(Box::pin(async move {
        begun.await.unwrap();
        end.send(writer.append_rows(&[row("a", 1)]).await.unwrap()).unwrap();
    }));
    begin.send(()).unwrap();
    assert_eq!(ended.await.unwrap(), AppendOutcome::Appended);
    assert_eq!(chain(&other, "a").await, [row("a", 1)]);
}
