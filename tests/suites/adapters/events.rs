//! What events say about their request. The same small application runs on each framework and must emit the
//! same events with the same context.

mod actix_web;
mod axum;
mod poem;
pub(crate) mod metrics;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::thread;

use gatewright::event::RequestContext;
use gatewright::metrics::Metrics;
use gatewright::types::{Policy, Requirement, SessionId};
use gatewright::{Account, ApiKeys, Auth, Error, Login, MemoryStore, Password, Scopes, TokenPair};
use gatewright_testkit::auth_routes::{Request, Target};
use gatewright_testkit::{FailingStore, block_on};
use gatewright_tests::{PASSWORD, World};
use metrics_util::debugging::{DebuggingRecorder, Snapshotter};

use crate::endpoints::session_of;

use metrics::{
    attempts_and_refreshes_are_measured_with_their_outcome,
    claims_that_do_not_fit_are_measured_as_a_second_decision,
    guards_are_measured_with_their_outcome_and_the_cache,
};

gatewright::roles! { enum Role: role { User = "user", Admin = "admin" } }

/// Two scopes of which the user of these tests has one.
struct Publishes;

impl Policy for Publishes {
    const REQUIREMENT: Requirement = Requirement::Scopes(&["write", "publish"]);
}

/// A type that the extra claims of the tokens do not fit.
type Numbers = BTreeMap<String, u64>;

const EMAIL: &str = "ada@example.com";
const KEY: &str = "k9J2mQ7xVb4TzW8LcR5nYp3H";

/// Serves, on any framework:
///
/// - `GET /items/{id}`, `/maybe`, `/claims`, `/numbers`, `/admin`, `/publish`, `/key`: an extractor each,
/// - `GET /office/stats`: in a guarded router for administrators,
/// - `GET /plain`, `/named`: [`try_login`] with the `Auth`, and with that of `for_request`,
/// - the endpoints below `/auth`.
type Run = fn(TcpListener, Auth);

/// What a handler of an application calls.
async fn try_login(auth: &Auth) -> Result<&'static str, Error> {
    auth.login(Login::new("nobody@example.com", Password::new(PASSWORD))).await?;
    Ok("logged in")
}

/// A running application with one user, who has the role `user` and the scopes `read` and `write`.
struct Desk {
    world: World<FailingStore<MemoryStore>>,
    outage: gatewright_testkit::Outage,
    target: Target,
    recorded: Snapshotter,
    user: String,
    /// How the framework writes a parameter named `id`.
    parameter: &'static str,
}

impl Desk {
    fn new(run: Run, parameter: &'static str) -> Self {
        let (store, outage) = FailingStore::new(MemoryStore::new());
        let keys = ApiKeys::new().with(KEY, Scopes::parse("write").unwrap()).unwrap();
        let tenant = |_: &Account| Ok::<_, std::fmt::Error>(BTreeMap::from([("tenant", "acme")]));
        let recorder = DebuggingRecorder::new();
        let world = World::with(store, |builder| {
            let builder = builder.with_refresh_grace(std::time::Duration::ZERO);
            let builder = builder.with_metrics(Metrics::with_recorder(&recorder));
            builder.with_api_keys(keys).with_extra_claims(tenant)
        });
        let user = format!("{:?}", block_on(world.add(EMAIL)).id);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let auth = world.auth.clone();
        thread::spawn(move || run(listener, auth));
        let recorded = recorder.snapshotter();
        Self { world, outage, target: Target::new(&address), recorded, user, parameter }
    }

    fn login(&self) -> (TokenPair, SessionId) {
        let pair = block_on(self.world.login(EMAIL));
        let session = session_of(&pair.access_token);
        (pair, session)
    }

    /// Sends the request, and returns its events with their contexts.
    fn send(&self, request: &Request, status: u16) -> Vec<(String, RequestContext)> {
        let _ = self.world.events.take();
        let request = request.clone().header("x-request-id", "7f3a-01").header("user-agent", "desk/1.0");
        let response = self.target.send(&request);
        assert_eq!(response.status, status, "{}", response.text());
        self.world.events.take_with_requests()
    }

