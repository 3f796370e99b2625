//! The arrows of the house: core's modules use only those above them, crates only what they may.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The modules that a source names behind `crate::`.
fn named_modules(source: &str, modules: &[String]) -> BTreeSet<String> {
    let code: Vec<&str> = source.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join("\n");
    let mut named = BTreeSet::new();
    for (at, found) in code.match_indices("crate::") {
        // `$crate::` stands in a macro: it is the user's code.
        if code[..at].ends_with('$') {
            continue;
        }
        let rest = &code[at + found.len()..];
        let paths = rest.strip_prefix('{').map_or(rest, |group| group.split('}').next().unwrap());
        let one = rest.starts_with('{');
        for path in paths.split(',').take(if one { usize::MAX } else { 1 }) {
            let name = path.trim().split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
            assert!(
                modules.iter().any(|module| module == name),
                "`crate::{name}` names no module: items are named by the module they live in"
            );
            named.insert(name.to_owned());
        }
    }
    named
}

/// The modules of a crate in the order its root lists them.
fn modules_of(krate: &str) -> Vec<String> {
    let root = read(&workspace().join("crates").join(krate).join("src/lib.rs"));
    let lines =
        root.lines().filter_map(|line| line.strip_prefix("pub mod ").or_else(|| line.strip_prefix("mod ")));
    lines.filter_map(|line| line.strip_suffix(';')).map(str::to_owned).collect()
}

#[test]
fn each_module_of_the_core_uses_only_those_listed_above_it() {
    let modules = modules_of("gatewright-core");
    let mut arrows = 0;
    for (position, module) in modules.iter().enumerate() {
        let source = read(&workspace().join(format!("crates/gatewright-core/src/{module}.rs")));
        for used in named_modules(&source, &modules) {
            let above = modules.iter().position(|name| *name == used).unwrap();
            assert!(above < position, "{module} uses {used}, which stands below it");
            arrows += 1;
        }
    }
    assert_eq!(modules.len(), 49);
    assert!(arrows > 60, "{arrows} arrows were found");
}

/// The names in a manifest's `[dependencies]`.
fn dependencies(manifest: &Path) -> BTreeSet<String> {
    let text = read(manifest);
    let section =
        text.split("\n[dependencies]\n").nth(1).unwrap_or_default().split("\n[").next().unwrap_or_default();
    let lines = section.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split(['.', ' ', '=']).next().unwrap().to_owned()).collect()
}

#[test]
fn crates_use_only_what_they_may() {
    let may: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("gatewright-core", &[][..]),
        ("gatewright-jwt", &["gatewright-core"]),
        ("gatewright-jwks", &["gatewright-core", "gatewright-jwt"]),
        ("gatewright-cli", &["gatewright-core", "gatewright-jwt"]),
        ("gatewright-password", &["gatewright-core"]),
        ("gatewright-memory", &["gatewright-core"]),
        ("gatewright-redis", &["gatewright-core"]),
        ("gatewright-sqlx", &["gatewright-core"]),
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
                "gatewright-openapi",
                "gatewright-password",
                "gatewright-poem",
                "gatewright-redis",
                "gatewright-sqlx",
            ],
        ),
    ]);
    let mut seen = 0;
    for entry in fs::read_dir(workspace().join("crates")).unwrap() {
        let directory = entry.unwrap().path();
        let name = directory.file_name().unwrap().to_str().unwrap().to_owned();
        let allowed = may.get(name.as_str()).unwrap_or_else(|| panic!("{name}: say what it may use"));
        for dependency in dependencies(&directory.join("Cargo.toml")) {
            let ours = dependency.starts_with("gatewright");
            assert!(!ours || allowed.contains(&dependency.as_str()), "{name} may not use {dependency}");
        }
        seen += 1;
    }
    assert_eq!(seen, may.len());
}

#[test]
fn the_core_knows_no_framework_no_database_and_no_cipher() {
    let own = dependencies(&workspace().join("crates/gatewright-core/Cargo.toml"));
    for foreign in
        ["axum", "actix-web", "poem", "http", "sqlx", "redis", "aws-lc-rs", "jsonwebtoken", "argon2", "tokio"]
    {
        assert!(!own.contains(foreign), "{foreign}");
    }
    assert!(own.contains("async-trait"), "the manifest was read");
}

#[test]
fn every_file_is_short() {
    let mut long = Vec::new();
    let mut folders = vec![
        workspace().join("browser"),
        workspace().join("crates"),
        workspace().join("examples"),
        workspace().join("tests"),
        workspace().join("xtask"),
    ];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files += 1;
                let source = read(&path);
                let before_tests = source.split("#[cfg(test)]").next().unwrap().lines().count();
                if before_tests > 400 {
                    long.push(format!("{}: {before_tests} lines", path.display()));
                }
            }
        }
    }
    assert!(files > 50, "{files} files were read");
    assert!(long.is_empty(), "{long:#?}");
}

/// The names that an adapter gives away.
fn public_names(adapter: &str) -> BTreeSet<String> {
    let root = read(&workspace().join("crates").join(adapter).join("src/lib.rs"));
    let uses = root.split("pub use ").skip(1).map(|rest| rest.split(';').next().unwrap().to_owned());
    let names = uses.map(|list| list.split("::").nth(1).unwrap().to_owned());
    let names = names.flat_map(|list| {
        let list = list.trim_matches(['{', '}', '\n', ' ']).to_owned();
        list.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>()
    });
    names.filter(|name| !name.is_empty()).collect()
}

#[test]
fn adapters_are_the_same_four_short_files_with_the_same_public_names() {
    let adapters = ["gatewright-axum", "gatewright-actix-web", "gatewright-poem"];
    for adapter in adapters {
        let folder = workspace().join("crates").join(adapter).join("src");
        let mut files: Vec<String> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        assert_eq!(files, ["extract.rs", "layer.rs", "lib.rs", "reject.rs", "routes.rs"], "{adapter}");
        let lines: usize = files.iter().map(|file| read(&folder.join(file)).lines().count()).sum();
        assert!(lines < 500, "{adapter}: {lines} lines");
    }
    // axum's state holds the `Auth`; on the others `install` does.
    let mut axum = public_names("gatewright-axum");
    assert!(axum.remove("HasAuth") && axum.insert("install".to_owned()));
    assert_eq!(axum.len(), 23);
    for other in ["gatewright-actix-web", "gatewright-poem"] {
        assert_eq!(public_names(other), axum, "{other}");
    }
}
