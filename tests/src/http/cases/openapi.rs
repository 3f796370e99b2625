//! Cases for the OpenAPI document: the application behaves as the document says of each operation.

use std::{env, fmt, fs, process, thread};

use example_service::testing::Example;
use gatewright_testkit::auth_routes::{PASSWORD, Request, Response, Target, Tokens, session_id};
use serde_json::{Value, json};

/// The number of operations in the example's document.
const OPERATIONS: usize = 24;

/// Names the folder where each document is kept for a validator.
const FOLDER: &str = "GATEWRIGHT_DOCUMENTS";

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// An operation of the document.
pub(super) struct Operation {
    method: String,
    path: String,
    pub(super) about: Value,
}

/// The credentials of a call.
enum Caller {
    Anonymous,
    Token(String),
    Key(String),
}

/// The version, and the security schemes with the URLs of login and refresh.
pub fn the_document_is_openapi_3_1_with_three_schemes(target: &Target) {
    let document = read(target);
    keep(&document);
    assert_eq!(document["openapi"], "3.1.0");
    let schemes = &document["components"]["securitySchemes"];
    let flow = &schemes["OAuth2Password"]["flows"]["password"];
    assert_eq!(schemes["OAuth2Password"]["type"], "oauth2");
    assert_eq!((&flow["tokenUrl"], &flow["refreshUrl"]), (&json!("/auth/login"), &json!("/auth/refresh")));
    let scopes: Vec<&String> = flow["scopes"].as_object().unwrap().keys().collect();
    assert_eq!(scopes, ["introspect", "items:read", "items:write"]);
    let bearer = ["type", "scheme", "bearerFormat"].map(|name| &schemes["BearerToken"][name]);
    assert_eq!(bearer, ["http", "bearer", "JWT"]);
    let key = ["type", "in", "name"].map(|name| &schemes["ApiKey"][name]);
    assert_eq!(key, ["apiKey", "header", "X-API-Key"]);
    assert_eq!(schemes.as_object().unwrap().len(), 3);
}

/// Every `$ref` leads to a part of the document, and every operation names schemes of the document.
pub fn every_reference_resolves(target: &Target) {
    let document = read(target);
    let mut references = Vec::new();
    collect_references(&document, &mut references);
    for reference in &references {
        let pointer = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference} leads outside"));
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    assert!(references.len() > 2 * OPERATIONS, "{} references", references.len());
    for operation in operations(&document) {
        for alternative in operation.security() {
            for scheme in alternative.as_object().unwrap().keys() {
                assert!(document["components"]["securitySchemes"][scheme].is_object(), "{scheme}");
            }
        }
    }
}

/// A call without credentials succeeds if the operation requires none.
pub fn anonymous_calls_are_401_where_credentials_are_required(target: &Target) {
    let (mut open, mut closed) = (0, 0);
    let document = read(target);
    for operation in operations(&document) {
        let response = operation.call(target, &target.user(), &Caller::Anonymous);
        operation.expect_documented(&document, &response);
        if operation.requires_credentials() {
            assert_eq!(response.status, 401, "{operation}: {}", response.text());
            closed += 1;
        } else {
            operation.expect_success(&response);
            open += 1;
        }
    }
    assert_eq!((open, closed), (8, OPERATIONS - 8));
}

/// For users of each role and with fewer scopes: a call succeeds if they meet the documented
/// requirement.
pub fn calls_are_403_where_the_requirement_is_not_met(target: &Target) {
    let document = read(target);
    let operations = operations(&document);
    let mut refused = [0; PERSONS.len()];
    for (person, refused) in PERSONS.iter().zip(&mut refused) {
        let of_users =
            |operation: &&Operation| operation.about["x-requires"].is_object() && !operation.is_by_key();
        for operation in operations.iter().filter(of_users) {
            let tokens = person.log_in(target);
            let response = operation.call(target, &tokens, &Caller::Token(tokens.access.clone()));
            operation.expect_documented(&document, &response);
            let scopes: Vec<&str> = tokens.scope.split(' ').collect();
            if is_met(&operation.about["x-requires"], person.role, &scopes) {
                operation.expect_success(&response);
            } else {
                assert_eq!(response.status, 403, "{operation} by {person:?}: {}", response.text());
                *refused += 1;
            }
        }
    }
    assert_eq!(refused, [8, 7, 5, 0]);
}

