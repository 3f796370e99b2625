//! Lua scripts: the store operations that read and write a user's key, or the keys of a step of the throttle, in
//! one atomic step.

use std::sync::LazyLock;

use redis::{Cmd, ErrorKind, FromRedisValue, RedisError, Script, ServerErrorKind, ToRedisArgs, cmd};
use tokio::time::Instant;

use crate::connection::SharedConnection;
use crate::failure::{Failure, Result};

type Lazy = LazyLock<HashedScript>;

pub(crate) static CREATE: Lazy = Lazy::new(|| HashedScript::new(include_str!("scripts/create.lua")));
pub(crate) static COMPARE_AND_SWAP: Lazy =
    Lazy::new(|| HashedScript::new(include_str!("scripts/compare_and_swap.lua")));
pub(crate) static REPLACE_ALL: Lazy =
    Lazy::new(|| HashedScript::new(include_str!("scripts/replace_all.lua")));
pub(crate) static DELETE_EXPIRED: Lazy =
    Lazy::new(|| HashedScript::new(include_str!("scripts/delete_expired.lua")));
pub(crate) static STEP: Lazy = Lazy::new(|| HashedScript::new(include_str!("scripts/step.lua")));

/// A script and its SHA-1, by which a server finds a script that it has run before.
pub(crate) struct HashedScript {
    code: &'static str,
    hash: String,
}

impl HashedScript {
    fn new(code: &'static str) -> Self {
        Self { code, hash: Script::new(code).get_hash().to_owned() }
    }

    /// Runs the script on a key.
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        connection: &SharedConnection,
        key: &str,
        arguments: &[&str],
        deadline: Instant,
    ) -> Result<T> {
        self.run_on(connection, &[key], arguments, deadline).await
    }

    /// Runs the script on keys of one slot. Sends the hash, and the code only if the server does not
    /// know the hash.
    pub(crate) async fn run_on<T: FromRedisValue, A: ToRedisArgs>(
        &self,
        connection: &SharedConnection,
        keys: &[impl ToRedisArgs],
        arguments: &[A],
        deadline: Instant,
    ) -> Result<T> {
        match connection.query(&command("EVALSHA", &self.hash, keys, arguments), deadline).await {
            Err(failure) if is_unknown(&failure) => {
                connection.query(&command("EVAL", self.code, keys, arguments), deadline).await
            }
            result => result,
        }
    }
}

fn command(name: &str, script: &str, keys: &[impl ToRedisArgs], arguments: &[impl ToRedisArgs]) -> Cmd {
    let mut command = cmd(name);
    command.arg(script).arg(keys.len()).arg(keys).arg(arguments);
    command
}

fn is_unknown(failure: &Failure) -> bool {
    let no_script = ErrorKind::Server(ServerErrorKind::NoScript);
    failure.downcast_ref::<RedisError>().is_some_and(|error| error.kind() == no_script)
}
