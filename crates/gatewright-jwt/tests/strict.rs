//! Tokens signed with the right key that must be refused all the same, and the edges of what is accepted.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatewright_core::token::{MAX_ACCESS_LIFETIME, MAX_REFRESH_LIFETIME, MAX_TOKEN_BYTES};
use gatewright_core::{
    Claims, Epoch, Scopes, SessionId, SystemRandomness, Timestamp, TokenId, TokenIssuer, TokenKind,
    TokenRefusal, TokenVerifier, UserId,
};
use gatewright_jwt::Jwt;
use proptest::prelude::{any, proptest};

const SECRET: [u8; 32] = *b"fu8F0qTz1nQmX3vKd7RwYb2LhJc9PsEa";
const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);
const HEADER: &str = r#"{"alg":"HS256","typ":"at+jwt","kid":"k1"}"#;

fn jwt() -> Jwt {
    Jwt::hs256(SECRET, "https://issuer.example", "api").with_key_id("k1").build().unwrap()
}

/// Signs any header and payload with the right key.
fn sign(header: &str, payload: &str) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &SECRET), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// A payload that passes, with some members replaced (`None` removes one) and some added.
fn payload(changes: &[(&str, Option<&str>)]) -> String {
    let mut members = vec![
        ("iss", "\"https://issuer.example\""),
        ("aud", "\"api\""),
        ("sub", "\"42\""),
        ("exp", "1700000900"),
        ("iat", "1700000000"),
        ("jti", "\"1\""),
    ];
    for (name, value) in changes {
        members.retain(|(own, _)| own != name);
        members.extend(value.map(|value| (*name, value)));
    }
    let texts: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", texts.join(","))
}

fn verdict(changes: &[(&str, Option<&str>)]) -> Result<(), TokenRefusal> {
    jwt().verify(TokenKind::Access, &sign(HEADER, &payload(changes)), NOW).map(drop)
}

fn refusal_of_header(header: &str) -> TokenRefusal {
    jwt().verify(TokenKind::Access, &sign(header, &payload(&[])), NOW).unwrap_err()
}

#[test]
fn each_required_claim_is_missed() {
    assert_eq!(verdict(&[]), Ok(()));
    for name in ["iss", "aud", "sub", "exp", "iat", "jti"] {
        assert_eq!(verdict(&[(name, None)]), Err(TokenRefusal::ClaimMissing), "{name}");
    }
}

#[test]
fn each_claim_has_one_type() {
    for name in ["iss", "sub", "jti", "sid", "epoch", "scope", "aud"] {
        for value in ["1", "null", "true", "{}", "[1]"] {
            assert_eq!(verdict(&[(name, Some(value))]), Err(TokenRefusal::ClaimType), "{name} {value}");
        }
    }
    for name in ["exp", "iat", "nbf"] {
        for value in ["\"1700000900\"", "null", "true", "{}", "[1700000900]"] {
            assert_eq!(verdict(&[(name, Some(value))]), Err(TokenRefusal::ClaimType), "{name} {value}");
        }
        assert_eq!(verdict(&[(name, Some("-1"))]), Err(TokenRefusal::ClaimRange), "{name}");
        assert_eq!(verdict(&[(name, Some("1e400"))]), Err(TokenRefusal::ClaimRange), "{name}");
    }
    assert_eq!(verdict(&[("sub", Some("\"\""))]), Err(TokenRefusal::ClaimType));
    assert_eq!(verdict(&[("jti", Some("\"\""))]), Err(TokenRefusal::ClaimMissing));
    assert_eq!(verdict(&[("sid", Some("\"x\""))]), Err(TokenRefusal::ClaimType));
    assert_eq!(verdict(&[("epoch", Some("\"x\""))]), Err(TokenRefusal::ClaimType));
    assert_eq!(verdict(&[("scope", Some("\"a\\\"b\""))]), Err(TokenRefusal::ClaimType));
}

#[test]
fn a_token_is_expired_at_exp_and_not_a_fraction_before() {
    assert_eq!(
        verdict(&[("exp", Some("1700000000")), ("iat", Some("1699999000"))]),
        Err(TokenRefusal::Expired)
    );
    assert_eq!(verdict(&[("exp", Some("1700000000.00000000001")), ("iat", Some("1699999000"))]), Ok(()));
    assert_eq!(verdict(&[("exp", Some("17e8")), ("iat", Some("1699999000"))]), Err(TokenRefusal::Expired));
}

