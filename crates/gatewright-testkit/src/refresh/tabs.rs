//! Cases for honest clients that share a session: the tabs of a browser, which use a token at about the
//! same time, and thieves that hide among them. [`tabs_suite!`](crate::tabs_suite) expands them.

use std::time::Duration;

use gatewright_core::{ClientInfo, Clock, GracePolicy, Refresh, TokenText, UserAgent};

use super::{Node, Pair, Service, Storage, Tokens};
use crate::auth_routes::expect_same_token;
use crate::{FixedClock, SeededRandom};

const ISSUER: &str = "https://issuer.example";
const GRACE: Duration = Duration::from_secs(10);
const ACCESS_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// The loads of each tab inside one grace window.
const LOADS: usize = 3;

/// Two to five tabs share the first token of a session. Each refreshes three times, at random times inside
/// the grace window, on a random node. Every fourth answer is lost. Every refresh is granted.
pub async fn honest_tabs_lose_no_session<S: Storage, T: Tokens>(service: Service<S, T>, sessions: usize) {
    let nodes = [service.node_with_grace(GRACE).await, service.node_with_grace(GRACE).await];
    nodes[0].register().await;
    let mut random = SeededRandom::new(7);
    for session in 0..sessions {
        let start = service.clock.now();
        let mut tabs = vec![nodes[0].login().await; 2 + random.below(4)];
        let window = usize::try_from(GRACE.as_micros()).expect("a short window");
        let mut loads: Vec<(usize, usize)> =
            (0..tabs.len() * LOADS).map(|load| (random.below(window), load % tabs.len())).collect();
        loads.sort_unstable();
        for (at, tab) in loads {
            service.clock.set(start.saturating_add(Duration::from_micros(at as u64)));
            let answer = nodes[random.below(2)].refresh(&tabs[tab].refresh).await;
            assert_eq!(answer.status(), 200, "session {session}, tab {tab} at {at} µs");
            if random.below(4) > 0 {
                tabs[tab] = answer.granted();
            }
        }
        service.clock.set(start.saturating_add(GRACE - Duration::from_micros(1)));
        for tab in &mut tabs {
            *tab = nodes[random.below(2)].refresh(&tab.refresh).await.granted();
            assert_eq!(nodes[0].status(&tab.access).await, 200);
        }
        service.clock.advance(ACCESS_LIFETIME);
    }
    for node in &nodes {
        expect_no_alarm(node);
    }
}

/// Each time that the access token expires, all tabs use the same refresh token, and each node answers
/// some of them.
pub async fn tabs_that_collide_for_a_day_stay_logged_in<S: Storage, T: Tokens>(service: Service<S, T>) {
    let nodes = [service.node_with_grace(GRACE).await, service.node_with_grace(GRACE).await];
    nodes[0].register().await;
    let mut tabs = vec![nodes[0].login().await; 3];
    for _ in 0..24 * 4 {
        service.clock.advance(ACCESS_LIFETIME);
        for (number, tab) in tabs.iter_mut().enumerate() {
            *tab = nodes[number % 2].refresh(&tab.refresh).await.granted();
            service.clock.advance(Duration::from_secs(2));
        }
        for tab in &tabs {
            expect_same_token(&tab.refresh, &tabs[0].refresh);
        }
    }
    for node in &nodes {
        expect_no_alarm(node);
    }
}

/// The clock of one node is 3 seconds ahead. Tabs that use a token within 6 seconds lose nothing.
pub async fn tabs_on_nodes_with_different_clocks_stay_logged_in<S: Storage, T: Tokens>(
    service: Service<S, T>,
) {
    let ahead = FixedClock::default();
    let settings = |clock: FixedClock| {
        service.node_of(ISSUER, move |builder| builder.with_refresh_grace(GRACE).with_clock(clock))
    };
    let nodes = [settings(service.clock.clone()).await, settings(ahead.clone()).await];
    nodes[0].register().await;
    let mut tabs = vec![nodes[0].login().await; 3];
    for round in 0..20_usize {
        for number in 0..tabs.len() {
            ahead.set(service.clock.now().saturating_add(Duration::from_secs(3)));
            let tab = &mut tabs[(number + round) % 3];
            *tab = nodes[(number + round / 3) % 2].refresh(&tab.refresh).await.granted();
            service.clock.advance(Duration::from_secs(3));
        }
        service.clock.advance(ACCESS_LIFETIME);
    }
    for node in &nodes {
        expect_no_alarm(node);
    }
}

fn expect_no_alarm(node: &Node) {
    let events = node.events.take();
    let alarm = |event: &&String| {
        ["TokenReused", "RefreshRefused", "GraceFromAnotherClient"].iter().any(|kind| event.starts_with(kind))
    };
    assert_eq!(events.iter().find(alarm), None);
    assert!(events.iter().any(|event| event.starts_with("Refreshed")));
}

/// The holder of a session's tokens, at an address.
struct Holder {
    client: ClientInfo,
    token: String,
}

impl Holder {
    /// All holders use the same browser.
    fn new(address: &str, pair: &Pair) -> Self {
        let client = ClientInfo::new(address.parse().ok(), UserAgent::clean(b"Mozilla/5.0"));
        Self { client, token: pair.refresh.clone() }
    }

