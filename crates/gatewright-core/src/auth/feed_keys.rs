//! The builder's settings for the keys of the feed, and their checks.

use std::sync::Arc;

use super::build_error::BuildError;
use crate::revocation::{FeedCodec, FeedKey, FeedReach, MAX_FEED_KEYS};
use crate::token::TokenIssuer;

/// How the messages of the feed are authenticated: under the key that was set, or else under one that is
/// derived from the issuer's.
#[derive(Debug, Default)]
pub(super) struct FeedKeys {
    pub(super) key: Option<FeedKey>,
    pub(super) previous: Vec<FeedKey>,
    pub(super) is_unauthenticated: bool,
}

impl FeedKeys {
    /// The codec of the feed's messages.
    ///
    /// # Errors
    /// A key is weak or contradicts another setting, or the feed reaches other nodes and there is no key.
    pub(super) fn codec(
        self,
        reach: FeedReach,
        issuer: &Arc<dyn TokenIssuer>,
    ) -> Result<FeedCodec, BuildError> {
        self.check()?;
        if self.is_unauthenticated {
            return Ok(FeedCodec::unauthenticated());
        }
        if let Some(key) = self.key {
            return Ok(FeedCodec::with_keys([vec![key], self.previous].concat()));
        }
        match FeedCodec::derived(Arc::clone(issuer), self.previous) {
            Some(codec) => Ok(codec),
            None if reach == FeedReach::Cluster => Err(BuildError::new(
                "feed_key",
                "is missing, because the issuer has no secret to derive it from; set one key on all nodes with \
                 `with_feed_key`",
            )),
            // The messages stay in this process.
            None => Ok(FeedCodec::unauthenticated()),
        }
    }

    fn check(&self) -> Result<(), BuildError> {
        let weak = "has too few different bytes; generate one with `openssl rand -hex 32`";
        if self.key.as_ref().is_some_and(FeedKey::is_weak) {
            return Err(BuildError::new("feed_key", weak));
        }
        if self.previous.iter().any(FeedKey::is_weak) {
            return Err(BuildError::new("previous_feed_keys", weak));
        }
        if self.previous.len() >= MAX_FEED_KEYS {
            return Err(BuildError::new("previous_feed_keys", "must be at most 7; remove the oldest"));
        }
        let has_key = self.key.is_some() || !self.previous.is_empty();
        if self.is_unauthenticated && has_key {
            return Err(BuildError::new(
                "feed_key",
                "has no effect on an unauthenticated feed; remove the key or `with_unauthenticated_feed`",
            ));
        }
        Ok(())
    }
}
