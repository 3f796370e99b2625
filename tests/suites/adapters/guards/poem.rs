//! The application of these tests on poem, and cases that only poem needs.

use std::net::TcpListener;

use gatewright::guard::AccessRule;
use gatewright::poem::{
    ApiKey, Authorized, CurrentUser, ExtraClaims, MaybeUser, Rejection, StatelessClaims, guarded, install,
    login, require,
};
use gatewright::types::{Authenticated, Requirement};
use gatewright::{AllOf, AnyOf, Auth};
use gatewright_tests::Log;
use poem::error::NotFoundError;
use poem::http::{Method, StatusCode, Uri};
use poem::listener::TcpAcceptor;
use poem::middleware::SetHeader;
use poem::web::Path;
use poem::{Endpoint, EndpointExt, Request, Response, Route, Server, get, handler};

use super::{Numbers, Publishes, Reads, Tenant, role};

pub(super) fn run(listener: TcpListener, auth: Auth, stranger: Auth) {
    gatewright_testkit::block_on(async {
        let acceptor = TcpAcceptor::from_std(listener).unwrap();
        Server::new_with_acceptor(acceptor).run(lab(&auth, &stranger)).await.unwrap();
    });
}

fn lab(auth: &Auth, stranger: &Auth) -> impl Endpoint<Output = Response> + use<> {
    let (user, admin) = (Requirement::Role("user"), Requirement::Role("admin"));
    let x = || Route::new().at("/x", get(ok));
    let strange = Route::new().at("/open", get(ok)).at("/me", get(me)).at("/maybe", get(perhaps));
    let keyed = Route::new().at("/key", get(key)).at("/me", get(me));
    let twice = guarded(auth, admin, x()).under("/admin", Route::new().at("/me", get(me_twice)));
    let foreign = guarded(auth, admin, x()).under("/g", Route::new());
    let own_fallback = Route::new().nest("/sub", Route::new().at("*", ok)).at("*", ok);
    let bare =
        Route::new().at("/empty", get(empty)).at("/written", get(written)).at("/accepted", get(accepted));
    let nested = guarded(auth, user, x().at("/me", get(me)).at("/tenant", get(tenant)));
    let routes = Route::new()
        .at("/any", get(any))
        .at("/all", get(all))
        .at("/admin-role", get(admin_role))
        .at("/publish", get(publish))
        .at("/key", get(key_reads))
        .at("/key/publish", get(key_publishes))
        .at("/auth/mine", get(me))
        .at("/tenant", get(tenant))
        .at("/numbers", get(numbers))
        .at("/sign-in", login(auth).get(page))
        .nest("/strange", strange.with(require(stranger, Requirement::Authenticated)))
        .nest("/keyed", keyed.with(require(auth, AccessRule::ApiKey(Requirement::Authenticated))))
        .nest("/twice", twice.with(require(auth, Requirement::Authenticated)))
        .nest("/foreign", foreign.with(SetHeader::new().overriding("access-control-allow-origin", "*")))
        .nest("/api", nested.under("/v1/", Route::new().at("/open", get(ok)).at("/v1/aside", get(ok))));
    let not_found = auth.not_found().reply();
    let routes = guarded(auth, user, bare).under("/bare", routes);
    install(auth, "/auth", guarded(auth, user, own_fallback).under("/own-fallback", routes))
        .catch_error(move |_: NotFoundError| std::future::ready(Rejection::from(not_found.clone())))
        .with(SetHeader::new().overriding("x-outside", "seen"))
}

#[handler]
fn ok() -> &'static str {
    "ok"
}

#[handler]
fn empty() -> Response {
    Response::builder().status(StatusCode::NOT_FOUND).header("x-own", "kept").finish()
}

#[handler]
fn written() -> Response {
    Response::builder().status(StatusCode::NOT_FOUND).body("gone fishing")
}

#[handler]
fn accepted() -> StatusCode {
    StatusCode::ACCEPTED
}

#[handler]
fn page() -> &'static str {
    "page"
}

#[handler]
fn me(user: CurrentUser) -> String {
    user.email.to_string()
}

#[handler]
fn perhaps(_: MaybeUser) -> &'static str {
    "ok"
}

#[handler]
fn tenant(extra: ExtraClaims<Tenant>) -> String {
    extra["tenant"].clone()
}

#[handler]
fn numbers(_: ExtraClaims<Numbers>) -> &'static str {
    "ok"
}

#[handler]
fn me_twice(user: CurrentUser, maybe: MaybeUser) -> &'static str {
    assert_eq!(maybe.user.unwrap().user.id, user.user.id);
    "ok"
}

