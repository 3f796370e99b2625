//! The builder's settings for the throttle, and their checks.

use std::sync::Arc;

use super::build_error::BuildError;
use crate::revocation::FeedReach;
use crate::throttle::{MemoryThrottle, Throttle, ThrottleDigests, ThrottleReach, ThrottleSettings, check};
use crate::token::TokenIssuer;
use crate::types::{DerivedKey, SecureRandom};

/// The label under which an [`Auth`](crate::Auth) derives the key of the throttle's digests from its issuer.
const KEY_LABEL: &str = "gatewright throttle digests v1";

/// What happens to an attempt if the throttle's store is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ThrottleFailure {
    /// It is refused with 503. The default.
    #[default]
    Refuse,
    /// It is admitted without a limit. An attacker who can bring the store down can then guess passwords as fast as
    /// the hashing pool computes.
    Admit,
}

/// Which throttle is used.
#[derive(Default)]
enum Choice {
    /// One in memory, with a line at the start.
    #[default]
    Default,
    Given(Arc<dyn Throttle>),
    None,
}

/// The settings of the throttle.
#[derive(Default)]
pub(super) struct ThrottleParts {
    choice: Choice,
    pub(super) key: Option<DerivedKey>,
    pub(super) settings: ThrottleSettings,
    pub(super) failure: ThrottleFailure,
    allows_memory: bool,
}

/// The throttle that was built. `None` if it is off.
pub(super) type Built = Option<(Arc<dyn Throttle>, ThrottleDigests)>;

impl ThrottleParts {
    pub(super) fn set(&mut self, throttle: Arc<dyn Throttle>) {
        self.choice = Choice::Given(throttle);
    }

    pub(super) fn turn_off(&mut self) {
        self.choice = Choice::None;
    }

    /// Uses a throttle in memory, also beside a feed between nodes.
    pub(super) fn allow_memory(&mut self) {
        self.allows_memory = true;
        if matches!(self.choice, Choice::None) {
            self.choice = Choice::Default;
        }
    }

    /// Checks the settings, and makes the throttle and its digests.
    pub(super) fn build(
        &self,
        feed: FeedReach,
        issuer: &dyn TokenIssuer,
        randomness: &dyn SecureRandom,
    ) -> Result<Built, BuildError> {
        check(&self.settings)
            .map_err(|(rule, found)| BuildError::new("throttle_settings", rule).with_found(found))?;
        let throttle = match &self.choice {
            Choice::None => return Ok(None),
            Choice::Given(throttle) => Arc::clone(throttle),
            Choice::Default => Arc::new(MemoryThrottle::new()),
        };
        let is_memory = throttle.throttle_reach() == ThrottleReach::Process;
        if is_memory && feed == FeedReach::Cluster && !self.allows_memory {
            return Err(BuildError::new(
                "throttle",
                "is in the memory of one node, and the feed reaches others, so each node would multiply every limit; \
                 set one that all nodes share with `with_throttle`, or see `dangerous().with_memory_throttle()`",
            ));
        }
        if matches!(self.choice, Choice::Default) {
            tracing::info!(target: "gatewright", "login attempts are limited in the memory of this process: a restart loses the counts (`with_throttle` names a store that keeps them)");
        }
        Ok(Some((throttle, self.digests(is_memory, issuer, randomness)?)))
    }

    fn digests(
        &self,
        is_memory: bool,
        issuer: &dyn TokenIssuer,
        randomness: &dyn SecureRandom,
    ) -> Result<ThrottleDigests, BuildError> {
        let derived = || issuer.derive_keys(KEY_LABEL).into_iter().next();
        if let Some(key) = self.key.clone().or_else(derived) {
            return Ok(ThrottleDigests::new(&key));
        }
        if is_memory {
            let failed = |_| BuildError::new("throttle", "has no key: the source of randomness failed");
            return ThrottleDigests::generate(randomness).map_err(failed);
        }
        Err(BuildError::new(
            "throttle_key",
            "is missing, because the issuer has no secret to derive it from; set one key on all nodes with \
             `with_throttle_key`",
        ))
    }
}
