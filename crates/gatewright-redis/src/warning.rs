//! Server settings that can lose acknowledged writes.

use std::collections::HashMap;
use std::fmt;

use redis::{RedisError, cmd};

use crate::connection::{SharedConnection, call_deadline};
use crate::failure::Result;

/// A server setting that can lose acknowledged writes.
///
/// A lost write has one of these effects: a new session disappears and its user must log in again,
/// a logged-out session comes back, or a used refresh token becomes valid again. `Display` names
/// the setting, the risk and the fix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Warning {
    /// `maxmemory-policy` is not `noeviction`: a full server deletes sessions.
    Evicts,
    /// Neither `appendonly` nor `save` is set: a restart loses all sessions.
    NotPersistent,
    /// `save` is set and `appendonly` is not: a crash undoes all writes since the last snapshot.
    SnapshotsOnly,
    /// `appendfsync` is `everysec`: a power failure undoes the writes of the last one or two
    /// seconds.
    SyncedEverySecond,
    /// `appendfsync` is `no`: a power failure undoes the writes that the operating system has not
    /// written to disk.
    SyncedBySystem,
    /// `no-appendfsync-on-rewrite` is `yes`: the same as [`SyncedBySystem`](Self::SyncedBySystem),
    /// while the server rewrites its log.
    NotSyncedOnRewrite,
    /// The server does not allow `CONFIG GET`, as is usual for managed servers. The settings are
    /// unknown.
    NotChecked,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Evicts => "maxmemory-policy: must be noeviction, or a full server deletes sessions",
            Self::NotPersistent => {
                "appendonly and save: both are off, so a restart loses all sessions; set appendonly to yes"
            }
            Self::SnapshotsOnly => {
                "appendonly: is off, so a crash undoes the logouts and refreshes since the last snapshot; \
                 set it to yes"
            }
            Self::SyncedEverySecond => {
                "appendfsync: is everysec, so a power failure undoes the logouts and refreshes of the last \
                 two seconds; set it to always"
            }
            Self::SyncedBySystem => {
                "appendfsync: is no, so a power failure undoes the logouts and refreshes that are not on disk yet; \
                 set it to always"
            }
            Self::NotSyncedOnRewrite => {
                "no-appendfsync-on-rewrite: is yes, so a power failure while the log is rewritten undoes the logouts \
                 and refreshes that are not on disk yet; set it to no"
            }
            Self::NotChecked => {
                "CONFIG GET: not permitted, so the durability settings are unknown; check that appendonly is yes, \
                 appendfsync is always and maxmemory-policy is noeviction"
            }
        })
    }
}

/// In the order of the arguments of [`judge`].
const SETTINGS: [&str; 5] =
    ["maxmemory-policy", "appendonly", "appendfsync", "no-appendfsync-on-rewrite", "save"];

/// Reads the settings of each primary. Fails if a server does not reply; a server that refuses
/// `CONFIG GET` is a warning.
pub(crate) async fn check_settings(connection: &SharedConnection) -> Result<Vec<Warning>> {
    let mut warnings = Vec::new();
    for slot in connection.primary_slots().await? {
        for warning in check_server(connection, slot).await? {
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
    }
    Ok(warnings)
}

/// Reads each setting with a call of its own: servers before Redis 7 refuse several names at once.
async fn check_server(connection: &SharedConnection, slot: Option<u16>) -> Result<Vec<Warning>> {
    let mut settings = HashMap::<String, String>::new();
    for name in SETTINGS {
        let mut command = cmd("CONFIG");
        command.arg("GET").arg(name);
        match connection.query_at::<HashMap<String, String>>(slot, &command, call_deadline()).await {
            Err(failure) if failure.downcast_ref::<RedisError>().is_some_and(is_refusal) => break,
            reply => settings.extend(reply?),
        }
    }
    let [Some(policy), Some(append), Some(sync), Some(on_rewrite), Some(save)] =
        SETTINGS.map(|name| settings.get(name).map(String::as_str))
    else {
        return Ok(vec![Warning::NotChecked]);
    };
    Ok(judge([policy, append, sync, on_rewrite, save]))
}

/// Whether the server replied with an error.
fn is_refusal(error: &RedisError) -> bool {
    error.code().is_some() && !error.is_unrecoverable_error()
}

fn judge([policy, append, sync, on_rewrite, save]: [&str; 5]) -> Vec<Warning> {
    let durability = match (append, sync) {
        ("yes", "always") => None,
        ("yes", "everysec") => Some(Warning::SyncedEverySecond),
        ("yes", _) => Some(Warning::SyncedBySystem),
        _ if save.is_empty() => Some(Warning::NotPersistent),
        _ => Some(Warning::SnapshotsOnly),
    };
    let syncs = append == "yes" && durability != Some(Warning::SyncedBySystem);
    let rewrite = (syncs && on_rewrite != "no").then_some(Warning::NotSyncedOnRewrite);
    let eviction = (policy != "noeviction").then_some(Warning::Evicts);
    eviction.into_iter().chain(durability).chain(rewrite).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_server_that_syncs_each_write_and_never_evicts_has_no_warnings() {
        use Warning::{
            Evicts, NotPersistent, NotSyncedOnRewrite, SnapshotsOnly, SyncedBySystem, SyncedEverySecond,
        };
        let cases: [([&str; 5], &[Warning]); 11] = [
            (["noeviction", "yes", "always", "no", ""], &[]),
            (["noeviction", "yes", "everysec", "no", "3600 1"], &[SyncedEverySecond]),
            (["noeviction", "yes", "no", "no", ""], &[SyncedBySystem]),
            (["noeviction", "no", "always", "no", "3600 1"], &[SnapshotsOnly]),
            (["noeviction", "no", "everysec", "no", ""], &[NotPersistent]),
            (["volatile-ttl", "yes", "always", "no", ""], &[Evicts]),
            (["allkeys-lru", "no", "everysec", "no", ""], &[Evicts, NotPersistent]),
            (["noeviction", "yes", "always", "yes", ""], &[NotSyncedOnRewrite]),
            (["noeviction", "yes", "everysec", "yes", ""], &[SyncedEverySecond, NotSyncedOnRewrite]),
            (["noeviction", "yes", "no", "yes", ""], &[SyncedBySystem]),
            (["noeviction", "no", "always", "yes", ""], &[NotPersistent]),
        ];
        for (settings, warnings) in cases {
            assert_eq!(judge(settings), warnings, "{settings:?}");
        }
    }
}
