//! Opening a Redis server for sessions.

use std::fmt;
use std::sync::Arc;

use gatewright_core::StoreError;
use redis::cmd;

use crate::address::Address;
use crate::key::Prefix;
use crate::link::{Link, Opener, deadline};
use crate::warning::{Warning, inspect};
use crate::{Parsed, broken};

pub(crate) const OPEN: &str = "open Redis";

/// Sessions in Redis. Clones share one connection.
#[derive(Clone)]
pub struct RedisStore {
    pub(crate) link: Arc<Link>,
    pub(crate) prefix: Prefix,
    warnings: Arc<[Warning]>,
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl RedisStore {
    /// Opens the server that `url` names: `rediss://user:password@host:port/database`, or `unix:///path`.
    ///
    /// TLS verifies certificate and name; `?sslrootcert=/path` names a certificate authority of one's own. Plain text
    /// (`redis:`) is for this machine, or for another one if the URL says so: `?sslmode=disable`. What the server's
    /// settings allow to be lost is [told](Self::warnings) and logged.
    ///
    /// # Errors
    /// When the URL is none, or the server cannot be reached within
    /// [`CALL_TIMEOUT`](crate::CALL_TIMEOUT). The error does not show the
    /// password.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        let opening = async {
            let link = Link::new(Opener::Single(Box::new(Address::parse(url)?.client()?)));
            Self::open(link).await
        };
        opening.await.map_err(broken(OPEN))
    }

    /// Opens the cluster that the nodes belong to, each named as in [`connect`](Self::connect). Some suffice; the others
    /// are found by them. All of a user's sessions are in one slot.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_cluster(urls: &[&str]) -> Result<Self, StoreError> {
        let opening = async {
            let nodes = urls.iter().map(|url| Address::parse(url)).collect::<Parsed<Vec<_>>>()?;
            Self::open(Link::new(Opener::Cluster(Box::new(Address::cluster(&nodes)?)))).await
        };
        opening.await.map_err(broken(OPEN))
    }

    async fn open(link: Link) -> Parsed<Self> {
        link.ask::<()>(&cmd("PING"), deadline()).await?;
        let warnings = inspect(&link).await?;
        for warning in &warnings {
            tracing::warn!("Redis: {warning}");
        }
        Ok(Self { link: Arc::new(link), prefix: Prefix::default(), warnings: warnings.into() })
    }

    /// What all keys begin with; [`DEFAULT_PREFIX`](crate::DEFAULT_PREFIX) unless set.
    #[must_use]
    pub fn with_prefix(mut self, prefix: Prefix) -> Self {
        self.prefix = prefix;
        self
    }

    /// What the server's settings allowed to be lost when this store connected.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}
