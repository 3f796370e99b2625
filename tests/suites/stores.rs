//! The store suite on every store of the workspace.

use gatewright_tests::{memory, sqlite};

gatewright_testkit::store_suite!(memory_store, memory);
gatewright_testkit::store_suite!(sqlite_store, sqlite);
