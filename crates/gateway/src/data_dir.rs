//! The data directory: what a gateway without a configuration keeps on disk.

mod secrets_file;

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use portcullis_base::Randomness;
use portcullis_base::seal::MasterKey;
use thiserror::Error;

pub use secrets_file::{SecretName, SecretsFile, SecretsFileError};

/// Where it is when nobody says otherwise.
pub const DEFAULT: &str = "portcullis-data";

/// The path of a data directory, which need not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataDir(PathBuf);

/// Why the data directory cannot serve.
#[derive(Debug, Error)]
pub enum DataDirError {
    /// It cannot be made or looked at.
    #[error("cannot use {path}: {source}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Its secrets file cannot be made or read.
    #[error("{path}: {source}")]
    Secrets {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: SecretsFileError,
    },
}

/// The secrets of a data directory, and whether they were made just now.
#[derive(Debug)]
pub struct Opened {
    /// The secrets.
    pub secrets: SecretsFile,
    /// Whether the file did not exist before.
    pub made: bool,
    /// What an operator should look at.
    pub warnings: Vec<String>,
}

impl DataDir {
    /// The data directory at `path`; nothing is touched.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The secrets file inside.
    pub fn secrets_path(&self) -> PathBuf {
        self.0.join("secrets.toml")
    }

    /// The database inside, as `sqlite://` URL.
    pub fn database_url(&self) -> String {
        let path = self.0.join("portcullis.db").display().to_string();
        // sqlx reads everything after `?` as options and undoes percent signs.
        format!("sqlite://{}", path.replace('%', "%25").replace('?', "%3F"))
    }

    /// Makes the directory (0700) where it is missing; gives what an operator should look at.
    pub fn ensure(&self) -> Result<Vec<String>, DataDirError> {
        let fail = |source| DataDirError::Directory { path: self.0.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0).map_err(fail)?;
        let open = fs::metadata(&self.0).map_err(fail)?.mode() & 0o077 != 0;
        let warning =
            || format!("{}: open to others on this machine; chmod 700 it", self.0.display());
        Ok(if open { vec![warning()] } else { Vec::new() })
    }

    /// Reads the secrets file; `None` where there is none. Makes nothing.
    pub fn read(&self) -> Result<Option<Opened>, DataDirError> {
        let path = self.secrets_path();
        match secrets_file::read(&path) {
            Ok(None) => Ok(None),
            Ok(Some((secrets, exposed))) => {
                let warning = format!("{}: readable by others; chmod 600 it", path.display());
                let warnings = if exposed { vec![warning] } else { Vec::new() };
                Ok(Some(Opened { secrets, made: false, warnings }))
            }
            Err(source) => Err(self.secrets_error(source)),
        }
    }

    /// An error of the secrets file, with its path.
    pub(crate) fn secrets_error(&self, source: SecretsFileError) -> DataDirError {
        DataDirError::Secrets { path: self.secrets_path(), source }
    }

    /// Gives the secrets file another master key, and keeps the one before as the previous one where that is
    /// still needed. The file is there whole at every moment.
    pub fn change_master_key(
        &self,
        secrets: SecretsFile,
        key: &MasterKey,
        previous: Option<MasterKey>,
        random: &dyn Randomness,
    ) -> Result<(), DataDirError> {
        let secrets = secrets.with_master_key(key, previous);
        secrets_file::replace(&self.secrets_path(), &secrets, random)
            .map_err(|source| self.secrets_error(source))
    }

    /// Reads the secrets file, or makes it, and the directory, where there is none. Of two processes
    /// that start at once one makes it and both read the same.
    pub fn open(&self, random: &dyn Randomness) -> Result<Opened, DataDirError> {
        let mut warnings = self.ensure()?;
        let path = self.secrets_path();
        let mut made = false;
        if !path.exists() {
            made = secrets_file::make(&path, random).map_err(|e| self.secrets_error(e))?;
        }
        let gone = || self.secrets_error(SecretsFileError::Gone);
        let opened = self.read()?.ok_or_else(gone)?;
        warnings.extend(opened.warnings);
        Ok(Opened { secrets: opened.secrets, made, warnings })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_base::SystemRandomness;
    use portcullis_base::secret::ExposeSecret as _;
    use std::os::unix::fs::PermissionsExt as _;

    fn token(opened: &Opened) -> String {
        opened.secrets.get(SecretName::AdminToken).unwrap().expose_secret().to_owned()
    }

    #[test]
    fn it_is_made_once_private_and_reused() {
        let root = tempfile::tempdir().unwrap();
        let dir = DataDir::at(root.path().join("a/b"));
        assert!(dir.read().unwrap().is_none());
        assert!(!dir.path().exists(), "reading makes nothing");
        let first = dir.open(&SystemRandomness).unwrap();
        let again = dir.open(&SystemRandomness).unwrap();
        assert!(first.made && !again.made);
        assert_eq!(token(&first), token(&again));
        let mode = |p: &Path| fs::metadata(p).unwrap().mode() & 0o777;
        assert_eq!((mode(dir.path()), mode(&dir.secrets_path())), (0o700, 0o600));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file stays");
    }

    #[test]
    fn many_starts_at_once_agree_on_one_file() {
        let root = tempfile::tempdir().unwrap();
        let dir = DataDir::at(root.path().join("data"));
        let all: Vec<Opened> = std::thread::scope(|scope| {
            let start = || scope.spawn(|| dir.open(&SystemRandomness).unwrap());
            let threads: Vec<_> = (0..16).map(|_| start()).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert_eq!(all.iter().filter(|o| o.made).count(), 1);
        assert!(all.iter().all(|o| token(o) == token(&all[0])));
    }

    #[test]
    fn open_modes_warn_and_do_not_fail() {
        let root = tempfile::tempdir().unwrap();
        let dir = DataDir::at(root.path().join("data"));
        assert!(dir.open(&SystemRandomness).unwrap().warnings.is_empty());
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(dir.secrets_path(), fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(dir.open(&SystemRandomness).unwrap().warnings.len(), 2);
    }

    #[test]
    fn what_is_in_the_way_is_an_error_and_stays_as_it_is() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, "x").unwrap();
        assert!(DataDir::at(&file).open(&SystemRandomness).is_err());
        let dir = DataDir::at(root.path());
        fs::write(dir.secrets_path(), "garbage").unwrap();
        assert!(dir.open(&SystemRandomness).is_err());
        assert_eq!(fs::read_to_string(dir.secrets_path()).unwrap(), "garbage");
    }

    #[test]
    fn the_database_url_survives_odd_paths() {
        let url = DataDir::at("a?b%c").database_url();
        assert_eq!(url, "sqlite://a%3Fb%25c/portcullis.db");
    }
}
