//! The same requests to the example service on three frameworks and two stores, and every difference in the answers.

use example_service::testing::suites::{on_memory, on_mysql, on_postgres, on_sqlite};
use gatewright_testkit::http::Target;
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
    check(&targets);
}

#[test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL and GATEWRIGHT_TEST_MYSQL_URL"]
fn three_frameworks_answer_alike_on_postgres_and_on_mysql() {
    let targets = [
        ("axum on memory", &on_memory(axum_app::serve)),
        ("axum on PostgreSQL", &on_postgres(axum_app::serve)),
        ("actix-web on PostgreSQL", &on_postgres(actix_app::serve)),
        ("poem on PostgreSQL", &on_postgres(poem_app::serve)),
        ("axum on MySQL", &on_mysql(axum_app::serve)),
        ("actix-web on MySQL", &on_mysql(actix_app::serve)),
        ("poem on MySQL", &on_mysql(poem_app::serve)),
    ];
    check(&targets);
}

fn check(targets: &[(&str, &Target)]) {
    let report = compare(targets);
    println!(
        "{} requests to {} targets: {} differences",
        report.cases,
        targets.len(),
        report.differences.len()
    );
    assert!(report.differences.is_empty(), "{report}");
    assert_eq!(report.cases, 6_998);
}
