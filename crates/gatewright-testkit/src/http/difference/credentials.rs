//! Credentials: tokens and keys, good and bad, and how they can be written.

use super::super::Target;
use super::actors::Actors;

/// Names and values.
type Headers = Vec<(&'static str, Vec<u8>)>;

/// Every credential by its name: what headers it is.
pub(super) fn credentials(target: &Target, actors: &Actors) -> Vec<(String, Headers)> {
    let tokens = actors.tokens(target).into_iter();
    let tokens =
        tokens.map(|(name, token)| (format!("bearer: {name}"), vec![("authorization", bearer(&token))]));
    let good = &actors.user.access;
    let values = [
        String::new(),
        " ".to_owned(),
        "Basic YTpi".to_owned(),
        "Digest username=\"x\"".to_owned(),
        format!("Token {good}"),
        format!("Bearer{good}"),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Bearer\t{good}"),
        format!("bearer {good}"),
        format!("BEARER    {good}"),
        format!("Bearer {good}  "),
        format!("Bearer {good} {good}"),
        format!("Bearer {good},x"),
        format!("Bearer \"{good}\""),
        format!("Bearer {good}="),
        "Bearer =".to_owned(),
        "Bearer a=b".to_owned(),
        ", Bearer x".to_owned(),
        format!("Basic YTpi, Bearer {good}"),
    ];
    let written = values.into_iter().enumerate().map(|(at, value)| {
        (
            format!("authorization {at}: {}", value.replace(good, "{good}")),
            vec![("authorization", value.into_bytes())],
        )
    });
    let (key, other) = (target.api_key.clone().into_bytes(), target.scoped_api_key.clone().into_bytes());
    let sets: [(&str, Headers); 20] = [
        ("nothing", vec![]),
        ("no text", vec![("authorization", b"Bearer \xe9".to_vec())]),
        ("the same token twice", vec![("authorization", bearer(good)), ("authorization", bearer(good))]),
        (
            "a token and basic",
            vec![("authorization", bearer(good)), ("authorization", b"Basic YTpi".to_vec())],
        ),
        (
            "basic and a token",
            vec![("authorization", b"Basic YTpi".to_vec()), ("authorization", bearer(good))],
        ),
        ("a token and nothing", vec![("authorization", bearer(good)), ("authorization", vec![])]),
        ("for a proxy", vec![("proxy-authorization", bearer(good))]),
        ("in a cookie", vec![("cookie", format!("access_token={good}").into_bytes())]),
        ("a key", vec![("x-api-key", key.clone())]),
        ("a key in spaces", vec![("x-api-key", [b"  ", &key[..], b" "].concat())]),
        ("a key with a scope", vec![("X-API-KEY", other.clone())]),
        ("an empty key", vec![("x-api-key", vec![])]),
        ("a wrong key", vec![("x-api-key", b"x".to_vec())]),
        ("a long key", vec![("x-api-key", vec![b'k'; 8_000])]),
        ("a key that is no text", vec![("x-api-key", b"\xe9\xff".to_vec())]),
        ("two keys", vec![("x-api-key", key.clone()), ("x-api-key", other)]),
        ("a key and an empty one", vec![("x-api-key", key.clone()), ("x-api-key", vec![])]),
        ("a key and a token", vec![("x-api-key", key.clone()), ("authorization", bearer(good))]),
        ("a key and a bad token", vec![("x-api-key", key.clone()), ("authorization", bearer("x.y.z"))]),
        ("a wrong key and a token", vec![("authorization", bearer(good)), ("x-api-key", b"x".to_vec())]),
    ];
    tokens.chain(written).chain(sets.map(|(name, headers)| (name.to_owned(), headers))).collect()
}

fn bearer(token: &str) -> Vec<u8> {
    format!("Bearer {token}").into_bytes()
}
