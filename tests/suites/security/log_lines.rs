//! What `TracingSink` writes: levels and fields, and that no client can write a line of its own.

use gatewright::endpoints::{Endpoint, Refresh};
use gatewright::event::TracingSink;
use gatewright::http::{Bytes, Headers, RequestView};
use gatewright::types::Requirement;
use gatewright::{ApiKeys, MemoryStore, Scopes};
use gatewright_testkit::{FailingStore, Outage};
use gatewright_tests::{Line, Log, PASSWORD, World};

use crate::endpoints::{EMAIL, session_of};

const KEY: &str = "k9J2mQ7xVb4TzW8LcR5nYp3H";

/// The headers of a request.
struct Sent<'a>(&'a [(&'a str, &'a [u8])]);

impl Headers for Sent<'_> {
    fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        self.0.iter().filter(|(own, _)| *own == name).for_each(|(_, value)| see(value));
    }
}

async fn world() -> (World<FailingStore<MemoryStore>>, Outage) {
    let (store, outage) = FailingStore::new(MemoryStore::new());
    let keys = ApiKeys::new().with(KEY, Scopes::parse("read").unwrap()).unwrap();
    let world = World::with(store, |builder| {
        let builder = builder.with_refresh_grace(std::time::Duration::ZERO);
        builder.with_events(TracingSink).with_api_keys(keys)
    });
    world.add(EMAIL).await;
    (world, outage)
}

/// Texts that would forge a line, hide text or change its direction if they were written as they are.
const HOSTILE: [&str; 6] = [
    "/a\nERROR gatewright: forged",
    "/a\r\n{\"level\":\"ERROR\"}",
    "/a\u{1b}[2J\u{7}\u{9b}31m",
    "/\u{202e}gpj.exe\u{2066}\u{200f}",
    "/a\u{2028}b\u{2029}c\u{85}d\0",
    "/\" user=\"admin\" \\",
];

fn is_safe(character: char) -> bool {
    let hidden = "\u{85}\u{200e}\u{200f}\u{2028}\u{2029}\u{feff}";
    let directions =
        ('\u{202a}'..='\u{202e}').contains(&character) || ('\u{2066}'..='\u{2069}').contains(&character);
    !character.is_control() && !hidden.contains(character) && !directions
}

/// Every value that a client can choose: method, path, request id, user agent, forwarded address, credential
/// and body.
#[tokio::test]
async fn no_client_writes_a_line_or_hidden_characters() {
    let (world, _) = world().await;
    let log = Log::default();
    let _listening = log.listen();
    let mut requests = 0;
    for text in HOSTILE {
        let bytes = text.as_bytes();
        let headers = [
            ("x-request-id", bytes),
            ("user-agent", bytes),
            ("x-forwarded-for", bytes),
            ("authorization", bytes),
            ("x-api-key", bytes),
            ("content-type", b"application/x-www-form-urlencoded"),
        ];
        let headers = Sent(&headers);
        let peer = Some([192, 0, 2, 7].into());
        let view = RequestView::new(text, &headers).with_route(&text).with_peer(peer);
        for error in [
            world.auth.require(&view, None, Requirement::Authenticated).await.map(drop).unwrap_err(),
            world.auth.require_api_key(&view, &Requirement::Authenticated).map(drop).unwrap_err(),
        ] {
            assert!((400..=403).contains(&error.reply_for(&view).status));
            requests += 1;
        }
        let view = RequestView::new("POST", &headers).with_route(&text).with_peer(peer).with_id(Some(text));
        for endpoint in [Endpoint::Login, Endpoint::Refresh, Endpoint::Revoke, Endpoint::Register] {
            let encoded: String = bytes.iter().map(|byte| format!("%{byte:02x}")).collect();
            for name in ["username", "refresh_token", "token", "grant_type", "scope"] {
                let body = format!("{name}={encoded}&password={encoded}&username={encoded}&token={encoded}");
                let _ = world.auth.handle(endpoint, &view, Ok(Bytes::from(body))).await;
                requests += 1;
            }
        }
    }
    assert_eq!(requests, HOSTILE.len() * 22);
    let (text, lines) = (log.text(), log.take_lines());
    assert_eq!(text.lines().count(), lines.len(), "one line each");
    assert!(lines.len() >= requests, "{} lines of {requests} requests", lines.len());
    assert!(text.chars().all(|character| is_safe(character) || character == '\n'), "{text}");
    for line in &lines {
        for (field, value) in &line.fields {
            assert!(value.chars().all(is_safe), "{field}: {value:?}");
        }
        assert!(!line.fields.contains_key("request_id"), "{line:?}");
        assert!(line.fields["route"].starts_with('/'), "{line:?}");
    }
    assert!(!text.lines().any(|line| line.trim_start().starts_with("ERROR")), "{text}");
}

/// Level, event and message of the only line, and its other fields.
fn only(log: &Log) -> (String, Line) {
    let mut lines = log.take_lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let mut line = lines.remove(0);
    let [event, message] = ["event", "message"].map(|name| line.fields.remove(name).unwrap());
    (format!("{} {event}: {message}", line.level), line)
}

