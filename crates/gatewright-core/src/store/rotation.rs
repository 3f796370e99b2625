//! The rules of refresh token rotation: which uses of a token rotate, which are answered with the
//! current token, and which end the session.

use std::time::Duration;

use super::token_chain::TokenDigest;
use crate::types::{ClientInfo, SessionId, Timestamp, UserId};

/// How many digests of used tokens a store keeps for a session: 8.
///
/// While a session has that many and the oldest is inside the grace window, a use of the current token
/// is answered with the current token again, without a rotation.
pub const MAX_USED_TOKENS: usize = 8;

/// How long the digest of a used token is kept after its grace window: 60 seconds.
///
/// A digest that is dropped is never accepted again: a use of its token ends the session.
pub const USED_TOKEN_RETENTION: Duration = Duration::from_secs(60);

/// How many rotations in a row may be followed by a grace answer to a client in another network: fewer
/// than 3. At the third, [`GracePolicy::EndSession`] ends the session.
pub const MAX_FOREIGN_GRACES: u8 = 3;

/// The bytes of one token in the stored form: a digest, and a time in microseconds, big-endian.
const USED_TOKEN_BYTES: usize = 32 + 8;

/// A token that was used, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct UsedToken {
    /// The digest of the token.
    pub digest: TokenDigest,
    /// When it was used. Within a session, these times never go back, even if a clock does.
    pub used_at: Timestamp,
}

impl UsedToken {
    /// Creates a used token. For implementations of [`SessionStore`](crate::SessionStore).
    #[must_use]
    pub const fn new(digest: TokenDigest, used_at: Timestamp) -> Self {
        Self { digest, used_at }
    }
}

/// What happens when rotations in a row are followed by grace answers to clients in another network.
///
/// An owner and a thief who share a session leave this trace: the one rotates, and the other uses the
/// same token shortly afterwards, each time. Every such answer is an event in both cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum GracePolicy {
    /// The session ends at the third rotation in a row ([`MAX_FOREIGN_GRACES`]). The default.
    #[default]
    EndSession,
    /// The session continues. For users whose address changes from request to request, for example
    /// behind a gateway with many egress addresses, or with IPv4 and IPv6 at the same time.
    Report,
}

/// The client of a grace answer, compared with the client that rotated last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum GraceClient {
    /// The same network and the same user agent.
    Same,
    /// The same network and another user agent.
    OtherUserAgent,
    /// Another network.
    OtherNetwork,
}

/// One use of a refresh token: the argument of [`SessionStore::rotate`](crate::SessionStore::rotate).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RotationRequest {
    /// The user of the session.
    pub user: UserId,
    /// The session that the token belongs to.
    pub session: SessionId,
    /// The digest of the presented token.
    pub presented: TokenDigest,
    /// The digest of its successor.
    pub successor: TokenDigest,
    /// The current time of the node that was called.
    pub now: Timestamp,
    /// The grace window: how long after its use a token still returns the current token. Zero disables
    /// it. The window extends as far before the use, because the clocks of nodes differ.
    pub grace: Duration,
    /// When the session expires unless it is refreshed again. The store caps it at the session's
    /// absolute expiry.
    pub idle_expires_at: Timestamp,
    /// Address and user agent of the client.
    pub client: ClientInfo,
    /// What grace answers to clients in another network lead to.
    pub grace_policy: GracePolicy,
}

impl RotationRequest {
    /// Creates a request of an unknown client, with the default policy.
    #[must_use]
    pub fn new(
        user: UserId,
        session: SessionId,
        presented: TokenDigest,
        successor: TokenDigest,
        now: Timestamp,
        grace: Duration,
        idle_expires_at: Timestamp,
    ) -> Self {
        let (client, grace_policy) = (ClientInfo::default(), GracePolicy::default());
        Self { user, session, presented, successor, now, grace, idle_expires_at, client, grace_policy }
    }

    /// Sets address and user agent of the client.
    #[must_use]
    pub fn with_client(mut self, client: ClientInfo) -> Self {
        self.client = client;
        self
    }

    /// Sets what grace answers to clients in another network lead to.
    #[must_use]
    pub const fn with_grace_policy(mut self, policy: GracePolicy) -> Self {
        self.grace_policy = policy;
        self
    }

    /// Whether a token that was used at `used_at` is inside the grace window now. A use that is further
    /// ahead of the node's clock than the window is outside.
    fn in_window(&self, used_at: Timestamp) -> bool {
        !self.grace.is_zero()
            && self.now >= used_at.saturating_sub(self.grace)
            && self.now < used_at.saturating_add(self.grace)
    }

