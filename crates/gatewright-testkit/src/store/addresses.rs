//! Cases for the two forms of an address.

use gatewright_core::store::CreateOutcome;

use super::Accounts;
use super::accounts::{add, get, new_account};
use super::users::{email, login};

/// Two spellings of one address each, with the section of the standard.
const SPELLINGS: [(&str, &str, &str); 8] = [
    ("CaseFolding.txt (C)", "Ada@example.com", "aDA@EXAMPLE.COM"),
    ("UAX #15 §1.2: NFC", "E\u{301}va@example.com", "\u{e9}va@example.com"),
    (
        "CaseFolding.txt (C): final sigma",
        "\u{3bf}\u{3b4}\u{3cc}\u{3c2}@example.com",
        "\u{39f}\u{394}\u{38c}\u{3a3}@example.com",
    ),
    ("UAX #15 §1.2: Kelvin sign", "\u{212a}elvin@example.com", "kelvin@example.com"),
    ("CaseFolding.txt (S): capital sharp s", "GRO\u{1e9e}@example.com", "gro\u{df}@example.com"),
    ("UTS 46 §4.2", "ada@B\u{fc}cher.example", "ada@xn--bcher-kva.example"),
    ("UTS 46 §4: non-transitional", "eve@stra\u{df}e.example", "eve@xn--strae-oqa.example"),
    ("UTS 46 §4: other full stops", "eve@mail\u{3002}example", "eve@mail.example"),
];

/// Addresses that look alike and belong to different mailboxes.
const DIFFERENT: [&str; 6] = [
    "ada@stra\u{df}e.example",
    "ada@strasse.example",
    "stra\u{df}e@example.com",
    "strasse@example.com",
    "a.da@example.com",
    "ada+news@example.com",
];

/// Every spelling finds the account, which has the one that it was created with. Another one is `Taken`, with another
/// id and on both handles.
pub async fn spellings_of_an_address_are_one_account<S: Accounts>([store, other]: [S; 2]) {
    for (number, (section, entered, again)) in SPELLINGS.into_iter().enumerate() {
        let id = format!("u{number}");
        let made = add(&store, &id, entered, "user").await;
        assert_eq!(made.email.as_str(), email(entered).as_str(), "{section}");
        for spelling in [entered, again, email(entered).key()] {
            for store in [&store, &other] {
                let by_name = store.find_by_login(&login(spelling)).await.unwrap().unwrap();
                let by_email = store.find_by_email(&email(spelling)).await.unwrap().unwrap();
                for found in [by_name, by_email] {
                    assert_eq!(
                        (found.id.as_str(), found.email.as_str()),
                        (&*id, email(entered).as_str()),
                        "{section}"
                    );
                }
                let second = store.create(new_account(&format!("{id}x"), spelling, "user")).await.unwrap();
                assert!(matches!(second, CreateOutcome::Taken), "{section}: {second:?}");
            }
        }
        assert!(get(&other, &format!("{id}x")).await.is_none(), "{section}");
    }
    assert_eq!(store.count().await.unwrap().total, SPELLINGS.len() as u64);
    let listed = other.page(None, 100).await.unwrap();
    let expected = SPELLINGS.map(|(_, entered, _)| email(entered));
    assert!(
        listed.iter().map(|account| account.email.as_str()).eq(expected.iter().map(|email| email.as_str()))
    );
}

/// Each has its own account.
pub async fn addresses_that_look_alike_are_different_accounts<S: Accounts>([store, other]: [S; 2]) {
    for (number, address) in DIFFERENT.into_iter().enumerate() {
        add(&store, &format!("u{number}"), address, "user").await;
    }
    for (number, address) in DIFFERENT.into_iter().enumerate() {
        let found = other.find_by_login(&login(address)).await.unwrap().unwrap();
        assert_eq!(found.id.as_str(), format!("u{number}"), "{address}");
    }
    assert_eq!(store.count().await.unwrap().total, DIFFERENT.len() as u64);
}

/// The search reads the keys: an account is found by the folded spelling, and not by the one that is shown.
pub async fn search_reads_the_keys_of_the_addresses<S: Accounts>([store, other]: [S; 2]) {
    add(&store, "u1", "\u{39f}\u{394}\u{38c}\u{3a3}@B\u{fc}cher.example", "user").await;
    for (text, count) in
        [("\u{3bf}\u{3b4}\u{3cc}\u{3c3}", 1), ("@xn--bcher-kva.example", 1), ("\u{39f}", 0), ("\u{fc}", 0)]
    {
        let found = other.search(text, None, 10).await.unwrap();
        assert_eq!(found.len(), count, "{text}");
        assert!(
            found
                .iter()
                .all(|account| account.email.as_str().starts_with("\u{39f}\u{394}\u{38c}\u{3a3}@xn--"))
        );
    }
}

/// With the key, so in any spelling.
pub async fn a_deleted_account_frees_every_spelling<S: Accounts>([store, other]: [S; 2]) {
    let account = add(&store, "u1", "Ada@B\u{fc}cher.example", "user").await;
    let _deleted = store.delete(&account.id, None).await.unwrap();
    assert!(other.find_by_email(&account.email).await.unwrap().is_none());
    let again = add(&other, "u2", "ADA@xn--bcher-kva.example", "user").await;
    assert_eq!(again.email.as_str(), "ADA@xn--bcher-kva.example");
    assert_eq!(get(&store, "u2").await.unwrap().email.as_str(), again.email.as_str());
}
