//! Registration: one answer to new and taken addresses, and the event that names who was asked for.

use gatewright::endpoints::Endpoint;
use gatewright::http::{Bytes, Headers, RequestView};
use gatewright::store::CreateOutcome;
use gatewright::types::{ClientInfo, UserAgent};
use gatewright::{Password, Registration, RoleName};
use gatewright_testkit::store::Store;
use gatewright_tests::{PASSWORD, World};

use super::{EMAIL, failing_world, world};

const OTHER_EMAIL: &str = "grace@example.com";

/// A JSON request of a browser.
struct Browser;

impl Headers for Browser {
    fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        match name {
            "content-type" => see(b"application/json"),
            "user-agent" => see(b"lamp/1\x1b[2J"),
            _ => {}
        }
    }
}

async fn register<S: Store>(world: &World<S>, email: &str) -> (u16, Bytes) {
    let view = RequestView::new("POST", &Browser).with_peer(Some("203.0.113.9".parse().unwrap()));
    let body = format!(r#"{{"email":"{email}","password":"{PASSWORD}"}}"#);
    let reply = world.auth.handle(Endpoint::Register, &view, Ok(Bytes::from(body))).await;
    (reply.status, reply.body)
}

#[tokio::test]
async fn registering_a_taken_address_emits_the_user_and_the_client() {
    let world = world().await;
    let holder = world.auth.accounts().unwrap().page(None, 1).await.unwrap().remove(0).id;
    let created = register(&world, OTHER_EMAIL).await;
    assert!(world.events.take().concat().starts_with("Registered { user: "));

    assert_eq!(register(&world, EMAIL).await, created, "both answers are equal");
    let client = r#"ClientInfo { address: Some(203.0.113.9), user_agent: Some(UserAgent("lamp/1�[2J")), is_behind_unknown_proxy: false }"#;
    let event = format!("RegistrationRepeated {{ user: Some({holder:?}), client: {client} }}");
    assert_eq!(world.events.take(), [event]);
}

#[tokio::test]
async fn an_application_passes_client_info_to_its_own_registrations() {
    let world = world().await;
    let client = ClientInfo::new(Some("198.51.100.7".parse().unwrap()), UserAgent::clean(b"console"));
    let registration = Registration::new(EMAIL, Password::new(PASSWORD)).unwrap().with_client(client);
    world.auth.register(registration).await.unwrap();
    let events = world.events.take().concat();
    assert!(events.contains("198.51.100.7") && events.contains("console"), "{events}");
}

/// An administrator sees the outcome. Nodes that create the first administrator at the same time do too.
#[tokio::test]
async fn an_administrator_who_uses_a_taken_address_causes_no_event() {
    let world = world().await;
    let accounts = world.auth.accounts().unwrap();
    let _ = world.events.take();
    let registration = Registration::new(EMAIL, Password::new(PASSWORD)).unwrap();
    let outcome = accounts.create(registration, [RoleName::from_static("user")]).await.unwrap();
    assert!(matches!(outcome, CreateOutcome::Taken), "{outcome:?}");
    assert_eq!(world.events.take(), [""; 0]);
}

/// Neither answer comes without the store.
#[tokio::test]
async fn registration_without_the_store_of_accounts_is_unavailable() {
    let (world, outage) = failing_world().await;
    outage.fail_users();
    assert_eq!(register(&world, EMAIL).await.0, 503);
    assert_eq!(register(&world, OTHER_EMAIL).await.0, 503);
}
