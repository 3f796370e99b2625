//! The directory, port and password of one server.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The prefix of the names of data directories. Only directories with such a name are ever removed.
pub(super) const NAME_PREFIX: &str = "gatewright-";

/// The ports of servers begin with this one. Linux takes a port above 32,767 for a client that connects
/// and for a listener that names no port. A port among those could be taken before the server starts or
/// while it is down, and a client that tries to connect again and again could even reach itself.
const FIRST_PORT: u16 = 12_000;
/// The number of ports of servers.
const PORTS: u16 = 10_000;
/// A node of a Redis Cluster also listens on the port that is so much higher.
const CLUSTER_BUS: u16 = 10_000;

/// Where a server runs.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) directory: PathBuf,
    pub(super) port: u16,
    pub(super) password: String,
    /// Whether the server waits until its writes are on the disk.
    pub(super) durable: bool,
}

impl Place {
    pub(super) fn new() -> Result<Self, String> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{NAME_PREFIX}{}-{number}-{}", std::process::id(), random()?);
        let directory = std::env::temp_dir().join(name);
        let fail = |error: io::Error| format!("{}: {error}", directory.display());
        fs::DirBuilder::new().mode(0o700).create(&directory).map_err(fail)?;
        if let Some((user, group)) = server_user()? {
            chown(&directory, Some(user), Some(group)).map_err(fail)?;
        }
        Ok(Self { directory, port: free_port()?, password: random()?, durable: false })
    }

    /// A program that runs in this directory. Servers refuse to run as root: under root it runs as
    /// `nobody`.
    pub(super) fn command(&self, program: &Path) -> Result<Command, String> {
        let mut command = Command::new(program);
        command.current_dir(&self.directory).env("HOME", &self.directory).env("LC_ALL", "C.UTF-8");
        if let Some((user, group)) = server_user()? {
            command.uid(user).gid(group);
        }
        Ok(command)
    }

    /// Writes a file that only the server can read.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf, String> {
        let path = self.directory.join(name);
        let fail = |error: io::Error| format!("{}: {error}", path.display());
        fs::write(&path, text).map_err(fail)?;
        if let Some((user, group)) = server_user()? {
            chown(&path, Some(user), Some(group)).map_err(fail)?;
        }
        Ok(path)
    }

    /// Runs a program that prepares the server, and waits until it ends.
    pub(super) fn finish(&self, command: &mut Command) -> Result<(), String> {
        let output = command.stdin(Stdio::null()).output();
        let output = output.map_err(|error| format!("{}: {error}", command.get_program().display()))?;
        if output.status.success() {
            return Ok(());
        }
        let printed = [output.stdout, output.stderr].concat();
        Err(format!("{}: {}", command.get_program().display(), String::from_utf8_lossy(&printed)))
    }

    pub(super) fn log(&self) -> Result<fs::File, String> {
        let path = self.directory.join("log");
        let opened = fs::OpenOptions::new().create(true).append(true).open(&path);
        opened.map_err(|error| format!("{}: {error}", path.display()))
    }

    /// The length of the server's log, in bytes.
    pub(super) fn log_length(&self) -> usize {
        fs::read(self.directory.join("log")).map_or(0, |log| log.len())
    }

    /// Whether the log contains this text after its first `start` bytes.
    pub(super) fn has_logged(&self, start: usize, text: &str) -> bool {
        let log = fs::read(self.directory.join("log")).unwrap_or_default();
        log.get(start..).is_some_and(|new| String::from_utf8_lossy(new).contains(text))
    }

    /// The last ten lines of the server's log.
    pub(super) fn end_of_log(&self) -> String {
        let text = fs::read(self.directory.join("log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(10)..).unwrap_or_default().join("\n")
    }
}

/// The user and group of the servers that root starts.
fn server_user() -> Result<Option<(u32, u32)>, String> {
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
        _ => Err("there is no user `nobody`, as which root starts servers".to_owned()),
    }
}

fn free_port() -> Result<u16, String> {
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    for _ in 0..100 {
        let digits = random()?;
        let number = digits.get(..4).and_then(|digits| u16::from_str_radix(digits, 16).ok());
        let port = FIRST_PORT + number.ok_or("no random number")? % PORTS;
        if is_free(port) && is_free(port + CLUSTER_BUS) {
            return Ok(port);
        }
    }
    Err("no free port".to_owned())
}

/// 128 random bits in hexadecimal.
pub(super) fn random() -> Result<String, String> {
    let mut bytes = [0_u8; 16];
    let source = fs::File::open("/dev/urandom");
    let read = source.and_then(|mut source| io::Read::read_exact(&mut source, &mut bytes));
    read.map_err(|error| format!("/dev/urandom: {error}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
