//! The named parts of profiles: what each of them changes, and what it does not.

use std::time::Duration;

use gatewright_core::{TokenError, TokenKind, TokenVerifier};
use gatewright_jwt::{
    GithubId, HeaderMember, IssuerVerifier, Issuers, Jwt, KeyRing, MAX_PROFILE_LIFETIME, TokenProfile,
};
use serde_json::{Value, json};

use super::rows::row;
use super::signing::{KID, one_key, problem, ring, set, sign, subject, verifier, with};
use crate::common::{NOW, key_with_id};

const ISSUER: &str = "https://issuer.example";

/// The verdict about an access token with these changes of header and claims.
fn verdict(profile: TokenProfile, header: &Value, claims: &Value) -> Result<String, TokenError> {
    let own = row("rfc9068");
    let token = sign(&with(&own.header, header), &with(&own.claims, claims));
    subject(&verifier(profile, ISSUER, "my-api"), &token)
}

/// Asserts that the default rejects the token for this reason, and that the profile accepts it.
fn accepts(profile: TokenProfile, header: &Value, claims: &Value, error: TokenError) {
    assert_eq!(verdict(TokenProfile::rfc9068(), header, claims), Err(error), "{header} {claims}");
    assert_eq!(verdict(profile, header, claims).as_deref(), Ok("42"), "{header} {claims}");
}

#[test]
fn each_part_accepts_its_deviation_and_the_default_does_not() {
    let base = TokenProfile::rfc9068;
    let none = json!({});
    accepts(base().with_types(["JWT"]), &json!({"typ": "application/jwt"}), &none, TokenError::Kind);
    accepts(base().without_type(), &json!({"typ": null}), &none, TokenError::Kind);
    accepts(base().with_audiences(["my-api", "b"]), &none, &json!({"aud": "b"}), TokenError::Audience);
    let client = base().with_client_claim("client_id", ["app", "web"]);
    accepts(client, &none, &json!({"aud": null}), TokenError::ClaimMissing);
    accepts(base().with_issuer_spelling("i"), &none, &json!({"iss": "i"}), TokenError::Issuer);
    let week = json!({"exp": 1_700_604_800});
    accepts(base().with_max_lifetime(Duration::from_secs(604_800)), &none, &week, TokenError::Lifetime);
    let long = json!({"x": "A".repeat(9_000)});
    accepts(base().with_max_token_bytes(16 * 1024), &none, &long, TokenError::Size);
    for (member, name) in [(HeaderMember::Jku, "jku"), (HeaderMember::X5u, "x5u"), (HeaderMember::X5c, "x5c")]
    {
        assert_eq!(member.name(), name);
        let header = json!({name: "https://attacker.example"});
        accepts(base().with_ignored_header(member), &header, &none, TokenError::Header);
    }
}

#[test]
fn a_type_that_is_not_named_is_rejected() {
    let typ = |profile, typ: Value| verdict(profile, &json!({"typ": typ}), &json!({})).err();
    let jwt = || TokenProfile::rfc9068().with_types(["JWT"]);
    for (value, error) in [(json!(null), TokenError::Kind), (json!("at+jwt"), TokenError::Kind)] {
        assert_eq!(typ(jwt(), value), Some(error));
    }
    let untyped = || TokenProfile::rfc9068().without_type();
    for value in ["JWT", "", "rt+jwt"] {
        assert_eq!(typ(untyped(), json!(value)), Some(TokenError::Kind), "{value}");
    }
    assert_eq!(typ(untyped(), json!("at+jwt")), None);
}

