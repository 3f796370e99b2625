//! `gatewright audit verify`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use clap::Args;
use gatewright_core::audit::{AuditCheckpoint, AuditKey, AuditReport, AuditStore, verify};

use super::store::explained;
use crate::output::{Failure, warn, write};

/// What a line about a checkpoint contains.
const EVENT: &str = "AuditCheckpoint";

/// The variable with the file of the key, if no option names one.
const KEY_FILE: &str = "AUTH_AUDIT_KEY_FILE";

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// A file with a key of the trail. Of several, each may verify a row. Without this option, the
    /// variable AUTH_AUDIT_KEY_FILE names the file
    #[arg(long, value_name = "FILE")]
    key_file: Vec<PathBuf>,
    /// A file with checkpoints: lines of the service's log, or lines `writer=… number=… mac=…`. Other
    /// lines are ignored. Only with it a chain shows whose end was cut off
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
}

impl Verify {
    pub(super) async fn run(self, store: &dyn AuditStore) -> Result<ExitCode, Failure> {
        let keys = self.keys()?;
        let checkpoints = match &self.checkpoint {
            Some(path) => checkpoints(path)?,
            None => Vec::new(),
        };
        if keys.is_empty() {
            warn(&format!(
                "without a key only missing rows show; name its file with --key-file or {KEY_FILE}"
            ));
        }
        let report = verify(store, &keys, &checkpoints).await.map_err(|error| explained(&error))?;
        write(&text(&report))?;
        Ok(if report.damage.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn keys(&self) -> Result<Vec<AuditKey>, Failure> {
        let from_environment = env::var_os(KEY_FILE).filter(|_| self.key_file.is_empty());
        let files = self.key_file.iter().cloned().chain(from_environment.map(PathBuf::from));
        files
            .map(|file| {
                let shown = file.display();
                let bytes = fs::read(&file).map_err(|error| format!("{shown}: cannot be read: {error}"))?;
                AuditKey::new(bytes).map_err(|error| format!("{shown}: {error}"))
            })
            .collect()
    }
}

/// The checkpoints of a log. Lines that name one and cannot be read are counted in a warning: a client may have sent such
/// text, or one of them counts. Without a single one that can be read, it is an error.
fn checkpoints(path: &Path) -> Result<Vec<AuditCheckpoint>, Failure> {
    let shown = path.display();
    let text = fs::read(path).map_err(|error| format!("{shown}: cannot be read: {error}"))?;
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().zip(1..).filter(|(line, _)| line.contains(EVENT) || line.starts_with("writer="));
    let (mut checkpoints, mut ignored) = (Vec::new(), Vec::new());
    for (line, number) in lines {
        match line.parse::<AuditCheckpoint>() {
            Ok(checkpoint) => checkpoints.push(checkpoint),
            Err(error) => ignored.push(format!("{shown}: line {number}: {error}")),
        }
    }
    match (checkpoints.is_empty(), ignored.first()) {
        (true, Some(first)) => Err(first.clone()),
        (true, None) => Err(format!("{shown}: contains no checkpoint")),
        (false, first) => {
            if let Some(first) = first {
                warn(&format!(
                    "{} lines that name a checkpoint are ignored; the first is {first}",
                    ignored.len()
                ));
            }
            Ok(checkpoints)
        }
    }
}

fn text(report: &AuditReport) -> String {
    let mut text: String =
        report.damage.iter().map(|(writer, damage)| format!("writer {writer}: {damage}\n")).collect();
    let AuditReport { chains, rows, erased, damage, without_key, .. } = report;
    if *without_key > 0 {
        text.push_str(&format!(
            "{without_key} chains were written without a key: a change of their rows does not show\n"
        ));
    }
    let found = match damage.len() {
        0 => "no damage".to_owned(),
        1 => "1 place is damaged".to_owned(),
        count => format!("{count} places are damaged"),
    };
    text.push_str(&format!("{chains} chains, {rows} rows, {erased} of them erased: {found}\n"));
    text
}