    /// Whether the digest of a token that was used at `used_at` need not be kept any longer.
    fn is_forgettable(&self, used_at: Timestamp) -> bool {
        self.now >= used_at.saturating_add(self.grace).saturating_add(USED_TOKEN_RETENTION)
    }

    fn compare_with(&self, rotated_by: &ClientInfo) -> GraceClient {
        if !self.client.is_in_network_of(rotated_by) {
            GraceClient::OtherNetwork
        } else if self.client.user_agent != rotated_by.user_agent {
            GraceClient::OtherUserAgent
        } else {
            GraceClient::Same
        }
    }
}

/// The times between which a refresh token is valid. Every call that returns the same token returns the
/// same times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Validity {
    /// When the rotation happened: the `iat` of the token.
    pub issued_at: Timestamp,
    /// When the session expires if the token is not used: its `exp`.
    pub expires_at: Timestamp,
}

impl Validity {
    /// Creates a validity. For implementations of [`SessionStore`](crate::SessionStore).
    #[must_use]
    pub const fn new(issued_at: Timestamp, expires_at: Timestamp) -> Self {
        Self { issued_at, expires_at }
    }
}

/// The outcome of using a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum Rotation {
    /// The token was current. Now its successor is current, and it is used.
    Rotated(Validity),
    /// The token is answered with the session's current token, and nothing is rotated. It was used before
    /// and is inside its grace window, or it is current and the session was rotated too often.
    #[non_exhaustive]
    Grace {
        /// The times of the current token.
        validity: Validity,
        /// The digest of the current token.
        current: TokenDigest,
        /// How the client compares with the one that rotated last.
        client: GraceClient,
    },
    /// The token was used before, so someone else may have a copy. The session is deleted.
    Reused,
    /// The token would have been the third in a row that was answered to a client in another network. The
    /// session is deleted.
    GraceAbused,
    /// The session has expired.
    Expired,
    /// The user has no such session.
    Unknown,
}

/// What a store must do with a session after [`RotationState::rotate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "a store must apply every change")]
pub enum StateChange {
    /// Nothing: the state is unchanged.
    Keep,
    /// Write the changed state back.
    Replace,
    /// Delete the session.
    Delete,
}

/// The stored form of used tokens is malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error(
    "malformed list of used tokens: must be at most 8 digests of 32 bytes, each with a time that is not before the previous one"
)]
pub struct InvalidUsedTokens {}

/// What a store keeps about a session's refresh tokens, and the rules of their use.
///
/// It is the contract of [`SessionStore::rotate`](crate::SessionStore::rotate) in code. A store loads
/// it, calls [`rotate`](Self::rotate) and applies the [`StateChange`], under one lock or in one
/// transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RotationState {
    /// The digest of the current token.
    pub current: TokenDigest,
    /// The latest used tokens, oldest first: at most [`MAX_USED_TOKENS`].
    pub used: Vec<UsedToken>,
    /// When the latest rotation happened. Before the first one, when the session was created.
    pub rotated_at: Timestamp,
    /// The client of the latest rotation.
    pub rotated_by: ClientInfo,
    /// How many rotations in a row were followed by a grace answer to a client in another network. It
    /// includes the latest rotation if [`foreign_grace_seen`](Self::foreign_grace_seen).
    pub foreign_graces: u8,
    /// Whether the latest rotation was followed by such an answer. Each rotation counts once.
    pub foreign_grace_seen: bool,
    /// When the session expires unless it is refreshed before.
    pub idle_expires_at: Timestamp,
    /// When the session expires in any case.
    pub expires_at: Timestamp,
}

impl RotationState {
    /// The state of a new session whose first token is `current`.
    #[must_use]
    pub fn new(
        current: TokenDigest,
        created_at: Timestamp,
        idle_expires_at: Timestamp,
        expires_at: Timestamp,
    ) -> Self {
        Self {
            current,
            used: Vec::new(),
            rotated_at: created_at,
            rotated_by: ClientInfo::default(),
            foreign_graces: 0,
            foreign_grace_seen: false,
            idle_expires_at,
            expires_at,
        }
    }

