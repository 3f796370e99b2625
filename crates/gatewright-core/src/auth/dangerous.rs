//! Settings of an [`Auth`](crate::Auth) that weaken a check.

use std::fmt;

use super::builder::AuthBuilder;
use crate::store::AuthUser;

impl<U: AuthUser> AuthBuilder<U> {
    /// Settings that weaken a check. Each method says what it costs, and returns to the builder.
    pub const fn dangerous(self) -> DangerousAuthBuilder<U> {
        DangerousAuthBuilder(self)
    }
}

/// Settings that weaken a check, from [`AuthBuilder::dangerous`]. Each returns to the builder.
#[must_use]
pub struct DangerousAuthBuilder<U>(AuthBuilder<U>);

impl<U: AuthUser> DangerousAuthBuilder<U> {
    /// Sends the messages of the feed without a MAC, and accepts messages without one. All nodes must have
    /// this setting: others reject the messages of this one.
    ///
    /// Risk: an attacker who can write to the feed can revoke what this node has cached, user by user and
    /// without a trace. That makes guards slower and admits no request. With a key, such messages are rejected
    /// and reported.
    pub fn with_unauthenticated_feed(self) -> AuthBuilder<U> {
        self.0.without_feed_key()
    }

    /// Limits attempts in the memory of each node, also beside a feed between nodes.
    ///
    /// Risk: an attacker who reaches all nodes has the budget of every limit on each of them, and each restart
    /// loses failures and locks. With a store that the nodes share
    /// ([`with_throttle`](AuthBuilder::with_throttle)) they have one budget.
    pub fn with_memory_throttle(self) -> AuthBuilder<U> {
        self.0.with_unshared_throttle()
    }
}

impl<U> fmt::Debug for DangerousAuthBuilder<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DangerousAuthBuilder").field(&self.0).finish()
    }
}
