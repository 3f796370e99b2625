//! The address and user agent that a session stores, and headers that cannot forge them.

use std::net::IpAddr;

use gatewright::endpoints::Endpoint;
use gatewright::http::{Bytes, Headers, RequestView, TrustedProxies};
use gatewright::store::{AccountStore, SessionStore};
use gatewright::types::{ClientInfo, ClientNetwork, UserAgent};
use gatewright::{Email, Login, MemoryStore, Password};
use gatewright_tests::{Log, PASSWORD, World, memory};

const EMAIL: &str = "user@example.com";

/// The content type of a form, and these headers.
struct Sent(Vec<(&'static str, &'static str)>);

impl Headers for Sent {
    fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        if name == "content-type" {
            see(b"application/x-www-form-urlencoded");
        }
        self.0.iter().filter(|(own, _)| *own == name).for_each(|(_, value)| see(value.as_bytes()));
    }
}

async fn world() -> World<MemoryStore> {
    let [store, _] = memory().await;
    let proxies = TrustedProxies::parse("10.0.0.0/8").unwrap();
    let world = World::with(store, |builder| builder.with_trusted_proxies(proxies));
    world.add(EMAIL).await;
    world
}

/// Logs in through the endpoint. Returns the address and user agent of the new session.
async fn login_from(
    world: &World<MemoryStore>,
    peer: Option<&str>,
    headers: Vec<(&'static str, &'static str)>,
) -> (Option<String>, Option<String>) {
    let headers = Sent(headers);
    let view = RequestView::new("POST", &headers).with_peer(peer.map(|peer| peer.parse().unwrap()));
    let body = format!("username={EMAIL}&password={}", PASSWORD.replace(' ', "+"));
    let reply = world.auth.handle(Endpoint::Login, &view, Ok(Bytes::from(body))).await;
    assert_eq!(reply.status, 200);
    latest(world).await
}

async fn latest(world: &World<MemoryStore>) -> (Option<String>, Option<String>) {
    let user = world.store.find_by_email(&Email::parse(EMAIL).unwrap()).await.unwrap();
    let session = world.store.list(&user.unwrap().id).await.unwrap().pop().unwrap();
    let ClientInfo { address, user_agent, .. } = session.client;
    (address.map(|address| address.to_string()), user_agent.map(|name| name.as_str().to_owned()))
}

#[tokio::test]
async fn a_session_stores_the_address_and_user_agent_of_its_login() {
    let world = world().await;
    let own = |text: &str| Some(text.to_owned());
    let headers = || vec![("user-agent", "lamp/1"), ("x-forwarded-for", "198.51.100.7")];
    assert_eq!(login_from(&world, Some("203.0.113.9"), headers()).await, (own("203.0.113.9"), own("lamp/1")));
    assert_eq!(login_from(&world, Some("10.0.0.1"), headers()).await, (own("198.51.100.7"), own("lamp/1")));
    assert_eq!(login_from(&world, Some("::ffff:203.0.113.9"), vec![]).await, (own("203.0.113.9"), None));
    assert_eq!(login_from(&world, None, headers()).await, (None, own("lamp/1")));
}

#[tokio::test]
async fn repeated_user_agents_and_other_forwarding_headers_are_ignored() {
    let world = world().await;
    let headers = vec![
        ("user-agent", "one"),
        ("user-agent", "two"),
        ("forwarded", "for=198.51.100.7"),
        ("x-real-ip", "198.51.100.7"),
        ("x-client-ip", "198.51.100.7"),
        ("true-client-ip", "198.51.100.7"),
        ("x-forwarded-for-original", "198.51.100.7"),
    ];
    assert_eq!(login_from(&world, Some("10.0.0.1"), headers).await, (Some("10.0.0.1".to_owned()), None));
}

#[tokio::test]
async fn an_application_passes_client_info_to_its_own_logins() {
    let world = world().await;
    let address: IpAddr = "::ffff:198.51.100.7".parse().unwrap();
    let client = ClientInfo::new(Some(address), UserAgent::clean(b"console"));
    let login = Login::new(EMAIL, Password::new(PASSWORD)).with_client(client);
    world.auth.login(login).await.unwrap();
    assert_eq!(latest(&world).await, (Some("198.51.100.7".to_owned()), Some("console".to_owned())));
    world.login(EMAIL).await;
    assert_eq!(latest(&world).await, (None, None));
}

/// The content type of JSON, and a token.
struct JsonWithToken(String);

impl Headers for JsonWithToken {
    fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        match name {
            "content-type" => see(b"application/json"),
            "authorization" => see(self.0.as_bytes()),
            _ => {}
        }
    }
}

#[tokio::test]
async fn the_hasher_learns_the_network_of_every_client_that_sends_a_password() {
    let world = world().await;
    let network = |address: &str| Some(ClientNetwork::of(address.parse().unwrap()));
    let hashed_for = || world.hasher.last_context().unwrap().network;
    login_from(&world, Some("203.0.113.9"), vec![]).await;
    assert_eq!(hashed_for(), network("203.0.113.9"));
    login_from(&world, Some("10.0.0.1"), vec![("x-forwarded-for", "2001:db8::7")]).await;
    assert_eq!(hashed_for(), network("2001:db8:0:0:ffff::"), "the first 64 bits count");
    login_from(&world, None, vec![]).await;
    assert_eq!(hashed_for(), None);

    let token = world.login(EMAIL).await.access_token;
    let headers = JsonWithToken(format!("Bearer {}", token.expose()));
    let new = r#"{"email":"new@example.com","password":"correct horse battery staple"}"#;
    let wrong = r#"{"current_password":"wrong","new_password":"correct horse battery staple"}"#;
    for (peer, endpoint, body) in
        [("198.51.100.1", Endpoint::Register, new), ("198.51.100.2", Endpoint::ChangePassword, wrong)]
    {
        let view = RequestView::new("POST", &headers).with_peer(Some(peer.parse().unwrap()));
        let reply = world.auth.handle(endpoint, &view, Ok(Bytes::from(body))).await;
        assert!([201, 403].contains(&reply.status), "{reply:?}");
        assert_eq!(hashed_for(), network(peer));
        assert!(world.hasher.last_context().unwrap().deadline.is_some());
    }
}

#[tokio::test]
async fn the_hasher_cannot_distinguish_unknown_accounts() {
    let world = world().await;
    let mut keys = Vec::new();
    for name in [EMAIL, "USER@example.com", "nobody@example.com", "Nobody@Example.com"] {
        let _ = world.auth.login(Login::new(name, Password::new(PASSWORD))).await;
        keys.push(world.hasher.last_context().unwrap().account.unwrap());
    }
    assert_eq!((keys[0], keys[2]), (keys[1], keys[3]), "two spellings are one account");
    assert_ne!(keys[0], keys[2]);
}

#[tokio::test]
async fn a_missing_peer_address_is_logged_once_with_the_fix() {
    let (world, log) = (world().await, Log::default());
    let listening = log.listen();
    login_from(&world, Some("203.0.113.9"), vec![]).await;
    assert!(!log.text().contains("no peer address"), "{}", log.text());
    login_from(&world, None, vec![]).await;
    login_from(&world, None, vec![]).await;
    drop(listening);
    let logged: Vec<String> =
        log.text().lines().filter(|line| line.contains("no peer address")).map(str::to_owned).collect();
    assert_eq!(logged.len(), 1, "{logged:?}");
    assert!(logged[0].contains("into_make_service_with_connect_info"), "{logged:?}");
}
