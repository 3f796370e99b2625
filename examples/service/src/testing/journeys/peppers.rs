//! Peppers of the real program: how one is introduced, replaced and lost.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use gatewright::password::Pepper;
use gatewright_testkit::auth_routes::PASSWORD;
use gatewright_testkit::shared_secret;

use super::super::{Program, new_directory, secret};
use super::refusal;

/// A line of a file: the id and the secret.
fn line(id: &str) -> String {
    format!("{id}:{}\n", shared_secret(id))
}

fn write(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Who logs in after each change gets a hash with the new pepper, and stays. Who does not log in before a pepper is lost
/// is refused as with a wrong password, and the log names the pepper.
pub fn a_pepper_is_introduced_replaced_and_lost(program: &str, folder: &str) {
    let directory = new_directory(folder);
    let [one, two] = ["2025-01", "2026-11"].map(|id| write(&directory, id, &line(id)));
    let (mut active, mut idle) = (String::new(), String::new());
    for (current, previous) in [
        (None, None),
        (None, Some(&one)),
        (Some(&one), None),
        (Some(&one), Some(&two)),
        (Some(&two), Some(&one)),
    ] {
        let names = [("AUTH_PEPPER_FILE", current), ("AUTH_PREVIOUS_PEPPERS_FILE", previous)];
        let mut settings = vec![("AUTH_SECRET_KEY", secret())];
        settings.extend(names.iter().filter_map(|(name, path)| path.map(|path| (*name, path.as_str()))));
        let service = Program::start(program, &directory, &settings);
        let target = service.target();
        if active.is_empty() {
            active = target.register();
        } else if current == Some(&one) && idle.is_empty() {
            idle = target.register();
        }
        let _ = target.login(&active, PASSWORD);
        let log = service.stop_with_log();
        let log = format!("{log:?}");
        assert!(!log.contains(&shared_secret("2025-01")), "{log}");
        let pepper = Pepper::new("2025-01", shared_secret("2025-01")).unwrap();
        assert_eq!(log.contains(&pepper.fingerprint()), current.or(previous).is_some(), "{log}");
    }
    let settings = [("AUTH_SECRET_KEY", secret()), ("AUTH_PEPPER_FILE", two.as_str())];
    let service = Program::start(program, &directory, &settings);
    let target = service.target();
    let _ = target.login(&active, PASSWORD);
    target.try_login(&idle, PASSWORD).expect_login_refused();
    let log = format!("{:?}", service.stop_with_log());
    assert!(log.contains("UnknownPepper") && log.contains("2025-01"), "{log}");
}

/// A user who can write to the file can choose the pepper.
pub fn a_pepper_that_others_can_change_is_refused(program: &str, folder: &str) {
    let directory = new_directory(folder);
    for mode in [0o602, 0o620] {
        let path = write(&directory, "peppers", &line("a"));
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let settings =
            [("DATABASE_URL", "memory:"), ("AUTH_SECRET_KEY", secret()), ("AUTH_PEPPER_FILE", &path)];
        let error = refusal(program, &directory, &settings);
        assert!(
            error.contains(&format!("AUTH_PEPPER_FILE: {path} must not be writable by other users")),
            "{error}"
        );
    }
}

/// The error names the variable and the line.
pub fn an_unsafe_pepper_is_refused_by_name_and_not_repeated(program: &str, folder: &str) {
    let directory = new_directory(folder);
    for (variable, text, problem) in [
        ("AUTH_PEPPER_FILE", "a:changeme\n".to_owned(), "line 1 of {path}: the secret of a is a placeholder"),
        (
            "AUTH_PEPPER_FILE",
            "a:k9J2mQ7xVb4TzW8L\n".to_owned(),
            "line 1 of {path}: the secret of a is too short",
        ),
        ("AUTH_PEPPER_FILE", format!("{}\n", secret()), "line 1 of {path}: the id must be 1 to 8"),
        ("AUTH_PEPPER_FILE", String::new(), "{path} must have a line, has none"),
        ("AUTH_PREVIOUS_PEPPERS_FILE", String::new(), "{path} must have a line, has none"),
        (
            "AUTH_PEPPER_FILE",
            format!("a:{}", secret()),
            "line 1 of {path}: a pepper must not be a secret that signs tokens",
        ),
        (
            "AUTH_PEPPER_FILE",
            line("a").replace('\n', " \n"),
            "line 1 of {path}: the secret of a begins or ends with a space",
        ),
        (
            "AUTH_PEPPER_FILE",
            line("a").replace('\n', "\r"),
            "line 1 of {path}: the secret of a begins or ends with a space",
        ),
        ("AUTH_PEPPER_FILE", "a".repeat(16 * 1024 + 1), "{path} must have at most 16384 bytes"),
        (
            "AUTH_PREVIOUS_PEPPERS_FILE",
            line("a") + &line("a").replace("a:", "b:"),
            "must have secrets of their own",
        ),
        ("AUTH_PEPPER_FILE", line("a") + &line("b"), "{path} must have one line, has 2"),
        ("AUTH_PREVIOUS_PEPPERS_FILE", line("a") + "\n", "line 2 of {path}: the id must be 1 to 8"),
        ("AUTH_PREVIOUS_PEPPERS_FILE", line("a") + &line("a"), "must have ids of their own, is a"),
    ] {
        let path = write(&directory, "peppers", &text);
        let settings =
            [("DATABASE_URL", "memory:"), ("AUTH_SECRET_KEY", secret()), (variable, path.as_str())];
        let error = refusal(program, &directory, &settings);
        let problem = format!("{variable}: {}", problem.replace("{path}", &path));
        assert!(error.contains(&problem), "{problem}: {error}");
        let repeats =
            text.lines().any(|line| line.len() > 8 && error.contains(line.rsplit(':').next().unwrap()));
        assert!(!repeats, "{error}");
    }
}
