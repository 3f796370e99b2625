//! What a server's settings allow to be lost.

use std::collections::HashMap;
use std::fmt;

use redis::{Cmd, FromRedisValue, RedisError, cmd};

use crate::Parsed;
use crate::link::{Link, deadline};

/// Something in a server's settings by which what was acknowledged may be lost: a session is gone and its user logs in
/// again, or one that was ended, or a token that was used, is as before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Warning {
    /// `maxmemory-policy` lets the server drop sessions when it is full.
    Evicts,
    /// Neither `appendonly` nor `save` is set: a restart forgets everything.
    NotPersistent,
    /// `save` alone is set: a crash undoes what happened since the last snapshot.
    SnapshotsAlone,
    /// `appendfsync everysec`: a power cut undoes what happened in the last second or two.
    SyncedEverySecond,
    /// `appendfsync no`: a power cut undoes what the system had not written yet.
    SyncedSometime,
    /// `no-appendfsync-on-rewrite yes`: a power cut while the log is rewritten undoes what the system had not written yet.
    NotSyncedOnRewrite,
    /// The server does not tell its settings, as managed servers do not: nothing is known.
    NotChecked,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Evicts => "maxmemory-policy is not noeviction: a full server drops sessions",
            Self::NotPersistent => "neither appendonly nor save is set: a restart forgets all sessions",
            Self::SnapshotsAlone => {
                "appendonly is off: a crash undoes logouts and refreshes since the last snapshot"
            }
            Self::SyncedEverySecond => {
                "appendfsync is everysec: a power cut undoes logouts and refreshes of the last second or two"
            }
            Self::SyncedSometime => {
                "appendfsync is no: a power cut undoes logouts and refreshes not yet on the disk"
            }
            Self::NotSyncedOnRewrite => {
                "no-appendfsync-on-rewrite is yes: a power cut while the log is rewritten undoes logouts and refreshes \
                 not yet on the disk"
            }
            Self::NotChecked => {
                "the server does not tell its settings: what it may lose could not be checked"
            }
        })
    }
}

/// Asks the server. A server that does not answer is an error; one that answers that it will not say is a warning.
pub(crate) async fn inspect(link: &Link) -> Parsed<Vec<Warning>> {
    let mut warnings = Vec::new();
    for primary in link.primaries().await? {
        for warning in inspect_at(link, primary).await? {
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
    }
    Ok(warnings)
}

async fn inspect_at(link: &Link, primary: Option<u16>) -> Parsed<Vec<Warning>> {
    let mut settings = HashMap::new();
    for name in ["maxmemory-policy", "appendonly", "appendfsync", "no-appendfsync-on-rewrite", "save"] {
        match setting(link, primary, name).await? {
            Some(value) => settings.insert(name, value),
            None => return Ok(vec![Warning::NotChecked]),
        };
    }
    let value = |name: &str| settings.get(name).map_or("", String::as_str);
    let sync = Sync {
        append: value("appendonly"),
        when: value("appendfsync"),
        not_on_rewrite: value("no-appendfsync-on-rewrite"),
    };
    Ok(judge(value("maxmemory-policy"), &sync, value("save")))
}

async fn setting(link: &Link, primary: Option<u16>, name: &str) -> Parsed<Option<String>> {
    let mut get: Cmd = cmd("CONFIG");
    get.arg("GET").arg(name);
    match link.ask_at::<redis::Value>(primary, &get, deadline()).await {
        Ok(value) => {
            let pairs = HashMap::<String, String>::from_redis_value(value)?;
            Ok(pairs.into_iter().find(|(own, _)| own == name).map(|(_, value)| value))
        }
        Err(failure) if failure.downcast_ref::<RedisError>().is_some_and(is_refusal) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// The server answered, and said no.
fn is_refusal(error: &RedisError) -> bool {
    error.code().is_some() && !error.is_unrecoverable_error()
}

/// How the server's log comes to the disk.
struct Sync<'a> {
    append: &'a str,
    when: &'a str,
    not_on_rewrite: &'a str,
}

fn judge(policy: &str, sync: &Sync<'_>, save: &str) -> Vec<Warning> {
    let durability = match (sync.append, sync.when) {
        ("yes", "always") => None,
        ("yes", "everysec") => Some(Warning::SyncedEverySecond),
        ("yes", _) => Some(Warning::SyncedSometime),
        _ if save.is_empty() => Some(Warning::NotPersistent),
        _ => Some(Warning::SnapshotsAlone),
    };
    let syncs = sync.append == "yes" && durability != Some(Warning::SyncedSometime);
    let rewrite = (syncs && sync.not_on_rewrite != "no").then_some(Warning::NotSyncedOnRewrite);
    let eviction = (policy != "noeviction").then_some(Warning::Evicts);
    eviction.into_iter().chain(durability).chain(rewrite).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_server_that_syncs_each_write_and_drops_nothing_is_without_a_warning() {
        use Warning::{
            Evicts, NotPersistent, NotSyncedOnRewrite, SnapshotsAlone, SyncedEverySecond, SyncedSometime,
        };
        let cases: [(&str, [&str; 3], &str, &[Warning]); 11] = [
            ("noeviction", ["yes", "always", "no"], "", &[]),
            ("noeviction", ["yes", "everysec", "no"], "3600 1", &[SyncedEverySecond]),
            ("noeviction", ["yes", "no", "no"], "", &[SyncedSometime]),
            ("noeviction", ["no", "always", "no"], "3600 1", &[SnapshotsAlone]),
            ("noeviction", ["no", "everysec", "no"], "", &[NotPersistent]),
            ("volatile-ttl", ["yes", "always", "no"], "", &[Evicts]),
            ("allkeys-lru", ["no", "everysec", "no"], "", &[Evicts, NotPersistent]),
            ("noeviction", ["yes", "always", "yes"], "", &[NotSyncedOnRewrite]),
            ("noeviction", ["yes", "everysec", "yes"], "", &[SyncedEverySecond, NotSyncedOnRewrite]),
            ("noeviction", ["yes", "no", "yes"], "", &[SyncedSometime]),
            ("noeviction", ["no", "always", "yes"], "", &[NotPersistent]),
        ];
        for (policy, [append, when, not_on_rewrite], save, warnings) in cases {
            let sync = Sync { append, when, not_on_rewrite };
            assert_eq!(
                judge(policy, &sync, save),
                warnings,
                "{policy} {append} {when} {not_on_rewrite} {save:?}"
            );
        }
    }
}
