//! Cases for the OpenAPI document: what it says of every operation is what the application does.

use serde_json::{Value, json};

use super::{PASSWORD, Request, Response, Target, Tokens, claims};

/// How many operations the example's document has.
const OPERATIONS: usize = 24;

/// Where each document that was read is kept, for a validator: the name of a folder.
const FOLDER: &str = "GATEWRIGHT_DOCUMENTS";

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// An operation of the document.
struct Operation {
    method: String,
    path: String,
    about: Value,
}

/// Who calls.
enum Caller {
    Nobody,
    Token(String),
    Key(String),
}

/// The version, and the schemes that lead to login and refresh.
pub fn the_document_is_openapi_3_1_with_the_three_schemes(target: &Target) {
    let document = read(target);
    keep(&document);
    assert_eq!(document["openapi"], "3.1.0");
    let schemes = &document["components"]["securitySchemes"];
    let flow = &schemes["OAuth2Password"]["flows"]["password"];
    assert_eq!(schemes["OAuth2Password"]["type"], "oauth2");
    assert_eq!(flow["tokenUrl"], "/auth/login");
    assert_eq!(flow["refreshUrl"], "/auth/refresh");
    let scopes: Vec<&String> = flow["scopes"].as_object().unwrap().keys().collect();
    assert_eq!(scopes, ["introspect", "items:read", "items:write"]);
    let bearer = &schemes["BearerToken"];
    assert_eq!((&bearer["type"], &bearer["scheme"]), (&json!("http"), &json!("bearer")));
    assert_eq!(bearer["bearerFormat"], "JWT");
    let key = &schemes["ApiKey"];
    assert_eq!(
        (&key["type"], &key["in"], &key["name"]),
        (&json!("apiKey"), &json!("header"), &json!("X-API-Key"))
    );
    assert_eq!(schemes.as_object().unwrap().len(), 3);
}

/// No dangling `$ref`, and every scheme that an operation names is one of the document's.
pub fn every_reference_leads_somewhere(target: &Target) {
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

/// 401 where a credential is demanded, and success where none is.
pub fn nobody_is_refused_exactly_where_a_credential_is_demanded(target: &Target) {
    let (mut open, mut closed) = (0, 0);
    let document = read(target);
    for operation in operations(&document) {
        let response = operation.call(target, &target.user(), &Caller::Nobody);
        operation.expect_documented(&document, &response);
        if operation.demands_a_credential() {
            assert_eq!(response.status, 401, "{operation}: {}", response.text());
            closed += 1;
        } else {
            assert!(is_success(&response), "{operation}: {} {}", response.status, response.text());
            open += 1;
        }
    }
    assert_eq!((open, closed), (8, OPERATIONS - 8));
}

/// 403 exactly where the requirement that is documented is not met, whoever calls.
pub fn who_lacks_what_is_required_is_refused(target: &Target) {
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
                assert!(is_success(&response), "{operation}: {} {}", response.status, response.text());
            } else {
                assert_eq!(response.status, 403, "{operation} by {person:?}: {}", response.text());
                *refused += 1;
            }
        }
    }
    assert_eq!(refused, [8, 7, 5, 0]);
}

/// 403 to a key that is none, and to one that lacks what is required.
pub fn a_wrong_key_is_refused_as_documented(target: &Target) {
    let document = read(target);
    let operations = operations(&document);
    let by_key: Vec<&Operation> = operations.iter().filter(|operation| operation.is_by_key()).collect();
    for operation in &by_key {
        let response = operation.call(target, &target.user(), &Caller::Key("nobody's key".to_owned()));
        operation.expect_documented(&document, &response);
        assert_eq!(response.status, 403, "{operation}: {}", response.text());
        let response = operation.call(target, &target.user(), &Caller::Key(target.api_key.clone()));
        operation.expect_documented(&document, &response);
        let expected = if operation.about["x-requires"].is_object() { 403 } else { 200 };
        assert_eq!(response.status, expected, "{operation}: {}", response.text());
    }
    assert_eq!(by_key.len(), 2);
}

/// Every operation is there: whoever has what is required gets a documented success.
pub fn who_may_call_an_operation_gets_what_is_documented(target: &Target) {
    let admin = target.admin();
    let document = read(target);
    let operations = operations(&document);
    for operation in &operations {
        let user = target.user();
        let caller = match &operation.about["x-requires"] {
            _ if operation.is_by_key() => Caller::Key(target.scoped_api_key.clone()),
            Value::Null => Caller::Token(user.access.clone()),
            _ => Caller::Token(admin.access.clone()),
        };
        let response = operation.call(target, &user, &caller);
        assert!(is_success(&response), "{operation}: {} {}", response.status, response.text());
        operation.expect_documented(&document, &response);
    }
    assert_eq!(operations.len(), OPERATIONS);
}

