//! Cases for feeds between nodes: more messages than a node accepts.

use gatewright_core::revocation::MAX_REJECTED_PER_SECOND;
use tokio::time::{Instant, timeout};

use super::listener::{AGAIN, DEADLINE};
use super::messages::{session, user};
use super::{Listener, Network, Received, sealed};

/// The number of messages in a flood: the node must reject most of them unread.
const FLOOD: usize = 10_000;

/// The node must stop using the cache before it gives up its connection, and clear the cache when it
/// listens again. It must not read the whole flood.
pub async fn flooded_node_suspends_the_cache_and_recovers(network: impl Network) {
    let (here, there) = (network.node().await, network.node().await);
    let listener = Listener::to(&*there.feed);
    listener.until_heartbeats(1).await;
    let old = listener.received().len();
    network.flood(FLOOD).await;
    let is_over = |received: &[Received]| {
        let mut new = received[old..].iter().skip_while(|received| **received != Received::Suspend);
        new.any(|received| *received == Received::Clear)
    };
    let received = listener.until("the cache is suspended, then cleared", is_over).await;
    let read = received[old..].iter().take_while(|received| **received != Received::Suspend);
    let read = read.filter(|received| **received == Received::Rejected).count();
    // The flood may begin in one second and end in the next.
    assert!(read <= 2 * MAX_REJECTED_PER_SECOND + 1, "the node read {read} messages of the flood");

    listener.until_heartbeats(1).await;
    let message = session();
    here.feed.publish(&sealed(&message)).await.unwrap();
    listener.until_received(&message).await;
}

/// The flooded node publishes, and another node must receive it when the flood is over.
pub async fn publications_succeed_during_a_flood(network: impl Network) {
    let (here, there) = (network.node().await, network.node().await);
    let listeners = [Listener::to(&*here.feed), Listener::to(&*there.feed)];
    for listener in &listeners {
        listener.until_heartbeats(1).await;
    }
    let flood = async {
        loop {
            network.flood(FLOOD).await;
        }
    };
    let publish = async {
        for number in 0..20 {
            here.feed.publish(&sealed(&user(&number.to_string()))).await.unwrap();
        }
    };
    tokio::select! {
        () = flood => {}
        () = publish => {}
    }
    // The rest of the flood may reach the other node a moment later, and the message with it.
    let (begun, message) = (Instant::now(), session());
    loop {
        here.feed.publish(&sealed(&message)).await.unwrap();
        if timeout(AGAIN, listeners[1].until_received(&message)).await.is_ok() {
            break;
        }
        assert!(begun.elapsed() < DEADLINE, "{:?}", listeners[1].received());
    }
}