#[test]
fn an_audience_that_is_present_is_never_ignored() {
    let profile = || TokenProfile::rfc9068().with_client_claim("client_id", ["web"]);
    let verdict = |claims: Value| verdict(profile(), &json!({}), &claims).err();
    assert_eq!(verdict(json!({"aud": "other"})), Some(TokenError::Audience));
    assert_eq!(verdict(json!({"aud": []})), Some(TokenError::Audience));
    assert_eq!(verdict(json!({"aud": null, "client_id": "other"})), Some(TokenError::Audience));
    assert_eq!(verdict(json!({"aud": null, "client_id": null})), Some(TokenError::ClaimMissing));
    assert_eq!(verdict(json!({"aud": null, "client_id": ["web"]})), Some(TokenError::ClaimType));
    assert_eq!(verdict(json!({"aud": "my-api", "client_id": "other"})), None, "the audience is enough");
    // `null` is no absent audience.
    let own = row("rfc9068");
    let mut claims = own.claims;
    claims["aud"] = Value::Null;
    let token = sign(&own.header, &claims);
    assert_eq!(subject(&verifier(profile(), ISSUER, ""), &token), Err(TokenError::ClaimType));
}

#[test]
fn verified_claims_name_one_issuer_and_the_audience_that_matched() {
    let profile = TokenProfile::google_id_token(["app.apps", "phone.apps"]);
    let google = verifier(profile, "", "");
    let own = row("google_id_token");
    for spelling in ["https://accounts.google.com", "accounts.google.com"] {
        let token = sign(&own.header, &with(&own.claims, &json!({"iss": spelling, "aud": "phone.apps"})));
        let claims = google.verify(TokenKind::Access, &token, NOW).unwrap();
        assert_eq!((claims.issuer(), claims.audience()), ("https://accounts.google.com", Some("phone.apps")));
    }
    for spelling in ["https://accounts.google.com/", "http://accounts.google.com", "ACCOUNTS.google.com"] {
        let token = sign(&own.header, &with(&own.claims, &json!({"iss": spelling})));
        assert_eq!(subject(&google, &token), Err(TokenError::Issuer), "{spelling}");
    }
    let cognito = row("cognito");
    let token = sign(&cognito.header, &cognito.claims);
    let claims = verifier((cognito.profile)(), cognito.issuer, "").verify(TokenKind::Access, &token, NOW);
    assert_eq!(claims.unwrap().audience(), Some("6q1cl"));
}

#[test]
fn the_subject_can_be_another_stable_claim() {
    let own = row("okta");
    let token = |changes: Value| sign(&own.header, &with(&own.claims, &changes));
    let uid = TokenProfile::okta().allow_clients().with_subject_claim("uid");
    let uid = verifier(uid, own.issuer, own.audience);
    assert_eq!(subject(&uid, &token(json!({}))).as_deref(), Ok("00u1"));
    assert_eq!(subject(&uid, &token(json!({"sub": null}))).as_deref(), Ok("00u1"));
    assert_eq!(subject(&uid, &token(json!({"uid": null}))), Err(TokenError::SubjectMissing));
    assert_eq!(subject(&uid, &token(json!({"uid": 7}))), Err(TokenError::ClaimType));
    assert_eq!(subject(&uid, &token(json!({"uid": ""}))), Err(TokenError::ClaimType));
    let refused = problem(TokenProfile::okta().with_audiences(["a"]).with_subject_claim("email"));
    assert!(refused.contains("`.dangerous()`"), "{refused}");
    let email = TokenProfile::okta().dangerous().with_subject_claim("sub_id");
    assert_eq!(email.deviations()[1], "`sub_id` identifies the user instead of `sub`");
    assert_eq!(
        subject(&verifier(email, own.issuer, own.audience), &token(json!({"sub_id": "a"}))).as_deref(),
        Ok("a")
    );
}

#[test]
fn anonymous_users_need_a_setting() {
    let firebase = json!({"firebase": {"sign_in_provider": "anonymous", "identities": {}}});
    let supabase = json!({"is_anonymous": true});
    let unmarked = json!({"is_anonymous": null});
    for (name, changes, error) in [
        ("firebase", firebase, TokenError::ClaimValue),
        ("supabase", supabase, TokenError::ClaimValue),
        ("supabase", unmarked, TokenError::ClaimMissing),
    ] {
        let own = row(name);
        let token = sign(&own.header, &with(&own.claims, &changes));
        let verify = |profile| subject(&verifier(profile, own.issuer, own.audience), &token).err();
        assert_eq!(verify((own.profile)()), Some(error), "{name}");
        assert_eq!(verify((own.profile)().allow_anonymous()), None, "{name}");
    }
    assert!(problem(TokenProfile::auth0().allow_anonymous()).contains("only for `supabase` and `firebase`"));
}

