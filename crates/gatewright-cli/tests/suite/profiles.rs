//! `gatewright token verify --profile`: by name, and composed in a file.

use std::path::Path;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

use crate::common::{file, run};

/// A token of `sign`, with its key set in a file.
struct Case {
    jwks: String,
    token: String,
}

/// An Ed25519 token of this header and claims, issued at 1700000000.
fn case(header: &Value, claims: &Value) -> Case {
    let pair = Ed25519KeyPair::generate().unwrap();
    let x = encode(pair.public_key().as_ref());
    let key = json!({"kty": "OKP", "crv": "Ed25519", "x": x, "alg": "EdDSA", "kid": "k"});
    let token = sign("EdDSA", header, claims, |text| pair.sign(text).as_ref().to_vec());
    Case { jwks: set(&key), token }
}

/// A token of this algorithm, and the key `k`.
fn sign(alg: &str, header: &Value, claims: &Value, signature: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let mut all = json!({"alg": alg, "kid": "k"});
    all.as_object_mut().unwrap().extend(header.as_object().unwrap().clone());
    let mut members = json!({"iat": 1_700_000_000, "exp": 1_700_003_600});
    members.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    let signed = format!("{}.{}", encode(all.to_string()), encode(members.to_string()));
    format!("{signed}.{}", encode(signature(signed.as_bytes())))
}

/// A file of its own for the set of each key.
fn set(key: &Value) -> String {
    let name = key["x"].as_str().or(key["k"].as_str()).unwrap();
    text(&file(&format!("set-{name}"), &json!({"keys": [key]}).to_string()))
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, bytes)
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

impl Case {
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let base = ["token", "verify", "--now", "1700000000", "--jwks", &self.jwks];
        let done = run(&[&base[..], arguments].concat(), self.token.as_bytes());
        (done.code, done.out, done.err)
    }

    fn verdict(&self, arguments: &[&str]) -> String {
        self.run(arguments).1.trim_end().to_owned()
    }
}

const AUTH0: [&str; 4] = ["--issuer", "https://tenant.example/", "--audience", "https://my-api"];

fn auth0() -> Case {
    let claims = json!({"iss": "https://tenant.example/", "aud": "https://my-api", "sub": "u", "azp": "web"});
    case(&json!({"typ": "JWT"}), &claims)
}

#[test]
fn a_named_profile_accepts_what_the_default_rejects_and_says_so() {
    let case = auth0();
    assert_eq!(case.verdict(&AUTH0), "refused: kind");
    let (code, out, err) = case.run(&[&AUTH0[..], &["--profile", "auth0"]].concat());
    assert_eq!((code, out.as_str()), (0, "accepted\n"));
    assert!(
        err.contains("the profile auth0 accepts more than RFC 9068: the header may have the `typ` JWT"),
        "{err}"
    );
    assert_eq!(case.verdict(&[&AUTH0[..], &["--profile", "okta"]].concat()), "refused: kind");
    let other = ["--issuer", "https://tenant.example/", "--audience", "other", "--profile", "auth0"];
    assert_eq!(case.verdict(&other), "refused: audience");
}

#[test]
fn lists_of_callers_are_arguments() {
    let claims = json!({
        "iss": "https://token.actions.githubusercontent.com", "aud": "my-api", "sub": "repo:o/r", "jti": "1",
        "repository_id": "70", "repository_owner_id": "9919",
    });
    let case = case(&json!({"typ": "JWT"}), &claims);
    let with = |allow: &[&str]| {
        let base = ["--profile", "github_actions", "--audience", "my-api"];
        let allow = allow.iter().flat_map(|one| ["--allow", one]);
        case.run(&base.into_iter().chain(allow).collect::<Vec<&str>>())
    };
    for accepted in [&["owner:9919"][..], &["repository:1", "repository:70"]] {
        assert_eq!(with(accepted).1, "accepted\n", "{accepted:?}");
    }
    for refused in ["owner:70", "repository:9919"] {
        assert_eq!(with(&[refused]).1, "refused: claim_value\n", "{refused}");
    }
    for wrong in [&[][..], &["9919"], &["owner:x"], &["owner:-1"], &["octo/shop"]] {
        let (code, out, err) = with(wrong);
        assert_eq!((code, out.as_str(), err.is_empty()), (2, "", false), "{wrong:?}");
    }
}

