//! One server: a process, its directory and its port.

use std::fs;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{Kind, WITHOUT, mariadb, postgres, redis, state};

/// Somebody else may take the port between its choice and the start.
const START_ATTEMPTS: usize = 3;

/// How the directories of servers are named, so that nothing else is taken for one.
pub(super) const NAME_PREFIX: &str = "gatewright-";

/// How often a server is asked whether it is ready, and how often whether it has ended.
const LOOKS: usize = 1_200;
const PAUSE: Duration = Duration::from_millis(50);

/// A running server, which ends with this.
#[derive(Debug)]
pub struct Server {
    kind: Kind,
    place: Place,
    url: String,
    child: Option<Child>,
}

/// Where a server lives.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) directory: PathBuf,
    pub(super) port: u16,
    pub(super) password: String,
    /// Whether the server waits for the disk.
    pub(super) durable: bool,
}

/// What a server is to be, beside the usual.
#[derive(Default)]
struct Wishes<'a> {
    durable: bool,
    settings: &'a str,
    files: &'a [(&'a str, &'a str)],
}

impl Server {
    /// Installs what is missing, where that is possible, and starts a server with an empty database.
    ///
    /// # Errors
    /// When that is not possible; the error says what to install.
    pub fn start(kind: Kind) -> Result<Self, String> {
        Self::start_as(kind, &Wishes::default())
    }

    /// As [`start`](Self::start), a server that waits for the disk, as it is installed: for measuring. The others lose what
    /// they have when the machine fails, and are quicker. Redis always waits.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_durable(kind: Kind) -> Result<Self, String> {
        Self::start_as(kind, &Wishes { durable: true, ..Wishes::default() })
    }

    /// As [`start`](Self::start): a Redis server with settings beside the usual ones, and files that they name. Where they
    /// say `{port}`, its port is meant.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn redis(settings: &str, files: &[(&str, &str)]) -> Result<Self, String> {
        Self::start_as(Kind::Redis, &Wishes { settings, files, ..Wishes::default() })
    }

    fn start_as(kind: Kind, wishes: &Wishes<'_>) -> Result<Self, String> {
        kind.install().map_err(|error| format!("{error}\nNo container will do here. {WITHOUT}"))?;
        let mut attempt = 1;
        loop {
            match Self::attempt(kind, wishes) {
                Err(_) if attempt < START_ATTEMPTS => attempt += 1,
                done => return done,
            }
        }
    }

    fn attempt(kind: Kind, wishes: &Wishes<'_>) -> Result<Self, String> {
        let place = Place { durable: wishes.durable, ..Place::make()? };
        let settings = wishes.settings.replace("{port}", &place.port.to_string());
        let url = kind.url("gatewright", &place.password, place.port);
        let mut server = Self { kind, place, url, child: None };
        for (name, text) in wishes.files {
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

    /// Which kind it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Where it is, with its password.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Kills it, as a crash would, and waits for its end.
    ///
    /// # Errors
    /// When the system does not let it.
    pub fn kill(&mut self) -> Result<(), String> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let killed = child.kill().and_then(|()| child.wait());
        state::forget(child.id());
        killed.map(drop).map_err(|error| format!("{:?}: {error}", self.kind))
    }

    /// Starts it again after [`kill`](Self::kill), at the same place, with what it kept.
    ///
    /// # Errors
    /// When it does not start.
    pub fn run(&mut self) -> Result<(), String> {
        let mut looks = 0;
        loop {
            let child = self.spawn()?;
            self.child = Some(child);
            match self.wait_until_ready() {
                // After a kill the server's own children may hold its directory a moment longer.
                Err(_) if looks < 5 => looks += 1,
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
        // A group of its own: it may outlive whoever started it.
        command.stdin(Stdio::null()).stdout(log).stderr(errors).process_group(0);
        let child = command.spawn().map_err(|error| format!("{:?}: {error}", self.kind))?;
        state::note(child.id(), self.place.directory.display())?;
        Ok(child)
    }

    fn wait_until_ready(&mut self) -> Result<(), String> {
        for _ in 0..LOOKS {
            let ended = self.child.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)));
            if ended {
                self.child.take().iter().for_each(|child| state::forget(child.id()));
                return Err(format!("{:?} did not start:\n{}", self.kind, self.place.last_words()));
            }
            if self.is_ready() {
                return Ok(());
            }
            pause();
        }
        Err(format!("{:?} does not become ready:\n{}", self.kind, self.place.last_words()))
    }

    fn is_ready(&self) -> bool {
        match self.kind {
            Kind::Postgres => postgres::is_ready(&self.place),
            _ => TcpStream::connect(("127.0.0.1", self.place.port)).is_ok(),
        }
    }

    /// Leaves it running.
    pub(super) fn leave(mut self) -> Result<(), String> {
        if let Some(child) = &self.child {
            state::leave(child.id())?;
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
            let _ = end(child.id(), &directory, || matches!(child.try_wait(), Ok(Some(_))));
            state::forget(child.id());
        }
        let _ = fs::remove_dir_all(directory);
    }
}

