//! Cases for the methods of the endpoints.

use super::{Request, Target};

/// Every method that a case tries.
pub const METHODS: [&str; 9] =
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"];

/// The endpoints that are not called with `POST`, each with its methods.
pub const NOT_POSTED_TO: [(&str, &str); 2] = [("/sessions", "GET,HEAD"), ("/sessions/none", "DELETE")];

/// The methods that `allow` does not name, without `HEAD`.
pub fn methods_besides(allow: &str) -> impl Iterator<Item = &'static str> {
    METHODS.into_iter().filter(move |method| !allow.split(',').any(|own| own == *method) && *method != "HEAD")
}

/// `Allow` names `POST`.
pub fn endpoints_are_called_with_post_alone(target: &Target) {
    expect_405_for_other_methods(target, &target.endpoints(), "POST");
}

/// `Allow` names the methods of the endpoint.
pub fn the_endpoints_for_sessions_have_methods_of_their_own(target: &Target) {
    for (endpoint, allow) in NOT_POSTED_TO {
        expect_405_for_other_methods(target, &[target.path(endpoint)], allow);
    }
}

/// With and without a token and a body, and to `HEAD` as to `GET`.
fn expect_405_for_other_methods(target: &Target, paths: &[String], allow: &str) {
    let user = target.user().access;
    for path in paths {
        for method in methods_besides(allow) {
            let request = Request::new(method, path);
            for request in [request.clone(), request.clone().bearer(&user), request.body("text/plain", "x")] {
                target.send(&request).expect_method_not_allowed(allow);
            }
        }
        let head = target.send(&Request::new("HEAD", path));
        head.expect_head_of(&target.send(&Request::get(path)));
    }
}
