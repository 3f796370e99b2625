//! Whether a server is a primary.
//!
//! One that was demoted keeps its connections, answers reads with what it last knew, and takes messages that reach nobody
//! beyond it. It is asked on the connection in question: a name may lead elsewhere by now. Every user may say `HELLO`,
//! whatever an ACL forbids.

use std::collections::HashMap;

use redis::aio::ConnectionLike;
use redis::{Cmd, ErrorKind, FromRedisValue, RedisError, ServerErrorKind, Value, cmd};

/// The question.
pub(crate) fn question() -> Cmd {
    cmd("HELLO")
}

/// Judges the answer. Whatever is no primary fails as one that refuses to write: it is the wrong server, and a name may lead
/// to the right one a moment later.
pub(crate) fn judge(answer: Value) -> Result<(), RedisError> {
    let told = HashMap::<String, Value>::from_redis_value(answer.extract_error()?)?;
    match told.get("role") {
        Some(Value::BulkString(role)) if role == b"master" => Ok(()),
        _ => Err((ErrorKind::Server(ServerErrorKind::ReadOnly), "the server is no primary").into()),
    }
}

/// Asks and judges.
pub(crate) async fn prove(connection: &mut impl ConnectionLike) -> Result<(), RedisError> {
    judge(connection.req_packed_command(&question()).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(pairs: &[(&str, Value)]) -> Value {
        let text = |text: &str| Value::BulkString(text.into());
        Value::Array(pairs.iter().flat_map(|(name, value)| [text(name), value.clone()]).collect())
    }

    #[test]
    fn only_who_says_that_it_is_a_primary_is_one() {
        let text = |text: &str| Value::BulkString(text.into());
        let version = ("version", text("7.0.15"));
        assert!(judge(answer(&[version.clone(), ("role", text("master"))])).is_ok());
        let refused = [
            answer(&[version.clone(), ("role", text("replica"))]),
            answer(&[("role", text("slave"))]),
            answer(&[("role", text(""))]),
            answer(&[("role", Value::Nil)]),
            // As of those who watch over servers.
            answer(&[version, ("mode", text("sentinel"))]),
            Value::Nil,
            Value::Okay,
            Value::Array(Vec::new()),
        ];
        assert_eq!(refused.map(|answer| judge(answer).is_err()), [true; 8]);
    }
}
