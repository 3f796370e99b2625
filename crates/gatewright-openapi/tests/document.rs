//! How guards appear in a document, and which documents are rejected.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed setup fails the test")]

use gatewright_core::{AccessRule, Endpoint, GuardedExtractor, Requirement, TokenEndpoint};
use gatewright_openapi::{Document, DocumentError};
use serde_json::{Value, json};
use utoipa::OpenApi;

const ADMIN: Requirement = Requirement::Role("admin");
const READ: Requirement = Requirement::Scopes(&["read"]);
const WRITE: Requirement = Requirement::Scopes(&["write"]);

/// The fields in the examples of the answer 400. Login and refresh have another denial first, and `logout-all` has no
/// fields.
const EXAMPLES: &str = "email - - refresh_token - current_password token token";

macro_rules! guards {
    ($($name:ident = $rule:expr, $optional:literal;)+) => {
        $(
            struct $name;

            impl GuardedExtractor for $name {
                const ACCESS_RULE: AccessRule = $rule;
                const IS_OPTIONAL: bool = $optional;
            }
        )+
    };
}

guards! {
    User = AccessRule::User(Requirement::Authenticated), false;
    Maybe = AccessRule::User(Requirement::Authenticated), true;
    Admin = AccessRule::User(ADMIN), false;
    Reader = AccessRule::User(READ), false;
    Either = AccessRule::User(Requirement::AnyOf(&[READ, WRITE])), false;
    AdminOrWriter = AccessRule::User(Requirement::AnyOf(&[ADMIN, WRITE])), false;
    Unmeetable = AccessRule::User(Requirement::AnyOf(&[])), false;
    Key = AccessRule::ApiKey(Requirement::Authenticated), false;
    ScopedKey = AccessRule::ApiKey(READ), false;
}

#[utoipa::path(get, path = "/a", responses((status = 200, description = "A.")))]
#[allow(dead_code, reason = "it carries the attribute")]
fn a() {}

#[utoipa::path(post, path = "/b/c", responses(
    (status = 200, description = "C."),
    (status = 400, description = "No C."),
    (status = 403, response = Shared),
))]
#[allow(dead_code, reason = "it carries the attribute")]
fn c() {}

/// Not today.
#[derive(utoipa::ToResponse)]
#[response(description = "Not today.")]
#[allow(dead_code, reason = "it carries the attribute")]
struct Shared;

#[derive(OpenApi)]
#[openapi(paths(a, c), components(responses(Shared)))]
struct Api;

fn document() -> Document {
    Document::new(Api::openapi(), "/auth/")
}

/// The document whose `GET /a` already has a `security`.
fn with_own_security() -> utoipa::openapi::OpenApi {
    let own = utoipa::openapi::security::SecurityRequirement::new("other", [""; 0]);
    let mut openapi = Api::openapi();
    openapi.paths.paths.get_mut("/a").unwrap().get.as_mut().unwrap().security = Some(vec![own]);
    openapi
}

fn finished(document: Document) -> Value {
    serde_json::to_value(document.build().unwrap()).unwrap()
}

/// Registration and login, with and without the field `username`.
#[test]
fn user_names_are_documented_where_accounts_have_them() {
    let with_endpoints = || {
        let document = document().open("GET", "/a").open("POST", "/b/c");
        document.with_endpoints([Endpoint::Register, Endpoint::Login])
    };
    let [without, with, required] =
        [with_endpoints(), with_endpoints().with_usernames(), with_endpoints().with_required_usernames()]
            .map(finished);
    let registration = |document: &Value| document["components"]["schemas"]["Registration"].clone();
    assert!(registration(&without)["properties"].get("username").is_none());
    assert_eq!(registration(&with)["properties"]["username"]["maxLength"], 64);
    assert_eq!(registration(&with)["required"], json!(["email", "password"]));
    assert_eq!(registration(&required)["required"], json!(["email", "password", "username"]));
    let refused =
        |document: &Value| document["paths"]["/auth/register"]["post"]["responses"]["422"].to_string();
    assert!(!refused(&without).contains("user name"), "{}", refused(&without));
    assert!(refused(&with).contains("The user name is invalid or taken."), "{}", refused(&with));
    let name = &with["components"]["schemas"]["Login"]["properties"]["username"]["description"];
    assert_eq!(name, "The email address or the user name.");
}

/// The operation `GET /a` with this guard.
fn behind<G: GuardedExtractor>() -> Value {
    finished(document().guard::<G>("get", "/a").open("POST", "/b/c"))["paths"]["/a"]["get"].take()
}