    /// Asserts that the request causes these events, each in the context of the request.
    fn expect(&self, request: &Request, (method, route): (&str, &str), status: u16, events: &[String]) {
        let recorded = self.send(request, status);
        let names: Vec<&String> = recorded.iter().map(|(event, _)| event).collect();
        assert_eq!(names.len(), events.len(), "{method} {route}: {names:?}");
        let route = route.replace("{id}", self.parameter);
        for ((event, context), expected) in recorded.iter().zip(events) {
            assert!(event.starts_with(expected.as_str()), "{method} {route}: {event} is not {expected}");
            assert_eq!(context.method(), Some(method));
            assert_eq!(context.route(), Some(route.as_str()));
            assert_eq!(context.request_id(), Some("7f3a-01"));
            assert_eq!(context.client_address(), Some([127, 0, 0, 1].into()));
            assert_eq!(context.user_agent().map(|agent| agent.as_str()), Some("desk/1.0"));
        }
    }

    /// As [`expect`](Self::expect), for a `GET`.
    fn expect_get(&self, path: &str, route: &str, token: Option<&str>, status: u16, events: &[String]) {
        let request = Request::get(path);
        let request = token.iter().fold(request, |request, token| request.bearer(token));
        self.expect(&request, ("GET", route), status, events);
    }

    /// As [`expect`](Self::expect), for a `POST` of a form to an endpoint.
    fn expect_post(&self, endpoint: &str, fields: &[(&str, &str)], status: u16, events: &[String]) {
        let path = self.target.path(endpoint);
        self.expect(&Request::post(&path).form(fields), ("POST", &path), status, events);
    }

    /// The event of a rejected token that names the user.
    fn rejected(&self, session: SessionId, cause: &str) -> String {
        let user = &self.user;
        format!("AccessRefused {{ user: Some({user}), session: Some({session:?}), cause: {cause} }}")
    }

    fn forbidden(&self, session: SessionId, missing: &str) -> String {
        let user = &self.user;
        format!("Forbidden {{ user: Some({user}), session: Some({session:?}), {missing} }}")
    }
}

/// The event of a missing or rejected credential that names no user.
fn anonymous(cause: &str) -> String {
    format!("AccessRefused {{ user: None, session: None, cause: {cause}")
}

macro_rules! on_every_framework {
    ($($case:ident)+) => {
        on_every_framework! { on_actix_web actix_web "{id}": $($case)+ }
        on_every_framework! { on_axum axum "{id}": $($case)+ }
        on_every_framework! { on_poem poem ":id": $($case)+ }
    };
    ($module:ident $framework:ident $parameter:literal: $($case:ident)+) => {
        mod $module {
            $(
                #[test]
                fn $case() {
                    super::$case(&super::Desk::new(super::$framework::run, $parameter));
                }
            )+
        }
    };
}

on_every_framework! {
    a_refused_request_is_in_the_event_of_its_extractor
    a_refused_request_is_in_the_event_of_its_guard
    a_request_is_in_every_event_of_an_endpoint
    a_failure_of_the_server_is_in_the_event_with_its_request
    a_handler_names_the_request_if_it_asks_for_it
    a_request_id_that_is_repeated_or_not_clean_is_left_out
    an_accepted_request_has_no_event
    guards_are_measured_with_their_outcome_and_the_cache
    claims_that_do_not_fit_are_measured_as_a_second_decision
    attempts_and_refreshes_are_measured_with_their_outcome
}

