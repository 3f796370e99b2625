//! The HTTP suite against this service, on memory and on SQLite, over real sockets.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::TcpListener;
use std::sync::OnceLock;

use axum_app::app;
use example_service::testing::{new_directory, serve};
use gatewright::Auth;
use gatewright_testkit::http::Target;

async fn run(listener: TcpListener, auth: Auth) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    axum::serve(listener, app::router(&auth).unwrap()).await.unwrap();
}

fn memory() -> &'static Target {
    static TARGET: OnceLock<Target> = OnceLock::new();
    TARGET.get_or_init(|| serve("memory:", |settings| settings, run))
}

fn sqlite() -> &'static Target {
    static TARGET: OnceLock<Target> = OnceLock::new();
    TARGET.get_or_init(|| {
        let file = new_directory(env!("CARGO_TARGET_TMPDIR")).join("http.db");
        serve(&format!("sqlite://{}", file.display()), |settings| settings, run)
    })
}

gatewright_testkit::http_suite!(on_memory, memory);
gatewright_testkit::http_suite!(on_sqlite, sqlite);
