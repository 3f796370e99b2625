//! The keys that attempts are counted under: digests, so that a store learns no name and no address.

use std::fmt;
use std::net::IpAddr;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::types::{
    ClientInfo, ClientNetwork, DerivedKey, RandomError, SecureRandom, SessionId, UserId, random_bytes,
};

/// The purpose of an attempt. Each purpose has a budget of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// A login with a password, at any endpoint.
    Login,
    /// A registration.
    Register,
    /// The current password at a password change.
    ChangePassword,
    /// A refresh or a request with an API key that was refused. It is counted afterwards.
    RefusedRequest,
}

impl Purpose {
    /// All purposes.
    pub const ALL: [Self; 4] = [Self::Login, Self::Register, Self::ChangePassword, Self::RefusedRequest];

    /// The name, as a label of metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Register => "register",
            Self::ChangePassword => "change_password",
            Self::RefusedRequest => "refused_request",
        }
    }

    /// The text that is part of digests.
    const fn label(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Register => "register",
            Self::ChangePassword => "change password",
            Self::RefusedRequest => "refused request",
        }
    }
}

/// What a key counts. It decides which rule its state follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum KeyKind {
    /// The login name that was sent, whether an account has it or not.
    Account,
    /// The login name and the network.
    Pair,
    /// The network: an IPv4 address or an IPv6 /64.
    Network,
    /// The IPv6 /48.
    WideNetwork,
    /// All clients behind a proxy that is not configured.
    SharedNetwork,
    /// The user: consecutive failures and known networks.
    Owner,
    /// In place of the user, for a name that no account has.
    Nobody,
    /// Registrations of a network.
    Registrations,
    /// Registrations of an IPv6 /48.
    WideRegistrations,
    /// Registrations of all clients behind a proxy that is not configured.
    SharedRegistrations,
    /// The session of a password change.
    Session,
    /// Refused refreshes and API keys of a network.
    RefusedRequests,
    /// Those of an IPv6 /48.
    WideRefusedRequests,
    /// Those of all clients behind a proxy that is not configured.
    SharedRefusedRequests,
}

impl KeyKind {
    /// All kinds.
    pub const ALL: [Self; 14] = [
        Self::Account,
        Self::Pair,
        Self::Network,
        Self::WideNetwork,
        Self::SharedNetwork,
        Self::Owner,
        Self::Nobody,
        Self::Registrations,
        Self::WideRegistrations,
        Self::SharedRegistrations,
        Self::Session,
        Self::RefusedRequests,
        Self::WideRefusedRequests,
        Self::SharedRefusedRequests,
    ];

    /// The name, as a label of metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Pair => "pair",
            Self::Network => "network",
            Self::WideNetwork => "wide_network",
            Self::SharedNetwork => "shared_network",
            Self::Owner => "owner",
            Self::Nobody => "nobody",
            Self::Registrations => "registrations",
            Self::WideRegistrations => "wide_registrations",
            Self::SharedRegistrations => "shared_registrations",
            Self::Session => "session",
            Self::RefusedRequests => "refused_requests",
            Self::WideRefusedRequests => "wide_refused_requests",
            Self::SharedRefusedRequests => "shared_refused_requests",
        }
    }

    const fn code(self) -> u8 {
        match self {
            Self::Account => 1,
            Self::Pair => 2,
            Self::Network => 3,
            Self::WideNetwork => 4,
            Self::SharedNetwork => 5,
            Self::Owner => 6,
            Self::Nobody => 7,
            Self::Registrations => 8,
            Self::WideRegistrations => 9,
            Self::SharedRegistrations => 10,
            Self::Session => 11,
            Self::RefusedRequests => 12,
            Self::WideRefusedRequests => 13,
            Self::SharedRefusedRequests => 14,
        }
    }
}

/// The key of a state: its kind and a digest of 128 bits.
///
/// Keys are ordered by their [bytes](Self::to_bytes). A store that locks rows locks them in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThrottleKey {
    kind: KeyKind,
    digest: [u8; 16],
}

impl ThrottleKey {
    /// The length of [`to_bytes`](Self::to_bytes).
    pub const BYTES: usize = 17;

