//! Cases for `SessionStore`: whose sessions they are, and what is shown of them.

use gatewright_core::session::MAX_SESSIONS_PER_USER;
use gatewright_core::{ClientInfo, Epoch, Rotation, Session, UserAgent};

use super::Sessions;
use super::sessions::{
    GRACE, START, after, begin, digest, exists, fields, new_session, request, rotate, user,
};

/// Who knows the id and names another user finds nothing, and ends nothing: not even by a token that would be reuse.
pub async fn no_verb_reaches_the_session_of_another_user<S: Sessions>([store, other]: [S; 2]) {
    let session = begin(&store, "ada").await;
    for stranger in ["eve", "Ada", "ada ", "ad", "adaa", "%", "_da"].map(user) {
        assert!(store.find(&stranger, session.id).await.unwrap().is_none());
        assert!(store.list(&stranger).await.unwrap().is_empty());
        store.end(&stranger, session.id).await.unwrap();
        store.end_all(&stranger).await.unwrap();
        store.retain(&stranger, session.id, Epoch::from_u64(7)).await.unwrap();
        for token in ["t0", "stolen"] {
            let mut theirs = request(&session, token, "t1", START, GRACE);
            theirs.user = stranger.clone();
            assert_eq!(rotate(&store, &theirs).await, Rotation::Unknown);
        }
    }
    assert_eq!(fields(&other.find(&session.user, session.id).await.unwrap().unwrap()), fields(&session));
    let rotation = rotate(&store, &request(&session, "t0", "t1", START, GRACE)).await;
    assert!(matches!(rotation, Rotation::Rotated(_)));
}

/// Oldest first, whatever their clocks said, and each as it was kept.
pub async fn sessions_are_listed_in_the_order_in_which_they_began<S: Sessions>([store, other]: [S; 2]) {
    let mut begun = Vec::new();
    for seconds in [30, 10, 10, 20, 0] {
        let session = new_session("ada", after(seconds));
        store.begin(&session, digest("t0"), MAX_SESSIONS_PER_USER).await.unwrap();
        begun.push(session);
    }
    let bystander = begin(&store, "eve").await;
    let all = async |store: &S| -> Vec<String> {
        store.list(&user("ada")).await.unwrap().iter().map(fields).collect()
    };
    assert_eq!(all(&other).await, begun.iter().map(fields).collect::<Vec<_>>());

    let ended = begun.remove(1);
    store.end(&ended.user, ended.id).await.unwrap();
    assert_eq!(all(&other).await, begun.iter().map(fields).collect::<Vec<_>>());
    assert!(exists(&other, &bystander).await);
}

/// The longest and the strangest text, either kind of address, and nothing at all.
pub async fn where_a_login_came_from_is_kept<S: Sessions>([store, other]: [S; 2]) {
    let agents: [&[u8]; 4] = [b"curl/8.5.0", "\u{10348}'\"%;--{}é".as_bytes(), &[b'x'; 300], b""];
    let addresses = ["192.0.2.1", "2001:db8::1", "::1", "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255"];
    for (agent, address) in agents.iter().zip(addresses) {
        for address in [Some(address.parse().unwrap()), None] {
            let client = ClientInfo::new(address, UserAgent::clean(agent));
            let session: Session = new_session("ada", START).with_client(client.clone());
            store.begin(&session, digest("t0"), MAX_SESSIONS_PER_USER).await.unwrap();
            let kept = other.find(&session.user, session.id).await.unwrap().unwrap();
            assert_eq!(kept.client, client);
        }
    }
}
