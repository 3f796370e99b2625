//! Envelopes: how a revocation travels between nodes.
//!
//! ```text
//! 4kHbq2rXlXc0fV0kqT0y1A 9f86d081884c7d65 1700000000000001 session 018bcfe5-6800-7…
//! └ MAC ───────────────┘ └ node ────────┘ └ number ──────┘ └ revocation ──────────┘
//! ```
//!
//! The MAC is the first half of HMAC-SHA-256 of everything behind it, in base64url, under the feed
//! key. It covers the text as it was sent, so no message has a second spelling. Node and number make
//! every message unique. The MAC is checked before anything behind it is read.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::feed_key::FeedKey;
use super::message::Revocation;
use crate::token::TokenIssuer;
use crate::types::{SystemRandom, Timestamp, random_bytes};

/// The longest message of a feed: 1 KiB. A longer one is rejected unread.
pub const MAX_FEED_MESSAGE_BYTES: usize = 1024;

/// How many keys verify messages at most, the one that signs included: 8. Each costs an attacker's
/// message one more hash.
pub const MAX_FEED_KEYS: usize = 8;

/// The label under which an [`Auth`](crate::Auth) derives its feed keys from its issuer:
/// [`TokenIssuer::derive_keys`].
pub const FEED_KEY_LABEL: &str = "gatewright feed";

/// Separates this version's messages from everything else that a key may authenticate.
const VERSION: &[u8] = b"gatewright feed 1 ";

/// In place of the MAC, if the feed is not authenticated.
const NO_TAG: &str = "-";

const TAG_BYTES: usize = 16;
/// In base64url.
const TAG_DIGITS: usize = 22;

/// A revocation with the text that a feed sends to other nodes. An [`Auth`](crate::Auth) makes them for
/// [`RevocationFeed::publish`](super::RevocationFeed::publish).
///
/// Two messages are never equal, also if their revocations are.
#[derive(Debug, Clone)]
pub struct FeedMessage {
    revocation: Revocation,
    text: String,
}

impl FeedMessage {
    /// The text to send: at most [`MAX_FEED_MESSAGE_BYTES`], without control characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What the message revokes. For a feed that stays in this process, and for a queue that sends
    /// equal revocations once.
    #[must_use]
    pub const fn revocation(&self) -> &Revocation {
        &self.revocation
    }
}

impl fmt::Display for FeedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A message whose MAC was verified, or one of an unauthenticated feed.
#[derive(Debug, Clone)]
pub struct OpenedMessage {
    revocation: Revocation,
    id: Option<u64>,
}

impl OpenedMessage {
    /// What the message revokes.
    #[must_use]
    pub const fn revocation(&self) -> &Revocation {
        &self.revocation
    }

    /// Identifies the message among all authentic ones. `None` if the feed is not authenticated.
    pub(crate) const fn id(&self) -> Option<u64> {
        self.id
    }
}

/// The message is too long, is not authentic, or is of another version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("not an authentic message of this feed")]
pub struct InvalidFeedMessage {}

/// Makes and opens the messages of a feed. An [`Auth`](crate::Auth) has its own; tests of a feed make
/// one.
///
/// ```
/// use gatewright::UserId;
/// use gatewright::revocation::{FeedKey, Revocation};
/// use gatewright::types::{SecureRandom, SystemRandom, Timestamp};
/// use gatewright_core::revocation::FeedCodec;
///
/// let mut bytes = [0; 32];
/// SystemRandom.fill(&mut bytes)?; // all nodes need the same bytes
/// let key = FeedKey::from_bytes(bytes);
/// let (here, there) = (FeedCodec::with_key(key.clone()), FeedCodec::with_key(key));
/// let message = here.seal(Revocation::user(UserId::new("42")?), Timestamp::from_seconds(1));
/// assert!(message.as_str().ends_with(" user 42"));
/// assert_eq!(there.open(message.as_str()).unwrap().revocation(), message.revocation());
///
/// let forged = message.as_str().replace("42", "43");
/// assert!(there.open(&forged).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct FeedCodec {
    /// Random, for each codec.
    node: u64,
    /// The number of the latest message. It starts at the time, so that a copy of this process (a
    /// restored snapshot of a machine) does not repeat the numbers of the original.
    latest: AtomicU64,
    /// All keys are derived from it but `previous`.
    issuer: Option<Arc<dyn TokenIssuer>>,
    previous: Vec<FeedKey>,
    /// All keys. The first one signs.
    keys: RwLock<Vec<FeedKey>>,
    is_authenticated: bool,
}