    /// What the key counts.
    #[must_use]
    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The key as a store keeps it.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [self.kind.code(); Self::BYTES];
        for (to, from) in bytes.iter_mut().skip(1).zip(self.digest) {
            *to = from;
        }
        bytes
    }

    /// The digest, for the choice of a shared bucket.
    pub(super) const fn digest(&self) -> &[u8; 16] {
        &self.digest
    }

    /// The key of a shared bucket.
    pub(super) fn bucket(kind: KeyKind, number: u64) -> Self {
        let mut digest = [0; 16];
        for (to, from) in digest.iter_mut().zip(number.to_be_bytes()) {
            *to = from;
        }
        Self { kind, digest }
    }
}

/// Shows the kind alone: a reader of a log could search for the digest.
impl fmt::Debug for ThrottleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ThrottleKey({:?})", self.kind)
    }
}

/// Where a client's attempts are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientOrigin {
    /// The framework provides no address. No network is counted.
    Unknown,
    /// The network of this address.
    Address(IpAddr),
    /// Behind a proxy that is not configured: one network for all its clients.
    UnknownProxy,
}

impl From<&ClientInfo> for ClientOrigin {
    fn from(client: &ClientInfo) -> Self {
        match client.address {
            _ if client.is_behind_unknown_proxy() => Self::UnknownProxy,
            Some(address) => Self::Address(address),
            None => Self::Unknown,
        }
    }
}

/// Makes the keys of attempts: HMAC-SHA-256 under a key that all nodes share.
///
/// ```
/// use gatewright::throttle::{ClientOrigin, ThrottleDigests};
/// use gatewright::UserId;
/// use gatewright::types::SystemRandom;
///
/// let digests = ThrottleDigests::generate(&SystemRandom)?;
/// let origin = ClientOrigin::Address("2001:db8::1".parse().unwrap());
/// let attempt = digests.login("ada@example.com", Some(&UserId::from(1)), origin);
/// assert_eq!(attempt.keys().len(), 5, "the account, the pair, two networks, the owner");
/// assert!(!format!("{attempt:?}").contains("ada"));
/// # Ok::<(), gatewright::types::RandomError>(())
/// ```
#[derive(Clone)]
pub struct ThrottleDigests(Zeroizing<[u8; 64]>);

impl ThrottleDigests {
    /// Makes digests under this key.
    #[must_use]
    pub fn new(key: &DerivedKey) -> Self {
        // HMAC pads a key with zeros to the block of its hash (RFC 2104 §2).
        let mut block = Zeroizing::new([0; 64]);
        block.iter_mut().zip(key.expose()).for_each(|(padded, byte)| *padded = *byte);
        Self(block)
    }

    /// Makes digests under a new key, which only this process has.
    ///
    /// # Errors
    /// The source of randomness failed.
    pub fn generate(source: &dyn SecureRandom) -> Result<Self, RandomError> {
        Ok(Self::new(&DerivedKey::new(random_bytes(source)?)))
    }

    /// The keys of a login. `name` is the login name's
    /// [`throttle_key`](crate::LoginName::throttle_key), `user` the account that has it.
    #[must_use]
    pub fn login(&self, name: &str, user: Option<&UserId>, origin: ClientOrigin) -> Attempt {
        let purpose = Purpose::Login;
        let narrow = narrow(origin);
        let mut keys = vec![
            self.key(purpose, KeyKind::Account, &[name.as_bytes()]),
            self.key(purpose, KeyKind::Pair, &[name.as_bytes(), &narrow]),
            user.map_or_else(|| self.key(purpose, KeyKind::Nobody, &[name.as_bytes()]), Self::owner_key),
        ];
        keys.extend(self.networks(purpose, origin, LOGIN_NETWORKS));
        Attempt::new(purpose, keys, self.short("network", &narrow), self.short("account", name.as_bytes()))
    }

    /// The keys of a registration. Empty without an address: then nothing limits it.
    #[must_use]
    pub fn register(&self, origin: ClientOrigin) -> Attempt {
        let purpose = Purpose::Register;
        Attempt::new(purpose, self.networks(purpose, origin, REGISTRATION_NETWORKS), 0, 0)
    }

    /// The keys of a login with a text that cannot be a name: those of its networks.
    #[must_use]
    pub fn nameless_login(&self, origin: ClientOrigin) -> Attempt {
        Attempt::new(Purpose::Login, self.networks(Purpose::Login, origin, LOGIN_NETWORKS), 0, 0)
    }

