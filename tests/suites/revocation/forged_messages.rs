//! What a writer of the feed without its key can do: make guards slower, and nothing else.

use std::time::Duration;

use gatewright::UserId;
use gatewright::revocation::{
    CACHE_TTL_WITH_FEED, CACHE_TTL_WITHOUT_FEED, DISTRUST_WINDOW, HEARTBEAT_INTERVAL, MAX_FEED_MESSAGE_BYTES,
    Received, Revocation, UNCONFIRMED_WINDOW,
};
use gatewright::store::SessionStore;
use gatewright_testkit::feed::sealed;
use gatewright_tests::from_another_node;

use super::feeds::Node;
use super::{EMAIL, TICK, authenticate, fed};

/// Texts that no node with the feed's key has sent.
fn forged(node: &Node, own: &str) -> Vec<String> {
    let (tag, body) = own.split_once(' ').unwrap();
    let (origin, rest) = body.split_once(' ').unwrap();
    let (number, revocation) = rest.split_once(' ').unwrap();
    let next = number.parse::<u64>().unwrap() + 1;
    let other = from_another_node(&Revocation::user(UserId::new("42").unwrap()));
    let other_tag = other.as_str().split(' ').next().unwrap();
    vec![
        String::new(),
        "user 42".to_owned(),
        revocation.to_owned(),
        format!("- {body}"),
        format!(" {body}"),
        format!("{} {body}", &tag[1..]),
        format!("{} {body}", &tag[..16]),
        format!("{tag}A {body}"),
        format!("{} {body}", "A".repeat(tag.len())),
        format!("{other_tag} {body}"),
        format!("{tag} {origin} {next} {revocation}"),
        format!("{tag} 0000000000000000 {number} {revocation}"),
        format!("{tag} {origin} {number} user 42"),
        format!("{tag} {origin} {number} {}", revocation.to_uppercase()),
        format!("{own} "),
        sealed(&Revocation::user(node.user.clone())).to_string(),
        format!("heartbeat {own}"),
        "x".repeat(MAX_FEED_MESSAGE_BYTES + 1),
        format!("{own}{}", " ".repeat(MAX_FEED_MESSAGE_BYTES)),
    ]
}

#[tokio::test]
async fn a_forged_message_revokes_nothing_and_clears_the_cache_once_a_second() {
    let node = Node::cached().await;
    let own = from_another_node(&Revocation::user(node.user.clone()));
    for text in forged(&node, own.as_str()) {
        assert_eq!(node.feed.receiver().receive(&text), Received::Rejected, "{text:?}");
        node.expect_one_read(&format!("{text:?}")).await;
        assert_eq!(node.feed.receiver().receive(&text), Received::Rejected, "{text:?}");
        assert_eq!(node.reads().await, 0, "within the same second: {text:?}");
        node.world.clock.advance(Duration::from_secs(1));
        node.feed.beat();
    }
    assert_eq!(node.feed.receiver().receive(own.as_str()), Received::Accepted, "it was not used up");
    node.expect_one_read("an authentic message").await;
}

#[tokio::test]
async fn a_message_that_the_feed_cannot_read_counts_as_forged() {
    let node = Node::cached().await;
    node.feed.receiver().reject();
    node.expect_one_read("rejected").await;
    assert!(node.has_event("FeedMessagesRejected { count: 1 }"));
}

#[tokio::test]
async fn after_a_forged_message_entries_expire_as_without_a_feed() {
    let node = Node::cached().await;
    node.feed.receiver().receive("forged");
    node.expect_one_read("the cache is cleared").await;
    let mut reads = Vec::new();
    for _ in 0..CACHE_TTL_WITHOUT_FEED.as_secs() {
        node.world.clock.advance(HEARTBEAT_INTERVAL);
        node.feed.beat();
        reads.push(node.reads().await);
    }
    assert_eq!(reads, [0, 0, 0, 0, 2]);
}

#[tokio::test]
async fn trust_returns_a_minute_after_the_last_forged_message() {
    let node = Node::cached().await;
    node.feed.receiver().receive("forged");
    node.world.clock.advance(Duration::from_secs(30));
    node.feed.receiver().receive("forged");
    node.world.clock.advance(DISTRUST_WINDOW - 2 * CACHE_TTL_WITHOUT_FEED);
    node.feed.beat();
    assert_eq!(node.lifetime().await, CACHE_TTL_WITHOUT_FEED);
    node.world.clock.advance(CACHE_TTL_WITHOUT_FEED);
    node.feed.beat();
    assert_eq!(node.lifetime().await, CACHE_TTL_WITH_FEED);
}

/// The first message of the other node clears the cache. The others come within the same second, and
/// the shorter life of the entries bounds their effect.
#[tokio::test]
async fn a_wrong_key_costs_speed_and_no_revocation() {
    const SESSIONS: usize = 20;
    let (node, other) = (Node::new().await, Node::with_another_key().await);
    let receiver = node.feed.receiver();
    node.feed.beat();
    let mut ended = Vec::new();
    for _ in 0..SESSIONS {
        let pair = node.world.login(EMAIL).await;
        assert_eq!(node.world.status(&pair.access_token).await, 200);
        node.world.clock.advance(Duration::from_millis(100));
        let caller = authenticate(&node.world, &pair.access_token).await;
        SessionStore::delete(&node.world.store, &node.user, caller.session()).await.unwrap();
        other.world.auth.invalidate_user(&node.user).await.unwrap();
        for message in other.feed.sent() {
            assert_eq!(receiver.receive(&message), Received::Rejected);
        }
        ended.push(pair);
    }
    let mut seconds = 0;
    for pair in &ended {
        while node.world.status(&pair.access_token).await == 200 {
            node.world.clock.advance(Duration::from_secs(1));
            node.feed.beat();
            seconds += 1;
        }
    }
    assert!((1..=CACHE_TTL_WITHOUT_FEED.as_secs()).contains(&seconds), "{seconds} s");
}

