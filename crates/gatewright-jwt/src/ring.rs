//! The key ring: the key that signs, and the keys that verify, by exact id. It can be changed while
//! requests run.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};
use gatewright_core::TokenKind;
use gatewright_core::types::DerivedKey;

use crate::derive::Derivation;
use crate::error::RingError;
use crate::header;
use crate::jwks::{self, JwkSet};
use crate::key::{MAX_KEY_ID_BYTES, VerifyingKey};
use crate::signing::SigningKey;

/// A set of keys, of which at most one signs. Cloning returns another handle to the same ring.
///
/// Reading takes no lock. A rotation without downtime has three steps, with time between them:
///
/// 1. [`publish`](KeyRing::publish) the next key: it verifies and is in the JWK set, but does not
///    sign yet. Wait until every node and every reader of the set has it.
/// 2. [`activate`](KeyRing::activate) it: it signs from now on, and the previous key still
///    verifies.
/// 3. [`retire`](KeyRing::retire) the previous key when all of its tokens have expired.
///
/// ```
/// use gatewright::token::{Algorithm, KeyRing, NewKey, SigningKey};
///
/// let ring = KeyRing::new(SigningKey::from_jwk(NewKey::generate(Algorithm::EdDsa)?.jwk())?.with_id("2026-11")?);
/// ring.publish(SigningKey::from_jwk(NewKey::generate(Algorithm::Es256)?.jwk())?.with_id("2026-12")?)?;
/// assert_eq!(ring.active_id().as_deref(), Some("2026-11"));
/// ring.activate("2026-12")?;
/// ring.retire("2026-11")?;
/// assert_eq!(ring.ids(), ["2026-12"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias("jwks", "key rotation"))]
#[derive(Clone)]
pub struct KeyRing {
    shared: Arc<Shared>,
}

struct Shared {
    state: ArcSwap<State>,
    /// Locked by every change. Readers do not lock it.
    writing: Mutex<()>,
}

/// The contents of a ring. They are immutable: a change of the ring stores a new state.
#[derive(Clone)]
pub(crate) struct State {
    active: Option<Active>,
    /// The keys that can sign, including the active one.
    signing: Vec<Arc<SigningKey>>,
    /// The keys by id. Several keys with one id have different algorithms, and none of them signs.
    keys: HashMap<Box<str>, Vec<Arc<VerifyingKey>>>,
    jwks: Arc<str>,
    /// Each change increments it.
    pub(crate) generation: u64,
}

/// The key that signs, with the encoded headers of its tokens. One comparison with them replaces
/// parsing the header of such a token.
#[derive(Clone)]
struct Active {
    key: Arc<SigningKey>,
    verifying: Arc<VerifyingKey>,
    headers: Arc<[String; TokenKind::ALL.len()]>,
}

impl KeyRing {
    /// Creates a ring with one key, which signs.
    #[must_use]
    pub fn new(active: SigningKey) -> Self {
        let mut state = State::empty();
        state.add_signing(active);
        state.active = state.signing.first().cloned().map(Active::new);
        Self::from_state(state)
    }

    /// Creates a ring that verifies and does not sign: for the tokens of another issuer. Keys of different
    /// algorithms can have the same id; the token's algorithm chooses one.
    ///
    /// # Errors
    /// [`RingError::Duplicate`] if two keys have the same id and algorithm.
    pub fn verifying(keys: impl IntoIterator<Item = VerifyingKey>) -> Result<Self, RingError> {
        let mut state = State::empty();
        keys.into_iter().try_for_each(|key| state.add(key))?;
        Ok(Self::from_state(state))
    }

    fn from_state(mut state: State) -> Self {
        state.seal();
        Self { shared: Arc::new(Shared { state: ArcSwap::from_pointee(state), writing: Mutex::new(()) }) }
    }

    /// Adds a key that verifies and is published, but does not sign yet.
    ///
    /// # Errors
    /// [`RingError::Duplicate`] if the ring has a key with this id, or this key material under
    /// another id.
    pub fn publish(&self, next: SigningKey) -> Result<(), RingError> {
        self.change(|state| {
            state.check_new(next.verifying_key())?;
            state.add_signing(next);
            Ok(())
        })
    }

    /// Adds a key that only verifies, such as the previous secret after a restart with a new one.
    ///
    /// # Errors
    /// [`RingError::Duplicate`] if the ring has a key with this id, or a signing key with the same
    /// key material for another algorithm.
    pub fn trust(&self, key: VerifyingKey) -> Result<(), RingError> {
        self.change(|state| {
            let mut own = state.signing.iter().map(|own| own.verifying_key());
            if own.any(|own| own.is_same_material(&key) && own.algorithm() != key.algorithm()) {
                return Err(RingError::Duplicate);
            }
            if state.keys.contains_key(key.id()) {
                return Err(RingError::Duplicate);
            }
            state.add(key)
        })
    }

