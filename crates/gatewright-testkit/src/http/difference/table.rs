//! The requests, each with a name.

use super::super::methods::{ENDPOINTS, INTROSPECT, LOGOUT_ALL};
use super::super::{PASSWORD, Request, Target, claims};
use super::actors::{Actors, EMAIL};
use super::credentials::credentials;

type Named = Vec<(String, Request)>;

const FORM: &str = "application/x-www-form-urlencoded";

const JSON: &str = "application/json";

const LIMIT: usize = 16 * 1_024;

const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"];

const BAD_TOKEN: &str = "x.y.z";

const PATHS: [&str; 65] = [
    "/.well-known/jwks.json",
    "/auth/login%ff",
    "/openapi.json",
    "/docs",
    "/docs/",
    "/docs/swagger-initializer.js",
    "/docs/none",
    "/health",
    "/users/me",
    "/users/nobody",
    "/items",
    "/external-data",
    "/maybe",
    "/stateless/me",
    "/admin/stats",
    "/admin",
    "/admin/",
    "/admin/none",
    "/admin/a/b",
    "/admin/stats/",
    "/admin//stats",
    "/admin/./stats",
    "/admin/%73tats",
    "/auth/login",
    "/auth/refresh",
    "/auth/logout",
    LOGOUT_ALL,
    "/auth/register",
    "/auth/password",
    "/auth/revoke",
    INTROSPECT,
    "/auth/sessions",
    "/auth/sessions/",
    "/auth/sessions/none",
    "/auth/sessions/%FF",
    "/auth/sessions/a%2Fb",
    "/auth/sessions/a/b",
    "/users/nobody/sessions",
    "/users/me/sessions",
    "/users/nobody/sessions/none",
    "/auth",
    "/auth/",
    "/auth/none",
    "/auth/login/",
    "/auth//login",
    "/",
    "/none",
    "/none/",
    "/a/b/c/d",
    "/users",
    "/users/",
    "/users/me/",
    "/users//me",
    "//users/me",
    "/Users/me",
    "/users/a/b",
    "/users/a%2Fb",
    "/users/%FF",
    "/users/%00",
    "/users/%2e%2e",
    "/health/",
    "//health",
    "/HEALTH",
    "/health?x=1&y=%zz",
    "/users/me?access_token=x",
];

/// Where a doubled slash or a percent code leads is the framework's own, for a caller whom the guard has let in; the guard
/// holds all the same, and is compared for everybody else.
const NATIVE_PATHS: [&str; 2] = ["/admin//stats", "/admin/%73tats"];

/// Every request, in the order in which they are sent.
pub(super) fn requests(target: &Target, actors: &Actors) -> Named {
    [
        methods_and_paths(actors),
        credentials_and_routes(target, actors),
        content_types_and_bodies(target, actors),
        lengths(actors),
        other_headers(actors),
        grants(actors),
        introspections(target, actors),
    ]
    .concat()
}

/// Every method on every path, for nobody, a user, an admin and a bad token. What would end the session is left out.
fn methods_and_paths(actors: &Actors) -> Named {
    let callers = [
        ("nobody", None),
        ("a user", Some(actors.user.access.as_str())),
        ("an admin", Some(&actors.admin.access)),
        ("a bad token", Some(BAD_TOKEN)),
    ];
    let mut named = Named::new();
    for (method, path) in METHODS.iter().flat_map(|method| PATHS.map(|path| (*method, path))) {
        for (caller, token) in callers {
            let ends = method == "POST" && ["/auth/logout", LOGOUT_ALL].contains(&path);
            if ends && token.is_some_and(|token| token != BAD_TOKEN) {
                continue;
            }
            if NATIVE_PATHS.contains(&path) && caller == "an admin" {
                continue;
            }
            // Whether HEAD is told the length of nothing is the server's own.
            if (method, path) == ("HEAD", "/docs") {
                continue;
            }
            let request = Request::new(method, path);
            let request = token.map_or(request.clone(), |token| request.bearer(token));
            named.push((format!("{method} {path} by {caller}"), request));
        }
    }
    named
}

