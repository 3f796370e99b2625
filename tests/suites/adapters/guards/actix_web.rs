//! The application of these tests on actix-web, and cases that only actix-web needs.

use std::net::TcpListener;

use actix_web::dev::Service;
use actix_web::middleware::DefaultHeaders;
use actix_web::web::{self, ServiceConfig};
use actix_web::{App, HttpResponse, HttpServer, rt, test};
use gatewright::actix_web::{
    ApiKey, Authorized, CurrentUser, ExtraClaims, MaybeUser, StatelessClaims, guarded, install, login,
    require,
};
use gatewright::guard::AccessRule;
use gatewright::types::{Authenticated, Requirement};
use gatewright::{AllOf, AnyOf, Auth};
use gatewright_tests::Log;

use super::{Numbers, Publishes, Reads, Tenant, role};

pub(super) fn run(listener: TcpListener, auth: Auth, stranger: Auth) {
    rt::System::new().block_on(async {
        let server = HttpServer::new(move || {
            let (auth, stranger) = (auth.clone(), stranger.clone());
            let outside = DefaultHeaders::new().add(("x-outside", "seen"));
            App::new().wrap(outside).configure(move |app| lab(app, &auth, &stranger))
        });
        server.workers(1).disable_signals().listen(listener).unwrap().run().await.unwrap();
    });
}

