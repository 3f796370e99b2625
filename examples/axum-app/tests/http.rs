//! The HTTP suite against this service, on memory and on SQLite, over real sockets.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use axum_app::config::Config;
use axum_app::{app, start};
use gatewright_testkit::http::Target;
use tokio::net::TcpListener;

const SECRET: &str = "fu8F0qTz1nQmX3vKd7RwYb2LhJc9PsEa";
const PASSWORD: &str = "the admin's long password";

fn memory() -> &'static Target {
    static TARGET: OnceLock<Target> = OnceLock::new();
    TARGET.get_or_init(|| serve("memory:".to_owned()))
}

fn sqlite() -> &'static Target {
    static TARGET: OnceLock<Target> = OnceLock::new();
    TARGET.get_or_init(|| {
        let path =
            std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("http-{}.db", std::process::id()));
        serve(format!("sqlite://{}", path.display()))
    })
}

/// Starts the service on a thread of its own, for as long as the tests run.
fn serve(database_url: String) -> Target {
    let config = Config {
        bind_address: "127.0.0.1:0".to_owned(),
        database_url,
        secret: SECRET.to_owned(),
        issuer: "http://localhost".to_owned(),
        audience: "gatewright-example".to_owned(),
        access_lifetime: Duration::from_secs(900),
        refresh_lifetime: Duration::from_secs(7 * 86_400),
        session_lifetime: Duration::from_secs(30 * 86_400),
        refresh_grace: Duration::from_secs(60),
        admin_email: "admin@example.com".to_owned(),
        admin_password: Some(PASSWORD.to_owned()),
    };
    let (bound, address) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let auth = start::open(&config).await.unwrap();
            start::first_admin(&auth, &config, |_| Ok(())).await.unwrap();
            let listener = TcpListener::bind(&config.bind_address).await.unwrap();
            bound.send(listener.local_addr().unwrap().to_string()).unwrap();
            axum::serve(listener, app::router(&auth)).await.unwrap();
        });
    });
    Target::new(&address.recv().unwrap(), "admin@example.com", PASSWORD, SECRET)
}

gatewright_testkit::http_suite!(on_memory, memory);
gatewright_testkit::http_suite!(on_sqlite, sqlite);
