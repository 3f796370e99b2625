//! The same requests to the example service on three frameworks and two stores, and every difference in the answers.

use example_service::testing::suites::{on_memory, on_sqlite};
use gatewright_testkit::http::difference::compare;
use gatewright_tests::new_file;

#[test]
fn three_frameworks_and_two_stores_answer_alike_to_the_byte() {
    let file = new_file("differences");
    let folder = file.parent().unwrap().to_str().unwrap();
    let targets = [
        ("axum on memory", &on_memory(axum_app::serve)),
        ("actix-web on memory", &on_memory(actix_app::serve)),
        ("poem on memory", &on_memory(poem_app::serve)),
        ("axum on SQLite", &on_sqlite(folder, axum_app::serve)),
        ("actix-web on SQLite", &on_sqlite(folder, actix_app::serve)),
        ("poem on SQLite", &on_sqlite(folder, poem_app::serve)),
    ];
    let report = compare(&targets);
    println!(
        "{} requests to {} targets: {} differences",
        report.cases,
        targets.len(),
        report.differences.len()
    );
    assert!(report.differences.is_empty(), "{report}");
    assert_eq!(report.cases, 5_459);
}
