//! The error of `Auth` and `Accounts`: its cause, its reply and its event.

use std::error::Error as _;

use gatewright::endpoints::Endpoint;
use gatewright::error::LoginError;
use gatewright::http::{Bytes, Headers, ProblemRenderer, RequestView};
use gatewright::{AuthError, Login, MemoryStore, Password, UserId};
use gatewright_testkit::FailingStore;
use gatewright_tests::{PASSWORD, World};

use super::EMAIL;

/// The headers of a login.
struct Form;

impl Headers for Form {
    fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        if name == "content-type" {
            see(b"application/x-www-form-urlencoded");
        }
    }
}

/// The names of the events.
fn names(events: Vec<String>) -> Vec<String> {
    events.into_iter().map(|event| event.split(' ').next().unwrap().to_owned()).collect()
}

/// With a renderer and a realm of the application's own.
#[tokio::test]
async fn an_error_replies_and_reports_as_the_endpoint_does() {
    let (store, outage) = FailingStore::new(MemoryStore::new());
    let world = World::with(store, |builder| builder.with_renderer(ProblemRenderer).with_realm("the realm"));
    world.add(EMAIL).await;
    let prepare = |event: &str| match event {
        "Failed" => outage.fail_users(),
        "Overloaded" => world.hasher.be_busy(1),
        _ => {}
    };
    for (event, status) in [("LoginRefused", 401), ("Failed", 503), ("Overloaded", 503)] {
        let _ = world.events.take();
        prepare(event);
        let error = world.auth.login(Login::new(EMAIL, Password::new("wrong"))).await.unwrap_err();
        let reply = error.reply();
        assert_eq!((reply.status, error.status()), (status, status));
        assert_eq!(names(world.events.take()), [event]);
        let _ = error.reply();
        assert_eq!(world.events.take(), [""; 0], "an error is reported once");

        // An overload is reported once a minute, and there was one.
        let expected = if event == "Overloaded" { Vec::new() } else { vec![event] };
        prepare(event);
        let body = Bytes::from_static(b"username=ada@example.com&password=wrong");
        let answer = world.auth.handle(Endpoint::Login, &RequestView::new("POST", &Form), Ok(body)).await;
        assert_eq!(answer, reply);
        assert_eq!(names(world.events.take()), expected);
        outage.recover();
    }
}

#[tokio::test]
async fn an_error_says_what_its_kind_says() {
    let world = World::new(MemoryStore::new());
    let error = world.auth.login(Login::new(EMAIL, Password::new(PASSWORD))).await.unwrap_err();
    assert!(matches!(error.kind(), AuthError::Login(LoginError::UserUnknown)));
    assert_eq!(error.to_string(), "the login is refused");
    assert_eq!(error.source().unwrap().to_string(), "the user does not exist");
    assert_eq!(format!("{error:?}"), "Error { kind: Login(UserUnknown), .. }");
    assert!(matches!(error.into_kind(), AuthError::Login(LoginError::UserUnknown)));
}

/// No event is emitted for an error that the application handles itself.
#[tokio::test]
async fn an_error_without_a_reply_is_not_reported() {
    let (store, outage) = FailingStore::new(MemoryStore::new());
    let world = World::new(store);
    outage.fail_users();
    let accounts = world.auth.accounts().unwrap();
    let error = accounts.find(&UserId::new("42").unwrap()).await.unwrap_err();
    assert!(matches!(error.kind(), AuthError::Store(_)));
    drop(error);
    assert_eq!(world.events.take(), [""; 0]);
}