/// An unknown API key, and a key without the required scope.
pub fn a_wrong_key_is_403_as_documented(target: &Target) {
    let document = read(target);
    let operations = operations(&document);
    let by_key: Vec<&Operation> = operations.iter().filter(|operation| operation.is_by_key()).collect();
    for operation in &by_key {
        let lacks_scope = operation.about["x-requires"].is_object();
        let expected = [("unknown", 403), (&target.api_key, if lacks_scope { 403 } else { 200 })];
        for (key, status) in expected {
            let response = operation.call(target, &target.user(), &Caller::Key(key.to_owned()));
            operation.expect_documented(&document, &response);
            assert_eq!(response.status, status, "{operation}: {}", response.text());
        }
    }
    assert_eq!(by_key.len(), 2);
}

/// For a caller who meets the requirement.
pub fn every_operation_succeeds_as_documented(target: &Target) {
    let admin = target.admin();
    let document = read(target);
    for operation in operations(&document) {
        let user = target.user();
        let caller = match &operation.about["x-requires"] {
            _ if operation.is_by_key() => Caller::Key(target.scoped_api_key.clone()),
            Value::Null => Caller::Token(user.access.clone()),
            _ => Caller::Token(admin.access.clone()),
        };
        let response = operation.call(target, &user, &caller);
        operation.expect_success(&response);
        operation.expect_documented(&document, &response);
    }
}

