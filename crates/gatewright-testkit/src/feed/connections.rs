//! Cases of feeds between nodes: connections that are lost, and connections that nobody needs.

use std::time::Duration;

use tokio::time::Instant;

use super::listener::resets;
use super::messages::{session, user};
use super::{Heard, Listener, Network};

/// How often a node is cut off.
const CUTS: usize = 3;

/// What a feed may take to say that it could not hand something over, and what a slow machine may add.
const TOO_LONG: Duration = Duration::from_millis(5_500);

/// Whatever is heard of what was said after the cut comes over a new connection, and so after a reset.
pub async fn after_a_cut_everything_is_forgotten_before_anything_is_heard(network: impl Network) {
    let (here, there) = (network.node().await, network.node().await);
    let listener = Listener::to(&*there.feed);
    listener.until_beaten(1).await;
    for cut in 0..CUTS {
        let before = listener.resets();
        there.wire.cut();
        // Said again and again, so that something comes as early as it can; and once more when it must come.
        let mut said = Vec::new();
        let mut is_back = false;
        while !is_back {
            is_back = listener.resets() > before;
            let message = user(&format!("{cut} {}", said.len()));
            here.feed.announce(&message).await.unwrap();
            said.push(message);
        }
        let heard = listener.until_revoked(said.last().unwrap()).await;
        let first = heard.iter().position(|heard| matches!(heard, Heard::Revocation(r) if said.contains(r)));
        assert!(resets(&heard[..first.unwrap()]) > before, "{heard:?}");
        listener.until_beaten(1).await;
    }
}

/// What is said meanwhile is lost or late, and nobody relies on it: a reset comes once the node hears again.
pub async fn while_a_node_is_cut_off_no_heartbeat_comes_back_and_afterwards_it_hears_again(
    network: impl Network,
) {
    let (here, there) = (network.node().await, network.node().await);
    let (other, listener) = (Listener::to(&*here.feed), Listener::to(&*there.feed));
    listener.until_beaten(1).await;
    there.wire.shut();
    there.wire.until_connections(0).await;
    let made = listener.made().len();
    here.feed.announce(&session()).await.unwrap();
    other.until_beaten(2).await;
    let heard = listener.heard();
    let late = |made: &[String]| made.iter().any(|text| heard.contains(&Heard::Heartbeat(text.clone())));
    assert!(!late(listener.made().get(made..).unwrap_or_default()), "{heard:?}");

    let before = listener.resets();
    there.wire.open();
    listener.until("everything is forgotten", |heard| resets(heard) > before).await;
    listener.until_beaten(2).await;
    let message = session();
    here.feed.announce(&message).await.unwrap();
    listener.until_revoked(&message).await;
}

/// An end that lost its server, and one whose server does not answer any more. The next announcement that can be handed
/// over is.
pub async fn an_announcement_that_cannot_be_handed_over_says_so_within_five_seconds(network: impl Network) {
    let (here, there) = (network.node().await, network.node().await);
    let (_own, listener) = (Listener::to(&*here.feed), Listener::to(&*there.feed));
    here.feed.announce(&session()).await.unwrap();
    let in_time = async |must_fail: bool| {
        let begun = Instant::now();
        let answer = here.feed.announce(&session()).await;
        assert!(begun.elapsed() < TOO_LONG, "{:?}", begun.elapsed());
        assert!(answer.is_err() || !must_fail, "nothing can be handed over");
    };
    here.wire.hold();
    in_time(false).await;
    here.wire.shut();
    here.wire.until_connections(0).await;
    for _ in 0..2 {
        in_time(true).await;
    }
    here.wire.open();
    let message = session();
    while here.feed.announce(&message).await.is_err() {}
    listener.until_revoked(&message).await;
}

/// Nothing says that such a connection is lost but that a node's own heartbeats do not come back; and none does that was
/// made since.
pub async fn a_connection_that_falls_silent_is_replaced(network: impl Network) {
    let (here, there) = (network.node().await, network.node().await);
    let listener = Listener::to(&*there.feed);
    listener.until_beaten(1).await;
    let before = listener.resets();
    there.wire.hold();
    // The first may be made before the wire is held.
    let since = listener.until_made().await;
    let heard = listener.until("everything is forgotten", |heard| resets(heard) > before).await;
    let made = listener.made();
    let late: Vec<_> = made[since..].iter().map(|text| Heard::Heartbeat(text.clone())).collect();
    let until_reset = &heard[..=heard.iter().rposition(|heard| *heard == Heard::Reset).unwrap()];
    assert!(!until_reset.iter().any(|heard| late.contains(heard)), "{late:?} in {until_reset:?}");
    listener.until_beaten(1).await;
    let message = session();
    here.feed.announce(&message).await.unwrap();
    listener.until_revoked(&message).await;
}

/// Whoever says it may be a newer version, that knows more than this one.
pub async fn what_cannot_be_read_empties_the_cache(network: impl Network) {
    let node = network.node().await;
    let listener = Listener::to(&*node.feed);
    listener.until_beaten(1).await;
    let long = "x".repeat(7_000);
    let texts = ["", "key 42", "session 42", "user", "user\u{1}42", "\u{fffd}", "heartbeats 1 2", &long];
    for text in texts {
        let before = listener.resets();
        network.say(text).await;
        listener.until("everything is forgotten", |heard| resets(heard) > before).await;
    }
    network.say("heartbeat 1 2").await;
    listener.until("a heartbeat", |heard| heard.contains(&Heard::Heartbeat("heartbeat 1 2".into()))).await;
    listener.until_beaten(1).await;
}

/// Though its handle is there still; and with it somebody else may begin to listen.
pub async fn when_nobody_listens_any_more_the_connections_end(network: impl Network) {
    let node = network.node().await;
    for _ in 0..2 {
        let listener = Listener::to(&*node.feed);
        listener.until_beaten(1).await;
        assert!(node.wire.connections() > 0);
        drop(listener);
        node.wire.until_connections(0).await;
    }
}

/// As when a service drops its handles, or a test does.
pub async fn with_the_last_handle_the_connections_end(network: impl Network) {
    let node = network.node().await;
    let listener = Listener::to(&*node.feed);
    listener.until_beaten(1).await;
    let wire = node.wire.clone();
    drop((node, listener));
    wire.until_connections(0).await;
}
