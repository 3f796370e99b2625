//! Cases for erasing personal columns and deleting old rows.

use gatewright_core::UserId;
use gatewright_core::audit::{AuditActor, AuditRow};

use super::{Cloned, action, append, at, chain, places, row, writer};

/// What the user did: as the actor, or on their own. Not what others did to the user.
pub async fn only_the_personal_columns_of_the_user_are_erased<T: Cloned>([store, other]: [T; 2]) {
    let ada = UserId::new("ada").unwrap();
    let rows = [
        action("a", 1, None, "ada"),
        action("a", 2, Some(AuditActor::user(&ada)), "eve"),
        action("a", 3, Some(AuditActor::system()), "ada"),
        action("a", 4, Some(AuditActor::user(&UserId::new("eve").unwrap())), "ada"),
        action("a", 5, None, "eve"),
        row("a", 6),
        without_client(action("a", 7, None, "ada")),
    ];
    append(&store, &rows).await;
    assert_eq!(store.erase_personal(&ada).await.unwrap(), 2);
    let erased = rows.map(|row| if row.number <= 2 { erased(row) } else { row });
    assert_eq!(chain(&other, "a").await, erased);
    assert_eq!(store.erase_personal(&ada).await.unwrap(), 0, "nothing is left");
    assert_eq!(store.erase_personal(&UserId::new("Ada").unwrap()).await.unwrap(), 0);
    assert_eq!(chain(&other, "a").await, erased);
}

fn without_client(mut row: AuditRow) -> AuditRow {
    (row.record.client_address, row.record.user_agent) = (None, None);
    row
}

fn erased(mut row: AuditRow) -> AuditRow {
    (row.salt, row.record.client_address, row.record.user_agent) = (None, None, None);
    row
}

/// More than a store may change in one transaction.
pub async fn many_rows_are_erased<T: Cloned>([store, _]: [T; 2]) {
    for first in (1..=450).step_by(50) {
        let rows: Vec<_> = (first..first + 50).map(|number| action("a", number, None, "ada")).collect();
        append(&store, &rows).await;
    }
    assert_eq!(store.erase_personal(&UserId::new("ada").unwrap()).await.unwrap(), 450);
    assert!(chain(&store, "a").await.iter().all(|row| row.salt.is_none()));
}

/// At most as many as asked for, the oldest first, and no row of another chain.
pub async fn rows_are_deleted_from_the_beginning_of_one_chain<T: Cloned>([store, other]: [T; 2]) {
    append(&store, &[1, 2, 3, 4, 5].map(|number| row("a", number))).await;
    append(&store, &[1, 2].map(|number| row("b", number))).await;
    let (a, c) = (writer("a"), writer("c"));
    assert_eq!(store.delete_rows(&a, 3, 2).await.unwrap(), 2);
    assert_eq!(places(&chain(&other, "a").await), [("a", 3), ("a", 4), ("a", 5)]);
    assert_eq!(store.delete_rows(&a, 3, 2).await.unwrap(), 1);
    assert_eq!(store.delete_rows(&a, 3, 2).await.unwrap(), 0);
    assert_eq!(store.delete_rows(&a, 9, 0).await.unwrap(), 0);
    assert_eq!(store.delete_rows(&c, 9, 9).await.unwrap(), 0);
    assert_eq!(places(&chain(&other, "b").await), [("b", 1), ("b", 2)]);
    assert_eq!(other.chains().await.unwrap()[0].first, 4);
}

/// Also if a clock was set back in between.
pub async fn the_first_number_since_a_time_is_found<T: Cloned>([store, _]: [T; 2]) {
    let rows = [(1, 10), (2, 30), (3, 20), (4, 40)].map(|(number, second)| {
        let mut row = row("a", number);
        row.record.time = at(second);
        row
    });
    append(&store, &rows).await;
    append(&store, &[row("b", 50)]).await;
    for (second, number) in
        [(0, Some(1)), (10, Some(1)), (11, Some(2)), (20, Some(2)), (31, Some(4)), (41, None)]
    {
        assert_eq!(store.first_number_since(&writer("a"), at(second)).await.unwrap(), number, "{second}");
    }
    assert_eq!(store.first_number_since(&writer("c"), at(0)).await.unwrap(), None);
}