#[test]
fn each_guard_becomes_its_security_and_requirement() {
    let bearer = json!({ "BearerToken": [] });
    let flow = |scopes: &[&str]| json!({ "OAuth2Password": scopes });
    let cases = [
        (behind::<User>(), json!([flow(&[]), bearer]), Value::Null),
        (behind::<Maybe>(), json!([flow(&[]), bearer, {}]), Value::Null),
        (behind::<Admin>(), json!([flow(&[]), bearer]), json!({ "role": "admin" })),
        (behind::<Reader>(), json!([flow(&["read"]), bearer]), json!({ "scopes": ["read"] })),
        (
            behind::<Either>(),
            json!([flow(&["read"]), flow(&["write"]), bearer]),
            json!({ "anyOf": [{ "scopes": ["read"] }, { "scopes": ["write"] }] }),
        ),
        (
            behind::<AdminOrWriter>(),
            json!([flow(&[]), bearer]),
            json!({ "anyOf": [{ "role": "admin" }, { "scopes": ["write"] }] }),
        ),
        (behind::<Unmeetable>(), json!([flow(&[]), bearer]), json!({ "anyOf": [] })),
        (behind::<Key>(), json!([{ "ApiKey": [] }]), Value::Null),
        (behind::<ScopedKey>(), json!([{ "ApiKey": [] }]), json!({ "scopes": ["read"] })),
    ];
    for (operation, security, requires) in &cases {
        assert_eq!((&operation["security"], &operation["x-requires"]), (security, requires));
    }
    assert_eq!(cases.len(), 9);
}

#[test]
fn error_responses_match_the_guard() {
    let statuses = |operation: &Value| {
        operation["responses"].as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ")
    };
    let description = |operation: &Value| operation["responses"]["403"]["description"].clone();
    assert_eq!(statuses(&behind::<User>()), "200 400 401 503");
    assert_eq!(statuses(&behind::<Maybe>()), "200 400 401 503");
    assert_eq!(statuses(&behind::<Admin>()), "200 400 401 403 503");
    assert_eq!(statuses(&behind::<Key>()), "200 401 403 429 503");
    assert_eq!(description(&behind::<AdminOrWriter>()), "Requires the role `admin` or the scope `write`.");
    assert_eq!(description(&behind::<Unmeetable>()), "Requires a permission that no caller can have.");
    assert_eq!(description(&behind::<ScopedKey>()), "The API key is invalid. Requires the scope `read`.");
    let unauthenticated = &behind::<User>()["responses"]["401"];
    assert_eq!(unauthenticated["headers"]["WWW-Authenticate"]["schema"]["type"], "string");
    let content = &unauthenticated["content"]["application/json"];
    assert_eq!(content["schema"]["$ref"], "#/components/schemas/Denial");
    assert_eq!(content["example"], json!({ "detail": "Not authenticated" }));
}

#[test]
fn several_guards_of_one_operation_are_combined() {
    let document = document().guard::<Reader>("GET", "/a").require("GET", "/a", WRITE);
    let document = document.guarded("/", ADMIN).guard::<Key>("POST", "/b/c");
    let document = finished(document);
    let (a, c) = (&document["paths"]["/a"]["get"], &document["paths"]["/b/c"]["post"]);
    assert_eq!(a["security"], json!([{ "OAuth2Password": ["read", "write"] }, { "BearerToken": [] }]));
    let all = json!({ "allOf": [{ "scopes": ["read"] }, { "scopes": ["write"] }, { "role": "admin" }] });
    assert_eq!(a["x-requires"], all);
    let both = json!([{ "ApiKey": [], "OAuth2Password": [] }, { "ApiKey": [], "BearerToken": [] }]);
    assert_eq!(c["security"], both);
}

#[test]
fn own_responses_are_merged_with_those_of_guards() {
    let document = finished(document().open("GET", "/a").guard::<Admin>("POST", "/b/c"));
    let responses = &document["paths"]["/b/c"]["post"]["responses"];
    let text = "No C. The `Authorization` header is malformed or repeated.";
    assert_eq!(responses["400"]["description"], text);
    assert_eq!(responses["403"]["description"], "Not today. Requires the role `admin`.");
    assert_eq!(document["components"]["responses"]["Shared"]["description"], "Not today.");
    assert_eq!(document["paths"]["/a"]["get"]["security"], json!([]));
}

