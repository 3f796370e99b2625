//! Sessions and the trait that stores them. A login creates a session, a logout deletes it.

use std::time::Duration;

use async_trait::async_trait;

use super::error::StoreError;
use super::rotation::{Rotation, RotationRequest, RotationState};
use super::token_chain::{SessionSeed, TokenDigest};
use crate::types::{Amr, ClientInfo, Epoch, Scopes, SessionId, Timestamp, UserId};

/// How many sessions a user may have: 100. A login beyond that deletes the oldest session.
pub const MAX_SESSIONS_PER_USER: u32 = 100;

/// How many expired sessions a login deletes at most: 100.
pub const MAX_EXPIRED_PER_LOGIN: u32 = 100;

/// How old a use of a session must be before the user's own list shows it: 2 minutes.
///
/// The list would otherwise show a thief with an access token when to use a stolen refresh token: inside
/// the grace window after the owner's refresh.
pub const USE_DISCLOSURE_DELAY: Duration = Duration::from_secs(120);

/// A session: a login and all tokens that follow from it.
///
/// It has two expiry times. It expires at `idle_expires_at` unless a refresh moves that time, and at
/// `expires_at` in any case.
///
/// ```
/// use std::time::Duration;
///
/// # use gatewright::store::SessionSeed;
/// use gatewright::UserId;
/// use gatewright::store::Session;
/// use gatewright::types::{Epoch, SessionId, SystemRandom, Timestamp};
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
    /// The user's epoch at login, or after the password change that created this session.
    pub epoch: Epoch,
    /// The seed from which the ids of its refresh tokens are derived.
    pub seed: SessionSeed,
    /// The scopes granted at login.
    pub scopes: Scopes,
    /// Address and user agent of the login.
    pub client: ClientInfo,
    /// The time of the login. After a password change, the time of the login that it continues.
    pub created_at: Timestamp,
    /// When the user proved who they are: at the login, or at the password change that created this session. A
    /// refresh does not change it.
    pub auth_time: Timestamp,
    /// How the user did so.
    pub amr: Amr,
    /// The time of the latest rotation, or of the login.
    pub last_used_at: Timestamp,
    /// A use that later ones do not replace until it is [`USE_DISCLOSURE_DELAY`] old, so that the user's own
    /// list shows it. The time of the login at first.
    pub pending_used_at: Timestamp,
    /// The use that the user's own list showed at the latest use. The time of the login at first.
    pub earlier_used_at: Timestamp,
    /// When it expires unless it is refreshed before. Never later than `expires_at`.
    pub idle_expires_at: Timestamp,
    /// When it expires in any case.
    pub expires_at: Timestamp,
}

impl Session {
    /// A session created at `now`, without scopes, client and authentication methods, and already expired.
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
            auth_time: now,
            amr: Amr::default(),
            last_used_at: now,
            pending_used_at: now,
            earlier_used_at: now,
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

    /// Sets when the user proved who they are.
    #[must_use]
    pub const fn with_auth_time(mut self, auth_time: Timestamp) -> Self {
        self.auth_time = auth_time;
        self
    }

    /// Sets how the user proved who they are.
    #[must_use]
    pub fn with_amr(mut self, amr: Amr) -> Self {
        self.amr = amr;
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
    pub fn rotation(&self, current: TokenDigest) -> RotationState {
        RotationState::new(current, self.last_used_at, self.idle_expires_at, self.expires_at)
    }

    /// Applies the outcome of [`RotationState::rotate`] to the session: after [`Rotation::Rotated`] it has
    /// other times of use and another idle expiry. For implementations of [`SessionStore`].
    pub fn apply(&mut self, rotation: &Rotation) {
        if let Rotation::Rotated(validity) = rotation {
            self.record_use(validity.issued_at);
            self.idle_expires_at = validity.expires_at;
        }
    }

    /// Continues the times of use of `earlier`, with a use at `now`.
    #[must_use]
    pub(crate) fn used_since(mut self, earlier: &Self, now: Timestamp) -> Self {
        self.last_used_at = earlier.last_used_at;
        self.pending_used_at = earlier.pending_used_at;
        self.earlier_used_at = earlier.earlier_used_at;
        self.record_use(now);
        self
    }

    /// Sets the time of the latest use. The list shows the same use after it as before, so it does not
    /// show that the session was used.
    fn record_use(&mut self, used_at: Timestamp) {
        if let Some(old) = self.old_use(used_at) {
            self.earlier_used_at = old;
            self.pending_used_at = self.last_used_at;
        }
        self.last_used_at = used_at;
    }

    /// The time of the latest use that the user's own list may show at `now`, without its seconds.
    pub(crate) fn disclosed_use(&self, now: Timestamp) -> Timestamp {
        self.old_use(now).unwrap_or(self.earlier_used_at).floor_to_minute()
    }

    /// The latest or the pending use, if it is old enough for the user's own list at `now`.
    fn old_use(&self, now: Timestamp) -> Option<Timestamp> {
        let is_old = |used_at: &Timestamp| used_at.saturating_add(USE_DISCLOSURE_DELAY) <= now;
        [self.last_used_at, self.pending_used_at].into_iter().find(is_old)
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
/// - `create` also deletes up to [`MAX_EXPIRED_PER_LOGIN`] sessions, of any user, that expired before the
///   `created_at` of the new session. It does not wait for sessions that another call uses. A store that
///   deletes expired sessions by itself need not do this.
/// - `rotate` returns [`Rotation::Unknown`] if the user has no such session. Otherwise it calls
///   [`RotationState::rotate`], which has the rules, and applies the
///   [`StateChange`](crate::store::StateChange) to the state and the [`Rotation`] to the session
///   ([`Session::apply`]).
/// - So only `Rotated` changes the times of use and the idle expiry.
/// - Of many parallel `rotate` calls with one token and zero grace, exactly one is `Rotated`.
/// - `replace_all` leaves the user with exactly the new session. A `create`, `rotate` or `delete` of the
///   same user at the same time happens completely before or after it.
/// - A store keeps only the fields of [`Session`] and [`RotationState`]. No token can be derived from
///   them.
///
/// ```
/// # use gatewright::store::{SessionSeed, TokenDigest};
/// use gatewright::store::{Session, SessionStore};
/// use gatewright::token::TokenId;
/// use gatewright::types::{Epoch, SessionId, SystemRandom, Timestamp};
/// use gatewright::{MemoryStore, UserId};
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
#[doc(alias("session backend"))]
#[async_trait]
pub trait SessionStore: Send + Sync + 'static {
    /// Creates a session whose first refresh token has the digest `current`. Returns how many of the
    /// user's oldest sessions it deleted because of `limit`. Sessions that it deleted because they had
    /// expired do not count.
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

    /// Deletes all sessions of the user of `new`, and creates `new`, whose first refresh token has the
    /// digest `current`, in one step. A password change calls it.
    ///
    /// # Errors
    /// The store failed. Nothing is changed then, unless the outcome is unknown.
    ///
    /// # Cancel safety
    /// A cancelled call is atomic: it has replaced all sessions or none.
    async fn replace_all(&self, new: &Session, current: TokenDigest) -> Result<(), StoreError>;

    /// Deletes sessions that have expired at `now`, and returns how many. Many nodes may call it at once.
    ///
    /// # Errors
    /// The store failed. Calling it again is safe.
    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError>;
}