    /// Whether the refresh is granted. The holder then continues with the new token.
    async fn refresh(&mut self, node: &Node) -> bool {
        let refresh = Refresh::new(TokenText::new(self.token.clone())).with_client(self.client.clone());
        let Ok(pair) = node.auth.refresh(refresh).await else { return false };
        pair.refresh_token.expose().clone_into(&mut self.token);
        true
    }
}

const OWNER: &str = "192.0.2.7";
const THIEF: &str = "198.51.100.7";

/// A thief has copied the first refresh token, and refreshes within 3 seconds after the owner, each time.
/// It is reported at the first rotation and stopped at the third.
pub async fn a_thief_in_another_network_is_reported_and_stopped<S: Storage, T: Tokens>(
    service: Service<S, T>,
) {
    let nodes = [service.node_with_grace(GRACE).await, service.node_with_grace(GRACE).await];
    nodes[0].register().await;
    let first = nodes[0].login().await;
    let (mut owner, mut thief) = (Holder::new(OWNER, &first), Holder::new(THIEF, &first));
    for rotation in 1..=3 {
        service.clock.advance(ACCESS_LIFETIME);
        assert!(owner.refresh(&nodes[0]).await, "rotation {rotation}");
        service.clock.advance(Duration::from_secs(3));
        let _ = nodes[1].events.take();
        assert_eq!(thief.refresh(&nodes[1]).await, rotation < 3, "rotation {rotation}");
        let reported = nodes[1].events.take().into_iter().find(|event| event.starts_with("GraceFromAnother"));
        let ended = format!("other_network: true, session_ended: {}", rotation == 3);
        let reported = reported.expect("every rotation is reported");
        assert!(reported.contains(&ended) && reported.contains(THIEF), "{reported}");
    }
    assert!(!owner.refresh(&nodes[0]).await && !thief.refresh(&nodes[0]).await, "the session has ended");

    let reporting = service
        .node_of(ISSUER, |builder| builder.with_refresh_grace(GRACE).with_grace_policy(GracePolicy::Report))
        .await;
    let first = reporting.login().await;
    let (mut owner, mut thief) = (Holder::new(OWNER, &first), Holder::new(THIEF, &first));
    for _ in 0..6 {
        assert!(owner.refresh(&reporting).await && thief.refresh(&reporting).await);
        service.clock.advance(ACCESS_LIFETIME);
    }
    assert_eq!(reporting.count_events("GraceFromAnotherClient"), 6);
}

/// The uses of one round, in order, 1 second apart: the owner and the thief both hold the current token
/// before it, and hold it again after it.
const ROUNDS: [&str; 5] = ["OT", "TO", "TTO", "OTTO", "TTOTTO"];

/// Whichever of them rotates first, and however often the thief rotates alone, three rounds end the
/// session. The owner sees at least one refusal before a fourth round.
pub async fn no_order_of_uses_hides_a_thief<S: Storage, T: Tokens>(service: Service<S, T>) {
    let node = service.node_with_grace(GRACE).await;
    node.register().await;
    let mut orders = 0;
    for one in ROUNDS {
        for two in ROUNDS {
            for three in ROUNDS {
                let first = node.login().await;
                let (mut owner, mut thief) = (Holder::new(OWNER, &first), Holder::new(THIEF, &first));
                let mut granted = true;
                for round in [one, two, three] {
                    for user in round.chars() {
                        let holder = if user == 'O' { &mut owner } else { &mut thief };
                        granted &= holder.refresh(&node).await;
                        service.clock.advance(Duration::from_secs(1));
                    }
                    service.clock.advance(ACCESS_LIFETIME);
                }
                assert!(!granted, "{one} {two} {three}: the session goes on");
                assert!(!owner.refresh(&node).await && !thief.refresh(&node).await);
                orders += 1;
            }
        }
    }
    assert_eq!(orders, 125);
}

/// Expands the cases for tabs and thieves on a storage. Each case is its own test.
///
/// The arguments are those of [`refresh_suite!`](crate::refresh_suite), and the number of sessions of
/// `honest_tabs_lose_no_session`.
#[macro_export]
macro_rules! tabs_suite {
    ($(#[$attribute:meta])* $name:ident, $fresh:expr, $tokens:expr, $sessions:expr) => {
        mod $name {
            use super::*;

            $crate::tabs_case! { [$(#[$attribute])*] $fresh, $tokens, honest_tabs_lose_no_session, $sessions }
            $crate::tabs_case! { [$(#[$attribute])*] $fresh, $tokens, tabs_that_collide_for_a_day_stay_logged_in }
            $crate::tabs_case! {
                [$(#[$attribute])*] $fresh, $tokens, tabs_on_nodes_with_different_clocks_stay_logged_in
            }
            $crate::tabs_case! {
                [$(#[$attribute])*] $fresh, $tokens, a_thief_in_another_network_is_reported_and_stopped
            }
        }
    };
}

/// For [`tabs_suite!`]: one case as a test.
#[doc(hidden)]
#[macro_export]
macro_rules! tabs_case {
    ($attributes:tt $fresh:expr, $tokens:expr, $case:ident $(, $sessions:expr)?) => {
        $crate::case! { $attributes $case,
            $crate::block_on(async {
                let service = $crate::refresh::Service::new($fresh().await, $tokens);
                $crate::refresh::tabs::$case(service $(, $sessions)?).await
            })
        }
    };
}
