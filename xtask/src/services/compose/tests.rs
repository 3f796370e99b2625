use std::path::{Path, PathBuf};
use std::{env, fs};

use super::{Compose, Project, can_wait, published};
use crate::services::kind::Kind;
use crate::services::place::random;

#[test]
fn the_published_port_is_parsed() {
    assert_eq!(published("127.0.0.1:32768\n"), Some(32768));
    assert_eq!(published("[::1]:5432\n"), Some(5432));
    for answer in ["", "\n", ":0\n", "127.0.0.1\n", "127.0.0.1:99999\n"] {
        assert_eq!(published(answer), None, "{answer:?}");
    }
}

#[test]
fn compose_before_version_2_is_not_used() {
    assert!(["2.26.1-4\n", "v2.1.1", "5.0.0"].into_iter().all(can_wait));
    assert!(!["1.29.2\n", "unknown", ""].into_iter().any(can_wait));
}

#[test]
fn containers_are_started_found_and_ended() {
    let folder = Folder::with_script("case \"$*\" in *' port redis 6379') echo 127.0.0.1:32768;; esac");
    let project = Project::start_with(folder.compose(), &[Kind::Redis]).unwrap();
    let servers: Vec<_> = project.servers().map(|(kind, url)| (kind, url.to_owned())).collect();
    let name = project.name.clone();
    drop(project);
    let [(Kind::Redis, url)] = servers.as_slice() else { panic!("{servers:?}") };
    assert!(url.ends_with("@127.0.0.1:32768/"), "{url}");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/compose.yaml");
    let expected = ["up --detach --wait redis", "port redis 6379", "down --volumes --timeout 0"];
    assert_eq!(folder.calls(), expected.map(|it| format!("--file {file} --project-name {name} {it}")));
}

#[test]
fn containers_that_do_not_start_are_ended_and_their_log_is_shown() {
    let script = "case \"$*\" in *' up '*) exit 1;; *' logs '*) echo 'no space left';; esac";
    let folder = Folder::with_script(script);
    let error = Project::start_with(folder.compose(), &[Kind::Postgres, Kind::Mysql]).unwrap_err();
    assert!(error.contains("no space left"), "{error}");
    let calls = folder.calls();
    assert!(calls.first().unwrap().ends_with(" up --detach --wait postgres mariadb"), "{calls:?}");
    assert!(calls.last().unwrap().ends_with(" down --volumes --timeout 0"), "{calls:?}");
}

/// A folder with a script that records its arguments.
struct Folder(PathBuf);

impl Folder {
    fn with_script(script: &str) -> Self {
        let folder = env::temp_dir().join(format!("gatewright-fake-{}", random().unwrap()));
        fs::create_dir(&folder).unwrap();
        let calls = folder.join("calls");
        let script = format!("echo \"$*\" >> {}\n{script}\n", calls.display());
        fs::write(folder.join("script"), script).unwrap();
        Self(folder)
    }

    fn compose(&self) -> Compose {
        Compose::new("sh", &[&self.file("script").display().to_string()])
    }

    fn calls(&self) -> Vec<String> {
        fs::read_to_string(self.file("calls")).unwrap().lines().map(str::to_owned).collect()
    }

    fn file(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