    /// The keys of a refused request. Empty without an address.
    #[must_use]
    pub fn refused_request(&self, origin: ClientOrigin) -> Attempt {
        let purpose = Purpose::RefusedRequest;
        Attempt::new(purpose, self.networks(purpose, origin, REFUSED_REQUEST_NETWORKS), 0, 0)
    }

    /// The key of a password change in this session.
    #[must_use]
    pub fn change_password(&self, session: SessionId) -> Attempt {
        let purpose = Purpose::ChangePassword;
        let key = self.key(purpose, KeyKind::Session, &[session.to_string().as_bytes()]);
        Attempt::new(purpose, vec![key], 0, 0)
    }

    /// The key of a user's consecutive failures and known networks, to lift a lock.
    #[must_use]
    pub fn owner(user: &UserId) -> Attempt {
        Attempt::new(Purpose::Login, vec![Self::owner_key(user)], 0, 0)
    }

    /// It does not depend on the key, so that a new key lifts no lock. The store knows the user's id anyway.
    fn owner_key(user: &UserId) -> ThrottleKey {
        let mut hash = Sha256::new();
        hash.update(b"gatewright throttle owner\0");
        hash.update(user.as_str().as_bytes());
        ThrottleKey { kind: KeyKind::Owner, digest: first(hash.finalize().into()) }
    }

    fn networks(&self, purpose: Purpose, origin: ClientOrigin, kinds: [KeyKind; 3]) -> Vec<ThrottleKey> {
        let [network, wide, shared] = kinds;
        match origin {
            ClientOrigin::Unknown => Vec::new(),
            ClientOrigin::UnknownProxy => vec![self.key(purpose, shared, &[])],
            ClientOrigin::Address(address) => {
                let mut keys = vec![self.key(purpose, network, &[&narrow(origin)])];
                if let IpAddr::V6(address) = address.to_canonical() {
                    let bits = address.to_bits() >> 80;
                    keys.push(self.key(purpose, wide, &[&bits.to_be_bytes()]));
                }
                keys
            }
        }
    }

    fn key(&self, purpose: Purpose, kind: KeyKind, parts: &[&[u8]]) -> ThrottleKey {
        let label = [kind.code()];
        let all = [&[purpose.label().as_bytes(), &label], parts].concat();
        ThrottleKey { kind, digest: first(self.mac(&all)) }
    }

    fn short(&self, label: &str, part: &[u8]) -> u64 {
        u64::from_be_bytes(first(self.mac(&[label.as_bytes(), part])))
    }

    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new((&*self.0).into());
        for part in parts {
            // The length keeps two lists of parts apart.
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

const LOGIN_NETWORKS: [KeyKind; 3] = [KeyKind::Network, KeyKind::WideNetwork, KeyKind::SharedNetwork];
const REGISTRATION_NETWORKS: [KeyKind; 3] =
    [KeyKind::Registrations, KeyKind::WideRegistrations, KeyKind::SharedRegistrations];
const REFUSED_REQUEST_NETWORKS: [KeyKind; 3] =
    [KeyKind::RefusedRequests, KeyKind::WideRefusedRequests, KeyKind::SharedRefusedRequests];

/// Redacted.
impl fmt::Debug for ThrottleDigests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ThrottleDigests(..)")
    }
}

/// The network of a client as bytes: the same as in [`ClientNetwork`], and one for each other origin.
fn narrow(origin: ClientOrigin) -> Vec<u8> {
    match origin {
        ClientOrigin::Unknown => vec![0],
        ClientOrigin::UnknownProxy => vec![1],
        ClientOrigin::Address(address) => match ClientNetwork::of(address).address() {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        },
    }
}

/// The first bytes of a digest.
fn first<const N: usize>(digest: [u8; 32]) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    bytes
}

/// One attempt: its keys, and the entries that the states of some keys store for it.
#[derive(Debug, Clone)]
pub struct Attempt {
    purpose: Purpose,
    /// In ascending order.
    keys: Vec<ThrottleKey>,
    /// The digest of the client's network, as a known network.
    pub(super) network: u64,
    /// The digest of the account, as one of those that a network failed on.
    pub(super) account: u64,
}

impl Attempt {
    fn new(purpose: Purpose, mut keys: Vec<ThrottleKey>, network: u64, account: u64) -> Self {
        keys.sort_unstable();
        keys.dedup();
        Self { purpose, keys, network, account }
    }

