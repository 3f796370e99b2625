//! One server: its process and its place.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use super::install::{WITHOUT, install};
use super::kind::Kind;
use super::place::Place;
use super::process::{self, CHECKS, pause};
use super::{mariadb, postgres, redis, registry};

/// Another program can take the port between its choice and the server's start.
const START_ATTEMPTS: usize = 3;

/// A running server. Dropping it ends the process and removes its directory.
#[derive(Debug)]
pub struct Server {
    kind: Kind,
    place: Place,
    url: String,
    child: Option<Child>,
    /// The length of its log before the process started.
    log_start: usize,
}

/// What differs from the usual server.
#[derive(Default)]
struct Options<'a> {
    durable: bool,
    settings: &'a str,
    files: &'a [(&'a str, &'a str)],
}

impl Server {
    /// Installs missing programs if possible, and starts a server with an empty database.
    ///
    /// # Errors
    /// If the programs cannot be installed or the server does not start. The error names the
    /// packages to install.
    pub fn start(kind: Kind) -> Result<Self, String> {
        Self::start_with(kind, &Options::default())
    }

    /// As [`start`](Self::start), but the server waits for the disk, as in production. Use it for
    /// measurements. Other servers are faster and lose data if the machine fails.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_durable(kind: Kind) -> Result<Self, String> {
        Self::start_with(kind, &Options { durable: true, ..Options::default() })
    }

    /// Starts a Redis server with further settings, and with files that they name. `{port}` in the
    /// settings is replaced by the server's port.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn redis(settings: &str, files: &[(&str, &str)]) -> Result<Self, String> {
        Self::start_with(Kind::Redis, &Options { settings, files, ..Options::default() })
    }

    fn start_with(kind: Kind, options: &Options<'_>) -> Result<Self, String> {
        install(kind)
            .map_err(|error| format!("{error}\nA container cannot replace this server. {WITHOUT}"))?;
        let mut attempt = 1;
        loop {
            match Self::attempt(kind, options) {
                Err(_) if attempt < START_ATTEMPTS => attempt += 1,
                done => return done,
            }
        }
    }

    fn attempt(kind: Kind, options: &Options<'_>) -> Result<Self, String> {
        let place = Place { durable: options.durable, ..Place::new()? };
        let settings = options.settings.replace("{port}", &place.port.to_string());
        let url = kind.url("gatewright", &place.password, place.port);
        let mut server = Self { kind, place, url, child: None, log_start: 0 };
        for (name, text) in options.files {
            server.place.write(name, text)?;
        }
        match kind {
            Kind::Postgres => postgres::prepare(&server.place)?,
            Kind::Mysql => mariadb::prepare(&server.place)?,
            Kind::Redis => redis::prepare(&server.place, &settings)?,
        }
        server.run()?;
        Ok(server)
    }

    /// The kind of this server.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The server's URL, including its password.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Kills the server, as a crash would, and waits for its end.
    ///
    /// # Errors
    /// If the system refuses to kill the process.
    pub fn kill(&mut self) -> Result<(), String> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let killed = child.kill().and_then(|()| child.wait());
        registry::remove(child.id());
        killed.map(drop).map_err(|error| format!("{:?}: {error}", self.kind))
    }

    /// Starts the server again after [`kill`](Self::kill), on the same port and with the data it
    /// kept.
    ///
    /// # Errors
    /// If the server does not start.
    pub fn run(&mut self) -> Result<(), String> {
        let mut attempts = 0;
        loop {
            self.log_start = self.place.log_length();
            self.child = Some(self.spawn()?);
            match self.wait_until_ready() {
                // After a kill the server's child processes can hold its directory a moment longer.
                Err(_) if attempts < 60 => attempts += 1,
                done => return done,
            }
            pause();
        }
    }

    fn spawn(&self) -> Result<Child, String> {
        let mut command = match self.kind {
            Kind::Postgres => postgres::server(&self.place)?,
            Kind::Mysql => mariadb::server(&self.place)?,
            Kind::Redis => redis::server(&self.place)?,
        };
        let log = self.place.log()?;
        let errors = log.try_clone().map_err(|error| error.to_string())?;
        // Its own process group: `services up` leaves it running, and Ctrl-C must not end it.
        command.stdin(Stdio::null()).stdout(log).stderr(errors).process_group(0);
        let child = command.spawn().map_err(|error| format!("{:?}: {error}", self.kind))?;
        registry::add(child.id(), self.place.directory.display())?;
        Ok(child)
    }

    fn wait_until_ready(&mut self) -> Result<(), String> {
        for _ in 0..CHECKS {
            let ended = self.child.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)));
            if ended {
                self.child.take().iter().for_each(|child| registry::remove(child.id()));
                return Err(format!("{:?} did not start:\n{}", self.kind, self.place.end_of_log()));
            }
            if self.is_ready() {
                return Ok(());
            }
            pause();
        }
        Err(format!("{:?} does not become ready:\n{}", self.kind, self.place.end_of_log()))
    }

    /// Asks this process and not its port, on which another program may listen.
    fn is_ready(&self) -> bool {
        let Some(child) = &self.child else { return false };
        let logged = |text| self.place.has_logged(self.log_start, text);
        match self.kind {
            Kind::Postgres => postgres::is_ready(&self.place, child.id()),
            Kind::Mysql => logged("ready for connections"),
            Kind::Redis => logged("Ready to accept connections"),
        }
    }

    /// Leaves the server running when this process ends.
    pub(super) fn leave(mut self) -> Result<(), String> {
        if let Some(child) = &self.child {
            registry::leave(child.id())?;
        }
        self.child = None;
        self.place.directory = PathBuf::new();
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let directory = self.place.directory.clone();
        if directory.as_os_str().is_empty() {
            return;
        }
        if let Some(mut child) = self.child.take() {
            let _ = process::end(child.id(), &directory, || matches!(child.try_wait(), Ok(Some(_))));
            registry::remove(child.id());
        }
        let _ = fs::remove_dir_all(directory);
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    fn is_ready_after_each_start(kind: Kind) {
        let mut server = Server::start(kind).unwrap();
        let port = server.place.port;
        for _ in 0..3 {
            assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
            server.kill().unwrap();
            server.run().unwrap();
        }
        assert!(!postgres::is_ready(&server.place, std::process::id()), "another process");
    }

    #[test]
    #[ignore = "needs PostgreSQL's programs"]
    fn a_killed_server_is_ready_after_its_next_start_on_postgres() {
        is_ready_after_each_start(Kind::Postgres);
    }

    #[test]
    #[ignore = "needs MariaDB's programs"]
    fn a_killed_server_is_ready_after_its_next_start_on_mysql() {
        is_ready_after_each_start(Kind::Mysql);
    }

    #[test]
    #[ignore = "needs Redis' program"]
    fn a_killed_server_is_ready_after_its_next_start_on_redis() {
        is_ready_after_each_start(Kind::Redis);
    }
}
