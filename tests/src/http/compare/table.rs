//! The tables of requests.

use std::collections::BTreeSet;

use gatewright_testkit::auth_routes::methods::METHODS;
use gatewright_testkit::auth_routes::{FORM, JSON, PASSWORD, Request, Target, session_id};

use super::Selection;
use super::actors::{Actors, EMAIL};
use super::credentials::credentials;

const LIMIT: usize = 16 * 1_024;

const INVALID_TOKEN: &str = "x.y.z";

const INTROSPECT: &str = "/auth/introspect";

const PATHS: &str = "\
    /.well-known/jwks.json /auth/login%ff /openapi.json /docs /docs/ /docs/swagger-initializer.js \
    /docs/none /health /users/me /users/nobody /items /external-data /maybe /stateless/me \
    /admin/stats /admin /admin/ /admin/none /admin/a/b /admin/stats/ /admin//stats /admin/./stats \
    /admin/%73tats /auth/login /auth/refresh /auth/logout /auth/logout-all /auth/register \
    /auth/password /auth/revoke /auth/introspect /auth/sessions /auth/sessions/ /auth/sessions/none \
    /auth/sessions/%FF /auth/sessions/a%2Fb /auth/sessions/a/b /users/nobody/sessions \
    /users/me/sessions /users/nobody/sessions/none /auth /auth/ /auth/none /auth/login/ /auth//login \
    / /none /none/ /a/b/c/d /users /users/ /users/me/ /users//me //users/me /Users/me /users/a/b \
    /users/a%2Fb /users/%FF /users/%00 /users/%2e%2e /health/ //health /HEALTH /health?x=1&y=%zz \
    /users/me?access_token=x";

/// Where these lead an authorized caller is up to the framework: some normalize a doubled slash or
/// a percent-encoding. The guard refuses all other callers, whose answers are compared.
const NORMALIZED_PATHS: [&str; 2] = ["/admin//stats", "/admin/%73tats"];

/// The endpoints that end the session of the caller.
const LOGOUTS: [&str; 2] = ["/auth/logout", "/auth/logout-all"];

/// The selected requests by name, in the order in which they are sent.
pub(super) fn requests(target: &Target, actors: &Actors, selection: Selection) -> Vec<(String, Request)> {
    let mut table = Table { target, actors, selection, requests: Vec::new() };
    table.add_methods_and_paths();
    table.add_credentials_and_routes();
    table.add_media_types_and_bodies();
    table.add_lengths();
    table.add_other_headers();
    table.add_grants();
    table.add_introspections();
    let names: BTreeSet<&String> = table.requests.iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), table.requests.len(), "two requests have the same name");
    table.requests
}

struct Table<'a> {
    target: &'a Target,
    actors: &'a Actors,
    selection: Selection,
    requests: Vec<(String, Request)>,
}

