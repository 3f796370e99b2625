//! Measurements: what an `Auth` and a hashing pool count and time, for metrics.

use std::time::Duration;

use crate::throttle::{KeyKind, Purpose};
use crate::types::Timestamp;

/// Receives measurements. `gatewright::metrics::Metrics` (feature `metrics`) hands them to the crate `metrics`.
///
/// Events are for single cases that an operator reads; measurements are for all of them, also of accepted requests. They
/// contain no user, no session, no address and no text of a request.
///
/// # Contract
/// - It must neither block nor panic: requests call it, also those that a guard accepts.
/// - It cannot change the reply.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use gatewright::event::{AttemptOutcome, Measurement, MetricsSink};
/// use gatewright::{Auth, Login, MemoryStore, Password};
///
/// #[derive(Clone, Default)]
/// struct Refused(Arc<AtomicU64>);
///
/// impl MetricsSink for Refused {
///     fn record(&self, measurement: Measurement) {
///         if matches!(measurement, Measurement::Attempt { outcome: AttemptOutcome::Refused, .. }) {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///     }
/// }
///
/// # gatewright_testkit::block_on(async {
/// # let secret = gatewright::HmacSecret::generate()?;
/// # let tokens = gatewright::Jwt::hs256(secret).issuer("https://issuer.example").audience("api");
/// # let (tokens, hasher) = (tokens.build()?, gatewright_testkit::TestHasher::new());
/// let refused = Refused::default();
/// let auth = Auth::local(MemoryStore::new(), tokens, hasher).with_metrics(refused.clone()).build()?;
/// assert!(auth.login(Login::new("ada@example.com", Password::new("an entirely wrong guess"))).await.is_err());
/// assert_eq!(refused.0.load(Ordering::Relaxed), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[doc(alias("metrics", "prometheus"))]
pub trait MetricsSink: Send + Sync + 'static {
    /// Records a measurement.
    fn record(&self, measurement: Measurement);
}

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Measurement {
    /// A login, a registration or a password change ended. A cancelled call is not measured.
    #[non_exhaustive]
    Attempt {
        /// A login, a registration or a password change: never [`Purpose::RefusedRequest`].
        purpose: Purpose,
        /// How it ended.
        outcome: AttemptOutcome,
    },
    /// The throttle limited an attempt, or the answers to refused requests.
    #[non_exhaustive]
    Limited {
        /// Which limit it met.
        key: KeyKind,
    },
    /// A refresh ended. A cancelled call is not measured.
    #[non_exhaustive]
    Refresh {
        /// How it ended.
        outcome: RefreshOutcome,
    },
    /// A guard decided. A request that passes two guards is measured twice.
    #[non_exhaustive]
    Guard {
        /// What it decided.
        outcome: GuardOutcome,
    },
    /// A guard looked for a session in the cache. With
    /// [`RevocationCheck::ReadThrough`](crate::RevocationCheck::ReadThrough) there is no cache, and no such measurement.
    #[non_exhaustive]
    CacheLookup {
        /// What it found.
        result: CacheResult,
    },
    /// A password joined the queue of the hashing pool.
    HashQueued,
    /// A password left the queue of the hashing pool. There is one for each [`HashQueued`](Self::HashQueued).
    #[non_exhaustive]
    HashDequeued {
        /// How long it waited.
        waited: Duration,
        /// Why it left.
        outcome: QueueOutcome,
    },
    /// A thread of the hashing pool computed a hash.
    #[non_exhaustive]
    Hashed {
        /// How long it took.
        took: Duration,
        /// How it ended.
        outcome: HashOutcome,
    },
    /// An audited event found no place in the queue of the audit trail. A row of the trail counts it.
    AuditOverflow,
    /// A heartbeat of this node came back over the feed. The age of the latest one says whether revocations of other
    /// nodes arrive ([`HEARTBEAT_TIMEOUT`](crate::revocation::HEARTBEAT_TIMEOUT)).
    #[non_exhaustive]
    FeedHeartbeat {
        /// When the heartbeat was sent.
        sent_at: Timestamp,
    },
}

impl Measurement {
    /// Creates [`Measurement::HashDequeued`], for implementations of
    /// [`PasswordHasher`](crate::password::PasswordHasher).
    #[must_use]
    pub const fn hash_dequeued(waited: Duration, outcome: QueueOutcome) -> Self {
        Self::HashDequeued { waited, outcome }
    }

    /// Creates [`Measurement::Hashed`], for implementations of [`PasswordHasher`](crate::password::PasswordHasher).
    #[must_use]
    pub const fn hashed(took: Duration, outcome: HashOutcome) -> Self {
        Self::Hashed { took, outcome }
    }
}