fn a_refused_request_is_in_the_event_of_its_extractor(desk: &Desk) {
    let (pair, session) = desk.login();
    let token = Some(pair.access_token.expose());
    let (gone, gone_session) = desk.login();
    block_on(desk.world.auth.logout_by_refresh_token(&gone.refresh_token)).unwrap();
    let gone = Some(gone.access_token.expose());
    let none = anonymous("NoCredential");
    let bad = anonymous("Token(Format)");
    let cases = [
        ("/items/5", "/items/{id}", None, 401, none.clone()),
        ("/items/5?x=1", "/items/{id}", Some("x"), 401, bad.clone()),
        ("/items/5", "/items/{id}", Some("x y"), 400, anonymous("Malformed")),
        ("/items/5", "/items/{id}", gone, 401, desk.rejected(gone_session, "SessionEnded")),
        ("/maybe", "/maybe", Some("x"), 401, bad.clone()),
        ("/claims", "/claims", None, 401, none.clone()),
        ("/claims", "/claims", Some("x"), 401, bad),
        ("/numbers", "/numbers", None, 401, none),
        ("/numbers", "/numbers", token, 401, desk.rejected(session, "ExtraClaims").replace(" }", "")),
        (
            "/admin",
            "/admin",
            token,
            403,
            desk.forbidden(session, r#"missing_roles: ["admin"], missing_scopes: []"#),
        ),
        (
            "/publish",
            "/publish",
            token,
            403,
            desk.forbidden(session, r#"missing_roles: [], missing_scopes: ["publish"]"#),
        ),
        ("/key", "/key", token, 401, anonymous("NoApiKey")),
    ];
    assert_eq!(cases.len(), 12);
    for (path, route, token, status, event) in cases {
        desk.expect_get(path, route, token, status, &[event]);
    }
    let lacking = r#"ApiKeyForbidden { missing_roles: [], missing_scopes: ["publish"] }"#.to_owned();
    for (key, event) in [("another key", anonymous("ApiKeyUnknown")), (KEY, lacking)] {
        desk.expect(&Request::get("/key").api_key(key), ("GET", "/key"), 403, &[event]);
    }
}

fn a_refused_request_is_in_the_event_of_its_guard(desk: &Desk) {
    let (pair, session) = desk.login();
    let token = Some(pair.access_token.expose());
    let forbidden = desk.forbidden(session, r#"missing_roles: ["admin"], missing_scopes: []"#);
    let cases = [
        ("/office/stats", None, 401, anonymous("NoCredential")),
        ("/office/stats?x=1", Some("x"), 401, anonymous("Token(Format)")),
        ("/office/stats", token, 403, forbidden.clone()),
        ("/office/none", None, 401, anonymous("NoCredential")),
        ("/office/none", token, 403, forbidden),
    ];
    assert_eq!(cases.len(), 5);
    for (path, token, status, event) in cases {
        desk.expect_get(path, path.split('?').next().unwrap(), token, status, &[event]);
    }
}

fn a_request_is_in_every_event_of_an_endpoint(desk: &Desk) {
    let (pair, session) = desk.login();
    let user = &desk.user;
    let text = String::from;
    let login = |name, password| [("username", name), ("password", password)];
    let refused = |user: &str, cause| format!("LoginRefused {{ user: {user}, cause: {cause}, name: ");
    let refresh = [("refresh_token", pair.refresh_token.expose())];
    let reused = [
        format!("TokenReused {{ user: {user}, session: {session:?} }}"),
        format!("RefreshRefused {{ user: Some({user}), session: Some({session:?}), cause: Reused }}"),
    ];
    let access = pair.access_token.expose();
    type Row<'a> = (&'a str, Vec<(&'a str, &'a str)>, u16, Vec<String>);
    let rows: [Row<'_>; 10] = [
        ("/login", vec![("username", EMAIL)], 400, vec![text("RequestRefused { cause: ")]),
        ("/login", login("nobody@example.com", PASSWORD).into(), 401, vec![refused("None", "UserUnknown")]),
        ("/login", login(EMAIL, "x").into(), 401, vec![refused(&format!("Some({user})"), "WrongPassword")]),
        ("/login", login(EMAIL, PASSWORD).into(), 200, vec![format!("LoggedIn {{ user: {user}, session: ")]),
        (
            "/refresh",
            vec![("refresh_token", access)],
            401,
            vec![text("RefreshRefused { user: None, session: None, cause: Token(Kind) }")],
        ),
        (
            "/refresh",
            refresh.into(),
            200,
            vec![format!("Refreshed {{ user: {user}, session: {session:?}, grace: false }}")],
        ),
        ("/refresh", refresh.into(), 401, reused.into()),
        ("/revoke", vec![("token", "x")], 200, vec![text("NothingRevoked { cause: ")]),
        ("/logout", Vec::new(), 401, vec![anonymous("NoCredential")]),
        ("/introspect", vec![("token", "x")], 401, vec![anonymous("NoApiKey")]),
    ];
    assert_eq!(rows.len(), 10);
    for (endpoint, fields, status, events) in rows {
        desk.expect_post(endpoint, &fields, status, &events);
    }
    let ended = Request::post("/auth/logout-all").bearer(access);
    desk.expect(&ended, ("POST", "/auth/logout-all"), 401, &[desk.rejected(session, "SessionEnded")]);
    let registration =
        Request::post("/auth/register").json(r#"{"email":"bob@example.com","password":"short"}"#);
    let policy = text("ChangeRefused { cause: Policy(");
    desk.expect(&registration, ("POST", "/auth/register"), 422, &[policy]);
    let other = Request::get("/auth/login");
    desk.expect(&other, ("GET", "/auth/login"), 405, &[text("RequestRefused { cause: Method")]);
}

fn a_failure_of_the_server_is_in_the_event_with_its_request(desk: &Desk) {
    let (pair, _) = desk.login();
    let failed = [String::from("Failed { error: Store(")];
    desk.outage.fail_sessions();
    // The session is not cached yet.
    desk.expect_get("/items/5", "/items/{id}", Some(pair.access_token.expose()), 503, &failed);
    desk.outage.fail_users();
    desk.expect_post("/login", &[("username", EMAIL), ("password", PASSWORD)], 503, &failed);
}

/// The answer of `?` does not know the request on any framework.
fn a_handler_names_the_request_if_it_asks_for_it(desk: &Desk) {
    let refused =
        String::from("LoginRefused { user: None, cause: UserUnknown, name: Some(AttemptedName(..)) }");
    desk.expect_get("/named", "/named", None, 401, std::slice::from_ref(&refused));
    let recorded = desk.send(&Request::get("/plain"), 401);
    assert_eq!(recorded, [(refused, RequestContext::none().clone())]);
    desk.outage.fail_users();
    desk.expect_get("/named", "/named", None, 503, &[String::from("Failed { error: Store(")]);
    let recorded = desk.send(&Request::get("/plain"), 503);
    assert!(matches!(&recorded[..], [(event, context)]
        if event.starts_with("Failed") && context == RequestContext::none()));
}

fn a_request_id_that_is_repeated_or_not_clean_is_left_out(desk: &Desk) {
    let id = |headers: &[&[u8]]| {
        let _ = desk.world.events.take();
        let request = Request::get("/items/5");
        let request = headers.iter().fold(request, |request, id| request.header("x-request-id", id));
        assert_eq!(desk.target.send(&request).status, 401);
        let recorded = desk.world.events.take_with_requests();
        assert_eq!(recorded.len(), 1);
        recorded[0].1.request_id().map(str::to_owned)
    };
    assert_eq!(id(&[b" 7f3a "]).as_deref(), Some("7f3a"));
    let long = [b'x'; 65];
    let rejected: [&[&[u8]]; 7] = [&[], &[b""], &[b"a", b"a"], &[b"a b"], &[b"a\tb"], &[b"a\xff"], &[&long]];
    for headers in rejected {
        assert_eq!(id(headers), None, "{headers:?}");
    }
}

fn an_accepted_request_has_no_event(desk: &Desk) {
    let (pair, _) = desk.login();
    for path in ["/items/5", "/maybe", "/claims"] {
        let request = Request::get(path).bearer(pair.access_token.expose());
        assert_eq!(desk.send(&request, 200), []);
    }
    assert_eq!(desk.send(&Request::get("/maybe"), 200), []);
}
