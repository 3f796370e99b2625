//! Conformance suites for [`RevocationFeed`].

pub mod connections;
pub mod floods;
pub mod heartbeats;
mod listener;
pub mod messages;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use gatewright_core::RevocationFeed;

pub use listener::{Listener, Received, sealed, sealed_by};
pub use wire::Wire;

/// One new feed without messages, and the nodes that use it.
#[async_trait]
pub trait Network: Send + Sync {
    /// Connects another node, over its own [`Wire`].
    async fn node(&self) -> Node;

    /// Sends a text to all nodes, like another program with write access to the feed.
    async fn send_raw(&self, text: &str);

    /// Sends different texts that no node has made, this many and as fast as it can.
    async fn flood(&self, count: usize);
}

/// One node's end of a feed.
#[derive(Clone)]
pub struct Node {
    /// The feed.
    pub feed: Arc<dyn RevocationFeed>,
    /// The wire that carries all connections of the feed.
    pub wire: Wire,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("wire", &self.wire).finish_non_exhaustive()
    }
}

/// Two ends of one feed, for the cases that every feed must pass.
pub type Ends = [Arc<dyn RevocationFeed>; 2];

/// For [`feed_suite!`](crate::feed_suite): connects two nodes to a new network.
pub async fn ends(network: impl Network) -> Ends {
    [network.node().await.feed, network.node().await.feed]
}

/// Expands the suite for a feed between nodes
/// ([`FeedReach::Cluster`](gatewright_core::FeedReach::Cluster)). Each case is its own test.
///
/// `$fresh` is an async function without arguments that returns a new
/// [`Network`](crate::feed::Network). Attributes before the name apply to every case:
/// `#[ignore = "needs a server"]`.
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
                heartbeats_are_sent_every_second_and_return_in_order
                every_node_receives_the_heartbeats_of_all_nodes
                heartbeats_never_overtake_earlier_revocations
                late_subscribers_receive_heartbeats
            }
            $crate::feed_cases! { [$(#[$attribute])*] floods, $fresh,
                flooded_node_suspends_the_cache_and_recovers
                publications_succeed_during_a_flood
            }
            $crate::feed_cases! { [$(#[$attribute])*] connections, $fresh,
                cache_is_cleared_after_a_reconnect_before_any_message
                disconnected_node_receives_no_heartbeats_until_it_reconnects
                failed_publication_returns_an_error_within_five_seconds
                silent_connection_is_replaced
                node_recovers_whichever_connection_goes_silent
                malformed_messages_are_rejected
                connections_close_when_the_last_listener_is_dropped
                connections_close_when_the_last_handle_is_dropped
            }
        }
    };
}

/// Expands the suite for a feed within one process. Each case is its own test.
///
/// `$ends` is an async function without arguments. It returns two ends of one new feed, an
/// [`Ends`](crate::feed::Ends).
#[macro_export]
macro_rules! local_feed_suite {
    ($(#[$attribute:meta])* $name:ident, $ends:expr) => {
        mod $name {
            use super::*;

            $crate::feed_message_cases! { [$(#[$attribute])*] $ends }
        }
    };
}

/// For the feed suites: the cases that every feed must pass.
#[doc(hidden)]
#[macro_export]
macro_rules! feed_message_cases {
    ($attributes:tt $ends:expr) => {
        $crate::feed_cases! { $attributes messages, $ends,
            revocations_arrive_unchanged
            publications_are_sent_without_being_awaited
            many_parallel_publications_all_arrive
            every_listener_of_a_node_receives
            dropped_listener_does_not_block_others
            feed_does_not_keep_listeners_alive
        }
    };
}

/// For the feed suites: each case of a module as a test.
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