#[test]
fn scopes_of_guards_and_described_scopes_are_listed() {
    let document = document().with_scope("read", "See").with_scope("other", "Else");
    let document = finished(document.guard::<Either>("GET", "/a").guard::<ScopedKey>("POST", "/b/c"));
    let flow = &document["components"]["securitySchemes"]["OAuth2Password"]["flows"]["password"];
    assert_eq!(flow["scopes"], json!({ "read": "See", "other": "Else", "write": "" }));
    assert_eq!((&flow["tokenUrl"], &flow["refreshUrl"]), (&json!("/auth/login"), &json!("/auth/refresh")));
}

#[test]
fn the_first_of_up_to_sixteen_arguments_is_the_guard() {
    async fn one(_: Admin) {}
    #[rustfmt::skip]
    #[expect(clippy::too_many_arguments, reason = "as many as frameworks allow")]
    async fn sixteen(
        _: Reader, _: u8, _: u8, _: u8, _: u8, _: u8, _: u8, _: u8,
        _: u8, _: u8, _: u8, _: u8, _: u8, _: u8, _: u8, _: &'static str,
    ) {}
    let document = finished(document().handler("GET", "/a", one).handler("POST", "/b/c", sixteen));
    assert_eq!(document["paths"]["/a"]["get"]["x-requires"], json!({ "role": "admin" }));
    assert_eq!(document["paths"]["/b/c"]["post"]["x-requires"], json!({ "scopes": ["read"] }));
}

#[test]
fn endpoints_are_documented_as_they_are_mounted() {
    let all = document().with_endpoints(Endpoint::ALL).open("GET", "/a").open("POST", "/b/c");
    let document = finished(all);
    for endpoint in Endpoint::ALL {
        let path = format!("/auth{}", endpoint.path());
        let described = &document["paths"][&path][endpoint.method().to_ascii_lowercase()];
        let contents = described["requestBody"]["content"].as_object().into_iter();
        for content in contents.flat_map(|contents| contents.values()) {
            let reference = content["schema"]["$ref"].as_str().unwrap();
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{path}: {reference}");
        }
        assert!(described["security"].is_array(), "{path}");
    }
    assert_eq!(document["paths"].as_object().unwrap().len(), 2 + Endpoint::ALL.len());
    let password = &document["paths"]["/auth/password"]["post"];
    assert_eq!(password["responses"]["403"]["description"], "The current password is wrong.");
    let has_no_body = |endpoint: &&Endpoint| {
        let method = endpoint.method().to_ascii_lowercase();
        document["paths"][format!("/auth{}", endpoint.path())][method]["requestBody"].is_null()
    };
    let without_body: Vec<&Endpoint> = Endpoint::ALL.iter().filter(has_no_body).collect();
    assert_eq!(without_body, [&Endpoint::LogoutAll, &Endpoint::Sessions, &Endpoint::EndSession]);
    let end = &document["paths"]["/auth/sessions/{id}"]["delete"];
    assert_eq!((&end["parameters"][0]["name"], &end["parameters"][0]["in"]), (&json!("id"), &json!("path")));
    assert_eq!(end["parameters"].as_array().unwrap().len(), 1);
    assert_eq!(end["responses"]["404"]["description"], "The caller has no session with this id.");
    assert_eq!(end["responses"]["415"], Value::Null);
    let introspect = &document["paths"]["/auth/introspect"]["post"];
    assert_eq!(introspect["security"], json!([{ "ApiKey": [] }]));
    assert_eq!(introspect["x-requires"], json!({ "scopes": ["introspect"] }));
    let logout = &document["paths"]["/auth/logout"]["post"];
    assert_eq!(logout["security"], json!([{ "OAuth2Password": [] }, { "BearerToken": [] }, {}]));
}

#[test]
fn token_endpoint_and_renderer_settings_are_documented() {
    let login = |document: Document| {
        let document = document.with_endpoints([Endpoint::Login]).open("GET", "/a").open("POST", "/b/c");
        finished(document)["paths"]["/auth/login"]["post"]["responses"].take()
    };
    assert!(login(document())["401"]["content"]["application/json"].is_object());
    let rfc = login(document().with_token_endpoint(TokenEndpoint::Rfc6749).with_problem_details());
    assert_eq!(rfc["401"], Value::Null);
    assert_eq!(rfc["400"]["headers"], Value::Null);
    let problem = &rfc["400"]["content"]["application/problem+json"]["example"];
    assert_eq!((&problem["status"], &problem["error"]), (&json!(400), &json!("invalid_grant")));
}

