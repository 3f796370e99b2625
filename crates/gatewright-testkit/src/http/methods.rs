//! Cases for methods: those a route has, `HEAD`, and those it has not.

use super::{Request, Target};

/// The endpoints, all of which have `POST` alone.
pub(crate) const ENDPOINTS: [&str; 8] = [
    "/auth/login",
    "/auth/refresh",
    "/auth/logout",
    LOGOUT_ALL,
    "/auth/register",
    "/auth/password",
    "/auth/revoke",
    INTROSPECT,
];

/// The endpoints that have another method, and those they have.
pub(crate) const OTHERS: [(&str, &str); 2] =
    [("/auth/sessions", "GET,HEAD"), ("/auth/sessions/none", "DELETE")];

/// The one that takes an API key.
pub(crate) const INTROSPECT: &str = "/auth/introspect";

/// The one that ends sessions of others than the caller's own.
pub(crate) const LOGOUT_ALL: &str = "/auth/logout-all";

/// The application's own routes and the methods they name.
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

/// Behind the guard of a whole prefix.
const GUARDED: &str = "/admin/stats";

const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"];

fn absent(allow: &str) -> impl Iterator<Item = &'static str> {
    METHODS.into_iter().filter(move |method| !allow.split(',').any(|own| own == *method) && *method != "HEAD")
}

/// With the methods that there are, to whoever asks and whatever the credential is.
pub fn another_method_is_405(target: &Target) {
    let admin = target.admin().access;
    let mut sent = 0;
    for (path, allow) in ROUTES {
        for method in absent(allow) {
            let request = Request::new(method, path);
            for request in [request.clone(), request.clone().bearer(&admin), request.bearer("x.y.z")] {
                target.send(&request).expect_method_not_allowed(allow);
                sent += 1;
            }
        }
    }
    assert_eq!(sent, 3 * (6 * 7 + 5 + 7 + 6));
}

/// A guard over a prefix comes before the routes and their methods.
pub fn behind_a_guarded_prefix_another_method_is_405_to_who_may_pass(target: &Target) {
    let (user, admin) = (target.user().access, target.admin().access);
    for method in absent("GET,HEAD") {
        let request = Request::new(method, GUARDED);
        target.send(&request).expect_unauthenticated();
        target.send(&request.clone().bearer("x.y.z")).expect_invalid_token();
        target.send(&request.clone().bearer(&user)).expect_forbidden();
        target.send(&request.bearer(&admin)).expect_method_not_allowed("GET,HEAD");
    }
}

/// The one that an endpoint has is named.
pub fn an_endpoint_is_posted_to(target: &Target) {
    let user = target.user().access;
    for path in ENDPOINTS {
        for method in absent("POST") {
            target.send(&Request::new(method, path)).expect_method_not_allowed("POST");
            target.send(&Request::new(method, path).bearer(&user)).expect_method_not_allowed("POST");
            let body = Request::new(method, path).body("text/plain", "x");
            target.send(&body).expect_method_not_allowed("POST");
        }
        let head = target.send(&Request::new("HEAD", path));
        head.expect_head_of(&target.send(&Request::get(path)));
    }
}

/// Whoever asks, and whatever the body is.
pub fn an_endpoint_that_is_not_posted_to_names_its_own_methods(target: &Target) {
    let user = target.user().access;
    let mut sent = 0;
    for (path, allow) in OTHERS {
        for method in absent(allow) {
            target.send(&Request::new(method, path)).expect_method_not_allowed(allow);
            target.send(&Request::new(method, path).bearer(&user)).expect_method_not_allowed(allow);
            let body = Request::new(method, path).body("text/plain", "x");
            target.send(&body).expect_method_not_allowed(allow);
            sent += 3;
        }
        let head = target.send(&Request::new("HEAD", path));
        head.expect_head_of(&target.send(&Request::get(path)));
    }
    assert_eq!(sent, 3 * (7 + 7));
}

/// RFC 9110 §9.3.2: status and headers of `GET`, the length included, whoever asks.
pub fn head_is_get_without_its_body(target: &Target) {
    let admin = target.admin().access;
    let paths = ROUTES.map(|(path, _)| path).into_iter().filter(|path| *path != "/items");
    for path in paths.chain([GUARDED, "/admin", "/admin/none", "/none", "/", "/auth", "/users/me/"]) {
        let get = Request::get(path);
        let head = Request::new("HEAD", path);
        for dress in [
            |request: Request, _: &Target, _: &str| request,
            |request: Request, _: &Target, admin: &str| request.bearer(admin),
            |request: Request, _: &Target, _: &str| request.bearer("x.y.z"),
            |request: Request, _: &Target, _: &str| request.header("authorization", "Bearer"),
            |request: Request, target: &Target, _: &str| request.api_key(&target.api_key),
        ] {
            let get = target.send(&dress(get.clone(), target, &admin));
            // Users come and go while this runs.
            if path != GUARDED || get.status != 200 {
                target.send(&dress(head.clone(), target, &admin)).expect_head_of(&get);
            }
        }
    }
    let items = target.send(&Request::new("HEAD", "/items").bearer(&admin));
    assert_eq!((items.status, items.body.len()), (200, 0));
}

/// Fetch: a preflight carries no credential. Gatewright answers it as any `OPTIONS`; whoever wants CORS puts that layer
/// outside of the guards, which this shows to be possible: nothing is answered as if the request had been the real one.
pub fn a_preflight_is_an_options_request_like_any_other(target: &Target) {
    let preflight = |path: &str, method: &str| {
        let request = Request::new("OPTIONS", path).header("origin", "https://app.example");
        let request = request.header("access-control-request-method", method);
        target.send(&request.header("access-control-request-headers", "authorization,content-type"))
    };
    for (path, allow) in ROUTES {
        preflight(path, "GET").expect_method_not_allowed(allow);
    }
    for path in ENDPOINTS {
        preflight(path, "POST").expect_method_not_allowed("POST");
    }
    for (path, allow) in OTHERS {
        preflight(path, "GET").expect_method_not_allowed(allow);
    }
    preflight(GUARDED, "GET").expect_unauthenticated();
    preflight("/none", "GET").expect_not_found();
    let request = Request::get("/users/me").header("origin", "https://app.example");
    target.send(&request).expect_unauthenticated();
}
