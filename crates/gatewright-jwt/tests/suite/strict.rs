//! Correctly signed tokens that must be rejected, and the limits of what is accepted.

use std::time::Duration;

use gatewright_core::token::{MAX_ACCESS_LIFETIME, MAX_REFRESH_LIFETIME};
use gatewright_core::{
    Epoch, Scopes, SessionId, SystemRandom, Timestamp, TokenError, TokenKind, TokenVerifier,
};
use gatewright_jwt::{Jwt, JwtBuilder};
use proptest::prelude::{any, proptest};

use crate::common::{ISSUER, NOW, SECRET, change_byte, claims, issue, sign, verify};

const HEADER: &str = r#"{"alg":"HS256","typ":"at+jwt","kid":"hs1"}"#;

fn builder() -> JwtBuilder {
    Jwt::hs256(*SECRET).issuer(ISSUER).audience("api").with_key_id("hs1")
}

fn jwt() -> Jwt {
    builder().build().unwrap()
}

/// A valid payload with some members replaced, removed (`None`) or added.
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
        members.retain(|(existing, _)| existing != name);
        members.extend(value.map(|value| (*name, value)));
    }
    let texts: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", texts.join(","))
}

/// A token with a valid header and the payload with these changes.
fn token(changes: &[(&str, Option<&str>)]) -> String {
    sign(HEADER, &payload(changes))
}

fn verdict(changes: &[(&str, Option<&str>)]) -> Result<(), TokenError> {
    verify(&jwt(), &token(changes))
}

#[test]
fn a_missing_required_claim_is_rejected() {
    assert_eq!(verdict(&[]), Ok(()));
    for name in ["iss", "aud", "exp", "iat", "jti"] {
        assert_eq!(verdict(&[(name, None)]), Err(TokenError::ClaimMissing), "{name}");
    }
    assert_eq!(verdict(&[("sub", None)]), Err(TokenError::SubjectMissing));
}

#[test]
fn a_claim_of_a_wrong_type_or_range_is_rejected() {
    for name in ["iss", "sub", "jti", "sid", "epoch", "scope", "aud"] {
        for value in ["1", "null", "true", "{}", "[1]"] {
            assert_eq!(verdict(&[(name, Some(value))]), Err(TokenError::ClaimType), "{name} {value}");
        }
    }
    for name in ["exp", "iat", "nbf"] {
        for value in ["\"1700000900\"", "null", "true", "{}", "[1700000900]"] {
            assert_eq!(verdict(&[(name, Some(value))]), Err(TokenError::ClaimType), "{name} {value}");
        }
        assert_eq!(verdict(&[(name, Some("-1"))]), Err(TokenError::ClaimRange), "{name}");
        assert_eq!(verdict(&[(name, Some("1e400"))]), Err(TokenError::ClaimRange), "{name}");
    }
    assert_eq!(verdict(&[("sub", Some("\"\""))]), Err(TokenError::ClaimType));
    assert_eq!(verdict(&[("jti", Some("\"\""))]), Err(TokenError::ClaimMissing));
    assert_eq!(verdict(&[("sid", Some("\"x\""))]), Err(TokenError::ClaimType));
    assert_eq!(verdict(&[("epoch", Some("\"x\""))]), Err(TokenError::ClaimType));
    assert_eq!(verdict(&[("scope", Some("\"a\\\"b\""))]), Err(TokenError::ClaimType));
}

#[test]
fn a_token_expires_exactly_at_exp() {
    let verdict = |exp| verdict(&[("exp", Some(exp)), ("iat", Some("1699999000"))]);
    assert_eq!(verdict("1700000000"), Err(TokenError::Expired));
    assert_eq!(verdict("1700000000.00000000001"), Ok(()));
    assert_eq!(verdict("17e8"), Err(TokenError::Expired));
}

#[test]
fn iat_and_nbf_may_lie_five_seconds_in_the_future() {
    for name in ["iat", "nbf"] {
        assert_eq!(verdict(&[(name, Some("1700000005"))]), Ok(()), "{name}");
        assert_eq!(verdict(&[(name, Some("1700000005.000001"))]), Err(TokenError::Immature), "{name}");
    }
}

#[test]
fn the_leeway_only_extends_exp_and_is_limited() {
    let lenient = builder().with_leeway(Duration::from_secs(60)).build().unwrap();
    let verdict = |exp| verify(&lenient, &token(&[("exp", Some(exp)), ("iat", Some("1699999000"))]));
    assert_eq!(verdict("1699999941"), Ok(()));
    assert_eq!(verdict("1699999940"), Err(TokenError::Expired));
    assert_eq!(builder().with_leeway(Duration::from_secs(61)).build().unwrap_err().setting, "leeway");
}

