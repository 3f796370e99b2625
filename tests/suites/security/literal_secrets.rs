//! Documentation contains no secret that a reader could copy into a service.

use std::fs;
use std::path::{Path, PathBuf};

/// The shortest literal that could be a secret: 16 characters, as the shortest API key without a warning.
const MIN_SECRET: usize = 16;

/// Texts that look like secrets, and are public.
const PUBLIC: [&str; 7] = [
    "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", // RFC 8037 A.2
    "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", // RFC 8037 A.3
    "4kHbq2rXlXc0fV0kqT0y1A",                      // the MAC of a message
    "cZ0V20NWEnpD-XnELebPeA",                      // the id of an access token
    "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8",    // the SHA-1 of "password"
    "OAuth2PasswordBearer",                        // a class of FastAPI
    "OAuth2PasswordRequestForm",                   // a class of FastAPI
];

fn is_part_of_a_secret(c: char) -> bool {
    c.is_ascii_alphanumeric() || "+/_-=".contains(c)
}

/// Whether a word looks random: long, with lower case, upper case and digits in many places.
fn looks_random(word: &str) -> bool {
    let class = |c: char| match c {
        'a'..='z' => 0,
        'A'..='Z' => 1,
        '0'..='9' => 2,
        _ => 3,
    };
    let classes: Vec<u8> = word.chars().map(class).collect();
    let changes = classes.windows(2).filter(|pair| pair[0] != pair[1] && pair[0] < 3 && pair[1] < 3).count();
    let is_hex = word.len() >= 32 && word.chars().all(|c| c.is_ascii_hexdigit());
    let mixed = (0..3).all(|one| classes.contains(&one)) && changes * 4 >= word.len();
    word.len() >= MIN_SECRET && (mixed || is_hex)
}

/// The words of a text that look like secrets. Tokens are left out, because they expire.
fn secrets(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| !is_part_of_a_secret(c));
    words.filter(|word| looks_random(word) && !word.starts_with("eyJ") && !PUBLIC.contains(word)).collect()
}

/// The literals behind an assignment or call that names a secret, such as `hs256("…")`.
fn named_secrets(text: &str) -> Vec<String> {
    let names =
        ["hs256(", "HmacSecret::new(", "from_secret(", "AUTH_SECRET_KEY=", "AUTH_API_KEYS=", "X-API-Key: "];
    let behind =
        names.iter().flat_map(|name| text.match_indices(name).map(|(at, _)| &text[at + name.len()..]));
    let literal = |rest: &str| {
        let quoted = rest.trim_start_matches(['*', 'b', '&']);
        let literal = quoted.strip_prefix('"').map(|rest| rest.split('"').next().unwrap().to_owned());
        let word = rest.split(|c: char| !is_part_of_a_secret(c)).next().unwrap();
        literal.or_else(|| word.chars().any(|c| c.is_ascii_digit()).then(|| word.to_owned()))
    };
    behind.filter_map(literal).filter(|found| found.len() >= MIN_SECRET).collect()
}

/// The documentation of a file: all of a Markdown file, the doc comments of a source.
fn documentation(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    if path.extension().is_some_and(|extension| extension == "md") {
        return text;
    }
    let is_doc = |line: &&str| line.trim_start().starts_with("///") || line.trim_start().starts_with("//!");
    text.lines().filter(is_doc).collect::<Vec<_>>().join("\n")
}

fn documents() -> Vec<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let (mut folders, mut files) = (vec![workspace.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let extension = path.extension().and_then(|extension| extension.to_str());
            if path.is_dir()
                && !name.starts_with('.')
                && !name.starts_with("target")
                && name != "node_modules"
            {
                folders.push(path);
            } else if matches!(extension, Some("md" | "rs")) && path.is_file() {
                files.push(path);
            }
        }
    }
    files
}

#[test]
fn markdown_and_doc_comments_contain_no_literal_secret() {
    let (mut read, mut found) = (0, Vec::new());
    for path in documents() {
        let text = documentation(&path);
        read += usize::from(!text.is_empty());
        let named = named_secrets(&text);
        let words = secrets(&text).into_iter().map(str::to_owned).chain(named);
        found.extend(words.map(|word| format!("{}: {word}", path.display())));
    }
    assert!(read > 200, "only {read} files with documentation were read");
    assert!(
        found.is_empty(),
        "read a secret from AUTH_SECRET_KEY, or use `HmacSecret::generate()`: {found:#?}"
    );
}

#[test]
fn literals_that_could_be_secrets_are_found() {
    for text in [
        r#"Jwt::hs256("a secret of at least 32 bytes").issuer("#,
        r#"Jwt::hs256(*b"0123456789abcdef0123456789abcdef")"#,
        "AUTH_SECRET_KEY=0123456789abcdefghijklmnop cargo run",
        "curl -H 'X-API-Key: k9J2mQ7xVb4TzW8L'",
        "the key `9d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4ca`",
    ] {
        assert!(!secrets(text).is_empty() || !named_secrets(text).is_empty(), "{text}");
    }
    for text in [
        "Jwt::hs256(HmacSecret::generate()?).issuer(\"https://issuer.example\")",
        "AUTH_SECRET_KEY=$(cat secret.txt) cargo run",
        r#"{"access_token":"eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9"}"#,
        "01a20ee2-af5b-7e7b-949a-1b041a15d305",
        "GATEWRIGHT_TEST_POSTGRES_URL and RemoteIssuerBuilder::with_max_stale",
    ] {
        assert!(secrets(text).is_empty() && named_secrets(text).is_empty(), "{text}");
    }
}
