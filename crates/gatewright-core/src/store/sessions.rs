//! Sessions and the trait that stores them. A login creates a session, a logout deletes it.

use async_trait::async_trait;

use super::error::StoreError;
use super::rotation::{Rotation, RotationRequest, RotationState, SessionSeed, TokenDigest};
use crate::types::{ClientInfo, Epoch, Scopes, SessionId, Timestamp, UserId};

/// How many sessions a user may have: 100. A login beyond that deletes the oldest session.
pub const MAX_SESSIONS_PER_USER: u32 = 100;

/// A session: a login and all tokens that follow from it.
///
/// It has two expiry times. It expires at `idle_expires_at` unless a refresh moves that time, and at
/// `expires_at` in any case.
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
/// assert_eq!(session.idle_expires_at, session.expires_at, "the idle expiry is never after the absolute one");
/// assert!(!session.is_expired(now) && session.is_expired(session.expires_at));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Session {
    /// The id that the session's tokens carry.
    pub id: SessionId,
    /// The user who logged in.
    pub user: UserId,
    /// The user's epoch at login, or after the password change that kept this session.
    pub epoch: Epoch,
    /// The seed from which the ids of its refresh tokens are derived.
    pub seed: SessionSeed,
    /// The scopes granted at login.
    pub scopes: Scopes,
    /// Address and user agent of the login.
    pub client: ClientInfo,
    /// The time of the login.
    pub created_at: Timestamp,
    /// The time of the latest refresh, or of the login.
    pub last_used_at: Timestamp,
    /// When it expires unless it is refreshed before. Never later than `expires_at`.
    pub idle_expires_at: Timestamp,
    /// When it expires in any case.
    pub expires_at: Timestamp,
}

impl Session {
    /// A session created at `now`, without scopes and client, and already expired.
    ///
    /// Set its expiry with [`with_expiry`](Self::with_expiry).
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

    /// Sets the scopes granted at login.
    #[must_use]
    pub fn with_scopes(mut self, scopes: Scopes) -> Self {
        self.scopes = scopes;
        self
    }

    /// Sets address and user agent of the login.
    #[must_use]
    pub fn with_client(mut self, client: ClientInfo) -> Self {
        self.client = client;
        self
    }

    /// Sets when the session expires: `idle` if it is not refreshed, `absolute` in any case. An `idle`
    /// time after `absolute` is cut to it.
    #[must_use]
    pub fn with_expiry(mut self, idle: Timestamp, absolute: Timestamp) -> Self {
        self.idle_expires_at = idle.min(absolute);
        self.expires_at = absolute;
        self
    }

    /// The rotation state of a new session. `current` is the digest of its first refresh token.
    #[must_use]
    pub const fn rotation(&self, current: TokenDigest) -> RotationState {
        RotationState::new(current, self.created_at, self.idle_expires_at, self.expires_at)
    }

    /// Whether the session has expired at `now`. At exactly the expiry time it has expired.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.idle_expires_at || now >= self.expires_at
    }
}

/// Stores sessions and rotates their refresh tokens.
///
/// A session is identified by its user and its id together. No method reaches another user's session,
/// and a store may keep all sessions of a user in one place.
///
/// # Contract
/// - Every method is atomic, also between processes. Only `delete_expired` may work in several steps.
/// - A change is durable when the method returns. Neither a race nor a power cut lets a refresh token
///   be used twice.
/// - A read sees every change that was acknowledged before the read began.
/// - `create` deletes the user's oldest sessions beyond `limit` in the same step. The oldest are those
///   created first, regardless of the clocks of their nodes.
/// - `rotate` decides in this order:
///   1. the user has no such session: [`Rotation::Unknown`];
///   2. the session has expired at `now`: [`Rotation::Expired`];
///   3. the token is current: [`Rotation::Rotated`];
///   4. the token is the previous one, and `now` is before the last rotation plus a nonzero `grace`:
///      [`Rotation::Grace`];
///   5. otherwise it deletes the session: [`Rotation::Reused`].
/// - Only `Rotated` changes `last_used_at` and the idle expiry.
/// - Of many parallel `rotate` calls with one token and zero grace, exactly one is `Rotated`.
/// - A store keeps only the fields of [`Session`] and [`RotationState`]. No token can be derived from
///   them.
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
/// assert!(store.find(&user, id).await?.is_none(), "the limit is 1: the second login deleted the first session");
/// assert_eq!(store.list(&user).await?.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Testing an implementation
/// `session_suite!` of `gatewright-testkit` runs one test for each rule of the contract.
#[async_trait]
pub trait SessionStore: Send + Sync + 'static {
    /// Creates a session whose first refresh token has the digest `current`. Returns how many sessions
    /// it deleted: the oldest ones beyond `limit`, and perhaps expired ones.
    ///
    /// If the result is not 0, [`Auth`](crate::Auth) invalidates the user's cached sessions on all
    /// nodes. So a store that does not know the number returns 1 or more, never 0.
    ///
    /// # Errors
    /// The store failed. No session is created then.
    async fn create(&self, session: &Session, current: TokenDigest, limit: u32) -> Result<u64, StoreError>;

    /// Finds the user's session with this id, expired or not.
    ///
    /// # Errors
    /// The store failed. An unknown session is `Ok(None)`.
    async fn find(&self, user: &UserId, id: SessionId) -> Result<Option<Session>, StoreError>;

    /// Lists the user's sessions, expired or not, in the order of their creation: at most the `limit` of
    /// the latest `create`.
    ///
    /// # Errors
    /// The store failed.
    async fn list(&self, user: &UserId) -> Result<Vec<Session>, StoreError>;

    /// Uses a refresh token: decides as the contract says, and applies the decision.
    ///
    /// # Errors
    /// The store failed. The rotation may or may not have happened. In both cases, a retry with the
    /// same token inside the grace window succeeds.
    ///
    /// # Cancel safety
    /// A cancelled call is atomic: it has rotated completely or not at all.
    async fn rotate(&self, request: &RotationRequest) -> Result<Rotation, StoreError>;

    /// Deletes the user's session with this id. Deleting an unknown session succeeds.
    ///
    /// # Errors
    /// The store failed. The session may still exist then.
    async fn delete(&self, user: &UserId, id: SessionId) -> Result<(), StoreError>;

    /// Deletes all sessions of a user.
    ///
    /// # Errors
    /// The store failed. No session is deleted then, unless the outcome is unknown.
    async fn delete_all(&self, user: &UserId) -> Result<(), StoreError>;

    /// Sets the epoch of the user's session `keep` to `epoch`, and deletes all sessions of the user whose
    /// epoch is not `epoch`.
    ///
    /// # Errors
    /// The store failed. Nothing is changed then, unless the outcome is unknown.
    async fn delete_others(&self, user: &UserId, keep: SessionId, epoch: Epoch) -> Result<(), StoreError>;

    /// Deletes sessions that have expired at `now`, and returns how many. Many nodes may call it at once.
    ///
    /// # Errors
    /// The store failed. Calling it again is safe.
    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError>;
}
