//! The application of these tests on axum, and cases that only axum needs.

use std::net::TcpListener;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Request, StatusCode};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::get;
use gatewright::axum::{
    ApiKey, Authorized, CurrentUser, ExtraClaims, HasAuth, MaybeUser, guarded, login, require, routes,
};
use gatewright::guard::AccessRule;
use gatewright::types::{Authenticated, Requirement, TokenText};
use gatewright::{AllOf, AnyOf, Auth, MemoryStore};
use gatewright_tests::{World, memory};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::{Numbers, Publishes, Reads, Tenant, role};

pub(super) fn run(listener: TcpListener, auth: Auth, stranger: Auth) {
    gatewright_testkit::block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        axum::serve(listener, lab(&auth, &stranger)).await.unwrap();
    });
}

fn lab(auth: &Auth, stranger: &Auth) -> Router {
    let (user, admin) = (Requirement::Role("user"), Requirement::Role("admin"));
    let x = || Router::new().route("/x", get(ok));
    let strange = Router::new()
        .route("/open", get(ok))
        .route("/me", get(me))
        .route("/maybe", get(async |_: MaybeUser| "ok"))
        .layer(require(stranger, Requirement::Authenticated));
    let keyed = Router::new()
        .route("/key", get(async |_: ApiKey<Authenticated>| "ok"))
        .route("/me", get(me))
        .layer(require(auth, AccessRule::ApiKey(Requirement::Authenticated)));
    let twice = Router::new()
        .route("/me", get(me_twice))
        .merge(guarded(auth, admin, x().with_state(auth.clone())).under("/admin"))
        .layer(require(auth, Requirement::Authenticated));
    let foreign: Router<Auth> = guarded(auth, admin, x().with_state(auth.clone())).under("/g");
    let bare = Router::new()
        .route("/empty", get(async || (StatusCode::NOT_FOUND, [("x-own", "kept")])))
        .route("/written", get(async || (StatusCode::NOT_FOUND, "gone fishing")))
        .route("/accepted", get(async || StatusCode::ACCEPTED));
    let own_fallback = Router::new().nest("/sub", Router::new().fallback(ok)).fallback(ok);
    let nested = x().route("/me", get(me)).route("/tenant", get(tenant));
    let nested = guarded(auth, user, nested.with_state(auth.clone())).under("/v1/");
    Router::new()
        .route("/any", get(async |_: Authorized<AnyOf<(role::Admin, Reads)>>| "ok"))
        .route("/all", get(async |_: Authorized<AllOf<(role::User, Reads)>>| "ok"))
        .route("/admin-role", get(async |_: Authorized<role::Admin>| "ok"))
        .route("/publish", get(async |_: Authorized<AllOf<(role::User, Publishes)>>| "ok"))
        .route("/key", get(async |_: ApiKey<Reads>| "ok"))
        .route("/key/publish", get(async |_: ApiKey<Publishes>| "ok"))
        .route("/tenant", get(tenant))
        .route("/numbers", get(async |_: ExtraClaims<Numbers>| "ok"))
        .route("/sign-in", login(auth).get(async || "page"))
        .nest("/strange", strange)
        .nest("/keyed", keyed)
        .nest("/twice", twice)
        .nest("/foreign", foreign.layer(map_response(allow_all_origins)))
        .nest("/api", nested.route("/open", get(ok)).route("/v1/aside", get(ok)))
        .route("/auth/mine", get(me))
        .merge(guarded(auth, user, own_fallback).under("/own-fallback"))
        .merge(guarded(auth, user, bare).under("/bare"))
        .fallback(async |State(auth): State<Auth>| gatewright::axum::Error::from(auth.not_found()))
        .nest("/auth", routes(auth))
        .layer(map_response(outside))
        .with_state(auth.clone())
}

async fn outside(mut response: Response) -> Response {
    response.headers_mut().insert("x-outside", HeaderValue::from_static("seen"));
    response
}

async fn ok() -> &'static str {
    "ok"
}

async fn me(user: CurrentUser) -> String {
    user.email.to_string()
}

async fn tenant(extra: ExtraClaims<Tenant>) -> String {
    extra["tenant"].clone()
}

async fn me_twice(user: CurrentUser, maybe: MaybeUser) -> &'static str {
    assert_eq!(maybe.user.unwrap().user.id, user.user.id);
    "ok"
}

async fn allow_all_origins(mut response: Response) -> Response {
    response.headers_mut().insert("access-control-allow-origin", HeaderValue::from_static("*"));
    response
}

