//! Chromium and its driver. Both end with the test.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use thirtyfour::{ChromiumLikeCapabilities, DesiredCapabilities, WebDriver};

use crate::outcome::Outcome;

/// The driver's program, and the start of what it prints once it listens.
const DRIVER: &str = "chromedriver";
const LISTENS: &str = "started successfully on port ";

/// No display, no other hosts, and no network traffic of the browser's own. The sandbox is off,
/// because it does not work for root.
const OPTIONS: [&str; 11] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--window-size=1000,800",
];

/// A browser with a profile of its own.
pub(crate) struct Browser {
    pub(crate) session: WebDriver,
    /// Ends the driver when it is dropped.
    _driver: Driver,
}

impl Browser {
    pub(crate) async fn start(profile: &Path) -> Outcome<Self> {
        let (driver, port) = Driver::start()?;
        let mut capabilities = DesiredCapabilities::chrome();
        for option in OPTIONS {
            capabilities.add_arg(option)?;
        }
        capabilities.add_arg(&format!("--user-data-dir={}", profile.display()))?;
        let session = WebDriver::new(format!("http://127.0.0.1:{port}"), capabilities).await?;
        Ok(Self { session, _driver: driver })
    }

    pub(crate) async fn stop(self) -> Outcome {
        Ok(self.session.quit().await?)
    }
}

struct Driver(Child);

impl Driver {
    /// The driver chooses a free port and prints it once it listens.
    fn start() -> Outcome<(Self, u16)> {
        let mut command = Command::new(DRIVER);
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| format!("{DRIVER}: {error}"))?;
        let output = child.stdout.take().ok_or("the driver's output cannot be read")?;
        let driver = Self(child);
        let port = BufReader::new(output).lines().map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once(LISTENS)?;
            port.trim_end_matches('.').parse().ok()
        });
        Ok((driver, port.ok_or("the driver ended before it listened")?))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
