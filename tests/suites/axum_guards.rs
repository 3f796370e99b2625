//! Guards on axum, in the ways applications combine them.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Request};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::get;
use gatewright::axum::{Authorized, CurrentUser, HasAuth, MaybeUser, guarded, login, require, routes};
use gatewright::{AllOf, AnyOf, Auth, MemoryStore, Policy, Requirement, TokenText};
use gatewright_tests::{World, memory};
use http_body_util::BodyExt;
use tower::ServiceExt;

gatewright::roles! { enum Role: role { User = "user", Editor = "editor", Admin = "admin" } }

struct Reads;

impl Policy for Reads {
    const REQUIREMENT: Requirement = Requirement::Scopes(&["read"]);
}

struct Publishes;

impl Policy for Publishes {
    const REQUIREMENT: Requirement = Requirement::Scopes(&["write", "publish"]);
}

async fn world() -> (World<MemoryStore>, TokenText) {
    let [store, _] = memory().await;
    let world = World::new(store);
    world.add("ada@example.com").await;
    let token = world.login("ada@example.com").await.access_token;
    (world, token)
}

async fn send(app: &Router, path: &str, token: Option<&TokenText>) -> (u16, Option<String>, String) {
    let mut request = Request::get(path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {}", token.expose()));
    }
    let response: Response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let challenge =
        response.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, challenge, String::from_utf8(body.to_vec()).unwrap())
}

async fn status(app: &Router, path: &str, token: Option<&TokenText>) -> u16 {
    send(app, path, token).await.0
}

async fn ok() -> &'static str {
    "ok"
}

