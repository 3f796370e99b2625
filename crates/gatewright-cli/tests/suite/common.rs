//! Shared by the tests: running the command, and the hostile tokens.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Map, Value, json};

pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const AUDIENCE: &str = "https://api.example";

pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) fn run(arguments: &[&str], input: &[u8]) -> Done {
    run_with(arguments, &[], input)
}

/// As [`run`], with these variables.
pub(crate) fn run_with(arguments: &[&str], variables: &[(&str, &str)], input: &[u8]) -> Done {
    let mut child = Command::new(env!("CARGO_BIN_EXE_gatewright"))
        .args(arguments)
        .env_remove("DATABASE_URL")
        .env_remove("AUTH_AUDIT_KEY_FILE")
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // If the arguments are wrong, the command does not read its input, and writing fails.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Done { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// Creates a file that no other test process uses.
pub(crate) fn file(name: &str, text: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", std::process::id()));
    fs::write(&path, text).unwrap();
    path
}

/// The file of hostile tokens.
pub(crate) fn vectors() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gatewright-jwt/tests/vectors");
    serde_json::from_str(&fs::read_to_string(path.join("jwt_claims_and_attacks.json")).unwrap()).unwrap()
}

/// Runs `token verify` with the settings of a vector.
pub(crate) fn verify(policy: &Value, name: &str, input: &[u8]) -> Done {
    let default = vectors()["default_policy"].clone();
    let setting =
        |name: &str| if policy[name].is_null() { default[name].clone() } else { policy[name].clone() };
    let keys: Map<String, Value> = serde_json::from_value(setting("kid_keys")).unwrap();
    let with_id = |(id, mut key): (String, Value)| {
        key["kid"] = json!(id);
        key
    };
    let keys: Vec<Value> = keys.into_iter().map(with_id).collect();
    let path = file(name, &json!({ "keys": keys }).to_string());
    let number = |name: &str| setting(name).as_u64().map(|number| number.to_string());
    let (now, leeway, age) = (number("now").unwrap(), number("leeway").unwrap(), number("max_age"));
    let algorithms: Vec<String> = serde_json::from_value(setting("alg_allow")).unwrap();
    let mut arguments = vec!["token", "verify", "--jwks", path.to_str().unwrap(), "--issuer", ISSUER];
    arguments.extend(["--audience", AUDIENCE, "--now", &now, "--leeway", &leeway]);
    arguments.extend(algorithms.iter().flat_map(|name| ["--algorithm", name]));
    if let Some(age) = &age {
        arguments.extend(["--max-age", age]);
    }
    run(&arguments, input)
}

/// The vector that is a valid token for the default settings.
pub(crate) fn baseline() -> String {
    let file = vectors();
    let found = file["vectors"].as_array().unwrap().iter().find(|vector| vector["id"] == "ok-baseline");
    found.unwrap()["token"].as_str().unwrap().to_owned()
}
