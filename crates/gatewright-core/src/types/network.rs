//! The network that a client's address belongs to.

use std::net::{IpAddr, Ipv6Addr};

/// The network of a client, where limits count clients: an IPv4 address, or the first 64 bits of an IPv6
/// address.
///
/// A household or a server usually has a whole IPv6 network of that size and can choose the other 64 bits for
/// each request. An IPv4 address is often shared.
///
/// ```
/// use gatewright::types::ClientNetwork;
///
/// let network = |text: &str| ClientNetwork::of(text.parse().unwrap());
/// assert_eq!(network("2001:db8:0:7::1"), network("2001:db8:0:7:ffff::2"));
/// assert_ne!(network("2001:db8:0:7::1"), network("2001:db8:0:8::1"));
/// assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"), "an IPv4-mapped address is IPv4");
/// assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientNetwork(IpAddr);

impl ClientNetwork {
    /// The network of an address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = address.to_bits() >> 64 << 64;
                Self(IpAddr::V6(Ipv6Addr::from_bits(network)))
            }
            address @ IpAddr::V4(_) => Self(address),
        }
    }

    /// The address whose bits after the network are zero.
    pub(crate) const fn address(self) -> IpAddr {
        self.0
    }
}