#[test]
fn lists_are_required_and_open_ones_are_dangerous() {
    let empty: [&str; 0] = [];
    for profile in [
        TokenProfile::entra_id("a", empty),
        TokenProfile::entra_id("a", ["common"]),
        TokenProfile::entra_id("a", [""]),
        TokenProfile::entra_id("", ["t"]),
        TokenProfile::cognito(empty),
        TokenProfile::cognito([""]),
        TokenProfile::google_id_token(empty),
        TokenProfile::firebase(""),
        TokenProfile::keycloak(""),
        TokenProfile::kubernetes("a", empty),
        TokenProfile::kubernetes("a", ["*"]),
        TokenProfile::github_actions("a", []),
        TokenProfile::auth0().with_audiences(empty),
        TokenProfile::rfc9068().with_client_claim("azp", empty),
        TokenProfile::rfc9068().with_types(empty),
        TokenProfile::rfc9068().with_types(["rt+jwt"]),
        TokenProfile::rfc9068().with_types(["application/RT+JWT"]),
        TokenProfile::rfc9068().with_required_claim("use", empty),
        TokenProfile::rfc9068().with_max_lifetime(Duration::ZERO),
        TokenProfile::rfc9068().with_max_lifetime(MAX_PROFILE_LIFETIME + Duration::from_secs(1)),
        TokenProfile::rfc9068().with_max_token_bytes(32 * 1024 + 1),
        TokenProfile::rfc9068().with_max_token_bytes(1024),
        TokenProfile::rfc9068().with_issuer_spelling(""),
        TokenProfile::okta().dangerous().with_all_tenants(),
        TokenProfile::okta().dangerous().with_all_repositories(),
        TokenProfile::okta().dangerous().with_all_service_accounts(),
    ] {
        let problem = problem(profile.clone());
        assert!(problem.starts_with("profile: "), "{problem} {profile:?}");
    }
}

#[test]
fn all_callers_are_accepted_after_a_dangerous_setting() {
    for (name, open, changes) in [
        (
            "github_actions",
            TokenProfile::github_actions("my-api", []).dangerous().with_all_repositories(),
            json!({"repository_id": "1", "repository_owner_id": "2"}),
        ),
        (
            "kubernetes",
            TokenProfile::kubernetes("my-api", [""; 0]).dangerous().with_all_service_accounts(),
            json!({"sub": "system:serviceaccount:any:one", "kubernetes.io": {"namespace": "any"}}),
        ),
        (
            "entra_id",
            TokenProfile::entra_id("6731de76", [""; 0]).dangerous().with_all_tenants(),
            json!({"iss": "https://login.microsoftonline.com/5-a/v2.0", "tid": "5-a"}),
        ),
    ] {
        let own = row(name);
        let token = sign(&own.header, &with(&own.claims, &changes));
        let issuer = if name == "kubernetes" { own.issuer } else { "" };
        assert!(subject(&verifier((own.profile)(), own.issuer, ""), &token).is_err(), "{name}");
        assert!(subject(&verifier(open, issuer, ""), &token).is_ok(), "{name}");
    }
}