/// Swagger UI: no file of it comes from another host, and its policy forbids that one would.
pub fn the_page_is_served_from_here_alone(target: &Target) {
    let moved = target.send(&Request::get("/docs"));
    assert_eq!((moved.status, header(&moved, "location")), (308, Some("/docs/")));
    let page = target.send(&Request::get("/docs/"));
    assert_eq!((page.status, header(&page, "content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = header(&page, "content-security-policy").expect("a policy");
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
        let file = target.send(&Request::get(&format!("/docs/{file}")));
        assert_eq!((file.status, header(&file, "content-type")), (200, Some(content_type)));
    }
    let settings = target.send(&Request::get("/docs/swagger-initializer.js")).text();
    assert!(settings.contains(r#""url": "/openapi.json""#), "{settings}");
    assert!(settings.contains(r#""validatorUrl": "none""#), "{settings}");
    target.send(&Request::get("/docs/none.js")).expect_not_found();
}

fn read(target: &Target) -> Value {
    let response = target.send(&Request::get("/openapi.json"));
    assert_eq!((response.status, header(&response, "content-type")), (200, Some("application/json")));
    response.json()
}

/// Leaves the document for a validator, if one waits for it.
fn keep(document: &Value) {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let name = format!("{}-{:?}.json", std::process::id(), std::thread::current().id());
    std::fs::write(std::path::Path::new(&folder).join(name), document.to_string())
        .expect("the folder is there");
}

fn operations(document: &Value) -> Vec<Operation> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, about) in item.as_object().expect("operations") {
            assert!(METHODS.contains(&method.as_str()), "{method} is no method");
            let method = method.to_ascii_uppercase();
            all.push(Operation { method, path: path.clone(), about: about.clone() });
        }
    }
    assert_eq!(all.len(), OPERATIONS);
    all
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

impl Operation {
    fn security(&self) -> &[Value] {
        let security = self.about["security"].as_array();
        security.unwrap_or_else(|| panic!("{self} says who may call it"))
    }

    fn demands_a_credential(&self) -> bool {
        let security = self.security();
        !security.is_empty()
            && security.iter().all(|alternative| alternative.as_object().is_some_and(|all| !all.is_empty()))
    }

    fn is_by_key(&self) -> bool {
        self.security().iter().any(|alternative| alternative["ApiKey"].is_array())
    }

    /// Calls the operation with a good body; where it is about somebody, about somebody new.
    fn call(&self, target: &Target, user: &Tokens, caller: &Caller) -> Response {
        let request = self.with_body(Request::new(&self.method, &self.path(target, user)), target, user);
        target.send(&match caller {
            Caller::Nobody => request,
            Caller::Token(token) => request.bearer(token),
            Caller::Key(key) => request.header("x-api-key", key),
        })
    }

    fn path(&self, target: &Target, user: &Tokens) -> String {
        let session = |tokens: &Tokens| claims(&tokens.access)["sid"].as_str().expect("a session").to_owned();
        if !self.path.contains("{id}") {
            return self.path.clone();
        }
        if self.path.starts_with("/auth/") {
            return self.path.replace("{id}", &session(user));
        }
        let somebody = target.user();
        self.path.replace("{id}", &target.id_of(&somebody.access)).replace("{session}", &session(&somebody))
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
            _ if self.about["requestBody"].is_object() => panic!("{self}: give it a body here"),
            _ => request,
        }
    }

    /// The status is documented, and with it the type of the body, its members and the challenge.
    fn expect_documented(&self, document: &Value, response: &Response) {
        let documented = &self.about["responses"][response.status.to_string()];
        assert!(documented.is_object(), "{self}: {} is not documented", response.status);
        if response.body.is_empty() {
            assert!(documented["content"].is_null(), "{self}: a body was promised");
        } else {
            let media = header(response, "content-type").unwrap_or_default();
            let content = &documented["content"][media];
            assert!(content.is_object(), "{self}: {media} is not documented");
            self.expect_members(document, &content["schema"], &response.json());
        }
        let challenge = header(response, "www-authenticate").is_some();
        assert!(!challenge || documented["headers"]["WWW-Authenticate"].is_object(), "{self}: the challenge");
    }

    /// An object has what the schema requires, and nothing that it does not name.
    fn expect_members(&self, document: &Value, schema: &Value, body: &Value) {
        let pointer = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
        let schema = pointer.map_or(schema, |pointer| document.pointer(pointer).expect("a schema"));
        if let Some(items) = body.as_array() {
            items.iter().for_each(|item| self.expect_members(document, &schema["items"], item));
        }
        let Some(members) = body.as_object() else { return };
        for required in schema["required"].as_array().into_iter().flatten() {
            assert!(
                members.contains_key(required.as_str().expect("a name")),
                "{self}: no {required} in {body}"
            );
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

/// Somebody with a role, who asks for some scopes or for all there are.
#[derive(Debug)]
struct Person {
    role: &'static str,
    asks_for: Option<&'static str>,
}

const PERSONS: [Person; 4] = [
    Person { role: "user", asks_for: Some("none:at-all") },
    Person { role: "user", asks_for: None },
    Person { role: "moderator", asks_for: None },
    Person { role: "admin", asks_for: None },
];

impl Person {
    /// Somebody new, but for the admin: another one would be in the way of other cases.
    fn log_in(&self, target: &Target) -> Tokens {
        if self.role == "admin" {
            return target.admin();
        }
        let email = target.register();
        if self.role != "user" {
            let path = format!("/users/{}", target.id_of(&target.login(&email, PASSWORD).access));
            let change = json!({ "role": self.role }).to_string();
            let changed =
                target.send(&Request::new("PATCH", &path).bearer(&target.admin().access).json(&change));
            assert_eq!(changed.status, 200, "{}", changed.text());
        }
        let form = [("username", email.as_str()), ("password", PASSWORD)];
        let form: Vec<_> = form.into_iter().chain(self.asks_for.map(|scope| ("scope", scope))).collect();
        Tokens::from(&target.send(&Request::post("/auth/login").form(&form)))
    }
}

/// A documented requirement, judged by its words alone.
fn is_met(requires: &Value, role: &str, scopes: &[&str]) -> bool {
    let parts = |name: &str| requires[name].as_array().cloned();
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

fn is_success(response: &Response) -> bool {
    (200..300).contains(&response.status)
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
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
