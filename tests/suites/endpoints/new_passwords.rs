//! The rules for new passwords, wherever one is set, and the forms in which a login tries a password.

use std::future::Future;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use gatewright::auth::{AuthBuilder, DEFAULT_HASH_WAIT};
use gatewright::endpoints::{Endpoint, PasswordChange};
use gatewright::error::{LoginError, PolicyError};
use gatewright::http::{Bytes, Headers, RequestView};
use gatewright::password::{BreachedPasswords, BreachedPasswordsError, PasswordPolicyError, PasswordRules};
use gatewright::store::AccountStore;
use gatewright::types::{ClientInfo, ClientNetwork};
use gatewright::{Account, AuthError, Error, Login, MemoryStore, Password, Registration, UserStore};
use gatewright_testkit::{ManualTimer, TestHasher};
use gatewright_tests::{PASSWORD, World};

use super::{EMAIL, NEW_PASSWORD, authenticate, world};

/// A password with an accent and a space of another kind, as one keyboard writes it.
const COMPOSED: &str = "caf\u{e9} au lait, s'il te pla\u{ee}t";
/// The same password, as another keyboard writes it.
const DECOMPOSED: &str = "cafe\u{301}\u{a0}au lait, s'il te plai\u{302}t";

/// A list that answers as the test says.
enum List {
    Knows(&'static str),
    Fails,
    Hangs,
    /// Notes the network of each call.
    OfNetworks(Arc<Mutex<Vec<Option<ClientNetwork>>>>),
}

#[async_trait]
impl BreachedPasswords for List {
    async fn contains(
        &self,
        password: &Password,
        network: Option<ClientNetwork>,
    ) -> Result<bool, BreachedPasswordsError> {
        match self {
            Self::OfNetworks(seen) => {
                seen.lock().unwrap().push(network);
                Ok(false)
            }
            Self::Knows(known) => Ok(password.expose() == *known),
            Self::Fails => Err(BreachedPasswordsError::failed("the disk is gone")),
            Self::Hangs => std::future::pending().await,
        }
    }
}

fn with_list(list: List) -> World<MemoryStore> {
    let rules = PasswordRules::new().with_breached_passwords(list);
    World::with(MemoryStore::new(), |builder| builder.with_password_rules(rules))
}

fn reason(error: &Error) -> PasswordPolicyError {
    match error.kind() {
        AuthError::Policy(PolicyError::Password(reason)) => *reason,
        other => panic!("{other:?}"),
    }
}

fn registration(email: &str, password: &str) -> Registration {
    Registration::new(email, Password::new(password)).unwrap()
}

async fn logs_in(world: &World<MemoryStore>, password: &str) -> Result<(), AuthError> {
    let login = world.auth.login(Login::new(EMAIL, Password::new(password))).await;
    login.map(drop).map_err(AuthError::from)
}

/// Registration, creation by an administrator, the first administrator, a password that is set, one that is changed,
/// and the check for applications.
#[tokio::test]
async fn the_rules_apply_wherever_a_password_is_set() {
    let world = World::with(MemoryStore::new(), |builder| {
        let rules = PasswordRules::new().with_words(["Analytical Engine"]);
        builder.with_password_rules(rules).with_realm("Difference Engine").with_usernames()
    });
    let user = world.add(EMAIL).await;
    let me = authenticate(&world, &world.login(EMAIL).await.access_token).await;
    let accounts = world.auth.accounts().unwrap();
    let hashes = world.hasher.calls();
    for (password, expected) in [
        ("teal otters", PasswordPolicyError::TooShort { minimum: 15 }),
        ("PassWord12345678", PasswordPolicyError::Common),
        ("otter-otter-otter", PasswordPolicyError::Repetitive),
        ("analytical-engine", PasswordPolicyError::ContainsContext),
        ("difference engine!", PasswordPolicyError::ContainsContext),
        ("ada@example.com", PasswordPolicyError::ContainsContext),
    ] {
        let new = || Password::new(password);
        let change = PasswordChange::new(Password::new(PASSWORD), new()).unwrap();
        let mut refused = vec![
            world.auth.register(registration(EMAIL, password)).await.unwrap_err(),
            accounts.create(registration(EMAIL, password), user.roles.clone()).await.unwrap_err(),
            accounts.ensure_admin(EMAIL, new()).await.unwrap_err(),
            accounts.set_password(&user.id, new()).await.unwrap_err(),
            world.auth.check_password(&new(), &[EMAIL]).await.unwrap_err(),
        ];
        assert!(refused.iter().all(|error| reason(error) == expected), "{password}: {refused:?}");
        refused.push(world.auth.change_password(&me, change).await.unwrap_err());
        for error in refused {
            let reply = error.reply();
            let body = String::from_utf8(reply.body.to_vec()).unwrap();
            assert_eq!(reply.status, 422, "{body}");
            assert!(!body.contains(password) && !format!("{error:?} {error}").contains(password), "{body}");
        }
    }
    let named = registration("eve@example.com", "countess, countess!").with_username("Countess").unwrap();
    assert_eq!(reason(&world.auth.register(named).await.unwrap_err()), PasswordPolicyError::ContainsContext);
    assert_eq!(world.hasher.calls(), hashes, "no hash is computed");
    let events = world.events.take();
    let refusals = events.iter().filter(|event| event.starts_with("ChangeRefused")).count();
    assert_eq!((refusals, events.len()), (6 * 6, 6 * 6 + 1), "{events:?}");
    assert!(!events.concat().contains("otter"), "{events:?}");
    assert_eq!(accounts.count().await.unwrap().total, 1);
}

/// Rules may become stricter. A user with an older password still logs in, and can change it.
#[tokio::test]
async fn a_login_does_not_judge_the_password() {
    let world = World::new(MemoryStore::new());
    world.add_with_hash(EMAIL, TestHasher::stored("password")).await;
    let pair = world.auth.login(Login::new(EMAIL, Password::new("password"))).await.unwrap();
    let me = authenticate(&world, &pair.access_token).await;
    let change = PasswordChange::new(Password::new("password"), Password::new(NEW_PASSWORD)).unwrap();
    world.auth.change_password(&me, change).await.unwrap();
    logs_in(&world, NEW_PASSWORD).await.unwrap();
}

#[tokio::test]
async fn a_shorter_minimum_is_dangerous_and_named_in_the_answer() {
    let rules = PasswordRules::new().dangerous().with_min_code_points(12);
    let world = World::with(MemoryStore::new(), |builder| builder.with_password_rules(rules));
    world.auth.register(registration(EMAIL, "teal otter 4")).await.unwrap();
    let short = world.auth.register(registration("eve@example.com", "teal otter4")).await.unwrap_err();
    let body = String::from_utf8(short.reply().body.to_vec()).unwrap();
    assert!(body.contains("Password must have at least 12 characters"), "{body}");
}

#[tokio::test]
async fn a_breached_password_is_refused() {
    let world = with_list(List::Knows(COMPOSED));
    for form in [COMPOSED, DECOMPOSED] {
        let refused = world.auth.register(registration(EMAIL, form)).await.unwrap_err();
        assert_eq!(reason(&refused), PasswordPolicyError::Breached);
    }
    world.auth.register(registration(EMAIL, PASSWORD)).await.unwrap();
}

/// A list shares its places between networks, so it has to know that of each client.
#[tokio::test]
async fn a_list_learns_the_network_of_the_client() {
    let seen = Arc::default();
    let world = with_list(List::OfNetworks(Arc::clone(&seen)));
    let address = |text: &str| -> IpAddr { text.parse().unwrap() };
    let client = |text| ClientInfo::new(Some(address(text)), None);
    let registered = registration(EMAIL, PASSWORD).with_client(client("192.0.2.1"));
    world.auth.register(registered).await.unwrap();
    let me = authenticate(&world, &world.login(EMAIL).await.access_token).await;
    let change = PasswordChange::new(Password::new(PASSWORD), Password::new(NEW_PASSWORD)).unwrap();
    world.auth.change_password(&me, change.with_client(client("192.0.2.2"))).await.unwrap();
    let view = RequestView::new("POST", &Json).with_peer(Some(address("192.0.2.3")));
    world.auth.for_request(&view).check_password(&Password::new(PASSWORD), &[]).await.unwrap();
    world.auth.check_password(&Password::new(PASSWORD), &[]).await.unwrap();
    let network = |text| Some(ClientNetwork::of(address(text)));
    let expected = [network("192.0.2.1"), network("192.0.2.2"), network("192.0.2.3"), None];
    assert_eq!(*seen.lock().unwrap(), expected);
}

/// A list without an answer must not admit a password.
#[tokio::test]
async fn a_list_that_fails_is_unavailable_and_nothing_is_set() {
    let world = with_list(List::Fails);
    let failed = world.auth.register(registration(EMAIL, PASSWORD)).await.unwrap_err();
    assert!(matches!(failed.kind(), AuthError::BreachedPasswords(BreachedPasswordsError::Failed { .. })));
    assert_eq!((failed.reply().status, world.hasher.calls()), (503, 0));
    assert!(world.events.take().iter().any(|event| event.starts_with("Failed")));
    assert_eq!(world.auth.accounts().unwrap().count().await.unwrap().total, 0);
}

#[tokio::test]
async fn a_list_that_hangs_is_given_up_after_the_time_that_a_password_may_wait() {
    let timer = ManualTimer::new();
    let rules = PasswordRules::new().with_breached_passwords(List::Hangs);
    let world = World::with(MemoryStore::new(), |builder| {
        builder.with_password_rules(rules).with_timer(timer.clone())
    });
    let mut call = pin!(world.auth.register(registration(EMAIL, PASSWORD)));
    let mut poll = || call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(poll().is_pending());
    timer.advance(DEFAULT_HASH_WAIT - Duration::from_nanos(1));
    assert!(poll().is_pending());
    timer.advance(Duration::from_nanos(1));
    let Poll::Ready(Err(busy)) = poll() else { panic!("the call still waits") };
    assert!(matches!(busy.kind(), AuthError::BreachedPasswords(BreachedPasswordsError::Busy { .. })));
    assert_eq!((busy.reply().status, world.hasher.calls()), (503, 0));
    assert!(world.events.take().iter().any(|event| event.starts_with("Overloaded")));
}

#[tokio::test]
async fn every_form_of_a_password_logs_in() {
    let world = World::new(MemoryStore::new());
    world.auth.register(registration(EMAIL, DECOMPOSED)).await.unwrap();
    let account = world.store.page(None, 1).await.unwrap().remove(0);
    assert_eq!(account.password_hash.expose(), TestHasher::stored(COMPOSED).expose());
    for form in [COMPOSED, DECOMPOSED] {
        let calls = world.hasher.calls();
        logs_in(&world, form).await.unwrap();
        assert_eq!(world.hasher.calls() - calls, 1, "the normal form is tried first");
    }
    let me = authenticate(
        &world,
        &world.auth.login(Login::new(EMAIL, Password::new(COMPOSED))).await.unwrap().access_token,
    )
    .await;
    let change = PasswordChange::new(Password::new(DECOMPOSED), Password::new(DECOMPOSED)).unwrap();
    world.auth.change_password(&me, change).await.unwrap();
    logs_in(&world, COMPOSED).await.unwrap();
}

/// Another system hashed the password as it was typed.
#[tokio::test]
async fn an_imported_hash_of_the_typed_form_logs_in_and_is_replaced() {
    let world = World::new(MemoryStore::new());
    let account = world.add_with_hash(EMAIL, TestHasher::stored(DECOMPOSED)).await;
    assert!(matches!(logs_in(&world, COMPOSED).await, Err(AuthError::Login(LoginError::WrongPassword))));
    let calls = world.hasher.calls();
    logs_in(&world, DECOMPOSED).await.unwrap();
    assert_eq!(world.hasher.calls() - calls, 3, "two forms, and the new hash");
    assert!(world.events.take().iter().any(|event| event.starts_with("HashUpgraded")));
    let after = world.store.find_by_id(&account.id).await.unwrap().unwrap();
    assert_eq!(after.password_hash.expose(), TestHasher::stored(COMPOSED).expose());
    for form in [COMPOSED, DECOMPOSED] {
        logs_in(&world, form).await.unwrap();
    }
}

#[tokio::test]
async fn a_password_change_accepts_the_typed_form_of_an_imported_hash() {
    let world = World::new(MemoryStore::new());
    world.add(EMAIL).await;
    let me = authenticate(&world, &world.login(EMAIL).await.access_token).await;
    let account = world.store.page(None, 1).await.unwrap().remove(0);
    let imported = TestHasher::stored(DECOMPOSED);
    let _swapped =
        world.store.replace_password_hash(&account.id, &account.password_hash, &imported).await.unwrap();
    let change =
        |current: &str| PasswordChange::new(Password::new(current), Password::new(NEW_PASSWORD)).unwrap();
    let wrong = world.auth.change_password(&me, change(COMPOSED)).await.unwrap_err();
    assert!(matches!(wrong.kind(), AuthError::IncorrectPassword { .. }), "{wrong:?}");
    world.auth.change_password(&me, change(DECOMPOSED)).await.unwrap();
    logs_in(&world, NEW_PASSWORD).await.unwrap();
}

/// The number of hashes depends on the text that was sent, and not on the account.
#[tokio::test]
async fn a_refused_login_costs_as_many_hashes_whichever_account() {
    let world = world().await;
    let disabled = world.add_with_hash("disabled@example.com", TestHasher::stored(COMPOSED)).await;
    world.auth.accounts().unwrap().set_active(&disabled.id, false).await.unwrap();
    let imported = world.add_with_hash("imported@example.com", TestHasher::stored(DECOMPOSED)).await;
    world.auth.accounts().unwrap().set_active(&imported.id, false).await.unwrap();
    let accounts = [EMAIL, "nobody@example.com", " \0 ", "disabled@example.com", "imported@example.com"];
    let long = DECOMPOSED.repeat(40);
    for (password, hashes) in [("wrong", 1), (COMPOSED, 1), (DECOMPOSED, 2), (long.as_str(), 1)] {
        for account in accounts {
            let before = world.hasher.calls();
            let refused = world.auth.login(Login::new(account, Password::new(password))).await;
            assert!(refused.is_err(), "{account:?}");
            assert_eq!(world.hasher.calls() - before, hashes, "{account:?} {password:?}");
        }
    }
}

struct Json;

impl Headers for Json {
    fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        if name == "content-type" {
            see(b"application/json");
        }
    }
}