impl FeedCodec {
    /// Signs and verifies with one key.
    #[must_use]
    pub fn with_key(key: FeedKey) -> Self {
        Self::with_keys(vec![key])
    }

    /// Signs with the first key, and verifies with all.
    pub(crate) fn with_keys(keys: Vec<FeedKey>) -> Self {
        Self { keys: RwLock::new(keys), ..Self::new() }
    }

    /// Derives the keys from those of an issuer: the first signs, all verify, and so do `previous`
    /// ones. `None` if the issuer has nothing to derive keys from.
    pub(crate) fn derived(issuer: Arc<dyn TokenIssuer>, previous: Vec<FeedKey>) -> Option<Self> {
        let codec = Self { issuer: Some(issuer), previous, ..Self::new() };
        if codec.refresh() { Some(codec) } else { None }
    }

    /// Signs nothing and accepts every message that it can parse.
    #[must_use]
    pub fn unauthenticated() -> Self {
        Self { is_authenticated: false, ..Self::new() }
    }

    /// Without keys: it rejects every message.
    fn new() -> Self {
        Self {
            // Without randomness the node is 0. Then the number alone makes its messages unique.
            node: random_bytes(&SystemRandom).map_or(0, u64::from_be_bytes),
            latest: AtomicU64::new(0),
            issuer: None,
            previous: Vec::new(),
            keys: RwLock::default(),
            is_authenticated: true,
        }
    }

    /// Derives the keys again, because the issuer's may have been rotated. Returns whether it did. If
    /// the issuer has nothing to derive keys from any more, the former keys stay.
    pub(crate) fn refresh(&self) -> bool {
        let Some(issuer) = &self.issuer else { return false };
        let derived: Vec<FeedKey> =
            issuer.derive_keys(FEED_KEY_LABEL).into_iter().map(FeedKey::from).collect();
        if derived.is_empty() {
            return false;
        }
        let keys = derived.into_iter().chain(self.previous.iter().cloned()).take(MAX_FEED_KEYS).collect();
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        true
    }

    /// Makes the message that carries a revocation.
    #[must_use]
    pub fn seal(&self, revocation: Revocation, now: Timestamp) -> FeedMessage {
        self.refresh();
        let body = format!("{:016x} {} {revocation}", self.node, self.next_number(now));
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let text = match keys.first().and_then(|key| Tag::of(key, &body)) {
            Some(tag) => format!("{} {body}", tag.as_str()),
            None => format!("{NO_TAG} {body}"),
        };
        FeedMessage { revocation, text }
    }

    /// Opens a message that arrived.
    ///
    /// # Errors
    /// If it is longer than [`MAX_FEED_MESSAGE_BYTES`], if no key verifies it, or if it cannot be
    /// parsed. All of them look alike: an attacker learns nothing.
    pub fn open(&self, text: &str) -> Result<OpenedMessage, InvalidFeedMessage> {
        let invalid = InvalidFeedMessage {};
        if text.len() > MAX_FEED_MESSAGE_BYTES {
            return Err(invalid);
        }
        let (tag, body) = text.split_once(' ').ok_or(invalid)?;
        let id = self.verify(tag, body)?;
        let (node, rest) = body.split_once(' ').ok_or(invalid)?;
        let (number, revocation) = rest.split_once(' ').ok_or(invalid)?;
        u64::from_str_radix(node, 16).map_err(|_| invalid)?;
        number.parse::<u64>().map_err(|_| invalid)?;
        Ok(OpenedMessage { revocation: revocation.parse().map_err(|_| invalid)?, id })
    }

