//! The refresh suite: scenarios of refresh tokens that are stolen, lost, used in parallel, sent to
//! another endpoint or issuer, or older than a restart, a password change or a logout.
//!
//! Each scenario runs on complete services: it sends the bytes of a request and checks the bytes of
//! the answer. [`SCENARIOS`] lists the scenarios, and [`refresh_suite!`](crate::refresh_suite)
//! expands them. A scenario is a function of a [`Service`]. Its name is its id in the project's
//! table of refresh scenarios: `rotate_basic` is `rotate-basic`.

mod service;
pub mod scenarios;
pub mod tabs;

use std::future::Future;

use gatewright_core::{Account, AccountStore, SessionStore, TokenIssuer, TokenVerifier};

pub use service::{Answer, MAX_ATTEMPTS, Node, Pair, Service};

/// The storage of accounts and sessions under test. Both may be in the same store or in two stores.
pub trait Storage {
    /// A handle on the accounts.
    type Accounts: AccountStore<User = Account> + Clone;
    /// A handle on the sessions.
    type Sessions: SessionStore + Clone;

    /// Whether sessions survive a restart of the service.
    const SESSIONS: Durability;

    /// Opens the handles of a new node, with its own connections to the same contents.
    fn open(&self) -> impl Future<Output = (Self::Accounts, Self::Sessions)>;

    /// Simulates that all processes stop. The contents of their memory are lost.
    ///
    /// Exception: accounts in memory stay if the sessions are durable. They represent the users
    /// table of an application.
    fn restart(&mut self);

    /// Returns the bytes of every value in every row, as a reader of the storage sees them. For a
    /// store in memory these are the values that its methods return.
    fn values(&self) -> impl Future<Output = Vec<Vec<u8>>>;
}

/// Whether sessions survive a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the two cases are exhaustive")]
pub enum Durability {
    /// Sessions survive.
    Durable,
    /// Sessions are lost: users log in again.
    Volatile,
}

/// Issues and verifies tokens.
pub trait Tokens: TokenIssuer + TokenVerifier + 'static {}

impl<T: TokenIssuer + TokenVerifier + 'static> Tokens for T {}

/// A scenario whose result differs from the published one.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Difference {
    /// The id of the scenario in the project's table.
    pub id: &'static str,
    /// The published result.
    pub published: &'static str,
    /// The result that the suite tests.
    pub here: &'static str,
    /// The rule that the difference follows from.
    pub rule: &'static str,
}

/// The scenarios whose result differs from the published one. All others have the published result.
pub const DIFFERENCES: &[Difference] = &[Difference {
    id: "password-changed",
    published: "S1 dead; R1 rotated or kept; a token-version (per-user not-before) claim check rejects older access tokens if enabled",
    here: "R1 and S1 name no session: invalid_grant, and nothing else ends; the answer to the change is \
           A2, R2 of a new session; every older access token is rejected",
    rule: "a password change replaces all sessions of the user with a new one (SessionStore::replace_all)",
}];

/// The ids of the scenarios.
pub const SCENARIOS: &[&str] = crate::refresh_scenarios! { refresh_names [] };

/// Expands the refresh suite. Each scenario is its own test.
///
/// - `$fresh` is an async function without arguments. It returns a new, empty
///   [`Storage`](crate::refresh::Storage).
/// - `$tokens` is a function from the name of an issuer to its [`Tokens`](crate::refresh::Tokens).
///   All issuers use the same key.
///
/// Attributes before the name apply to every case: `#[ignore = "needs a server"]`.
#[macro_export]
macro_rules! refresh_suite {
    ($(#[$attribute:meta])* $name:ident, $fresh:expr, $tokens:expr) => {
        $crate::refresh_scenarios! { refresh_tests [[$(#[$attribute])*] $name, $fresh, $tokens] }
    };
}

/// For [`refresh_suite!`] and [`SCENARIOS`]: the only list of the scenarios.
#[doc(hidden)]
#[macro_export]
macro_rules! refresh_scenarios {
    ($then:ident $arguments:tt) => {
        $crate::$then! { $arguments
            rotate_basic
            thief_first
            other_family_untouched
            concurrent_two_nodes
            restart
            lost_response
            idle_expiry
            logout
            user_disabled
            password_changed
            scope_bound
            access_as_refresh
            stored_hashed
            malformed
            clock_back
            cross_issuer
        }
    };
}

/// For [`refresh_suite!`]: each scenario as a test.
#[doc(hidden)]
#[macro_export]
macro_rules! refresh_tests {
    ([$attributes:tt $name:ident, $fresh:expr, $tokens:expr] $($scenario:ident)+) => {
        mod $name {
            use super::*;

            $(
                $crate::case! { $attributes $scenario,
                    $crate::block_on(async {
                        let service = $crate::refresh::Service::new($fresh().await, $tokens);
                        $crate::refresh::scenarios::$scenario(service).await
                    })
                }
            )+
        }
    };
}

/// For [`SCENARIOS`]: the name of each scenario.
#[doc(hidden)]
#[macro_export]
macro_rules! refresh_names {
    ([] $($scenario:ident)+) => {
        &[$(stringify!($scenario)),+]
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_every_scenario_once() {
        let source = include_str!("refresh/scenarios.rs");
        let functions = source.lines().filter_map(|line| line.strip_prefix("pub async fn "));
        let mut written: Vec<&str> = functions.filter_map(|rest| rest.split('<').next()).collect();
        let mut listed = SCENARIOS.to_vec();
        written.sort_unstable();
        listed.sort_unstable();
        assert_eq!(listed, written);
        assert_eq!(listed.len(), 16);
    }
}
