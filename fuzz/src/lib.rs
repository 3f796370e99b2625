//! The fuzz targets. A target fails if the library panics, or if an assertion below does.
//!
//! `cargo xtask fuzz` replays the seeds, then runs each target for a minute. `cargo test` replays
//! the seeds only.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a panic reports a finding"
)]

use std::net::IpAddr;
use std::sync::LazyLock;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatewright::endpoints::Endpoint;
use gatewright::http::{BodyCollector, Headers, MAX_TRUSTED_PROXIES, RequestView, TrustedProxies};
use gatewright::token::{
    Algorithm, GithubId, Issuers, JwkSet, KeyRing, MAX_JWKS_KEYS, SigningKey, TokenKind, TokenProfile,
    TokenVerifier, VerifyingKey,
};
use gatewright::types::{MAX_EMAIL_BYTES, MAX_USERNAME_BYTES, MAX_USERNAME_KEY_BYTES, Timestamp, Username};
use gatewright::{Auth, Email, HashingPool, Jwt, LoginName, MemoryStore, RoleName};
use gatewright_core::http::BearerToken;
use gatewright_core::revocation::{FeedCodec, FeedKey, MAX_FEED_MESSAGE_BYTES};

const SECRET: &[u8; 32] = b"0123456789abcdef0123456789abcdef";
const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "https://api.example";
const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// One key in four verifiers: plain, with a cache, as the application's own issuer, and as an
/// outside issuer. The same key without the right to sign in verifiers with a profile each.
struct Verifiers {
    plain: Jwt,
    cached: Jwt,
    own: Issuers<Jwt>,
    outside: Issuers,
    profiled: Vec<Jwt>,
}

static VERIFIERS: LazyLock<Verifiers> = LazyLock::new(|| {
    let key = SigningKey::from_secret(Algorithm::Hs256, SECRET).unwrap().with_id("hs1").unwrap();
    let verifying = KeyRing::verifying([key.verifying_key().clone()]).unwrap();
    let ring = KeyRing::new(key);
    let builder = || Jwt::builder(ring.clone()).issuer(ISSUER).audience(AUDIENCE);
    let own = Issuers::new().with_own(builder().build().unwrap()).unwrap();
    let outside = Issuers::new().with(builder().build().unwrap()).unwrap();
    Verifiers {
        plain: builder().build().unwrap(),
        cached: builder().with_cache(64).build().unwrap(),
        own,
        outside,
        profiled: profiles().into_iter().map(|profile| with_profile(&verifying, profile)).collect(),
    }
});

/// Profiles that together have every kind of part.
fn profiles() -> Vec<TokenProfile> {
    vec![
        TokenProfile::rfc9068(),
        TokenProfile::auth0().with_clients(["web"]),
        TokenProfile::entra_id(AUDIENCE, [""; 0]).dangerous().with_all_tenants(),
        TokenProfile::cognito([AUDIENCE]),
        TokenProfile::keycloak(AUDIENCE),
        TokenProfile::google_id_token([AUDIENCE]),
        TokenProfile::firebase(AUDIENCE).with_tenant("t"),
        TokenProfile::supabase().with_clients(["web"]),
        TokenProfile::kubernetes(AUDIENCE, ["shop:web"]),
        TokenProfile::spring_authorization_server(),
        TokenProfile::cloud_foundry_uaa().with_max_token_bytes(32 * 1024),
        TokenProfile::github_actions(AUDIENCE, [GithubId::Owner(1)]),
    ]
}

fn with_profile(ring: &KeyRing, profile: TokenProfile) -> Jwt {
    let tenants = profile.deviations().iter().any(|one| one.contains("all tenants"));
    let issuer = if tenants { "https://{tenantid}" } else { ISSUER };
    Jwt::builder(ring.clone())
        .issuer(issuer)
        .audience(AUDIENCE)
        .with_profile(profile.clone())
        .build()
        .unwrap_or_else(
            // Supabase has an audience of its own.
            |_| Jwt::builder(ring.clone()).issuer(issuer).with_profile(profile).build().unwrap(),
        )
}

/// The cache and the application's own issuer give the plain verdict. From an outside issuer only
/// access tokens are accepted, and their claims lose the session.
fn verify(token: &str) {
    let Verifiers { plain, cached, own, outside, profiled } = &*VERIFIERS;
    for jwt in profiled {
        assert!(jwt.verify(TokenKind::Refresh, token, NOW).is_err());
        if let Ok(claims) = jwt.verify(TokenKind::Access, token, NOW) {
            assert!(claims.expires_at() > NOW && claims.session().is_none() && claims.epoch().is_none());
        }
    }
    let mut accepted = false;
    for kind in TokenKind::ALL {
        let verdict = plain.verify(kind, token, NOW);
        for _ in 0..2 {
            assert_eq!(cached.verify(kind, token, NOW), verdict);
        }
        assert_eq!(own.verify(kind, token, NOW).is_ok(), verdict.is_ok());
        if let Ok(claims) = outside.verify(kind, token, NOW) {
            assert_eq!(kind, TokenKind::Access);
            assert_eq!(claims, verdict.clone().unwrap().without_session());
        }
        if let Ok(claims) = verdict {
            assert!(!accepted, "the token is accepted as two kinds");
            assert!(claims.expires_at() > NOW && claims.token_id().is_some());
            accepted = true;
        }
    }
}