#[test]
fn a_file_composes_a_profile() {
    let claims = json!({
        "iss": "https://own.example", "sub": "ada@example.com", "oid": "u1", "client_id": "web", "use": "access",
        "level": 2, "realm": {"kind": "staff"}, "exp": 1_700_172_800,
    });
    let own = case(&json!({"jku": "https://own.example/jwks"}), &claims);
    let composed = r#"
        without_type = true
        token_id = "optional"
        client_claim = { name = "client_id", clients = ["web", "app"] }
        subject_claim = "oid"
        max_lifetime_seconds = 172800
        max_token_bytes = 16384
        ignored_headers = ["jku"]
        absent_claims = ["nonce"]
        present_claims = [["realm", "kind"]]

        [[required_claims]]
        claim = "use"
        values = ["access"]

        [[required_claims]]
        claim = "level"
        values = [2, 3]
    "#;
    let verdict = |text: &str| {
        let path = text_file(text);
        own.run(&["--issuer", "https://own.example", "--profile", &path])
    };
    assert_eq!(verdict(composed).1, "accepted\n", "{}", verdict(composed).2);
    for (from, to, error) in [
        ("without_type = true", "", "kind"),
        ("[\"jku\"]", "[\"x5u\"]", "header"),
        ("\"web\", ", "", "audience"),
        ("172800", "86400", "lifetime"),
        ("[\"access\"]", "[\"id\"]", "claim_value"),
        ("[2, 3]", "[3]", "claim_value"),
        ("[2, 3]", "[\"2\"]", "claim_value"),
        ("[\"nonce\"]", "[\"oid\"]", "claim_value"),
        ("\"kind\"", "\"name\"", "claim_missing"),
        ("\"optional\"", "\"required\"", "claim_missing"),
        ("subject_claim = \"oid\"", "subject_claim = \"uid\"", "subject_missing"),
    ] {
        assert_eq!(verdict(&composed.replace(from, to)).1, format!("refused: {error}\n"), "{from}");
    }
    let named = "profile = \"cognito\"\nnames = [\"web\"]\nwithout_type = true\ntoken_id = \"optional\"\nignored_headers = [\"jku\"]";
    assert_eq!(verdict(named).1, "refused: lifetime\n", "the claims of Cognito are checked after the times");
}

/// A file of its own for each text.
fn text_file(text: &str) -> String {
    let digest = text.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    self::text(&file(&format!("{digest}.toml"), text))
}

#[test]
fn wrong_profiles_exit_with_two_and_name_the_problem() {
    let own = auth0();
    for (content, problem) in [
        ("profile = \"auth1\"", "must be a file .toml, or rfc9068, auth0"),
        ("typ = [\"JWT\"]", "unknown field"),
        ("types = \"JWT\"", "invalid type"),
        ("max_lifetime_seconds = -1", "invalid value"),
        ("max_lifetime_seconds = 9999999", "at most 30 days"),
        ("subject_claim = \"email\"", "`.dangerous()`"),
        ("allow_anonymous = true", "only for `supabase` and `firebase`"),
        ("profile = \"entra_id\"", "the list of tenants is empty"),
        ("ignored_headers = [\"jwk\"]", "unknown variant"),
        ("[[required_claims]]\nclaim = \"use\"\nvalues = []", "a list of values is empty"),
        ("x", "TOML"),
    ] {
        let path = text_file(content);
        let (code, out, err) = own.run(&[&AUTH0[..], &["--profile", &path]].concat());
        assert_eq!((code, out.as_str()), (2, ""), "{content}");
        assert!(err.contains(problem) || problem == "TOML", "{content}: {err}");
    }
    for arguments in [
        &["--profile", "auth0", "--allow", "x"][..],
        &["--profile", "missing.toml"],
        &["--profile", "auth0", "--audience", "second"],
        &["--profile", "auth0", "--typ", "JWT"],
        &["--allow", "x"],
    ] {
        let (code, out, _) = own.run(&[&AUTH0[..], arguments].concat());
        assert_eq!((code, out.as_str()), (2, ""), "{arguments:?}");
    }
    let (code, _, err) = own.run(&["--audience", "a", "--profile", "auth0"]);
    assert_eq!((code, err.contains("issuer: is missing")), (2, true), "{err}");
}

