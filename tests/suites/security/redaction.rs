//! No secret appears in the output of `Debug`, in errors, in events or in the log.

use gatewright::endpoints::{PasswordChange, Refresh};
use gatewright::event::{Event, EventSink, RequestContext, TracingSink};
use gatewright::guard::Caller;
use gatewright::http::{BodyCollector, Headers, RequestView};
use gatewright::store::{SessionSeed, TokenDigest};
use gatewright::token::TokenId;
use gatewright::types::{Requirement, TokenText};
use gatewright::{ApiKeys, Auth, HashingPool, Jwt, Login, Password, PasswordHash, Registration, RoleName};
use gatewright_testkit::TestHasher;
use gatewright_tests::{Log, World, memory, secret};

use crate::endpoints::{authenticate, bearer};

const EMAIL: &str = "ada.lovelace@example.com";
const PASSPHRASE: &str = "a very secret passphrase";
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2VjcmV0c2FsdA$c2VjcmV0aGFzaA";

const KEY: &str = "k9J2mQ7xVb4TzW8LcR5nYp3H";

/// Headers with this API key.
struct Key(&'static str);

impl Headers for Key {
    fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        if name == "x-api-key" {
            see(self.0.as_bytes());
        }
    }
}

/// Records every event and forwards it to the default sink.
#[derive(Clone, Default)]
struct Both(gatewright_testkit::EventRecorder);

impl EventSink for Both {
    fn emit(&self, event: &Event<'_>, request: &RequestContext) {
        self.0.emit(event, request);
        TracingSink.emit(event, request);
    }
}

/// Formats the error and all its sources with `Debug` and `Display`.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = format!("{error:?} {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(" {error:?} {error}"));
        cause = error.source();
    }
    text
}

