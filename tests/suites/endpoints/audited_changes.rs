//! Changes by administrators, and of credentials: an attempt is stored before the change.

use std::collections::BTreeSet;

use gatewright::audit::{AuditOutcome, AuditSettings, AuditStore};
use gatewright::store::AccountStore;
use gatewright::types::SessionId;
use gatewright::{Account, AuthError, MemoryStore, Password, Registration, RoleName};
use gatewright_testkit::{CountingStore, FailingStore, Method};
use gatewright_tests::{PASSWORD, World};

use super::audit::{audited, rows, settings, summary};
use super::{EMAIL, authenticate, new_password};

const NEW_PASSWORD: &str = "a horse that nobody guesses";

fn roles(name: &'static str) -> BTreeSet<RoleName> {
    BTreeSet::from([RoleName::from_static(name)])
}

/// Makes the change with this number, on the user whose session it is. Returns its event. `None` after the last one.
async fn change<S: gatewright_testkit::store::Store>(
    world: &World<S>,
    number: usize,
    (user, session): (&Account, SessionId),
) -> Option<(&'static str, Result<(), gatewright::Error>)> {
    let accounts = world.auth.accounts().unwrap();
    let id = &user.id;
    let new = || Registration::new("new@example.com", Password::new(PASSWORD)).unwrap();
    Some(match number {
        0 => ("AccountCreated", accounts.create(new(), roles("user")).await.map(drop)),
        1 => (
            "AccountCreated",
            accounts.ensure_admin("root@example.com", Password::new(PASSWORD)).await.map(drop),
        ),
        2 => ("AccountChanged", accounts.set_roles(id, &user.roles, roles("editor")).await.map(drop)),
        3 => ("AccountChanged", accounts.set_active(id, false).await.map(drop)),
        4 => ("AccountChanged", accounts.update(id, Some(roles("editor")), None).await.map(drop)),
        5 => ("PasswordSet", accounts.set_password(id, Password::new(NEW_PASSWORD)).await),
        6 => ("SessionEnded", accounts.end_session(id, session).await),
        7 => ("SessionsEnded", accounts.end_sessions(id).await),
        8 => ("AccountUnlocked", accounts.unlock(id).await.map(drop)),
        9 => ("AccountDeleted", accounts.delete(id).await),
        10 => {
            let pair = world.login(EMAIL).await;
            let caller = authenticate(world, &pair.access_token).await;
            ("PasswordChanged", world.auth.change_password(&caller, new_password()).await.map(drop))
        }
        _ => return None,
    })
}

const CHANGES: usize = 11;

/// Stores the rows of logins, so that those of changes come later. While the store is down, they wait.
async fn flushed<S: gatewright_testkit::store::Store>(world: &World<S>) {
    world.auth.audit().unwrap().flush().await.ok();
}

async fn session_of<S: gatewright_testkit::store::Store>(world: &World<S>) -> SessionId {
    let pair = world.login(EMAIL).await;
    let session = authenticate(world, &pair.access_token).await.session();
    flushed(world).await;
    session
}

#[tokio::test]
async fn each_change_leaves_an_attempt_and_its_outcome() {
    for number in 0..CHANGES {
        let world = audited(MemoryStore::new(), settings()).await;
        let user = world.store.page(None, 1).await.unwrap().remove(0);
        let session = session_of(&world).await;
        let (event, outcome) = change(&world, number, (&user, session)).await.unwrap();
        outcome.unwrap_or_else(|error| panic!("{event}: {error:?}"));
        let rows = rows(&world).await;
        let own: Vec<_> = rows.into_iter().filter(|row| row.record.event != "LoggedIn").collect();
        let expected = [format!("{event} attempted"), format!("{event} succeeded")];
        assert_eq!(summary(&own), expected, "{number}");
        let (attempt, outcome) = (&own[0].record, &own[1].record);
        assert_eq!(attempt.subject, outcome.subject, "{number}");
        assert!(attempt.subject.is_some(), "{number}");
        assert_eq!(attempt.actor, outcome.actor, "{number}");
        assert_eq!(attempt.actor.is_none(), event == "PasswordChanged", "{number}");
    }
    let world = audited(MemoryStore::new(), settings()).await;
    let user = world.store.page(None, 1).await.unwrap().remove(0);
    let session = session_of(&world).await;
    assert!(change(&world, CHANGES, (&user, session)).await.is_none(), "all changes were made");
}

/// 503, the accounts and sessions as they were, and rows that say so as soon as the store is up.
#[tokio::test]
async fn without_a_stored_attempt_nothing_is_changed() {
    for number in 0..CHANGES {
        let (store, outage) = FailingStore::new(MemoryStore::new());
        let world = audited(store, settings()).await;
        let user = world.store.page(None, 1).await.unwrap().remove(0);
        let session = session_of(&world).await;
        let before = accounts(&world).await;
        outage.fail_method(Method::AppendRows);
        let (event, outcome) = change(&world, number, (&user, session)).await.unwrap();
        let error = outcome.unwrap_err();
        assert_eq!(error.status(), 503, "{event}: {error:?}");
        assert!(matches!(error.kind(), AuthError::Store(_)), "{event}: {error:?}");
        assert_eq!(accounts(&world).await, before, "{event}");
        let sessions = world.auth.accounts().unwrap().sessions(&user.id).await.unwrap();
        assert!(sessions.sessions.iter().any(|kept| kept.id == session), "{event}");
        outage.recover();
        world.login(EMAIL).await;
        let rows = rows(&world).await;
        let own = rows.iter().filter(|row| row.record.event == event).map(|row| &row.record.outcome);
        assert_eq!(own.collect::<Vec<_>>(), [&AuditOutcome::Attempted, &AuditOutcome::Refused], "{event}");
        assert!(summary(&rows).iter().any(|row| row.contains("nothing was changed")), "{event}");
    }
}