#[test]
fn all_tenants_still_need_a_tenant_in_the_issuer() {
    let open = || TokenProfile::entra_id("6731de76", [""; 0]).dangerous().with_all_tenants();
    let own = row("entra_id");
    for (iss, tid) in [
        ("https://login.microsoftonline.com//v2.0", ""),
        ("https://login.microsoftonline.com/a/b/v2.0", "a/b"),
        ("https://login.microsoftonline.com/common/v2.0", "common"),
        ("https://login.microsoftonline.com/{tenantid}/v2.0", "{tenantid}"),
        ("https://login.microsoftonline.com/a/v2.0", "b"),
        ("https://attacker.example/a/v2.0", "a"),
        ("https://login.microsoftonline.com/v2.0", "a"),
    ] {
        let token = sign(&own.header, &with(&own.claims, &json!({"iss": iss, "tid": tid})));
        assert_eq!(subject(&verifier(open(), "", ""), &token), Err(TokenError::Issuer), "{iss}");
    }
    let listed = || TokenProfile::entra_id("a", ["t"]);
    for issuer in ["https://login.example/other/v2.0", "https://login.example/t/t/v2.0", "t"] {
        let built = Jwt::builder(one_key()).issuer(issuer).with_profile(listed()).build();
        assert_eq!(built.err().map(|error| error.setting), (issuer != "t").then_some("issuer"), "{issuer}");
    }
}

#[test]
fn a_key_of_entra_signs_for_its_issuer_alone() {
    let own = row("entra_id");
    let url = |tenant: &str| format!("https://login.microsoftonline.com/{tenant}/v2.0");
    let verdict = |issuer: Value, tenant: &str| {
        let entry = with(&json!({"kty": "RSA", "use": "sig", "kid": KID}), &json!({"issuer": issuer}));
        let jwt = Jwt::builder(ring(set(&[entry]))).with_profile((own.profile)()).build().unwrap();
        let claims = with(&own.claims, &json!({"iss": url(tenant), "tid": tenant}));
        subject(&jwt, &sign(&own.header, &claims)).err()
    };
    assert_eq!(verdict(json!(null), "9122"), None);
    assert_eq!((verdict(json!(url("9122")), "9122"), verdict(json!(url("8000")), "8000")), (None, None));
    assert_eq!(verdict(json!(url("{tenantid}")), "8000"), None, "the key of all tenants");
    assert_eq!(verdict(json!(url("9122")), "8000"), Some(TokenError::Issuer));
    assert_eq!(verdict(json!(""), "9122"), Some(TokenError::Issuer));
    assert_eq!(verdict(json!(["x"]), "9122"), Some(TokenError::Key), "a key with an odd issuer is not used");
}

#[test]
fn issuers_choose_the_verifier_by_each_accepted_issuer() {
    let (google, entra) = (row("google_id_token"), row("entra_id"));
    let both = Issuers::new().with(verifier((google.profile)(), "", "")).unwrap();
    let both = both.with(verifier((entra.profile)(), "", "")).unwrap();
    let verify =
        |token: &str| both.verify(TokenKind::Access, token, NOW).map(|claims| claims.issuer().to_owned());
    let token = sign(&google.header, &with(&google.claims, &json!({"iss": "accounts.google.com"})));
    assert_eq!(verify(&token).as_deref(), Ok("https://accounts.google.com"));
    for tenant in ["9122", "8000"] {
        let iss = format!("https://login.microsoftonline.com/{tenant}/v2.0");
        let token = sign(&entra.header, &with(&entra.claims, &json!({"iss": iss, "tid": tenant})));
        assert_eq!(verify(&token).as_deref(), Ok(iss.as_str()));
    }
    let twice = both.clone().with(verifier(TokenProfile::auth0(), "accounts.google.com", "a"));
    assert_eq!(twice.unwrap_err().setting, "issuer");
    // Two verifiers that accept one spelling: neither gets its tokens.
    let spelled =
        |issuer: &str| verifier(TokenProfile::rfc9068().with_issuer_spelling("i"), issuer, "my-api");
    let two = Issuers::new().with(spelled("a")).unwrap().with(spelled("b")).unwrap();
    let own = row("rfc9068");
    let token = sign(&own.header, &with(&own.claims, &json!({"iss": "i"})));
    assert_eq!(two.verify(TokenKind::Access, &token, NOW).map(drop), Err(TokenError::Issuer));
}