#[test]
fn iat_and_nbf_may_lie_five_seconds_ahead_and_not_more() {
    for name in ["iat", "nbf"] {
        assert_eq!(verdict(&[(name, Some("1700000005"))]), Ok(()), "{name}");
        assert_eq!(verdict(&[(name, Some("1700000005.000001"))]), Err(TokenRefusal::Immature), "{name}");
    }
}

#[test]
fn leeway_moves_exp_alone_and_has_a_cap() {
    let builder = || Jwt::hs256(SECRET, "https://issuer.example", "api").with_key_id("k1");
    let lenient = builder().with_leeway(Duration::from_secs(60)).build().unwrap();
    let at = |exp| sign(HEADER, &payload(&[("exp", Some(exp)), ("iat", Some("1699999000"))]));
    assert!(lenient.verify(TokenKind::Access, &at("1699999941"), NOW).is_ok());
    assert_eq!(lenient.verify(TokenKind::Access, &at("1699999940"), NOW), Err(TokenRefusal::Expired));
    assert_eq!(builder().with_leeway(Duration::from_secs(61)).build().unwrap_err().setting, "leeway");
}

#[test]
fn a_maximum_age_counts_from_iat_and_knows_no_leeway() {
    let strict = Jwt::hs256(SECRET, "https://issuer.example", "api").with_key_id("k1");
    let strict =
        strict.with_max_age(Duration::from_secs(30)).with_leeway(Duration::from_secs(60)).build().unwrap();
    let at =
        |iat| strict.verify(TokenKind::Access, &sign(HEADER, &payload(&[("iat", Some(iat))])), NOW).map(drop);
    assert_eq!(at("1699999970"), Ok(()));
    assert_eq!(at("1699999969.9999999999"), Err(TokenRefusal::Age));
    assert_eq!(at("0"), Err(TokenRefusal::Age));
}

#[test]
fn a_tolerance_moves_iat_and_nbf_alone_and_has_a_cap() {
    let builder = || Jwt::hs256(SECRET, "https://issuer.example", "api").with_key_id("k1");
    let with = |tolerance| builder().with_tolerance(Duration::from_secs(tolerance)).build().unwrap();
    for name in ["iat", "nbf"] {
        let token = |value| sign(HEADER, &payload(&[(name, Some(value))]));
        let verdict =
            |tolerance, value| with(tolerance).verify(TokenKind::Access, &token(value), NOW).map(drop);
        assert_eq!(verdict(0, "1700000000"), Ok(()));
        assert_eq!(verdict(0, "1700000001"), Err(TokenRefusal::Immature));
        assert_eq!(verdict(60, "1700000060"), Ok(()));
    }
    let expired = sign(HEADER, &payload(&[("exp", Some("1700000000")), ("iat", Some("1699999000"))]));
    assert_eq!(with(60).verify(TokenKind::Access, &expired, NOW).map(drop), Err(TokenRefusal::Expired));
    assert_eq!(builder().with_tolerance(Duration::from_secs(61)).build().unwrap_err().setting, "tolerance");
}

#[test]
fn times_at_the_ends_of_the_clock_do_not_overflow() {
    for now in [0, 1, u64::MAX] {
        for (exp, iat) in
            [("0", "0"), ("18446744073709551615", "18446744073709551615"), ("1", "99999999999999999999")]
        {
            let token = sign(HEADER, &payload(&[("exp", Some(exp)), ("iat", Some(iat)), ("nbf", Some(iat))]));
            for age in [Duration::ZERO, Duration::MAX] {
                let jwt =
                    Jwt::hs256(SECRET, "https://issuer.example", "api").with_key_id("k1").with_max_age(age);
                let _ = jwt.build().unwrap().verify(TokenKind::Access, &token, Timestamp::from_seconds(now));
            }
        }
    }
}

