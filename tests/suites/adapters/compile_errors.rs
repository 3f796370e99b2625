//! Programs that must not compile, and the message of the compiler.

use std::fs;
use std::path::Path;
use std::process::Command;

const STATELESS: &str = r#"
use axum::{Router, routing::get};
use gatewright_axum::CurrentUser;

#[axum::debug_handler(state = ())]
async fn me(user: CurrentUser) -> String { user.email.to_string() }

fn main() { let _app: Router = Router::new().route("/me", get(me)).with_state(()); }
"#;

const OPTIONAL: &str = r#"
use axum::{Router, routing::get};
use gatewright_axum::CurrentUser;
use gatewright_core::Auth;

async fn me(user: Option<CurrentUser>) {}

fn main() { let _app: Router<Auth> = Router::new().route("/me", get(me)); }
"#;

const MISSPELT: &str = r#"
use gatewright_axum::Authorized;

gatewright_core::roles! { pub enum Role: role { User = "user", Admin = "admin" } }

type AdminUser = Authorized<role::Admn>;

fn main() {}
"#;

const OPENED: &str = r#"
use axum::{Router, routing::get};
use gatewright_axum::guarded;
use gatewright_core::{Auth, Requirement};

fn admin(auth: &Auth) {
    let _ = guarded(auth, Requirement::Role("admin"), Router::<()>::new()).route("/open", get(async || ""));
}

fn main() {}
"#;

/// Each program with texts that the compiler's message must contain.
const PROGRAMS: [(&str, &str, &[&str]); 4] = [
    ("stateless", STATELESS, &["the router state `()` does not hold an `Auth<", "use `.with_state(auth)`"]),
    ("optional", OPTIONAL, &["Option<", "E0277"]),
    ("misspelt", MISSPELT, &["E0425", "`Admn`", "a struct with a similar name exists"]),
    ("opened", OPENED, &["no method named `route` found for struct `GuardedRouter"]),
];

/// Creates a package outside the workspace, with the workspace's `Cargo.lock`, and returns its
/// folder.
fn package() -> std::path::PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = root.join("target/compile-errors");
    fs::create_dir_all(folder.join("src/bin")).unwrap();
    fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let path = |name: &str| root.join("crates").join(name).display().to_string();
    let manifest = format!(
        "[package]\nname = \"compile-errors\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\naxum = {{ version = \"0.8\", default-features = false, features = [\"macros\"] }}\n\
         gatewright-axum = {{ path = {:?} }}\ngatewright-core = {{ path = {:?} }}\n",
        path("gatewright-axum"),
        path("gatewright-core"),
    );
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    folder
}

#[test]
fn the_compiler_names_the_missing_part() {
    let folder = package();
    for (name, source, _) in PROGRAMS {
        fs::write(folder.join(format!("src/bin/{name}.rs")), source).unwrap();
    }
    for (name, _, words) in PROGRAMS {
        let mut check = Command::new(env!("CARGO"));
        check.args(["check", "--quiet", "--offline", "--color", "never", "--bin", name]).current_dir(&folder);
        let output = check.env("CARGO_TARGET_DIR", folder.join("target")).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{name} compiles");
        assert_eq!(message.matches("\nerror: could not compile").count(), 1, "{name}: {message}");
        for word in words {
            assert!(message.contains(word), "{name}: `{word}` is not in\n{message}");
        }
    }
}