#[test]
fn the_maximum_age_counts_from_iat_without_leeway() {
    let strict = builder().with_max_age(Duration::from_secs(30)).with_leeway(Duration::from_secs(60));
    let strict = strict.build().unwrap();
    let verdict = |iat| verify(&strict, &token(&[("iat", Some(iat))]));
    assert_eq!(verdict("1699999970"), Ok(()));
    assert_eq!(verdict("1699999969.9999999999"), Err(TokenError::Age));
    assert_eq!(verdict("0"), Err(TokenError::Age));
}

#[test]
fn the_tolerance_only_extends_iat_and_nbf_and_is_limited() {
    let with = |tolerance| builder().with_tolerance(Duration::from_secs(tolerance)).build().unwrap();
    for name in ["iat", "nbf"] {
        let verdict = |tolerance, value| verify(&with(tolerance), &token(&[(name, Some(value))]));
        assert_eq!(verdict(0, "1700000000"), Ok(()));
        assert_eq!(verdict(0, "1700000001"), Err(TokenError::Immature));
        assert_eq!(verdict(60, "1700000060"), Ok(()));
    }
    let expired = token(&[("exp", Some("1700000000")), ("iat", Some("1699999000"))]);
    assert_eq!(verify(&with(60), &expired), Err(TokenError::Expired));
    assert_eq!(builder().with_tolerance(Duration::from_secs(61)).build().unwrap_err().setting, "tolerance");
}

#[test]
fn extreme_times_do_not_overflow() {
    for now in [0, 1, u64::MAX] {
        for (exp, iat) in
            [("0", "0"), ("18446744073709551615", "18446744073709551615"), ("1", "99999999999999999999")]
        {
            let token = token(&[("exp", Some(exp)), ("iat", Some(iat)), ("nbf", Some(iat))]);
            for age in [Duration::ZERO, Duration::MAX] {
                let jwt = builder().with_max_age(age).build().unwrap();
                let _ = jwt.verify(TokenKind::Access, &token, Timestamp::from_seconds(now));
            }
        }
    }
}

#[test]
fn a_lifetime_above_the_maximum_of_its_kind_is_rejected() {
    let exp = |span: Duration| (NOW.as_seconds() + span.as_secs()).to_string();
    assert_eq!(verdict(&[("exp", Some(&exp(MAX_ACCESS_LIFETIME)))]), Ok(()));
    let too_long = exp(MAX_ACCESS_LIFETIME + Duration::from_secs(1));
    assert_eq!(verdict(&[("exp", Some(&too_long))]), Err(TokenError::Lifetime));
    let refresh = |exp: &str| {
        let payload = payload(&[("exp", Some(exp)), ("aud", Some("\"https://issuer.example\""))]);
        jwt().verify(TokenKind::Refresh, &sign(&HEADER.replace("at+jwt", "rt+jwt"), &payload), NOW).map(drop)
    };
    assert_eq!(refresh(&exp(MAX_REFRESH_LIFETIME)), Ok(()));
    assert_eq!(refresh(&exp(MAX_REFRESH_LIFETIME + Duration::from_secs(1))), Err(TokenError::Lifetime));
}

#[test]
fn issuer_and_audience_are_compared_byte_for_byte() {
    for value in ["\"https://issuer.example/\"", "\"HTTPS://issuer.example\"", "\"\""] {
        assert_eq!(verdict(&[("iss", Some(value))]), Err(TokenError::Issuer), "{value}");
    }
    for value in ["\"API\"", "\"api \"", "[]", "[\"other\"]", "\"api other\""] {
        assert_eq!(verdict(&[("aud", Some(value))]), Err(TokenError::Audience), "{value}");
    }
    assert_eq!(verdict(&[("aud", Some("[\"other\",\"api\"]"))]), Ok(()));
    assert_eq!(verdict(&[("aud", Some("[\"api\",1]"))]), Err(TokenError::ClaimType));
}

#[test]
fn duplicate_claims_are_rejected_at_any_depth() {
    for extra in [r#""sub":"42""#, r#""s\u0075b":"43""#, r#""x":1,"x":1"#, r#""x":{"y":[{"z":1,"z":1}]}"#] {
        let text = payload(&[]);
        let text = format!("{},{extra}}}", text.strip_suffix('}').unwrap());
        assert_eq!(verify(&jwt(), &sign(HEADER, &text)), Err(TokenError::Duplicate), "{extra}");
    }
}

