//! Throw-away servers for tests: PostgreSQL, MariaDB and Redis on loopback, each on a free port, with a password and
//! with a data directory that is gone when the server is.
//!
//! The databases write to the system and do not wait for the disk: a killed server loses nothing, a power cut may lose all.

mod mariadb;
mod postgres;
mod process;
mod redis;
mod state;

pub use process::Server;

use crate::debian;

/// A kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "no library: what uses it changes with it")]
pub enum Kind {
    /// PostgreSQL.
    Postgres,
    /// MariaDB, for what speaks MySQL.
    Mysql,
    /// Redis.
    Redis,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Postgres, Self::Mysql, Self::Redis];

    /// The variable in which tests find such a server.
    #[must_use]
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Postgres => "GATEWRIGHT_TEST_POSTGRES_URL",
            Self::Mysql => "GATEWRIGHT_TEST_MYSQL_URL",
            Self::Redis => "GATEWRIGHT_TEST_REDIS_URL",
        }
    }

    const fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &["postgresql"],
            // The programs alone: `mariadb-server` would start one of its own.
            Self::Mysql => &["mariadb-server-core", "mariadb-client-core"],
            Self::Redis => &["redis-server"],
        }
    }

    fn is_installed(self) -> bool {
        match self {
            Self::Postgres => postgres::programs().is_some(),
            Self::Mysql => mariadb::programs().is_some(),
            Self::Redis => redis::program().is_some(),
        }
    }

    fn install(self) -> Result<(), String> {
        if self.is_installed() {
            return Ok(());
        }
        let variable = self.variable();
        let wish = format!("{variable} names no server, and none can be started");
        debian::install(self.packages()).map_err(|error| format!("{wish}: {error}"))?;
        if self.is_installed() { Ok(()) } else { Err(format!("{wish}, though it was installed")) }
    }
}

/// The servers of one run: those that the environment names, and others that end with this.
#[derive(Debug)]
pub struct Services {
    named: Vec<(Kind, String)>,
    started: Vec<Server>,
}

impl Services {
    /// Finds or starts a server of each kind.
    ///
    /// # Errors
    /// When one is neither named nor can be started; those that were started have ended then.
    pub fn start() -> Result<Self, String> {
        state::end_orphans()?;
        let mut services = Self { named: Vec::new(), started: Vec::new() };
        for kind in Kind::ALL {
            match std::env::var(kind.variable()) {
                Ok(url) if !url.is_empty() => services.named.push((kind, url)),
                _ => services.started.push(Server::start(kind)?),
            }
        }
        Ok(services)
    }

    /// The variables that name them.
    #[must_use]
    pub fn variables(&self) -> Vec<(&'static str, &str)> {
        let named = self.named.iter().map(|(kind, url)| (kind.variable(), url.as_str()));
        let started = self.started.iter().map(|server| (server.kind().variable(), server.url()));
        named.chain(started).collect()
    }
}

/// Starts a server of each kind, leaves them running, and returns lines that a shell can evaluate: each sets a variable,
/// the last exports them.
///
/// # Errors
/// When some are running already, or one cannot be started.
pub fn up() -> Result<String, String> {
    state::check_none()?;
    state::end_orphans()?;
    let mut servers = Vec::new();
    for kind in Kind::ALL {
        servers.push(Server::start(kind)?);
    }
    let line = |server: &Server| format!("{}='{}'\n", server.kind().variable(), server.url());
    let lines: String = servers.iter().map(line).collect();
    servers.into_iter().try_for_each(Server::leave)?;
    Ok(format!("{lines}export {}\n", Kind::ALL.map(Kind::variable).join(" ")))
}

/// Ends what [`up`] left running, and what the tests did where they were ended themselves, and says how many there were.
///
/// # Errors
/// When one cannot be ended.
pub fn down() -> Result<usize, String> {
    state::end_all()
}
