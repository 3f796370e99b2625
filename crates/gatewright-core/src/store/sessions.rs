//! Sessions: what a login begins and a logout ends.

use async_trait::async_trait;

use super::error::StoreError;
use super::rotation::{Rotation, RotationRequest, RotationState, SessionSeed, TokenDigest};
use crate::types::{ClientInfo, Epoch, Scopes, SessionId, Timestamp, UserId};

/// How many sessions a user may have; one more ends the oldest.
pub const MAX_SESSIONS_PER_USER: u32 = 100;

/// A login and all that follows from it.
///
/// ```
/// use std::time::Duration;
///
/// # use gatewright_core::store::SessionSeed;
/// use gatewright_core::{Epoch, Session, SessionId, SystemRandom, Timestamp, UserId};
///
/// # let now = Timestamp::from_seconds(1_700_000_000);
/// # let (id, epoch) = (SessionId::generate(now, &SystemRandom)?, Epoch::generate(&SystemRandom)?);
/// # let (user, seed) = (UserId::new("42")?, SessionSeed::generate(&SystemRandom)?);
/// let (in_a_week, in_a_day) = (Duration::from_secs(7 * 86_400), Duration::from_secs(86_400));
/// let session = Session::new(id, user, epoch, seed, now)
///     .with_expiry(now.saturating_add(in_a_week), now.saturating_add(in_a_day));
/// assert_eq!(session.idle_expires_at, session.expires_at, "the idle end is never behind the absolute one");
/// assert!(!session.is_expired(now) && session.is_expired(session.expires_at));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Session {
    /// The id that the session's tokens carry.
    pub id: SessionId,
    /// Whose session it is.
    pub user: UserId,
    /// The user's epoch when the session began, or since the password change that kept it.
    pub epoch: Epoch,
    /// What the ids of its refresh tokens follow from.
    pub seed: SessionSeed,
    /// What was granted at login.
    pub scopes: Scopes,
    /// Where the login came from.
    pub client: ClientInfo,
    /// When it began.
    pub created_at: Timestamp,
    /// When a token was last refreshed.
    pub last_used_at: Timestamp,
    /// When it ends unless it is refreshed before; never later than `expires_at`.
    pub idle_expires_at: Timestamp,
    /// When it ends whatever happens.
    pub expires_at: Timestamp,
}

impl Session {
    /// A session that begins at `now`.
    #[must_use]
    pub fn new(id: SessionId, user: UserId, epoch: Epoch, seed: SessionSeed, now: Timestamp) -> Self {
        let scopes = Scopes::default();
        Self {
            id,
            user,
            epoch,
            seed,
            scopes,
            client: ClientInfo::default(),
            created_at: now,
            last_used_at: now,
            idle_expires_at: now,
            expires_at: now,
        }
    }

    /// Sets what was granted.
    #[must_use]
    pub fn with_scopes(mut self, scopes: Scopes) -> Self {
        self.scopes = scopes;
        self
    }

    /// Sets where the login came from.
    #[must_use]
    pub fn with_client(mut self, client: ClientInfo) -> Self {
        self.client = client;
        self
    }

    /// Sets when the session ends: unused, and at the latest.
    #[must_use]
    pub fn with_expiry(mut self, idle: Timestamp, absolute: Timestamp) -> Self {
        self.idle_expires_at = idle.min(absolute);
        self.expires_at = absolute;
        self
    }

    /// What a store knows of its refresh tokens at its beginning, `current` being the first one's digest.
    #[must_use]
    pub const fn rotation(&self, current: TokenDigest) -> RotationState {
        RotationState::new(current, self.created_at, self.idle_expires_at, self.expires_at)
    }

    /// Whether it is over at `now`. The moment of expiry itself counts as over.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.idle_expires_at || now >= self.expires_at
    }
}

