//! The lock file that makes one process the only user of a SQLite database.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::StoreError;

/// Held while the database is open; the operating system lets go of it when the process dies, so
/// whoever holds it knows that no other process is left.
#[derive(Debug)]
pub(crate) struct LockFile(File);

impl LockFile {
    /// Takes the lock of `database`, `<database>.lock`, or says who has it.
    pub(crate) fn take(database: &Path) -> Result<Self, StoreError> {
        let path = path(database);
        let file = private()
            .create(true)
            .open(&path)
            .map_err(|source| StoreError::File { path: path.display().to_string(), source })?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked(path.display().to_string())),
            Err(TryLockError::Error(source)) => {
                Err(StoreError::File { path: path.display().to_string(), source })
            }
        }
    }

    /// Lets go of it, for whoever has closed the database and is still there.
    pub(crate) fn release(&self) {
        // What cannot be released now is released when the file is closed.
        drop(self.0.unlock());
    }
}

/// Makes the database's file where it is missing, for its owner alone; SQLite gives the files beside
/// it the same mode. One that is there keeps the mode that it has.
pub(crate) fn make_private(database: &Path) -> Result<(), StoreError> {
    let made = private().create(true).open(database);
    made.map(drop)
        .map_err(|source| StoreError::File { path: database.display().to_string(), source })
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).truncate(false).mode(0o600);
    options
}

fn path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_one_is_refused_until_the_first_lets_go() {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("p.db");
        let first = LockFile::take(&database).unwrap();
        assert!(matches!(LockFile::take(&database), Err(StoreError::Locked(_))));
        drop(first);
        let second = LockFile::take(&database).unwrap();
        second.release();
        LockFile::take(&database).unwrap();
    }

    #[test]
    fn a_folder_that_is_not_there_is_said() {
        let missing = Path::new("/nonexistent-folder/p.db");
        assert!(matches!(LockFile::take(missing), Err(StoreError::File { .. })));
    }
}