#[handler]
fn any(_: Authorized<AnyOf<(role::Admin, Reads)>>) -> &'static str {
    "ok"
}

#[handler]
fn all(_: Authorized<AllOf<(role::User, Reads)>>) -> &'static str {
    "ok"
}

#[handler]
fn admin_role(_: Authorized<role::Admin>) -> &'static str {
    "ok"
}

#[handler]
fn publish(_: Authorized<AllOf<(role::User, Publishes)>>) -> &'static str {
    "ok"
}

#[handler]
fn key(_: ApiKey<Authenticated>) -> &'static str {
    "ok"
}

#[handler]
fn key_reads(_: ApiKey<Reads>) -> &'static str {
    "ok"
}

#[handler]
fn key_publishes(_: ApiKey<Publishes>) -> &'static str {
    "ok"
}

#[handler]
fn claims(_: StatelessClaims) -> &'static str {
    "ok"
}

fn ask(path: &'static str) -> Request {
    Request::builder().uri(Uri::from_static(path)).finish()
}

#[tokio::test]
async fn a_missing_install_is_500_and_the_log_names_the_fix() {
    let app = Route::new()
        .at("/me", get(me))
        .at("/maybe", get(perhaps))
        .at("/claims", get(claims))
        .at("/key", get(key));
    for path in ["/me", "/maybe", "/claims", "/key"] {
        let log = Log::default();
        let _quiet = log.listen();
        let response = app.get_response(ask(path)).await;
        let status = response.status().as_u16();
        let body = response.into_body().into_string().await.unwrap();
        assert_eq!((status, body.as_str()), (500, r#"{"detail":"Internal server error"}"#), "{path}");
        assert!(log.text().contains("gatewright::poem::install(&auth"), "{path}: {}", log.text());
    }
}

#[tokio::test]
async fn extractors_behind_a_guard_work_without_install() {
    let (auth, token) = super::user_of_a_world().await;
    let inside = Route::new().at("/me", get(me));
    let app = guarded(&auth, Requirement::Role("user"), inside).under("/g", Route::new());
    let request = Request::builder().uri(Uri::from_static("/g/me"));
    let response =
        app.get_response(request.header("authorization", format!("Bearer {token}")).finish()).await;
    assert_eq!(response.into_body().into_string().await.unwrap(), "ada@example.com");
}

#[tokio::test]
async fn a_refusal_is_a_response_and_not_an_error() {
    let (auth, _) = super::user_of_a_world().await;
    let app = guarded(&auth, Requirement::Role("user"), Route::new()).under("/g", Route::new());
    let response = app.call(ask("/g")).await.unwrap();
    assert_eq!(response.status().as_u16(), 401);
    let single = get(ok).with(require(&auth, Requirement::Role("user")));
    assert_eq!(single.call(ask("/")).await.unwrap().status().as_u16(), 401);
}

#[handler]
fn echo(Path((id, name)): Path<(String, String)>) -> String {
    format!("{id} {name}")
}

#[tokio::test]
async fn a_guarded_router_keeps_the_path_parameters_of_its_handlers() {
    let (auth, token) = super::user_of_a_world().await;
    let inside = Route::new().at("/x/:id/:name", get(echo));
    let app = guarded(&auth, Requirement::Role("user"), inside).under("/g", Route::new());
    let authorization = format!("Bearer {token}");
    for (path, expected) in [("/g/x/1/a%20b", (200, "1 a b")), ("/g/x/1", (404, r#"{"detail":"Not found"}"#))]
    {
        let request = Request::builder().uri(Uri::from_static(path)).header("authorization", &authorization);
        let response = app.get_response(request.finish()).await;
        let status = response.status().as_u16();
        assert_eq!((status, &*response.into_body().into_string().await.unwrap()), expected, "{path}");
    }
    let request = Request::builder().method(Method::POST).uri(Uri::from_static("/g/x/1/a"));
    let answer = app.call(request.header("authorization", &authorization).finish()).await.unwrap();
    assert_eq!(answer.status().as_u16(), 405, "a response and not an error");
}

#[tokio::test]
async fn endpoints_installed_at_the_root_leave_other_routes_alone() {
    let (auth, _) = super::user_of_a_world().await;
    for path in ["", "/"] {
        let app = install(&auth, path, Route::new().at("/open", get(ok)));
        let status = async |path| app.get_response(ask(path)).await.status().as_u16();
        assert_eq!((status("/open").await, status("/login").await), (200, 405), "{path:?}");
    }
}