#[tokio::test]
async fn policies_combine_and_name_the_scopes_they_miss() {
    let (world, token) = world().await;
    let app = Router::new()
        .route("/any", get(async |_: Authorized<AnyOf<(role::Admin, Reads)>>| "ok"))
        .route("/all", get(async |_: Authorized<AllOf<(role::User, Reads)>>| "ok"))
        .route("/admin", get(async |_: Authorized<role::Admin>| "ok"))
        .route("/publish", get(async |_: Authorized<AllOf<(role::User, Publishes)>>| "ok"))
        .with_state(world.auth.clone());
    assert_eq!(status(&app, "/any", Some(&token)).await, 200);
    assert_eq!(status(&app, "/all", Some(&token)).await, 200);
    let (code, challenge, _) = send(&app, "/admin", Some(&token)).await;
    assert_eq!((code, challenge.as_deref()), (403, Some(r#"Bearer error="insufficient_scope""#)));
    let (code, challenge, _) = send(&app, "/publish", Some(&token)).await;
    let named = r#"Bearer error="insufficient_scope", scope="write publish""#;
    assert_eq!((code, challenge.as_deref()), (403, Some(named)));
    assert_eq!(status(&app, "/publish", None).await, 401);
}

#[tokio::test]
async fn what_a_guard_of_one_auth_found_opens_nothing_of_another() {
    let (one, token) = world().await;
    let (other, other_token) = world().await;
    let app = Router::new()
        .route("/", get(async |user: CurrentUser| user.email.to_string()))
        .route("/maybe", get(async |maybe: MaybeUser| format!("{}", maybe.user.is_some())))
        .with_state(other.auth.clone())
        .layer(require(&one.auth, Requirement::Authenticated));
    assert_eq!(status(&app, "/", None).await, 401);
    for path in ["/", "/maybe"] {
        assert_eq!(
            status(&app, path, Some(&token)).await,
            401,
            "recognised outside, a stranger inside: {path}"
        );
    }
    assert_eq!(status(&app, "/", Some(&other_token)).await, 401, "a stranger outside");
}

#[tokio::test]
async fn two_guards_must_both_be_passed() {
    let (world, token) = world().await;
    let inner = guarded(&world.auth, Requirement::Role("admin"), Router::new().route("/x", get(ok)))
        .under("/admin", ());
    let app: Router = Router::new()
        .route(
            "/me",
            get(async |user: CurrentUser, maybe: MaybeUser| {
                assert_eq!(maybe.user.unwrap().user.id, user.user.id);
                "ok"
            }),
        )
        .merge(inner)
        .with_state(world.auth.clone())
        .layer(require(&world.auth, Requirement::Authenticated));
    assert_eq!(status(&app, "/me", Some(&token)).await, 200);
    assert_eq!(status(&app, "/admin/x", Some(&token)).await, 403);
    assert_eq!(status(&app, "/admin/x", None).await, 401);
}

#[tokio::test]
async fn a_refusal_passes_through_foreign_middleware_like_any_answer() {
    let (world, token) = world().await;
    let cors = map_response(async |mut response: Response| {
        response.headers_mut().insert("access-control-allow-origin", HeaderValue::from_static("*"));
        response
    });
    let app = guarded(&world.auth, Requirement::Role("admin"), Router::new().route("/x", get(ok)));
    let app: Router = app.under("/admin", ()).layer(cors);
    for (token, expected) in [(None, 401), (Some(&token), 403)] {
        let mut request = Request::get("/admin/x");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {}", token.expose()));
        }
        let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status().as_u16(), expected);
        assert_eq!(response.headers()["access-control-allow-origin"], "*");
    }
}

#[tokio::test]
async fn a_merged_guarded_router_guards_its_routes_and_leaves_the_rest_alone() {
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
async fn no_fallback_answers_past_the_guard() {
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
        let under: Router = guarded(&world.auth, need, router).under("/g", ());
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
async fn a_guarded_router_can_be_nested_below_another_path_and_below_none() {
    let (world, token) = world().await;
    let inner = || guarded(&world.auth, Requirement::Role("user"), Router::new().route("/x", get(ok)));
    let nested: Router = Router::new().nest("/api", inner().under("/v1/", ())).with_state(world.auth.clone());
    for path in ["/api/v1/x", "/api/v1/none", "/api/v1", "/api/v1/"] {
        assert_eq!(status(&nested, path, None).await, 401, "{path}");
    }
    assert_eq!(status(&nested, "/api/v1/x", Some(&token)).await, 200);
    assert_eq!(status(&nested, "/api/v1/none", Some(&token)).await, 404);
    let whole: Router = inner().under("/", ()).with_state(world.auth.clone());
    assert_eq!(status(&whole, "/none", None).await, 401);
    assert_eq!(status(&whole, "/x", Some(&token)).await, 200);
}

#[tokio::test]
async fn a_state_of_ones_own_holds_the_auth_behind_an_arc() {
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
    assert_eq!(send(&app, "/", Some(&token)).await.2, "hello ada@example.com");
    assert_eq!(status(&app, "/auth/login", None).await, 405);
}

#[tokio::test]
async fn a_single_endpoint_leaves_other_methods_to_the_application() {
    let (world, _) = world().await;
    let app: Router =
        Router::new().route("/sign-in", login::<Auth, _>(&world.auth).get(ok)).with_state(world.auth.clone());
    assert_eq!(status(&app, "/sign-in", None).await, 200);
    let request = Request::post("/sign-in").body(Body::empty()).unwrap();
    assert_eq!(app.clone().oneshot(request).await.unwrap().status().as_u16(), 415);
}

#[tokio::test]
async fn a_realm_stands_in_every_challenge() {
    let [store, _] = memory().await;
    let world = World::with(store, |builder| builder.with_realm("my api"));
    let app = Router::new().route("/", get(async |_: CurrentUser| "ok")).with_state(world.auth.clone());
    assert_eq!(send(&app, "/", None).await.1.unwrap(), r#"Bearer realm="my api""#);
    let bad = TokenText::new("x.y.z");
    assert_eq!(
        send(&app, "/", Some(&bad)).await.1.unwrap(),
        r#"Bearer realm="my api", error="invalid_token""#
    );
}