    /// Decides about one use of a token, in this order:
    ///
    /// 1. The session has expired: [`Rotation::Expired`].
    /// 2. The token is current. With [`MAX_USED_TOKENS`] used tokens of which the oldest is inside the
    ///    window, it is answered with itself: [`Rotation::Grace`]. Otherwise it is rotated:
    ///    [`Rotation::Rotated`].
    /// 3. The token is one of the used ones, and inside its window: [`Rotation::Grace`], or
    ///    [`Rotation::GraceAbused`] if the policy ends the session.
    /// 4. Any other token of the session was used before: [`Rotation::Reused`].
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use gatewright::UserId;
    /// use gatewright::store::{Rotation, RotationRequest, RotationState, StateChange, TokenDigest};
    /// use gatewright::token::TokenId;
    /// use gatewright::types::{SessionId, SystemRandom, Timestamp};
    ///
    /// # let now = Timestamp::from_seconds(1_700_000_000);
    /// # let later = now.saturating_add(Duration::from_secs(86_400));
    /// # let (user, id) = (UserId::new("42")?, SessionId::generate(now, &SystemRandom)?);
    /// let [first, second] = ["first", "second"].map(|id| TokenDigest::of(&TokenId::new(id)));
    /// let request = RotationRequest::new(user, id, first, second, now, Duration::ZERO, later);
    /// let mut state = RotationState::new(first, now, later, later);
    /// assert!(matches!(state.rotate(&request), (Rotation::Rotated(_), StateChange::Replace)));
    /// let again = state.rotate(&request);
    /// assert_eq!(again, (Rotation::Reused, StateChange::Delete), "the token was used before");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rotate(&mut self, request: &RotationRequest) -> (Rotation, StateChange) {
        if request.now >= self.idle_expires_at || request.now >= self.expires_at {
            return (Rotation::Expired, StateChange::Keep);
        }
        if self.current == request.presented {
            return self.use_current(request);
        }
        let used = self.used.iter().find(|used| used.digest == request.presented);
        match used {
            Some(used) if request.in_window(used.used_at) => self.repeat(request),
            _ => (Rotation::Reused, StateChange::Delete),
        }
    }

    fn use_current(&mut self, request: &RotationRequest) -> (Rotation, StateChange) {
        let is_full = self.used.len() >= MAX_USED_TOKENS;
        if is_full && self.used.first().is_some_and(|oldest| request.in_window(oldest.used_at)) {
            return (self.grace(GraceClient::Same), StateChange::Keep);
        }
        self.used.retain(|used| !request.is_forgettable(used.used_at));
        if self.used.len() >= MAX_USED_TOKENS {
            self.used.remove(0);
        }
        let used_at = self.used.last().map_or(request.now, |last| last.used_at.max(request.now));
        self.used.push(UsedToken::new(self.current, used_at));
        // Only a rotation whose window closed without a foreign grace resets the count. Otherwise a second
        // tab, or a second rotation by the thief, would reset it before the answer that counts. The retention
        // covers nodes whose clocks are behind, where the window is still open.
        if !self.foreign_grace_seen && request.is_forgettable(self.rotated_at) {
            self.foreign_graces = 0;
        }
        self.foreign_grace_seen = false;
        self.current = request.successor;
        self.rotated_at = used_at;
        self.rotated_by = request.client.clone();
        self.idle_expires_at = request.idle_expires_at.min(self.expires_at);
        (Rotation::Rotated(self.validity()), StateChange::Replace)
    }

    /// Answers a used token that is inside its window.
    fn repeat(&mut self, request: &RotationRequest) -> (Rotation, StateChange) {
        let client = request.compare_with(&self.rotated_by);
        if client != GraceClient::OtherNetwork || self.foreign_grace_seen {
            return (self.grace(client), StateChange::Keep);
        }
        self.foreign_grace_seen = true;
        self.foreign_graces = self.foreign_graces.saturating_add(1);
        match request.grace_policy {
            GracePolicy::EndSession if self.foreign_graces >= MAX_FOREIGN_GRACES => {
                (Rotation::GraceAbused, StateChange::Delete)
            }
            GracePolicy::EndSession | GracePolicy::Report => (self.grace(client), StateChange::Replace),
        }
    }

    const fn grace(&self, client: GraceClient) -> Rotation {
        Rotation::Grace { validity: self.validity(), current: self.current, client }
    }

    const fn validity(&self) -> Validity {
        Validity::new(self.rotated_at, self.idle_expires_at)
    }

    /// The used tokens as bytes for a store to keep: for each the digest, then the time in microseconds
    /// since 1970 as a big-endian number of 64 bits. At most 320 bytes.
    #[must_use]
    pub fn encode_used(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.used.len() * USED_TOKEN_BYTES);
        for used in &self.used {
            bytes.extend_from_slice(used.digest.as_bytes());
            bytes.extend_from_slice(&used.used_at.as_micros().to_be_bytes());
        }
        bytes
    }

    /// Restores the used tokens from the bytes that a store kept.
    ///
    /// # Errors
    /// [`InvalidUsedTokens`] if [`encode_used`](Self::encode_used) cannot have made the bytes.
    pub fn decode_used(bytes: &[u8]) -> Result<Vec<UsedToken>, InvalidUsedTokens> {
        let (entries, rest) = bytes.as_chunks::<USED_TOKEN_BYTES>();
        if !rest.is_empty() || entries.len() > MAX_USED_TOKENS {
            return Err(InvalidUsedTokens {});
        }
        let used =
            entries.iter().map(decode_entry).collect::<Option<Vec<_>>>().ok_or(InvalidUsedTokens {})?;
        if used.is_sorted_by_key(|used| used.used_at) { Ok(used) } else { Err(InvalidUsedTokens {}) }
    }
}