#[test]
fn dangerous_settings_of_a_file_have_a_table_of_their_own() {
    let claims = json!({
        "iss": "https://login.microsoftonline.com/any/v2.0", "aud": "api", "sub": "s", "email": "ada@example.com",
        "tid": "any", "azp": "web", "scp": "read", "ver": "2.0",
    });
    let own = case(&json!({"typ": "JWT"}), &claims);
    let content = "profile = \"entra_id\"\n[dangerous]\nall_tenants = true\nsubject_claim = \"email\"";
    let (code, out, err) = own.run(&["--audience", "api", "--profile", &text_file(content)]);
    assert_eq!((code, out.as_str()), (0, "accepted\n"), "{err}");
    assert!(err.contains("users of all tenants are accepted"), "{err}");
}

#[test]
fn a_secret_in_the_set_verifies_no_token_of_another_issuer() {
    let secret = b"0123456789abcdef0123456789abcdef";
    let key = json!({"kty": "oct", "k": encode(secret), "alg": "HS256", "kid": "k"});
    let claims = json!({"iss": "https://tenant.example/", "aud": "https://my-api", "sub": "u", "azp": "web", "jti": "1"});
    let hmac = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
    let token = sign("HS256", &json!({"typ": "at+jwt"}), &claims, |text| {
        aws_lc_rs::hmac::sign(&hmac, text).as_ref().to_vec()
    });
    let own = Case { jwks: set(&key), token };
    assert_eq!(own.verdict(&AUTH0), "accepted");
    assert_eq!(own.verdict(&[&AUTH0[..], &["--profile", "auth0"]].concat()), "refused: key");
}

#[test]
fn messages_do_not_repeat_an_argument_that_may_be_a_token() {
    let own = auth0();
    let token = own.token.as_str();
    let github = ["--profile", "github_actions", "--audience", "a", "--allow"];
    let entra = ["--profile", "entra_id", "--audience", "a", "--allow"];
    let kubernetes = ["--profile", "kubernetes", "--audience", "a", "--issuer", "i", "--allow"];
    for arguments in [
        [&AUTH0[..], &["--profile", token]].concat(),
        [&AUTH0[..], &["--profile", "auth0", "--allow", token]].concat(),
        [&github[..], &[token]].concat(),
        [&entra[..], &[token]].concat(),
        [&kubernetes[..], &[token]].concat(),
        vec!["--profile", "keycloak", "--issuer", "i", "--audience", token, "--allow", "x"],
    ] {
        let (code, out, err) = own.run(&arguments);
        assert_eq!((code, out.as_str()), (2, ""), "{err}");
        assert!(!err.contains(token) && !err.contains("eyJ"), "{err}");
    }
}

#[test]
fn a_file_admits_callers_that_the_profile_refuses() {
    let keycloak = |azp: &str| {
        let claims = json!({
            "iss": "https://idp.example/realms/shop", "aud": "my-api", "sub": "u", "jti": "1", "typ": "Bearer", "azp": azp,
        });
        case(&json!({"typ": "JWT"}), &claims)
    };
    let listed = text_file("profile = \"keycloak\"\nnames = [\"my-api\"]\nclients = [\"web\"]");
    let arguments = ["--issuer", "https://idp.example/realms/shop", "--profile", &listed];
    assert_eq!(keycloak("web").verdict(&arguments), "accepted");
    assert_eq!(keycloak("other").verdict(&arguments), "refused: claim_value");

    let firebase = |provider: &str| {
        let claims = json!({
            "iss": "https://securetoken.google.com/p", "aud": "p", "sub": "u",
            "firebase": {"sign_in_provider": provider, "tenant": "t"},
        });
        case(&json!({"typ": "JWT"}), &claims)
    };
    let tenant = "profile = \"firebase\"\nnames = [\"p\"]\ntenant = \"t\"\n";
    let (users, everyone) = (text_file(tenant), text_file(&format!("{tenant}allow_anonymous = true")));
    assert_eq!(firebase("password").verdict(&["--profile", &users]), "accepted");
    assert_eq!(firebase("anonymous").verdict(&["--profile", &users]), "refused: claim_value");
    assert_eq!(firebase("anonymous").verdict(&["--profile", &everyone]), "accepted");

    let claims =
        json!({"iss": "https://dev.example", "aud": "api", "sub": "0oab", "cid": "0oab", "jti": "AT.1"});
    let okta = case(&json!({}), &claims);
    let issuer = ["--issuer", "https://dev.example", "--audience", "api", "--profile"];
    assert_eq!(okta.verdict(&[&issuer[..], &["okta"]].concat()), "refused: claim_missing");
    let clients = text_file("profile = \"okta\"\nallow_clients = true");
    assert_eq!(okta.verdict(&[&issuer[..], &[&clients]].concat()), "accepted");
}
