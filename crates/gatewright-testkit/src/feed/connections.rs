//! Cases of feeds between nodes: connections that are lost, and connections that nobody needs.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::listener::{DEADLINE, resets};
use super::messages::{session, user};
use super::{Heard, Listener, Network};

/// How often a node is cut off.
const CUTS: usize = 3;

/// The five seconds that a feed may take to say that it could not hand something over, and what a slow machine may add. The
/// system itself would take minutes.
const TOO_LONG: Duration = Duration::from_secs(8);

/// Whatever is heard of what was said after the cut comes over a new connection, and so after a reset.
pub async fn after_a_cut_everything_is_forgotten_before_anything_is_heard(network: impl Network) {
    let (here, there) = (network.node().await, network.node().await);
    let listener = Listener::to(&*there.feed);
    listener.until_beaten(1).await;
    for cut in 0..CUTS {
        let old = listener.heard().len();
        there.wire.cut();
        // Said again and again, so that something comes as early as it can. A slow machine may lose the next connection too.
        let (begun, mut said, mut first) = (Instant::now(), Vec::new(), None);
        while first.is_none() {
            assert!(begun.elapsed() < DEADLINE, "{:?}", listener.heard());
            let message = user(&format!("{cut} {}", said.len()));
            here.feed.announce(&message).await.unwrap();
            said.push(Heard::Revocation(message));
            first = listener.heard()[old..].iter().position(|heard| said.contains(heard));
        }
        let heard = &listener.heard()[old..];
        assert!(resets(&heard[..first.unwrap()]) > 0, "{heard:?}");
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
        let answer = timeout(TOO_LONG, here.feed.announce(&session())).await;
        let answer = answer.expect("an answer within five seconds, and some for a slow machine");
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
    let begun = Instant::now();
    while here.feed.announce(&message).await.is_err() {
        assert!(begun.elapsed() < DEADLINE, "nothing can be handed over any more");
    }
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

/// A node that hears and cannot speak, or speaks and cannot hear, is as silent as one that can do neither: it mends that.
pub async fn whichever_connection_falls_silent_the_node_hears_and_is_heard_again(network: impl Network) {
    let (here, there) = (network.node().await, network.node().await);
    let (other, listener) = (Listener::to(&*here.feed), Listener::to(&*there.feed));
    listener.until_beaten(1).await;
    let connections = there.wire.connections();
    for number in 0..connections {
        there.wire.hold_one(number);
        // The first two may be made before it is held, and be under way.
        listener.until_made().await;
        listener.until_made().await;
        listener.until_beaten(1).await;
        let (from_afar, own) = (session(), session());
        here.feed.announce(&from_afar).await.unwrap();
        listener.until_revoked(&from_afar).await;
        there.feed.announce(&own).await.unwrap();
        other.until_revoked(&own).await;
        // What was replaced is gone before the next is held.
        there.wire.cut();
        listener.until_beaten(2).await;
    }
    assert!(connections > 0);
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
