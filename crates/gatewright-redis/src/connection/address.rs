//! A server's URL, and whether plain text is allowed to that server.

use std::fs;
use std::net::IpAddr;
use std::time::Duration;

use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::io::tcp::TcpSettings;
use redis::io::tcp::socket2::TcpKeepalive;
use redis::{Client, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, TlsCertificates};
use url::{Host, Url};

use super::deadline::{CALL_TIMEOUT, CONNECT_TIMEOUT};
use crate::failure::Result;

/// How long TCP waits for an acknowledgement before it closes the connection.
const TCP_TIMEOUT: Duration = Duration::from_secs(5);

/// A parsed and checked URL.
#[derive(Clone)]
pub(crate) struct Address {
    info: ConnectionInfo,
    is_tls: bool,
    /// Whether the URL allows plain text to another machine.
    allows_plain_text: bool,
    /// The certificate authority that `sslrootcert` names, in PEM.
    ca_certificate: Option<Vec<u8>>,
}

impl Address {
    /// Parses a URL. Rejects one that would send a password to another machine in plain text,
    /// unless it says `sslmode=disable`. Errors do not contain the URL, because it may contain a
    /// password.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let url = Url::parse(text).map_err(|_| "the URL must begin with rediss:, redis: or unix:")?;
        let is_tls = match url.scheme() {
            "rediss" | "valkeys" => true,
            "redis" | "valkey" => false,
            "unix" | "redis+unix" | "valkey+unix" => return Self::new(&url, false, false, None),
            _ => return Err("the URL must begin with rediss:, redis: or unix:".into()),
        };
        if url.fragment().is_some() {
            return Err("the URL must not have a fragment; in a password, write # as %23".into());
        }
        let (mut allows_plain_text, mut ca_certificate) = (false, None);
        for (name, value) in url.query_pairs() {
            match (&*name, &*value) {
                ("sslmode", "disable") if !is_tls => allows_plain_text = true,
                ("sslrootcert", file) if is_tls => {
                    ca_certificate = Some(fs::read(file).map_err(|error| format!("sslrootcert: {error}"))?);
                }
                ("sslmode", _) => return Err("sslmode: must be \"disable\", in a redis: URL".into()),
                ("sslrootcert", _) => return Err("sslrootcert: requires a rediss: URL".into()),
                // The error does not contain the name: after an unescaped `?`, it is part of the
                // password.
                _ => {
                    return Err("the URL has an unknown parameter: sslmode and sslrootcert are allowed; \
                                in a password, write ? as %3F"
                        .into());
                }
            }
        }
        if !(is_tls || allows_plain_text || is_this_machine(&url)) {
            return Err(
                "plain text to another machine: use rediss:, or allow it with ?sslmode=disable".into()
            );
        }
        Self::new(&url, is_tls, allows_plain_text, ca_certificate)
    }

    fn new(
        url: &Url,
        is_tls: bool,
        allows_plain_text: bool,
        ca_certificate: Option<Vec<u8>>,
    ) -> Result<Self> {
        let keepalive = TcpKeepalive::new().with_time(TCP_TIMEOUT).with_interval(Duration::from_secs(1));
        let settings = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive);
        #[cfg(target_os = "linux")]
        let settings = settings.set_user_timeout(TCP_TIMEOUT);
        let info = url.as_str().into_connection_info()?.set_tcp_settings(settings);
        Ok(Self { info, is_tls, allows_plain_text, ca_certificate })
    }

    pub(crate) fn client(&self) -> Result<Client> {
        if self.is_tls {
            install_crypto_provider();
        }
        Ok(match self.certificates() {
            Some(certificates) => Client::build_with_tls(self.info.clone(), certificates)?,
            None => Client::open(self.info.clone())?,
        })
    }

    /// A client whose connections receive published messages: RESP3 can deliver them between
    /// replies.
    pub(crate) fn subscribing_client(&self) -> Result<Client> {
        let settings = self.info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        Self { info: self.info.clone().set_redis_settings(settings), ..self.clone() }.client()
    }

    /// A client of the cluster that these nodes belong to. Plain text must be allowed explicitly,
    /// even to nodes on this machine: they name the other nodes, which may be on other machines.
    pub(crate) fn cluster_client(nodes: &[Self]) -> Result<ClusterClient> {
        if !nodes.iter().all(|node| node.is_tls || node.allows_plain_text) {
            return Err("plain text to a cluster: use rediss:, or allow it with ?sslmode=disable".into());
        }
        let mut builder = ClusterClientBuilder::new(nodes.iter().map(|node| node.info.clone()))
            // The driver would also resend a command whose reply was lost, which may have been
            // executed.
            .retries(0)
            .connection_timeout(CONNECT_TIMEOUT)
            .response_timeout(CALL_TIMEOUT);
        if nodes.iter().any(|node| node.is_tls) {
            install_crypto_provider();
        }
        if let Some(certificates) = nodes.iter().find_map(Self::certificates) {
            builder = builder.certs(certificates);
        }
        Ok(builder.build()?)
    }

    fn certificates(&self) -> Option<TlsCertificates> {
        let root_cert = Some(self.ca_certificate.clone()?);
        Some(TlsCertificates { client_tls: None, root_cert })
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        // `redis:` is not a special scheme of the URL standard, so an IPv4 address is parsed as a
        // domain.
        Some(Host::Domain(name)) => {
            name.eq_ignore_ascii_case("localhost")
                || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
        }
        None => false,
    }
}

/// The driver uses the process's default crypto provider. rustls has no default if two providers
/// are compiled in.
fn install_crypto_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Fails if another thread has installed one meanwhile, which is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(url: &str) -> String {
        Address::parse(url).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn plain_text_to_another_machine_requires_sslmode_disable() {
        for host in
            ["cache.example.com", "10.0.0.1", "localhost.example.com", "[fd00::1]", "128.0.0.1", "[::2]"]
        {
            for rejected in [format!("redis://{host}/"), format!("redis://sslmode=disable:p@{host}/0")] {
                assert!(error_of(&rejected).starts_with("plain text"), "{rejected}");
            }
            assert!(error_of(&format!("redis://{host}/?sslmode=prefer")).contains("sslmode"), "{host}");
            assert!(Address::parse(&format!("redis://:p@{host}/0?sslmode=disable")).is_ok(), "{host}");
            assert!(Address::parse(&format!("rediss://:p@{host}/")).is_ok_and(|address| address.is_tls));
        }
        for host in ["localhost", "LOCALHOST", "127.0.0.1", "127.8.9.10", "[::1]"] {
            assert!(Address::parse(&format!("redis://:p@{host}:6379/3")).is_ok(), "{host}");
        }
        assert!(Address::parse("unix:///run/redis.sock").is_ok());
    }

    #[test]
    fn no_url_turns_certificate_verification_off() {
        for url in [
            "rediss://cache.example.com/#insecure",
            "rediss://cache.example.com/?sslmode=disable",
            "rediss://cache.example.com/?sslmode=require",
            "rediss://cache.example.com/?insecure=true",
            "redis://127.0.0.1/?sslrootcert=/x",
        ] {
            assert!(!error_of(url).is_empty(), "{url}");
        }
    }

    #[test]
    fn errors_for_invalid_urls_do_not_contain_the_password() {
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
            let error = error_of(url);
            assert!(!error.is_empty() && !error.contains("hush"), "{url}: {error}");
        }
    }
}
