//! Raw-answer comparison of the examples: the full table on three frameworks, and a sample of it on
//! the other stores and with other settings. Each comparison reports a line; `full_product` has the
//! full table for all of them.

use std::slice;

use gatewright_testkit::auth_routes::Target;
use gatewright_tests::http::compare::{Answer, Selection, compare, compare_after, to_problem, to_rfc6749};
use gatewright_tests::http::{Settings, Store, problems, rfc6749, serve_with};

#[test]
fn three_frameworks_answer_alike() {
    compare(&on(Store::Memory), Selection::All).expect_equal();
}

#[test]
fn sqlite_answers_like_memory() {
    compare_a_sample(Store::Sqlite, 0);
}

#[test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
fn like_memory_on_postgres() {
    compare_a_sample(Store::Postgres, 1);
}

#[test]
#[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
fn like_memory_on_mysql() {
    compare_a_sample(Store::Mysql, 2);
}

#[test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL and GATEWRIGHT_TEST_REDIS_URL"]
fn like_memory_on_postgres_and_redis() {
    compare_a_sample(Store::PostgresAndRedis, 0);
}

/// Status and headers stay the same.
#[test]
fn problem_documents_change_refusals_alone() {
    compare_settings("with problem documents", problems, to_problem, Selection::Share);
}

#[test]
fn rfc6749_changes_refused_grants_alone() {
    compare_settings("as RFC 6749 requires", rfc6749, to_rfc6749, Selection::Share);
}

mod full_product {
    use super::*;

    #[test]
    #[ignore = "full product: cargo xtask test --full"]
    fn three_frameworks_answer_alike_in_sqlite() {
        compare_all(Store::Sqlite);
    }

    #[test]
    #[ignore = "full product: cargo xtask test --full"]
    fn three_frameworks_answer_alike_on_postgres() {
        compare_all(Store::Postgres);
    }

    #[test]
    #[ignore = "full product: cargo xtask test --full"]
    fn three_frameworks_answer_alike_on_mysql() {
        compare_all(Store::Mysql);
    }

    #[test]
    #[ignore = "full product: cargo xtask test --full"]
    fn three_frameworks_answer_alike_on_postgres_and_redis() {
        compare_all(Store::PostgresAndRedis);
    }

    #[test]
    #[ignore = "full product: cargo xtask test --full"]
    fn problem_documents_change_refusals_alone() {
        compare_settings("with problem documents", problems, to_problem, |_| Selection::All);
    }

    #[test]
    #[ignore = "full product: cargo xtask test --full"]
    fn rfc6749_changes_refused_grants_alone() {
        compare_settings("as RFC 6749 requires", rfc6749, to_rfc6749, |_| Selection::All);
    }
}

fn compare_all(store: Store) {
    let [memory, ..] = on(Store::Memory);
    compare(&[slice::from_ref(&memory), &on(store)].concat(), Selection::All).expect_equal();
}

fn compare_a_sample(store: Store, share: usize) {
    let targets =
        [Store::Memory, store].map(|store| (format!("axum on {store}"), store.serve(axum_app::serve)));
    compare(&targets, Selection::Share(share)).expect_equal();
}

/// The three examples on a store.
fn on(store: Store) -> [(String, Target); 3] {
    let targets = [
        ("axum", store.serve(axum_app::serve)),
        ("actix-web", store.serve(actix_app::serve)),
        ("poem", store.serve(poem_app::serve)),
    ];
    targets.map(|(framework, target)| (format!("{framework} on {store}"), target))
}

/// For each framework, one application with default settings and one with others.
fn compare_settings(
    name: &str,
    settings: Settings,
    translate: fn(usize, Answer) -> Answer,
    selection: fn(usize) -> Selection,
) {
    let applications = [
        ("axum", Store::Memory.serve(axum_app::serve), serve_with(settings, axum_app::serve)),
        ("actix-web", Store::Memory.serve(actix_app::serve), serve_with(settings, actix_app::serve)),
        ("poem", Store::Memory.serve(poem_app::serve), serve_with(settings, poem_app::serve)),
    ];
    for (share, (framework, default, other)) in applications.into_iter().enumerate() {
        let targets = [(framework.to_owned(), default), (format!("{framework} {name}"), other.clone())];
        compare_after(&targets, selection(share), translate).expect_equal();
    }
}