/// `None` if the time is one that no [`Timestamp`] has.
fn decode_entry(entry: &[u8; USED_TOKEN_BYTES]) -> Option<UsedToken> {
    let (digest, micros) = entry.split_first_chunk::<32>()?;
    let micros = u64::from_be_bytes(micros.try_into().ok()?);
    let used_at = Timestamp::from_micros(micros);
    (used_at.as_micros() == micros).then(|| UsedToken::new(TokenDigest::from_bytes(*digest), used_at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::TokenId;
    use crate::types::SystemRandom;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);
    const GRACE: Duration = Duration::from_secs(10);
    const DAY: Duration = Duration::from_secs(86_400);

    fn digest(step: usize) -> TokenDigest {
        TokenDigest::of(&TokenId::new(format!("t{step}")))
    }

    fn after(seconds: u64) -> Timestamp {
        NOW.saturating_add(Duration::from_secs(seconds))
    }

    fn state() -> RotationState {
        RotationState::new(digest(0), NOW, NOW.saturating_add(DAY), NOW.saturating_add(DAY))
    }

    fn step(step: usize, now: Timestamp) -> RotationRequest {
        let (user, session) = (UserId::new("42").unwrap(), SessionId::generate(NOW, &SystemRandom).unwrap());
        let idle = now.saturating_add(DAY);
        RotationRequest::new(user, session, digest(step), digest(step + 1), now, GRACE, idle)
    }

    #[track_caller]
    fn rotated(state: &mut RotationState, request: &RotationRequest) {
        let outcome = state.rotate(request);
        assert!(matches!(outcome, (Rotation::Rotated(_), StateChange::Replace)), "{outcome:?}");
    }

    /// Whether a use is answered by the grace window and changes nothing.
    fn is_graced(state: &RotationState, request: &RotationRequest) -> bool {
        let mut after = state.clone();
        let outcome = after.rotate(request);
        matches!(outcome, (Rotation::Grace { .. }, StateChange::Keep)) && after == *state
    }

    fn is_reuse(state: &RotationState, request: &RotationRequest) -> bool {
        state.clone().rotate(request) == (Rotation::Reused, StateChange::Delete)
    }

    #[test]
    fn used_tokens_are_kept_for_a_minute_after_the_window() {
        let mut state = state();
        rotated(&mut state, &step(0, after(0)));
        rotated(&mut state, &step(1, after(30)));
        rotated(&mut state, &step(2, Timestamp::from_micros(after(70).as_micros() - 1)));
        assert_eq!(state.used.len(), 3);
        rotated(&mut state, &step(3, after(70)));
        assert_eq!(state.used.first().unwrap().digest, digest(1), "the first was used 70 s ago");
        rotated(&mut state, &step(4, after(1_000)));
        assert_eq!(state.used, [UsedToken::new(digest(4), after(1_000))]);
        for used in 0..4 {
            assert!(is_reuse(&state, &step(used, after(1_000))), "a dropped token is reuse");
        }
    }

    #[test]
    fn a_flood_of_refreshes_keeps_eight_used_tokens() {
        let (mut state, mut current) = (state(), 0);
        for millis in (0..100_000).step_by(100) {
            let request = step(current, NOW.saturating_add(Duration::from_millis(millis)));
            match state.rotate(&request) {
                (Rotation::Rotated(_), StateChange::Replace) => current += 1,
                (Rotation::Grace { current: same, .. }, StateChange::Keep) => {
                    assert_eq!(same, digest(current))
                }
                other => panic!("{other:?}"),
            }
            assert!(state.used.len() <= MAX_USED_TOKENS);
        }
        assert_eq!(current, 10 * MAX_USED_TOKENS, "eight rotations in each window");
    }

    #[test]
    fn a_full_list_rotates_again_if_a_clock_went_far_back() {
        let mut state = state();
        for used in 0..MAX_USED_TOKENS {
            rotated(&mut state, &step(used, after(100)));
        }
        assert!(is_graced(&state, &step(MAX_USED_TOKENS, after(90))));
        let far_back = Timestamp::from_micros(after(90).as_micros() - 1);
        assert!(is_reuse(&state, &step(MAX_USED_TOKENS - 1, far_back)), "its use is in the future");
        rotated(&mut state, &step(MAX_USED_TOKENS, far_back));
        assert!(state.used.iter().all(|used| used.used_at == after(100)), "times never go back");
    }

    #[test]
    fn without_a_window_every_used_token_is_reuse() {
        let strict = |number, now| RotationRequest { grace: Duration::ZERO, ..step(number, now) };
        let mut state = state();
        for used in 0..20 {
            rotated(&mut state, &strict(used, NOW));
            assert!(is_reuse(&state, &strict(used, NOW)));
        }
    }

    #[test]
    fn the_first_and_the_last_time_do_not_overflow() {
        let (first, last) = (Timestamp::from_micros(0), Timestamp::from_micros(u64::MAX));
        let far = |number, now| RotationRequest { idle_expires_at: last, ..step(number, now) };
        let just_before = Timestamp::from_micros(last.as_micros() - 1);
        let mut state = RotationState { expires_at: last, idle_expires_at: last, ..state() };
        rotated(&mut state, &far(0, first));
        assert!(is_graced(&state, &far(0, first)));
        rotated(&mut state, &far(1, just_before));
        assert!(is_graced(&state, &far(1, just_before)));
        assert_eq!(state.clone().rotate(&far(2, last)), (Rotation::Expired, StateChange::Keep));
        rotated(&mut state, &far(2, first));
        assert_eq!(state.used.last().unwrap().used_at, just_before, "times never go back");
    }

    #[test]
    fn the_count_of_foreign_graces_saturates() {
        let foreign = ClientInfo::new("192.0.2.1".parse().ok(), None);
        let mut state = state();
        for used in 0..300 {
            rotated(&mut state, &step(used, NOW));
            let again = step(used, NOW).with_client(foreign.clone()).with_grace_policy(GracePolicy::Report);
            let outcome = state.rotate(&again);
            assert!(matches!(outcome, (Rotation::Grace { .. }, StateChange::Replace)), "{outcome:?}");
            assert!(is_graced(&state, &again), "each rotation counts once");
            state.used.clear();
        }
        assert_eq!(state.foreign_graces, u8::MAX);
        rotated(&mut state, &step(300, NOW));
        let third = step(300, NOW).with_client(foreign);
        assert_eq!(state.rotate(&third), (Rotation::GraceAbused, StateChange::Delete), "the policy changed");
    }

    #[test]
    fn used_tokens_are_restored_from_their_bytes() {
        let mut state = state();
        assert_eq!(state.encode_used(), [0; 0]);
        for used in 0..MAX_USED_TOKENS {
            rotated(&mut state, &step(used, after(used as u64)));
            let bytes = state.encode_used();
            assert_eq!(RotationState::decode_used(&bytes), Ok(state.used.clone()));
            assert!(RotationState::decode_used(&bytes[1..]).is_err());
        }
        let bytes = state.encode_used();
        assert_eq!(bytes.len(), MAX_USED_TOKENS * USED_TOKEN_BYTES);
        assert_eq!(bytes[32..40], NOW.as_micros().to_be_bytes());
        let last = &bytes[bytes.len() - USED_TOKEN_BYTES..];
        assert!(RotationState::decode_used(&[&bytes, last].concat()).is_err(), "nine tokens");
        assert!(RotationState::decode_used(&[last, &bytes[..40]].concat()).is_err(), "times go back");
        assert!(RotationState::decode_used(&[0xff; 40]).is_err(), "no time");
    }
}
