//! The file of keys, changed by one hand at a time and never half.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use portcullis_jwt_verify::Algorithm;
use serde_json::{Map, Value, json};
use tempfile::NamedTempFile;
use thiserror::Error;
use zeroize::Zeroizing;

use super::generate::{GenerateError, NewKey};
use super::{KeysError, OwnKeys};
use crate::keyfile::{self, KeyFileError};

/// Why a file of keys is left as it is. Carries nothing of a key but its `kid`.
#[derive(Debug, Error)]
pub enum EditError {
    /// It cannot be used as it is.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// Somebody else of ours changes it.
    #[error("is being changed by another process, which holds the lock beside it")]
    Busy,
    /// It cannot be written.
    #[error("cannot be written: {0}")]
    Write(#[from] io::Error),
    /// There is one of this name and algorithm.
    #[error("has a key with kid {kid:?} and alg {} already", algorithm.name())]
    Namesake {
        /// Its name.
        kid: String,
        /// By which it signs.
        algorithm: Algorithm,
    },
    /// Another one signs by that algorithm, and the new one would take its place before it was published.
    #[error("has a key that signs by {} already, whose place is taken by rotation", .0.name())]
    Beside(Algorithm),
    /// There is none whose place a new one could take.
    #[error("has no key that signs by {} now: there is nothing to rotate", .0.name())]
    Nothing(Algorithm),
    /// One that was published before would sign after the new one.
    #[error("has key {0:?} published, which is to sign later than a new one would")]
    Later(String),
    /// Those that sign now would be retired before the new one signs.
    #[error(
        "has {} keys that are retired before the new one would sign: take their exp out, or publish it for \
         a shorter time", .0.name()
    )]
    Gap(Algorithm),
    /// What would be written could not be used.
    #[error("would be broken: {0}")]
    Broken(KeysError),
    /// There is no new key.
    #[error(transparent)]
    Generate(#[from] GenerateError),
}

impl EditError {
    /// A stable word for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::File(_) | Self::Broken(_) => "keys",
            Self::Busy => "busy",
            Self::Write(_) => "write",
            Self::Namesake { .. } => "kid",
            Self::Beside(_) => "beside",
            Self::Nothing(_) => "nothing",
            Self::Later(_) | Self::Gap(_) => "publish-for",
            Self::Generate(GenerateError::Bits(_)) => "bits",
            Self::Generate(GenerateError::OpenSsl(_)) => "openssl",
        }
    }
}

/// A file of keys that nobody else of ours changes meanwhile: whoever does so holds `<file>.lock`.
pub(super) struct Locked {
    path: PathBuf,
    _lock: File,
}

/// What is in it, members that nobody here knows included.
pub(super) struct Content {
    whole: Map<String, Value>,
    pub(super) keys: Vec<Map<String, Value>>,
}

impl Locked {
    pub(super) fn take(path: &Path) -> Result<Self, EditError> {
        // What is replaced is the file, not a link to it.
        let path = match path.canonicalize() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
            found => found?,
        };
        let mut lock = path.clone().into_os_string();
        lock.push(".lock");
        let mut options = OpenOptions::new();
        let lock = options.write(true).create(true).truncate(false).mode(0o600).open(lock)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(EditError::Busy),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// `None` where there is no file.
    pub(super) fn read(&self) -> Result<Option<Content>, EditError> {
        let json = match keyfile::read_whole(&self.path) {
            Err(KeyFileError::Read(io::ErrorKind::NotFound)) => return Ok(None),
            read => read?.1,
        };
        OwnKeys::read(&json).map_err(KeyFileError::from)?;
        let not_a_set = || KeyFileError::from(KeysError::NotASet);
        let mut whole: Map<String, Value> =
            serde_json::from_slice(&json).map_err(|_| not_a_set())?;
        let Some(Value::Array(keys)) = whole.remove("keys") else { return Err(not_a_set().into()) };
        let object = |key| if let Value::Object(key) = key { Some(key) } else { None };
        let keys = keys.into_iter().filter_map(object).collect();
        Ok(Some(Content { whole, keys }))
    }

    /// Puts the file in its place as a whole: whoever reads it sees what was before or what is now. It keeps
    /// owner and mode; a new one is its owner's alone.
    pub(super) fn write(&self, content: Content) -> Result<(), EditError> {
        let mut whole = content.whole;
        whole.insert("keys".to_owned(), json!(content.keys));
        let text = Zeroizing::new(format!("{:#}\n", Value::Object(whole)));
        OwnKeys::read(text.as_bytes()).map_err(EditError::Broken)?;
        let before = match fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            found => Some(found?),
        };
        let mut file = beside(&self.path)?;
        if let Some(before) = &before {
            let made = file.as_file().metadata()?;
            if (made.uid(), made.gid()) != (before.uid(), before.gid()) {
                fchown(file.as_file(), Some(before.uid()), Some(before.gid()))?;
            }
            let mode = fs::Permissions::from_mode(before.mode() & 0o7777);
            file.as_file().set_permissions(mode)?;
        }
        put(&mut file, text.as_bytes())?;
        let placed = match before {
            Some(_) => file.persist(&self.path),
            None => file.persist_noclobber(&self.path),
        };
        placed.map_err(|error| error.error)?;
        Ok(folder(&self.path).and_then(|folder| File::open(folder)?.sync_all())?)
    }
}

/// Writes a file that anybody may read, as a whole.
pub(crate) fn publish(path: &Path, text: &str) -> io::Result<()> {
    let mut file = beside(path)?;
    file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
    put(&mut file, text.as_bytes())?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let mut options = tempfile::Builder::new();
    options.prefix(".").suffix(".new").tempfile_in(folder(path)?)
}

fn put(file: &mut NamedTempFile, text: &[u8]) -> io::Result<()> {
    file.write_all(text)?;
    file.as_file().sync_all()
}

fn folder(path: &Path) -> io::Result<&Path> {
    let folder = path.parent().ok_or(io::ErrorKind::IsADirectory)?;
    Ok(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })
}

impl Content {
    /// Of a file that is yet to be.
    pub(super) fn empty() -> Self {
        Self { whole: Map::new(), keys: Vec::new() }
    }

    /// Puts a key at the end.
    pub(super) fn push(&mut self, key: NewKey, algorithm: Algorithm) -> Result<(), EditError> {
        let kid = key.kid().to_owned();
        let same = |one: &&Map<String, Value>| is_of(one, algorithm) && one["kid"] == *kid;
        if self.keys.iter().any(|one| same(&one)) {
            return Err(EditError::Namesake { kid, algorithm });
        }
        self.keys.push(key.into_members());
        Ok(())
    }
}

/// Whether it signs by this algorithm under a name, at some time.
pub(super) fn is_of(key: &Map<String, Value>, algorithm: Algorithm) -> bool {
    let text = |name| key.get(name).and_then(Value::as_str);
    text("alg") == Some(algorithm.name())
        && text("use") == Some("sig")
        && text("kid").is_some()
        && key.contains_key("d")
}
