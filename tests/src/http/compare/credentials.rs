//! Credentials: tokens and keys, valid and invalid, and the ways to write them.

use gatewright_testkit::auth_routes::Target;

use super::actors::Actors;

/// Names and values.
type Headers = Vec<(&'static str, Vec<u8>)>;

/// Every credential by its name, as headers.
pub(super) fn credentials(target: &Target, actors: &Actors) -> Vec<(String, Headers)> {
    let tokens = actors.tokens(target).into_iter();
    let tokens = tokens.map(|(name, token)| (format!("bearer: {name}"), vec![bearer(&token)]));
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
        let name = format!("authorization {at}: {}", value.replace(good, "{good}"));
        (name, vec![("authorization", value.into_bytes())])
    });
    let basic = || ("authorization", b"Basic YTpi".to_vec());
    let key = |key: &[u8]| ("x-api-key", key.to_vec());
    let (own, other) = (target.api_key.as_bytes(), target.scoped_api_key.as_bytes());
    let sets: [(&str, Headers); 20] = [
        ("nothing", vec![]),
        ("bytes that are not text", vec![("authorization", b"Bearer \xe9".to_vec())]),
        ("the same token twice", vec![bearer(good), bearer(good)]),
        ("a token and basic", vec![bearer(good), basic()]),
        ("basic and a token", vec![basic(), bearer(good)]),
        ("a token and an empty header", vec![bearer(good), ("authorization", vec![])]),
        ("a token for a proxy", vec![("proxy-authorization", bearer(good).1)]),
        ("a token in a cookie", vec![("cookie", format!("access_token={good}").into_bytes())]),
        ("a key", vec![key(own)]),
        ("a key in spaces", vec![key(&[b"  ", own, b" "].concat())]),
        ("a key with a scope", vec![("X-API-KEY", other.to_vec())]),
        ("an empty key", vec![key(b"")]),
        ("a wrong key", vec![key(b"x")]),
        ("a long key", vec![key(&[b'k'; 8_000])]),
        ("a key that is not text", vec![key(b"\xe9\xff")]),
        ("two keys", vec![key(own), key(other)]),
        ("a key and an empty one", vec![key(own), key(b"")]),
        ("a key and a token", vec![key(own), bearer(good)]),
        ("a key and an invalid token", vec![key(own), bearer("x.y.z")]),
        ("a wrong key and a token", vec![bearer(good), key(b"x")]),
    ];
    tokens.chain(written).chain(sets.map(|(name, headers)| (name.to_owned(), headers))).collect()
}

fn bearer(token: &str) -> (&'static str, Vec<u8>) {
    ("authorization", format!("Bearer {token}").into_bytes())
}
