//! Cases for every feed: a published revocation reaches the listeners.

use std::sync::Arc;

use gatewright_core::types::MAX_USER_ID_BYTES;
use gatewright_core::{Revocation, SessionId, SystemRandom, Timestamp, UserId};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::listener::DEADLINE;
use super::{Ends, Listener, Received, sealed};

/// The number of parallel publications.
const AT_ONCE: usize = 1_000;

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
        here.publish(&sealed(message)).await.unwrap();
        listener.until_received(message).await;
    }
    assert_eq!(messages.len(), 9);
}

/// The message is sent before the future is polled, so a cancelled request does not cancel it.
pub async fn publications_are_sent_without_being_awaited([here, there]: Ends) {
    let listener = Listener::attached(&*there).await;
    let messages = [session(), session().unconfirmed(), user("42"), user("42").unconfirmed()];
    for message in &messages {
        drop(here.publish(&sealed(message)));
    }
    for message in &messages {
        listener.until_received(message).await;
    }
}

/// Both ends publish. Every future resolves successfully, and every message arrives.
pub async fn many_parallel_publications_all_arrive(ends: Ends) {
    let listeners = [Listener::attached(&*ends[0]).await, Listener::attached(&*ends[1]).await];
    let messages: Vec<Revocation> = (0..AT_ONCE).map(|number| user(&number.to_string())).collect();
    let mut publications = JoinSet::new();
    for (number, message) in messages.iter().enumerate() {
        publications.spawn(ends[number % 2].publish(&sealed(message)));
    }
    let answers = publications.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), AT_ONCE);
    for (listener, other) in listeners.iter().zip([1, 0]) {
        for message in messages.iter().skip(other).step_by(2) {
            listener.until_received(message).await;
        }
    }
}

/// Two `Auth`s in one process may share one end.
pub async fn every_listener_of_a_node_receives([here, there]: Ends) {
    let listeners = [
        Listener::attached(&*there).await,
        Listener::attached(&*there).await,
        Listener::attached(&*here).await,
    ];
    let (from_here, from_there) = (user("from here"), user("from there"));
    here.publish(&sealed(&from_here)).await.unwrap();
    there.publish(&sealed(&from_there)).await.unwrap();
    for listener in &listeners[..2] {
        listener.until_received(&from_here).await;
    }
    listeners[2].until_received(&from_there).await;
}

/// The remaining listeners receive later messages.
pub async fn dropped_listener_does_not_block_others([here, there]: Ends) {
    let (gone, listener) = (Listener::attached(&*there).await, Listener::attached(&*there).await);
    let (first, second) = (user("1"), user("2"));
    here.publish(&sealed(&first)).await.unwrap();
    gone.until_received(&first).await;
    drop(gone);
    here.publish(&sealed(&second)).await.unwrap();
    let received = listener.until_received(&second).await;
    assert!(received.contains(&Received::Revocation(first)));
}

/// The feed holds only weak references to its listeners.
pub async fn feed_does_not_keep_listeners_alive([here, there]: Ends) {
    let listener = Listener::attached(&*there).await;
    let message = user("42");
    here.publish(&sealed(&message)).await.unwrap();
    listener.until_received(&message).await;
    let weak = Arc::downgrade(&listener);
    drop(listener);
    // The feed may hold a listener while it delivers a message.
    let next = Listener::attached(&*there).await;
    let begun = Instant::now();
    for number in 43.. {
        let message = user(&number.to_string());
        here.publish(&sealed(&message)).await.unwrap();
        next.until_received(&message).await;
        if weak.strong_count() == 0 {
            break;
        }
        assert!(begun.elapsed() < DEADLINE, "the listener is still alive after {DEADLINE:?}");
    }
}