/// Every credential on every kind of guard.
fn credentials_and_routes(target: &Target, actors: &Actors) -> Named {
    let own = format!("/users/{}", actors.user_id);
    let routes = [
        ("the current user", Request::get("/users/me")),
        ("the current user's head", Request::new("HEAD", "/users/me")),
        ("perhaps a user", Request::get("/maybe")),
        ("claims", Request::get("/stateless/me")),
        ("a scope", Request::get("/items")),
        ("another scope", Request::post("/items").json(r#"{"name":"x"}"#)),
        ("another scope, badly", Request::post("/items").json("{")),
        ("a role", Request::get(&own)),
        ("a role, nobody", Request::new("DELETE", "/users/nobody")),
        ("a prefix", Request::get("/admin/stats")),
        ("a prefix, unknown path", Request::get("/admin/none")),
        ("a prefix, options", Request::new("OPTIONS", "/admin/stats")),
        ("an API key", Request::get("/external-data")),
        ("an API key's head", Request::new("HEAD", "/external-data")),
        ("no guard", Request::get("/health")),
        ("introspection", Request::post(INTROSPECT).form(&[("token", &actors.user.access)])),
        ("own sessions", Request::get("/auth/sessions")),
        ("a session that is none", Request::new("DELETE", "/auth/sessions/none")),
        ("another's sessions", Request::get(&format!("{own}/sessions"))),
        ("a password", Request::post("/auth/password").json("{}")),
    ];
    let mut named = Named::new();
    for (credential, headers) in credentials(target, actors) {
        for (route, request) in &routes {
            let dressed =
                headers.iter().fold(request.clone(), |request, (name, value)| request.header(name, value));
            named.push((format!("{route} with {credential}"), dressed));
        }
    }
    named
}

/// Every body as every type on every endpoint, and on the application's own routes that read one.
fn content_types_and_bodies(target: &Target, actors: &Actors) -> Named {
    let types = [
        "",
        FORM,
        "application/x-www-form-urlencoded; charset=UTF-8",
        "APPLICATION/X-WWW-FORM-URLENCODED",
        "application/x-www-form-urlencoded; charset=iso-8859-1",
        JSON,
        "application/json; charset=\"utf-8\"",
        "application/json; charset=utf-16",
        "application/problem+json",
        "multipart/form-data; boundary=x",
        "text/plain",
        "*/*",
        "x",
    ];
    let bodies: [&[u8]; 23] = [
        b"",
        b"&",
        b"username=difference@example.com",
        b"username=&password=x",
        b"username=not+an+address&password=x",
        b"username=a@b&username=a@b&password=x",
        b"username=a@b&password=%zz",
        b"username=a@b&password=%ff",
        b"username=a@b&password=x&grant_type=magic",
        b"username=a@b&password=x&scope=%22",
        b"refresh_token=x",
        b"token=x&token_type_hint=x",
        b"token=x&token=x",
        b"refresh_token=x&refresh_token=x",
        b"{}",
        b"[]",
        b"{",
        br#"{"email":"a@b@c","password":"correct horse battery"}"#,
        br#"{"email":"short@example.com","password":"short"}"#,
        br#"{"current_password":"x","current_password":"x","new_password":"y"}"#,
        br#"{"refresh_token":"x"}"#,
        br#"{"refresh_token":1}"#,
        br#"{"name":"x","more":"y"}"#,
    ];
    let routes = ENDPOINTS.map(Request::post).into_iter().zip(ENDPOINTS);
    let own =
        [(Request::post("/items"), "/items"), (Request::new("PATCH", "/users/nobody"), "/users/nobody")];
    let mut named = Named::new();
    for (request, path) in routes.chain(own) {
        let token = if path == LOGOUT_ALL { BAD_TOKEN } else { &actors.admin.access };
        let request = request.bearer(token);
        let request = if path == INTROSPECT { request.api_key(&target.scoped_api_key) } else { request };
        for (media, body) in types.iter().flat_map(|media| bodies.map(|body| (media, body))) {
            let name = format!("{path} as {media:?}: {}", String::from_utf8_lossy(body));
            named.push((name, request.clone().body(media, body)));
        }
        let twice = request.body(JSON, "{}").header("content-type", FORM);
        named.push((format!("{path} as two types"), twice));
    }
    named
}

/// Up to the limit and beyond it, by length and in chunks.
fn lengths(actors: &Actors) -> Named {
    let mut named = Named::new();
    for (path, length) in
        ENDPOINTS.iter().flat_map(|path| [0, LIMIT, LIMIT + 1, 50_000].map(|length| (path, length)))
    {
        for media in [FORM, JSON, "text/plain"] {
            let request = Request::post(path).body(media, vec![b'a'; length]);
            named.push((format!("{path} of {length} as {media}"), request.clone()));
            named.push((format!("{path} of {length} as {media} in chunks"), request.chunked()));
        }
    }
    for path in ENDPOINTS {
        let request = Request::post(path).header("content-type", FORM).header("expect", "100-continue");
        named.push((format!("{path} announced"), request.announcing(LIMIT + 1)));
    }
    for length in [LIMIT, LIMIT + 1] {
        let body = format!(r#"{{"name":"x"{}}}"#, " ".repeat(length - 12));
        let request = Request::post("/items").bearer(&actors.admin.access).json(&body);
        named.push((format!("/items of {length}"), request.clone()));
        named.push((format!("/items of {length} in chunks"), request.chunked()));
    }
    named
}

/// Headers that frameworks like to act on.
fn other_headers(actors: &Actors) -> Named {
    let headers = [
        ("accept", "text/html"),
        ("accept-encoding", "gzip, br"),
        ("if-none-match", "*"),
        ("range", "bytes=0-1"),
        ("origin", "https://app.example"),
        ("x-http-method-override", "DELETE"),
        ("x-forwarded-for", "10.0.0.1"),
        ("cookie", "a=b"),
    ];
    let mut named = Named::new();
    for (name, value) in headers {
        for path in
            ["/health", "/users/me", "/admin/stats", "/items", "/external-data", "/none", "/auth/login"]
        {
            let request = Request::get(path).header(name, value);
            named.push((format!("GET {path} with {name}"), request.clone()));
            named.push((format!("GET {path} with {name} by an admin"), request.bearer(&actors.admin.access)));
            let preflight = Request::new("OPTIONS", path).header("access-control-request-method", "GET");
            named.push((format!("OPTIONS {path} with {name}"), preflight.header(name, value)));
        }
    }
    named
}

/// Granted and refused, and what becomes of a session.
fn grants(actors: &Actors) -> Named {
    let login = |fields: &[(&str, &str)]| Request::post("/auth/login").form(fields);
    let refresh = |token: &str| Request::post("/auth/refresh").form(&[("refresh_token", token)]);
    let register = |email: &str| {
        Request::post("/auth/register").json(&format!(r#"{{"email":"{email}","password":"{PASSWORD}"}}"#))
    };
    let change = |current: &str, new: &str| {
        let body = format!(r#"{{"current_password":"{current}","new_password":"{new}"}}"#);
        Request::post("/auth/password").bearer(&actors.user.access).json(&body)
    };
    let admins =
        |method: &str, id: &str| Request::new(method, &format!("/users/{id}")).bearer(&actors.admin.access);
    let [first, second, third, fourth, fifth, sixth, seventh, eighth] = &actors.spare[..] else {
        return Named::new();
    };
    let logout = |token: &str| Request::post("/auth/logout").form(&[("refresh_token", token)]);
    let revoke = |token: &str| Request::post("/auth/revoke").form(&[("token", token)]);
    let session = |token: &str| claims(token)["sid"].as_str().unwrap_or("none").to_owned();
    let end = |token: &str, by: &str| {
        Request::new("DELETE", &format!("/auth/sessions/{}", session(token))).bearer(by)
    };
    let sessions = |by: &str| Request::get("/auth/sessions").bearer(by);
    let others = format!("/users/{}/sessions", actors.user_id);
    let narrow = [("refresh_token", first.refresh.as_str()), ("scope", "introspect")];
    let cases = [
        ("login", login(&[("username", EMAIL), ("password", PASSWORD)])),
        (
            "login for more",
            login(&[("username", EMAIL), ("password", PASSWORD), ("scope", "items:write items:read")]),
        ),
        ("login for nothing", login(&[("username", EMAIL), ("password", PASSWORD), ("scope", "x")])),
        ("login, wrong password", login(&[("username", EMAIL), ("password", "wrong")])),
        ("login, unknown", login(&[("username", "nobody@example.com"), ("password", PASSWORD)])),
        ("login, disabled", login(&[("username", "disabled@example.com"), ("password", PASSWORD)])),
        ("login, overlong", login(&[("username", EMAIL), ("password", &"x".repeat(1_025))])),
        ("register", register("new@example.com")),
        ("register again", register("new@example.com")),
        ("register, bad address", register("a b@c")),
        ("password, wrong", change("wrong", "another correct horse")),
        ("password, short", change(PASSWORD, "short")),
        ("refresh for more", Request::post("/auth/refresh").form(&narrow)),
        ("refresh", refresh(&first.refresh)),
        ("refresh again", refresh(&first.refresh)),
        ("refresh with an access token", refresh(&second.access)),
        ("logout by token", Request::post("/auth/logout").bearer(&second.access)),
        ("refresh after logout", refresh(&second.refresh)),
        ("logout by refresh token", logout(&third.refresh)),
        ("logout by refresh token again", logout(&third.refresh)),
        ("the user after logout", Request::get("/users/me").bearer(&third.access)),
        ("logout, both", logout(&fourth.refresh).bearer("x.y.z")),
        ("logout, nobody", Request::post("/auth/logout")),
        ("logout everywhere, nobody", Request::post(LOGOUT_ALL)),
        ("logout everywhere", Request::post(LOGOUT_ALL).bearer(&actors.leaving.access)),
        ("logout everywhere, again", Request::post(LOGOUT_ALL).bearer(&actors.leaving.access)),
        ("refresh after a logout everywhere", refresh(&actors.leaving.refresh)),
        ("own sessions", sessions(&actors.user.access)),
        ("own sessions' head", Request::new("HEAD", "/auth/sessions").bearer(&actors.user.access)),
        ("another's session", end(&actors.admin.access, &actors.user.access)),
        ("a session of one's own", end(&fifth.access, &actors.user.access)),
        ("a session of one's own, again", end(&fifth.access, &actors.user.access)),
        ("what is left of sessions", sessions(&actors.user.access)),
        ("the session one is in", end(&sixth.access, &sixth.access)),
        ("the session one was in", end(&sixth.access, &sixth.access)),
        ("the sessions of another", Request::get(&others).bearer(&actors.admin.access)),
        (
            "a session of another",
            Request::new("DELETE", &format!("{others}/{}", session(&seventh.access)))
                .bearer(&actors.admin.access),
        ),
        ("what is left of sessions after that", sessions(&actors.user.access)),
        ("revocation of no token", revoke("x")),
        ("revocation", revoke(&eighth.access)),
        ("revocation again", revoke(&eighth.refresh)),
        ("refresh after revocation", refresh(&eighth.refresh)),
        ("the last admin, deleted", admins("DELETE", &actors.admin_id)),
        ("the last admin, demoted", admins("PATCH", &actors.admin_id).json(r#"{"role":"user"}"#)),
        ("the admin", admins("GET", &actors.admin_id)),
        ("an unknown role", admins("PATCH", &actors.user_id).json(r#"{"role":"root"}"#)),
        ("an item", Request::post("/items").bearer(&actors.admin.access).json(r#"{"name":"a lamp"}"#)),
        (
            "an item for a reader",
            Request::post("/items").bearer(&actors.reader.access).json(r#"{"name":"x"}"#),
        ),
        ("items", Request::get("/items").bearer(&actors.user.access)),
        ("counts", Request::get("/admin/stats").bearer(&actors.admin.access)),
    ];
    cases.map(|(name, request)| (name.to_owned(), request)).into()
}

/// Every token, good and bad.
fn introspections(target: &Target, actors: &Actors) -> Named {
    let request =
        |token: &str| Request::post(INTROSPECT).form(&[("token", token)]).api_key(&target.scoped_api_key);
    let tokens = actors.tokens(target).into_iter();
    tokens.map(|(name, token)| (format!("introspection: {name}"), request(&token))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_request_has_a_name_of_its_own() {
        let target = Target::new("h", "admin@example.com", "x", "secret").with_api_keys("one", "two");
        let requests = requests(&target, &Actors::unheard_of());
        let names: BTreeSet<&String> = requests.iter().map(|(name, _)| name).collect();
        assert_eq!((names.len(), requests.len()), (6_998, 6_998));
    }
}
