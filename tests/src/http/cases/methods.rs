//! Cases for the methods of the example's routes.

use example_service::testing::Example;
use gatewright_testkit::auth_routes::methods::{NOT_POSTED_TO, methods_besides};
use gatewright_testkit::auth_routes::{Request, Target};

/// The routes of the example and their methods.
const ROUTES: [(&str, &str); 9] = [
    ("/health", "GET,HEAD"),
    ("/users/me", "GET,HEAD"),
    ("/users/nobody", "GET,HEAD,DELETE,PATCH"),
    ("/users/nobody/sessions", "GET,HEAD"),
    ("/users/nobody/sessions/none", "DELETE"),
    ("/items", "GET,HEAD,POST"),
    ("/external-data", "GET,HEAD"),
    ("/maybe", "GET,HEAD"),
    ("/stateless/me", "GET,HEAD"),
];

/// A route behind the guard of a prefix.
const GUARDED: &str = "/admin/stats";

/// `Allow` names the methods of the route, with and without valid credentials.
pub fn other_methods_are_405(target: &Target) {
    let admin = target.admin().access;
    let mut sent = 0;
    for (path, allow) in ROUTES {
        for method in methods_besides(allow) {
            let request = Request::new(method, path);
            for request in [request.clone(), request.clone().bearer(&admin), request.bearer("x.y.z")] {
                target.send(&request).expect_method_not_allowed(allow);
                sent += 1;
            }
        }
    }
    assert_eq!(sent, 3 * (6 * 7 + 5 + 7 + 6));
}

/// The guard of a prefix answers before the routes and their methods.
pub fn behind_a_guarded_prefix_only_authorized_callers_get_405(target: &Target) {
    let (user, admin) = (target.user().access, target.admin().access);
    for method in methods_besides("GET,HEAD") {
        let request = Request::new(method, GUARDED);
        target.send(&request).expect_unauthenticated();
        target.send(&request.clone().bearer("x.y.z")).expect_invalid_token();
        target.send(&request.clone().bearer(&user)).expect_forbidden();
        target.send(&request.bearer(&admin)).expect_method_not_allowed("GET,HEAD");
    }
}

/// RFC 9110 §9.3.2: status and headers of `GET`, `content-length` included, with all kinds of
/// credentials.
pub fn head_is_get_without_the_body(target: &Target) {
    let admin = target.admin().access;
    let paths = ROUTES.map(|(path, _)| path).into_iter().filter(|path| *path != "/items");
    for path in paths.chain([GUARDED, "/admin", "/admin/none", "/none", "/", "/auth", "/users/me/"]) {
        let credentials: [&dyn Fn(Request) -> Request; 5] = [
            &|request| request,
            &|request| request.bearer(&admin),
            &|request| request.bearer("x.y.z"),
            &|request| request.header("authorization", "Bearer"),
            &|request| request.api_key(&target.api_key),
        ];
        for with_credentials in credentials {
            let get = target.send(&with_credentials(Request::get(path)));
            // Other cases add and delete users while this one runs.
            if path != GUARDED || get.status != 200 {
                target.send(&with_credentials(Request::new("HEAD", path))).expect_head_of(&get);
            }
        }
    }
    let items = target.send(&Request::new("HEAD", "/items").bearer(&admin));
    assert_eq!((items.status, items.body.len()), (200, 0));
}

/// Fetch: a preflight has no credentials. The example answers it like any `OPTIONS` request, and
/// never as if it were the request that it asks about; so a CORS layer can be added outside the
/// guards.
pub fn a_preflight_is_an_ordinary_options_request(target: &Target) {
    let preflight = |path: &str, method: &str| {
        let request = Request::new("OPTIONS", path).header("origin", "https://app.example");
        let request = request.header("access-control-request-method", method);
        target.send(&request.header("access-control-request-headers", "authorization,content-type"))
    };
    for (path, allow) in ROUTES {
        preflight(path, "GET").expect_method_not_allowed(allow);
    }
    for path in target.endpoints() {
        preflight(&path, "POST").expect_method_not_allowed("POST");
    }
    for (endpoint, allow) in NOT_POSTED_TO {
        preflight(&target.path(endpoint), "GET").expect_method_not_allowed(allow);
    }
    preflight(GUARDED, "GET").expect_unauthenticated();
    preflight("/none", "GET").expect_not_found();
    let request = Request::get("/users/me").header("origin", "https://app.example");
    target.send(&request).expect_unauthenticated();
}
