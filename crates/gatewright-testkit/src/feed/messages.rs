//! Cases for every feed: a published revocation reaches the listeners.

use std::collections::HashSet;
use std::sync::Arc;

use gatewright_core::types::MAX_USER_ID_BYTES;
use gatewright_core::{Revocation, SessionId, SystemRandom, Timestamp, UserId};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::listener::{AGAIN, DEADLINE};
use super::{Ends, Listener, Received, sealed};

/// The number of parallel publications.
const AT_ONCE: usize = 1_000;

/// How often they begin again at most.
const ROUNDS: usize = 5;

pub(super) fn user(id: &str) -> Revocation {
    Revocation::user(UserId::new(id).expect("an id"))
}

pub(super) fn session() -> Revocation {
    let id = SessionId::generate(Timestamp::from_seconds(1_700_000_000), &SystemRandom);
    Revocation::session(id.expect("random bytes"))
}

/// Covers every kind of message, and ids that a feed might truncate or misread.
pub async fn revocations_arrive_unchanged([here, there]: Ends) {
    let listener = Listener::attached(&*there).await;
    let longest = "é".repeat(MAX_USER_ID_BYTES / 2);
    let mut messages = vec![session(), session().unconfirmed(), user("42").unconfirmed()];
    for id in
        ["42", " a  b ", "'; NOTIFY x, \"y\" \\ % {} $1", "heartbeat 1 2", "\u{202e}\u{10ffff}", &longest]
    {
        messages.push(user(id));
    }
    for message in &messages {
        listener.until_reached(&*here, message).await;
    }
    assert_eq!(messages.len(), 9);
}

/// The message is sent before the future is polled, so a cancelled request does not cancel it.
pub async fn publications_are_sent_without_being_awaited([here, there]: Ends) {
    let listener = Listener::attached(&*there).await;
    let messages = [session(), session().unconfirmed(), user("42"), user("42").unconfirmed()];
    let begun = Instant::now();
    // On a slow machine a connection may be lost, and messages with it.
    while !messages.iter().all(|message| listener.has_received(message)) {
        assert!(begun.elapsed() < DEADLINE, "{:?}", listener.received());
        for message in &messages {
            drop(here.publish(&sealed(message)));
        }
        let all = async {
            for message in &messages {
                listener.until_received(message).await;
            }
        };
        let _ = timeout(AGAIN, all).await;
    }
}

/// Both ends publish. Every future resolves successfully, and every message arrives.
///
/// A slow machine may miss the deadline of a publication, or lose a connection and messages with it.
/// Then nothing is shown, and the case begins again.
pub async fn many_parallel_publications_all_arrive(ends: Ends) {
    let listeners = [Listener::attached(&*ends[0]).await, Listener::attached(&*ends[1]).await];
    for round in 0..ROUNDS {
        let before = listeners.each_ref().map(|listener| listener.clears());
        let messages: Vec<_> = (0..AT_ONCE).map(|number| user(&format!("{round} {number}"))).collect();
        let mut publications = JoinSet::new();
        for (number, message) in messages.iter().enumerate() {
            publications.spawn(ends[number % 2].publish(&sealed(message)));
        }
        let failed = publications.join_all().await.iter().filter(|answer| answer.is_err()).count();
        for (listener, (other, before)) in listeners.iter().zip([1, 0].into_iter().zip(before)) {
            let sent: HashSet<String> =
                messages.iter().skip(other).step_by(2).map(ToString::to_string).collect();
            let have_arrived = |received: &[Received]| {
                let arrived: HashSet<String> = received.iter().filter_map(revocation).collect();
                sent.is_subset(&arrived)
            };
            let is_over = |received: &[Received]| listener.clears() > before || have_arrived(received);
            listener.until("all messages arrive", is_over).await;
        }
        if failed == 0 && before == listeners.each_ref().map(|listener| listener.clears()) {
            return;
        }
    }
    panic!("publications failed, or a connection was lost, in each of {ROUNDS} rounds");
}

fn revocation(received: &Received) -> Option<String> {
    if let Received::Revocation(revocation) = received { Some(revocation.to_string()) } else { None }
}

/// Two `Auth`s in one process may share one end.
pub async fn every_listener_of_a_node_receives([here, there]: Ends) {
    let listeners = [
        Listener::attached(&*there).await,
        Listener::attached(&*there).await,
        Listener::attached(&*here).await,
    ];
    let (from_here, from_there) = (user("from here"), user("from there"));
    // The second listener of a node receives what the first one has received.
    listeners[0].until_reached(&*here, &from_here).await;
    listeners[1].until_received(&from_here).await;
    listeners[2].until_reached(&*there, &from_there).await;
}

/// The remaining listeners receive later messages.
pub async fn dropped_listener_does_not_block_others([here, there]: Ends) {
    let (gone, listener) = (Listener::attached(&*there).await, Listener::attached(&*there).await);
    let (first, second) = (user("1"), user("2"));
    gone.until_reached(&*here, &first).await;
    drop(gone);
    listener.until_reached(&*here, &second).await;
    let received = listener.received();
    assert!(received.contains(&Received::Revocation(first)));
}

/// The feed holds only weak references to its listeners.
pub async fn feed_does_not_keep_listeners_alive([here, there]: Ends) {
    let listener = Listener::attached(&*there).await;
    listener.until_reached(&*here, &user("42")).await;
    let weak = Arc::downgrade(&listener);
    drop(listener);
    // The feed may hold a listener while it delivers a message.
    let next = Listener::attached(&*there).await;
    let begun = Instant::now();
    for number in 43.. {
        next.until_reached(&*here, &user(&number.to_string())).await;
        if weak.strong_count() == 0 {
            break;
        }
        assert!(begun.elapsed() < DEADLINE, "the listener is still alive after {DEADLINE:?}");
    }
}