#[tokio::test]
async fn lines_have_a_level_words_and_fields() {
    let (world, outage) = world().await;
    let pair = world.login(EMAIL).await;
    let (session, user) = (session_of(&pair.access_token).to_string(), user_of(&world).await);
    let log = Log::default();
    let _listening = log.listen();
    let peer = Some([192, 0, 2, 7].into());
    let bearer = format!("Bearer {}", pair.access_token.expose());
    let own = [("authorization", bearer.as_bytes()), ("x-request-id", b"7f3a")];
    let (own, none) = (Sent(&own), Sent(&[("x-request-id", b"7f3a")]));
    let keyed = Sent(&[("x-api-key", KEY.as_bytes())]);
    let view = |headers| RequestView::new("GET", headers).with_route(&"/users/{id}").with_peer(peer);
    let where_from = [
        ("client_address", "192.0.2.7"),
        ("method", "GET"),
        ("route", "/users/{id}"),
        ("request_id", "7f3a"),
    ];
    let expect = |summary: &str, fields: &[(&str, &str)]| {
        let (found, line) = only(&log);
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        assert_eq!((found.as_str(), line.fields), (summary, fields.collect()));
    };
    let who = [("user", user.as_str()), ("session", session.as_str())];

    let refused = world.auth.require(&view(&none), None, Requirement::Authenticated).await.unwrap_err();
    let _ = refused.reply_for(&view(&none));
    let cause = [("cause", "the request has no credential")];
    expect("DEBUG AccessRefused: access refused, no credential", &[&where_from[..], &cause].concat());

    let refused = world.auth.require(&view(&own), None, Requirement::Role("admin")).await.unwrap_err();
    let _ = refused.reply_for(&view(&own));
    let missing = [("credential", "access_token"), ("missing_roles", "admin")];
    let fields = [&where_from[..], &who, &missing].concat();
    expect("WARN Forbidden: forbidden, the user lacks a role or scope", &fields);

    let need = Requirement::Scopes(&["read", "write", "publish"]);
    let _ = world.auth.require_api_key(&view(&keyed), &need).unwrap_err().reply_for(&view(&keyed));
    let missing = [("credential", "api_key"), ("missing_scopes", "write publish")];
    expect(
        "WARN ApiKeyForbidden: forbidden, the API key lacks a scope",
        &[&where_from[..3], &missing].concat(),
    );

    outage.fail_sessions();
    world.auth.invalidate_session(session_of(&pair.access_token)).await.unwrap();
    let failed = world.auth.require(&view(&own), None, Requirement::Authenticated).await.unwrap_err();
    let _ = failed.reply_for(&view(&own));
    let (summary, line) = only(&log);
    assert_eq!(summary, "ERROR Failed: request failed");
    assert!(line.fields["cause"].starts_with("a store failed: "), "{line:?}");
    outage.recover();

    let refresh = || world.auth.refresh(Refresh::new(pair.refresh_token.clone()));
    refresh().await.unwrap();
    expect("INFO Refreshed: refreshed", &[&who[..], &[("grace", "false")]].concat());
    let _ = refresh().await.unwrap_err();
    let lines: Vec<String> = log.take_lines().iter().map(|line| line.fields["event"].clone()).collect();
    assert_eq!(lines, ["TokenReused", "RefreshRefused"]);

    let refused = world.auth.require(&view(&own), None, Requirement::Authenticated).await.unwrap_err();
    let _ = refused.reply_for(&view(&own));
    let fields = [&where_from[..], &who, &[("cause", "the session has ended")]].concat();
    expect("INFO AccessRefused: access refused", &fields);

    let form = Sent(&[("content-type", b"application/x-www-form-urlencoded")]);
    let post = RequestView::new("POST", &form).with_route(&"/auth/login").with_peer(peer);
    let send =
        async |body: String| world.auth.handle(Endpoint::Login, &post, Ok(Bytes::from(body))).await.status;
    assert_eq!(send(format!("username={EMAIL}")).await, 400);
    let (summary, line) = only(&log);
    assert_eq!(summary, "INFO RequestRefused: request refused");
    assert!(!line.fields["cause"].is_empty());
    assert_eq!(send(format!("username={EMAIL}&password=wrong")).await, 401);
    let route = [("client_address", "192.0.2.7"), ("method", "POST"), ("route", "/auth/login")];
    let fields = [&route[..], &[("user", user.as_str()), ("cause", "the password does not match")]].concat();
    expect("WARN LoginRefused: login refused", &fields);
    let password = PASSWORD.replace(' ', "+");
    assert_eq!(send(format!("username={EMAIL}&password={password}")).await, 200);
    let (summary, _) = only(&log);
    assert_eq!(summary, "INFO LoggedIn: logged in");
}

async fn user_of(world: &World<FailingStore<MemoryStore>>) -> String {
    world.auth.accounts().unwrap().page(None, 1).await.unwrap().remove(0).id.to_string()
}
