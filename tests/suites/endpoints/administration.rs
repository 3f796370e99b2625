//! Changes of accounts by administrators and by the application.

use std::collections::BTreeSet;

use gatewright::error::PolicyError;
use gatewright::password::PasswordPolicyError;
use gatewright::store::{AccountStore, AccountView, CreateOutcome};
use gatewright::types::RoleChange;
use gatewright::{AuthError, AuthUser, Login, MemoryStore, Password, Registration, RoleName, UserId};
use gatewright_tests::{PASSWORD, World};

use super::{EMAIL, NEW_PASSWORD, authenticate, world};

gatewright::roles! { enum Role: role { User = "user", Editor = "editor", Admin = "admin" } }

const ADMIN: &str = "admin@example.com";

fn roles(names: &[&'static str]) -> BTreeSet<RoleName> {
    names.iter().copied().map(RoleName::from_static).collect()
}

fn is_last_holder(error: &AuthError) -> bool {
    matches!(error, AuthError::LastHolder { .. })
}

/// Logs in, and says whether it was accepted.
async fn logs_in(world: &World<MemoryStore>, email: &str, password: &str) -> bool {
    world.auth.login(Login::new(email, Password::new(password))).await.is_ok()
}

/// Both administrators have read the user's roles. The second change would undo the first one.
#[tokio::test]
async fn two_administrators_do_not_overwrite_each_others_roles() {
    let world = world().await;
    let accounts = world.auth.accounts().unwrap();
    let seen = world.store.page(None, 1).await.unwrap().remove(0);
    let first = accounts.set_roles(&seen.id, &seen.roles, [RoleName::from_static("editor")]).await;
    assert_eq!(first.unwrap().roles, roles(&["editor"]));
    let second = accounts.set_roles(&seen.id, &seen.roles, roles(&["user", "auditor"])).await.unwrap_err();
    assert!(matches!(second.kind(), AuthError::Conflict { .. }), "{second:?}");
    let reply = world.auth.reply_to(second.kind());
    assert_eq!((reply.status, &*reply.body), (409, br#"{"detail":"Conflict"}"#.as_slice()));
    let now = accounts.find(&seen.id).await.unwrap();
    assert_eq!(now.roles, roles(&["editor"]));
    let third = accounts.set_roles(&seen.id, &now.roles, roles(&["editor", "auditor"])).await;
    assert_eq!(third.unwrap().roles, roles(&["auditor", "editor"]));
}

#[tokio::test]
async fn set_roles_applies_at_once_and_ends_sessions_only_if_the_policy_says_so() {
    for (policy, status) in [(RoleChange::KeepSessions, 200), (RoleChange::EndSessions, 401)] {
        let world = World::with(MemoryStore::new(), |builder| builder.with_role_change(policy));
        let user = world.add(EMAIL).await;
        let pair = world.login(EMAIL).await;
        let accounts = world.auth.accounts().unwrap();
        accounts.set_roles(&user.id, &user.roles, user.roles.clone()).await.unwrap();
        assert_eq!(world.status(&pair.access_token).await, 200, "the roles are the same");
        accounts.set_roles(&user.id, &user.roles, roles(&["editor", "user"])).await.unwrap();
        assert_eq!(world.status(&pair.access_token).await, status, "{policy:?}");
        if status == 200 {
            let caller = authenticate(&world, &pair.access_token).await;
            assert!(caller.user().roles().eq(["editor", "user"]));
        }
    }
}

#[tokio::test]
async fn the_last_administrator_keeps_role_and_activity() {
    let world = world().await;
    let accounts = world.auth.accounts().unwrap();
    let admin = accounts.ensure_admin(ADMIN, Password::new(PASSWORD)).await.unwrap().unwrap();
    for new in [roles(&["user"]), roles(&[])] {
        let refused = accounts.set_roles(&admin.id, &admin.roles, new).await.unwrap_err();
        assert!(is_last_holder(refused.kind()), "{refused:?}");
    }
    assert!(is_last_holder(accounts.set_active(&admin.id, false).await.unwrap_err().kind()));
    let more = accounts.set_roles(&admin.id, &admin.roles, roles(&["admin", "user"])).await.unwrap();
    assert_eq!(more.roles, roles(&["admin", "user"]));
    assert!(is_last_holder(accounts.delete(&admin.id).await.unwrap_err().kind()));
}

/// The present password is not needed, and the user stays enabled or disabled.
#[tokio::test]
async fn a_set_password_replaces_the_present_one_and_ends_all_sessions() {
    let world = world().await;
    let accounts = world.auth.accounts().unwrap();
    let pairs = [world.login(EMAIL).await, world.login(EMAIL).await];
    let user = authenticate(&world, &pairs[0].access_token).await.user().id();
    let _ = world.events.take();

    accounts.set_password(&user, Password::new(NEW_PASSWORD)).await.unwrap();
    assert_eq!(world.events.take(), [format!("PasswordSet {{ user: {user:?}, actor: System }}")]);
    for pair in &pairs {
        assert_eq!(world.status(&pair.access_token).await, 401);
        assert!(world.refresh(&pair.refresh_token).await.is_err());
    }
    assert_eq!(accounts.sessions(&user).await.unwrap().sessions.len(), 0);
    assert!(!logs_in(&world, EMAIL, PASSWORD).await && logs_in(&world, EMAIL, NEW_PASSWORD).await);

    accounts.set_active(&user, false).await.unwrap();
    accounts.set_password(&user, Password::new(PASSWORD)).await.unwrap();
    assert!(!logs_in(&world, EMAIL, PASSWORD).await, "the account is still disabled");
    accounts.set_active(&user, true).await.unwrap();
    assert!(logs_in(&world, EMAIL, PASSWORD).await);
}

#[tokio::test]
async fn a_refused_password_or_an_unknown_user_changes_nothing() {
    let world = world().await;
    let accounts = world.auth.accounts().unwrap();
    let user = world.store.page(None, 1).await.unwrap().remove(0);
    let (pair, hashes) = (world.login(EMAIL).await, world.hasher.calls());
    let short = accounts.set_password(&user.id, Password::new("short")).await.unwrap_err();
    let expected = PolicyError::Password(PasswordPolicyError::TooShort { minimum: 15 });
    assert!(matches!(short.kind(), AuthError::Policy(cause) if *cause == expected), "{short:?}");
    assert_eq!(world.hasher.calls(), hashes, "no hash is computed");
    let unknown = accounts.set_password(&UserId::new("42").unwrap(), Password::new(NEW_PASSWORD)).await;
    assert!(matches!(unknown.unwrap_err().kind(), AuthError::NotFound { .. }));
    assert_eq!(world.status(&pair.access_token).await, 200);
    assert!(logs_in(&world, EMAIL, PASSWORD).await);
}

#[tokio::test]
async fn the_first_administrator_is_created_once() {
    let world = world().await;
    let accounts = world.auth.accounts().unwrap();
    assert!(!accounts.has_admin().await.unwrap());
    let _ = world.events.take();
    let admin = accounts.ensure_admin(ADMIN, Password::new(PASSWORD)).await.unwrap().unwrap();
    assert_eq!((admin.email.as_str(), &admin.roles), (ADMIN, &roles(&["admin"])));
    assert_eq!(world.events.take(), [format!("AccountCreated {{ user: {:?}, actor: System }}", admin.id)]);
    assert!(accounts.has_admin().await.unwrap());

    let hashes = world.hasher.calls();
    for email in [ADMIN, EMAIL, "other@example.com", "not an address"] {
        assert!(accounts.ensure_admin(email, Password::new(NEW_PASSWORD)).await.unwrap().is_none());
    }
    assert_eq!((world.hasher.calls(), world.events.take()), (hashes, Vec::new()), "nothing was done");
    assert!(logs_in(&world, ADMIN, PASSWORD).await && !logs_in(&world, ADMIN, NEW_PASSWORD).await);
}

/// It gives no role, enables no account and sets no password.
#[tokio::test]
async fn a_taken_address_never_becomes_an_administrators() {
    let world = world().await;
    let accounts = world.auth.accounts().unwrap();
    let former = accounts.ensure_admin(ADMIN, Password::new(PASSWORD)).await.unwrap().unwrap();
    // Without the protection, as a change in the store itself.
    let mut disable = gatewright::store::AccountChange::default();
    disable.is_active = Some(false);
    let _ = world.store.update(&former.id, &disable, None).await.unwrap();
    for email in [EMAIL, ADMIN] {
        let taken = accounts.ensure_admin(email, Password::new(NEW_PASSWORD)).await.unwrap_err();
        assert!(matches!(taken.kind(), AuthError::EmailTaken { .. }), "{taken:?}");
        let account = world.store.find_by_email(&gatewright::Email::parse(email).unwrap()).await;
        let account = account.unwrap().unwrap();
        let is_former = account.id == former.id;
        assert_eq!((account.is_active, account.roles.contains("admin")), (!is_former, is_former));
        assert!(!logs_in(&world, email, NEW_PASSWORD).await);
    }
    assert!(!accounts.has_admin().await.unwrap());
    assert!(accounts.ensure_admin("new@example.com", Password::new(PASSWORD)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_first_administrator_needs_a_protected_role_and_valid_values() {
    let world = world().await;
    let accounts = world.auth.accounts().unwrap();
    let address = accounts.ensure_admin("nobody", Password::new(PASSWORD)).await.unwrap_err();
    assert!(matches!(address.kind(), AuthError::Policy(PolicyError::Email(_))), "{address:?}");
    let password = accounts.ensure_admin(ADMIN, Password::new("short")).await.unwrap_err();
    assert!(matches!(password.kind(), AuthError::Policy(PolicyError::Password(_))), "{password:?}");
    assert_eq!(accounts.count().await.unwrap().total, 1);

    let auth = gatewright::Auth::local(MemoryStore::new(), gatewright_tests::jwt(), world.hasher.clone());
    let without = auth.build().unwrap();
    let missing = without.accounts().unwrap().ensure_admin(ADMIN, Password::new(PASSWORD)).await.unwrap_err();
    assert!(matches!(
        missing.kind(),
        AuthError::Misconfigured { missing: "call with_protected_role on the builder", .. }
    ));
    assert!(without.accounts().unwrap().has_admin().await.is_err());
}

/// Without `by`, the actor is the application.
#[tokio::test]
async fn events_name_the_actor() {
    let world = world().await;
    let plain = world.auth.accounts().unwrap();
    plain.ensure_admin(ADMIN, Password::new(PASSWORD)).await.unwrap();
    let admin = authenticate(&world, &world.login(ADMIN).await.access_token).await;
    let session = authenticate(&world, &world.login(EMAIL).await.access_token).await;
    let user = session.user().id();
    for (accounts, actor) in [
        (world.auth.accounts().unwrap().by(&admin), format!("User({:?})", admin.user().id())),
        (plain, "System".to_owned()),
    ] {
        let _ = world.events.take();
        accounts.set_active(&user, true).await.unwrap();
        accounts.update(&user, Some(roles(&["user"])), None).await.unwrap();
        accounts.end_session(&user, session.session()).await.unwrap_or(());
        accounts.end_sessions(&user).await.unwrap();
        accounts.set_password(&user, Password::new(PASSWORD)).await.unwrap();
        let new = Registration::new("new@example.com", Password::new(PASSWORD)).unwrap();
        let CreateOutcome::Created(new) = accounts.create(new, roles(&["user"])).await.unwrap() else {
            panic!("the address is free")
        };
        accounts.delete(&new.id).await.unwrap();
        let events = world.events.take();
        let named = events.iter().filter(|event| event.contains(&format!("actor: {actor}"))).count();
        assert_eq!(named, events.len(), "{events:?}");
        assert!(named >= 6, "{events:?}");
    }
}

#[tokio::test]
async fn the_view_of_an_account_contains_neither_hash_nor_epoch() {
    let world = world().await;
    let account = world.store.page(None, 1).await.unwrap().remove(0);
    let view: AccountView<'_> = account.view();
    let json = serde_json::to_value(view).unwrap();
    let expected = serde_json::json!({
        "id": account.id.as_str(), "email": EMAIL, "roles": ["user"], "is_active": true,
        "created_at": account.created_at.as_seconds(),
    });
    assert_eq!(json, expected);
    assert!(!format!("{view:?}").contains(EMAIL), "an address is not in logs");
}

/// As the keys of addresses: without spaces around, in one case and one Unicode form, the domain in its ASCII form.
#[tokio::test]
async fn search_ignores_case_and_unicode_form() {
    let world = world().await;
    world.add("\u{c9}va@Example.com").await;
    world.add("zo\u{eb}@B\u{fc}cher.test").await;
    let accounts = world.auth.accounts().unwrap();
    let count = async |text: &str| accounts.search(text, None, 10).await.unwrap().len();
    for (text, found) in [("ADA", 1), (" ada@\n", 1), ("E\u{301}VA", 1), ("example", 2), ("", 3), ("%", 0)] {
        assert_eq!(count(text).await, found, "{text:?}");
    }
    for text in ["ZO\u{cb}@b\u{fc}cher.test", "@xn--bcher-kva.test", "@B\u{fc}cher.TEST", "bcher-kva"] {
        assert_eq!(count(text).await, 1, "{text:?}");
    }
    for text in ["a\0", "a\u{7f}", &"a".repeat(255), &"\u{130}".repeat(127)] {
        assert_eq!(count(text).await, 0, "{text:?}");
    }
}

#[tokio::test]
async fn accounts_get_only_roles_of_the_application() {
    let world = World::with(MemoryStore::new(), |builder| builder.with_roles::<Role>());
    let user = world.add(EMAIL).await;
    let accounts = world.auth.accounts().unwrap();
    let unknown = || roles(&["root", "user"]);
    let changes = [
        accounts.set_roles(&user.id, &user.roles, unknown()).await,
        accounts.update(&user.id, Some(unknown()), None).await,
    ];
    for refused in changes.map(Result::unwrap_err) {
        assert!(matches!(refused.kind(), AuthError::Policy(PolicyError::Role(_))), "{refused:?}");
        let reply = world.auth.reply_to(refused.kind());
        assert_eq!(
            (reply.status, &*reply.body),
            (422, br#"{"detail":"Unknown role","error":"unknown_role","field":"roles"}"#.as_slice())
        );
    }
    let new = Registration::new("new@example.com", Password::new(PASSWORD)).unwrap();
    let refused = accounts.create(new, unknown()).await.unwrap_err();
    assert!(matches!(refused.kind(), AuthError::Policy(PolicyError::Role(_))), "{refused:?}");
    assert_eq!(accounts.count().await.unwrap().total, 1);
    let changed = accounts.set_roles(&user.id, &user.roles, [Role::User, Role::Editor]).await.unwrap();
    assert_eq!(changed.roles, roles(&["editor", "user"]));
}

/// At a login, and at a guard that reads the stores. Once a minute, with a count.
#[tokio::test]
async fn a_stored_role_that_the_application_does_not_have_is_an_event() {
    let world = World::with(MemoryStore::new(), |builder| builder.with_roles::<Role>());
    let user = world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    assert!(world.events.take().iter().all(|event| !event.contains("UnknownRole")), "the role is known");
    let mut change = gatewright::store::AccountChange::default();
    change.roles = Some(roles(&["root", "user"]));
    let _ = world.store.update(&user.id, &change, None).await.unwrap();
    world.auth.invalidate_user(&user.id).await.unwrap();
    assert_eq!(world.status(&pair.access_token).await, 200);
    let expected = format!("UnknownRole {{ user: {:?}, role: \"root\", count: 1 }}", user.id);
    assert_eq!(world.events.take(), [expected]);
    let _ = world.login(EMAIL).await;
    assert!(world.events.take().iter().all(|event| !event.contains("UnknownRole")), "once a minute");
}
