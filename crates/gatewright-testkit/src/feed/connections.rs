//! Cases for feeds between nodes: lost, silent and unused connections.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::listener::{AGAIN, DEADLINE, count_clears};
use super::messages::{session, user};
use super::{Listener, Network, Node, Received, sealed};

/// The number of times that a node is disconnected.
const CUTS: usize = 3;

/// The five seconds in which a failed publication must return an error, plus ten for a slow
/// machine. Without its own limit, a feed would wait minutes for the operating system.
const TOO_LONG: Duration = Duration::from_secs(15);

/// Messages published after the cut arrive over a new connection, so the clear must come before
/// them.
pub async fn cache_is_cleared_after_a_reconnect_before_any_message(network: impl Network) {
    let (here, there) = (network.node().await, network.node().await);
    let listener = Listener::to(&*there.feed);
    listener.until_heartbeats(1).await;
    for cut in 0..CUTS {
        let old = listener.received().len();
        there.wire.cut();
        // Publishes continuously, to have a message arrive as early as possible after the
        // reconnect. On a slow machine the next connection may be lost too.
        let (begun, mut sent, mut first) = (Instant::now(), Vec::new(), None);
        while first.is_none() {
            assert!(begun.elapsed() < DEADLINE, "{:?}", listener.received());
            let message = user(&format!("{cut} {}", sent.len()));
            // A publication that fails may arrive nevertheless.
            let _ = here.feed.publish(&sealed(&message)).await;
            sent.push(Received::Revocation(message));
            first = listener.received()[old..].iter().position(|received| sent.contains(received));
        }
        let received = &listener.received()[old..];
        assert!(count_clears(&received[..first.unwrap()]) > 0, "{received:?}");
        listener.until_heartbeats(1).await;
    }
}

/// Messages published meanwhile may be lost: the cache is cleared when the node has reconnected.
pub async fn disconnected_node_receives_no_heartbeats_until_it_reconnects(network: impl Network) {
    let (here, there) = (network.node().await, network.node().await);
    let (other, listener) = (Listener::to(&*here.feed), Listener::to(&*there.feed));
    listener.until_heartbeats(1).await;
    there.wire.shut();
    there.wire.until_connections(0).await;
    let made = listener.heartbeats().len();
    let _ = here.feed.publish(&sealed(&session())).await;
    other.until_heartbeats(2).await;
    let received = listener.received();
    let late =
        |made: &[String]| made.iter().any(|text| received.contains(&Received::Heartbeat(text.clone())));
    assert!(!late(listener.heartbeats().get(made..).unwrap_or_default()), "{received:?}");

    let before = listener.clears();
    there.wire.open();
    listener.until("the cache is cleared", |received| count_clears(received) > before).await;
    listener.until_heartbeats(2).await;
    listener.until_reached(&*here.feed, &session()).await;
}