#[tokio::test]
async fn a_replayed_message_is_ignored() {
    let node = Node::cached().await;
    let receiver = node.feed.receiver();
    for revocation in [Revocation::user(node.user.clone()), Revocation::user(node.user.clone()).unconfirmed()]
    {
        let message = from_another_node(&revocation);
        assert_eq!(receiver.receive(message.as_str()), Received::Accepted);
        node.world.clock.advance(UNCONFIRMED_WINDOW);
        node.feed.beat();
        node.expect_one_read("its only effect").await;
        for _ in 0..1_000 {
            assert_eq!(receiver.receive(message.as_str()), Received::Ignored);
        }
        assert_eq!(node.reads().await, 0, "{revocation}");
    }
    assert!(!node.has_event("FeedMessagesRejected"));
}

/// A feed delivers a node's own messages back to it, and an attacker can repeat them.
#[tokio::test]
async fn own_messages_that_come_back_have_no_effect_on_others() {
    let node = Node::cached().await;
    let unrelated = UserId::new("42").unwrap();
    node.world.auth.invalidate_user(&unrelated).await.unwrap();
    node.world.auth.invalidate_user(&node.user).await.unwrap();
    let own = node.feed.sent();
    node.expect_one_read("revoked").await;
    let received = own.iter().map(|message| node.feed.receiver().receive(message));
    assert_eq!(received.collect::<Vec<_>>(), [Received::Accepted; 2]);
    node.expect_one_read("the first time").await;
    for message in own.iter().chain(own.iter().rev()) {
        assert_eq!(node.feed.receiver().receive(message), Received::Ignored);
    }
    assert_eq!(node.reads().await, 0);
}

/// Another application with the same key on the same channel has users and sessions of its own.
#[tokio::test]
async fn authentic_messages_about_unknown_users_leave_the_cache_as_it_is() {
    let node = Node::cached().await;
    let mut reads = 0;
    for number in 0..100 {
        let message = from_another_node(&Revocation::user(UserId::new(format!("other {number}")).unwrap()));
        assert_eq!(node.feed.receiver().receive(message.as_str()), Received::Accepted);
        reads += node.reads().await;
    }
    assert!(reads <= 10, "{reads}: two ids share a counter once in 4096 cases");
}

#[tokio::test]
async fn a_forged_heartbeat_keeps_no_cache_in_use() {
    let node = Node::cached().await;
    let receiver = node.feed.receiver();
    let seen = receiver.heartbeat().unwrap();
    let (_, sent_at) = seen.rsplit_once(' ').unwrap();
    node.world.clock.advance(Duration::from_secs(4));
    let later = sent_at.parse::<u64>().unwrap() + 4_000_000;
    let other = Node::cached().await.feed.receiver().heartbeat().unwrap();
    let texts = [&seen, &other, &seen.replace(sent_at, &later.to_string()), &format!("heartbeat 0 {later}")];
    for text in texts {
        assert_eq!(receiver.receive(text), Received::Ignored, "{text}");
        assert_eq!(node.reads().await, 2, "{text}");
    }
    assert!(!node.has_event("FeedMessagesRejected"), "another node may have sent them");
}

#[tokio::test]
async fn a_suspended_node_reads_through_until_its_next_heartbeat() {
    let node = Node::cached().await;
    let receiver = node.feed.receiver();
    node.world.clock.advance(TICK);
    let before = receiver.heartbeat().unwrap();
    receiver.suspend();
    for _ in 0..3 {
        assert_eq!(node.reads().await, 2);
    }
    receiver.clear();
    assert_eq!(receiver.receive(&before), Received::Ignored, "made before the suspension");
    assert_eq!(node.reads().await, 2);
    node.feed.beat();
    node.expect_one_read("entries from before are invalid").await;
}

#[tokio::test]
async fn rejected_messages_are_reported_once_a_minute_with_their_number() {
    let node = Node::cached().await;
    let receiver = node.feed.receiver();
    let _ = node.world.events.take();
    for _ in 0..1_000 {
        receiver.receive("forged");
    }
    assert_eq!(node.world.events.take(), ["FeedMessagesRejected { count: 1 }"]);
    for _ in 0..60 {
        node.world.clock.advance(HEARTBEAT_INTERVAL);
        node.feed.beat();
    }
    assert_eq!(node.world.events.take(), ["FeedMessagesRejected { count: 999 }"], "without another message");
}

/// The second `Auth` has a store of its own and another audience. Both sign with one key.
#[tokio::test]
async fn two_auths_of_one_process_share_a_feed() {
    let (first, _, feed, pair) = fed().await;
    let second = gatewright_tests::World::with(first.store.clone(), |builder| {
        builder.with_revocation_feed(feed.clone()).with_clock(first.clock.clone())
    });
    let user = authenticate(&first, &pair.access_token).await.user().id.clone();
    feed.beat();
    assert_eq!(second.status(&pair.access_token).await, 200);
    first.auth.invalidate_user(&user).await.unwrap();
    let verdicts: Vec<_> = feed.sent().iter().map(|message| feed.receiver().receive(message)).collect();
    assert_eq!(verdicts, [Received::Accepted]);
    let third = Node::with_another_key().await;
    third.world.auth.invalidate_user(&user).await.unwrap();
    let message = third.feed.sent().remove(0);
    let verdicts = [feed.receiver().receive(&message), third.feed.receiver().receive(&message)];
    assert_eq!(verdicts, [Received::Rejected, Received::Accepted]);
    assert_eq!(verdicts.into_iter().max(), Some(Received::Accepted), "the verdict of the process");
}