    /// The purpose.
    #[must_use]
    pub const fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Its keys, in ascending order.
    #[must_use]
    pub fn keys(&self) -> &[ThrottleKey] {
        &self.keys
    }

    /// Takes the user out of the attempt, as an attempt of its own.
    pub(crate) fn take_owner(&mut self) -> Self {
        let (owner, others) = self.keys.iter().partition(|key| key.kind() == KeyKind::Owner);
        self.keys = others;
        Self { keys: owner, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digests() -> ThrottleDigests {
        ThrottleDigests::new(&DerivedKey::new([7; 32]))
    }

    fn login(name: &str, address: &str) -> Vec<ThrottleKey> {
        digests().login(name, None, ClientOrigin::Address(address.parse().unwrap())).keys().to_vec()
    }

    fn of_kind(keys: &[ThrottleKey], kind: KeyKind) -> Option<ThrottleKey> {
        keys.iter().copied().find(|key| key.kind() == kind)
    }

    #[test]
    fn an_ipv4_mapped_address_has_the_keys_of_the_ipv4_address() {
        assert_eq!(login("ada", "::ffff:192.0.2.1"), login("ada", "192.0.2.1"));
        assert_eq!(login("ada", "192.0.2.1").len(), 4, "an IPv4 address has no wide network");
    }

    #[test]
    fn ipv6_addresses_share_their_64_and_48_bits() {
        let [one, same, near, far] =
            ["2001:db8:1:1::1", "2001:db8:1:1:ffff::2", "2001:db8:1:2::1", "2001:db8:2:1::1"]
                .map(|address| login("ada", address));
        assert_eq!(one, same);
        let kinds = [KeyKind::Network, KeyKind::WideNetwork, KeyKind::Pair, KeyKind::Account];
        let equal = |other: &[ThrottleKey]| kinds.map(|kind| of_kind(&one, kind) == of_kind(other, kind));
        assert_eq!(equal(&near), [false, true, false, true]);
        assert_eq!(equal(&far), [false, false, false, true]);
    }

    #[test]
    fn the_account_and_the_pair_do_not_depend_on_whether_an_account_exists() {
        let origin = ClientOrigin::Address("192.0.2.1".parse().unwrap());
        let known = digests().login("ada", Some(&UserId::from(1)), origin);
        let unknown = digests().login("ada", None, origin);
        for kind in [KeyKind::Account, KeyKind::Pair, KeyKind::Network] {
            assert_eq!(of_kind(known.keys(), kind), of_kind(unknown.keys(), kind));
        }
        assert!(of_kind(known.keys(), KeyKind::Owner).is_some());
        assert!(of_kind(unknown.keys(), KeyKind::Nobody).is_some());
    }

    #[test]
    fn purposes_and_keys_of_nodes_have_keys_of_their_own() {
        let origin = ClientOrigin::Address("192.0.2.1".parse().unwrap());
        let register = digests().register(origin);
        assert!(register.keys().iter().all(|key| !login("ada", "192.0.2.1").contains(key)));
        let other = ThrottleDigests::new(&DerivedKey::new([8; 32]));
        let theirs = other.login("ada", None, origin);
        assert!(theirs.keys().iter().all(|key| !login("ada", "192.0.2.1").contains(key)));
        let owner = |digests: &ThrottleDigests| {
            of_kind(digests.login("ada", Some(&UserId::from(1)), origin).keys(), KeyKind::Owner)
        };
        assert_eq!(owner(&other), owner(&digests()), "a new key lifts no lock");
    }

    #[test]
    fn keys_are_ordered_as_their_bytes() {
        let keys = login("ada", "2001:db8::1");
        let bytes: Vec<_> = keys.iter().map(ThrottleKey::to_bytes).collect();
        assert!(bytes.is_sorted());
    }

    #[test]
    fn without_an_address_no_network_is_counted() {
        assert!(digests().register(ClientOrigin::Unknown).keys().is_empty());
        let keys = digests().login("ada", None, ClientOrigin::Unknown).keys().to_vec();
        assert_eq!(
            keys.iter().map(ThrottleKey::kind).collect::<Vec<_>>(),
            [KeyKind::Account, KeyKind::Pair, KeyKind::Nobody]
        );
    }
}