    /// Checks the MAC, without an allocation. Returns the message's id.
    fn verify(&self, tag: &str, body: &str) -> Result<Option<u64>, InvalidFeedMessage> {
        if !self.is_authenticated {
            return Ok(None);
        }
        if tag.len() != TAG_DIGITS {
            return Err(InvalidFeedMessage {});
        }
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let mut tags = keys.iter().filter_map(|key| Tag::of(key, body));
        let verified = tags.find(|own| own.digits.ct_eq(tag.as_bytes()).into());
        verified.map(|tag| Some(tag.id)).ok_or(InvalidFeedMessage {})
    }

    /// The time, or one more than the latest number.
    fn next_number(&self, now: Timestamp) -> u64 {
        let next = |latest: u64| now.as_micros().max(latest.wrapping_add(1));
        let (order, mut latest) = (Ordering::Relaxed, self.latest.load(Ordering::Relaxed));
        while let Err(other) = self.latest.compare_exchange_weak(latest, next(latest), order, order) {
            latest = other;
        }
        next(latest)
    }
}

impl fmt::Debug for FeedCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeedCodec").field("node", &format_args!("{:016x}", self.node)).finish_non_exhaustive()
    }
}

/// The MAC of a message.
struct Tag {
    digits: [u8; TAG_DIGITS],
    id: u64,
}

impl Tag {
    /// `None` never happens: the buffer fits.
    fn of(key: &FeedKey, body: &str) -> Option<Self> {
        // HMAC pads a key with zeros to the block of its hash.
        let mut block = Zeroizing::new([0; 64]);
        block.iter_mut().zip(key.bytes()).for_each(|(padded, byte)| *padded = *byte);
        let mut mac = Hmac::<Sha256>::new((&*block).into());
        mac.update(VERSION);
        mac.update(body.as_bytes());
        let mac = mac.finalize().into_bytes();
        let mut digits = [0; TAG_DIGITS];
        URL_SAFE_NO_PAD.encode_slice(mac.first_chunk::<TAG_BYTES>()?, &mut digits).ok()?;
        Some(Self { digits, id: u64::from_be_bytes(*mac.first_chunk()?) })
    }

