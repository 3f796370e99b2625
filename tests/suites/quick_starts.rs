//! The first programs of the README and of the guide: compiled as printed, each in a new folder, and one of
//! them started and called.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use example_service::testing::new_directory;
use gatewright_testkit::auth_routes::Target;
use tokio::time::Instant;

/// How long a started program may take until it listens.
const PATIENCE: Duration = Duration::from_secs(60);

const FRAMEWORKS: [&str; 3] = ["axum", "actix-web", "poem"];

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn read(path: &str) -> String {
    fs::read_to_string(workspace().join(path)).unwrap()
}

fn guide() -> String {
    read("crates/gatewright/guide/quick_start.md")
}

/// The first block of code after `heading` whose fence starts with `language`.
fn block<'a>(text: &'a str, heading: &str, language: &str) -> &'a str {
    let after = text.split_once(heading).unwrap_or_else(|| panic!("no {heading:?}")).1;
    let fenced = after.split_once(&format!("```{language}")).unwrap_or_else(|| panic!("no {language}")).1;
    let code = fenced.split_once('\n').unwrap().1;
    code.split_once("```").unwrap().0
}

/// What the guide says about the manifest of the other frameworks, and the crate of this checkout in
/// place of the repository.
fn manifest(framework: &str) -> String {
    let replaced = |text: &str, from: &str, to: &str| {
        assert!(text.contains(from), "{from:?} is not in the printed manifest");
        text.replace(from, to)
    };
    let readme = read("README.md");
    let path = format!("path = {:?}", workspace().join("crates/gatewright").display().to_string());
    let axum = replaced(
        block(&readme, "`Cargo.toml`:", "toml"),
        r#"git = "https://github.com/gatewright/gatewright""#,
        &path,
    );
    if framework == "axum" {
        return axum;
    }
    let feature = replaced(&axum, r#""axum""#, &format!("{framework:?}"));
    match framework {
        "actix-web" => {
            let tokio = feature.lines().find(|line| line.starts_with("tokio ")).unwrap();
            replaced(&replaced(&feature, tokio, ""), r#"axum = "0.8""#, r#"actix-web = "4""#)
        }
        _ => replaced(&feature, r#"axum = "0.8""#, r#"poem = "3""#),
    }
}

/// Runs Cargo on a package with this manifest and program. It uses the workspace's lock file and its
/// target folder, in which most dependencies are compiled already. The frameworks' default features need
/// further ones, from the registry. Returns the target folder.
fn cargo(command: &str, manifest: &str, program: &str) -> PathBuf {
    let folder = new_directory(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(folder.join("src")).unwrap();
    fs::copy(workspace().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    fs::write(folder.join("Cargo.toml"), format!("{manifest}\n[workspace]\n")).unwrap();
    fs::write(folder.join("src/main.rs"), program).unwrap();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().to_owned();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([command, "--quiet"]).current_dir(&folder).env("CARGO_TARGET_DIR", &target);
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::remove_dir_all(folder).unwrap();
    target
}

/// A program that is killed when the test ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a program in a new folder, and waits until it listens at `address`.
fn start(program: &Path, address: &str) -> Running {
    let folder = new_directory(env!("CARGO_TARGET_TMPDIR"));
    let secret = "0123456789abcdef".repeat(2).replace('7', &std::process::id().to_string());
    let mut command = Command::new(program);
    let running = Running(command.current_dir(folder).env("AUTH_SECRET_KEY", secret).spawn().unwrap());
    let started = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(started.elapsed() < PATIENCE, "the program does not listen at {address}");
        std::thread::yield_now();
    }
    running
}

#[test]
fn the_program_of_the_readme_runs() {
    let readme = read("README.md");
    let program = block(&readme, "`src/main.rs`:", "rust");
    assert_eq!(program, block(&guide(), "# axum\n", "rust"), "README and guide print one program");
    let (printed, address) =
        ("127.0.0.1:3000", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    assert_eq!(program.matches(printed).count(), 1, "the program names its address once");
    let target = cargo("build", &manifest("axum"), &program.replace(printed, &address.to_string()));

    let _running = start(&target.join("debug/hello"), &address.to_string());
    let client = Target::new(&address.to_string()).with_guarded_route("/users/me");
    let tokens = client.user();
    client.me(&tokens.access).expect_ok();
    client.logout(&tokens.access).expect_no_content();
    client.me(&tokens.access).expect_invalid_token();
}

mod full_product {
    use super::*;

    /// The frameworks with all their default features take minutes. The examples of the guide compile always.
    #[test]
    #[ignore = "full product: cargo xtask test --full"]
    fn the_programs_of_the_guide_compile() {
        for framework in FRAMEWORKS {
            let program = guide();
            cargo("check", &manifest(framework), block(&program, &format!("# {framework}\n"), "rust"));
        }
    }
}
