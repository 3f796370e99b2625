//! Which addresses a fetch may connect to. The metadata of a public issuer must not lead to a service of the
//! private network.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// Resolves names, and refuses those with a private address. It looks at the addresses that are then
/// connected to, so a name that changes its address in between gains nothing.
///
/// A proxy of the environment resolves names itself. Then only addresses in URLs are seen.
#[derive(Debug, Default)]
pub(crate) struct AddressFilter {
    resolver: DefaultResolver,
    allow_private: bool,
    met_private: Arc<AtomicBool>,
}

impl AddressFilter {
    /// Refuses private addresses.
    pub(crate) fn public_only() -> Self {
        Self::default()
    }

    /// Accepts every address. The flag becomes `true` when a name has a private one.
    pub(crate) fn observing() -> (Self, Arc<AtomicBool>) {
        let met_private = Arc::new(AtomicBool::new(false));
        let filter = Self {
            resolver: DefaultResolver::default(),
            allow_private: true,
            met_private: Arc::clone(&met_private),
        };
        (filter, met_private)
    }
}

impl Resolver for AddressFilter {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let addresses = self.resolver.resolve(uri, config, timeout)?;
        let proxy = config.proxy().is_some_and(|proxy| uri.host() == Some(proxy.host()));
        if !proxy && addresses.iter().any(|address| is_private(address.ip())) {
            self.met_private.store(true, Ordering::Release);
            if !self.allow_private {
                return Err(Error::Other(Box::new(PrivateAddress)));
            }
        }
        Ok(addresses)
    }
}

/// The name has a private address.
#[derive(Debug)]
pub(crate) struct PrivateAddress;

impl fmt::Display for PrivateAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the host has a private address")
    }
}

impl std::error::Error for PrivateAddress {}

/// Whether the host of a URL is an address, and a private one.
pub(crate) fn is_private_host(host: &str) -> bool {
    let text = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    text.parse().is_ok_and(is_private)
}

/// Whether an address is not one of the public internet (RFC 6890): of this machine, of a private network,
/// link-local, shared, reserved or multicast. IPv6 addresses that contain an IPv4 address count as that.
pub(crate) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => inner_v4(address).map_or_else(|| is_private_v6(address), is_private_v4),
    }
}

const fn is_private_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    let shared = first == 100 && second & 0b1100_0000 == 64; // RFC 6598
    let protocol = first == 192 && second == 0 && third == 0; // RFC 6890 §2.1
    let benchmark = first == 198 && second & 0b1111_1110 == 18; // RFC 2544
    let reserved = first == 0 || first >= 224; // RFC 791, RFC 5771, RFC 1112
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || shared
        || protocol
        || benchmark
        || reserved
}

const fn is_private_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let global_unicast = first & 0xe000 == 0x2000; // RFC 4291 §2.4
    let documentation = first == 0x2001 && second == 0x0db8; // RFC 3849
    !global_unicast || documentation
}

/// The IPv4 address that an IPv6 address stands for: mapped (RFC 4291 §2.5.5.2), translated (RFC 6052), 6to4
/// (RFC 3056).
fn inner_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let from = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(from(high, low)),
        [0x2002, high, low, ..] => Some(from(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_outside_the_public_internet_are_private() {
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.127.255.255",
            "0.0.0.0",
            "192.0.0.8",
            "192.0.2.1",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[fd00::1]",
            "[fe80::1]",
            "[ff02::1]",
            "[2001:db8::1]",
            "[::ffff:10.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:a00:1::]",
        ] {
            assert!(is_private_host(private), "{private}");
        }
        for other in [
            "8.8.8.8",
            "100.128.0.1",
            "172.32.0.1",
            "[2606:4700::1111]",
            "[::ffff:8.8.8.8]",
            "issuer.example",
            "localhost",
            "",
        ] {
            assert!(!is_private_host(other), "{other}");
        }
    }
}
