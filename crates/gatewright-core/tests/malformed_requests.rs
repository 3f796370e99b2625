//! Every endpoint names the first field that is missing or unusable, and repeats nothing of the request.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed setup fails the test")]

use gatewright::endpoints::Endpoint;
use gatewright::http::{Bytes, Headers, Reply, RequestView};
use gatewright::{ApiKeys, Auth, HmacSecret, Jwt, Login, MemoryStore, Password, Registration, RoleName};
use gatewright_testkit::{EventRecorder, TestHasher, block_on};
use serde_json::{Value, json};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// A text of the client. No answer and no event contains it.
const MARK: &str = "zebra";

/// A valid value: long enough for a password, and not an address, a token, a scope list that is refused or a grant.
const VALID: &str = "zebra.with.enough.characters";

/// What an endpoint requires of a field.
#[derive(Clone, Copy, PartialEq)]
enum Need {
    /// It must occur, and not be empty.
    Filled,
    /// It must occur. An empty value is refused later, by a rule for the value.
    Present,
    /// It may be missing or empty.
    Optional,
}

use Need::{Filled, Optional, Present};

type Field = (&'static str, Need);

/// The fields of each endpoint in the order in which the answers name them, and the content types.
const ENDPOINTS: &[(Endpoint, &[&str], &[Field])] = &[
    (Endpoint::Register, &[JSON], &[("email", Present), ("password", Present), ("username", Optional)]),
    (
        Endpoint::Login,
        &[FORM],
        &[("grant_type", Optional), ("username", Filled), ("password", Filled), ("scope", Optional)],
    ),
    (
        Endpoint::Refresh,
        &[FORM, JSON],
        &[("grant_type", Optional), ("refresh_token", Filled), ("scope", Optional)],
    ),
    (Endpoint::Logout, &[FORM, JSON], &[("refresh_token", Optional)]),
    (Endpoint::LogoutAll, &[FORM, JSON], &[]),
    (Endpoint::ChangePassword, &[JSON], &[("current_password", Present), ("new_password", Present)]),
    (Endpoint::Revoke, &[FORM], &[("token", Filled), ("token_type_hint", Optional)]),
    (Endpoint::Introspect, &[FORM], &[("token", Filled), ("token_type_hint", Optional)]),
];

/// What is wrong with one field of a request.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    Missing,
    Empty,
    Repeated,
    /// JSON that is not a string, or an invalid percent code.
    Unreadable,
}

use Fault::{Empty, Missing, Repeated, Unreadable};

const FAULTS: [Fault; 4] = [Missing, Empty, Repeated, Unreadable];

impl Fault {
    /// What the answer says of it. `None` if the endpoint does not refuse the field for it.
    fn words(self, need: Need, media: &str) -> Option<&'static str> {
        match (self, need) {
            (Missing, Optional) | (Empty, Optional | Present) => None,
            (Missing, Filled | Present) => Some("is missing"),
            (Empty, Filled) => Some("is empty"),
            (Repeated, _) => Some("is repeated"),
            (Unreadable, _) if media == JSON => Some("is not a string"),
            (Unreadable, _) => Some("is badly encoded"),
        }
    }

    /// The members or pairs of a field with this fault.
    fn members(self, name: &str, media: &str) -> Vec<String> {
        let valid = match name {
            "grant_type" => "",
            _ => VALID,
        };
        let member = |value: &str| match media {
            JSON => format!(r#""{name}":"{value}""#),
            _ => format!("{name}={value}"),
        };
        match self {
            Missing => Vec::new(),
            Empty => vec![member("")],
            Repeated => vec![member(valid), member(MARK)],
            Unreadable if media == JSON => vec![format!(r#""{name}":["{MARK}"]"#)],
            Unreadable => vec![member("zebra%zz")],
        }
    }
}

/// A body with these members.
fn body(media: &str, members: &[String]) -> String {
    if media == JSON { format!("{{{}}}", members.join(",")) } else { members.join("&") }
}

/// The headers of a caller who may use every endpoint.
struct Sent<'a> {
    media: &'a str,
    token: &'a str,
    key: &'a str,
}

impl Headers for Sent<'_> {
    fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        match name {
            "content-type" if !self.media.is_empty() => see(self.media.as_bytes()),
            "authorization" => see(format!("Bearer {}", self.token).as_bytes()),
            "x-api-key" => see(self.key.as_bytes()),
            _ => {}
        }
    }
}

/// An application in which all endpoints are available, and a logged-in user.
struct Service {
    auth: Auth,
    token: String,
    key: String,
    events: EventRecorder,
}

