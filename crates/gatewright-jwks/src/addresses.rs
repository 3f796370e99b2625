//! Which addresses a fetch may connect to. The metadata of a public issuer must not lead to a service of the
//! private network.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// Says whether an address is private: [`is_private`], and another rule in tests.
pub(crate) type Classify = fn(IpAddr) -> bool;

/// Resolves names, and refuses those with a private address. It looks at the addresses that are then
/// connected to, so a name that changes its address in between gains nothing.
#[derive(Debug)]
pub(crate) struct AddressFilter {
    resolver: DefaultResolver,
    classify: Classify,
    /// `None` refuses private addresses.
    observed: Option<Arc<Observed>>,
}

/// Which addresses the names of several requests have.
#[derive(Debug, Default)]
pub(crate) struct Observed {
    private: AtomicBool,
    public: AtomicBool,
}

impl Observed {
    /// Whether names were resolved, and all of their addresses are private. A name with a public and a private
    /// address is public: its owner chose both.
    pub(crate) fn is_private(&self) -> bool {
        self.private.load(Ordering::Acquire) && !self.public.load(Ordering::Acquire)
    }

    fn note(&self, private: bool) {
        if private { &self.private } else { &self.public }.store(true, Ordering::Release);
    }
}

impl AddressFilter {
    /// Refuses private addresses.
    pub(crate) fn public_only(classify: Classify) -> Self {
        Self { resolver: DefaultResolver::default(), classify, observed: None }
    }

    /// Accepts every address, and notes it.
    pub(crate) fn observing(classify: Classify) -> (Self, Arc<Observed>) {
        let observed = Arc::new(Observed::default());
        let resolver = DefaultResolver::default();
        (Self { resolver, classify, observed: Some(Arc::clone(&observed)) }, observed)
    }

    fn check(&self, addresses: impl Iterator<Item = IpAddr>) -> Result<(), PrivateAddress> {
        let mut any = false;
        for address in addresses {
            let private = (self.classify)(address);
            any |= private;
            if let Some(observed) = &self.observed {
                observed.note(private);
            }
        }
        if any && self.observed.is_none() { Err(PrivateAddress) } else { Ok(()) }
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
        let checked = self.check(addresses.iter().map(SocketAddr::ip));
        checked.map(|()| addresses).map_err(|refused| Error::Other(Box::new(refused)))
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
pub(crate) fn is_private_host(host: &str, classify: Classify) -> bool {
    let text = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    text.parse().is_ok_and(classify)
}

/// Whether an address is of this machine, of a private network, link-local, shared, for documentation, reserved or
/// multicast (RFC 6890). Mapped, translated and 6to4 addresses count as the IPv4 address in them; the special range
/// `2001::/23`, with Teredo, is private.
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
    let special = first == 0x2001 && second < 0x0200; // RFC 2928
    let documentation = (first == 0x2001 && second == 0x0db8) // RFC 3849
        || first & 0xfff0 == 0x3ff0; // RFC 9637
    !global_unicast || special || documentation
}

/// The IPv4 address that an IPv6 address contains: mapped (RFC 4291 §2.5.5.2), translated (RFC 6052), 6to4
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
            "[2001:0:4136:e378::1]",
            "[2001:20::1]",
            "[3fff:1::1]",
            "[::ffff:10.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:a00:1::]",
        ] {
            assert!(is_private_host(private, is_private), "{private}");
        }
        for other in [
            "8.8.8.8",
            "100.128.0.1",
            "172.32.0.1",
            "[2606:4700::1111]",
            "[2001:4860:4860::8888]",
            "[::ffff:8.8.8.8]",
            "issuer.example",
            "localhost",
            "",
        ] {
            assert!(!is_private_host(other, is_private), "{other}");
        }
    }

    #[test]
    fn a_name_with_a_public_and_a_private_address_is_public_and_refused_for_the_key_set() {
        let addresses =
            |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
        for (names, private) in [
            (vec![addresses(&["10.0.0.1", "fd00::1"])], true),
            (vec![addresses(&["10.0.0.1"]), addresses(&["127.0.0.1"])], true),
            (vec![addresses(&["8.8.8.8"])], false),
            (vec![addresses(&["8.8.8.8", "10.0.0.1"])], false),
            (vec![addresses(&["10.0.0.1"]), addresses(&["8.8.8.8"])], false),
            (vec![], false),
        ] {
            let (filter, observed) = AddressFilter::observing(is_private);
            for name in &names {
                assert!(filter.check(name.iter().copied()).is_ok());
            }
            assert_eq!(observed.is_private(), private, "{names:?}");
        }
        let strict = AddressFilter::public_only(is_private);
        assert!(strict.check(addresses(&["8.8.8.8"]).into_iter()).is_ok());
        for refused in [&["10.0.0.1"][..], &["8.8.8.8", "10.0.0.1"]] {
            assert!(strict.check(addresses(refused).into_iter()).is_err(), "{refused:?}");
        }
    }
}
