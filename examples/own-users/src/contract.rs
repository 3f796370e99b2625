//! The employees against the contract of `UserStore`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::fs::File;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gatewright::{LoginName, UserId};
use gatewright_testkit::store::{UserState, Users};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{SqlitePool, query, query_scalar};

use crate::{Employees, TABLE};

/// The store under test, and how the shop writes to its table.
#[derive(Clone)]
struct Table {
    store: Employees,
    _file: Arc<TestFile>,
}

impl Users for Table {
    type Store = Employees;

    fn store(&self) -> &Employees {
        &self.store
    }

    async fn add(&self, name: &LoginName, state: &UserState) -> UserId {
        let insert = query_scalar(
            "INSERT INTO employees (login, name, branch, roles, password, locked, epoch) \
             VALUES (?, ?, 'north', 'cashier manager', ?, ?, ?) RETURNING id",
        )
        .bind(name.throttle_key())
        .bind(name.as_str().to_owned())
        .bind(state.password_hash.expose())
        .bind(!state.is_active)
        .bind(state.epoch.as_u64().cast_signed());
        let id: i64 = insert.fetch_one(&self.store.0).await.unwrap();
        UserId::from(id)
    }

    async fn write(&self, id: &UserId, state: &UserState) {
        let update = query("UPDATE employees SET password = ?, locked = ?, epoch = ? WHERE id = ?")
            .bind(state.password_hash.expose())
            .bind(!state.is_active)
            .bind(state.epoch.as_u64().cast_signed())
            .bind(id.as_str());
        update.execute(&self.store.0).await.unwrap();
    }
}

/// Two handles on one new database, each with its own connections, as on two nodes of the shop.
async fn fresh() -> [Table; 2] {
    let file = TestFile::new();
    let options = SqliteConnectOptions::new().filename(&file.0).create_if_missing(true);
    let pools = [(); 2].map(|()| SqlitePool::connect_lazy_with(options.clone()));
    query(TABLE).execute(&pools[0]).await.unwrap();
    let file = Arc::new(file);
    pools.map(|pool| Table { store: Employees(pool), _file: Arc::clone(&file) })
}

/// A new file for a database, which is deleted with the last handle.
struct TestFile(PathBuf);

impl TestFile {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        loop {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("own-users-{}-{number}.db", std::process::id()));
            match File::create_new(&path) {
                Ok(_) => return Self(path),
                // An earlier process had the same id.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => panic!("{}: {error}", path.display()),
            }
        }
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A store whose table does not exist.
async fn without_a_table() -> Employees {
    Employees(SqlitePool::connect("sqlite::memory:").await.unwrap())
}

gatewright_testkit::user_suite!(employees, fresh, without_a_table);