#[test]
fn unknown_claims_are_ignored_but_sender_bound_tokens_are_rejected() {
    assert_eq!(verdict(&[("x", Some(r#"{"y":[1,-2,3.5,null,true,"z"]}"#))]), Ok(()));
    assert_eq!(verdict(&[("cnf", Some(r#"{"jkt":"x"}"#))]), Err(TokenError::SenderBound));
    assert_eq!(verdict(&[("cnf", Some("null"))]), Err(TokenError::SenderBound));
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    assert_eq!(verdict(&[("x", Some(&deep))]), Err(TokenError::Json));
}

#[test]
fn a_header_with_another_algorithm_key_or_kind_is_rejected() {
    for (header, error) in [
        (r#"{"alg":"none","typ":"at+jwt","kid":"hs1"}"#, TokenError::Algorithm),
        (r#"{"alg":"hs256","typ":"at+jwt","kid":"hs1"}"#, TokenError::Algorithm),
        (r#"{"alg":"HS512","typ":"at+jwt","kid":"hs1"}"#, TokenError::Algorithm),
        (r#"{"typ":"at+jwt","kid":"hs1"}"#, TokenError::Algorithm),
        (r#"{"alg":"HS256","typ":"at+jwt"}"#, TokenError::Key),
        (r#"{"alg":"HS256","typ":"at+jwt","kid":"HS1"}"#, TokenError::Key),
        (r#"{"alg":"HS256","kid":"hs1"}"#, TokenError::Kind),
        (r#"{"alg":"HS256","typ":"rt+jwt","kid":"hs1"}"#, TokenError::Kind),
        (r#"{"alg":"HS256","typ":"at+jwt","kid":"hs1","crit":["x"],"x":1}"#, TokenError::Critical),
    ] {
        assert_eq!(verify(&jwt(), &sign(header, &payload(&[]))), Err(error), "{header}");
    }
}

#[test]
fn a_token_for_another_audience_issuer_or_key_is_rejected() {
    let verdict = |secret: &[u8; 32], issuer: &str, audience: &str| {
        let other = Jwt::hs256(*secret).issuer(issuer).audience(audience).with_key_id("hs1").build().unwrap();
        verify(&jwt(), &issue(&other))
    };
    assert_eq!(verdict(SECRET, ISSUER, "other"), Err(TokenError::Audience));
    assert_eq!(verdict(SECRET, "https://other.example", "api"), Err(TokenError::Issuer));
    assert_eq!(verdict(b"a different secret for the tests", ISSUER, "api"), Err(TokenError::Signature));
}

#[test]
fn verification_and_jsonwebtoken_read_the_issued_claims() {
    let claims = claims()
        .with_session(SessionId::generate(NOW, &SystemRandom).unwrap())
        .with_epoch(Epoch::from_u64(7))
        .with_scopes(Scopes::parse("items:read items:write").unwrap());
    let token = jwt().sign(TokenKind::Access, &claims).unwrap();
    assert_eq!(jwt().verify(TokenKind::Access, token.expose(), NOW).unwrap().to_claims(), claims);

    let header = jsonwebtoken::decode_header(token.expose()).unwrap();
    assert_eq!((header.typ.as_deref(), header.kid.as_deref()), (Some("at+jwt"), Some("hs1")));
    let key = jsonwebtoken::DecodingKey::from_secret(SECRET);
    let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::HS256);
    rules.validate_exp = false;
    rules.set_audience(&["api"]);
    #[expect(clippy::disallowed_methods, reason = "the oracle")]
    let theirs = jsonwebtoken::decode::<serde_json::Value>(token.expose(), &key, &rules).unwrap().claims;
    assert_eq!(theirs["scope"], "items:read items:write");
    assert_eq!(theirs["sub"], "42");
}

proptest! {
    #[test]
    fn any_change_of_one_byte_is_rejected(position in any::<proptest::sample::Index>(), byte in 1_u8..128) {
        let token = issue(&jwt());
        let changed = change_byte(&token, position, byte).unwrap();
        proptest::prop_assert_eq!(verify(&jwt(), &changed).is_ok(), changed == token);
    }

    #[test]
    fn verification_never_panics(
        name in "iss|sub|aud|exp|nbf|iat|jti|sid|epoch|scope|cnf|x",
        value in "-?[0-9]{1,30}(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,10})?|\"\\PC{0,40}\"|\\[[0-9,]{0,9}\\]|null|true",
        junk in "\\PC{0,60}",
    ) {
        let _ = verdict(&[(&name, Some(&value))]);
        for token in [sign(HEADER, &junk), sign(&junk, &payload(&[])), junk] {
            let _ = verify(&jwt(), &token);
        }
    }
}
