//! Building the test programs, once for every step that runs tests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use xtask::tools::cargo;

/// The selection of commands that only check. With another selection, Cargo would check dependencies
/// again, with other features.
pub(crate) const EVERYTHING: [&str; 3] = ["--workspace", "--all-features", "--locked"];

/// The selection of commands that build programs, for the same reason. The benches have no tests,
/// and many dependencies.
pub(crate) const TESTED: [&str; 5] =
    ["--workspace", "--exclude", "gatewright-benches", "--all-features", "--locked"];

/// A test program.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Program {
    /// Package and target, such as `axum-app::http`.
    name: String,
    file: PathBuf,
}

/// Builds the test programs, or only those that `selection` names.
pub(crate) fn build(selection: &[&str]) -> Result<Vec<Program>, String> {
    let mut build = cargo(&["test", "--no-run", "--message-format", "json-render-diagnostics"]);
    build.args(TESTED).args(selection).stderr(Stdio::inherit());
    let output = build.output().map_err(|error| format!("build: {error}"))?;
    if !output.status.success() {
        return Err(format!("build: failed ({})", output.status));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    Ok(messages.lines().filter_map(program).collect())
}

/// The programs' names, by the names of their files.
pub(crate) fn by_file(programs: &[Program]) -> BTreeMap<String, String> {
    let file = |program: &Program| program.file.file_name().map(|name| name.to_string_lossy().into_owned());
    programs.iter().filter_map(|program| Some((file(program)?, program.name.clone()))).collect()
}

/// The paths of the tests that are ignored by default.
pub(crate) fn ignored(programs: &[Program]) -> Result<Vec<String>, String> {
    let mut ignored = Vec::new();
    for Program { name, file } in programs {
        let listed = list(file).map_err(|error| format!("{name}: cannot list its tests: {error}"))?;
        ignored.extend(listed.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned));
    }
    Ok(ignored)
}

fn list(file: &Path) -> Result<String, String> {
    let output = Command::new(file).args(["--list", "--ignored"]).output();
    let output = output.map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(output.status.to_string());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Reads one of Cargo's messages, if it is about a test program.
fn program(message: &str) -> Option<Program> {
    let file = PathBuf::from(text(message, "executable")?);
    let (_, profile) = message.split_once(r#""profile":{"#)?;
    let (_, target) = message.split_once(r#""target":{"#)?;
    profile.split('}').next()?.contains(r#""test":true"#).then_some(())?;
    let name = format!("{}::{}", package(text(message, "package_id")?)?, text(target, "name")?);
    Some(Program { name, file })
}

/// The name in an id such as `path+file:///home/gatewright/tests#gatewright-tests@0.1.0`. Without a
/// name after `#`, it is that of the folder.
fn package(id: &str) -> Option<&str> {
    let (folder, version) = id.split_once('#')?;
    version.split_once('@').map_or_else(|| folder.rsplit('/').next(), |(name, _)| Some(name))
}

/// The first text of this name in a JSON object. The values that are read here need no escapes.
fn text<'a>(json: &'a str, name: &str) -> Option<&'a str> {
    let (_, value) = json.split_once(&format!("\"{name}\":\""))?;
    value.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIBRARY: &str = r#"{"reason":"compiler-artifact","package_id":"path+file:///gw/xtask#0.1.0","target":{"kind":["lib"],"name":"xtask","test":true},"profile":{"opt_level":"0","test":false},"executable":null}"#;
    const HTTP: &str = r#"{"reason":"compiler-artifact","package_id":"path+file:///gw/examples/axum-app#0.1.0","target":{"kind":["test"],"name":"http"},"profile":{"opt_level":"0","test":true},"executable":"/gw/target/debug/deps/http-0a1b","fresh":true}"#;
    const BINARY: &str = r#"{"reason":"compiler-artifact","package_id":"path+file:///gw/examples/axum-app#0.1.0","target":{"kind":["bin"],"name":"axum-app","test":true},"profile":{"test":false},"executable":"/gw/target/debug/axum-app","fresh":true}"#;

    #[test]
    fn only_test_programs_are_found_in_the_messages() {
        let expected =
            Program { name: "axum-app::http".to_owned(), file: "/gw/target/debug/deps/http-0a1b".into() };
        assert_eq!(program(HTTP), Some(expected));
        assert_eq!([LIBRARY, BINARY, r#"{"reason":"build-finished"}"#].map(program), [None, None, None]);
    }

    #[test]
    fn the_package_is_named_after_the_hash_or_by_its_folder() {
        assert_eq!(package("path+file:///gw/tests#gatewright-tests@0.1.0"), Some("gatewright-tests"));
        assert_eq!(package("path+file:///gw/xtask#0.1.0"), Some("xtask"));
    }
}
