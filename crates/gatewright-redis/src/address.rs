//! Where the server is, and whether it may be spoken to in plain text.

use std::fs;
use std::net::IpAddr;
use std::time::Duration;

use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::io::tcp::TcpSettings;
use redis::io::tcp::socket2::TcpKeepalive;
use redis::{Client, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, TlsCertificates};
use url::{Host, Url};

use crate::Parsed;
use crate::link::{CALL_TIMEOUT, OPEN_TIMEOUT};

/// How long a peer that acknowledges nothing is believed to be there.
const UNANSWERED: Duration = Duration::from_secs(5);

/// A server's URL, judged and taken apart.
#[derive(Clone)]
pub(crate) struct Address {
    info: ConnectionInfo,
    /// A certificate authority of one's own, in PEM.
    authority: Option<Vec<u8>>,
    is_tls: bool,
    /// Plain text to any machine.
    is_plain: bool,
}

impl Address {
    /// Takes a URL apart, and refuses one that would send a password in plain text to another machine without saying so.
    /// The error does not repeat the URL: it may hold a password.
    pub(crate) fn parse(text: &str) -> Parsed<Self> {
        let url = Url::parse(text).map_err(|_| "the URL must begin with rediss:, redis: or unix:")?;
        let is_tls = match url.scheme() {
            "rediss" | "valkeys" => true,
            "redis" | "valkey" => false,
            "unix" | "redis+unix" | "valkey+unix" => return Self::of(&url, false, false, None),
            _ => return Err("the URL must begin with rediss:, redis: or unix:".into()),
        };
        if url.fragment().is_some() {
            return Err("the URL must not have a fragment".into());
        }
        let (mut is_plain, mut authority) = (false, None);
        for (name, value) in url.query_pairs() {
            match (&*name, &*value) {
                ("sslmode", "disable") if !is_tls => is_plain = true,
                ("sslrootcert", file) if is_tls => {
                    authority = Some(fs::read(file).map_err(|error| format!("sslrootcert: {error}"))?);
                }
                ("sslmode" | "sslrootcert", _) => {
                    return Err("sslmode or sslrootcert has no such value in a URL of this scheme".into());
                }
                // Its name is not repeated: what follows a `?` in a password is taken for a parameter.
                _ => {
                    return Err("an unknown parameter in the URL; in a password, ? is written %3F".into());
                }
            }
        }
        if !(is_tls || is_plain || is_this_machine(&url)) {
            return Err("plain text to another machine: use rediss:, or say sslmode=disable".into());
        }
        Self::of(&url, is_tls, is_plain, authority)
    }

    fn of(url: &Url, is_tls: bool, is_plain: bool, authority: Option<Vec<u8>>) -> Parsed<Self> {
        let alive = TcpKeepalive::new().with_time(UNANSWERED).with_interval(Duration::from_secs(1));
        let settings = TcpSettings::default().set_nodelay(true).set_keepalive(alive);
        #[cfg(target_os = "linux")]
        let settings = settings.set_user_timeout(UNANSWERED);
        let info = url.as_str().into_connection_info()?.set_tcp_settings(settings);
        Ok(Self { info, authority, is_tls, is_plain })
    }

    pub(crate) fn client(&self) -> Parsed<Client> {
        if !self.is_tls {
            return Ok(Client::open(self.info.clone())?);
        }
        settle_on_a_provider();
        match self.certificates() {
            Some(certificates) => Ok(Client::build_with_tls(self.info.clone(), certificates)?),
            None => Ok(Client::open(self.info.clone())?),
        }
    }

    /// A client whose connections hear messages between answers.
    pub(crate) fn listener(&self) -> Parsed<Client> {
        let settings = self.info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        Self { info: self.info.clone().set_redis_settings(settings), ..self.clone() }.client()
    }