/// Covers a closed connection and a server that no longer answers. When the server answers again,
/// later publications arrive.
pub async fn failed_publication_returns_an_error_within_five_seconds(network: impl Network) {
    let (here, there) = (network.node().await, network.node().await);
    let (_own, listener) = (Listener::to(&*here.feed), Listener::to(&*there.feed));
    listener.until_reached(&*here.feed, &session()).await;
    let in_time = async |must_fail: bool| {
        let answer = timeout(TOO_LONG, here.feed.publish(&sealed(&session()))).await;
        let answer = answer.expect("a publication returns within five seconds, plus ten for a slow machine");
        assert!(answer.is_err() || !must_fail, "a publication succeeded without a connection");
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
    while here.feed.publish(&sealed(&message)).await.is_err() {
        assert!(begun.elapsed() < DEADLINE, "no publication succeeded after the reconnect");
    }
    listener.until_reached(&*here.feed, &message).await;
}

/// The node detects such a connection only because its own heartbeats do not return. No heartbeat
/// created after the connection went silent may return before the clear.
pub async fn silent_connection_is_replaced(network: impl Network) {
    let (here, there) = (network.node().await, network.node().await);
    let listener = Listener::to(&*there.feed);
    listener.until_heartbeats(1).await;
    let before = listener.clears();
    there.wire.hold();
    // The first heartbeat may have been created before the wire was held.
    let since = listener.until_heartbeat_requested().await;
    let received = listener.until("the cache is cleared", |received| count_clears(received) > before).await;
    let made = listener.heartbeats();
    let late: Vec<_> = made[since..].iter().map(|text| Received::Heartbeat(text.clone())).collect();
    // A slow machine may lose the next connection too, after heartbeats have returned on it.
    let mut clears = (0..received.len()).filter(|index| received[*index] == Received::Clear);
    let until_reset = &received[..=clears.nth(before).unwrap()];
    assert!(!until_reset.iter().any(|received| late.contains(received)), "{late:?} in {until_reset:?}");
    listener.until_heartbeats(1).await;
    listener.until_reached(&*here.feed, &session()).await;
}

/// The node may lose only the direction in which it sends, or only the one in which it receives.
pub async fn node_recovers_whichever_connection_goes_silent(network: impl Network) {
    let (here, there) = (network.node().await, network.node().await);
    let (other, listener) = (Listener::to(&*here.feed), Listener::to(&*there.feed));
    let connections = steady_connections(&there, &listener, 0).await;
    for number in 0..connections {
        steady_connections(&there, &listener, number).await;
        there.wire.hold_one(number);
        // The first two heartbeats may have been sent before the connection was held.
        listener.until_heartbeat_requested().await;
        listener.until_heartbeat_requested().await;
        listener.until_heartbeats(1).await;
        listener.until_reached(&*here.feed, &session()).await;
        other.until_reached(&*there.feed, &session()).await;
        // Closes the replaced connection before the next one is held.
        there.wire.cut();
    }
}

/// Waits until there are more connections than `least`, none of which is replaced while a heartbeat
/// returns. Returns their number. A slow machine may lose a connection at any time.
async fn steady_connections(node: &Node, listener: &Listener, least: usize) -> usize {
    let begun = Instant::now();
    loop {
        let before = (node.wire.connections(), listener.clears());
        listener.until_heartbeats(1).await;
        if before == (node.wire.connections(), listener.clears()) && before.0 > least {
            return before.0;
        }
        assert!(begun.elapsed() < DEADLINE, "{} connections after {DEADLINE:?}", before.0);
    }
}

/// A newer version, a node with another key, or an attacker may have sent such a message.
pub async fn malformed_messages_are_rejected(network: impl Network) {
    let node = network.node().await;
    let listener = Listener::to(&*node.feed);
    listener.until_heartbeats(1).await;
    let long = "x".repeat(7_000);
    let (valid, number) = (sealed(&session()), sealed(&session()));
    let forged = valid.as_str().replacen('7', "8", 1);
    let moved =
        [number.as_str().split(' ').next().unwrap(), valid.as_str().split_once(' ').unwrap().1].join(" ");
    let texts = [
        "",
        "user 42",
        "session 42",
        "user",
        "user\u{1}42",
        "\u{fffd}",
        "heartbeats 1 2",
        &long,
        &forged,
        &moved,
    ];
    for text in texts {
        let before = listener.rejections();
        send_until(&network, text, &listener, |_| listener.rejections() > before).await;
    }
    let heartbeat = Received::Heartbeat("heartbeat 1 2".into());
    send_until(&network, "heartbeat 1 2", &listener, |received| received.contains(&heartbeat)).await;
    listener.until_heartbeats(1).await;
}

/// Sends a text until it has had its effect. On a slow machine the node may lose its connection, and a
/// text with it.
async fn send_until(
    network: &impl Network,
    text: &str,
    listener: &Listener,
    enough: impl Fn(&[Received]) -> bool,
) {
    let begun = Instant::now();
    loop {
        network.send_raw(text).await;
        if timeout(AGAIN, listener.until("the text arrives", &enough)).await.is_ok() {
            return;
        }
        assert!(begun.elapsed() < DEADLINE, "no effect within {DEADLINE:?}: {text:?}");
    }
}

/// The handle of the feed still exists, and a new listener can subscribe through it.
pub async fn connections_close_when_the_last_listener_is_dropped(network: impl Network) {
    let node = network.node().await;
    for _ in 0..2 {
        let listener = Listener::to(&*node.feed);
        // A heartbeat returns over a connection.
        listener.until_heartbeats(1).await;
        drop(listener);
        node.wire.until_connections(0).await;
    }
}

/// A service drops its handles when it stops.
pub async fn connections_close_when_the_last_handle_is_dropped(network: impl Network) {
    let node = network.node().await;
    let listener = Listener::to(&*node.feed);
    listener.until_heartbeats(1).await;
    let wire = node.wire.clone();
    drop((node, listener));
    wire.until_connections(0).await;
}
