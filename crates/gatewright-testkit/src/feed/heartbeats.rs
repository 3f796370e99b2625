//! Cases of feeds between nodes: heartbeats, out and back in.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use gatewright_core::revocation::HEARTBEAT_INTERVAL;
use gatewright_core::{Reach, Revocation};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::messages::user;
use super::{Heard, Listener, Network};

/// In how many heartbeats a revocation is looked for.
const BEATS: usize = 4;

/// Each is sent once, and a little too late rather than too early.
pub async fn heartbeats_go_out_every_second_and_come_back_in_order(network: impl Network) {
    let node = network.node().await;
    assert_eq!(node.feed.reach(), Reach::Nodes);
    let listener = Listener::to(&*node.feed);
    listener.until_beaten(1).await;
    let (begun, before) = (Instant::now(), listener.made().len());
    let heard = listener.until_beaten(BEATS).await;
    let passed = begun.elapsed();
    let made = listener.made();
    let most = usize::try_from(passed.as_millis() / HEARTBEAT_INTERVAL.as_millis()).unwrap() + 2;
    assert!(made.len() - before <= most, "{} heartbeats in {passed:?}", made.len() - before);
    let back: Vec<&String> = heard.iter().filter_map(heartbeat).filter(|text| made.contains(text)).collect();
    let in_order: Vec<&String> = made.iter().filter(|text| back.contains(text)).collect();
    assert_eq!(back, in_order);
}

fn heartbeat(heard: &Heard) -> Option<&String> {
    if let Heard::Heartbeat(text) = heard { Some(text) } else { None }
}

/// A node that hears others and not itself would think that it is cut off, and the other way round.
pub async fn every_node_hears_the_others_heartbeats(network: impl Network) {
    let nodes = [network.node().await, network.node().await, network.node().await];
    let listeners = nodes.each_ref().map(|node| Listener::to(&*node.feed));
    for listener in &listeners {
        for other in &listeners {
            let of_other =
                |heard: &[Heard]| heard.iter().filter_map(heartbeat).any(|text| other.made().contains(text));
            listener.until("every node's heartbeat", of_other).await;
        }
    }
}

/// One node announces all the time. Whenever another's heartbeat comes back to it, it has heard all that was handed over
/// before it made that heartbeat. Whatever was handed over before a reset is forgotten with everything else, and need not be
/// heard: a slow machine may lose a connection.
pub async fn no_heartbeat_overtakes_a_revocation_that_was_handed_over_before_it_was_sent(
    network: impl Network,
) {
    let (here, there) = (network.node().await, network.node().await);
    let listener = Listener::to(&*there.feed);
    listener.until_beaten(1).await;
    // How many heartbeats had been made when each revocation was handed over.
    let handed_over: Arc<Mutex<Vec<(usize, Revocation)>>> = Arc::default();
    let mut talkers = JoinSet::new();
    for talker in 0..4 {
        let (feed, listener) = (Arc::clone(&here.feed), Arc::clone(&listener));
        let handed_over = Arc::clone(&handed_over);
        talkers.spawn(async move {
            for number in 0.. {
                let message = user(&format!("{talker} {number}"));
                feed.announce(&message).await.unwrap();
                let made = listener.made().len();
                handed_over.lock().unwrap().push((made, message));
            }
        });
    }
    let heard = listener.until_beaten(BEATS).await;
    talkers.abort_all();

    let (made, handed_over) = (listener.made(), handed_over.lock().unwrap().clone());
    let mut known = HashSet::new();
    // The first heartbeat since the latest reset.
    let mut first = None;
    let mut checked = 0;
    for heard in &heard {
        match heard {
            Heard::Revocation(revocation) => drop(known.insert(revocation.to_string())),
            Heard::Heartbeat(text) => {
                let Some(number) = made.iter().position(|made| made == text) else { continue };
                let since = *first.get_or_insert(number) + 1;
                for (_, message) in handed_over.iter().filter(|(made, _)| (since..=number).contains(made)) {
                    assert!(known.contains(&message.to_string()), "{text} came before `{message}`");
                    checked += 1;
                }
            }
            Heard::Reset => first = None,
        }
    }
    assert!(checked > 100, "{checked} pairs were compared");
}

/// Nobody waits for the next connection to be heard.
pub async fn whoever_comes_later_is_served_as_well(network: impl Network) {
    let node = network.node().await;
    let first = Listener::to(&*node.feed);
    first.until_beaten(1).await;
    let second = Listener::to(&*node.feed);
    second.until_beaten(1).await;
    first.until_beaten(1).await;
}