#[test]
fn a_lifetime_beyond_the_kinds_maximum_is_refused() {
    let exp = |span: Duration| (NOW.as_seconds() + span.as_secs()).to_string();
    assert_eq!(verdict(&[("exp", Some(&exp(MAX_ACCESS_LIFETIME)))]), Ok(()));
    assert_eq!(
        verdict(&[("exp", Some(&exp(MAX_ACCESS_LIFETIME + Duration::from_secs(1))))]),
        Err(TokenRefusal::Lifetime)
    );
    let refresh = |exp: &str| {
        let payload = payload(&[("exp", Some(exp)), ("aud", Some("\"https://issuer.example\""))]);
        jwt().verify(TokenKind::Refresh, &sign(&HEADER.replace("at+jwt", "rt+jwt"), &payload), NOW).map(drop)
    };
    assert_eq!(refresh(&exp(MAX_REFRESH_LIFETIME)), Ok(()));
    assert_eq!(refresh(&exp(MAX_REFRESH_LIFETIME + Duration::from_secs(1))), Err(TokenRefusal::Lifetime));
}

#[test]
fn issuer_and_audience_are_compared_byte_for_byte() {
    for value in ["\"https://issuer.example/\"", "\"HTTPS://issuer.example\"", "\"\""] {
        assert_eq!(verdict(&[("iss", Some(value))]), Err(TokenRefusal::Issuer), "{value}");
    }
    for value in ["\"API\"", "\"api \"", "[]", "[\"other\"]", "\"api other\""] {
        assert_eq!(verdict(&[("aud", Some(value))]), Err(TokenRefusal::Audience), "{value}");
    }
    assert_eq!(verdict(&[("aud", Some("[\"other\",\"api\"]"))]), Ok(()));
    assert_eq!(verdict(&[("aud", Some("[\"api\",1]"))]), Err(TokenRefusal::ClaimType));
}

#[test]
fn a_claim_named_twice_is_refused_at_any_depth() {
    for extra in [r#""sub":"42""#, r#""s\u0075b":"43""#, r#""x":1,"x":1"#, r#""x":{"y":[{"z":1,"z":1}]}"#] {
        let text = payload(&[]);
        let text = format!("{},{extra}}}", text.strip_suffix('}').unwrap());
        let verdict = jwt().verify(TokenKind::Access, &sign(HEADER, &text), NOW);
        assert_eq!(verdict, Err(TokenRefusal::Duplicate), "{extra}");
    }
}

