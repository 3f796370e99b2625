//! Cases for `SessionStore`: sessions of other users, the order of lists, and client information.

use gatewright_core::store::MAX_SESSIONS_PER_USER;
use gatewright_core::{ClientInfo, Rotation, Session, UserAgent};

use super::Sessions;
use super::sessions::{
    GRACE, START, after, create_session, create_session_at, exists, expect_stored, fields, new_session,
    request, rotate, rotated, store_session, stored, user,
};

/// A caller with the session id and another user's id finds and deletes nothing, even with a token
/// that would be reuse.
pub async fn methods_never_reach_sessions_of_other_users<S: Sessions>([store, other]: [S; 2]) {
    let session = create_session(&store, "ada").await;
    for stranger in ["eve", "Ada", "ada ", "ad", "adaa", "%", "_da"].map(user) {
        assert!(store.find(&stranger, session.id).await.unwrap().is_none());
        assert!(store.list(&stranger).await.unwrap().is_empty());
        store.delete(&stranger, session.id).await.unwrap();
        store.delete_all(&stranger).await.unwrap();
        for token in ["t0", "stolen"] {
            let mut theirs = request(&session, token, "t1", START, GRACE);
            theirs.user = stranger.clone();
            assert_eq!(rotate(&store, &theirs).await, Rotation::Unknown);
        }
    }
    expect_stored(&other, &session).await;
    rotated(&store, &request(&session, "t0", "t1", START, GRACE)).await;
}

/// The oldest comes first. The order of the calls counts, not the times of the sessions.
pub async fn sessions_are_listed_in_creation_order<S: Sessions>([store, other]: [S; 2]) {
    let mut created = Vec::new();
    for seconds in [30, 10, 10, 20, 0] {
        created.push(create_session_at(&store, "ada", after(seconds)).await);
    }
    let bystander = create_session(&store, "eve").await;
    let all = async |store: &S| -> Vec<String> {
        store.list(&user("ada")).await.unwrap().iter().map(fields).collect()
    };
    assert_eq!(all(&other).await, created.iter().map(fields).collect::<Vec<_>>());

    let deleted = created.remove(1);
    store.delete(&deleted.user, deleted.id).await.unwrap();
    assert_eq!(all(&other).await, created.iter().map(fields).collect::<Vec<_>>());
    assert!(exists(&other, &bystander).await);
}

/// Covers long and unusual user agents, IPv4 and IPv6 addresses, and absent values.
pub async fn client_address_and_user_agent_round_trip<S: Sessions>([store, other]: [S; 2]) {
    let agents: [&[u8]; 4] = [b"curl/8.5.0", "\u{10348}'\"%;--{}é".as_bytes(), &[b'x'; 300], b""];
    let addresses = ["192.0.2.1", "2001:db8::1", "::1", "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255"];
    for (agent, address) in agents.iter().zip(addresses) {
        for address in [Some(address.parse().unwrap()), None] {
            let client = ClientInfo::new(address, UserAgent::clean(agent));
            let session: Session = new_session("ada", START).with_client(client.clone());
            store_session(&store, &session, MAX_SESSIONS_PER_USER).await;
            assert_eq!(stored(&other, &session).await.client, client);
        }
    }
}
