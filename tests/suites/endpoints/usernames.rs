//! User names: registration with and without them, and logins with either name.

use gatewright::error::{FieldProblem, LoginError, PolicyError, RequestError};
use gatewright::store::CreateOutcome;
use gatewright::types::InvalidUsername;
use gatewright::{AuthError, Login, MemoryStore, Password, Registration, RoleName, UserStore};
use gatewright_testkit::store::Store;
use gatewright_tests::{PASSWORD, World, sqlite};

const EMAIL: &str = "ada@example.com";

fn registration(email: &str, username: Option<&str>) -> Registration {
    let new = Registration::new(email, Password::new(PASSWORD)).unwrap();
    match username {
        Some(username) => new.with_username(username).unwrap(),
        None => new,
    }
}

fn with_usernames<S: Store>(store: S) -> World<S> {
    World::with(store, gatewright::auth::AuthBuilder::with_usernames)
}

async fn accounts<S: Store>(world: &World<S>) -> u64 {
    world.store.count().await.unwrap().total
}

/// The user name in any case; a text with an `@` is an address.
async fn users_log_in_with_either_name<S: Store>(store: S) {
    let world = with_usernames(store);
    world.auth.register(registration(EMAIL, Some("Ada"))).await.unwrap();
    world.auth.register(registration("eve@example.com", None)).await.unwrap();
    for name in ["Ada", "ada", " ADA ", EMAIL, "ADA@example.com"] {
        world.login(name).await;
    }
    for name in ["eve", "ada@", "ada@example"] {
        let refused = world.auth.login(Login::new(name, Password::new(PASSWORD))).await.unwrap_err();
        assert!(matches!(refused.kind(), AuthError::Login(LoginError::UserUnknown)), "{name}: {refused:?}");
    }
}

#[tokio::test]
async fn users_log_in_with_either_name_in_memory() {
    users_log_in_with_either_name(MemoryStore::new()).await;
}

#[tokio::test]
async fn users_log_in_with_either_name_in_sqlite() {
    users_log_in_with_either_name(sqlite().await[0].clone()).await;
}

/// Without a hash and with the same event, whether the address is taken or not.
#[tokio::test]
async fn a_taken_user_name_is_an_error() {
    let world = with_usernames(MemoryStore::new());
    world.auth.register(registration(EMAIL, Some("Ada"))).await.unwrap();
    let _ = world.events.take();
    let calls = world.hasher.calls();
    for email in [EMAIL, "eve@example.com"] {
        let refused = world.auth.register(registration(email, Some("ADA"))).await.unwrap_err();
        assert!(matches!(refused.kind(), AuthError::Policy(PolicyError::UsernameTaken)), "{refused:?}");
        assert_eq!(refused.reply().status, 422);
    }
    assert_eq!(world.hasher.calls(), calls);
    assert_eq!(world.events.take(), ["ChangeRefused { cause: Policy(UsernameTaken) }"; 2]);
    assert_eq!(accounts(&world).await, 1);
}

/// Administrators get the verdict of the store.
#[tokio::test]
async fn administrators_learn_that_a_user_name_is_taken() {
    let world = with_usernames(MemoryStore::new());
    let accounts = world.auth.accounts().unwrap();
    let user = RoleName::new("user").unwrap();
    let created = accounts.create(registration(EMAIL, Some("Ada")), [user.clone()]).await.unwrap();
    let CreateOutcome::Created(account) = created else { panic!("{created:?}") };
    assert_eq!(account.username.unwrap().as_str(), "Ada");
    let taken = accounts.create(registration("eve@example.com", Some("ada")), [user]).await.unwrap();
    assert!(matches!(taken, CreateOutcome::UsernameTaken), "{taken:?}");
}

/// The account has the first name only: an address belongs to one account.
#[tokio::test]
async fn a_new_user_name_with_a_taken_address_creates_nothing() {
    let world = with_usernames(MemoryStore::new());
    world.auth.register(registration(EMAIL, Some("Ada"))).await.unwrap();
    let _ = world.events.take();
    world.auth.register(registration(EMAIL, Some("Countess"))).await.unwrap();
    assert!(world.events.take().iter().any(|event| event.starts_with("RegistrationRepeated")));
    let countess = gatewright::LoginName::parse("Countess").unwrap();
    assert!(world.store.find_by_login(&countess).await.unwrap().is_none());
    assert_eq!(accounts(&world).await, 1);
}

/// The application does not call `with_usernames`: 500, and no account is created.
#[tokio::test]
async fn user_names_without_the_setting_are_misconfigured() {
    let world = World::new(MemoryStore::new());
    let refused = world.auth.register(registration(EMAIL, Some("Ada"))).await.unwrap_err();
    assert!(matches!(refused.kind(), AuthError::Misconfigured { .. }), "{refused:?}");
    assert!(refused.to_string().contains("with_usernames"), "{refused}");
    assert_eq!(accounts(&world).await, 0);
}

/// For registrations and for accounts that administrators create. Logins with such a name stay what they are.
#[tokio::test]
async fn user_names_of_several_scripts_can_be_refused() {
    let mixed = "ad\u{430}";
    let lenient = with_usernames(MemoryStore::new());
    lenient.auth.register(registration(EMAIL, Some(mixed))).await.unwrap();
    let strict =
        World::with(lenient.store.clone(), |builder| builder.with_usernames().with_single_script_usernames());
    strict.login(mixed).await;
    let calls = strict.hasher.calls();
    let user = RoleName::new("user").unwrap();
    let new = || registration("eve@example.com", Some(mixed));
    for refused in [
        strict.auth.register(new()).await.unwrap_err(),
        strict.auth.accounts().unwrap().create(new(), [user]).await.unwrap_err(),
    ] {
        let AuthError::Policy(PolicyError::Username(reason)) = refused.kind() else { panic!("{refused:?}") };
        assert_eq!(*reason, InvalidUsername::MixedScripts);
        let reply = refused.reply();
        let body = br#"{"detail":"Invalid user name","error":"invalid_username","field":"username"}"#;
        assert_eq!((reply.status, &*reply.body), (422, body.as_slice()));
    }
    assert_eq!(strict.hasher.calls(), calls, "before any hash");
    for (number, name) in
        ["\u{430}\u{434}\u{430}", "Ada_1815", "\u{5c71}\u{7530}\u{306e}"].into_iter().enumerate()
    {
        strict.auth.register(registration(&format!("{number}@example.com"), Some(name))).await.unwrap();
    }
    assert_eq!(accounts(&strict).await, 4);
}

#[tokio::test]
async fn a_required_user_name_must_not_be_missing() {
    let world = World::with(MemoryStore::new(), gatewright::auth::AuthBuilder::with_required_usernames);
    let refused = world.auth.register(registration(EMAIL, None)).await.unwrap_err();
    let missing = RequestError::Field { name: "username", problem: FieldProblem::Missing };
    assert!(matches!(refused.kind(), AuthError::Request(cause) if *cause == missing), "{refused:?}");
    assert_eq!(accounts(&world).await, 0);
    world.auth.register(registration(EMAIL, Some("Ada"))).await.unwrap();
    world.login("ada").await;
}