    fn as_str(&self) -> &str {
        str::from_utf8(&self.digits).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::token::{Claims, IssueError, TokenKind};
    use crate::types::{DerivedKey, MAX_USER_ID_BYTES, SessionId, TokenText, UserId};

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn key(first: u8) -> FeedKey {
        FeedKey::from_bytes(std::array::from_fn(|index| first.wrapping_add(u8::try_from(index).unwrap())))
    }

    fn user(id: &str) -> Revocation {
        Revocation::user(UserId::new(id).unwrap())
    }

    fn accepts(codec: &FeedCodec, text: &str) -> bool {
        codec.open(text).is_ok()
    }

    #[test]
    fn every_revocation_survives_a_round_trip() {
        let (here, there) = (FeedCodec::with_key(key(1)), FeedCodec::with_key(key(1)));
        let session = SessionId::generate(NOW, &SystemRandom).unwrap();
        for revocation in [
            Revocation::session(session),
            Revocation::session(session).unconfirmed(),
            user(" a  b "),
            user("\u{202e}\u{10ffff}").unconfirmed(),
        ] {
            let message = here.seal(revocation.clone(), NOW);
            assert_eq!(there.open(message.as_str()).unwrap().revocation(), &revocation);
        }
    }

    #[test]
    fn no_changed_byte_no_prefix_and_no_addition_is_accepted() {
        let codec = FeedCodec::with_key(key(1));
        let message = codec.seal(user("42"), NOW).as_str().to_owned();
        assert!(accepts(&codec, &message));
        for at in 0..message.len() {
            for byte in 0..0x80 {
                let mut changed = message.clone().into_bytes();
                changed[at] = byte;
                let changed = String::from_utf8(changed).unwrap();
                assert_eq!(accepts(&codec, &changed), changed == message, "{changed}");
            }
            let (start, end) = message.split_at(at);
            assert!(!accepts(&codec, start), "{start}");
            assert!(at == 0 || !accepts(&codec, end), "{end}");
            for added in [" ", "0", "A", "="] {
                assert!(!accepts(&codec, &format!("{start}{added}{end}")), "{added:?} at {at}");
            }
        }
        assert!(!accepts(&codec, &format!("{message} ")));
    }

    #[test]
    fn a_mac_does_not_fit_another_message_node_or_number() {
        let (one, other) = (FeedCodec::with_key(key(1)), FeedCodec::with_key(key(1)));
        let messages = [one.seal(user("1"), NOW), one.seal(user("1"), NOW), other.seal(user("1"), NOW)];
        let parts = messages.each_ref().map(|message| message.as_str().split(' ').collect::<Vec<_>>());
        for (index, own) in parts.iter().enumerate() {
            for (other, foreign) in parts.iter().enumerate() {
                let moved = [&own[..1], &foreign[1..]].concat().join(" ");
                assert_eq!(accepts(&one, &moved), index == other, "{moved}");
            }
        }
    }

    #[test]
    fn messages_are_unique_also_at_one_time_and_after_the_clock_was_set_back() {
        let codec = FeedCodec::with_key(key(1));
        let times =
            [NOW, NOW, Timestamp::from_seconds(1), NOW.saturating_add(std::time::Duration::from_secs(1))];
        let numbers = times.map(|now| {
            let message = codec.seal(user("42"), now);
            message.as_str().split(' ').nth(2).unwrap().parse::<u64>().unwrap()
        });
        let micros = NOW.as_micros();
        assert_eq!(numbers, [micros, micros + 1, micros + 2, micros + 1_000_000]);
        assert_eq!(codec.next_number(Timestamp::from_micros(u64::MAX)), i64::MAX.unsigned_abs());
    }

    #[test]
    fn only_the_keys_of_the_feed_verify() {
        let current = FeedCodec::with_keys(vec![key(2), key(1)]);
        let (previous, other) = (FeedCodec::with_key(key(1)), FeedCodec::with_key(key(3)));
        let text = |codec: &FeedCodec| codec.seal(user("42"), NOW).as_str().to_owned();
        assert!(accepts(&current, &text(&previous)), "a previous key verifies");
        assert!(accepts(&current, &text(&current)));
        assert!(!accepts(&previous, &text(&current)), "and does not sign");
        assert!(!accepts(&current, &text(&other)));
        for forged in ["- 0 0 user 42", "AAAAAAAAAAAAAAAAAAAAAA 0 0 user 42", " 0 0 user 42", "user 42", ""] {
            assert!(!accepts(&current, forged), "{forged}");
        }
    }

    #[test]
    fn a_codec_without_keys_rejects_everything() {
        let codec = FeedCodec::new();
        let sealed = codec.seal(user("42"), NOW);
        assert!(!accepts(&codec, sealed.as_str()));
        assert!(!accepts(&FeedCodec::with_key(key(1)), sealed.as_str()));
    }

    #[test]
    fn an_unauthenticated_feed_accepts_everything_that_it_can_parse() {
        let codec = FeedCodec::unauthenticated();
        let own = codec.seal(user("42"), NOW);
        assert!(own.as_str().starts_with("- "));
        let keyed = FeedCodec::with_key(key(1)).seal(user("42"), NOW);
        for text in [own.as_str(), keyed.as_str()] {
            let message = codec.open(text).unwrap();
            assert_eq!((message.revocation(), message.id()), (&user("42"), None));
        }
        for text in ["", "-", "user 42", "- user 42", "- 0 0 key 42", "- x 0 user 42", "- 0 x user 42"] {
            assert!(!accepts(&codec, text), "{text}");
        }
    }

    #[test]
    fn an_authentic_message_of_another_version_is_rejected() {
        let codec = FeedCodec::with_key(key(1));
        for body in ["0 0 key 42", "0 user 42", "0 0 user", "0 0 user\u{1}42", "x 0 user 42"] {
            let tag = Tag::of(&key(1), body).unwrap();
            assert!(codec.verify(tag.as_str(), body).is_ok());
            let text = format!("{} {body}", tag.as_str());
            assert!(!accepts(&codec, &text), "{text}");
        }
    }

    #[test]
    fn the_longest_message_is_accepted_and_a_longer_one_is_not_read() {
        let codec = FeedCodec::with_key(key(1));
        let longest = user(&"u".repeat(MAX_USER_ID_BYTES)).unconfirmed();
        let message = codec.seal(longest, Timestamp::from_micros(u64::MAX));
        assert!(message.as_str().len() <= MAX_FEED_MESSAGE_BYTES / 2, "{}", message.as_str().len());
        assert!(accepts(&codec, message.as_str()));
        let body = format!("0 0 user {}", "u".repeat(MAX_FEED_MESSAGE_BYTES));
        let long = format!("{} {body}", Tag::of(&key(1), &body).unwrap().as_str());
        assert!(!accepts(&codec, &long));
    }

    /// From an independent implementation of HMAC-SHA-256, so that versions stay compatible.
    #[test]
    fn the_mac_has_its_published_value() {
        let tag = Tag::of(&key(0), "9f86d081884c7d65 1700000000000001 user 42").unwrap();
        assert_eq!(tag.as_str(), "i4qyEl-WGnmKKXZCgKfqOg");
    }

    /// An issuer whose keys are rotated.
    #[derive(Default)]
    struct Rotating(Mutex<Vec<[u8; 32]>>);

    impl Rotating {
        fn rotate(&self, keys: &[u8]) {
            *self.0.lock().unwrap() = keys.iter().map(|byte| [*byte; 32]).collect();
        }
    }

    #[async_trait::async_trait]
    impl TokenIssuer for Rotating {
        async fn issue(&self, _: TokenKind, _: &Claims) -> Result<TokenText, IssueError> {
            Err(IssueError::new(None))
        }

        fn public_keys(&self) -> Arc<str> {
            "".into()
        }

        fn derive_keys(&self, label: &'static str) -> Vec<DerivedKey> {
            assert_eq!(label, "gatewright feed");
            self.0.lock().unwrap().iter().copied().map(DerivedKey::new).collect()
        }
    }

    #[test]
    fn derived_keys_follow_the_rotation_of_the_issuer() {
        let (here, there) = (Arc::new(Rotating::default()), Arc::new(Rotating::default()));
        assert!(FeedCodec::derived(Arc::clone(&here) as _, Vec::new()).is_none(), "nothing to derive from");
        here.rotate(&[1]);
        there.rotate(&[1]);
        let [sender, receiver] =
            [&here, &there].map(|issuer| FeedCodec::derived(Arc::clone(issuer) as _, vec![key(9)]).unwrap());
        let sent = || sender.seal(user("42"), NOW).as_str().to_owned();
        assert!(accepts(&receiver, &sent()));
        assert!(accepts(&receiver, FeedCodec::with_key(key(9)).seal(user("42"), NOW).as_str()));

        // The next key is published on both nodes, then activated on one after the other.
        for (keys_here, keys_there) in [([1, 2], [1, 2]), ([2, 1], [1, 2]), ([2, 1], [2, 1])] {
            here.rotate(&keys_here);
            there.rotate(&keys_there);
            receiver.refresh();
            assert!(accepts(&receiver, &sent()), "{keys_here:?} {keys_there:?}");
        }
        let old = FeedCodec::with_key(FeedKey::from_bytes([1; 32])).seal(user("42"), NOW);
        assert!(accepts(&receiver, old.as_str()));
        there.rotate(&[2]);
        receiver.refresh();
        assert!(!accepts(&receiver, old.as_str()), "the old key was retired");
        there.rotate(&[]);
        receiver.refresh();
        assert!(accepts(&receiver, &sent()), "without keys of the issuer the former ones stay");
        there.rotate(&[3, 4, 5, 6, 7, 8, 10, 2, 1]);
        receiver.refresh();
        assert!(accepts(&receiver, &sent()), "the eighth key");
        assert!(!accepts(&receiver, old.as_str()), "the ninth key");
    }
}