    /// Makes another key of the ring the one that signs. The previous one still verifies.
    ///
    /// # Errors
    /// [`RingError::Unknown`] if the ring has no key with this id that can sign.
    pub fn activate(&self, id: &str) -> Result<(), RingError> {
        self.change(|state| {
            let key = state.signing.iter().find(|key| key.id() == id).cloned();
            state.active = Some(Active::new(key.ok_or(RingError::Unknown)?));
            Ok(())
        })
    }

    /// Removes the key with this id, or all of them: their tokens are rejected from now on.
    ///
    /// # Errors
    /// [`RingError::Active`] for the key that signs, [`RingError::Unknown`] if the ring has no key
    /// with this id.
    pub fn retire(&self, id: &str) -> Result<(), RingError> {
        self.change(|state| {
            if state.active.as_ref().is_some_and(|active| active.key.id() == id) {
                return Err(RingError::Active);
            }
            state.signing.retain(|key| key.id() != id);
            state.keys.remove(id).map(drop).ok_or(RingError::Unknown)
        })
    }

    /// Replaces all keys by those of `from` in one step, for instance after reading key files
    /// again. A request uses either the old keys or the new ones. A ring that only verifies and
    /// already has these keys is left unchanged.
    ///
    /// # Errors
    /// [`RingError::NoSigningKey`] if this ring signs and `from` does not. The ring is left
    /// unchanged.
    pub fn reload(&self, from: &Self) -> Result<(), RingError> {
        self.swap(|state| state.replaced_by(State::clone(&from.state())))
    }

    /// Replaces all keys by those of a set that another issuer publishes. Keys whose id is not in
    /// the set are removed. If a key of the set is not usable, the ring's key with the same id
    /// stays.
    ///
    /// # Errors
    /// [`RingError::NoSigningKey`] if this ring signs. The ring is left unchanged.
    pub fn replace_with_jwks(&self, set: JwkSet) -> Result<(), RingError> {
        self.swap(|state| {
            let mut next = State::empty();
            let unusable: HashSet<String> = set.rejected_ids().map(str::to_owned).collect();
            set.into_keys().into_iter().try_for_each(|key| next.add(key))?;
            for (id, keys) in &state.keys {
                if unusable.contains(&**id) && !next.keys.contains_key(id) {
                    next.keys.insert(id.clone(), keys.clone());
                }
            }
            state.replaced_by(next)
        })
    }

    /// Whether both are handles to the same ring.
    #[must_use]
    pub fn is_same_ring(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// The public keys as a JWK set (RFC 7517 §5), for `/.well-known/jwks.json`. It never contains
    /// secrets.
    #[must_use]
    pub fn jwks(&self) -> Arc<str> {
        Arc::clone(&self.state().jwks)
    }

    /// The ids of all keys, sorted.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        self.state().ids()
    }

    /// The id of the key that signs, if there is one.
    #[must_use]
    pub fn active_id(&self) -> Option<String> {
        self.state().active.as_ref().map(|active| active.key.id().to_owned())
    }

    /// A key for another purpose from each secret of the ring: the first from the key that signs.
    /// Empty if no key signs.
    pub(crate) fn derive_keys(&self, label: &str) -> Vec<DerivedKey> {
        self.state().derivations().into_iter().filter_map(|from| from.derive(label)).collect()
    }

    /// The current state. Takes no lock.
    pub(crate) fn state(&self) -> Guard<Arc<State>> {
        self.shared.state.load()
    }

    fn change(&self, edit: impl FnOnce(&mut State) -> Result<(), RingError>) -> Result<(), RingError> {
        self.swap(|state| {
            let mut next = State::clone(state);
            edit(&mut next)?;
            Ok(Some(next))
        })
    }

    /// Replaces the state by the result of `next`, under the lock of changes. `None` leaves the
    /// ring unchanged.
    fn swap(&self, next: impl FnOnce(&State) -> Result<Option<State>, RingError>) -> Result<(), RingError> {
        let _writing = self.shared.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.state();
        if let Some(mut next) = next(&state)? {
            next.generation = state.generation;
            next.seal();
            self.shared.state.store(Arc::new(next));
        }
        Ok(())
    }
}

/// A ring without keys: every token is rejected until keys are added.
impl Default for KeyRing {
    fn default() -> Self {
        Self::from_state(State::empty())
    }
}

impl State {
    fn empty() -> Self {
        let (signing, keys) = (Vec::new(), HashMap::new());
        Self { active: None, signing, keys, jwks: Arc::from(""), generation: 0 }
    }

    fn add(&mut self, key: VerifyingKey) -> Result<(), RingError> {
        let same_id = self.keys.entry(key.id().into()).or_default();
        if same_id.iter().any(|own| own.algorithm() == key.algorithm()) {
            return Err(RingError::Duplicate);
        }
        same_id.push(Arc::new(key));
        Ok(())
    }