    /// A client of the cluster that these nodes belong to. Wherever one is, it names others, which may be elsewhere.
    pub(crate) fn cluster(nodes: &[Self]) -> Parsed<ClusterClient> {
        if !nodes.iter().all(|node| node.is_tls || node.is_plain) {
            return Err("plain text to a cluster's nodes: use rediss:, or say sslmode=disable".into());
        }
        let mut builder = ClusterClientBuilder::new(nodes.iter().map(|node| node.info.clone()))
            // Whether a command was carried out is not known where its answer is lost: it is never sent again.
            .retries(0)
            .connection_timeout(OPEN_TIMEOUT)
            .response_timeout(CALL_TIMEOUT);
        if nodes.iter().any(|node| node.is_tls) {
            settle_on_a_provider();
        }
        if let Some(certificates) = nodes.iter().find_map(Self::certificates) {
            builder = builder.certs(certificates);
        }
        Ok(builder.build()?)
    }

    fn certificates(&self) -> Option<TlsCertificates> {
        let authority = self.authority.clone()?;
        Some(TlsCertificates { client_tls: None, root_cert: Some(authority) })
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        // Hosts of schemes that the standard does not know come as they are written.
        Some(Host::Domain(name)) => {
            name.eq_ignore_ascii_case("localhost")
                || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
        }
        None => false,
    }
}

/// The driver takes the process's provider, and there is none to take where two were compiled in.
fn settle_on_a_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Another thread may have been quicker: then there is one.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(url: &str) -> String {
        Address::parse(url).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn another_machine_is_spoken_to_in_plain_text_only_when_the_url_says_so() {
        for host in
            ["cache.example.com", "10.0.0.1", "localhost.example.com", "[fd00::1]", "128.0.0.1", "[::2]"]
        {
            assert!(refusal(&format!("redis://{host}/")).starts_with("plain text"), "{host}");
            assert!(
                refusal(&format!("redis://sslmode=disable:p@{host}/0")).starts_with("plain text"),
                "{host}"
            );
            assert!(refusal(&format!("redis://{host}/?sslmode=prefer")).contains("sslmode"), "{host}");
            assert!(Address::parse(&format!("redis://:p@{host}/0?sslmode=disable")).is_ok(), "{host}");
            assert!(Address::parse(&format!("rediss://:p@{host}/")).is_ok_and(|address| address.is_tls));
        }
        for host in ["localhost", "LOCALHOST", "127.0.0.1", "127.8.9.10", "[::1]"] {
            assert!(Address::parse(&format!("redis://:p@{host}:6379/3")).is_ok(), "{host}");
        }
        assert!(Address::parse("unix:///run/redis.sock").is_ok());
    }

    #[test]
    fn nothing_in_a_url_turns_verification_off() {
        for url in [
            "rediss://cache.example.com/#insecure",
            "rediss://cache.example.com/?sslmode=disable",
            "rediss://cache.example.com/?sslmode=require",
            "rediss://cache.example.com/?insecure=true",
            "redis://127.0.0.1/?sslrootcert=/x",
        ] {
            assert!(!refusal(url).is_empty(), "{url}");
        }
    }

    #[test]
    fn a_url_that_cannot_be_used_is_an_error_without_its_password() {
        for url in [
            "redis://ada:hush@127.0.0.1:notaport/",
            "redis://ada:hush@127.0.0.1/notanumber",
            "redis://ada:hush@cache.example.com/",
            "rediss://ada:hush@cache.example.com/?sslrootcert=/nowhere",
            "redis://ada:hush@127.0.0.1/?protocol=3",
            "postgres://ada:hush@127.0.0.1/x",
            "redis://ada:hush@0.0.0.0/",
            "rediss://ada:12?hush@cache/",
            "rediss://ada:?hush@cache/",
            "rediss://ada:12?sslmode=hush@cache/",
            "hush",
        ] {
            let error = refusal(url);
            assert!(!error.is_empty() && !error.contains("hush"), "{url}: {error}");
        }
    }
}