fn sign(header: &[u8], payload: &[u8]) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// The input is a token.
pub fn token(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        verify(text);
    }
}

/// The input is the header of a correctly signed token.
pub fn header(data: &[u8]) {
    let payload = format!(
        r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","sub":"1","jti":"1","iat":1700000000,"exp":1700000300}}"#
    );
    verify(&sign(data, payload.as_bytes()));
}

/// The input is the payload of a correctly signed token.
pub fn claims(data: &[u8]) {
    for typ in [r#""typ":"at+jwt","#, r#""typ":"rt+jwt","#, r#""typ":"JWT","#, ""] {
        verify(&sign(format!(r#"{{"alg":"HS256",{typ}"kid":"hs1"}}"#).as_bytes(), data));
    }
}

/// The input is a JSON Web Key.
pub fn jwk(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = SigningKey::from_jwk(text);
    let Ok(key) = VerifyingKey::from_jwk(text) else { return };
    // A parsed public key can be published and parsed again. Secrets are not published.
    let (id, algorithm) = (key.id().to_owned(), key.algorithm());
    let set = JwkSet::parse(&KeyRing::verifying([key]).unwrap().jwks()).unwrap();
    match set.keys() {
        [] => assert!(algorithm.is_symmetric()),
        [own] => assert_eq!((own.id(), own.algorithm()), (id.as_str(), algorithm)),
        _ => panic!("one key became several"),
    }
}

/// The input is a JSON Web Key Set.
pub fn jwks(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(set) = JwkSet::parse(text) else { return };
    assert!(set.keys().len() + set.rejected().len() <= MAX_JWKS_KEYS);
    assert!(set.keys().iter().all(|key| !key.algorithm().is_symmetric()));
    assert!(KeyRing::verifying(set.into_keys()).is_ok());
}

/// The input is a PEM text, or the DER bytes of one.
pub fn pem(data: &[u8]) {
    let mut texts = vec![String::from_utf8_lossy(data).into_owned()];
    for label in ["PUBLIC KEY", "PRIVATE KEY"] {
        let body = base64::engine::general_purpose::STANDARD.encode(data);
        let lines: Vec<&str> =
            body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        texts.push(format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n")));
    }
    for text in texts {
        for algorithm in Algorithm::ALL {
            let public = VerifyingKey::from_pem(algorithm, &text).is_ok();
            let private = SigningKey::from_pem(algorithm, &text).is_ok();
            // No text is both, and symmetric keys have no public text.
            assert!(!public || !(private || algorithm.is_symmetric()));
        }
    }
}

/// A header name and its values.
struct Values<'a>(&'a str, Vec<&'a [u8]>);

impl Headers for Values<'_> {
    fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        if name == self.0 {
            self.1.iter().for_each(|value| see(value));
        }
    }
}

/// The input is the `Authorization` header, one value per line.
pub fn authorization(data: &[u8]) {
    let headers = Values("authorization", data.split(|byte| *byte == b'\n').collect());
    if let Ok(Some(bearer)) = BearerToken::read(&RequestView::new("GET", &headers)) {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        assert!(!bearer.expose().is_empty() && bearer.expose().bytes().all(allowed));
        verify(bearer.expose());
    }
}

static AUTH: LazyLock<(Auth, tokio::runtime::Runtime)> = LazyLock::new(|| {
    let tokens = Jwt::hs256(*SECRET).issuer(ISSUER).audience(AUDIENCE).build().unwrap();
    let auth = Auth::local(MemoryStore::new(), tokens, HashingPool::new().unwrap())
        .with_refusal_floor(Duration::ZERO)
        .without_throttle()
        .with_registration_role(RoleName::new("user").unwrap())
        .with_trusted_proxies(TrustedProxies::parse("10.0.0.0/8").unwrap())
        .build()
        .unwrap();
    (auth, tokio::runtime::Builder::new_current_thread().build().unwrap())
});

/// The input is the `X-Forwarded-For` header, one value per line. It is also parsed as a list of
/// trusted proxies.
pub fn forwarded(data: &[u8]) {
    let (auth, _) = &*AUTH;
    let headers = Values("x-forwarded-for", data.split(|byte| *byte == b'\n').collect());
    let client = |peer: &str| {
        let peer: IpAddr = peer.parse().unwrap();
        auth.client(&RequestView::new("GET", &headers).with_peer(Some(peer))).address.unwrap()
    };
    assert_eq!(client("192.0.2.1").to_string(), "192.0.2.1", "192.0.2.1 is not a trusted proxy");
    let seen = client("10.0.0.1");
    assert_eq!(seen, seen.to_canonical());
    if let Ok(proxies) = TrustedProxies::parse(&String::from_utf8_lossy(data)) {
        assert!(proxies.len() <= MAX_TRUSTED_PROXIES);
    }
}

/// The fields that an answer may name.
const FIELDS: [&str; 5] = ["grant_type", "refresh_token", "scope", "token", "token_type_hint"];

/// The input is the body of a refresh, a logout and a revocation, as a form and as JSON. None is granted, and none
/// is a server error. A malformed one names a field of the endpoint or none.
pub fn form_body(data: &[u8]) {
    let (auth, runtime) = &*AUTH;
    for media in ["application/x-www-form-urlencoded", "application/json"] {
        let headers = Values("content-type", vec![media.as_bytes()]);
        for endpoint in [Endpoint::Refresh, Endpoint::Logout, Endpoint::Revoke] {
            let view = RequestView::new("POST", &headers);
            let mut body = BodyCollector::new(&view);
            body.push(data);
            let reply = runtime.block_on(auth.handle(endpoint, &view, body.finish()));
            assert!((200..500).contains(&reply.status));
            assert!(!reply.body.windows(12).any(|part| part == b"access_token"));
            if reply.status == 400 {
                let named = FIELDS.map(|name| format!(r#","field":"{name}"}}"#));
                let names_none = !reply.body.windows(9).any(|part| part == br#","field":"#);
                assert!(names_none || named.iter().any(|name| reply.body.ends_with(name.as_bytes())));
            }
        }
    }
}

/// The input is an address, a user name and a login name. Each form of a name is that name, has bounded length and nothing
/// that ends a line, and a login is counted under the key of the account.
pub fn login_name(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let login = LoginName::parse(text).ok();
    let counted = login.as_ref().map(LoginName::throttle_key);
    if let Ok(email) = Email::parse(text) {
        for form in [email.as_str(), email.key()] {
            assert!(
                form.len() <= MAX_EMAIL_BYTES
                    && !form.contains(|c: char| c.is_whitespace() || c.is_control())
            );
            assert_eq!(Email::parse(form).unwrap().as_str(), form);
            assert_eq!(Email::parse(form).unwrap(), email);
        }
        assert!(email.as_str().split_once('@').unwrap().1.is_ascii());
        assert!(counted.as_ref().is_none_or(|counted| counted == email.key()));
    }
    if let Ok(name) = Username::parse(text) {
        assert!(name.as_str().len() <= MAX_USERNAME_BYTES && name.key().len() <= MAX_USERNAME_KEY_BYTES);
        assert!(!name.as_str().contains(|c: char| c == '@' || c.is_whitespace() || c.is_control()));
        assert_eq!(Username::parse(name.as_str()).unwrap(), name);
        assert!(counted.as_ref().is_none_or(|counted| counted == name.key()));
    }
    if let Some(login) = login {
        // An account with this name is found by the text that its owner reads.
        assert_eq!(login.as_email(), Email::parse(text).ok());
        assert_eq!(login.as_username(), Username::parse(text).ok());
    }
}

/// With a key, and without one.
static CODECS: LazyLock<[FeedCodec; 2]> =
    LazyLock::new(|| [FeedCodec::with_key(FeedKey::from_bytes(*SECRET)), FeedCodec::unauthenticated()]);

/// The input is a message of the revocation feed. With a key none is accepted. Without one, a message
/// that is accepted survives a round trip.
pub fn feed_message(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let [keyed, unauthenticated] = &*CODECS;
    assert!(keyed.open(text).is_err(), "the fuzzer found a MAC");
    let Ok(message) = unauthenticated.open(text) else { return };
    assert!(text.len() <= MAX_FEED_MESSAGE_BYTES);
    for codec in &*CODECS {
        let sealed = codec.seal(message.revocation().clone(), NOW);
        assert!(sealed.as_str().len() <= MAX_FEED_MESSAGE_BYTES);
        assert_eq!(codec.open(sealed.as_str()).unwrap().revocation(), message.revocation());
    }
}

/// The program of a target. Without the fuzzer, its `main` runs the target on each file that the
/// command line names.
#[macro_export]
macro_rules! target {
    ($name:ident) => {
        libfuzzer_sys::fuzz_target!(|data: &[u8]| $crate::$name(data));

        #[cfg(not(fuzzing))]
        fn main() {
            $crate::replay($crate::$name);
        }
    };
}

/// Runs a target on each file that the command line names.
pub fn replay(target: fn(&[u8])) {
    std::env::args().skip(1).for_each(|file| target(&std::fs::read(file).unwrap()));
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// Runs a target on each of its seeds.
    fn seeds(name: &str, target: fn(&[u8]), count: usize) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name);
        let files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.iter().for_each(|file| target(&fs::read(file).unwrap()));
        assert_eq!(files.len(), count, "{name}");
    }

    #[test]
    fn seeds_make_no_target_fail() {
        seeds("token", super::token, 12);
        seeds("header", super::header, 8);
        seeds("claims", super::claims, 13);
        seeds("jwk", super::jwk, 4);
        seeds("jwks", super::jwks, 3);
        seeds("pem", super::pem, 9);
        seeds("authorization", super::authorization, 9);
        seeds("forwarded", super::forwarded, 7);
        seeds("form_body", super::form_body, 7);
        seeds("feed_message", super::feed_message, 7);
        seeds("login_name", super::login_name, 17);
    }
}
