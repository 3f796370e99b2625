//! The scripts: what must happen in one step on a user's key.

use std::sync::LazyLock;

use redis::{Cmd, ErrorKind, FromRedisValue, RedisError, Script, ServerErrorKind, cmd};
use tokio::time::Instant;

use crate::Parsed;
use crate::link::Link;

pub(crate) static BEGIN: LazyLock<Named> = LazyLock::new(|| Named::new(include_str!("scripts/begin.lua")));
pub(crate) static REPLACE: LazyLock<Named> =
    LazyLock::new(|| Named::new(include_str!("scripts/replace.lua")));
pub(crate) static RETAIN: LazyLock<Named> = LazyLock::new(|| Named::new(include_str!("scripts/retain.lua")));
pub(crate) static PURGE: LazyLock<Named> = LazyLock::new(|| Named::new(include_str!("scripts/purge.lua")));

/// A script, and the digest by which a server that has seen it knows it.
pub(crate) struct Named {
    code: &'static str,
    digest: String,
}

impl Named {
    fn new(code: &'static str) -> Self {
        Self { code, digest: Script::new(code).get_hash().to_owned() }
    }

    /// Runs the script on a key: by its digest or, on a server that does not know it, by its text.
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        link: &Link,
        key: &str,
        arguments: &[&str],
        until: Instant,
    ) -> Parsed<T> {
        match link.ask(&command("EVALSHA", &self.digest, key, arguments), until).await {
            Err(failure) if is_unknown(&failure) => {
                link.ask(&command("EVAL", self.code, key, arguments), until).await
            }
            done => done,
        }
    }
}

fn command(name: &str, script: &str, key: &str, arguments: &[&str]) -> Cmd {
    let mut command = cmd(name);
    command.arg(script).arg(1).arg(key).arg(arguments);
    command
}

fn is_unknown(failure: &crate::Failure) -> bool {
    let no_script = ErrorKind::Server(ServerErrorKind::NoScript);
    failure.downcast_ref::<RedisError>().is_some_and(|error| error.kind() == no_script)
}
