//! The HTTP suites of the examples: [`auth_routes`](gatewright_testkit::auth_routes) for the
//! ready-made endpoints, [`cases`] for the example's own routes, and [`compare`] for the
//! differences between frameworks, stores and settings.
//!
//! [`http_suites!`](crate::http_suites) runs the suites against one example. By default one example
//! runs on every store, and the others on memory. The rest of the product is in modules with the
//! name `full_product`, whose tests are ignored unless `cargo xtask test --full` includes them.

pub mod cases;
pub mod compare;

use std::fmt;

use example_service::testing::{
    Application, PATIENCE, databases, serve, serve_over_a_failing_store, serve_with_redis,
    serve_with_throttle,
};
use gatewright::Account;
use gatewright::auth::AuthBuilder;
use gatewright::http::{ProblemRenderer, TokenEndpoint, TrustedProxies};
use gatewright_testkit::auth_routes::Target;
use gatewright_testkit::{FixedClock, Outage, block_on};

use crate::new_file;

/// Expands the HTTP suites as tests of an example. `$application` is its `serve` function.
#[macro_export]
macro_rules! http_suites {
    (on every store: $application:expr) => {
        $crate::http_suites! { @on memory: $application }
        $crate::http_suite! { [] on_sqlite, Sqlite, $application }
        $crate::http_suite! { [#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]] on_postgres, Postgres, $application }
        $crate::http_suite! { [#[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]] on_mysql, Mysql, $application }
        $crate::http_suite! {
            [#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL and GATEWRIGHT_TEST_REDIS_URL"]]
            on_postgres_and_redis, PostgresAndRedis, $application
        }
    };
    (on memory: $application:expr) => {
        $crate::http_suites! { @on memory: $application }
        mod full_product {
            use super::*;

            $crate::http_suite! { [#[ignore = "full product: cargo xtask test --full"]] on_sqlite, Sqlite, $application }
            $crate::http_suite! { [#[ignore = "full product: cargo xtask test --full"]] on_postgres, Postgres, $application }
            $crate::http_suite! { [#[ignore = "full product: cargo xtask test --full"]] on_mysql, Mysql, $application }
            $crate::http_suite! {
                [#[ignore = "full product: cargo xtask test --full"]]
                on_postgres_and_redis, PostgresAndRedis, $application
            }
        }
    };
    (@on memory: $application:expr) => {
        $crate::http_suite! { [] on_memory, Memory, $application }
        $crate::example_suite! { [] with_problems, problem, || $crate::http::serve_with($crate::http::problems, $application) }
        $crate::example_suite! { [] with_rfc6749, rfc6749, || $crate::http::serve_with($crate::http::rfc6749, $application) }
        $crate::example_suite! { [] behind_a_proxy, forwarded, || $crate::http::serve_with($crate::http::proxies, $application) }
        $crate::example_suite! { [] over_a_failing_store, outage, || $crate::http::over_a_failing_store($application) }
        $crate::example_suite! { [] with_the_throttle, throttled, || $crate::http::throttled($application) }
    };
}

/// The suites for an example with default settings on one store.
#[doc(hidden)]
#[macro_export]
macro_rules! http_suite {
    ($attributes:tt $name:ident, $store:ident, $application:expr) => {
        mod $name {
            use super::*;

            fn target() -> &'static gatewright_testkit::auth_routes::Target {
                static TARGET: std::sync::LazyLock<gatewright_testkit::auth_routes::Target> =
                    std::sync::LazyLock::new(|| $crate::http::Store::$store.serve($application));
                &TARGET
            }

            gatewright_testkit::auth_routes_groups! {
                $attributes auth_routes, target, endpoints accounts usernames introspection
            }
            $crate::example_suite! { $attributes example_routes, routes, target }
        }
    };
}

/// A group of the cases in [`cases`](crate::http::cases).
#[doc(hidden)]
#[macro_export]
macro_rules! example_suite {
    ($attributes:tt $name:ident, $group:ident, $target:expr) => {
        mod $name {
            use super::*;
            use $crate::http::cases;

            $crate::example_cases! { $group case_tests $attributes $target }
        }
    };
}

/// Where an example keeps users and sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "these are all stores of the workspace")]
pub enum Store {
    /// In memory.
    Memory,
    /// In a new SQLite file.
    Sqlite,
    /// On PostgreSQL.
    Postgres,
    /// On MySQL or MariaDB.
    Mysql,
    /// Users on PostgreSQL, sessions in Redis.
    PostgresAndRedis,
}

impl Store {
    /// Starts an example on a new, empty store of this kind.
    pub fn serve(self, application: impl Application) -> Target {
        let url = match self {
            Self::Memory => "memory:".to_owned(),
            Self::Sqlite => format!("sqlite://{}", new_file("http.db").display()),
            Self::Postgres | Self::PostgresAndRedis => block_on(databases::postgres()),
            Self::Mysql => block_on(databases::mysql()),
        };
        let target = if self == Self::PostgresAndRedis {
            serve_with_redis(&url, databases::redis(), application)
        } else {
            serve(&url, |settings| settings, application)
        };
        target.with_patience(PATIENCE)
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory",
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::Mysql => "MySQL",
            Self::PostgresAndRedis => "PostgreSQL and Redis",
        })
    }
}

/// Settings of an `Auth` beside those of the configuration.
pub type Settings = fn(AuthBuilder<Account>) -> AuthBuilder<Account>;

/// Refusals are problem documents.
pub fn problems(builder: AuthBuilder<Account>) -> AuthBuilder<Account> {
    builder.with_renderer(ProblemRenderer)
}

/// The token endpoints answer as RFC 6749 requires.
pub fn rfc6749(builder: AuthBuilder<Account>) -> AuthBuilder<Account> {
    builder.with_token_endpoint(TokenEndpoint::Rfc6749)
}

/// The proxies at 127.0.0.1 and in 10.0.0.0/8 are trusted.
pub fn proxies(builder: AuthBuilder<Account>) -> AuthBuilder<Account> {
    builder.with_trusted_proxies(TrustedProxies::parse("127.0.0.1, 10.0.0.0/8").unwrap())
}

/// Starts an example on memory with other settings.
pub fn serve_with(settings: Settings, application: impl Application) -> &'static Target {
    Box::leak(Box::new(serve("memory:", settings, application).with_patience(PATIENCE)))
}

/// Starts an example over a store in memory that fails on demand.
pub fn over_a_failing_store(application: impl Application) -> &'static (Target, Outage) {
    Box::leak(Box::new(serve_over_a_failing_store(application)))
}

/// Starts an example in memory with the default throttle, with these settings beside it, and returns its clock.
pub type Start = &'static dyn Fn(Settings) -> (Target, FixedClock);

/// Lets a case start an example with the default throttle. Each one counts its own attempts.
pub fn throttled(application: impl Application + Clone) -> Start {
    Box::leak(Box::new(move |settings: Settings| serve_with_throttle(settings, application.clone())))
}
