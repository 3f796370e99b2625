//! Handlers that fail with `?` and take ids from the path. The same small shop runs on each framework and
//! must give the same answers. Its `Auth` has a renderer and a realm of its own.

mod actix_web;
mod axum;
mod poem;

use std::net::TcpListener;
use std::thread;

use gatewright::http::ProblemRenderer;
use gatewright::{Auth, Error, Login, MemoryStore, Password};
use gatewright_testkit::auth_routes::{FORM, Request, Response, Target};
use gatewright_testkit::{EventRecorder, FailingStore, Outage, block_on};
use gatewright_tests::{PASSWORD, World};

const EMAIL: &str = "ada@example.com";
const SESSION: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

/// A running shop, and the token of its only user.
struct Shop {
    target: Target,
    id: String,
    token: String,
    events: EventRecorder,
    outage: Outage,
}

/// Serves a shop:
///
/// - `GET /answers/{answer}` fails with [`fail`],
/// - `GET /shop/{answer}` the same, as an error type of the application's own,
/// - `GET /users/{id}` shows the address of a user to users,
/// - `GET /users/{id}/sessions/{session}` shows both ids to users,
/// - the endpoints below `/auth`.
type Run = fn(TcpListener, Auth);

impl Shop {
    fn new(run: Run) -> Self {
        let (store, outage) = FailingStore::new(MemoryStore::new());
        let world =
            World::with(store, |builder| builder.with_renderer(ProblemRenderer).with_realm("the shop"));
        let (account, pair) = block_on(async { (world.add(EMAIL).await, world.login(EMAIL).await) });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (id, token) = (account.id.to_string(), pair.access_token.expose().to_owned());
        let auth = world.auth.clone();
        thread::spawn(move || run(listener, auth));
        let _ = world.events.take();
        Self { target: Target::new(&address), id, token, events: world.events, outage }
    }

    fn get(&self, path: &str) -> Response {
        self.target.send(&Request::get(path).bearer(&self.token))
    }

    /// The names of the events since the last call.
    fn events(&self) -> Vec<String> {
        let names = self.events.take();
        names.into_iter().map(|event| event.split(' ').next().unwrap().to_owned()).collect()
    }
}

/// Fails as the path says.
async fn fail(auth: &Auth, answer: &str) -> Result<&'static str, Error> {
    match answer {
        "forbidden" => Err(auth.forbidden()),
        "not-found" => Err(auth.not_found()),
        "conflict" => Err(auth.conflict()),
        "login" => {
            auth.login(Login::new("nobody@example.com", Password::new(PASSWORD))).await?;
            Ok("logged in")
        }
        _ => Ok("ok"),
    }
}

/// A problem of RFC 9457, as [`ProblemRenderer`] writes it.
fn problem(status: u16, title: &str, detail: &str) -> String {
    format!(r#"{{"type":"about:blank","title":"{title}","status":{status},"detail":"{detail}"}}"#)
}

macro_rules! on_every_framework {
    ($($case:ident)+) => {
        on_every_framework! { on_actix_web actix_web: $($case)+ }
        on_every_framework! { on_axum axum: $($case)+ }
        on_every_framework! { on_poem poem: $($case)+ }
    };
    ($module:ident $framework:ident: $($case:ident)+) => {
        mod $module {
            $(
                #[test]
                fn $case() {
                    super::$case(&super::Shop::new(super::$framework::run));
                }
            )+
        }
    };
}

on_every_framework! {
    an_error_in_a_handler_answers_as_the_endpoint_does
    a_failure_in_a_handler_is_reported_once
    an_application_has_answers_of_its_own
    an_error_type_of_the_application_can_contain_it
    an_id_in_the_path_is_typed_and_a_malformed_one_is_404_after_the_guard
}

fn an_error_in_a_handler_answers_as_the_endpoint_does(shop: &Shop) {
    let form = format!("username=nobody@example.com&password={}", PASSWORD.replace(' ', "+"));
    let endpoint = shop.target.send(&Request::post("/auth/login").body(FORM, form.as_bytes()));
    let expected = shop.events();
    for path in ["/answers/login", "/shop/login"] {
        let handler = shop.get(path);
        assert_eq!((handler.status, handler.text()), (401, endpoint.text()), "{path}");
        for name in ["www-authenticate", "content-type"] {
            let values = [&handler, &endpoint].map(|answer| header(answer, name));
            assert!(values[0].is_some(), "{path} has no {name}");
            assert_eq!(values[0], values[1], "{path}");
        }
        assert_eq!(shop.events(), expected, "{path}");
    }
    assert_eq!(header(&endpoint, "www-authenticate"), Some(r#"Bearer realm="the shop""#));
}

fn header<'a>(answer: &'a Response, name: &str) -> Option<&'a str> {
    answer.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
}

fn a_failure_in_a_handler_is_reported_once(shop: &Shop) {
    assert_eq!(shop.get("/answers/ok").text(), "ok");
    shop.outage.fail_users();
    let failed = shop.get("/answers/login");
    assert_eq!((failed.status, header(&failed, "retry-after")), (503, Some("2")));
    assert_eq!(failed.text(), problem(503, "Service Unavailable", "Service unavailable"));
    assert_eq!(shop.events(), ["Failed"]);
}

/// The 403 has no challenge and no `error`: a token with more scopes would not help.
fn an_application_has_answers_of_its_own(shop: &Shop) {
    for (answer, status, title, detail) in [
        ("forbidden", 403, "Forbidden", "Forbidden"),
        ("not-found", 404, "Not Found", "Not found"),
        ("conflict", 409, "Conflict", "Conflict"),
    ] {
        let response = shop.get(&format!("/answers/{answer}"));
        assert_eq!((response.status, response.text()), (status, problem(status, title, detail)));
        assert_eq!(header(&response, "content-type"), Some("application/problem+json"));
        assert_eq!(header(&response, "www-authenticate"), None);
    }
    assert_eq!(shop.events(), [""; 0]);
}

fn an_error_type_of_the_application_can_contain_it(shop: &Shop) {
    let conflict = shop.get("/shop/conflict");
    assert_eq!((conflict.status, conflict.text()), (409, problem(409, "Conflict", "Conflict")));
    let own = shop.get("/shop/sold-out");
    assert_eq!((own.status, own.text()), (410, "sold out".to_owned()));
    assert_eq!(shop.get("/shop/ok").text(), "ok");
}

fn an_id_in_the_path_is_typed_and_a_malformed_one_is_404_after_the_guard(shop: &Shop) {
    let known = format!("/users/{}", shop.id);
    assert_eq!(shop.get(&known).text(), EMAIL);
    let both = format!("{known}/sessions/{SESSION}");
    assert_eq!(shop.get(&both).text(), format!("{} {SESSION}", shop.id));
    let long = format!("/users/{}", "x".repeat(129));
    let (upper, word) =
        (format!("{known}/sessions/{}", SESSION.to_uppercase()), format!("{known}/sessions/x"));
    for path in ["/users/unknown", "/users/a%00b", "/users/%FF", long.as_str(), &upper, &word] {
        let unknown = shop.get(path);
        assert_eq!((unknown.status, unknown.text()), (404, problem(404, "Not Found", "Not found")), "{path}");
        assert_eq!(shop.target.send(&Request::get(path)).status, 401, "{path}");
        assert_eq!(shop.target.send(&Request::get(path).bearer("x.y.z")).status, 401, "{path}");
    }
}
