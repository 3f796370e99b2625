//! Fuzzing: every target for a while, from its seeds.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::tools::{cargo, cargo_fuzz, root, step};

/// The toolchain that can instrument.
const TOOLCHAIN: &str = "nightly";

/// Replays the seeds, then runs each target for so many seconds. What a run learns stays below `target`; an input that
/// fails a target is kept in `fuzz/artifacts`.
pub(crate) fn run(seconds: u32) -> Result<(), String> {
    seeds()?;
    if !has_nightly() {
        println!(
            "\n=== NOT RUN: fuzzing. It needs the {TOOLCHAIN} toolchain: rustup toolchain install {TOOLCHAIN}"
        );
        return Ok(());
    }
    let program = cargo_fuzz()?;
    for target in targets()? {
        let corpus = root().join("target/fuzz-corpus").join(&target);
        fs::create_dir_all(&corpus).map_err(|error| format!("{}: {error}", corpus.display()))?;
        let time = format!("-max_total_time={seconds}");
        let mut command = nightly(Command::new(&program));
        command.args(["fuzz", "run", "--fuzz-dir", "fuzz", "--target-dir", "target/fuzz", &target]);
        command.arg(&corpus).arg(root().join("fuzz/seeds").join(&target));
        command.args(["--", &time, "-max_len=16384", "-timeout=10", "-print_final_stats=1"]);
        step(&format!("fuzzing {target} for {seconds} seconds"), &mut command)?;
    }
    Ok(())
}

/// Builds the targets and replays the seeds: without the fuzzer, on the stable toolchain.
pub(crate) fn seeds() -> Result<(), String> {
    let manifest = root().join("fuzz/Cargo.toml").display().to_string();
    let common = [
        "--manifest-path",
        &manifest,
        "--no-default-features",
        "--target-dir",
        "target/fuzz-check",
        "--locked",
    ];
    step("fuzz targets", cargo(&["check", "--bins"]).args(common))?;
    step("seeds of the fuzz targets", cargo(&["test", "--lib"]).args(common))
}

/// The targets, by the files they are in.
fn targets() -> Result<Vec<String>, String> {
    let folder = root().join("fuzz/targets");
    let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let name = |path: PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let mut names: Vec<String> = entries.flatten().filter_map(|entry| name(entry.path())).collect();
    names.sort_unstable();
    Ok(names)
}

fn has_nightly() -> bool {
    let mut command = nightly(Command::new("cargo"));
    command.arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Another toolchain than the one that runs this program, which left its traces in the environment.
fn nightly(mut command: Command) -> Command {
    for name in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN", "RUST_RECURSION_COUNT"] {
        command.env_remove(name);
    }
    let own =
        |path: &Path| path.ends_with("bin") && path.components().any(|part| part.as_os_str() == "toolchains");
    if let Some(path) = env::var_os("PATH") {
        // The running toolchain's own programs stand before rustup's.
        let kept = env::split_paths(&path).filter(|path| !own(path));
        command.env("PATH", env::join_paths(kept).unwrap_or(path.clone()));
    }
    command.env("RUSTUP_TOOLCHAIN", TOOLCHAIN).current_dir(root());
    command
}
