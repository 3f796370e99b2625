//! Every HTTP suite against an application, over real sockets.

use std::future::Future;
use std::io;
use std::net::TcpListener;

use gatewright::{Auth, ProblemRenderer, TokenEndpoint, TrustedProxies};
use gatewright_testkit::http::Target;
use gatewright_testkit::{Outage, block_on};

use super::{PATIENCE, databases, new_directory, serve, serve_over_a_fragile_store, serve_with_redis};

/// Expands every HTTP suite as tests of an application. `$run` is an `async fn(TcpListener, Auth)` that serves it, and
/// `$folder` where databases may be made.
#[macro_export]
macro_rules! http_suites {
    ($run:expr, $folder:expr) => {
        fn memory() -> &'static gatewright_testkit::http::Target {
            static TARGET: std::sync::OnceLock<gatewright_testkit::http::Target> = std::sync::OnceLock::new();
            TARGET.get_or_init(|| $crate::testing::suites::on_memory($run))
        }

        fn sqlite() -> &'static gatewright_testkit::http::Target {
            static TARGET: std::sync::OnceLock<gatewright_testkit::http::Target> = std::sync::OnceLock::new();
            TARGET.get_or_init(|| $crate::testing::suites::on_sqlite($folder, $run))
        }

        fn postgres() -> &'static gatewright_testkit::http::Target {
            static TARGET: std::sync::OnceLock<gatewright_testkit::http::Target> = std::sync::OnceLock::new();
            TARGET.get_or_init(|| $crate::testing::suites::on_postgres($run))
        }

        fn mysql() -> &'static gatewright_testkit::http::Target {
            static TARGET: std::sync::OnceLock<gatewright_testkit::http::Target> = std::sync::OnceLock::new();
            TARGET.get_or_init(|| $crate::testing::suites::on_mysql($run))
        }

        fn postgres_and_redis() -> &'static gatewright_testkit::http::Target {
            static TARGET: std::sync::OnceLock<gatewright_testkit::http::Target> = std::sync::OnceLock::new();
            TARGET.get_or_init(|| $crate::testing::suites::on_postgres_and_redis($run))
        }

        gatewright_testkit::http_suite!(on_memory, memory);
        gatewright_testkit::http_suite!(on_sqlite, sqlite);
        gatewright_testkit::http_suite!(
            #[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
            on_postgres,
            postgres
        );
        gatewright_testkit::http_suite!(
            #[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
            on_mysql,
            mysql
        );
        gatewright_testkit::http_suite!(
            #[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL and GATEWRIGHT_TEST_REDIS_URL"]
            on_postgres_and_redis,
            postgres_and_redis
        );
        gatewright_testkit::problem_suite!(problems, || $crate::testing::suites::with_problems($run));
        gatewright_testkit::rfc6749_suite!(rfc6749, || $crate::testing::suites::with_rfc6749($run));
        gatewright_testkit::forwarded_suite!(forwarded, || $crate::testing::suites::behind_a_proxy($run));
        gatewright_testkit::http_outage_suite!(outages, || $crate::testing::suites::fragile($run));
    };
}

/// The application on memory.
pub fn on_memory<F: Future<Output = io::Result<()>> + 'static>(run: fn(TcpListener, Auth) -> F) -> Target {
    serve("memory:", |settings| settings, run).with_patience(PATIENCE)
}

/// The application on SQLite.
pub fn on_sqlite<F: Future<Output = io::Result<()>> + 'static>(
    folder: &str,
    run: fn(TcpListener, Auth) -> F,
) -> Target {
    let file = new_directory(folder).join("http.db");
    serve(&format!("sqlite://{}", file.display()), |settings| settings, run).with_patience(PATIENCE)
}

/// The application on PostgreSQL.
pub fn on_postgres<F: Future<Output = io::Result<()>> + 'static>(run: fn(TcpListener, Auth) -> F) -> Target {
    serve(&block_on(databases::postgres()), |settings| settings, run).with_patience(PATIENCE)
}

/// The application on MySQL, or MariaDB.
pub fn on_mysql<F: Future<Output = io::Result<()>> + 'static>(run: fn(TcpListener, Auth) -> F) -> Target {
    serve(&block_on(databases::mysql()), |settings| settings, run).with_patience(PATIENCE)
}

/// The application with users in PostgreSQL and sessions in Redis.
pub fn on_postgres_and_redis<F: Future<Output = io::Result<()>> + 'static>(
    run: fn(TcpListener, Auth) -> F,
) -> Target {
    serve_with_redis(&block_on(databases::postgres()), databases::redis(), run).with_patience(PATIENCE)
}

/// The application as it is, and with problems for its denials.
pub fn with_problems<F: Future<Output = io::Result<()>> + 'static>(
    run: fn(TcpListener, Auth) -> F,
) -> [Target; 2] {
    let problems = serve("memory:", |settings| settings.with_renderer(ProblemRenderer), run);
    [on_memory(run), problems.with_patience(PATIENCE)]
}

/// The application as it is, and with the token endpoints of RFC 6749.
pub fn with_rfc6749<F: Future<Output = io::Result<()>> + 'static>(
    run: fn(TcpListener, Auth) -> F,
) -> [Target; 2] {
    let rfc = serve("memory:", |settings| settings.with_token_endpoint(TokenEndpoint::Rfc6749), run);
    [on_memory(run), rfc.with_patience(PATIENCE)]
}

/// The application behind proxies on this machine and in a private network.
pub fn behind_a_proxy<F: Future<Output = io::Result<()>> + 'static>(
    run: fn(TcpListener, Auth) -> F,
) -> Target {
    let proxies = TrustedProxies::parse("127.0.0.1, 10.0.0.0/8").unwrap();
    serve("memory:", |settings| settings.with_trusted_proxies(proxies), run).with_patience(PATIENCE)
}

/// The application over a store that stops answering when it is told to.
pub fn fragile<F: Future<Output = io::Result<()>> + 'static>(
    run: fn(TcpListener, Auth) -> F,
) -> (Target, Outage) {
    serve_over_a_fragile_store(run)
}