impl Table<'_> {
    /// Adds a request if it is selected. `position` is the sum of its positions in the columns of
    /// its table.
    fn add(&mut self, position: usize, name: String, request: Request) {
        if self.selection.has(position) {
            self.requests.push((name, request));
        }
    }

    /// Every method on every path, by an anonymous caller, a user, an admin and with an invalid
    /// token; without the requests that end a session.
    fn add_methods_and_paths(&mut self) {
        let callers = [
            ("nobody", None),
            ("a user", Some(self.actors.user.access.as_str())),
            ("an admin", Some(&self.actors.admin.access)),
            ("an invalid token", Some(INVALID_TOKEN)),
        ];
        for (at_method, method) in METHODS.into_iter().enumerate() {
            for (at_path, path) in PATHS.split(' ').enumerate() {
                for (at_caller, (caller, token)) in callers.into_iter().enumerate() {
                    let is_known = token.is_some_and(|token| token != INVALID_TOKEN);
                    let ends_a_session = method == "POST" && LOGOUTS.contains(&path) && is_known;
                    let is_normalized = NORMALIZED_PATHS.contains(&path) && caller == "an admin";
                    // Whether the answer to HEAD has a `content-length` of 0 is up to the server.
                    if ends_a_session || is_normalized || (method, path) == ("HEAD", "/docs") {
                        continue;
                    }
                    let request = Request::new(method, path);
                    let request = token.iter().fold(request, |request, token| request.bearer(token));
                    let position = at_method + at_path + at_caller;
                    self.add(position, format!("{method} {path} by {caller}"), request);
                }
            }
        }
    }

    /// Every credential on every kind of guard.
    fn add_credentials_and_routes(&mut self) {
        let own = format!("/users/{}", self.actors.user_id);
        let routes = [
            ("the current user", Request::get("/users/me")),
            ("the current user's head", Request::new("HEAD", "/users/me")),
            ("an optional user", Request::get("/maybe")),
            ("claims", Request::get("/stateless/me")),
            ("a scope", Request::get("/items")),
            ("another scope", Request::post("/items").json(r#"{"name":"x"}"#)),
            ("another scope, malformed", Request::post("/items").json("{")),
            ("a role", Request::get(&own)),
            ("a role, unknown id", Request::new("DELETE", "/users/nobody")),
            ("a prefix", Request::get("/admin/stats")),
            ("a prefix, unknown path", Request::get("/admin/none")),
            ("a prefix, options", Request::new("OPTIONS", "/admin/stats")),
            ("an API key", Request::get("/external-data")),
            ("an API key's head", Request::new("HEAD", "/external-data")),
            ("no guard", Request::get("/health")),
            ("introspection", Request::post(INTROSPECT).form(&[("token", &self.actors.user.access)])),
            ("own sessions", Request::get("/auth/sessions")),
            ("an unknown session", Request::new("DELETE", "/auth/sessions/none")),
            ("another's sessions", Request::get(&format!("{own}/sessions"))),
            ("a password", Request::post("/auth/password").json("{}")),
        ];
        for (at_credential, (credential, headers)) in
            credentials(self.target, self.actors).into_iter().enumerate()
        {
            for (at_route, (route, request)) in routes.iter().enumerate() {
                let request = headers
                    .iter()
                    .fold(request.clone(), |request, (name, value)| request.header(name, value));
                self.add(at_credential + at_route, format!("{route} with {credential}"), request);
            }
        }
    }

    /// Every body as every media type, on every endpoint and on the example's own routes that read
    /// one.
    fn add_media_types_and_bodies(&mut self) {
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
        let mut routes: Vec<_> = self.target.endpoints().into_iter().map(|path| ("POST", path)).collect();
        routes.extend([("POST", "/items".to_owned()), ("PATCH", "/users/nobody".to_owned())]);
        for (at_route, (method, path)) in routes.into_iter().enumerate() {
            let token = match path.as_str() {
                "/auth/logout" => &self.actors.ending,
                "/auth/logout-all" => INVALID_TOKEN,
                _ => &self.actors.admin.access,
            };
            let request = Request::new(method, &path).bearer(token);
            let request =
                if path == INTROSPECT { request.api_key(&self.target.scoped_api_key) } else { request };
            for (at_type, media) in types.into_iter().enumerate() {
                for (at_body, body) in bodies.into_iter().enumerate() {
                    let name = format!("{path} as {media:?}: {}", String::from_utf8_lossy(body));
                    self.add(at_route + at_type + at_body, name, request.clone().body(media, body));
                }
            }
            let twice = request.body(JSON, "{}").header("content-type", FORM);
            self.add(at_route, format!("{path} as two types"), twice);
        }
    }

    /// Bodies up to the limit and beyond it, with `content-length` and in chunks.
    fn add_lengths(&mut self) {
        for (at_path, path) in self.target.endpoints().into_iter().enumerate() {
            for (at_length, length) in [0, LIMIT, LIMIT + 1, 50_000].into_iter().enumerate() {
                for (at_type, media) in [FORM, JSON, "text/plain"].into_iter().enumerate() {
                    let request = Request::post(&path).body(media, vec![b'a'; length]);
                    let (position, name) =
                        (at_path + at_length + at_type, format!("{path} of {length} as {media}"));
                    self.add(position, name.clone(), request.clone());
                    self.add(position + 1, format!("{name} in chunks"), request.chunked());
                }
            }
            let request = Request::post(&path).header("content-type", FORM).header("expect", "100-continue");
            self.add(at_path, format!("{path} announced"), request.announcing(LIMIT + 1));
        }
        for (at, length) in [LIMIT, LIMIT + 1].into_iter().enumerate() {
            let body = format!(r#"{{"name":"x"{}}}"#, " ".repeat(length - 12));
            let request = Request::post("/items").bearer(&self.actors.admin.access).json(&body);
            self.add(at, format!("/items of {length}"), request.clone());
            self.add(at + 1, format!("/items of {length} in chunks"), request.chunked());
        }
    }

    /// Headers that frameworks may act on.
    fn add_other_headers(&mut self) {
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
        let paths =
            ["/health", "/users/me", "/admin/stats", "/items", "/external-data", "/none", "/auth/login"];
        for (at_header, (name, value)) in headers.into_iter().enumerate() {
            for (at_path, path) in paths.into_iter().enumerate() {
                let request = Request::get(path).header(name, value);
                let by_admin = request.clone().bearer(&self.actors.admin.access);
                let preflight = Request::new("OPTIONS", path).header("access-control-request-method", "GET");
                let position = at_header + at_path;
                self.add(position, format!("GET {path} with {name}"), request);
                self.add(position + 1, format!("GET {path} with {name} by an admin"), by_admin);
                let preflight = preflight.header(name, value);
                self.add(position + 2, format!("OPTIONS {path} with {name}"), preflight);
            }
        }
    }

    /// Logins, refreshes and changes that are granted and refused, and their effects on sessions.
    /// All of them are in every selection, because each depends on those before it.
    fn add_grants(&mut self) {
        let Self { target, actors, .. } = *self;
        let login = |fields: &[(&str, &str)]| target.post("/login").form(fields);
        let refresh = |token: &str| target.post("/refresh").form(&[("refresh_token", token)]);
        let register = |email: &str| {
            target.post("/register").json(&format!(r#"{{"email":"{email}","password":"{PASSWORD}"}}"#))
        };
        let change = |current: &str, new: &str| {
            let body = format!(r#"{{"current_password":"{current}","new_password":"{new}"}}"#);
            target.post("/password").bearer(&actors.user.access).json(&body)
        };
        let by_admin = |method: &str, path: &str| Request::new(method, path).bearer(&actors.admin.access);
        let on_user = |method: &str, id: &str| by_admin(method, &format!("/users/{id}"));
        let logout = |token: &str| target.post("/logout").form(&[("refresh_token", token)]);
        let logout_all = || target.post("/logout-all");
        let revoke = |token: &str| target.post("/revoke").form(&[("token", token)]);
        let end = |token: &str, by: &str| {
            Request::new("DELETE", &target.path(&format!("/sessions/{}", session_id(token)))).bearer(by)
        };
        let sessions = |by: &str| Request::get("/auth/sessions").bearer(by);
        let [first, second, third, fourth, fifth, sixth, seventh, eighth] = &actors.spare;
        let others = format!("/users/{}/sessions", actors.user_id);
        let of_another = format!("{others}/{}", session_id(&seventh.access));
        let (user, leaving) = (&actors.user.access, &actors.leaving);
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
            ("register, malformed address", register("a b@c")),
            ("password, wrong", change("wrong", "another correct horse")),
            ("password, short", change(PASSWORD, "short")),
            (
                "refresh for more",
                target.post("/refresh").form(&[("refresh_token", &first.refresh), ("scope", "introspect")]),
            ),
            ("refresh", refresh(&first.refresh)),
            ("refresh again", refresh(&first.refresh)),
            ("refresh with an access token", refresh(&second.access)),
            ("logout by access token", target.post("/logout").bearer(&second.access)),
            ("refresh after logout", refresh(&second.refresh)),
            ("logout by refresh token", logout(&third.refresh)),
            ("logout by refresh token again", logout(&third.refresh)),
            ("the user after logout", Request::get("/users/me").bearer(&third.access)),
            ("logout with both", logout(&fourth.refresh).bearer(INVALID_TOKEN)),
            ("logout, anonymous", target.post("/logout")),
            ("logout-all, anonymous", logout_all()),
            ("logout-all", logout_all().bearer(&leaving.access)),
            ("logout-all again", logout_all().bearer(&leaving.access)),
            ("refresh after logout-all", refresh(&leaving.refresh)),
            ("own sessions", sessions(user)),
            ("own sessions' head", Request::new("HEAD", "/auth/sessions").bearer(user)),
            ("another's session", end(&actors.admin.access, user)),
            ("an own session", end(&fifth.access, user)),
            ("an own session again", end(&fifth.access, user)),
            ("own sessions after one ended", sessions(user)),
            ("the current session", end(&sixth.access, &sixth.access)),
            ("the current session again", end(&sixth.access, &sixth.access)),
            ("the sessions of a user", by_admin("GET", &others)),
            ("a session of a user", by_admin("DELETE", &of_another)),
            ("own sessions after an admin ended one", sessions(user)),
            ("revocation of an invalid token", revoke("x")),
            ("revocation", revoke(&eighth.access)),
            ("revocation again", revoke(&eighth.refresh)),
            ("refresh after revocation", refresh(&eighth.refresh)),
            ("the last admin, deleted", on_user("DELETE", &actors.admin_id)),
            ("the last admin, demoted", on_user("PATCH", &actors.admin_id).json(r#"{"roles":["user"]}"#)),
            ("the admin", on_user("GET", &actors.admin_id)),
            ("no role", on_user("PATCH", &actors.user_id).json(r#"{"roles":[]}"#)),
            ("an unknown role", on_user("PATCH", &actors.user_id).json(r#"{"roles":["root"]}"#)),
            ("an item", by_admin("POST", "/items").json(r#"{"name":"a lamp"}"#)),
            (
                "an item by a reader",
                Request::post("/items").bearer(&actors.reader.access).json(r#"{"name":"x"}"#),
            ),
            ("items", Request::get("/items").bearer(user)),
            ("counts", by_admin("GET", "/admin/stats")),
        ];
        self.requests.extend(cases.map(|(name, request)| (name.to_owned(), request)));
    }

    /// Every token, valid and invalid.
    fn add_introspections(&mut self) {
        let Self { target, actors, .. } = *self;
        for (name, token) in actors.tokens(target) {
            let request =
                target.post("/introspect").form(&[("token", &token)]).api_key(&target.scoped_api_key);
            self.requests.push((format!("introspection: {name}"), request));
        }
    }
}