/// Swagger UI loads no file from another host, and its policy forbids to.
pub fn the_page_loads_files_from_its_own_host_alone(target: &Target) {
    let get = |path: &str| target.send(&Request::get(path));
    let moved = get("/docs");
    assert_eq!((moved.status, moved.header("location")), (308, Some("/docs/")));
    let page = get("/docs/");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'self'; "), "{policy}");
    assert!(!page.text().contains("//cdn"), "{}", page.text());
    let files = [
        ("swagger-ui.css", "text/css; charset=utf-8"),
        ("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
        ("swagger-initializer.js", "text/javascript; charset=utf-8"),
        ("favicon-32x32.png", "image/png"),
    ];
    for (file, content_type) in files {
        assert!(page.text().contains(file), "the page names {file}");
        let file = get(&format!("/docs/{file}"));
        assert_eq!((file.status, file.header("content-type")), (200, Some(content_type)));
    }
    let settings = get("/docs/swagger-initializer.js").text();
    assert!(settings.contains(r#""url": "/openapi.json""#), "{settings}");
    assert!(settings.contains(r#""validatorUrl": "none""#), "{settings}");
    get("/docs/none.js").expect_not_found();
}

pub(super) fn read(target: &Target) -> Value {
    let response = target.send(&Request::get("/openapi.json"));
    assert_eq!((response.status, response.header("content-type")), (200, Some("application/json")));
    response.json()
}

/// Writes the document into the folder for the validator, if the environment names one.
fn keep(document: &Value) {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let name = format!("{}-{:?}.json", process::id(), thread::current().id());
    fs::write(std::path::Path::new(&folder).join(name), document.to_string()).unwrap();
}

pub(super) fn operations(document: &Value) -> Vec<Operation> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, about) in item.as_object().expect("operations") {
            assert!(METHODS.contains(&method.as_str()), "{method} is not a method");
            let method = method.to_ascii_uppercase();
            all.push(Operation { method, path: path.clone(), about: about.clone() });
        }
    }
    assert_eq!(all.len(), OPERATIONS);
    all
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

impl Operation {
    fn security(&self) -> &[Value] {
        self.about["security"].as_array().unwrap_or_else(|| panic!("{self} has no `security`"))
    }

    fn requires_credentials(&self) -> bool {
        let security = self.security();
        !security.is_empty()
            && security.iter().all(|alternative| alternative.as_object().is_some_and(|all| !all.is_empty()))
    }

    fn is_by_key(&self) -> bool {
        self.security().iter().any(|alternative| alternative["ApiKey"].is_array())
    }

    /// Calls the operation with a valid body; an operation on a user is called for a new one.
    fn call(&self, target: &Target, user: &Tokens, caller: &Caller) -> Response {
        let request = self.with_body(Request::new(&self.method, &self.path(target, user)), target, user);
        target.send(&match caller {
            Caller::Anonymous => request,
            Caller::Token(token) => request.bearer(token),
            Caller::Key(key) => request.api_key(key),
        })
    }

    fn path(&self, target: &Target, user: &Tokens) -> String {
        if !self.path.contains("{id}") {
            return self.path.clone();
        }
        if self.path.starts_with("/auth/") {
            return self.path.replace("{id}", &session_id(&user.access));
        }
        let other = target.user().access;
        self.path.replace("{id}", &target.id_of(&other)).replace("{session}", &session_id(&other))
    }

    fn with_body(&self, request: Request, target: &Target, user: &Tokens) -> Request {
        let form = |fields: &[(&str, &str)]| request.clone().form(fields);
        match (self.method.as_str(), self.path.as_str()) {
            ("POST", "/auth/register") => {
                let email = format!("new-{}", target.register());
                request.json(&json!({ "email": email, "password": PASSWORD }).to_string())
            }
            ("POST", "/auth/login") => form(&[("username", &target.register()), ("password", PASSWORD)]),
            ("POST", "/auth/refresh" | "/auth/logout") => form(&[("refresh_token", &user.refresh)]),
            ("POST", "/auth/introspect") => form(&[("token", &user.access)]),
            ("POST", "/auth/revoke") => form(&[("token", &user.refresh)]),
            ("POST", "/auth/password") => {
                let new = "another long password";
                request.json(&json!({ "current_password": PASSWORD, "new_password": new }).to_string())
            }
            ("PATCH", "/users/{id}") => request.json(r#"{"is_active":true}"#),
            ("POST", "/items") => request.json(r#"{"name":"a"}"#),
            _ if self.about["requestBody"].is_object() => panic!("{self}: add a valid body for it here"),
            _ => request,
        }
    }

    fn expect_success(&self, response: &Response) {
        let succeeded = (200..300).contains(&response.status);
        assert!(succeeded, "{self}: {} {}", response.status, response.text());
    }

    /// The document has the status, the type of the body, its members and the challenge.
    pub(super) fn expect_documented(&self, document: &Value, response: &Response) {
        let documented = &self.about["responses"][response.status.to_string()];
        assert!(documented.is_object(), "{self}: {} is not documented", response.status);
        if response.body.is_empty() {
            assert!(documented["content"].is_null(), "{self}: a documented body is missing");
        } else {
            let media = response.header("content-type").unwrap_or_default();
            let content = &documented["content"][media];
            assert!(content.is_object(), "{self}: {media} is not documented");
            self.expect_members(document, &content["schema"], &response.json());
        }
        let challenge = response.header("www-authenticate").is_some();
        assert!(!challenge || documented["headers"]["WWW-Authenticate"].is_object(), "{self}: the challenge");
        let wait = response.header("retry-after").is_some();
        assert!(!wait || documented["headers"]["Retry-After"].is_object(), "{self}: Retry-After");
        for (name, header) in [("accept-post", "Accept-Post"), ("accept-patch", "Accept-Patch")] {
            let is_documented = documented["headers"][header].is_object();
            assert_eq!(response.header(name).is_some(), is_documented, "{self}: {header}");
        }
    }

    /// An object has the members that the schema requires, and no others than it names.
    fn expect_members(&self, document: &Value, schema: &Value, body: &Value) {
        let pointer = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
        let schema = pointer.map_or(schema, |pointer| document.pointer(pointer).expect("a schema"));
        if let Some(items) = body.as_array() {
            items.iter().for_each(|item| self.expect_members(document, &schema["items"], item));
        }
        let Some(members) = body.as_object() else { return };
        for required in schema["required"].as_array().into_iter().flatten() {
            let name = required.as_str().expect("a name");
            assert!(members.contains_key(name), "{self}: no {name} in {body}");
        }
        for (member, value) in members {
            let own = &schema["properties"][member];
            assert!(own.is_object(), "{self}: {member} is not documented");
            if value.is_array() && own["items"].is_object() {
                self.expect_members(document, own, value);
            }
        }
    }
}

/// A user with a role, who asks for some scopes or for all.
#[derive(Debug)]
struct Person {
    role: &'static str,
    scope: &'static str,
}

const PERSONS: [Person; 4] = [
    Person { role: "user", scope: "none:at-all" },
    Person { role: "user", scope: "" },
    Person { role: "moderator", scope: "" },
    Person { role: "admin", scope: "" },
];

impl Person {
    /// A new user, or the only admin: another one would disturb other cases.
    fn log_in(&self, target: &Target) -> Tokens {
        if self.role == "admin" {
            return target.admin();
        }
        let email = target.register();
        if self.role != "user" {
            target.set_role(&target.id_of(&target.login(&email, PASSWORD).access), self.role);
        }
        target.login_for(&email, self.scope)
    }
}

/// Evaluates a documented requirement by its text alone.
fn is_met(requires: &Value, role: &str, scopes: &[&str]) -> bool {
    let parts = |name: &str| requires[name].as_array();
    if let Some(parts) = parts("anyOf") {
        parts.iter().any(|part| is_met(part, role, scopes))
    } else if let Some(parts) = parts("allOf") {
        parts.iter().all(|part| is_met(part, role, scopes))
    } else if let Some(named) = parts("scopes") {
        named.iter().all(|scope| scopes.contains(&scope.as_str().expect("a scope")))
    } else {
        requires["role"] == role
    }
}

fn collect_references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| collect_references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, found)),
        _ => {}
    }
}
