//! Follows `ASK` redirects while a cluster moves a slot from one node to another.
//!
//! During the move, the target node has the keys that have moved and all new keys. The driver
//! follows `ASK` only if it may retry commands, and here it may not (see
//! `Address::cluster_client`). A node that replies `ASK` has not executed the command, so the
//! command can be sent once more, to the node that the reply names.

use redis::aio::ConnectionLike;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::SingleNodeRoutingInfo;
use redis::{Cmd, ErrorKind, RedisError, ServerErrorKind, Value, cmd, pipe};

/// Sends a command to the node that owns the key's slot, or to the node that an `ASK` reply names.
///
/// The driver has no connection to a node that owns no slot yet. In that case the `ASK` error is
/// returned.
pub(super) async fn send(cluster: &mut ClusterConnection, command: &Cmd) -> Result<Value, RedisError> {
    let error = match cluster.req_packed_command(command).await.and_then(Value::extract_error) {
        Err(error) => error,
        reply => return reply,
    };
    let Some(target) = target(&error) else { return Err(error) };
    let mut asking = pipe();
    asking.add_command(cmd("ASKING")).add_command(command.clone());
    match cluster.route_pipeline(asking, 0, 2, target).await {
        Ok(mut replies) => replies.pop().unwrap_or(Value::Nil).extract_error(),
        Err(failure) if failure.kind() == ErrorKind::ClusterConnectionNotFound => Err(error),
        Err(failure) => Err(failure),
    }
}

fn target(error: &RedisError) -> Option<SingleNodeRoutingInfo> {
    if error.kind() != ErrorKind::Server(ServerErrorKind::Ask) {
        return None;
    }
    let (address, _slot) = error.redirect_node()?;
    let (host, port) = address.rsplit_once(':')?;
    Some(SingleNodeRoutingInfo::ByAddress { host: host.to_owned(), port: port.parse().ok()? })
}
