//! The structure of the workspace: which folders, files and crates may use which others, and their
//! sizes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const CORE: &str = "crates/gatewright-core/src";

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: impl AsRef<Path>) -> String {
    let path = workspace().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the paths in a folder, in the order of their names.
fn list(folder: impl AsRef<Path>) -> Vec<PathBuf> {
    let entries = fs::read_dir(workspace().join(folder)).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

/// Returns the lines that are not blank and not a comment, without the unit tests at the end.
fn code_lines(source: &str) -> impl Iterator<Item = &str> {
    let code = source.split("#[cfg(test)]").next().unwrap();
    code.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with("//"))
}

/// Returns the modules that a source declares, in order.
fn modules(source: &str) -> Vec<String> {
    let declaration = |line: &str| {
        let rest = line.strip_prefix("pub ").unwrap_or(line).strip_prefix("mod ")?;
        rest.strip_suffix(';').map(str::to_owned)
    };
    source.lines().filter_map(declaration).collect()
}

/// Returns the modules that the code names after `prefix`: `crate::` or `super::`.
fn named_modules(source: &str, prefix: &str) -> BTreeSet<String> {
    let code = code_lines(source).collect::<Vec<_>>().join("\n");
    let mut named = BTreeSet::new();
    for (at, found) in code.match_indices(prefix) {
        // `$crate::` in a macro expands in the crate of the caller.
        if code[..at].ends_with('$') {
            continue;
        }
        let rest = &code[at + found.len()..];
        let group = rest.strip_prefix('{').map(|group| group.split('}').next().unwrap());
        for path in group.map_or(vec![rest], |group| group.split(',').collect()) {
            let end = |c: char| !c.is_alphanumeric() && c != '_';
            let name = path.trim().split(end).next().unwrap();
            if !name.is_empty() {
                named.insert(name.to_owned());
            }
        }
    }
    named
}

/// Asserts that the source names, after `prefix`, only modules of `order` above `module`. Returns
/// how many.
fn expect_order(file: &str, source: &str, prefix: &str, order: &[String], module: &str) -> usize {
    let position = |name: &str| order.iter().position(|module| module == name);
    let used = named_modules(source, prefix);
    for name in &used {
        let Some(above) = position(name) else {
            panic!("{file}: `{prefix}{name}` is not a module: name an item by the module that defines it")
        };
        assert!(
            above < position(module).unwrap(),
            "{file} uses `{prefix}{name}`, which comes after `{module}`"
        );
    }
    used.len()
}

#[test]
fn folders_and_files_of_the_core_use_only_those_listed_above_them() {
    let folders = modules(&read(format!("{CORE}/lib.rs")));
    let (mut between, mut within) = (0, 0);
    for folder in &folders {
        let root = read(format!("{CORE}/{folder}.rs"));
        between += expect_order(folder, &root, "crate::", &folders, folder);
        let files = modules(&root);
        let inside = workspace().join(CORE).join(folder);
        let count = if inside.is_dir() { list(&inside).len() } else { 0 };
        assert_eq!(
            count,
            files.len(),
            "{folder}.rs must declare each file of its folder with `mod` or `pub mod`"
        );
        for file in &files {
            let (path, source) = (format!("{folder}/{file}"), read(format!("{CORE}/{folder}/{file}.rs")));
            between += expect_order(&path, &source, "crate::", &folders, folder);
            within += expect_order(&path, &source, "super::", &files, file);
        }
    }
    assert!(folders.len() <= 15, "a reader must be able to survey the folders: {folders:?}");
    assert!(
        between > 60 && within > 20,
        "{between} uses between folders and {within} within them were found"
    );
}

/// Returns the first block of the text that is fenced as `text`. Each of its lines may have the
/// prefix.
fn drawing(text: &str, prefix: &str) -> Vec<String> {
    let lines = text.lines().map(|line| line.strip_prefix(prefix).unwrap_or(line).trim_start_matches("//!"));
    let block = lines.skip_while(|line| *line != "```text").skip(1);
    block.take_while(|line| *line != "```").map(str::to_owned).collect()
}

#[test]
fn the_core_and_the_architecture_page_have_the_same_drawing() {
    let in_core = drawing(&read(format!("{CORE}/lib.rs")), "//! ");
    assert!(in_core.len() > 10, "{in_core:#?}");
    assert_eq!(in_core, drawing(&read("ARCHITECTURE.md"), ""));
}

#[test]
fn the_architecture_page_and_the_decisions_are_short() {
    let architecture = read("ARCHITECTURE.md").lines().count();
    assert!(architecture <= 150, "ARCHITECTURE.md: {architecture} lines");
    let mut decisions = 0;
    for path in
        list("docs/decisions").iter().filter(|path| name(path).starts_with(|c: char| c.is_ascii_digit()))
    {
        let lines = read(path).lines().count();
        assert!(lines <= 40, "{}: {lines} lines", path.display());
        decisions += 1;
    }
    assert!(decisions > 20, "only {decisions} decisions were read");
}

/// Returns the names in the section `[dependencies]` of a manifest.
fn dependencies(manifest: impl AsRef<Path>) -> BTreeSet<String> {
    let text = read(manifest);
    let section =
        text.split("\n[dependencies]\n").nth(1).unwrap_or_default().split("\n[").next().unwrap_or_default();
    let lines = section.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split(['.', ' ', '=']).next().unwrap().to_owned()).collect()
}

