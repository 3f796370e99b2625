//! The effects of settings in the environment.

use gatewright_testkit::auth_routes::{PASSWORD, Request, Tokens};

use super::super::{Program, new_directory, secret};
use super::refusal;

/// The address of the peer, or the forwarded one if the proxy is trusted.
pub fn a_session_keeps_the_address_of_its_login(program: &str, folder: &str) {
    for (proxies, expected) in [("", "127.0.0.1"), ("127.0.0.0/8", "198.51.100.7")] {
        let service = Program::start_on_memory(program, folder, &[("AUTH_TRUSTED_PROXIES", proxies)]);
        let target = service.target();
        let email = target.register();
        let login = target.post("/login").form(&[("username", &email), ("password", PASSWORD)]);
        let tokens = Tokens::from(&target.send(&login.header("x-forwarded-for", "198.51.100.7")));
        let list = target.send(&Request::get("/auth/sessions").bearer(&tokens.access));
        assert_eq!(list.json().pointer("/sessions/0/address").and_then(|own| own.as_str()), Some(expected));
        let _ = service.stop_with_log();
    }
}

/// Neither the route nor its description exists.
pub fn without_api_keys_introspection_is_404(program: &str, folder: &str) {
    let service = Program::start_on_memory(program, folder, &[]);
    let target = service.target();
    target.introspect("x").expect_not_found();
    let document = target.send(&Request::get("/openapi.json")).json();
    assert!(document.pointer("/paths/~1auth~1introspect").is_none());
    assert!(document.pointer("/paths/~1auth~1revoke").is_some());
}

/// The error names the variable. It never has the value of a secret, nor a password in a URL.
pub fn an_unsafe_setting_is_refused_by_name_and_not_repeated(program: &str, folder: &str) {
    let directory = new_directory(folder);
    let key = directory.join("audit.key");
    std::fs::write(&key, secret()).unwrap();
    let key = key.to_str().unwrap();
    let refused = [
        ("AUTH_SECRET_KEY", "", "is missing"),
        ("AUTH_SECRET_KEY", "your-secret-key", "is a placeholder"),
        ("AUTH_SECRET_KEY", "k9J2mQ7xVb4TzW8LcR5nYp3HdF6sGa", "must be at least 32 bytes"),
        ("AUTH_ACCESS_MINUTES", "0", "must be 1 or more"),
        ("AUTH_ACCESS_MINUTES", "15m", "is not a whole number"),
        ("AUTH_ACCESS_MINUTES", "1441", "must be at most 24 hours"),
        ("AUTH_REFRESH_DAYS", "401", "must be at most 400 days"),
        ("AUTH_SESSION_DAYS", "0", "must be 1 or more"),
        ("AUTH_REFRESH_GRACE_SECONDS", "61", "must be at most 60 seconds"),
        ("AUTH_REFUSAL_FLOOR_MILLISECONDS", "2001", "must be at most 2 seconds"),
        ("AUTH_ISSUER", "", "is empty"),
        ("AUTH_SECRET_KEY_PREVIOUS", "short", "must be at least 32 bytes"),
        ("AUTH_SECRET_KEY_PREVIOUS", secret(), "the ring already has this key"),
        ("AUTH_SIGNING_KEY_FILE", "/nowhere/key.pem", "/nowhere/key.pem cannot be read"),
        ("AUTH_API_KEYS", "not a key", "a key must be"),
        ("AUTH_API_KEYS", "k9J2mQ7xVb4TzW8L:a\"b", "the text after a key's colon must be a list of scopes"),
        ("AUTH_API_KEYS", "sk:live_k9J2mQ7xVb4TzW8L", "unknown scope after a key's colon"),
        ("AUTH_API_KEYS", "k9J2mQ7xVb4TzW8L,k9J2mQ7xVb4TzW8L", "a key occurs twice"),
        ("AUTH_TRUSTED_PROXIES", "localhost", "an entry is neither"),
        ("AUTH_TRUSTED_PROXIES", "0.0.0.0/0", "a network of all addresses"),
        ("BIND_ADDR", "nonsense", "nonsense: "),
        ("DATABASE_URL", "mongodb://x", "must begin with"),
        ("DATABASE_URL", "sqlite:///nowhere/x.db", "the store could not open the database: "),
        ("REDIS_URL", "redis://:hush-hush@10.0.0.1/", "the store could not connect to Redis: plain text"),
        ("ADMIN_PASSWORD", "short-password", "the password is shorter"),
        ("ADMIN_PASSWORD", "password-password", "the password repeats itself"),
        ("AUTH_BREACHED_PASSWORDS_FILE", "/nowhere/pwned", "/nowhere/pwned: "),
        ("AUTH_PEPPER_FILE", "/nowhere/pepper", "/nowhere/pepper cannot be read"),
        ("AUTH_PREVIOUS_PEPPERS_FILE", "/nowhere/peppers", "/nowhere/peppers cannot be read"),
        ("AUTH_AUDIT", "yes", "must be on or off"),
        ("AUTH_AUDIT_KEY_FILE", "/nowhere/key", "/nowhere/key cannot be read"),
        ("AUTH_AUDIT_KEY_FILE", "/dev/null", "/dev/null: an audit key must have 32 to 1024 bytes"),
        ("AUTH_AUDIT_KEY_FILE", key, "are set, and there is no audit trail"),
        ("ADMIN_EMAIL", "nobody", "not a valid email address"),
    ];
    for (name, value, problem) in refused {
        // Later settings replace earlier ones.
        let settings = [("DATABASE_URL", "memory:"), ("AUTH_SECRET_KEY", secret()), (name, value)];
        let error = refusal(program, &directory, &settings);
        assert!(error.contains(&format!("{name}: {problem}")), "{name}={value}: {error}");
        assert!(!error.contains("hush-hush") && !error.contains(secret()), "{error}");
        let is_secret = ["AUTH_SECRET_KEY", "AUTH_API_KEYS", "ADMIN_PASSWORD"].contains(&name);
        assert!(!is_secret || value.is_empty() || !error.contains(value), "{name} is repeated: {error}");
    }
}
