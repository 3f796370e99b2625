//! Fuzzing: every target for a while, from its seeds.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::tools::{cargo, cargo_fuzz, root, step, succeeds};

/// The toolchain that can instrument programs.
const TOOLCHAIN: &str = "nightly";

/// Replays the seeds, then runs each target for so many seconds. The grown corpus stays below
/// `target`; an input that makes a target fail is stored in `fuzz/artifacts`.
pub(crate) fn run(seconds: u32) -> Result<(), String> {
    let replay = ["test", "--package", "gatewright-fuzz", "--lib", "--locked"];
    step("seeds of the fuzz targets", &mut cargo(&replay))?;
    if !succeeds(nightly(Command::new("cargo")).arg("--version")) {
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

/// The names of the targets: those of their files.
fn targets() -> Result<Vec<String>, String> {
    let folder = root().join("fuzz/targets");
    let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let name = |path: PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let mut names: Vec<String> = entries.flatten().filter_map(|entry| name(entry.path())).collect();
    names.sort_unstable();
    Ok(names)
}

/// Removes the environment variables and paths of the toolchain that runs this program, and selects
/// the other.
fn nightly(mut command: Command) -> Command {
    for name in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN", "RUST_RECURSION_COUNT"] {
        command.env_remove(name);
    }
    let own =
        |path: &Path| path.ends_with("bin") && path.components().any(|part| part.as_os_str() == "toolchains");
    if let Some(path) = env::var_os("PATH") {
        // The running toolchain's own programs come before rustup's on the path.
        let kept = env::split_paths(&path).filter(|path| !own(path));
        command.env("PATH", env::join_paths(kept).unwrap_or(path.clone()));
    }
    command.env("RUSTUP_TOOLCHAIN", TOOLCHAIN).current_dir(root());
    command
}
