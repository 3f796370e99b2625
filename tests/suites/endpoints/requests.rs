//! The request of an event: when it is read, and that an accepted request is not.

use std::borrow::Cow;
use std::sync::Mutex;

use gatewright::event::RequestContext;
use gatewright::guard::{Caller, Guard};
use gatewright::http::{Headers, RequestRoute, RequestView, TrustedProxies};
use gatewright::types::{Requirement, TokenText};
use gatewright::{ApiKeys, Auth, AuthError, Login, MemoryStore, Password, Scopes};
use gatewright_tests::{PASSWORD, World};

use super::{EMAIL, world};

const KEY: &str = "k9J2mQ7xVb4TzW8LcR5nYp3H";

/// A request that records the names of what is read: headers, and `route`.
#[derive(Default)]
struct Counting {
    authorization: String,
    api_key: &'static str,
    read: Mutex<Vec<String>>,
}

impl Counting {
    fn bearer(token: &TokenText) -> Self {
        Self { authorization: format!("Bearer {}", token.expose()), ..Self::default() }
    }

    fn view(&self) -> RequestView<'_> {
        let peer = Some("10.0.0.1".parse().unwrap());
        RequestView::new("GET", self).with_route(self).with_peer(peer)
    }

    /// What was read since the last call.
    fn read(&self) -> Vec<String> {
        std::mem::take(&mut self.read.lock().unwrap())
    }
}

impl Headers for Counting {
    fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        self.read.lock().unwrap().push(name.to_owned());
        match name {
            "authorization" if !self.authorization.is_empty() => see(self.authorization.as_bytes()),
            "x-api-key" if !self.api_key.is_empty() => see(self.api_key.as_bytes()),
            "x-request-id" => see(b"7f3a"),
            "x-forwarded-for" => see(b"198.51.100.7, 203.0.113.9"),
            "user-agent" => see(b"counting/1.0"),
            _ => {}
        }
    }
}

impl RequestRoute for Counting {
    fn route(&self) -> Cow<'_, str> {
        self.read.lock().unwrap().push("route".to_owned());
        Cow::Borrowed("/users/{id}")
    }
}

async fn proxied() -> World<MemoryStore> {
    let keys = ApiKeys::new().with(KEY, Scopes::parse("read").unwrap()).unwrap();
    let world = World::with(MemoryStore::new(), |builder| {
        builder.with_trusted_proxies(TrustedProxies::parse("10.0.0.0/8").unwrap()).with_api_keys(keys)
    });
    world.add(EMAIL).await;
    world
}

#[tokio::test]
async fn an_accepted_request_reads_its_credential_alone() {
    let world = proxied().await;
    let request = Counting::bearer(&world.login(EMAIL).await.access_token);
    let _ = world.events.take();
    let guard = Guard::new(&world.auth, Requirement::Role("user"));
    // From the stores, then from the cache.
    for _ in 0..2 {
        let caller = guard.authorize(&request.view(), None).await.unwrap();
        assert_eq!(request.read(), ["authorization"]);
        let again = world.auth.require(&request.view(), Some(&caller), Requirement::Authenticated).await;
        assert!(again.is_ok() && matches!(caller, Caller::User(_)));
        assert_eq!(request.read(), [""; 0]);
    }
    world.auth.require_claims(&request.view()).unwrap();
    assert_eq!(request.read(), ["authorization"]);
    let keyed = Counting { api_key: KEY, ..Counting::default() };
    world.auth.require_api_key(&keyed.view(), &Requirement::Scopes(&["read"])).unwrap();
    assert_eq!(keyed.read(), ["x-api-key"]);
    assert_eq!(world.events.take(), [""; 0]);
}