/// How a login, a registration or a password change ended.
///
/// A refused login has one outcome for all causes: a reader of the metrics could otherwise learn which names have an
/// account. Events have the cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AttemptOutcome {
    /// It was accepted. So is the registration of a taken address, as for the client.
    Accepted,
    /// The credentials were refused.
    Refused,
    /// A new password, address, name or role breaks a rule.
    Invalid,
    /// The throttle limited it.
    Limited,
    /// Too many passwords waited, or too many refusals.
    Overloaded,
    /// A store, the hasher or the issuer failed.
    Failed,
}

impl AttemptOutcome {
    /// All outcomes.
    pub const ALL: [Self; 6] =
        [Self::Accepted, Self::Refused, Self::Invalid, Self::Limited, Self::Overloaded, Self::Failed];

    /// The name, as a label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Invalid => "invalid",
            Self::Limited => "limited",
            Self::Overloaded => "overloaded",
            Self::Failed => "failed",
        }
    }
}

/// How a refresh ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefreshOutcome {
    /// The token was exchanged for the next one.
    Rotated,
    /// The client got the token that was current already.
    Grace,
    /// The token was used before, so the session was ended.
    Reused,
    /// The token was refused for another cause.
    Refused,
    /// The request asked for more scopes than were granted.
    Invalid,
    /// A store or the issuer failed.
    Failed,
}

impl RefreshOutcome {
    /// All outcomes.
    pub const ALL: [Self; 6] =
        [Self::Rotated, Self::Grace, Self::Reused, Self::Refused, Self::Invalid, Self::Failed];

    /// The name, as a label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rotated => "rotated",
            Self::Grace => "grace",
            Self::Reused => "reused",
            Self::Refused => "refused",
            Self::Invalid => "invalid",
            Self::Failed => "failed",
        }
    }
}

/// What a guard decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GuardOutcome {
    /// The caller was accepted.
    Accepted,
    /// There was no credential, and the handler needs none (`MaybeUser`).
    Anonymous,
    /// There was no credential where one is required.
    Unauthenticated,
    /// The credential was rejected.
    Rejected,
    /// The caller lacks a role or scope.
    Forbidden,
    /// The network had too many refused requests.
    Limited,
    /// A store failed.
    Failed,
}

impl GuardOutcome {
    /// All outcomes.
    pub const ALL: [Self; 7] = [
        Self::Accepted,
        Self::Anonymous,
        Self::Unauthenticated,
        Self::Rejected,
        Self::Forbidden,
        Self::Limited,
        Self::Failed,
    ];

    /// The name, as a label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Anonymous => "anonymous",
            Self::Unauthenticated => "unauthenticated",
            Self::Rejected => "rejected",
            Self::Forbidden => "forbidden",
            Self::Limited => "limited",
            Self::Failed => "failed",
        }
    }
}

/// What a guard found in the cache of sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CacheResult {
    /// A valid entry.
    Hit,
    /// None, so the stores were read.
    Miss,
}

impl CacheResult {
    /// All results.
    pub const ALL: [Self; 2] = [Self::Hit, Self::Miss];

    /// The name, as a label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
        }
    }
}

/// Why a password left the queue of the hashing pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum QueueOutcome {
    /// A thread took it.
    Started,
    /// It lost its place to another one, or its deadline passed. The client got 503.
    Busy,
    /// The client had gone.
    Abandoned,
}

impl QueueOutcome {
    /// All outcomes.
    pub const ALL: [Self; 3] = [Self::Started, Self::Busy, Self::Abandoned];

    /// The name, as a label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Busy => "busy",
            Self::Abandoned => "abandoned",
        }
    }
}

/// How the computation of a hash ended. It does not say whether the password was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HashOutcome {
    /// There is a hash or a verdict.
    Computed,
    /// The stored hash names a pepper that the pool does not have. The configuration is wrong.
    UnknownPepper,
    /// It failed.
    Failed,
}

impl HashOutcome {
    /// All outcomes.
    pub const ALL: [Self; 3] = [Self::Computed, Self::UnknownPepper, Self::Failed];

    /// The name, as a label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Computed => "computed",
            Self::UnknownPepper => "unknown_pepper",
            Self::Failed => "failed",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_names_of_outcomes_are_different_labels() {
        let names = [
            AttemptOutcome::ALL.map(AttemptOutcome::as_str).to_vec(),
            RefreshOutcome::ALL.map(RefreshOutcome::as_str).to_vec(),
            GuardOutcome::ALL.map(GuardOutcome::as_str).to_vec(),
            CacheResult::ALL.map(CacheResult::as_str).to_vec(),
            QueueOutcome::ALL.map(QueueOutcome::as_str).to_vec(),
            HashOutcome::ALL.map(HashOutcome::as_str).to_vec(),
            KeyKind::ALL.map(KeyKind::as_str).to_vec(),
            Purpose::ALL.map(Purpose::as_str).to_vec(),
        ];
        let mut count = 0;
        for names in names {
            assert!(names.iter().all(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
            assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
            count += names.len();
        }
        assert_eq!(count, 6 + 6 + 7 + 2 + 3 + 3 + 14 + 4);
    }
}