async fn world() -> (World<MemoryStore>, TokenText) {
    let [store, _] = memory().await;
    let world = World::new(store);
    world.add("ada@example.com").await;
    let token = world.login("ada@example.com").await.access_token;
    (world, token)
}

async fn send(app: &Router, path: &str, token: Option<&TokenText>) -> (u16, String) {
    let mut request = Request::get(path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {}", token.expose()));
    }
    let response: Response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn status(app: &Router, path: &str, token: Option<&TokenText>) -> u16 {
    send(app, path, token).await.0
}

#[tokio::test]
async fn a_merged_guarded_router_guards_only_its_own_routes() {
    let (world, token) = world().await;
    let members = guarded(&world.auth, Requirement::Role("user"), Router::new().route("/members", get(ok)));
    let app: Router =
        Router::new().route("/open", get(ok)).merge(Router::from(members)).with_state(world.auth.clone());
    assert_eq!(status(&app, "/open", None).await, 200);
    assert_eq!(status(&app, "/members", None).await, 401);
    assert_eq!(status(&app, "/members", Some(&token)).await, 200);
    assert_eq!(status(&app, "/none", None).await, 404);
}

#[tokio::test]
async fn fallbacks_do_not_bypass_the_guard() {
    let (world, _) = world().await;
    let sub = || Router::new().route("/y", get(ok)).fallback(ok);
    let shapes: [(Router, &[&str]); 3] = [
        (Router::new().fallback(ok), &["/", "/none"]),
        (Router::new().route("/x", get(ok)).fallback(ok), &["/x", "/none"]),
        (Router::new().nest("/sub", sub()), &["/sub/y", "/sub/none", "/none"]),
    ];
    let mut asked = 0;
    for (router, paths) in shapes {
        let need = Requirement::Role("user");
        let merged: Router = Router::new().route("/open", get(ok)).merge(Router::from(guarded(
            &world.auth,
            need,
            router.clone(),
        )));
        let under: Router = guarded(&world.auth, need, router).under("/g");
        for path in paths {
            assert_ne!(status(&merged, path, None).await, 200, "{path} merged");
            assert_eq!(status(&under, &format!("/g{path}"), None).await, 401, "{path} under");
            asked += 1;
        }
        assert_eq!(status(&merged, "/open", None).await, 200);
    }
    assert_eq!(asked, 7);
}

#[tokio::test]
async fn a_guarded_router_can_be_nested_at_a_path_and_at_the_root() {
    let (world, token) = world().await;
    let inner = || guarded(&world.auth, Requirement::Role("user"), Router::new().route("/x", get(ok)));
    let nested: Router = Router::new().nest("/api", inner().under("/v1/")).with_state(world.auth.clone());
    for path in ["/api/v1/x", "/api/v1/none", "/api/v1", "/api/v1/"] {
        assert_eq!(status(&nested, path, None).await, 401, "{path}");
    }
    assert_eq!(status(&nested, "/api/v1/x", Some(&token)).await, 200);
    assert_eq!(status(&nested, "/api/v1/none", Some(&token)).await, 404);
    let whole: Router = inner().under("/").with_state(world.auth.clone());
    assert_eq!(status(&whole, "/none", None).await, 401);
    assert_eq!(status(&whole, "/x", Some(&token)).await, 200);
    let app: Router = whole.fallback(ok);
    for path in ["/", "/none", "/a/b"] {
        assert_eq!(status(&app, path, None).await, 401, "{path}: the guard comes before the fallback");
        assert_eq!(status(&app, path, Some(&token)).await, 404, "{path}");
    }
    let deep: Router = Router::new().nest("/a", Router::new().nest("/b", inner().under("/")));
    for path in ["/a/b", "/a/b/none"] {
        assert_eq!(status(&deep, path, None).await, 401, "{path}");
    }
    assert_eq!(status(&deep, "/a/b/x", Some(&token)).await, 200);
}

#[tokio::test]
async fn a_custom_state_can_hold_the_auth_behind_an_arc() {
    struct AppState {
        auth: Auth,
        greeting: &'static str,
    }

    impl HasAuth for AppState {
        fn auth(&self) -> &Auth {
            &self.auth
        }
    }

    async fn greet(user: CurrentUser, State(state): State<Arc<AppState>>) -> String {
        format!("{} {}", state.greeting, user.email)
    }

    let (world, token) = world().await;
    let state = Arc::new(AppState { auth: world.auth.clone(), greeting: "hello" });
    let app = Router::new().route("/", get(greet)).nest("/auth", routes(&world.auth)).with_state(state);
    assert_eq!(send(&app, "/", Some(&token)).await.1, "hello ada@example.com");
    assert_eq!(status(&app, "/auth/login", None).await, 405);
}