impl Service {
    async fn new() -> Self {
        let (events, key) = (EventRecorder::new(), gatewright_testkit::shared_secret("an API key"));
        let secret = HmacSecret::generate().unwrap();
        let tokens = Jwt::hs256(secret).issuer("https://issuer.example").audience("api");
        let auth = Auth::local(MemoryStore::new(), tokens.build().unwrap(), TestHasher::new())
            .with_registration_role(RoleName::new("user").unwrap())
            .with_usernames()
            .with_api_keys(ApiKeys::parse(&format!("{key}:introspect")).unwrap())
            .with_events(events.clone())
            .build()
            .unwrap();
        let password = Password::new("correct horse battery staple");
        auth.register(Registration::new("ada@example.com", password.clone()).unwrap()).await.unwrap();
        let pair = auth.login(Login::new("ada@example.com", password)).await.unwrap();
        let _ = events.take();
        Self { auth, token: pair.access_token.expose().to_owned(), key, events }
    }

    async fn send(&self, endpoint: Endpoint, media: &str, body: impl Into<Bytes>) -> Reply {
        let headers = Sent { media, token: &self.token, key: &self.key };
        self.auth.handle(endpoint, &RequestView::new("POST", &headers), Ok(body.into())).await
    }

    /// Sends a request that must be refused with this body, and checks that no event shows what it contained.
    async fn expect(&self, endpoint: Endpoint, media: &str, sent: impl Into<Bytes>, expected: &Value) {
        let sent = sent.into();
        let reply = self.send(endpoint, media, sent.clone()).await;
        let text = String::from_utf8_lossy(&sent);
        let found: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        assert_eq!((reply.status, &found), (400, expected), "{endpoint:?} {media}: {text:.200}");
        let events = self.events.take();
        assert_eq!(events.len(), 1, "{events:?}");
        assert!(events[0].starts_with("RequestRefused") && !events[0].contains(MARK), "{events:?}");
    }
}

/// The answer that names a field.
fn names(field: &str, words: &str) -> Value {
    let detail = format!("Malformed request: {field} {words}");
    json!({"detail": detail, "error": "invalid_request", "field": field})
}

/// The answer that names the body.
fn names_body(words: &str) -> Value {
    json!({"detail": format!("Malformed request: the body {words}"), "error": "invalid_request"})
}

/// Each endpoint with each of its content types.
fn routes() -> impl Iterator<Item = (Endpoint, &'static str, &'static [Field])> {
    let pairs = |(endpoint, types, fields): &'static (Endpoint, &[&str], &[Field])| {
        types.iter().map(|media| (*endpoint, *media, *fields))
    };
    ENDPOINTS.iter().flat_map(pairs)
}

#[test]
fn every_endpoint_with_a_body_is_in_the_table() {
    let with_body: Vec<Endpoint> =
        Endpoint::ALL.iter().copied().filter(|endpoint| !endpoint.media_types().is_empty()).collect();
    assert_eq!(ENDPOINTS.iter().map(|(endpoint, ..)| *endpoint).collect::<Vec<_>>(), with_body);
    for (endpoint, types, _) in ENDPOINTS {
        assert_eq!(endpoint.media_types(), *types, "{endpoint:?}");
    }
}

/// Everything else in the request is valid. A field of another name is ignored, also with the same fault.
#[test]
fn each_fault_of_each_field_is_named() {
    block_on(async {
        let (service, mut cases) = (Service::new().await, 0);
        for (endpoint, media, fields) in routes() {
            for (at, (name, need)) in fields.iter().enumerate() {
                for fault in FAULTS {
                    let Some(words) = fault.words(*need, media) else { continue };
                    let others = fields.iter().enumerate().filter(|(other, _)| *other != at);
                    let mut members: Vec<String> =
                        others.flat_map(|(_, (other, _))| valid_members(other, media)).collect();
                    members.extend(fault.members(name, media));
                    members.extend([Repeated, Empty].iter().flat_map(|fault| fault.members("zebra", media)));
                    service.expect(endpoint, media, body(media, &members), &names(name, words)).await;
                    cases += 1;
                }
            }
        }
        assert_eq!(cases, 58);
    });
}

fn valid_members(name: &str, media: &str) -> Vec<String> {
    Repeated.members(name, media).into_iter().take(1).collect()
}