#[test]
fn longer_tokens_are_read_only_by_verifiers_that_allow_them() {
    let own = row("rfc9068");
    let long = |bytes: usize| sign(&own.header, &with(&own.claims, &json!({"x": "A".repeat(bytes)})));
    let large = || verifier(TokenProfile::rfc9068().with_max_token_bytes(32 * 1024), ISSUER, "my-api");
    let issuers = Issuers::new().with(large()).unwrap();
    for verifier in [&large() as &dyn TokenVerifier, &issuers] {
        let verdict = |token: &str| verifier.verify(TokenKind::Access, token, NOW).map(drop);
        assert_eq!((verdict(&long(9_000)), verdict(&long(23_000))), (Ok(()), Ok(())));
        assert_eq!(verdict(&long(25_000)), Err(TokenError::Size));
    }
    let small = Issuers::new().with(verifier(TokenProfile::rfc9068(), ISSUER, "my-api")).unwrap();
    assert_eq!(small.verify(TokenKind::Access, &long(9_000), NOW).map(drop), Err(TokenError::Size));
}

#[test]
fn profiles_are_for_other_issuers_alone() {
    let signing = KeyRing::new(key_with_id("a"));
    let built =
        Jwt::builder(signing).issuer(ISSUER).audience("a").with_profile(TokenProfile::auth0()).build();
    assert_eq!(built.unwrap_err().setting, "issuer");
    let own = row("auth0");
    let jwt = verifier((own.profile)(), own.issuer, own.audience);
    let token = sign(&own.header, &own.claims);
    for kind in [TokenKind::Refresh, TokenKind::EmailVerification, TokenKind::PasswordReset] {
        assert_eq!(jwt.verify(kind, &token, NOW).map(drop), Err(TokenError::Kind));
    }
    // A ring that gets a signing key verifies own tokens: the types of the profile no longer apply.
    let ring = one_key();
    let jwt =
        Jwt::builder(ring.clone()).issuer(own.issuer).audience(own.audience).with_profile((own.profile)());
    let jwt = jwt.build().unwrap();
    assert!(subject(&jwt, &token).is_ok());
    ring.publish(key_with_id("own")).unwrap();
    assert_eq!(subject(&jwt, &token), Err(TokenError::Kind));
}

#[test]
fn deviations_are_sentences() {
    let lists = TokenProfile::github_actions("a", [GithubId::Owner(1)]).dangerous().with_all_repositories();
    let profile = lists
        .without_type()
        .with_ignored_header(HeaderMember::Jku)
        .with_issuer_spelling("i")
        .with_audiences(["a", "b"])
        .with_client_claim("azp", ["x", "y"])
        .with_subject_claim("oid")
        .with_max_lifetime(Duration::from_secs(604_800))
        .with_max_token_bytes(16_384);
    assert_eq!(
        profile.deviations(),
        [
            "the header may have the `typ` JWT",
            "the header may have no `typ`",
            "the header may have `jku`, which is ignored",
            "`iss` may be i",
            "`aud` may contain any of a, b",
            "without `aud`, `azp` may be any of x, y",
            "`oid` identifies the user instead of `sub`",
            "workflows of all repositories are accepted",
            "a token may be valid for 168 hours",
            "a token may have 16384 bytes",
        ]
    );
    assert!(TokenProfile::rfc9068().deviations().is_empty());
}

#[test]
fn the_verifiers_audience_must_be_one_of_the_profiles() {
    let build = |profile, audience: &str| {
        Jwt::builder(one_key()).issuer("i").audience(audience).with_profile(profile).build()
    };
    assert!(build(TokenProfile::keycloak("my-api"), "my-api").is_ok());
    assert_eq!(build(TokenProfile::keycloak("my-api"), "other").unwrap_err().setting, "audience");
    assert_eq!(build(TokenProfile::auth0(), "").unwrap_err().setting, "audience");
    assert_eq!(build(TokenProfile::cognito(["c"]), "").unwrap().issuer(), "i");
    let typed = Jwt::builder(one_key()).issuer("i").audience("a").dangerous().with_access_type("JWT");
    assert_eq!(typed.with_profile(TokenProfile::auth0()).build().unwrap_err().setting, "access_type");
}
