//! Cases of every feed: what is announced is heard.

use std::sync::Arc;

use gatewright_core::id::MAX_USER_ID_BYTES;
use gatewright_core::{Revocation, SessionId, SystemRandomness, Timestamp, UserId};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::listener::DEADLINE;
use super::{Ends, Heard, Listener};

/// How many announcements are made at once.
const AT_ONCE: usize = 1_000;

pub(super) fn user(id: &str) -> Revocation {
    Revocation::user(UserId::new(id).expect("an id"))
}

pub(super) fn session() -> Revocation {
    let id = SessionId::generate(Timestamp::from_seconds(1_700_000_000), &SystemRandomness);
    Revocation::session(id.expect("randomness"))
}

/// Every kind of message, and ids that might be cut off or read otherwise on the way.
pub async fn a_revocation_of_one_node_is_heard_by_the_other_as_it_was_said([here, there]: Ends) {
    let listener = Listener::attached(&*there).await;
    let longest = "é".repeat(MAX_USER_ID_BYTES / 2);
    let mut messages = vec![session(), session().unsettled(), user("42").unsettled()];
    for id in
        ["42", " a  b ", "'; NOTIFY x, \"y\" \\ % {} $1", "heartbeat 1 2", "\u{202e}\u{10ffff}", &longest]
    {
        messages.push(user(id));
    }
    for message in &messages {
        here.announce(message).await.unwrap();
        listener.until_revoked(message).await;
    }
    assert_eq!(messages.len(), 9);
}

/// A request that is given up takes nothing along: the message is on its way before the future is polled.
pub async fn an_announcement_that_nobody_waits_for_is_heard([here, there]: Ends) {
    let listener = Listener::attached(&*there).await;
    let messages = [session(), session().unsettled(), user("42"), user("42").unsettled()];
    for message in &messages {
        drop(here.announce(message));
    }
    for message in &messages {
        listener.until_revoked(message).await;
    }
}

/// From both ends, and each is handed over and heard.
pub async fn many_announcements_at_once_are_all_heard(ends: Ends) {
    let listeners = [Listener::attached(&*ends[0]).await, Listener::attached(&*ends[1]).await];
    let messages: Vec<Revocation> = (0..AT_ONCE).map(|number| user(&number.to_string())).collect();
    let mut announcements = JoinSet::new();
    for (number, message) in messages.iter().enumerate() {
        announcements.spawn(ends[number % 2].announce(message));
    }
    let answers = announcements.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), AT_ONCE);
    for (listener, other) in listeners.iter().zip([1, 0]) {
        for message in messages.iter().skip(other).step_by(2) {
            listener.until_revoked(message).await;
        }
    }
}

/// Two handles in one process may share an end.
pub async fn every_listener_of_a_node_hears([here, there]: Ends) {
    let listeners = [
        Listener::attached(&*there).await,
        Listener::attached(&*there).await,
        Listener::attached(&*here).await,
    ];
    let (from_afar, from_here) = (user("from afar"), user("from here"));
    here.announce(&from_afar).await.unwrap();
    there.announce(&from_here).await.unwrap();
    for listener in &listeners[..2] {
        listener.until_revoked(&from_afar).await;
    }
    listeners[2].until_revoked(&from_here).await;
}

/// Others hear what comes later.
pub async fn a_listener_that_is_gone_holds_nobody_up([here, there]: Ends) {
    let (gone, listener) = (Listener::attached(&*there).await, Listener::attached(&*there).await);
    let (first, second) = (user("1"), user("2"));
    here.announce(&first).await.unwrap();
    gone.until_revoked(&first).await;
    drop(gone);
    here.announce(&second).await.unwrap();
    let heard = listener.until_revoked(&second).await;
    assert!(heard.contains(&Heard::Revocation(first)));
}

/// Neither while it listens nor afterwards.
pub async fn the_feed_keeps_no_listener_alive([here, there]: Ends) {
    let listener = Listener::attached(&*there).await;
    let message = user("42");
    here.announce(&message).await.unwrap();
    listener.until_revoked(&message).await;
    let weak = Arc::downgrade(&listener);
    drop(listener);
    // Whoever is just being told something may hold it for that long.
    let next = Listener::attached(&*there).await;
    let begun = Instant::now();
    for number in 43.. {
        let message = user(&number.to_string());
        here.announce(&message).await.unwrap();
        next.until_revoked(&message).await;
        if weak.strong_count() == 0 {
            break;
        }
        assert!(begun.elapsed() < DEADLINE, "it is alive still");
    }
}