#[tokio::test]
async fn a_refused_request_is_read_once_when_it_is_answered() {
    let world = proxied().await;
    let request = Counting::bearer(&world.login(EMAIL).await.access_token);
    let _ = world.events.take();
    let error = world.auth.require(&request.view(), None, Requirement::Role("admin")).await.unwrap_err();
    assert_eq!(request.read(), ["authorization"]);
    assert_eq!(world.events.take(), [""; 0], "an error that is not answered is not reported");
    let AuthError::Forbidden { missing_roles, missing_scopes, .. } = error.kind() else {
        panic!("{error:?}")
    };
    assert_eq!((&missing_roles[..], &missing_scopes[..]), (&["admin"][..], &[][..]));

    assert_eq!(error.reply_for(&request.view()).status, 403);
    let mut read = request.read();
    read.sort_unstable();
    assert_eq!(read, ["route", "user-agent", "x-forwarded-for", "x-request-id"]);
    let recorded = world.events.take_with_requests();
    let [(event, context)] = &recorded[..] else { panic!("{recorded:?}") };
    assert!(event.starts_with("Forbidden"), "{event}");
    assert_eq!(context.client_address(), Some("203.0.113.9".parse().unwrap()), "behind the trusted proxy");
    let text = (context.method(), context.route(), context.request_id());
    assert_eq!(text, (Some("GET"), Some("/users/{id}"), Some("7f3a")));

    assert_eq!(error.reply_for(&request.view()), error.reply());
    assert_eq!((request.read(), world.events.take()), (Vec::new(), Vec::new()), "it is reported once");
}

/// The answer of an application's own has no event, so its request is not read either.
#[tokio::test]
async fn an_error_without_an_event_reads_nothing() {
    let world = proxied().await;
    let request = Counting::default();
    for error in [world.auth.not_found(), world.auth.conflict(), world.auth.forbidden()] {
        let _ = error.reply_for(&request.view());
        assert_eq!((request.read(), world.events.take()), (Vec::new(), Vec::new()));
    }
}

#[tokio::test]
async fn an_auth_for_a_request_names_it_in_every_event() {
    let world = proxied().await;
    let ada = world.auth.accounts().unwrap().page(None, 1).await.unwrap().remove(0).id;
    let request = Counting::default();
    let auth = world.auth.for_request(&request.view());
    let expected = auth.request().clone();
    assert_eq!(expected.request_id(), Some("7f3a"));
    assert_eq!(world.auth.request(), RequestContext::none());
    let _ = (request.read(), world.events.take());

    let wrong = Login::new(EMAIL, Password::new("wrong"));
    let error = auth.login(wrong.clone()).await.unwrap_err();
    let pair = auth.login(Login::new(EMAIL, Password::new(PASSWORD))).await.unwrap();
    auth.accounts().unwrap().end_sessions(&ada).await.unwrap();
    auth.accounts().unwrap().set_active(&ada, false).await.unwrap();
    let _ = auth.logout_by_refresh_token(&TokenText::new("x")).await.unwrap_err();
    let refused =
        auth.require(&Counting::bearer(&pair.access_token).view(), None, Requirement::Authenticated);
    let _ = refused.await.unwrap_err().reply();
    let names =
        ["LoginRefused", "LoggedIn", "SessionsEnded", "AccountChanged", "RefreshRefused", "AccessRefused"];
    let recorded = world.events.take_with_requests();
    assert_eq!(recorded.len(), names.len(), "{recorded:?}");
    for ((event, context), name) in recorded.iter().zip(names) {
        assert!(event.starts_with(name), "{event} is not {name}");
        assert_eq!(context, &expected, "{event}");
    }
    assert_eq!(request.read(), [""; 0], "the request was read before");
    assert_eq!(error.reply().status, 401);

    let _ = world.auth.login(wrong).await.unwrap_err();
    let recorded = world.events.take_with_requests();
    assert_eq!(recorded.iter().map(|(_, context)| context).collect::<Vec<_>>(), [RequestContext::none()]);
}

/// An identity of the one is an identity of the other.
#[tokio::test]
async fn an_auth_for_a_request_is_the_same_auth() {
    let world = world().await;
    let request = Counting::bearer(&world.login(EMAIL).await.access_token);
    let named: Auth = world.auth.for_request(&request.view());
    let identity = world.auth.authenticate(&request.view()).await.unwrap().unwrap();
    assert!(identity.issued_by(&named));
    named.logout(&identity).await.unwrap();
    assert!(world.auth.authenticate(&request.view()).await.is_err());
}