#[tokio::test]
async fn no_value_shows_the_secrets_it_holds() {
    let log = Log::default();
    let _quiet = log.listen();

    let [store, _] = memory().await;
    let both = Both::default();
    let world = World::with(store, |builder| {
        builder.with_events(both.clone()).with_refresh_grace(std::time::Duration::ZERO)
    });
    let mut shown = Vec::new();
    let password = || Password::new(PASSPHRASE);

    let registration = Registration::new(EMAIL, password()).unwrap();
    shown.push(format!("{registration:?}"));
    world.auth.register(registration).await.unwrap();
    let account = world.auth.accounts().unwrap().page(None, 1).await.unwrap().remove(0);
    let login = Login::new(EMAIL, password());
    shown.push(format!("{login:?} {account:?}"));
    let first = world.auth.login(login).await.unwrap();
    let headers = bearer(&first.access_token);
    let view = RequestView::new("POST", &headers);
    let me = authenticate(&world, &first.access_token).await;
    let id = &me.user().id;
    let session =
        gatewright::store::SessionStore::find(&world.store, id, me.session()).await.unwrap().unwrap();
    let refresh = Refresh::new(first.refresh_token.clone());
    shown.push(format!("{first:?} {refresh:?} {me:?} {view:?} {session:?} {:?}", me.claims()));
    let second = world.auth.refresh(refresh.clone()).await.unwrap();
    let change = PasswordChange::new(password(), Password::new("another secret passphrase")).unwrap();
    shown.push(format!("{change:?} {:?}", second.to_reply()));
    let third = world.auth.change_password(&me, change).await.unwrap();
    shown.push(format!("{third:?}"));

    shown.push(chain(&world.auth.refresh(refresh).await.unwrap_err()));
    let again = Refresh::new(third.refresh_token.clone());
    shown.push(format!("{:?}", world.auth.refresh(again.clone()).await.unwrap()));
    shown.push(chain(&world.auth.refresh(again).await.unwrap_err()));
    shown.push(chain(&world.auth.refresh(Refresh::new(first.access_token.clone())).await.unwrap_err()));
    for (name, word) in
        [(EMAIL, "wrong but secret too"), (PASSPHRASE, "x"), ("nobody.at.all@example.com", PASSPHRASE)]
    {
        shown.push(chain(&world.auth.login(Login::new(name, Password::new(word))).await.unwrap_err()));
    }
    let error = world.auth.authenticate(&view).await.unwrap_err();
    shown.push(format!("{} {:?}", chain(&error), error.reply_for(&view)));
    let keys = ApiKeys::parse(&format!("{KEY}:read")).unwrap();
    shown.push(format!("{keys:?} {}", ApiKeys::parse(&format!("{KEY}, {KEY}")).unwrap_err()));
    let keyed = World::with(memory().await[0].clone(), |builder| {
        builder.with_events(both.clone()).with_api_keys(keys.clone())
    });
    let mut body = BodyCollector::new(&view);
    body.push(format!("username=a&password={PASSPHRASE}").as_bytes());
    shown.push(format!("{body:?}"));
    let known = keyed.auth.require_api_key(&RequestView::new("GET", &Key(KEY)), &Requirement::Authenticated);
    let known = known.unwrap();
    shown.push(format!("{known:?} {:?} {:?}", keyed.auth, Caller::ApiKey(known.clone())));
    let unknown = RequestView::new("GET", &Key("a wrong but secret key"));
    let error = keyed.auth.require_api_key(&unknown, &Requirement::Authenticated).unwrap_err();
    shown.push(format!("{} {:?}", chain(&error), error.reply_for(&unknown)));
    shown.push(format!("{:?}", Jwt::hs256(secret()).issuer("iss").audience("aud")));
    shown.push(format!("{:?} {:?}", gatewright_tests::jwt(), HashingPool::new().unwrap()));
    shown.push(format!(
        "{:?} {:?} {:?}",
        Password::new(PASSPHRASE),
        PasswordHash::new(HASH),
        TokenText::new(first.access_token.expose())
    ));
    let id = TokenId::new("secret-token-id");
    let seed = SessionSeed::from_bytes(*b"thirty-two bytes of secret seed!");
    shown.push(format!("{id:?} {seed:?} {:?}", TokenDigest::of(&id)));
    shown.push(chain(&Jwt::hs256("short but secret").issuer("iss").audience("aud").build().unwrap_err()));
    shown.push(format!("{:?}", world.auth));
    shown.extend(both.0.take());
    shown.push(log.text());

    let mut secrets: Vec<String> = [
        KEY,
        "a wrong but secret key",
        PASSPHRASE,
        "another secret passphrase",
        "wrong but secret too",
        secret(),
        HASH,
        "c2VjcmV0aGFzaA",
        "secret-token-id",
        "thirty-two bytes of secret seed!",
        "short but secret",
        TestHasher::stored(PASSPHRASE).expose(),
        EMAIL,
        "nobody.at.all@example.com",
        &format!("{:?}", session.seed.expose()),
    ]
    .map(str::to_owned)
    .to_vec();
    for pair in [&first, &second, &third] {
        for token in [&pair.access_token, &pair.refresh_token] {
            secrets.push(token.expose().to_owned());
            secrets.push(
                gatewright_testkit::auth_routes::claims(token.expose())["jti"].as_str().unwrap().to_owned(),
            );
        }
    }
    assert_eq!(secrets.len(), 27);
    assert!(shown.len() > 20, "only {} texts were collected", shown.len());
    let logged = shown.last().unwrap();
    let lines = ["LoginRefused", "refresh token used twice", "LoggedIn", "AccessRefused"];
    assert!(lines.iter().all(|line| logged.contains(line)), "{logged}");
    let all = shown.join("\n");
    for secret in secrets {
        assert!(!all.contains(&secret), "{secret} is in\n{all}");
    }
}

#[test]
fn a_builder_shows_its_settings_without_secrets() {
    let builder = Auth::local(gatewright::MemoryStore::new(), gatewright_tests::jwt(), TestHasher::new())
        .with_registration_role(RoleName::new("user").unwrap());
    let text = format!("{builder:?}");
    assert!(text.contains("access_lifetime") && !text.contains(secret()), "{text}");
}
