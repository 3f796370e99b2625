//! Conformance suites for Gatewright's seams, and what tests of applications need.
//!
//! - [`user_suite!`] proves a [`UserStore`](gatewright_core::UserStore) of an application's own users against its contract,
//!   case by case; [`account_suite!`] an [`AccountStore`](gatewright_core::AccountStore) of Gatewright's own
//!   [`Account`](gatewright_core::Account)s, as a `UserStore` too; [`session_suite!`] a
//!   [`SessionStore`](gatewright_core::SessionStore). [`store_suite!`] is all three, for a store that keeps accounts and sessions.
//! - [`refresh_suite!`] proves what refresh tokens come to over a storage: sixteen scenarios of theft, loss, races and
//!   restarts, from the bytes of a request down. [`refresh::SCENARIOS`] lists them.
//! - [`feed_suite!`] proves a revocation feed between nodes against the contract of
//!   [`RevocationFeed`](gatewright_core::RevocationFeed), over a [`Wire`](feed::Wire) that it cuts; [`local_feed_suite!`]
//!   proves one within a process.
//! - [`http_suite!`] proves a running application: a table of requests and exact answers over a real socket.
//!   [`problem_suite!`] and [`rfc6749_suite!`] prove it with another renderer and another token endpoint, each also by
//!   sending some thousand requests to both and comparing; [`http_outage_suite!`] proves it over a store that fails.
//!   [`http::SUITES`] lists their cases.
//! - [`http::difference::compare`] sends the same requests to several applications and tells every difference.
//! - [`FixedClock`] stands still until it is moved, [`TestHasher`] counts and can be paused, [`EventRecorder`] keeps
//!   what it hears, [`FragileStore`] stops answering when it is told to, [`WatchedStore`] counts reads and stops in the
//!   middle of one, [`ManualFeed`] is a revocation feed whose every message a test delivers.
//!
//! Each suite is one macro that expands every case as its own `#[test]`; nobody picks cases by hand.
//!
//! ```text
//! // In a test of a store's crate. `fresh` gives two handles on one new, empty store: two pools, as of two processes.
//! // `broken` gives a store that cannot tell: its connections are closed, or its table is not there.
//! async fn fresh() -> [MyStore; 2] { … }
//! async fn broken() -> MyStore { … }
//!
//! gatewright_testkit::store_suite!(my_store, fresh, broken);
//!
//! // In a test of an application with a users table of its own: `Table` tells how the suite writes to it.
//! impl gatewright_testkit::store::Users for Table { … }
//! async fn new_table() -> [Table; 2] { … }
//! async fn without_a_table() -> MyUsers { … }
//!
//! gatewright_testkit::user_suite!(my_users, new_table, without_a_table);
//!
//! // `fresh` gives a new, empty `Storage`, `tokens` the tokens of an issuer by its name.
//! gatewright_testkit::refresh_suite!(my_storage, fresh_storage, tokens);
//!
//! // In a test of a feed's crate: a server, and nodes that reach it over wires of their own.
//! async fn network() -> impl gatewright_testkit::feed::Network { … }
//!
//! gatewright_testkit::feed_suite!(my_feed, network);
//!
//! // In a test of an application with the example's routes. Each function starts it on a socket of its own.
//! fn running() -> &'static Target { … }
//! fn with_problems() -> [Target; 2] { … }
//! fn with_rfc6749() -> [Target; 2] { … }
//! fn over_a_fragile_store() -> (Target, Outage) { … }
//!
//! gatewright_testkit::http_suite!(my_application, running);
//! gatewright_testkit::problem_suite!(problems, with_problems);
//! gatewright_testkit::rfc6749_suite!(rfc6749, with_rfc6749);
//! gatewright_testkit::http_outage_suite!(outages, over_a_fragile_store);
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::string_slice,
    reason = "a suite panics to say that a case failed"
)]

mod clock;
mod hasher;
mod events;
mod fragile;
mod watched;
pub mod store;
pub mod refresh;
pub mod feed;
pub mod http;

pub use clock::FixedClock;
pub use events::EventRecorder;
pub use feed::ManualFeed;
pub use fragile::{FragileStore, Outage};
pub use hasher::TestHasher;
pub use watched::{Watch, WatchedStore};

use std::future::Future;

/// For the suites: a case as a test, with the attributes that all have.
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

/// How often a case that races is repeated: `GATEWRIGHT_TEST_REPEAT`, 20 unless set.
#[must_use]
pub fn repetitions() -> usize {
    let Ok(text) = std::env::var("GATEWRIGHT_TEST_REPEAT") else { return 20 };
    let number: std::num::NonZeroUsize = text.parse().expect("GATEWRIGHT_TEST_REPEAT is a number above zero");
    number.get()
}

/// Runs a case to its end on threads of its own.
pub fn block_on<F: Future>(case: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
    runtime.expect("a runtime starts").block_on(case)
}