/// A refusal does not depend on whether the address is taken, so it may come at once.
#[tokio::test]
async fn a_refused_password_does_not_show_whether_the_address_is_taken() {
    let world = world().await;
    let mut replies = Vec::new();
    for email in [EMAIL, "new@example.com"] {
        let body = format!(r#"{{"email":"{email}","password":"password12345678"}}"#);
        let view = RequestView::new("POST", &Json);
        let reply = world.auth.handle(Endpoint::Register, &view, Ok(Bytes::from(body))).await;
        replies.push((reply.status, reply.body));
    }
    assert_eq!((replies[0].0, &replies[0]), (422, &replies[1]));
    let events = world.events.take();
    assert!(events.len() == 2 && events[0] == events[1] && events[0].contains("Common"), "{events:?}");
}

fn built(change: impl FnOnce(AuthBuilder<Account>) -> AuthBuilder<Account>) -> String {
    let builder = gatewright::Auth::local(MemoryStore::new(), gatewright_tests::jwt(), TestHasher::new());
    change(builder).build().map_or_else(|error| error.to_string(), |_| "built".to_owned())
}

#[test]
fn a_minimum_out_of_bounds_is_refused_by_name() {
    let minimum =
        |minimum| built(|b| b.with_password_rules(PasswordRules::new().with_min_code_points(minimum)));
    let dangerous = |minimum| {
        built(|b| b.with_password_rules(PasswordRules::new().dangerous().with_min_code_points(minimum)))
    };
    assert_eq!([minimum(15), minimum(64), dangerous(8), dangerous(64)], ["built"; 4]);
    for (refused, found) in [(minimum(14), 14), (minimum(65), 65), (dangerous(7), 7), (dangerous(65), 65)] {
        assert!(refused.starts_with("min_code_points: must be 15 to 64, is "), "{refused}");
        assert!(refused.contains(&format!("is {found};")), "{refused}");
    }
}
