//! The refresh suite: what becomes of refresh tokens when they are stolen, lost, raced for, sent elsewhere, or outlive what
//! they stand on. Each scenario runs on whole services, from the bytes of a request to a storage and back.
//!
//! [`SCENARIOS`] lists them, [`refresh_suite!`](crate::refresh_suite) expands them. A scenario is a function of a
//! [`Service`], and bears the id of the project's table of refresh scenarios: `rotate_basic` is `rotate-basic`.

mod service;
pub mod published;

use std::future::Future;

use gatewright_core::{Account, AccountStore, SessionStore, TokenIssuer, TokenVerifier};

pub use service::{Answer, Node, PATIENCE, Pair, Service};

/// What keeps accounts and sessions, and how a service gets at it. Both may be in one place or in two.
pub trait Storage {
    /// A handle on the accounts.
    type Accounts: AccountStore<User = Account> + Clone;
    /// A handle on the sessions.
    type Sessions: SessionStore + Clone;

    /// What a restart leaves of the sessions.
    const SESSIONS: Lasting;

    /// Handles as a further node has them: with connections of its own, on the same contents.
    fn open(&self) -> impl Future<Output = (Self::Accounts, Self::Sessions)>;

    /// The processes end that had it open. Whatever lived in them alone is gone, but for accounts in memory beside sessions
    /// that are kept: those stand for an application's own users table.
    fn restart(&mut self);

    /// Every value of every row, as its bytes: what somebody gets who can read the storage. Of accounts and sessions in the
    /// process's own memory, what their stores return.
    fn values(&self) -> impl Future<Output = Vec<Vec<u8>>>;
}

/// What is left when a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third")]
pub enum Lasting {
    /// Everything.
    Kept,
    /// Nothing: whoever was logged in logs in again.
    Gone,
}

/// Issues tokens and verifies them.
pub trait Tokens: TokenIssuer + TokenVerifier + 'static {}

impl<T: TokenIssuer + TokenVerifier + 'static> Tokens for T {}

/// The scenarios, by their ids.
pub const SCENARIOS: &[&str] = crate::refresh_scenarios! { refresh_names [] };

/// Expands every scenario as its own test. `$fresh` is an async function without arguments that returns a new, empty
/// [`Storage`](crate::refresh::Storage); `$tokens` is a function that gives the tokens of an issuer, by its name, all with
/// one key. Attributes before the name go to every case: `#[ignore = "needs a server"]`.
#[macro_export]
macro_rules! refresh_suite {
    ($(#[$attribute:meta])* $name:ident, $fresh:expr, $tokens:expr) => {
        $crate::refresh_scenarios! { refresh_tests [[$(#[$attribute])*] $name, $fresh, $tokens] }
    };
}

/// For [`refresh_suite!`] and [`SCENARIOS`]: the list stands here once.
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
                        $crate::refresh::published::$scenario(service).await
                    })
                }
            )+
        }
    };
}

/// For [`SCENARIOS`]: each scenario by its name.
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
    fn every_scenario_that_is_written_is_in_the_list_once() {
        let source = include_str!("refresh/published.rs");
        let functions = source.lines().filter_map(|line| line.strip_prefix("pub async fn "));
        let mut written: Vec<&str> = functions.filter_map(|rest| rest.split('<').next()).collect();
        let mut listed = SCENARIOS.to_vec();
        written.sort_unstable();
        listed.sort_unstable();
        assert_eq!(listed, written);
        assert_eq!(listed.len(), 16);
    }
}