/// Each endpoint that reads a body: the example of its 400, and the header and the example of its 415.
#[test]
fn malformed_requests_are_documented_with_their_field_and_types() {
    let all = document().with_endpoints(Endpoint::ALL).open("GET", "/a").open("POST", "/b/c");
    let document = finished(all);
    let example = |response: &Value| response["content"]["application/json"]["example"].clone();
    let mut fields = Vec::new();
    for endpoint in Endpoint::ALL.iter().filter(|endpoint| !endpoint.media_types().is_empty()) {
        let responses = &document["paths"][format!("/auth{}", endpoint.path())]["post"]["responses"];
        let unsupported = &responses["415"];
        let types = endpoint.media_types().join(" or ");
        assert_eq!(example(unsupported), json!({"detail": format!("Unsupported media type: send {types}")}));
        assert_eq!(unsupported["headers"]["Accept-Post"]["schema"]["type"], "string");
        assert!(responses["413"]["headers"].is_null());
        if let Some(body) = document["paths"][format!("/auth{}", endpoint.path())]["post"].get("requestBody")
        {
            let documented: Vec<&String> = body["content"].as_object().unwrap().keys().collect();
            let mut accepted = endpoint.media_types().to_vec();
            accepted.sort_unstable();
            assert_eq!(documented, accepted, "{endpoint:?}");
        }
        let malformed = example(&responses["400"]);
        fields.push(malformed["field"].as_str().unwrap_or("-").to_owned());
    }
    assert_eq!(fields.join(" "), EXAMPLES);
    let schema = &document["components"]["schemas"]["Denial"]["properties"];
    assert_eq!(schema["field"]["type"], "string");
    let refused = |path: &str| example(&document["paths"][path]["post"]["responses"]["422"])["field"].clone();
    assert_eq!([refused("/auth/register"), refused("/auth/password")], ["password", "new_password"]);
}

#[test]
fn mismatched_declarations_are_rejected_by_name() {
    let [get_a, post_bc] = ["GET /a", "POST /b/c"].map(|operation| {
        let fix = "declare it guarded or open, or set its own `security`";
        format!("conflicting declarations for {operation}: {fix}")
    });
    let declared = || document().open("GET", "/a").guard::<Admin>("POST", "/b/c");
    let mut twice = Api::openapi();
    twice.paths.paths.insert("/d".to_owned(), twice.paths.paths["/a"].clone());
    let twice = Document::new(twice, "").guarded("", ADMIN);
    let mut dangling = Api::openapi();
    dangling.components = None;
    let dangling = Document::new(dangling, "").open("GET", "/a").guard::<Admin>("POST", "/b/c");
    let cases = [
        (declared().open("PUT", "/a"), "the document has no operation PUT /a"),
        (declared().guard::<User>("GET", "/a/"), "the document has no operation GET /a/"),
        (declared().require("NONE", "/a", ADMIN), "the document has no operation NONE /a"),
        (declared().guarded("/b/cc", ADMIN), "the document has no operation at or below /b/cc"),
        (declared().guarded("/b/", ADMIN).guarded("/", ADMIN), get_a.as_str()),
        (declared().open("POST", "/b/c"), post_bc.as_str()),
        (
            document().open("POST", "/b/c"),
            "no guard is declared for GET /a: declare its guard, or declare it open",
        ),
        (Document::new(with_own_security(), "").guarded("", ADMIN), get_a.as_str()),
        (
            declared().with_endpoints([Endpoint::Login, Endpoint::Login]),
            "the document already has an operation POST /auth/login",
        ),
        (twice, "two operations have the id a"),
        (dangling, "the document does not define #/components/responses/Shared"),
    ];
    assert_eq!(cases.len(), 11);
    for (document, message) in cases.map(|(document, message)| (document.build(), message)) {
        assert_eq!(document.err().map(|error| error.to_string()).as_deref(), Some(message));
    }
}

#[test]
fn a_component_of_the_same_name_is_not_overwritten() {
    let mut openapi = Api::openapi();
    let components = openapi.components.get_or_insert_default();
    components.schemas.insert("Denial".to_owned(), utoipa::openapi::schema::empty().into());
    let document = Document::new(openapi, "").guarded("", ADMIN);
    assert!(matches!(document.build(), Err(DocumentError::DuplicateComponent { name }) if name == "Denial"));
}

#[test]
fn an_operation_with_its_own_security_is_not_changed() {
    let document = finished(Document::new(with_own_security(), "").guard::<Key>("POST", "/b/c"));
    assert_eq!(document["paths"]["/a"]["get"]["security"], json!([{ "other": [] }]));
}
