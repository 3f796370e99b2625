//! Checks that a server is a primary.
//!
//! A demoted server keeps its connections open. It answers reads with old data, and it accepts
//! messages that do not reach the subscribers of the new primary. The check therefore runs on the
//! connection in use: by now the server's name may resolve to another server. The check sends
//! `HELLO`, which an ACL cannot forbid.

use std::collections::HashMap;

use redis::aio::ConnectionLike;
use redis::{Cmd, ErrorKind, FromRedisValue, RedisError, ServerErrorKind, Value, cmd};

/// The command whose reply names the server's role.
pub(super) fn command() -> Cmd {
    cmd("HELLO")
}

/// Accepts the reply of a primary. Every other reply becomes a `READONLY` error, the error of a
/// replica that is asked to write. Callers then close the connection and try again, because the
/// name may resolve to a primary a moment later.
pub(super) fn check_reply(reply: Value) -> Result<(), RedisError> {
    let properties = HashMap::<String, Value>::from_redis_value(reply.extract_error()?)?;
    match properties.get("role") {
        Some(Value::BulkString(role)) if role == b"master" => Ok(()),
        _ => {
            let kind = ErrorKind::Server(ServerErrorKind::ReadOnly);
            Err((kind, "the server is not a primary: use the URL of the primary").into())
        }
    }
}

/// Fails unless the server at the other end is a primary.
pub(crate) async fn check(connection: &mut impl ConnectionLike) -> Result<(), RedisError> {
    check_reply(connection.req_packed_command(&command()).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    fn reply(pairs: &[(&str, Value)]) -> Value {
        Value::Array(pairs.iter().flat_map(|(name, value)| [text(name), value.clone()]).collect())
    }

    #[test]
    fn only_a_server_with_the_role_of_a_primary_is_accepted() {
        let version = ("version", text("7.0.15"));
        assert!(check_reply(reply(&[version.clone(), ("role", text("master"))])).is_ok());
        let rejected = [
            reply(&[version.clone(), ("role", text("replica"))]),
            reply(&[("role", text("slave"))]),
            reply(&[("role", text(""))]),
            reply(&[("role", Value::Nil)]),
            // A sentinel.
            reply(&[version, ("mode", text("sentinel"))]),
            Value::Nil,
            Value::Okay,
            Value::Array(Vec::new()),
        ];
        assert_eq!(rejected.map(|reply| check_reply(reply).is_err()), [true; 8]);
    }
}
