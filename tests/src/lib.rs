//! What the tests of several crates share.

#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test that cannot go on fails")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use gatewright::{MemoryStore, SqliteStore};

/// Two handles on one new, empty store in memory.
pub async fn memory() -> [MemoryStore; 2] {
    let store = MemoryStore::new();
    [store.clone(), store]
}

/// Two handles, each with connections of its own, on one new, empty database file.
pub async fn sqlite() -> [SqliteStore; 2] {
    let url = format!("sqlite://{}", new_file("store.db").display());
    [SqliteStore::connect(&url).await.unwrap(), SqliteStore::connect(&url).await.unwrap()]
}

/// A path in a new directory of this process, below the system's directory for temporary files.
#[must_use]
pub fn new_file(name: &str) -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let directory = std::env::temp_dir().join(format!("gatewright-tests-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    directory.join(name)
}