    fn all(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.keys.values().flatten().map(|key| &**key)
    }

    /// An error if the id or the key material is already in the ring.
    fn check_new(&self, key: &VerifyingKey) -> Result<(), RingError> {
        let known = self.all().any(|own| own.id() == key.id() || own.is_same_material(key));
        if known { Err(RingError::Duplicate) } else { Ok(()) }
    }

    fn add_signing(&mut self, key: SigningKey) {
        self.keys.insert(key.id().into(), vec![Arc::new(key.verifying_key().clone())]);
        self.signing.push(Arc::new(key));
    }

    /// Updates the JWK set and the generation, after a change.
    fn seal(&mut self) {
        let mut keys: Vec<&VerifyingKey> = self.all().collect();
        keys.sort_by_key(|key| (key.id(), key.algorithm().name()));
        self.jwks = jwks::publish(keys.into_iter()).into();
        self.generation = self.generation.wrapping_add(1);
    }

    fn ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.keys.keys().map(|id| id.to_string()).collect();
        ids.sort_unstable();
        ids
    }

    /// The key that signs, and the header of its tokens of this kind, encoded.
    pub(crate) fn signer(&self, kind: TokenKind) -> Option<(&SigningKey, &str)> {
        let active = self.active.as_ref()?;
        Some((&active.key, active.header(kind)?))
    }

    /// The active key, if `segment` is the encoded header of its tokens of this kind.
    #[inline]
    pub(crate) fn active_key_for(&self, segment: &str, kind: TokenKind) -> Option<&VerifyingKey> {
        let active = self.active.as_ref()?;
        if active.header(kind)? == segment { Some(&active.verifying) } else { None }
    }

    /// The key with exactly this id: of several, the one for this algorithm. A ring that signs has one key for an
    /// id, for any algorithm. Another issuer may have a key for this algorithm that is not known yet. An id longer
    /// than that of any key is not looked up.
    pub(crate) fn find(&self, id: &str, algorithm: &str) -> Option<&VerifyingKey> {
        let keys = if id.len() > MAX_KEY_ID_BYTES { None } else { self.keys.get(id) }?;
        let found = keys.iter().find(|key| key.algorithm().is_named(algorithm));
        found.or_else(|| keys.first().filter(|_| self.can_sign())).map(|key| &**key)
    }

    /// The only key, if the ring has exactly one.
    pub(crate) fn only(&self) -> Option<&VerifyingKey> {
        let mut keys = self.all();
        match (keys.next(), keys.next()) {
            (Some(key), None) => Some(key),
            _ => None,
        }
    }

    /// Those of the active key, of the other keys that can sign, and of secrets that only verify.
    fn derivations(&self) -> Vec<&Derivation> {
        let Some(active) = &self.active else { return Vec::new() };
        let other = self.signing.iter().filter(|key| key.id() != active.key.id());
        let is_signing = |key: &VerifyingKey| self.signing.iter().any(|own| own.id() == key.id());
        let trusted = self.all().filter(|key| !is_signing(key));
        let signing = std::iter::once(&active.key).chain(other).map(|key| key.derivation());
        signing.chain(trusted.filter_map(|key| key.derivation())).collect()
    }

    /// The state after replacing all keys by those of `next`. `None` if they are the same.
    fn replaced_by(&self, next: Self) -> Result<Option<Self>, RingError> {
        if self.active.is_some() && next.active.is_none() {
            return Err(RingError::NoSigningKey);
        }
        Ok(if self.is_same(&next) { None } else { Some(next) })
    }

    /// Whether both only verify and have the same keys.
    fn is_same(&self, other: &Self) -> bool {
        let same = |key: &VerifyingKey| other.all().any(|own| own.is_same(key));
        let verify_only = self.signing.is_empty() && other.signing.is_empty();
        verify_only && self.all().count() == other.all().count() && self.all().all(same)
    }

    /// Whether it has a key that can sign, active or not.
    pub(crate) const fn can_sign(&self) -> bool {
        !self.signing.is_empty()
    }
}

impl Active {
    fn new(key: Arc<SigningKey>) -> Self {
        let headers = TokenKind::ALL.map(|kind| header::encode(key.algorithm().name(), key.id(), kind));
        Self { verifying: Arc::new(key.verifying_key().clone()), headers: Arc::new(headers), key }
    }

    fn header(&self, kind: TokenKind) -> Option<&str> {
        let position = match kind {
            TokenKind::Access => 0,
            other => TokenKind::ALL.iter().position(|one| *one == other)?,
        };
        self.headers.get(position).map(String::as_str)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        let active = state.active.as_ref().map(|active| active.key.id());
        f.debug_struct("KeyRing").field("active", &active).field("ids", &state.ids()).finish_non_exhaustive()
    }
}
