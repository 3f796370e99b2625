//! Throw-away servers for tests: PostgreSQL, MariaDB and Redis on loopback, each on a free port, with a password and
//! with a data directory that is gone when the server is. They run from the machine's programs, else in containers.
//!
//! The databases write to the system and do not wait for the disk: a killed server loses nothing, a power cut may lose all.

mod compose;
mod mariadb;
mod postgres;
mod process;
mod redis;
mod state;

pub use process::Server;

use compose::Project;

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
        debian::install(self.packages()).map_err(|error| format!("{self:?}: {error}"))?;
        if self.is_installed() {
            Ok(())
        } else {
            Err(format!("{self:?}: does not run, though it was installed"))
        }
    }

    fn url(self, user: &str, password: &str, port: u16) -> String {
        match self {
            Self::Postgres => format!("postgres://{user}:{password}@127.0.0.1:{port}/postgres"),
            Self::Mysql => format!("mysql://{user}:{password}@127.0.0.1:{port}/gatewright"),
            Self::Redis => format!("redis://:{password}@127.0.0.1:{port}/"),
        }
    }
}

/// The servers of one run: those that the environment names, and others that end with this.
#[derive(Debug)]
pub struct Services {
    named: Vec<(Kind, String)>,
    started: Started,
}

impl Services {
    /// Finds or starts a server of each kind.
    ///
    /// # Errors
    /// When one is neither named nor can be started; those that were started have ended then.
    pub fn start() -> Result<Self, String> {
        state::end_orphans();
        let (mut named, mut wanted) = (Vec::new(), Vec::new());
        for kind in Kind::ALL {
            match std::env::var(kind.variable()) {
                Ok(url) if !url.is_empty() => named.push((kind, url)),
                _ => wanted.push(kind),
            }
        }
        Ok(Self { named, started: Started::start(&wanted)? })
    }

    /// The variables that name them.
    #[must_use]
    pub fn variables(&self) -> Vec<(&'static str, &str)> {
        let named = self.named.iter().map(|(kind, url)| (kind.variable(), url.as_str()));
        named.chain(self.started.variables()).collect()
    }
}

/// Starts a server of each kind, leaves them running, and returns lines that a shell can evaluate: each sets a variable,
/// the last exports them.
///
/// # Errors
/// When some are running already, or one cannot be started.
pub fn up() -> Result<String, String> {
    state::check_none()?;
    state::end_orphans();
    let started = Started::start(&Kind::ALL)?;
    let lines: String = started.variables().map(|(name, url)| format!("{name}='{url}'\n")).collect();
    started.leave()?;
    Ok(format!("{lines}export {}\n", Kind::ALL.map(Kind::variable).join(" ")))
}

/// Ends what [`up`] left running, and what the tests did where they were ended themselves, and says how many there were.
///
/// # Errors
/// When one cannot be ended.
pub fn down() -> Result<usize, String> {
    state::end_all()
}

/// Servers that end with this.
#[derive(Debug)]
struct Started {
    programs: Vec<Server>,
    containers: Option<Project>,
}

impl Started {
    fn start(kinds: &[Kind]) -> Result<Self, String> {
        let (programs, containers) = choose(kinds, Kind::install, Project::start)?;
        let programs = programs.into_iter().map(Server::start).collect::<Result<_, _>>()?;
        Ok(Self { programs, containers })
    }

    fn variables(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let programs = self.programs.iter().map(|server| (server.kind(), server.url()));
        let containers = self.containers.iter().flat_map(Project::servers);
        programs.chain(containers).map(|(kind, url)| (kind.variable(), url))
    }

    /// Leaves them running.
    fn leave(self) -> Result<(), String> {
        self.programs.into_iter().try_for_each(Server::leave)?;
        self.containers.map_or(Ok(()), Project::leave)
    }
}

/// What is said wherever a server is missing.
const WITHOUT: &str = "To leave out every test that needs a server: cargo xtask test --only embedded";

/// Those whose programs are here or can be installed, and the others started in containers. Programs come first: tests
/// start more of them, with settings of their own.
fn choose<P>(
    kinds: &[Kind],
    install: impl Fn(Kind) -> Result<(), String>,
    contain: impl FnOnce(&[Kind]) -> Result<P, String>,
) -> Result<(Vec<Kind>, Option<P>), String> {
    let (mut programs, mut missing, mut reasons) = (Vec::new(), Vec::new(), Vec::new());
    for &kind in kinds {
        match install(kind) {
            Ok(()) => programs.push(kind),
            Err(reason) => {
                missing.push(kind);
                reasons.push(reason);
            }
        }
    }
    if missing.is_empty() {
        return Ok((programs, None));
    }
    match contain(&missing) {
        Ok(project) => Ok((programs, Some(project))),
        Err(reason) => Err(nothing_starts(&missing, &reasons, &reason)),
    }
}

fn nothing_starts(missing: &[Kind], reasons: &[String], no_containers: &str) -> String {
    let variables: Vec<&str> = missing.iter().map(|kind| kind.variable()).collect();
    let (variables, reasons) = (variables.join(", "), reasons.join("\n"));
    format!(
        "Servers are missing, and cannot be started:\n{reasons}\n\
         In containers: {no_containers}\n\
         Install the packages, or start Docker, or name servers in {variables}.\n{WITHOUT}"
    )
}

#[cfg(test)]
mod tests;
