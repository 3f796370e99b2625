//! Cases for feeds between nodes: more messages than a node accepts.

use tokio::time::{Instant, timeout};

use super::listener::DEADLINE;
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
    let is_over = |received: &[Received]| {
        let mut new = received[old..].iter().skip_while(|received| **received != Received::Suspend);
        new.any(|received| *received == Received::Clear)
    };
    let begun = Instant::now();
    let received = loop {
        network.flood(FLOOD).await;
        let over = listener.until("the cache is suspended, then cleared", is_over);
        // On a slow machine the node may lose its connection, and the flood with it.
        if let Ok(received) = timeout(DEADLINE / 3, over).await {
            break received;
        }
        assert!(begun.elapsed() < DEADLINE, "{:?}", listener.received());
    };
    let read = received[old..].iter().take_while(|received| **received != Received::Suspend);
    let read = read.filter(|received| **received == Received::Rejected).count();
    // On a slow machine the flood may take several seconds, in each of which the node reads messages.
    assert!(read < FLOOD / 2, "the node read {read} messages of the flood");

    listener.until_heartbeats(1).await;
    listener.until_reached(&*here.feed, &session()).await;
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
            let (begun, message) = (Instant::now(), sealed(&user(&number.to_string())));
            // On a slow machine a publication may miss its deadline, but not again and again.
            while let Err(error) = here.feed.publish(&message).await {
                assert!(begun.elapsed() < DEADLINE, "{error:?}");
            }
        }
    };
    tokio::select! {
        () = flood => {}
        () = publish => {}
    }
    // The rest of the flood may reach the other node a moment later, and the message with it.
    listeners[1].until_reached(&*here.feed, &session()).await;
}