#[test]
fn crates_depend_only_on_allowed_crates_of_the_workspace() {
    let may: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("gatewright-core", &[][..]),
        ("gatewright-jwt", &["gatewright-core"]),
        ("gatewright-jwks", &["gatewright-core", "gatewright-jwt"]),
        ("gatewright-cli", &["gatewright-core", "gatewright-jwt", "gatewright-password", "gatewright-sqlx"]),
        ("gatewright-password", &["gatewright-core"]),
        ("gatewright-memory", &["gatewright-core"]),
        ("gatewright-metrics", &["gatewright-core"]),
        ("gatewright-feed-thread", &[]),
        ("gatewright-redis", &["gatewright-core", "gatewright-feed-thread"]),
        ("gatewright-sqlx", &["gatewright-core", "gatewright-feed-thread"]),
        ("gatewright-actix-web", &["gatewright-core"]),
        ("gatewright-axum", &["gatewright-core"]),
        ("gatewright-openapi", &["gatewright-core"]),
        ("gatewright-poem", &["gatewright-core"]),
        ("gatewright-testkit", &["gatewright-core"]),
        (
            "gatewright",
            &[
                "gatewright-actix-web",
                "gatewright-axum",
                "gatewright-core",
                "gatewright-jwks",
                "gatewright-jwt",
                "gatewright-memory",
                "gatewright-metrics",
                "gatewright-openapi",
                "gatewright-password",
                "gatewright-poem",
                "gatewright-redis",
                "gatewright-sqlx",
            ],
        ),
    ]);
    let crates = list("crates");
    for folder in &crates {
        let name = name(folder);
        let allowed =
            may.get(name).unwrap_or_else(|| panic!("{name}: add its allowed dependencies to this test"));
        for dependency in dependencies(folder.join("Cargo.toml")) {
            let is_ours = dependency.starts_with("gatewright");
            assert!(!is_ours || allowed.contains(&dependency.as_str()), "{name} must not use {dependency}");
        }
    }
    assert_eq!(crates.len(), may.len());
}

#[test]
fn the_core_depends_on_no_framework_database_or_cipher() {
    let own = dependencies("crates/gatewright-core/Cargo.toml");
    for foreign in [
        "axum",
        "actix-web",
        "poem",
        "http",
        "sqlx",
        "redis",
        "aws-lc-rs",
        "jsonwebtoken",
        "argon2",
        "metrics",
        "tokio",
    ] {
        assert!(!own.contains(foreign), "{foreign}");
    }
    assert!(own.contains("async-trait"), "the manifest was read");
}

#[test]
fn files_have_at_most_350_lines_of_code() {
    let mut paths: Vec<PathBuf> =
        ["benches", "browser", "crates", "examples", "loom", "tests", "xtask"].map(PathBuf::from).into();
    let (mut files, mut long) = (0, Vec::new());
    while let Some(path) = paths.pop() {
        if workspace().join(&path).is_dir() {
            paths.extend(list(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files += 1;
            let lines = code_lines(&read(&path)).count();
            if lines > 350 {
                long.push(format!("{}: {lines} lines of code", path.display()));
            }
        }
    }
    assert!(files > 50, "only {files} files were read");
    assert!(long.is_empty(), "{long:#?}");
}

/// Returns the names that an adapter exports.
fn public_names(adapter: &str) -> BTreeSet<String> {
    let root = read(format!("crates/{adapter}/src/lib.rs"));
    let uses = root.split("pub use ").skip(1).map(|rest| rest.split(';').next().unwrap());
    let lists = uses.map(|list| list.split("::").nth(1).unwrap().trim_matches(['{', '}', '\n', ' ']));
    let names = lists.flat_map(|list| list.split(',').map(|name| name.trim().to_owned()));
    names.filter(|name| !name.is_empty()).collect()
}

#[test]
fn adapters_have_the_same_short_files_and_the_same_public_names() {
    for adapter in ["gatewright-axum", "gatewright-actix-web", "gatewright-poem"] {
        let files = list(format!("crates/{adapter}/src"));
        let names: Vec<&str> = files.iter().map(|path| name(path)).collect();
        assert_eq!(names, ["extract.rs", "layer.rs", "lib.rs", "reject.rs", "routes.rs"], "{adapter}");
        let lines: usize = files.iter().map(|path| code_lines(&read(path)).count()).sum();
        assert!(lines < 400, "{adapter}: {lines} lines of code");
    }
    // On axum the state holds the `Auth`. On the others `install` adds it to the application.
    let mut axum = public_names("gatewright-axum");
    assert!(axum.remove("HasAuth") && axum.insert("install".to_owned()));
    assert_eq!(axum.len(), 27);
    for other in ["gatewright-actix-web", "gatewright-poem"] {
        assert_eq!(public_names(other), axum, "{other}");
    }
}
