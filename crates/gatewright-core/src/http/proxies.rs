//! Trusted proxies, and the address of the client behind them.

use std::collections::VecDeque;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net};

use super::request::{Header, RequestView};
use crate::types::{ClientInfo, UserAgent};

/// How many addresses and networks can be trusted.
pub const MAX_TRUSTED_PROXIES: usize = 256;

/// How much of the forwarding header is read, in bytes from its end.
pub const MAX_FORWARDED_BYTES: usize = 2 * 1024;

/// How many hops of the forwarding header are looked at, from its end.
pub const MAX_FORWARDED_HOPS: usize = 16;

const FORWARDING_HEADER: &str = "x-forwarded-for";

/// The headers by which proxies are noticed. Only the first is read.
const FORWARDING_HEADERS: [&str; 3] = [FORWARDING_HEADER, "forwarded", "x-real-ip"];

/// The proxies whose `X-Forwarded-For` is trusted: addresses and networks. Empty unless configured.
///
/// The client's address is the peer's address. If the peer is a trusted proxy, it is the right-most
/// address in the header that is not trusted. Several header lines form one list, in their order.
///
/// The search stops at an entry that is not an address: an empty one, `unknown`, or one with an IPv6 zone.
/// Any client may have written what is left of it, so the last trusted address counts. The same happens
/// if all entries are trusted, and beyond [`MAX_FORWARDED_BYTES`] and [`MAX_FORWARDED_HOPS`]. A port after
/// an address is ignored.
///
/// `Forwarded` (RFC 7239) and other headers are never read. A proxy that writes one of these headers
/// passes the client's own version of the others through. If a trusted proxy sends such a header and names no
/// client in `X-Forwarded-For`, its clients share one limit of attempts
/// ([`ClientInfo::is_behind_unknown_proxy`]).
///
/// ```
/// use gatewright::http::TrustedProxies;
///
/// let proxies = TrustedProxies::parse("10.0.0.0/8, 192.0.2.1, fd00::/8")?;
/// assert!(proxies.contains("10.1.2.3".parse().unwrap()));
/// assert!(!proxies.contains("192.0.2.2".parse().unwrap()));
/// assert!(TrustedProxies::parse("0.0.0.0/0").is_err(), "it would trust every client");
/// # Ok::<(), gatewright::http::InvalidProxies>(())
/// ```
#[doc(alias("load balancer", "reverse proxy", "x-forwarded-for"))]
#[derive(Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

/// The text is not a list of addresses and networks, or trusts too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidProxies {
    /// Neither an address nor a network in CIDR notation.
    #[error("an entry is neither an address nor a network such as 10.0.0.0/8")]
    Entry,
    /// A network with bits set after its prefix. Perhaps a single address was meant.
    #[error("a network has bits set after its prefix; write the address alone, or clear these bits")]
    HostBits,
    /// A network of all addresses, which would trust every client.
    #[error("a network of all addresses would trust every client")]
    EveryClient,
    /// More than [`MAX_TRUSTED_PROXIES`].
    #[error("the list has more than 256 entries")]
    TooMany,
}

