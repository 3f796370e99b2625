//! Temporary servers for tests: PostgreSQL, MariaDB and Redis on loopback. Each has a free port, a
//! random password and a data directory that is removed with it. The installed programs run
//! directly; without them, containers run.
//!
//! The databases write to the system and do not wait for the disk. A killed server loses nothing; a
//! power failure can lose everything.

mod kind;
mod place;
mod process;
mod registry;
mod mariadb;
mod postgres;
mod redis;
mod install;
mod server;
mod compose;
mod cleanup;
mod run;

pub use install::missing_packages;
pub use kind::Kind;
pub use run::{Services, down, up};
pub use server::Server;