fn lab(app: &mut ServiceConfig, auth: &Auth, stranger: &Auth) {
    let user = Requirement::Role("user");
    let inner = guarded(auth, Requirement::Role("admin"), |routes| {
        routes.route("/x", web::get().to(ok));
    });
    let foreign = guarded(auth, Requirement::Role("admin"), |routes| {
        routes.route("/x", web::get().to(ok));
    });
    let own_fallback = guarded(auth, user, |routes| {
        routes.service(web::scope("/sub").default_service(web::to(ok))).default_service(web::to(ok));
    });
    let bare = guarded(auth, user, |routes| {
        let empty = async || HttpResponse::NotFound().insert_header(("x-own", "kept")).finish();
        routes
            .route("/empty", web::get().to(empty))
            .route("/written", web::get().to(async || HttpResponse::NotFound().body("gone fishing")))
            .route("/accepted", web::get().to(async || HttpResponse::Accepted().finish()));
    });
    let nested = guarded(auth, user, |routes| {
        routes
            .route("/x", web::get().to(ok))
            .route("/me", web::get().to(me))
            .route("/tenant", web::get().to(tenant));
    });
    app.configure(install(auth, "/auth"))
        .route("/any", web::get().to(async |_: Authorized<AnyOf<(role::Admin, Reads)>>| "ok"))
        .route("/all", web::get().to(async |_: Authorized<AllOf<(role::User, Reads)>>| "ok"))
        .route("/admin-role", web::get().to(async |_: Authorized<role::Admin>| "ok"))
        .route("/publish", web::get().to(async |_: Authorized<AllOf<(role::User, Publishes)>>| "ok"))
        .route("/auth/mine", web::get().to(me))
        .route("/key", web::get().to(async |_: ApiKey<Reads>| "ok"))
        .route("/key/publish", web::get().to(async |_: ApiKey<Publishes>| "ok"))
        .route("/tenant", web::get().to(tenant))
        .route("/numbers", web::get().to(async |_: ExtraClaims<Numbers>| "ok"))
        .service(web::resource("/sign-in").route(web::get().to(async || "page")).route(login(auth)))
        .service(
            web::scope("/strange")
                .wrap(require(stranger, Requirement::Authenticated))
                .route("/open", web::get().to(ok))
                .route("/me", web::get().to(me))
                .route("/maybe", web::get().to(async |_: MaybeUser| "ok")),
        )
        .service(
            web::scope("/keyed")
                .wrap(require(auth, AccessRule::ApiKey(Requirement::Authenticated)))
                .route("/auth/mine", web::get().to(me))
                .route("/key", web::get().to(async |_: ApiKey<Authenticated>| "ok"))
                .route("/me", web::get().to(me)),
        )
        .service(
            web::scope("/twice")
                .wrap(require(auth, Requirement::Authenticated))
                .route("/me", web::get().to(me_twice))
                .service(inner.under("/admin")),
        )
        .service(
            web::scope("/foreign")
                .wrap(DefaultHeaders::new().add(("access-control-allow-origin", "*")))
                .service(foreign.under("/g")),
        )
        .service(own_fallback.under("/own-fallback"))
        .service(bare.under("/bare"))
        .service(
            web::scope("/api")
                .route("/v1/aside", web::get().to(ok))
                .service(nested.under("/v1/"))
                .route("/open", web::get().to(ok)),
        );
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

/// Requests a guarded handler without `install`. Returns the status, the body and the log.
async fn without_install(path: &'static str) -> (u16, String, String) {
    let log = Log::default();
    let _quiet = log.listen();
    let app = App::new()
        .route("/me", web::get().to(me))
        .route("/maybe", web::get().to(async |_: MaybeUser| "ok"))
        .route("/claims", web::get().to(async |_: StatelessClaims| "ok"))
        .route("/auth/mine", web::get().to(me))
        .route("/key", web::get().to(async |_: ApiKey| "ok"));
    let app = test::init_service(app).await;
    let response = test::call_service(&app, test::TestRequest::get().uri(path).to_request()).await;
    let status = response.status().as_u16();
    let body = test::read_body(response).await;
    (status, String::from_utf8(body.to_vec()).unwrap(), log.text())
}

#[actix_web::test]
async fn a_missing_install_is_500_and_the_log_names_the_fix() {
    for path in ["/me", "/maybe", "/claims", "/key"] {
        let (status, body, log) = without_install(path).await;
        assert_eq!((status, body.as_str()), (500, r#"{"detail":"Internal server error"}"#), "{path}");
        assert!(log.contains("App::configure(gatewright::actix_web::install(&auth"), "{path}: {log}");
    }
}

#[actix_web::test]
async fn extractors_behind_a_guard_work_without_install() {
    let (auth, token) = super::user_of_a_world().await;
    let guarded = guarded(&auth, Requirement::Role("user"), |routes| {
        routes.route("/me", web::get().to(me));
    });
    let app = test::init_service(App::new().service(guarded.under("/g"))).await;
    let request =
        test::TestRequest::get().uri("/g/me").insert_header(("authorization", format!("Bearer {token}")));
    let response = test::call_service(&app, request.to_request()).await;
    assert_eq!(test::read_body(response).await, "ada@example.com");
}

#[actix_web::test]
async fn a_refusal_is_a_response_and_not_an_error() {
    let (auth, _) = super::user_of_a_world().await;
    let seen = std::rc::Rc::new(std::cell::Cell::new(0));
    let outside = std::rc::Rc::clone(&seen);
    let app = App::new()
        .wrap_fn(move |request, service| {
            let (outside, answering) = (std::rc::Rc::clone(&outside), service.call(request));
            async move {
                let response = answering.await.unwrap();
                outside.set(response.status().as_u16());
                Ok::<_, actix_web::Error>(response)
            }
        })
        .service(guarded(&auth, Requirement::Role("user"), |_| {}).under("/g"));
    let app = test::init_service(app).await;
    let response = test::try_call_service(&app, test::TestRequest::get().uri("/g").to_request()).await;
    assert_eq!(response.unwrap().status().as_u16(), 401);
    assert_eq!(seen.get(), 401);
}

#[actix_web::test]
async fn endpoints_installed_at_the_root_leave_other_routes_alone() {
    let (auth, _) = super::user_of_a_world().await;
    for path in ["", "/"] {
        let app = App::new().configure(install(&auth, path)).route("/open", web::get().to(ok));
        let app = test::init_service(app).await;
        let status = async |path: &str| {
            let request = test::TestRequest::get().uri(path).to_request();
            test::call_service(&app, request).await.status().as_u16()
        };
        assert_eq!((status("/open").await, status("/login").await), (200, 405));
    }
}