/// What a change of an account changes.
async fn accounts<S: AccountStore<User = Account>>(world: &World<S>) -> Vec<String> {
    let page = world.store.page(None, 100).await.unwrap();
    page.iter()
        .map(|account| {
            let hash = account.password_hash.expose();
            format!(
                "{} {:?} {} {} {hash}",
                account.id,
                account.roles,
                account.is_active,
                account.epoch.as_u64()
            )
        })
        .collect()
}

/// The queue is full of other events when the store comes back.
#[tokio::test]
async fn a_flood_of_refused_logins_refuses_no_change() {
    let (store, outage) = FailingStore::new(MemoryStore::new());
    let world = audited(store, settings().with_queue_rows(10)).await;
    let user = world.store.page(None, 1).await.unwrap().remove(0);
    outage.fail_method(Method::AppendRows);
    for _ in 0..200 {
        world.login(EMAIL).await;
    }
    assert_eq!(world.auth.accounts().unwrap().set_active(&user.id, false).await.unwrap_err().status(), 503);
    outage.recover();
    assert!(!world.auth.accounts().unwrap().set_active(&user.id, false).await.unwrap().is_active);
    let rows = rows(&world).await;
    let own =
        rows.iter().filter(|row| row.record.event == "AccountChanged").map(|row| row.record.outcome.as_str());
    assert_eq!(own.collect::<Vec<_>>(), ["attempted", "refused", "attempted", "succeeded"]);
}

#[tokio::test]
async fn a_refused_change_says_why() {
    let world = audited(MemoryStore::new(), settings()).await;
    let accounts = world.auth.accounts().unwrap();
    let admin = accounts.ensure_admin("root@example.com", Password::new(PASSWORD)).await.unwrap().unwrap();
    assert!(accounts.set_active(&admin.id, false).await.is_err());
    let stale = accounts.set_roles(&admin.id, &roles("user"), roles("editor")).await;
    assert!(stale.is_err());
    let taken = Registration::new(EMAIL, Password::new(PASSWORD)).unwrap();
    let _taken = accounts.create(taken, roles("user")).await.unwrap();
    let rows = rows(&world).await;
    assert_eq!(
        summary(&rows)[2..],
        [
            "AccountChanged attempted",
            "AccountChanged refused the last active holder of the protected role must remain",
            "AccountChanged attempted",
            "AccountChanged refused the resource has changed meanwhile",
            "AccountCreated attempted",
            "AccountCreated refused the resource has changed meanwhile",
        ]
    );
}

#[tokio::test]
async fn a_store_that_fails_during_a_change_leaves_an_unknown_outcome() {
    let (store, outage) = FailingStore::new(MemoryStore::new());
    let world = audited(store, settings()).await;
    let user = world.store.page(None, 1).await.unwrap().remove(0);
    outage.fail_method(Method::UpdateAccount);
    assert!(world.auth.accounts().unwrap().set_active(&user.id, false).await.is_err());
    outage.recover();
    let rows = summary(&rows(&world).await);
    assert_eq!(rows[0], "AccountChanged attempted");
    assert_eq!(
        rows[1],
        "AccountChanged unknown a store failed: the store could not answer: connection refused"
    );
}

/// The client disconnects while the store deletes a session.
#[tokio::test]
async fn a_cancelled_change_leaves_an_unknown_outcome() {
    let (store, watch) = CountingStore::new(MemoryStore::new());
    let world = audited(store, AuditSettings::new()).await;
    let user = world.store.page(None, 1).await.unwrap().remove(0);
    let session = session_of(&world).await;
    watch.pause_next_delete();
    let accounts = world.auth.accounts().unwrap();
    tokio::select! {
        biased;
        _ = accounts.end_session(&user.id, session) => panic!("it was not paused"),
        () = watch.paused() => {}
    }
    assert_eq!(summary(&rows(&world).await)[1..], ["SessionEnded attempted", "SessionEnded unknown"]);
}

/// Another store than that of the accounts: the order is the same.
#[tokio::test]
async fn the_trail_may_be_in_another_store() {
    let trail = MemoryStore::new();
    let world = World::with(MemoryStore::new(), |builder| builder.with_audit(trail.clone(), settings()));
    let user = world.add(EMAIL).await;
    world.auth.accounts().unwrap().set_active(&user.id, false).await.unwrap();
    assert_eq!(summary(&rows(&world).await), ["AccountChanged attempted", "AccountChanged succeeded"]);
    assert!(AuditStore::chains(&world.store).await.unwrap().is_empty());
    assert_eq!(AuditStore::chains(&trail).await.unwrap().len(), 1);
}
