//! The table of profiles. Each cell is a test, and the guide has the same table.

use std::fmt::Write;

use gatewright_core::{Timestamp, TokenError, TokenKind, TokenVerifier};

use super::rows::{Rejected, Row, row, rows};
use super::signing::{sign, verifier};
use crate::common::NOW;

fn verify(row: &Row, token: &str, now: Timestamp) -> Result<(), TokenError> {
    verifier((row.profile)(), row.issuer, row.audience).verify(TokenKind::Access, token, now).map(drop)
}

/// The accepted token expires after an hour.
fn expired(row: &Row) -> Result<(), TokenError> {
    let end = Timestamp::from_seconds(row.claims["exp"].as_u64().unwrap());
    let before = Timestamp::from_seconds(end.as_seconds() - 1);
    let token = sign(&row.header, &row.claims);
    assert_eq!(verify(row, &token, before), Ok(()), "{}", row.name);
    verify(row, &token, end)
}

/// Checks that each of the tokens is rejected for its reason. Returns the text of the cell.
fn rejected(row: &Row, all: &[Rejected]) -> String {
    let mut texts: Vec<String> = Vec::new();
    for one in all {
        let verdict = verify(row, &sign(&one.header, &one.claims), NOW);
        assert_eq!(verdict, Err(one.error), "{} {} {}", row.name, one.what, one.claims);
        let text = format!("{} `{}`", one.what, one.error.name());
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    if texts.is_empty() { "-".to_owned() } else { texts.join(", ") }
}

macro_rules! cells {
    ($($name:ident)*) => {
        /// The names of all profiles that have cells.
        const NAMES: &[&str] = &[$(stringify!($name)),*];

        $(mod $name {
            use super::*;

            fn this() -> Row {
                row(stringify!($name))
            }

            #[test]
            fn the_documented_token_is_accepted() {
                assert_eq!(verify(&this(), &sign(&this().header, &this().claims), NOW), Ok(()));
            }

            #[test]
            fn other_kinds_of_tokens_are_rejected() {
                let cell = rejected(&this(), &this().kinds);
                assert_eq!(cell == "-", WITHOUT_OTHER_KINDS.contains(&stringify!($name)));
            }

            #[test]
            fn tokens_of_other_callers_are_rejected() {
                assert_ne!(rejected(&this(), &this().callers), "-");
            }

            #[test]
            fn expired_tokens_are_rejected() {
                assert_eq!(expired(&this()), Err(TokenError::Expired));
            }
        })*
    };
}

/// GitHub Actions has no other tokens.
const WITHOUT_OTHER_KINDS: [&str; 1] = ["github_actions"];

cells! {
    rfc9068 auth0 entra_id okta cognito keycloak google_id_token firebase supabase kubernetes
    spring_authorization_server ory_hydra cloud_foundry_uaa github_actions
}

#[test]
fn every_profile_has_a_row_and_every_row_has_cells() {
    let names: Vec<&str> = rows().iter().map(|row| row.name).collect();
    assert_eq!(names, NAMES);
    let kinds: usize = rows().iter().map(|row| row.kinds.len()).sum();
    let callers: usize = rows().iter().map(|row| row.callers.len()).sum();
    assert_eq!((names.len(), kinds, callers), (14, 38, 43));
}

/// The table, as Markdown.
fn table() -> String {
    let mut text =
        String::from("| profile | accepted | ID, refresh or logout token | other caller | expired |\n");
    text.push_str("|---|---|---|---|---|\n");
    for row in rows() {
        let accepted = verify(&row, &sign(&row.header, &row.claims), NOW);
        let accepted = accepted.map_or_else(|error| error.name(), |()| "yes");
        let (kinds, callers) = (rejected(&row, &row.kinds), rejected(&row, &row.callers));
        let expired = expired(&row).map_or_else(|error| error.name(), |()| "accepted");
        let _ = writeln!(text, "| `{}` | {accepted} | {kinds} | {callers} | `{expired}` |", row.name);
    }
    text
}

/// If it differs, copy the table of the failure's message into the page.
#[test]
fn the_guide_has_the_table_of_profiles() {
    let guide = include_str!("../../../../gatewright/guide/providers.md");
    assert!(guide.contains(&table()), "the guide's page needs this table:\n{}", table());
}
