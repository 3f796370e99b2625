//! Scenarios of events: what they must not contain, and sinks that fail.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use gatewright::endpoints::{PasswordChange, Refresh};
use gatewright::event::{Event, EventSink, RequestContext};
use gatewright::http::RequestView;
use gatewright::throttle::Throttle;
use gatewright::types::{ClientInfo, Requirement};
use gatewright::{ApiKeys, Login, Password};
use gatewright_testkit::TestHasher;
use gatewright_testkit::refresh::Storage;
use gatewright_tests::{Bearer, PASSWORD};

use super::service::{EMAIL, Service, WRONG};

const KEY: &str = "k9J2mQ7xVb4TzW8LcR5nYp3H";
/// A user types the password into the field for the name.
const PASSWORD_AS_NAME: &str = "MySecretPassphrase2026";

/// Every public value that a login handles, its errors, and all events.
pub(super) async fn audit_no_secrets<S: Storage>(storage: S)
where
    S::Sessions: Throttle,
{
    let keys = ApiKeys::parse(&format!("{KEY}:read")).unwrap();
    let service = Service::configured(&storage, |builder| builder.with_api_keys(keys.clone())).await;
    let login = Login::new(EMAIL, Password::new(PASSWORD));
    let mut shown = vec![format!("{login:?} {keys:?} {:?} {:?}", service.auth, Password::new(PASSWORD))];
    let first = service.auth.login(login).await.unwrap();
    let refresh = Refresh::new(first.refresh_token.clone());
    shown.push(format!("{first:?} {refresh:?}"));
    let second = service.auth.refresh(refresh).await.unwrap();
    let headers = Bearer(format!("Bearer {}", second.access_token.expose()));
    let view = RequestView::new("POST", &headers);
    let me = service.auth.authenticate(&view).await.unwrap().unwrap();
    let change =
        PasswordChange::new(Password::new(PASSWORD), Password::new("another long password")).unwrap();
    shown.push(format!("{second:?} {me:?} {change:?} {view:?}"));
    let third = service.auth.change_password(&me, change).await.unwrap();
    shown.push(format!("{third:?}"));
    for (name, password) in [(EMAIL, WRONG), (PASSWORD_AS_NAME, "x"), ("nobody@example.com", WRONG)] {
        for network in 1..=11 {
            let error = service.login(name, password, network).await.unwrap_err();
            shown.push(format!("{error:?} {error} {:?}", error.reply()));
        }
    }
    shown.push(format!("{:?}", service.auth.refresh(Refresh::new(first.refresh_token.clone())).await));
    let unknown = service.auth.require_api_key(&view, &Requirement::Authenticated);
    shown.push(format!("{unknown:?}"));
    let events = service.events.take();
    for name in ["LoggedIn", "Refreshed", "PasswordChanged", "LoginRefused", "Throttled"] {
        assert!(events.iter().any(|event| event.starts_with(name)), "{name} is missing: {events:?}");
    }
    shown.extend(events);
    let hash = TestHasher::stored(PASSWORD);
    let mut secrets = vec![KEY, PASSWORD, WRONG, "another long password", hash.expose(), PASSWORD_AS_NAME];
    for pair in [&first, &second, &third] {
        secrets.extend([pair.access_token.expose(), pair.refresh_token.expose()]);
    }
    let stored = service.stored_hash(EMAIL).await;
    secrets.push(&stored);
    for secret in &secrets {
        // The key of a name is in lower case.
        let secret = secret.to_lowercase();
        let found: Vec<_> = shown.iter().filter(|text| text.to_lowercase().contains(&secret)).collect();
        assert!(found.is_empty(), "{found:?} shows {secret}");
    }
    assert_eq!(secrets.len(), 13);
}

/// A sink that fails for refused logins.
struct Failing(Fault);

enum Fault {
    Panic,
    /// It blocks until another thread has noticed that.
    Block(Mutex<(Sender<()>, Receiver<()>)>),
}

impl EventSink for Failing {
    fn emit(&self, event: &Event<'_>, _: &RequestContext) {
        if !matches!(event, Event::LoginRefused { .. }) {
            return;
        }
        match &self.0 {
            Fault::Panic => panic!("the sink panics"),
            Fault::Block(channels) => {
                let (entered, leave) = &*channels.lock().unwrap();
                entered.send(()).unwrap();
                leave.recv().unwrap();
            }
        }
    }
}

/// The contract of a sink forbids both. If it panics, the login has no answer, its attempt is counted, and the next
/// login works. If it blocks, the login waits for it.
pub(super) async fn audit_sink_fails<S: Storage>(storage: S)
where
    S::Sessions: Throttle,
{
    let service = Service::configured(&storage, |builder| builder.with_events(Failing(Fault::Panic))).await;
    for network in 1..=10 {
        let (auth, client) = (service.auth.clone(), ClientInfo::new(Some([192, 0, 2, network].into()), None));
        let login = Login::new(EMAIL, Password::new(WRONG)).with_client(client);
        assert!(tokio::spawn(async move { auth.login(login).await }).await.is_err_and(|end| end.is_panic()));
    }
    assert_eq!((service.status(EMAIL, PASSWORD, 11).await, service.hasher.calls()), (429, 10));
    service.clock.advance(Duration::from_secs(30));
    assert_eq!(service.status(EMAIL, PASSWORD, 11).await, 200);

    let ((entered, has_entered), (may_leave, leave)) = (channel(), channel());
    let watch = std::thread::spawn(move || {
        has_entered.recv().unwrap();
        may_leave.send(()).unwrap();
    });
    let sink = Failing(Fault::Block(Mutex::new((entered, leave))));
    let service = Service::open(&storage, |builder| builder.with_events(sink)).await;
    assert_eq!(service.status(EMAIL, WRONG, 11).await, 401);
    watch.join().unwrap();
    assert_eq!(service.status(EMAIL, PASSWORD, 11).await, 200);
}
