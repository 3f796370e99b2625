//! Callers that a profile refuses unless a part admits them: clients for themselves, clients of other parties,
//! tenants.

use gatewright_core::TokenError;
use gatewright_jwt::TokenProfile;
use serde_json::{Value, json};

use super::rows::{Row, row};
use super::signing::{problem, sign, subject, verifier, with};

/// The verdict about the row's token with these changes of the claims.
fn verdict(row: &Row, profile: TokenProfile, changes: &Value) -> Option<TokenError> {
    let token = sign(&row.header, &with(&row.claims, changes));
    subject(&verifier(profile, row.issuer, row.audience), &token).err()
}

#[test]
fn clients_that_act_for_themselves_need_a_setting() {
    let mut admitted = 0;
    for name in [
        "auth0",
        "entra_id",
        "okta",
        "cognito",
        "spring_authorization_server",
        "ory_hydra",
        "cloud_foundry_uaa",
    ] {
        let own = row(name);
        for client in own.callers.iter().filter(|caller| caller.what == "client for itself") {
            let token = sign(&client.header, &client.claims);
            let verify = |profile| subject(&verifier(profile, own.issuer, own.audience), &token).err();
            assert_eq!(verify((own.profile)()), Some(client.error), "{name}");
            let without_role = name == "entra_id" && client.claims["roles"].is_null();
            let expected = without_role.then_some(TokenError::ClaimMissing);
            assert_eq!(verify((own.profile)().allow_clients()), expected, "{name} {}", client.claims);
            admitted += 1;
        }
        assert_eq!(
            verdict(&own, (own.profile)().allow_clients(), &json!({})),
            None,
            "users are still accepted"
        );
    }
    assert_eq!(admitted, 9);
    for profile in [TokenProfile::rfc9068(), TokenProfile::firebase("p"), TokenProfile::keycloak("a")] {
        assert!(problem(profile.allow_clients()).contains("`.allow_clients()`"));
    }
    assert!(
        TokenProfile::okta()
            .allow_clients()
            .deviations()
            .iter()
            .any(|one| one.contains("act for themselves"))
    );
}

#[test]
fn the_clients_that_may_have_requested_a_token_can_be_listed() {
    for (name, claim) in [
        ("auth0", "azp"),
        ("entra_id", "azp"),
        ("okta", "cid"),
        ("keycloak", "azp"),
        ("ory_hydra", "client_id"),
        ("cloud_foundry_uaa", "client_id"),
    ] {
        let own = row(name);
        let client = own.claims[claim].as_str().unwrap();
        assert_eq!(verdict(&own, (own.profile)().with_clients(["x", client]), &json!({})), None, "{name}");
        let other = verdict(&own, (own.profile)().with_clients(["x"]), &json!({}));
        assert_eq!(other, Some(TokenError::ClaimValue), "{name}");
    }
    assert!(problem(TokenProfile::kubernetes("a", ["n"]).with_clients(["x"])).contains("`.with_clients()`"));
    assert!(
        problem(TokenProfile::keycloak("a").with_clients([""; 0])).contains("the list of clients is empty")
    );
}

#[test]
fn oauth_clients_of_supabase_are_admitted_one_by_one() {
    let own = row("supabase");
    let listed = || TokenProfile::supabase().with_clients(["app"]);
    assert_eq!(verdict(&own, listed(), &json!({})), None, "the project's own sign-in names no client");
    assert_eq!(verdict(&own, listed(), &json!({"client_id": "app"})), None);
    for other in [json!("other"), json!(["app"]), json!("")] {
        let error = verdict(&own, listed(), &json!({"client_id": other}));
        assert_eq!(error, Some(TokenError::ClaimValue), "{other}");
    }
}

#[test]
fn firebase_accepts_the_users_of_the_project_or_of_one_tenant() {
    let own = row("firebase");
    let user = |tenant: Value| json!({"firebase": with(&json!({"sign_in_provider": "password"}), &json!({"tenant": tenant}))});
    let tenant = || TokenProfile::firebase("my-project").with_tenant("t");
    assert_eq!(verdict(&own, tenant(), &user(json!("t"))), None);
    assert_eq!(verdict(&own, tenant(), &user(json!("other"))), Some(TokenError::ClaimValue));
    assert_eq!(verdict(&own, tenant(), &user(json!(null))), Some(TokenError::ClaimMissing));
    assert_eq!(verdict(&own, (own.profile)(), &user(json!("t"))), Some(TokenError::ClaimValue));
    assert!(problem(TokenProfile::supabase().with_tenant("t")).contains("only for `firebase`"));
    assert!(problem(TokenProfile::firebase("p").with_tenant("")).contains("the tenant is empty"));
}

#[test]
fn the_tenant_of_all_personal_accounts_cannot_be_listed() {
    for tenant in
        ["9188040d-6c67-4c5b-b112-36a304b66dad", "9188040D-6C67-4C5B-B112-36A304B66DAD", "Consumers"]
    {
        let refused = problem(TokenProfile::entra_id("api", [tenant]));
        assert!(refused.contains("personal accounts"), "{refused}");
    }
    let spelled = problem(TokenProfile::entra_id("api", ["t"]).with_issuer_spelling("x"));
    assert!(spelled.contains("one spelling each"), "{spelled}");
}

#[test]
fn a_value_that_serde_json_reads_as_another_one_is_rejected() {
    let own = row("keycloak");
    let claims = json!({"typ": {"$serde_json::private::RawValue": "\"Bearer\""}});
    assert_eq!(verdict(&own, (own.profile)(), &claims), Some(TokenError::Json));
}
