//! The database file. Only its owner may read it, because it holds password hashes and the seeds of
//! refresh tokens.

use std::fs::{self, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};

/// Creates the file if it does not exist, readable by its owner only. SQLite gives its other files
/// the same permissions.
///
/// The file is created under a random draft name, closed, and then linked to its own name. Closing
/// it under its own name would release the locks that other connections of this process hold on
/// it. If the draft name exists, this is an error, so that no existing file is opened.
pub(super) fn create_private(path: &Path) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    if path.is_symlink() {
        // SQLite would follow the link and create a file that everyone can read.
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "the path is a symbolic link to a file that does not exist",
        ));
    }
    let number = RandomState::new().hash_one(std::process::id());
    let draft = path.with_extension(format!("new-{number:016x}"));
    drop(private().create_new(true).open(&draft)?);
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Ok(()) => Ok(()),
        // Another process was faster, or the file system does not support links.
        Err(_) => match private().create_new(true).open(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        },
    }
}

/// The endings of SQLite's files: the database, its write-ahead log, and the index of the log.
#[cfg(unix)]
const ENDINGS: [&str; 3] = ["", "-wal", "-shm"];

/// Logs a warning if the group or other users may read or write the database.
pub(super) fn warn_if_public(path: &Path) {
    let public = public_files(path);
    if public.is_empty() {
        return;
    }
    let files: Vec<String> = public.iter().map(|file| format!("{file:?}")).collect();
    let files = files.join(" ");
    tracing::warn!(
        "SQLite: only the owner of {files} must have access: password hashes and the seeds of refresh \
         tokens are stored there; run: chmod go-rwx {files}"
    );
}

/// The files of the database that the group or other users may read or write. SQLite follows a
/// symbolic link, and keeps its other files beside the link's target.
#[cfg(unix)]
fn public_files(path: &Path) -> Vec<PathBuf> {
    let Ok(path) = path.canonicalize() else { return Vec::new() };
    let files = ENDINGS.iter().map(|ending| {
        let mut file = path.as_os_str().to_owned();
        file.push(ending);
        PathBuf::from(file)
    });
    files.filter(|file| fs::metadata(file).is_ok_and(|file| is_public(&file))).collect()
}

#[cfg(unix)]
fn is_public(file: &fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&file.permissions()) & 0o066 != 0
}

#[cfg(not(unix))]
fn public_files(_path: &Path) -> Vec<PathBuf> {
    Vec::new()
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::PathBuf;

    use super::*;
    use crate::SqliteStore;

    /// A new, empty directory.
    fn directory() -> PathBuf {
        let number = RandomState::new().hash_one("directory");
        let directory = std::env::temp_dir().join(format!("gatewright-{number:016x}"));
        fs::create_dir(&directory).unwrap();
        directory
    }

    #[test]
    fn a_new_file_is_readable_by_its_owner_only_and_leaves_no_draft() {
        let directory = directory();
        for _ in 0..2 {
            create_private(&directory.join("store.db")).unwrap();
        }
        let files: Vec<_> = fs::read_dir(&directory).unwrap().map(Result::unwrap).collect();
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn files_under_guessed_draft_names_are_not_overwritten() {
        let directory = directory();
        let precious = directory.join("precious");
        fs::write(&precious, "precious").unwrap();
        for number in 0..1_000 {
            let guess = format!("store.new-{}-{number}", std::process::id());
            symlink(&precious, directory.join(guess)).unwrap();
        }
        create_private(&directory.join("store.db")).unwrap();
        assert_eq!(fs::read(&precious).unwrap(), b"precious");
        fs::remove_dir_all(directory).unwrap();
    }

    #[tokio::test]
    async fn a_dangling_symbolic_link_is_not_followed() {
        let directory = directory();
        let (link, target) = (directory.join("store.db"), directory.join("elsewhere.db"));
        symlink(&target, &link).unwrap();
        let url = format!("sqlite://{}", link.display());
        assert!(SqliteStore::connect(&url).await.is_err());
        assert!(!target.exists());
        create_private(&target).unwrap();
        SqliteStore::connect(&url).await.unwrap();
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_dir_all(directory).unwrap();
    }
}
