//! The feed suite: the contract of [`RevocationFeed`], bullet by bullet, and a feed that a test delivers by hand.

pub mod connections;
pub mod heartbeats;
mod listener;
mod manual;
pub mod messages;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use gatewright_core::RevocationFeed;

pub use listener::{Heard, Listener};
pub use manual::ManualFeed;
pub use wire::Wire;

/// What the suite is run on: one new feed, on which nobody has spoken, and a way for nodes to join it.
#[async_trait]
pub trait Network: Send + Sync {
    /// Another node that speaks and hears over a [`Wire`] of its own.
    async fn node(&self) -> Node;

    /// Tells all nodes something, as anybody may who can write to the feed.
    async fn say(&self, text: &str);
}

/// One node's end of a feed.
#[derive(Clone)]
pub struct Node {
    /// The end.
    pub feed: Arc<dyn RevocationFeed>,
    /// All that the end's connections go over.
    pub wire: Wire,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("wire", &self.wire).finish_non_exhaustive()
    }
}

/// Two nodes' ends, for the cases that every feed must pass.
pub type Ends = [Arc<dyn RevocationFeed>; 2];

/// For [`feed_suite!`](crate::feed_suite): two nodes of a new network.
pub async fn ends(network: impl Network) -> Ends {
    [network.node().await.feed, network.node().await.feed]
}

/// Expands the suite for a feed between nodes ([`Reach::Nodes`](gatewright_core::Reach::Nodes)), each case its own test.
/// `$fresh` is an async function without arguments that returns a new [`Network`](crate::feed::Network). Attributes before
/// the name go to every case: `#[ignore = "needs a server"]`.
#[macro_export]
macro_rules! feed_suite {
    ($(#[$attribute:meta])* $name:ident, $fresh:expr) => {
        mod $name {
            use super::*;

            async fn ends() -> $crate::feed::Ends {
                $crate::feed::ends($fresh().await).await
            }

            $crate::feed_message_cases! { [$(#[$attribute])*] ends }
            $crate::feed_cases! { [$(#[$attribute])*] heartbeats, $fresh,
                heartbeats_go_out_every_second_and_come_back_in_order
                every_node_hears_the_others_heartbeats
                no_heartbeat_overtakes_a_revocation_that_was_handed_over_before_it_was_sent
                whoever_comes_later_is_served_as_well
            }
            $crate::feed_cases! { [$(#[$attribute])*] connections, $fresh,
                after_a_cut_everything_is_forgotten_before_anything_is_heard
                while_a_node_is_cut_off_no_heartbeat_comes_back_and_afterwards_it_hears_again
                an_announcement_that_cannot_be_handed_over_says_so_within_five_seconds
                a_connection_that_falls_silent_is_replaced
                whichever_connection_falls_silent_the_node_hears_and_is_heard_again
                what_cannot_be_read_empties_the_cache
                when_nobody_listens_any_more_the_connections_end
                with_the_last_handle_the_connections_end
            }
        }
    };
}

/// Expands the cases that a feed within one process must pass, each its own test. `$ends` is an async function without
/// arguments that returns two ends of one new feed: an [`Ends`](crate::feed::Ends).
#[macro_export]
macro_rules! local_feed_suite {
    ($(#[$attribute:meta])* $name:ident, $ends:expr) => {
        mod $name {
            use super::*;

            $crate::feed_message_cases! { [$(#[$attribute])*] $ends }
        }
    };
}

/// For the feed suites.
#[doc(hidden)]
#[macro_export]
macro_rules! feed_message_cases {
    ($attributes:tt $ends:expr) => {
        $crate::feed_cases! { $attributes messages, $ends,
            a_revocation_of_one_node_is_heard_by_the_other_as_it_was_said
            an_announcement_that_nobody_waits_for_is_heard
            many_announcements_at_once_are_all_heard
            every_listener_of_a_node_hears
            a_listener_that_is_gone_holds_nobody_up
            the_feed_keeps_no_listener_alive
        }
    };
}

/// For the feed suites.
#[doc(hidden)]
#[macro_export]
macro_rules! feed_cases {
    ($attributes:tt $module:ident, $fresh:expr, $($case:ident)+) => {
        mod $module {
            use super::*;

            $(
                $crate::case! { $attributes $case,
                    $crate::block_on(async { $crate::feed::$module::$case($fresh().await).await })
                }
            )+
        }
    };
}
