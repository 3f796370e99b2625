//! A slot on its way from one node of a cluster to another: what has moved already, and what is new, is at the other.
//!
//! The driver follows where it may send a command again, which it may not here (see `Address::cluster`). A node that answers
//! `ASK` has not carried the command out, and where it points to is asked once.

use redis::aio::ConnectionLike;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::SingleNodeRoutingInfo;
use redis::{Cmd, ErrorKind, RedisError, ServerErrorKind, Value, cmd, pipe};

/// Sends a command to the node that has the key's slot, or to the one that this node refers to. The latter may have no slot
/// yet, so that there is no connection to it: then the refusal stands.
pub(crate) async fn ask(cluster: &mut ClusterConnection, command: &Cmd) -> Result<Value, RedisError> {
    let refusal = match cluster.req_packed_command(command).await.and_then(Value::extract_error) {
        Err(refusal) => refusal,
        answer => return answer,
    };
    let Some(place) = target(&refusal) else { return Err(refusal) };
    let mut asking = pipe();
    asking.add_command(cmd("ASKING")).add_command(command.clone());
    match cluster.route_pipeline(asking, 0, 2, place).await {
        Ok(mut answers) => answers.pop().unwrap_or(Value::Nil).extract_error(),
        Err(error) if error.kind() == ErrorKind::ClusterConnectionNotFound => Err(refusal),
        Err(error) => Err(error),
    }
}

fn target(refusal: &RedisError) -> Option<SingleNodeRoutingInfo> {
    if refusal.kind() != ErrorKind::Server(ServerErrorKind::Ask) {
        return None;
    }
    let (address, _slot) = refusal.redirect_node()?;
    let (host, port) = address.rsplit_once(':')?;
    Some(SingleNodeRoutingInfo::ByAddress { host: host.to_owned(), port: port.parse().ok()? })
}
