//! Connecting a store.

use std::fmt;
use std::sync::Arc;

use gatewright_core::StoreError;
use redis::cmd;

use crate::connection::{Address, SharedConnection, call_deadline};
use crate::failure::{Result, store_error};
use crate::key::Prefix;
use crate::throttle::Lanes;
use crate::warning::{Warning, check_settings};

pub(crate) const CONNECT: &str = "connect to Redis";

/// Sessions and the throttle on a Redis server or cluster. Clones share one connection.
///
/// ```no_run
/// # async fn connect() -> Result<(), Box<dyn std::error::Error>> {
/// use gatewright::RedisStore;
/// use gatewright::store::Prefix;
///
/// let store = RedisStore::connect("rediss://app:secret@redis.example.com/").await?;
/// let store = store.with_prefix(Prefix::new("shop:")?);
/// for warning in store.warnings() {
///     println!("{warning}");
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RedisStore {
    pub(crate) connection: Arc<SharedConnection>,
    pub(crate) prefix: Prefix,
    /// Of the throttle.
    pub(crate) lanes: Arc<Lanes>,
    warnings: Arc<[Warning]>,
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl RedisStore {
    /// Connects to one server. The URL is `rediss://user:password@host:port/database` or
    /// `unix:///path`.
    ///
    /// `rediss:` uses TLS and verifies the server's certificate and name. `?sslrootcert=/path`
    /// names the certificate authority to trust instead of the system's. `redis:` connects
    /// without encryption. That is allowed if the server is on this machine. For another machine,
    /// the URL must end with `?sslmode=disable`.
    ///
    /// The store reads the server's durability settings and logs each risk as a
    /// [warning](Self::warnings).
    ///
    /// # Errors
    /// If the URL is invalid, or if no primary accepts the connection within
    /// [`CALL_TIMEOUT`](crate::CALL_TIMEOUT). The error does not contain the password.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        let opening = async { Self::open(SharedConnection::for_server(&Address::parse(url)?)?).await };
        opening.await.map_err(store_error(CONNECT))
    }

    /// Connects to a cluster. `urls` names some of its nodes, each as in
    /// [`connect`](Self::connect); the store finds the others. Plain text requires
    /// `?sslmode=disable` even for this machine. All sessions of a user are in one slot.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_cluster(urls: &[&str]) -> Result<Self, StoreError> {
        let opening = async {
            let nodes = urls.iter().map(|url| Address::parse(url)).collect::<Result<Vec<_>>>()?;
            Self::open(SharedConnection::for_cluster(&nodes)?).await
        };
        opening.await.map_err(store_error(CONNECT))
    }

    async fn open(connection: SharedConnection) -> Result<Self> {
        connection.query::<()>(&cmd("PING"), call_deadline()).await?;
        let warnings = check_settings(&connection).await?;
        for warning in &warnings {
            tracing::warn!("Redis: {warning}");
        }
        Ok(Self {
            connection: Arc::new(connection),
            prefix: Prefix::default(),
            lanes: Arc::default(),
            warnings: warnings.into(),
        })
    }

    /// Sets the prefix of all keys. The default is [`DEFAULT_PREFIX`](crate::DEFAULT_PREFIX).
    #[must_use]
    pub fn with_prefix(mut self, prefix: Prefix) -> Self {
        self.prefix = prefix;
        self
    }

    /// The settings that can lose acknowledged writes, as they were when the store connected.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}
