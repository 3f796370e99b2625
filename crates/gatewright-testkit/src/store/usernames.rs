//! Cases for the user names of an `AccountStore`.

use gatewright_core::store::{CreateOutcome, NewAccount};
use gatewright_core::{Account, LoginName, Username};

use super::accounts::{add, new_account};
use super::users::login;
use super::{Accounts, race};
use crate::repetitions;

fn username(text: &str) -> Username {
    Username::parse(text).unwrap()
}

fn named(id: &str, address: &str, name: &str) -> NewAccount {
    new_account(id, address, "user").with_username(username(name))
}

async fn add_named<S: Accounts>(store: &S, id: &str, address: &str, name: &str) -> Account {
    match store.create(named(id, address, name)).await.unwrap() {
        CreateOutcome::Created(account) => account,
        other => panic!("{other:?}"),
    }
}

/// The id of the account with this login name.
async fn find<S: Accounts>(store: &S, name: &LoginName) -> Option<String> {
    store.find_by_login(name).await.unwrap().map(|account| account.id.as_str().to_owned())
}

/// The case is kept, as in the account with the longest name and key.
pub async fn user_names_round_trip<S: Accounts>([store, other]: [S; 2]) {
    let longest = "\u{23a}".repeat(32);
    for (id, name) in [("u1", "Ada"), ("u2", "\u{c9}va"), ("u3", &longest)] {
        let made = add_named(&store, id, &format!("{id}@example.com"), name).await;
        assert_eq!(made.username, Some(username(name)));
        let found = other.find_by_id(&made.id).await.unwrap().unwrap();
        assert_eq!(found.username, Some(username(name)));
    }
    let nameless = add(&store, "u4", "u4@example.com", "user").await;
    assert_eq!(other.find_by_id(&nameless.id).await.unwrap().unwrap().username, None);
    let page = other.page(None, 10).await.unwrap();
    assert!(page.iter().map(|account| account.username.is_some()).eq([true, true, true, false]));
}

/// A name with an `@` is an address, any other a user name. Accounts without a user name do not match.
pub async fn logins_search_one_column<S: Accounts>([store, other]: [S; 2]) {
    add_named(&store, "u1", "ada@example.com", "Ada").await;
    add(&store, "u2", "eve@example.com", "user").await;
    for name in ["ada", "ADA", "Ada", "\u{ff41}da", "ada@example.com", "ADA@Example.com"] {
        assert_eq!(find(&other, &login(name)).await.as_deref(), Some("u1"), "{name}");
    }
    assert_eq!(find(&other, &login("eve@example.com")).await.as_deref(), Some("u2"));
    for name in ["eve", "\u{e4}da", "ad", "adaa", "%", "_da", "ada@", "@ada", "ada@example", "a da", "u1"] {
        assert_eq!(find(&other, &login(name)).await, None, "{name}");
    }
}

/// Also in another spelling, and whether the address or the id is taken as well. Any number of accounts have no
/// user name.
pub async fn taken_user_name_changes_nothing<S: Accounts>([store, other]: [S; 2]) {
    let first = add_named(&store, "u1", "ada@example.com", "Gro\u{df}e\u{3a3}").await;
    for (id, address, name) in [
        ("u2", "eve@example.com", "Gro\u{df}e\u{3c2}"),
        ("u2", "eve@example.com", "GRO\u{1e9e}E\u{3a3}"),
        ("u2", "ada@example.com", "\u{ff47}ro\u{df}e\u{3c3}"),
        ("u1", "eve@example.com", "gro\u{df}e\u{3c3}"),
        ("u1", "ada@example.com", "gro\u{df}e\u{3c3}"),
    ] {
        let second = other.create(named(id, address, name)).await.unwrap();
        assert!(matches!(second, CreateOutcome::UsernameTaken), "{id} {address} {name}: {second:?}");
    }
    for (id, address) in [("u2", "ada@example.com"), ("u1", "eve@example.com")] {
        let second = other.create(named(id, address, "another")).await.unwrap();
        assert!(matches!(second, CreateOutcome::Taken), "{id} {address}: {second:?}");
    }
    assert_eq!(find(&store, &login("another")).await, None);
    assert_eq!(store.count().await.unwrap().total, 1);
    let found = other.find_by_id(&first.id).await.unwrap().unwrap();
    assert_eq!((found.email, found.username), (first.email, first.username));
    add(&store, "u3", "u3@example.com", "user").await;
    add(&store, "u4", "u4@example.com", "user").await;
}

/// All calls create an account with the same user name and different addresses, on both handles.
pub async fn one_of_many_parallel_creates_with_a_user_name_succeeds<S: Accounts>(stores: [S; 2]) {
    for repetition in 0..repetitions() {
        let created = race(&stores, |store, racer| async move {
            let (id, name) = (format!("r{repetition}-{racer}"), format!("name{repetition}"));
            let outcome = store.create(named(&id, &format!("{id}@example.com"), &name)).await.unwrap();
            let is_verdict = matches!(outcome, CreateOutcome::Created(_) | CreateOutcome::UsernameTaken);
            assert!(is_verdict, "{outcome:?}");
            matches!(outcome, CreateOutcome::Created(_)).then_some(id)
        })
        .await;
        let created: Vec<String> = created.into_iter().flatten().collect();
        assert_eq!(created.len(), 1, "repetition {repetition}");
        let holder = find(&stores[1], &login(&format!("name{repetition}"))).await;
        assert_eq!(holder.as_ref(), created.first(), "repetition {repetition}");
    }
}

/// A new account with another id and address can take the name.
pub async fn deleting_an_account_frees_its_user_name<S: Accounts>([store, other]: [S; 2]) {
    let account = add_named(&store, "u1", "ada@example.com", "Ada").await;
    let _deleted = store.delete(&account.id, None).await.unwrap();
    assert_eq!(find(&other, &login("ada")).await, None);
    add_named(&other, "u2", "eve@example.com", "ADA").await;
    assert_eq!(find(&store, &login("ada")).await.as_deref(), Some("u2"));
}
