//! Cases for pages and filters.

use gatewright_core::UserId;
use gatewright_core::audit::{AuditActor, AuditCursor, AuditFilter, AuditRow, AuditStore};

use super::{Cloned, action, append, at, places, row};

/// All rows that a filter finds, read in pages of `limit`.
async fn read<T: AuditStore>(store: &T, filter: &AuditFilter, limit: u32) -> Vec<AuditRow> {
    let mut found: Vec<AuditRow> = Vec::new();
    loop {
        let after = found.last().map(AuditCursor::from);
        let page = store.page_rows(filter, after.as_ref(), limit).await.unwrap();
        assert!(page.len() <= usize::try_from(limit).unwrap());
        if page.is_empty() {
            return found;
        }
        found.extend(page);
    }
}

/// Also if it was appended before older ones, as after an outage of a node.
pub async fn pages_begin_with_the_newest_row<T: Cloned>([one, other]: [T; 2]) {
    append(&one, &[row("b", 1), row("b", 4), row("b", 5)]).await;
    append(&other, &[row("a", 2), row("a", 3), row("a", 6)]).await;
    let order = [("a", 6), ("b", 5), ("b", 4), ("a", 3), ("a", 2), ("b", 1)];
    for limit in [1, 2, 5, 6, 100] {
        assert_eq!(places(&read(&one, &AuditFilter::new(), limit).await), order, "{limit}");
    }
    assert!(one.page_rows(&AuditFilter::new(), None, 0).await.unwrap().is_empty());
}

/// No row is left out or repeated at the border of two pages.
pub async fn rows_of_one_time_are_ordered_by_writer_and_number<T: Cloned>([store, _]: [T; 2]) {
    for name in ["a", "B", "b"] {
        let rows: Vec<_> = (1..=3)
            .map(|number| {
                let mut row = row(name, number);
                row.record.time = at(7);
                row
            })
            .collect();
        append(&store, &rows).await;
    }
    let order: Vec<_> =
        ["b", "a", "B"].into_iter().flat_map(|name| [(name, 3), (name, 2), (name, 1)]).collect();
    for limit in 1..=10 {
        assert_eq!(places(&read(&store, &AuditFilter::new(), limit).await), order, "{limit}");
    }
}

/// Each filter alone, and together.
pub async fn filters_find_the_rows_that_they_describe<T: Cloned>([store, _]: [T; 2]) {
    let user = |id: &str| UserId::new(id).unwrap();
    let by = |id: &str| Some(AuditActor::user(&user(id)));
    append(
        &store,
        &[
            row("a", 1),
            action("a", 2, None, "ada"),
            action("a", 3, by("root"), "ada"),
            action("a", 4, by("root"), "eve"),
            action("a", 5, Some(AuditActor::system()), "ada"),
            action("a", 6, by("ada"), "root"),
        ],
    )
    .await;
    let all = AuditFilter::new;
    for (filter, numbers) in [
        (all(), &[6, 5, 4, 3, 2, 1][..]),
        (all().about(user("ada")), &[5, 3, 2]),
        (all().by(user("root")), &[4, 3]),
        (all().by(user("system")), &[]),
        (all().about(user("ada")).by(user("root")), &[3]),
        (all().of_event("LoggedIn"), &[1]),
        (all().of_event("AccountChanged").about(user("eve")), &[4]),
        (all().of_event("LoggedIn").about(user("eve")), &[]),
        (all().of_event("AccountChanged").by(user("ada")), &[6]),
        (all().since(at(5)), &[6, 5]),
        (all().until(at(3)), &[2, 1]),
        (all().since(at(3)).until(at(5)), &[4, 3]),
        (all().about(user("ada")).since(at(3)).until(at(5)), &[3]),
        (all().by(user("root")).since(at(4)), &[4]),
        (all().since(at(9)), &[]),
    ] {
        for limit in [1, 2, 100] {
            let found = read(&store, &filter, limit).await;
            assert_eq!(found.iter().map(|row| row.number).collect::<Vec<_>>(), numbers, "{filter:?}");
            assert!(found.iter().all(|row| filter.finds(row)));
        }
    }
}

/// Values are compared byte for byte.
pub async fn wildcards_and_case_have_no_effect<T: Cloned>([store, _]: [T; 2]) {
    append(&store, &[action("a", 1, None, "Ada"), action("a", 2, None, "ada "), action("a", 3, None, "é")])
        .await;
    for id in ["ada", "A%", "_da", "'", "e\u{301}"] {
        let filter = AuditFilter::new().about(UserId::new(id).unwrap());
        assert!(read(&store, &filter, 10).await.is_empty(), "{id}");
    }
    let filter = AuditFilter::new().of_event("accountchanged");
    assert!(read(&store, &filter, 10).await.is_empty());
}
