//! The HTTP suites against this service, over real sockets.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::TcpListener;
use std::sync::OnceLock;

use axum_app::app;
use example_service::testing::{new_directory, serve, serve_over_a_fragile_store};
use gatewright::{Auth, ProblemRenderer, TokenEndpoint};
use gatewright_testkit::Outage;
use gatewright_testkit::http::Target;
use gatewright_testkit::http::difference::compare;

async fn run(listener: TcpListener, auth: Auth) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    axum::serve(listener, app::router(&auth)).await.unwrap();
}

fn new_memory() -> Target {
    serve("memory:", |settings| settings, run)
}

fn new_sqlite() -> Target {
    let file = new_directory(env!("CARGO_TARGET_TMPDIR")).join("http.db");
    serve(&format!("sqlite://{}", file.display()), |settings| settings, run)
}

fn memory() -> &'static Target {
    static TARGET: OnceLock<Target> = OnceLock::new();
    TARGET.get_or_init(new_memory)
}

fn sqlite() -> &'static Target {
    static TARGET: OnceLock<Target> = OnceLock::new();
    TARGET.get_or_init(new_sqlite)
}

fn with_problems() -> [Target; 2] {
    let problems = serve("memory:", |settings| settings.with_renderer(ProblemRenderer::default()), run);
    [new_memory(), problems]
}

fn with_rfc6749() -> [Target; 2] {
    let rfc = serve("memory:", |settings| settings.with_token_endpoint(TokenEndpoint::Rfc6749), run);
    [new_memory(), rfc]
}

fn over_a_fragile_store() -> (Target, Outage) {
    serve_over_a_fragile_store(run)
}

gatewright_testkit::http_suite!(on_memory, memory);
gatewright_testkit::http_suite!(on_sqlite, sqlite);
gatewright_testkit::problem_suite!(problems, with_problems);
gatewright_testkit::rfc6749_suite!(rfc6749, with_rfc6749);
gatewright_testkit::http_outage_suite!(outages, over_a_fragile_store);

#[test]
fn whatever_the_store_the_answers_are_the_same() {
    let report = compare(&[("memory", &new_memory()), ("sqlite", &new_sqlite())]);
    assert!(report.differences.is_empty(), "{report}");
    assert_eq!(report.cases, 4_892);
}
