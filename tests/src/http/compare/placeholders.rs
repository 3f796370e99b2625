//! Placeholders for the tokens, ids, times and addresses in answers, which differ between any two
//! applications.

/// The members whose value is a time.
const TIMES: [&str; 5] = ["\"iat\":", "\"exp\":", "\"created_at\":", "\"last_used_at\":", "\"expires_at\":"];

/// The member whose value is the id of a token.
const TOKEN_ID: &str = "\"jti\":\"";

/// `text` with `{token}`, `{id}`, `{time}` and `{address}`.
pub(super) fn replaced(text: &str, address: &str) -> String {
    let text = words(&text.replace(address, "{address}"));
    TIMES.iter().fold(without_token_id(&text), |text, name| without_number(&text, name))
}

fn without_token_id(text: &str) -> String {
    let parts = text.split_once(TOKEN_ID).and_then(|(before, after)| Some((before, after.split_once('"')?)));
    let Some((before, (_, after))) = parts else { return text.to_owned() };
    format!("{before}{TOKEN_ID}{{id}}\"{after}")
}

/// A word is a run of the characters that tokens and ids consist of.
fn words(text: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_word) {
        let (before, from) = rest.split_at(start);
        let (word, after) = from.split_at(from.find(|c| !is_word(c)).unwrap_or(from.len()));
        out.push_str(before);
        out.push_str(if is_token(word) { "{token}" } else { id_or(word) });
        rest = after;
    }
    out + rest
}

fn is_token(word: &str) -> bool {
    word.starts_with("eyJ") && word.matches('.').count() == 2
}

fn id_or(word: &str) -> &str {
    let groups: Vec<usize> = word.split('-').map(str::len).collect();
    let is_hex = word.chars().all(|c| c == '-' || c.is_ascii_hexdigit());
    if is_hex && groups == [8, 4, 4, 4, 12] { "{id}" } else { word }
}

fn without_number(text: &str, name: &str) -> String {
    let mut parts = text.split(name);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, after| {
        format!("{all}{name}{{time}}{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_ids_times_and_addresses_are_replaced() {
        for (text, expected) in [
            (
                r#"{"id":"01a20df6-54bf-717f-a8aa-08c6e6f5cf30","email":"a@b"}"#,
                r#"{"id":"{id}","email":"a@b"}"#,
            ),
            (r#"{"t":"eyJhb-_.eyJz.c2ln","x":"eyJhb.x"}"#, r#"{"t":"{token}","x":"eyJhb.x"}"#),
            (r#"{"iat":17,"exp":18,"n":19}"#, r#"{"iat":{time},"exp":{time},"n":19}"#),
            (
                r#"[{"created_at":1,"n":2},{"created_at":3}]"#,
                r#"[{"created_at":{time},"n":2},{"created_at":{time}}]"#,
            ),
            (r#"{"jti":"wSAi1LaIbTi0qo_-ozza9Q","n":"m"}"#, r#"{"jti":"{id}","n":"m"}"#),
            ("http://127.0.0.1:80/a", "http://{address}/a"),
            ("", ""),
        ] {
            assert_eq!(replaced(text, "127.0.0.1:80"), expected);
        }
    }
}
