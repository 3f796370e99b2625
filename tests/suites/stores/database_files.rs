//! The permissions of SQLite's files.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use gatewright::SqliteStore;
use gatewright_tests::{Log, new_file};

/// The warnings about permissions that a `connect` to this database logs.
async fn warnings(url: &str) -> Vec<String> {
    let log = Log::default();
    let _listening = log.listen();
    SqliteStore::connect(url).await.unwrap().close().await;
    let text = log.text();
    text.lines().filter(|line| line.contains("only the owner of")).map(str::to_owned).collect()
}

/// Asserts that there is one warning, which says how to make this file private, and no other.
fn expect_fix(warnings: &[String], file: &Path) {
    let fix = format!("chmod go-rwx {:?}", file.canonicalize().unwrap());
    assert!(matches!(warnings, [one] if one.contains("WARN") && one.ends_with(&fix)), "{fix}: {warnings:?}");
}

/// Each permission that another user could use, in the database and in SQLite's other files.
#[tokio::test]
async fn a_file_that_others_can_access_warns_once_with_the_fix() {
    let path = new_file("public.db");
    let url = format!("sqlite://{}", path.display());
    assert!(warnings(&url).await.is_empty(), "a new file is private");
    for mode in [0o640, 0o604, 0o660, 0o602, 0o644] {
        set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        expect_fix(&warnings(&url).await, &path);
    }
    let link = path.with_extension("link");
    symlink(&path, &link).unwrap();
    expect_fix(&warnings(&format!("sqlite://{}", link.display())).await, &path);
    set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    assert!(warnings(&url).await.is_empty());
}

/// The write-ahead log keeps its permissions when those of the database change.
#[tokio::test]
async fn a_public_write_ahead_log_warns_although_the_database_is_private() {
    let path = new_file("log.db");
    let url = format!("sqlite://{}", path.display());
    let _open = SqliteStore::connect(&url).await.unwrap();
    let wal = path.with_extension("db-wal");
    set_permissions(&wal, Permissions::from_mode(0o644)).unwrap();
    expect_fix(&warnings(&url).await, &wal);
}

#[tokio::test]
async fn a_database_in_memory_never_warns() {
    assert!(warnings("sqlite::memory:").await.is_empty());
}
