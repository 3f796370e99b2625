//! Cases for feeds between nodes: heartbeats.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use gatewright_core::revocation::HEARTBEAT_INTERVAL;
use gatewright_core::{FeedReach, Revocation};
use tokio::task::{JoinSet, yield_now};
use tokio::time::Instant;

use super::listener::DEADLINE;
use super::messages::user;
use super::{Listener, Network, Received, sealed};

/// The number of heartbeats that a case waits for.
const BEATS: usize = 4;

/// Each heartbeat is sent once. It may be sent late, but not early.
pub async fn heartbeats_are_sent_every_second_and_return_in_order(network: impl Network) {
    let node = network.node().await;
    assert_eq!(node.feed.reach(), FeedReach::Cluster);
    let listener = Listener::to(&*node.feed);
    listener.until_heartbeats(1).await;
    let (begun, before, cleared) = (Instant::now(), listener.heartbeats().len(), listener.clears());
    let received = listener.until_heartbeats(BEATS).await;
    let (made, reconnects) = (listener.heartbeats(), listener.clears() - cleared);
    let passed = begun.elapsed();
    // After a reconnect, on a slow machine, a heartbeat is sent at once.
    let most = usize::try_from(passed.as_millis() / HEARTBEAT_INTERVAL.as_millis()).unwrap() + 2 + reconnects;
    assert!(made.len() - before <= most, "{} heartbeats in {passed:?}", made.len() - before);
    // If an acknowledgement is lost, the heartbeat is sent again.
    let mut known = HashSet::new();
    let own = received.iter().filter_map(heartbeat).filter(|text| made.contains(text));
    let back: Vec<&String> = own.filter(|text| known.insert(*text)).collect();
    let in_order: Vec<&String> = made.iter().filter(|text| back.contains(text)).collect();
    assert_eq!(back, in_order);
}

fn heartbeat(received: &Received) -> Option<&String> {
    if let Received::Heartbeat(text) = received { Some(text) } else { None }
}

/// Every node also receives its own heartbeats.
pub async fn every_node_receives_the_heartbeats_of_all_nodes(network: impl Network) {
    let nodes = [network.node().await, network.node().await, network.node().await];
    let listeners = nodes.each_ref().map(|node| Listener::to(&*node.feed));
    for listener in &listeners {
        for other in &listeners {
            let of_other = |received: &[Received]| {
                received.iter().filter_map(heartbeat).any(|text| other.heartbeats().contains(text))
            };
            listener.until("a heartbeat of every node arrives", of_other).await;
        }
    }
}

/// One node publishes continuously. When a heartbeat of the other node returns to it, that node
/// must have received every revocation whose publication had completed before the heartbeat was
/// created.
///
/// A slow machine may lose a connection. The cache is then cleared, so the revocations before the
/// clear are not checked.
pub async fn heartbeats_never_overtake_earlier_revocations(network: impl Network) {
    let (here, there) = (network.node().await, network.node().await);
    let listener = Listener::to(&*there.feed);
    listener.until_heartbeats(1).await;
    // Each revocation with the number of heartbeats created when its publication completed.
    let published: Arc<Mutex<Vec<(usize, Revocation)>>> = Arc::default();
    let mut publishers = JoinSet::new();
    for publisher in 0..4 {
        let (feed, listener) = (Arc::clone(&here.feed), Arc::clone(&listener));
        let published = Arc::clone(&published);
        publishers.spawn(async move {
            for number in 0.. {
                let message = user(&format!("{publisher} {number}"));
                if feed.publish(&sealed(&message)).await.is_err() {
                    yield_now().await;
                    continue;
                }
                let made = listener.heartbeats().len();
                published.lock().unwrap().push((made, message));
            }
        });
    }
    let begun = Instant::now();
    loop {
        let received = listener.until_heartbeats(BEATS).await;
        let (made, published) = (listener.heartbeats(), published.lock().unwrap().clone());
        let checked = check_order(&received, &made, &published);
        if checked > 100 {
            break;
        }
        assert!(begun.elapsed() < DEADLINE, "{checked} pairs were compared");
    }
}

/// Returns how many pairs of a heartbeat and an earlier revocation it has compared.
fn check_order(received: &[Received], made: &[String], published: &[(usize, Revocation)]) -> usize {
    let mut known = HashSet::new();
    // The first heartbeat since the last clear.
    let mut first = None;
    let mut checked = 0;
    for received in received {
        match received {
            Received::Revocation(revocation) => drop(known.insert(revocation.to_string())),
            Received::Heartbeat(text) => {
                let Some(number) = made.iter().position(|made| made == text) else { continue };
                let since = *first.get_or_insert(number) + 1;
                for (_, message) in published.iter().filter(|(made, _)| (since..=number).contains(made)) {
                    assert!(known.contains(&message.to_string()), "{text} arrived before `{message}`");
                    checked += 1;
                }
            }
            Received::Rejected | Received::Suspend | Received::Clear => first = None,
        }
    }
    checked
}

/// A second subscriber does not wait for a new connection.
pub async fn late_subscribers_receive_heartbeats(network: impl Network) {
    let node = network.node().await;
    let first = Listener::to(&*node.feed);
    first.until_heartbeats(1).await;
    let second = Listener::to(&*node.feed);
    second.until_heartbeats(1).await;
    first.until_heartbeats(1).await;
}