/// Each pair of faults in two fields, in both orders in the body.
#[test]
fn of_two_faults_the_first_in_the_order_of_the_endpoint_is_named() {
    block_on(async {
        let (service, mut cases) = (Service::new().await, 0);
        for (endpoint, media, fields) in routes() {
            for (first, (first_name, need)) in fields.iter().enumerate() {
                for (second, (second_name, _)) in fields.iter().enumerate().skip(first + 1) {
                    for (one, other) in FAULTS.into_iter().flat_map(|one| FAULTS.map(|other| (one, other))) {
                        let Some(words) = one.words(*need, media) else { continue };
                        let rest = fields.iter().enumerate().filter(|(at, _)| ![first, second].contains(at));
                        let mut members: Vec<String> =
                            rest.flat_map(|(_, (name, _))| valid_members(name, media)).collect();
                        members.extend(one.members(first_name, media));
                        members.extend(other.members(second_name, media));
                        let expected = names(first_name, words);
                        service.expect(endpoint, media, body(media, &members), &expected).await;
                        members.reverse();
                        service.expect(endpoint, media, body(media, &members), &expected).await;
                        cases += 1;
                    }
                }
            }
        }
        assert_eq!(cases, 216);
    });
}

/// Forms with an unreadable name, or an unreadable value of an unknown field; all JSON that is not one object.
#[test]
fn a_body_that_cannot_be_parsed_is_named_as_a_whole() {
    let deep = format!(r#"{{"zebra":{}{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
    let forms = [&b"%zz=zebra"[..], b"zebra=%ff", b"zebra=%", b"zebra=\xff", b"\xef\xbb\xbf%"];
    let objects = [
        &b"zebra"[..],
        b"[]",
        b"null",
        b"{",
        br#"{"zebra":"zebra"}zebra"#,
        br#"{"zebra":"\ud800"}"#,
        b"{\"zebra\":\"\xff\"}",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\0}\0",
        deep.as_bytes(),
    ];
    block_on(async {
        let (service, mut cases) = (Service::new().await, 0);
        for (endpoint, media, fields) in routes() {
            let (bodies, words) = match media {
                JSON => (&objects[..], "is not a JSON object"),
                _ => (&forms[..], "is not a form in UTF-8"),
            };
            let faults: Vec<String> =
                fields.iter().flat_map(|(name, _)| Repeated.members(name, media)).collect();
            for sent in bodies {
                let sent = Bytes::copy_from_slice(sent);
                service.expect(endpoint, media, sent.clone(), &names_body(words)).await;
                cases += 1;
                // It precedes the faults of single fields.
                if media == FORM {
                    let both = [faults.join("&").as_bytes(), b"&", &sent].concat();
                    service.expect(endpoint, media, both, &names_body(words)).await;
                }
            }
        }
        assert_eq!(cases, 6 * forms.len() + 5 * objects.len());
    });
}

/// As many as fit into a body.
#[test]
fn thousands_of_repetitions_are_one_fault() {
    block_on(async {
        let service = Service::new().await;
        let form = vec!["token=zebra".to_owned(); 1_300];
        service.expect(Endpoint::Revoke, FORM, body(FORM, &form), &names("token", "is repeated")).await;
        let mut members = vec![r#""":0"#.to_owned(); 1_500];
        members.extend(vec![r#""refresh_token":0"#.to_owned(); 400]);
        let expected = names("refresh_token", "is repeated");
        service.expect(Endpoint::Refresh, JSON, body(JSON, &members), &expected).await;
        let reply = service.send(Endpoint::Refresh, JSON, body(JSON, &vec![members; 6].concat())).await;
        assert_eq!(reply.status, 413);
    });
}

/// With a type that it does not accept, with none and with another charset, an optional body included.
#[test]
fn each_endpoint_says_which_content_types_it_accepts() {
    block_on(async {
        let (service, mut cases) = (Service::new().await, 0);
        for (endpoint, types, _) in ENDPOINTS {
            let others = [FORM, JSON, "", "text/zebra", "application/json; charset=zebra"];
            for media in others.into_iter().filter(|media| !types.contains(media)) {
                let reply = service.send(*endpoint, media, "zebra").await;
                let detail = format!("Unsupported media type: send {}", types.join(" or "));
                assert_eq!(
                    (reply.status, &*reply.body),
                    (415, json!({"detail": detail}).to_string().as_bytes())
                );
                assert!(reply.headers.contains(&("accept-post", types.join(", "))), "{endpoint:?} {media}");
                assert!(!service.events.take().concat().contains(MARK));
                cases += 1;
            }
        }
        assert_eq!(cases, 29);
    });
}

/// The shape of all fields is checked before the rules for their values.
#[test]
fn a_malformed_registration_is_refused_before_its_values_are_judged() {
    block_on(async {
        let service = Service::new().await;
        let sent = r#"{"email":"zebra","password":"zebra","username":1}"#;
        service.expect(Endpoint::Register, JSON, sent, &names("username", "is not a string")).await;
        let reply = service.send(Endpoint::Register, JSON, sent.replace('1', "\"zebra\"")).await;
        let field = serde_json::from_slice::<Value>(&reply.body).unwrap()["field"].take();
        assert_eq!((reply.status, field), (422, json!("email")));
    });
}