impl Place {
    fn make() -> Result<Self, String> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{NAME_PREFIX}{}-{number}-{}", std::process::id(), random()?);
        let directory = std::env::temp_dir().join(name);
        let fail = |error: io::Error| format!("{}: {error}", directory.display());
        fs::DirBuilder::new().mode(0o700).create(&directory).map_err(fail)?;
        if let Some((user, group)) = servant()? {
            chown(&directory, Some(user), Some(group)).map_err(fail)?;
        }
        Ok(Self { directory, port: free_port()?, password: random()?, durable: false })
    }

    /// A program with this directory to work in. Servers refuse to run as root, so that root lends them another user.
    pub(super) fn command(&self, program: &Path) -> Result<Command, String> {
        let mut command = Command::new(program);
        command.current_dir(&self.directory).env("HOME", &self.directory).env("LC_ALL", "C.UTF-8");
        if let Some((user, group)) = servant()? {
            command.uid(user).gid(group);
        }
        Ok(command)
    }

    /// Writes a file that the server alone may read.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf, String> {
        let path = self.directory.join(name);
        let fail = |error: io::Error| format!("{}: {error}", path.display());
        fs::write(&path, text).map_err(fail)?;
        if let Some((user, group)) = servant()? {
            chown(&path, Some(user), Some(group)).map_err(fail)?;
        }
        Ok(path)
    }

    /// Runs a program of the server's to its end.
    pub(super) fn finish(&self, command: &mut Command) -> Result<(), String> {
        let output = command.stdin(Stdio::null()).output();
        let output = output.map_err(|error| format!("{}: {error}", command.get_program().display()))?;
        if output.status.success() {
            return Ok(());
        }
        let words = [output.stdout, output.stderr].concat();
        Err(format!("{}: {}", command.get_program().display(), String::from_utf8_lossy(&words)))
    }

    fn log(&self) -> Result<fs::File, String> {
        let path = self.directory.join("log");
        let opened = fs::OpenOptions::new().create(true).append(true).open(&path);
        opened.map_err(|error| format!("{}: {error}", path.display()))
    }

    fn last_words(&self) -> String {
        let text = fs::read(self.directory.join("log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(10)..).unwrap_or_default().join("\n")
    }
}

/// Asks a process to end and waits for it; kills it in the end. One that is no longer the server is left alone.
pub(super) fn end(process: u32, directory: &Path, mut has_ended: impl FnMut() -> bool) -> Result<(), String> {
    for signal in ["QUIT", "TERM", "KILL"] {
        for look in 0..LOOKS / 6 {
            if has_ended() || !is_ours(process, directory) {
                return Ok(());
            }
            if look == 0 {
                // The shell's own `kill`: there need not be a program of that name.
                let script = format!("kill -{signal} {process}");
                let _ = Command::new("sh").args(["-c", &script]).status();
            }
            pause();
        }
    }
    Err(format!("process {process} does not end"))
}

/// Whether the process is the server of that directory still: ids of processes are used again.
pub(super) fn is_ours(process: u32, directory: &Path) -> bool {
    let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).contains(&*directory.to_string_lossy())
}

/// The user and group that root lends to servers.
fn servant() -> Result<Option<(u32, u32)>, String> {
    let own = fs::metadata("/proc/self").map_err(|error| format!("/proc/self: {error}"))?;
    if own.uid() != 0 {
        return Ok(None);
    }
    let id = |option| {
        let output = Command::new("id").args([option, "nobody"]).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    match (id("-u"), id("-g")) {
        (Some(user), Some(group)) => Ok(Some((user, group))),
        _ => Err("there is no user `nobody` for servers to run as".to_owned()),
    }
}

fn free_port() -> Result<u16, String> {
    let bound = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    bound.map(|address| address.port()).map_err(|error| format!("no free port: {error}"))
}

/// 128 random bits in hexadecimal.
pub(super) fn random() -> Result<String, String> {
    let mut bytes = [0_u8; 16];
    let source = fs::File::open("/dev/urandom");
    let read = source.and_then(|mut source| io::Read::read_exact(&mut source, &mut bytes));
    read.map_err(|error| format!("/dev/urandom: {error}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[expect(clippy::disallowed_methods, reason = "servers tell nobody when they are ready")]
fn pause() {
    std::thread::sleep(PAUSE);
}