impl TrustedProxies {
    /// Trusts no proxy.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses addresses and networks in CIDR notation (RFC 4632), separated by commas. White space around
    /// entries and empty entries are ignored. IPv4-mapped IPv6 entries are treated as IPv4.
    ///
    /// # Errors
    /// An entry is neither an address nor a network, a network trusts every client, or the list has more
    /// than [`MAX_TRUSTED_PROXIES`] entries.
    pub fn parse(text: &str) -> Result<Self, InvalidProxies> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let networks: Vec<IpNet> =
            entries.take(MAX_TRUSTED_PROXIES + 1).map(network).collect::<Result<_, _>>()?;
        if networks.len() > MAX_TRUSTED_PROXIES { Err(InvalidProxies::TooMany) } else { Ok(Self(networks)) }
    }

    /// Whether this address is a trusted proxy.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no proxy is trusted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Address and user agent of the client.
    pub(crate) fn client(&self, view: &RequestView<'_>) -> ClientInfo {
        let user_agent = match view.header("user-agent") {
            Header::One(name) => UserAgent::clean(&name),
            Header::Absent | Header::Repeated => None,
        };
        let Some(peer) = view.peer().map(|peer| peer.to_canonical()) else {
            return ClientInfo::new(None, user_agent);
        };
        let read = self.contains(peer).then(|| self.forwarded_address(view));
        let client = ClientInfo::new(Some(read.flatten().unwrap_or(peer)), user_agent);
        // A trusted proxy that names no client, or a peer that seems to be a proxy that is not configured.
        let hides_clients = read.map_or_else(|| is_private(peer), |address| address.is_none());
        if hides_clients && is_forwarded(view) { client.behind_unknown_proxy() } else { client }
    }

    /// The client's address in the header of a trusted proxy. `None` if its last entry is not an address.
    fn forwarded_address(&self, view: &RequestView<'_>) -> Option<IpAddr> {
        let list = forwarded(view);
        let mut client = None;
        for hop in list.rsplit(|byte| *byte == b',').take(MAX_FORWARDED_HOPS) {
            let Some(address) = hop_address(hop) else { break };
            client = Some(address);
            if !self.contains(address) {
                break;
            }
        }
        client
    }
}

impl fmt::Debug for TrustedProxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(ToString::to_string)).finish()
    }
}

fn network(entry: &str) -> Result<IpNet, InvalidProxies> {
    let network = match entry.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address.to_canonical()),
        Err(_) => canonical(entry.parse().map_err(|_| InvalidProxies::Entry)?),
    };
    if network.prefix_len() == 0 {
        return Err(InvalidProxies::EveryClient);
    }
    if network.trunc() != network {
        return Err(InvalidProxies::HostBits);
    }
    Ok(network)
}

/// The IPv4 network of an IPv4-mapped one: `::ffff:10.0.0.0/104` is `10.0.0.0/8`.
fn canonical(network: IpNet) -> IpNet {
    let IpAddr::V4(address) = network.addr().to_canonical() else { return network };
    let prefix = match network {
        IpNet::V4(_) => return network,
        IpNet::V6(network) => network.prefix_len().checked_sub(96),
    };
    let mapped = prefix.and_then(|prefix| Ipv4Net::new(address, prefix).ok());
    mapped.map_or(network, IpNet::V4)
}

/// The last [`MAX_FORWARDED_BYTES`] of all lines as one list. An entry that is cut is left out, because
/// its rest may be another address.
fn forwarded(view: &RequestView<'_>) -> Vec<u8> {
    let mut list = VecDeque::new();
    let (mut lines, mut cut) = (0_usize, false);
    view.each(FORWARDING_HEADER, &mut |line| {
        if lines > 0 {
            list.push_back(b',');
        }
        lines += 1;
        let from = line.len().saturating_sub(MAX_FORWARDED_BYTES);
        let (before, last) = line.split_at(from);
        if !before.is_empty() {
            list.clear();
            cut = true;
        }
        list.extend(last);
        while list.len() > MAX_FORWARDED_BYTES {
            list.pop_front();
            cut = true;
        }
    });
    let mut list = Vec::from(list);
    if cut {
        let whole = list.iter().position(|byte| *byte == b',').unwrap_or(list.len());
        list.drain(..whole);
    }
    list
}

/// Whether a request has a header by which proxies are noticed.
fn is_forwarded(view: &RequestView<'_>) -> bool {
    FORWARDING_HEADERS.iter().any(|name| !matches!(view.header(name), Header::Absent))
}

/// Whether an address is of this machine or of a private network (RFC 1918, RFC 6598, RFC 4193) or link.
const fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let is_shared = address.to_bits() >> 22 == Ipv4Addr::new(100, 64, 0, 0).to_bits() >> 22;
            address.is_loopback() || address.is_private() || address.is_link_local() || is_shared
        }
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

