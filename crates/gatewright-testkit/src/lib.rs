//! Conformance suites for Gatewright's traits, and test doubles for the tests of applications.
//!
//! - [`user_suite!`] tests a [`UserStore`](gatewright_core::UserStore) of an application's own
//!   users. [`account_suite!`] tests an [`AccountStore`](gatewright_core::AccountStore) of
//!   Gatewright's [`Account`](gatewright_core::Account)s and includes the cases of `user_suite!`.
//!   [`session_suite!`] tests a [`SessionStore`](gatewright_core::SessionStore). [`store_suite!`]
//!   combines the last two for a store of accounts and sessions.
//! - [`refresh_suite!`] tests refresh tokens on a storage, in sixteen scenarios: theft, lost
//!   answers, races, restarts and others. [`refresh::SCENARIOS`] lists them.
//! - [`rotation_vector_suite!`] runs the test vectors of the rotation's specification on a
//!   [`SessionStore`](gatewright_core::SessionStore). [`rotation_vectors`] reads them.
//! - [`throttle_suite!`] tests a [`Throttle`](gatewright_core::Throttle).
//! - [`audit_suite!`] tests an [`AuditStore`](gatewright_core::AuditStore).
//! - [`feed_suite!`] tests a [`RevocationFeed`](gatewright_core::RevocationFeed) between nodes. It
//!   cuts the connections of the nodes at a [`Wire`](feed::Wire). [`local_feed_suite!`] tests a
//!   feed within a process.
//! - [`auth_routes_suite!`] tests the ready-made endpoints and one guarded route of a running
//!   application: a table of requests and exact answers over a real socket.
//!   [`auth_routes::CASES`] lists them.
//! - [`FixedClock`] is a clock and [`ManualTimer`] a timer that a test moves. [`TestHasher`] counts
//!   its calls and can be paused. [`EventRecorder`] records events. [`FailingStore`] fails on
//!   demand, [`CountingStore`] counts reads and pauses calls, and [`Intercepted`] runs any [`Hook`]
//!   around the calls of a store. [`ManualFeed`] is a revocation feed whose messages a test
//!   delivers. [`shared_secret`] gives the nodes of a test one key.
//!
//! Each suite is one macro that expands every case as its own `#[test]`.
//!
//! ```text
//! // In a test of a store's crate. `fresh` returns two handles on one new, empty store, each with its own
//! // connections. `broken` returns a store whose connections are closed or whose table does not exist.
//! async fn fresh() -> [MyStore; 2] { … }
//! async fn broken() -> MyStore { … }
//!
//! gatewright_testkit::store_suite!(my_store, fresh, broken);
//!
//! // In a test of an application with its own users table. The suite writes rows through `Table`.
//! impl gatewright_testkit::store::Users for Table { … }
//! async fn new_table() -> [Table; 2] { … }
//! async fn without_a_table() -> MyUsers { … }
//!
//! gatewright_testkit::user_suite!(my_users, new_table, without_a_table);
//!
//! // `fresh_storage` returns a new, empty `Storage`. `tokens` returns the tokens of an issuer by its name.
//! gatewright_testkit::refresh_suite!(my_storage, fresh_storage, tokens);
//!
//! // In a test of a throttle's crate. `fresh` returns two handles on one new, empty throttle, and `broken` one
//! // whose calls fail. A throttle in memory passes `in_memory` instead of `broken`.
//! gatewright_testkit::throttle_suite!(my_throttle, fresh, broken);
//!
//! // In a test of an audit store's crate, with `fresh` and `broken` as above.
//! gatewright_testkit::audit_suite!(my_audit, fresh, broken);
//!
//! // In a test of a feed's crate: a server, and nodes that each reach it over their own wire.
//! async fn network() -> impl gatewright_testkit::feed::Network { … }
//!
//! gatewright_testkit::feed_suite!(my_feed, network);
//!
//! // In a test of an application. `running` starts it on a socket and returns its address.
//! fn running() -> &'static gatewright_testkit::auth_routes::Target { … }
//!
//! gatewright_testkit::auth_routes_suite!(my_application, running, accounts, introspection);
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::string_slice,
    reason = "a suite panics to say that a case failed"
)]

mod fakes;
mod case;
pub mod store;
pub mod refresh;
pub mod rotation_vectors;
pub mod throttle;
pub mod audit;
pub mod feed;
pub mod auth_routes;

pub use case::{repetitions, run_case};
pub use fakes::{
    CountingStore, EventRecorder, FailingStore, FixedClock, Hook, Intercepted, ManualFeed, ManualTimer,
    Method, Outage, SeededRandom, TestHasher, Watch, shared_secret,
};

use std::future::Future;

/// For the suites: one case as a test, with the attributes of the suite.
#[doc(hidden)]
#[macro_export]
macro_rules! case {
    ([$($attribute:tt)*] $case:ident, $body:expr) => {
        $($attribute)*
        #[test]
        fn $case() {
            $body;
        }
    };
}

/// Runs a future to completion on a new runtime with four threads.
pub fn block_on<F: Future>(case: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
    runtime.expect("the runtime starts").block_on(case)
}