/// Keeps sessions.
///
/// A session is named by its user and its id: no verb reaches another user's session, and a store may keep all of a user's
/// sessions in one place.
///
/// # Contract
/// - Every verb is atomic, also between processes, and is durable when it returns: neither a race nor a power cut
///   lets a token be used twice.
/// - `rotate` judges in this order: no such session of the user, [`Rotation::Unknown`]; the session over at `now`,
///   [`Rotation::Expired`]; the token current, [`Rotation::Rotated`]; the token previous, `now` before the last
///   rotation plus `grace` and `grace` not zero, [`Rotation::Grace`]; anything else ends the session,
///   [`Rotation::Reused`]. `last_used_at` and the idle end are written by `Rotated` alone.
/// - Of many parallel `rotate`s of one token with no grace, exactly one is `Rotated`.
/// - A read sees every change that was acknowledged before it began.
/// - `begin` ends the user's oldest sessions beyond `limit`, in the same step: those that were begun first, whatever
///   their clocks said.
/// - Nothing but what the types hold is kept: no token can be made from what is stored.
///
/// ```
/// # use gatewright_core::store::{SessionSeed, TokenDigest};
/// use gatewright_core::{Epoch, Session, SessionId, SessionStore, SystemRandom, Timestamp, TokenId, UserId};
/// use gatewright_memory::MemoryStore;
///
/// # gatewright_testkit::block_on(async {
/// # let now = Timestamp::from_seconds(1_700_000_000);
/// # let (id, epoch) = (SessionId::generate(now, &SystemRandom)?, Epoch::generate(&SystemRandom)?);
/// # let (user, seed) = (UserId::new("42")?, SessionSeed::generate(&SystemRandom)?);
/// let (store, current) = (MemoryStore::new(), TokenDigest::of(&TokenId::new("the first token's id")));
/// for id in [id, SessionId::generate(now, &SystemRandom)?] {
///     let session = Session::new(id, user.clone(), epoch, seed.clone(), now);
///     store.create(&session, current, 1).await?;
/// }
/// assert!(store.find(&user, id).await?.is_none(), "the limit is 1: the second login ended the first");
/// assert_eq!(store.list(&user).await?.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// Prove an implementation with `session_suite!` of `gatewright-testkit`.
#[async_trait]
pub trait SessionStore: Send + Sync + 'static {
    /// Keeps a new session whose first refresh token has the digest `current`, and says how many it ended to keep the limit.
    ///
    /// Other nodes are told only when it ended some: a store that cannot tell says more rather than fewer.
    ///
    /// # Errors
    /// When the store cannot do it; no session begins then.
    async fn create(&self, session: &Session, current: TokenDigest, limit: u32) -> Result<u64, StoreError>;

    /// The user's session with this id, expired or not.
    ///
    /// # Errors
    /// When the store cannot tell.
    async fn find(&self, user: &UserId, id: SessionId) -> Result<Option<Session>, StoreError>;

    /// The user's sessions, expired or not, in the order in which they began: at most the `limit` of the latest `begin`.
    ///
    /// # Errors
    /// When the store cannot tell.
    async fn list(&self, user: &UserId) -> Result<Vec<Session>, StoreError>;

    /// Uses a refresh token.
    ///
    /// # Errors
    /// When the store cannot do it. Either nothing was consumed, or the outcome is unknown to the store; a retry
    /// inside the grace window then gets the same successor.
    ///
    /// # Cancel safety
    /// A dropped call has rotated or not; it never leaves another state.
    async fn rotate(&self, request: &RotationRequest) -> Result<Rotation, StoreError>;

    /// Ends the user's session with this id. One that has ended stays ended.
    ///
    /// # Errors
    /// When the store cannot do it; the session then still stands.
    async fn delete(&self, user: &UserId, id: SessionId) -> Result<(), StoreError>;

    /// Ends all of a user's sessions.
    ///
    /// # Errors
    /// When the store cannot do it; all of them then still stand.
    async fn delete_all(&self, user: &UserId) -> Result<(), StoreError>;

    /// Gives the user's session `keep` the epoch `epoch` and ends all others of the user that have another epoch.
    ///
    /// # Errors
    /// When the store cannot do it; nothing is changed then.
    async fn delete_others(&self, user: &UserId, keep: SessionId, epoch: Epoch) -> Result<(), StoreError>;

    /// Forgets sessions that are over at `now`, and says how many.
    ///
    /// # Errors
    /// When the store cannot do it. Calling it again, or on many nodes at once, does no harm.
    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError>;
}