#[test]
fn unknown_claims_are_ignored_unless_they_bind_the_token_to_a_sender() {
    assert_eq!(verdict(&[("x", Some(r#"{"y":[1,-2,3.5,null,true,"z"]}"#))]), Ok(()));
    assert_eq!(verdict(&[("cnf", Some(r#"{"jkt":"x"}"#))]), Err(TokenRefusal::SenderBound));
    assert_eq!(verdict(&[("cnf", Some("null"))]), Err(TokenRefusal::SenderBound));
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    assert_eq!(verdict(&[("x", Some(&deep))]), Err(TokenRefusal::Json));
}

#[test]
fn a_header_of_another_algorithm_key_or_kind_is_refused() {
    assert_eq!(refusal_of_header(r#"{"alg":"none","typ":"at+jwt","kid":"k1"}"#), TokenRefusal::Algorithm);
    assert_eq!(refusal_of_header(r#"{"alg":"hs256","typ":"at+jwt","kid":"k1"}"#), TokenRefusal::Algorithm);
    assert_eq!(refusal_of_header(r#"{"alg":"HS512","typ":"at+jwt","kid":"k1"}"#), TokenRefusal::Algorithm);
    assert_eq!(refusal_of_header(r#"{"typ":"at+jwt","kid":"k1"}"#), TokenRefusal::Algorithm);
    assert_eq!(refusal_of_header(r#"{"alg":"HS256","typ":"at+jwt"}"#), TokenRefusal::Key);
    assert_eq!(refusal_of_header(r#"{"alg":"HS256","typ":"at+jwt","kid":"K1"}"#), TokenRefusal::Key);
    assert_eq!(refusal_of_header(r#"{"alg":"HS256","kid":"k1"}"#), TokenRefusal::Kind);
    assert_eq!(refusal_of_header(r#"{"alg":"HS256","typ":"rt+jwt","kid":"k1"}"#), TokenRefusal::Kind);
    assert_eq!(
        refusal_of_header(r#"{"alg":"HS256","typ":"at+jwt","kid":"k1","crit":["x"],"x":1}"#),
        TokenRefusal::Critical
    );
}

#[test]
fn a_token_issued_for_another_audience_issuer_or_key_is_refused() {
    let claims = Claims::new(
        UserId::new("42").unwrap(),
        TokenId::new("1"),
        NOW,
        Timestamp::from_seconds(1_700_000_900),
    );
    let other = |secret: [u8; 32], issuer: &str, audience: &str| {
        let jwt = Jwt::hs256(secret, issuer, audience).with_key_id("k1").build().unwrap();
        jwt.issue(TokenKind::Access, &claims).unwrap().expose().to_owned()
    };
    let refusal = |token: String| jwt().verify(TokenKind::Access, &token, NOW).unwrap_err();
    assert_eq!(refusal(other(SECRET, "https://issuer.example", "other")), TokenRefusal::Audience);
    assert_eq!(refusal(other(SECRET, "https://other.example", "api")), TokenRefusal::Issuer);
    assert_eq!(
        refusal(other(*b"0123456789abcdef0123456789abcdef", "https://issuer.example", "api")),
        TokenRefusal::Signature
    );
}

#[test]
fn what_is_issued_is_what_is_verified_and_what_jsonwebtoken_reads() {
    let claims = full_claims("items:read items:write");
    let token = jwt().issue(TokenKind::Access, &claims).unwrap();
    assert_eq!(jwt().verify(TokenKind::Access, token.expose(), NOW).unwrap().into_claims(), claims);

    let header = jsonwebtoken::decode_header(token.expose()).unwrap();
    assert_eq!((header.typ.as_deref(), header.kid.as_deref()), (Some("at+jwt"), Some("k1")));
    let key = jsonwebtoken::DecodingKey::from_secret(&SECRET);
    let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::HS256);
    rules.validate_exp = false;
    rules.set_audience(&["api"]);
    #[expect(clippy::disallowed_methods, reason = "the oracle")]
    let theirs = jsonwebtoken::decode::<serde_json::Value>(token.expose(), &key, &rules).unwrap().claims;
    assert_eq!(theirs["scope"], "items:read items:write");
    assert_eq!(theirs["sub"], "42");
}

#[test]
fn a_token_nobody_would_read_is_not_issued() {
    let claims = Claims::new(UserId::new("42").unwrap(), TokenId::new("x".repeat(MAX_TOKEN_BYTES)), NOW, NOW);
    assert!(jwt().issue(TokenKind::Access, &claims).is_err());
}

fn full_claims(scopes: &str) -> Claims {
    let session = SessionId::generate(NOW, &SystemRandomness).unwrap();
    Claims::new(UserId::new("42").unwrap(), TokenId::new("1"), NOW, Timestamp::from_seconds(1_700_000_900))
        .with_session(session)
        .with_epoch(Epoch::from_u64(7))
        .with_scopes(Scopes::parse(scopes).unwrap())
}

proptest! {
    #[test]
    fn any_one_byte_change_is_refused(position in any::<proptest::sample::Index>(), byte in 1_u8..128) {
        let token = jwt().issue(TokenKind::Access, &full_claims("a")).unwrap().expose().to_owned();
        let mut bytes = token.clone().into_bytes();
        let at = position.index(bytes.len());
        bytes[at] = byte;
        let changed = String::from_utf8(bytes).unwrap();
        let verdict = jwt().verify(TokenKind::Access, &changed, NOW);
        proptest::prop_assert_eq!(verdict.is_ok(), changed == token);
    }

    #[test]
    fn no_signed_payload_makes_the_verifier_panic(
        name in "iss|sub|aud|exp|nbf|iat|jti|sid|epoch|scope|cnf|x",
        value in "-?[0-9]{1,30}(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,10})?|\"\\PC{0,40}\"|\\[[0-9,]{0,9}\\]|null|true",
        junk in "\\PC{0,60}",
    ) {
        let _ = verdict(&[(&name, Some(&value))]);
        let _ = jwt().verify(TokenKind::Access, &sign(HEADER, &junk), NOW);
        let _ = jwt().verify(TokenKind::Access, &sign(&junk, &payload(&[])), NOW);
        let _ = jwt().verify(TokenKind::Access, &junk, NOW);
    }
}