/// Parses `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` and `[2001:db8::1]:80`. An address with
/// a zone (`fe80::1%eth0`) has a meaning on one machine only, so it is not an address here.
fn hop_address(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop.trim_ascii()).ok()?;
    if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let address = address.parse::<Ipv6Addr>().ok()?;
        return (port.is_empty() || is_port(port.strip_prefix(':')?))
            .then(|| IpAddr::V6(address).to_canonical());
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    let (address, port) = text.split_once(':')?;
    let address = address.parse::<Ipv4Addr>().ok()?;
    is_port(port).then_some(IpAddr::V4(address))
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Headers;

    struct Lines(Vec<Vec<u8>>);

    impl Headers for Lines {
        fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
            if name == FORWARDING_HEADER {
                self.0.iter().for_each(|line| see(line));
            }
        }
    }

    fn seen(peer: Option<&str>, lines: &[&[u8]]) -> Option<String> {
        let proxies = TrustedProxies::parse("10.0.0.0/8, 192.0.2.1, 2001:db8:1::/48").unwrap();
        let headers = Lines(lines.iter().map(|line| line.to_vec()).collect());
        let view = RequestView::new("POST", &headers).with_peer(peer.map(|peer| peer.parse().unwrap()));
        proxies.client(&view).address.map(|address| address.to_string())
    }

    fn behind_a_proxy(lines: &[&[u8]]) -> String {
        seen(Some("10.0.0.1"), lines).unwrap()
    }

    #[test]
    fn the_header_counts_only_from_a_trusted_peer() {
        for peer in ["203.0.113.9", "192.0.2.2", "2001:db8:2::1", "::1", "11.0.0.1"] {
            assert_eq!(seen(Some(peer), &[b"198.51.100.7"]).as_deref(), Some(peer));
        }
        assert_eq!(seen(None, &[b"198.51.100.7"]), None);
        for peer in ["10.255.0.1", "192.0.2.1", "2001:db8:1::9", "::ffff:10.0.0.1"] {
            assert_eq!(seen(Some(peer), &[b"198.51.100.7"]).as_deref(), Some("198.51.100.7"), "{peer}");
        }
    }

    #[test]
    fn a_private_peer_with_a_forwarding_header_is_an_unknown_proxy() {
        let proxies = TrustedProxies::parse("10.0.0.0/8").unwrap();
        let is_unknown = |peer: &str, lines: usize| {
            let headers = Lines(vec![b"198.51.100.7".to_vec(); lines]);
            let view = RequestView::new("POST", &headers).with_peer(Some(peer.parse().unwrap()));
            proxies.client(&view).is_behind_unknown_proxy()
        };
        for peer in ["127.0.0.1", "192.168.1.1", "172.16.0.1", "100.64.0.1", "169.254.1.1", "::1", "fd00::1"]
        {
            assert!(is_unknown(peer, 1) && is_unknown(peer, 2), "{peer}");
            assert!(!is_unknown(peer, 0), "judged for each request: {peer}");
        }
        for peer in ["10.0.0.1", "203.0.113.9", "100.128.0.1", "2001:db8::1", "::ffff:10.0.0.1"] {
            assert!(!is_unknown(peer, 1), "{peer}");
        }
    }

    /// Such as one that writes only `Forwarded` or `X-Real-IP`.
    #[test]
    fn a_trusted_proxy_that_names_no_client_has_a_shared_limit() {
        struct Other(&'static str, &'static [u8]);
        impl Headers for Other {
            fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
                if name == self.0 {
                    see(self.1);
                }
            }
        }
        let proxies = TrustedProxies::parse("10.0.0.0/8, 192.0.2.1").unwrap();
        let client = |peer: &str, header, value| {
            let headers = Other(header, value);
            let view = RequestView::new("POST", &headers).with_peer(Some(peer.parse().unwrap()));
            let client = proxies.client(&view);
            (client.address.unwrap().to_string(), client.is_behind_unknown_proxy())
        };
        for peer in ["10.0.0.1", "192.0.2.1"] {
            let hidden = (peer.to_owned(), true);
            assert_eq!(client(peer, "forwarded", b"for=198.51.100.7"), hidden);
            assert_eq!(client(peer, "x-real-ip", b"198.51.100.7"), hidden);
            assert_eq!(client(peer, "x-forwarded-for", b"unknown"), hidden);
            assert_eq!(client(peer, "x-forwarded-for", b"10.0.0.9"), ("10.0.0.9".to_owned(), false));
            assert_eq!(client(peer, "x-forwarded-for", b"198.51.100.7"), ("198.51.100.7".to_owned(), false));
            assert_eq!(client(peer, "accept", b"text/html"), (peer.to_owned(), false));
        }
        assert_eq!(client("203.0.113.9", "x-real-ip", b"198.51.100.7"), ("203.0.113.9".to_owned(), false));
    }

    #[test]
    fn the_client_is_the_right_most_untrusted_address() {
        let cases: [(&[&[u8]], &str); 15] = [
            (&[], "10.0.0.1"),
            (&[b"198.51.100.7"], "198.51.100.7"),
            (&[b"1.1.1.1, 198.51.100.7"], "198.51.100.7"),
            (&[b"1.1.1.1,198.51.100.7,10.0.0.2 , 192.0.2.1"], "198.51.100.7"),
            (&[b"1.1.1.1", b"198.51.100.7"], "198.51.100.7"),
            (&[b"198.51.100.7", b"10.0.0.3"], "198.51.100.7"),
            (&[b"10.0.0.9, 10.0.0.3"], "10.0.0.9"),
            (&[b"198.51.100.7:4711"], "198.51.100.7"),
            (&[b"[2001:db8::7]:4711"], "2001:db8::7"),
            (&[b"[2001:db8::7]"], "2001:db8::7"),
            (&[b"2001:DB8::7"], "2001:db8::7"),
            (&[b"::ffff:198.51.100.7"], "198.51.100.7"),
            (&[b"[::ffff:198.51.100.7]:80"], "198.51.100.7"),
            (&[b"198.51.100.7, ::ffff:10.0.0.3, [2001:db8:1::1]:443"], "198.51.100.7"),
            (&[b"\t198.51.100.7\t"], "198.51.100.7"),
        ];
        for (lines, expected) in cases {
            assert_eq!(behind_a_proxy(lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn entries_left_of_a_malformed_one_are_ignored() {
        let hops = [
            "",
            " ",
            "unknown",
            "_hidden",
            "localhost",
            "198.51.100.07",
            "198.51.100",
            "198.51.100.256",
            "198.51.100.7:",
            "198.51.100.7:x",
            "198.51.100.7:+1",
            "198.51.100.7:65536",
            "198.51.100.7:80:80",
            "198.51.100.7/32",
            "\"198.51.100.7\"",
            "for=198.51.100.7",
            "[198.51.100.7]",
            "[2001:db8::7",
            "2001:db8::7]",
            "[2001:db8::7]80",
            "[2001:db8::7]:",
            "[2001:db8::7]:-1",
            "fe80::1%eth0",
            "[fe80::1%1]:80",
            "[fe80::1%25eth0]",
            "198.51.100.7\u{a0}",
            "198.51.100.7 10.0.0.1",
            "0x7f.1",
            "::g",
            "[]",
            "[]:80",
            ":80",
            "198.51.100.7\0",
        ];
        for hop in hops {
            assert_eq!(behind_a_proxy(&[format!("1.1.1.1, {hop}").as_bytes()]), "10.0.0.1", "{hop:?}");
            let line = format!("1.1.1.1, {hop}, 10.0.0.5");
            assert_eq!(behind_a_proxy(&[line.as_bytes()]), "10.0.0.5", "{hop:?}");
        }
        assert_eq!(hops.len(), 33);
        assert_eq!(behind_a_proxy(&[b"1.1.1.1,\xff\xfe"]), "10.0.0.1");
    }

    #[test]
    fn long_headers_are_read_from_the_end_up_to_the_limits() {
        let flood = b"1.1.1.1, ".repeat(10_000);
        let with = |last: &[u8]| [&flood[..], last].concat();
        assert_eq!(behind_a_proxy(&[&with(b"198.51.100.7")]), "198.51.100.7");
        assert_eq!(behind_a_proxy(&[&flood, b"198.51.100.7", b"10.0.0.2"]), "198.51.100.7");
        let many = [vec![&b"1.1.1.1"[..]; 10_000], vec![&b"198.51.100.7"[..]]].concat();
        assert_eq!(behind_a_proxy(&many), "198.51.100.7");
        // More trusted entries than the limit: the last one within it.
        let chain = |hops: usize| {
            let hops: Vec<String> = (0..hops).rev().map(|hop| format!("10.0.1.{hop}")).collect();
            behind_a_proxy(&[format!("198.51.100.7,{}", hops.join(",")).as_bytes()])
        };
        assert_eq!(chain(MAX_FORWARDED_HOPS - 1), "198.51.100.7");
        assert_eq!(chain(MAX_FORWARDED_HOPS), "10.0.1.15");
        assert_eq!(chain(MAX_FORWARDED_HOPS + 1), "10.0.1.15");
    }

    #[test]
    fn an_entry_that_the_limit_cuts_is_not_another_address() {
        let spaces = |count: usize| " ".repeat(count);
        let cut = |line: &str| seen(Some("10.0.0.1"), &[line.as_bytes()]).unwrap();
        let whole = format!("11.2.3.4{}", spaces(MAX_FORWARDED_BYTES - 8));
        assert_eq!(cut(&whole), "11.2.3.4");
        // One more byte cuts the first digit: the header never contained `1.2.3.4`.
        assert_eq!(cut(&format!("{whole} ")), "10.0.0.1");
        assert_eq!(cut(&format!("11.2.3.4{}, 10.0.0.6", spaces(MAX_FORWARDED_BYTES - 17))), "10.0.0.6");
        let last = format!("{}10.0.0.6", spaces(MAX_FORWARDED_BYTES - 16));
        assert_eq!(behind_a_proxy(&[b"11.2.3.4", last.as_bytes()]), "10.0.0.6");
        assert_eq!(behind_a_proxy(&[b"11.2.3.4", last.trim_start().as_bytes()]), "11.2.3.4");
    }

    #[test]
    fn malformed_lists_and_lists_that_trust_everyone_are_rejected() {
        use InvalidProxies::{Entry, EveryClient, HostBits, TooMany};
        let cases = [
            ("localhost", Entry),
            ("10.0.0.0/33", Entry),
            ("10.0.0.0/", Entry),
            ("10.0.0.0/-1", Entry),
            ("10.0.0/8", Entry),
            ("10.0.0.1-10.0.0.9", Entry),
            ("*", Entry),
            ("fe80::1%eth0", Entry),
            ("10.0.0.1 10.0.0.2", Entry),
            ("2001:db8::/129", Entry),
            ("10.0.0.1:80", Entry),
            ("0.0.0.0/0", EveryClient),
            ("::/0", EveryClient),
            ("::ffff:0:0/96", EveryClient),
            ("10.0.0.1, ::/0", EveryClient),
            ("10.0.0.1/8", HostBits),
            ("2001:db8::1/32", HostBits),
            ("::ffff:10.0.0.1/104", HostBits),
        ];
        for (text, expected) in cases {
            assert_eq!(TrustedProxies::parse(text).unwrap_err(), expected, "{text}");
        }
        let list = |entries: usize| TrustedProxies::parse(&"10.0.0.1,".repeat(entries));
        assert_eq!(list(MAX_TRUSTED_PROXIES).unwrap().len(), MAX_TRUSTED_PROXIES);
        assert_eq!(list(MAX_TRUSTED_PROXIES + 1).unwrap_err(), TooMany);
        assert!(TrustedProxies::parse(" , ,").unwrap().is_empty());
        let mapped = TrustedProxies::parse("::ffff:10.0.0.0/104, ::ffff:192.0.2.1").unwrap();
        assert_eq!(mapped, TrustedProxies::parse("10.0.0.0/8,192.0.2.1/32").unwrap());
    }

    proptest::proptest! {
        #[test]
        fn any_header_yields_the_peer_or_an_address(lines: Vec<Vec<u8>>) {
            let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
            proptest::prop_assert!(seen(Some("10.0.0.1"), &lines).is_some());
            proptest::prop_assert_eq!(seen(Some("203.0.113.9"), &lines).unwrap(), "203.0.113.9");
        }
    }
}
