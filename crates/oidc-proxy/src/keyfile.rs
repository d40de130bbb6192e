//! The file of our keys, read again when it changes.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use portcullis_jwt_verify::Clock;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::keyring::{Keyring, KeyringError, Signing};
use crate::keys::{KeysError, OwnKeys};

/// A set of keys has fewer bytes.
const LONGEST: u64 = 1024 * 1024;

/// Why a file of keys cannot be used. Carries nothing of a key but its `kid`.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum KeyFileError {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Read(io::ErrorKind),
    /// It is no plain file, or longer than any set of keys.
    #[error("is no plain file of at most 1 MiB")]
    Kind,
    /// It was written to while it was read.
    #[error("is being written to")]
    Changing,
    /// What is in it cannot be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// It lacks a key that is to sign.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
}

/// What a file looks like from outside: when two of these are the same, the file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    #[cfg(unix)]
    mode: u32,
    #[cfg(unix)]
    inode: (u64, u64, i64, i64),
}

/// The file and what was read of it last. A file that is gone or broken leaves the keys that were read
/// before.
pub struct KeyFile {
    path: PathBuf,
    signing: Signing,
    clock: Arc<dyn Clock>,
    keyring: Arc<ArcSwap<Keyring>>,
    /// What it looked like; why not is a look of its own. Held while the file is read.
    seen: Mutex<Result<Stamp, KeyFileError>>,
    /// Apart, so that whoever asks does not wait for a disk.
    fault: Mutex<Option<KeyFileError>>,
}

impl KeyFile {
    /// Reads the file.
    pub fn open(
        path: impl Into<PathBuf>,
        signing: Signing,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, KeyFileError> {
        let path = path.into();
        let (stamp, keys) = read(&path)?;
        let keyring = Keyring::new(keys, &signing, clock.now().unix_timestamp())?;
        let keyring = Arc::new(ArcSwap::from_pointee(keyring));
        let (seen, fault) = (Mutex::new(Ok(stamp)), Mutex::default());
        Ok(Self { path, signing, clock, keyring, seen, fault })
    }

    /// The keys as they are now; they change in place.
    pub fn keyring(&self) -> Arc<ArcSwap<Keyring>> {
        Arc::clone(&self.keyring)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is wrong with the file as it is now, where the keys in use are those of an earlier one.
    pub fn fault(&self) -> Option<KeyFileError> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_fault(&self, fault: Option<KeyFileError>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// Looks whether the file changed, and takes what is in it if it can be used; and whether a key's time
    /// to be published is over. To be called every second or so, off the paths of requests.
    pub fn refresh(&self) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now().unix_timestamp();
        let stamp = look(&self.path);
        let time_passed = self.fault().is_none() && self.keyring.load().is_stale(now);
        if stamp == *seen && !time_passed {
            return;
        }
        let read = read(&self.path)
            .and_then(|(stamp, keys)| Ok((stamp, Keyring::new(keys, &self.signing, now)?)));
        match read {
            Ok((stamp, keyring)) => {
                tracing::info!(
                    keys.file = %self.path.display(),
                    keys.count = keyring.keys().describe().len(),
                    keys.sign = ?keyring.signs_now(now),
                    "our keys were read again"
                );
                if stamp.is_exposed() {
                    tracing::warn!(
                        keys.file = %self.path.display(),
                        "others on this machine can read our keys: chmod 600 the file"
                    );
                }
                self.keyring.store(Arc::new(keyring));
                *seen = Ok(stamp);
                self.set_fault(None);
            }
            // It is looked at again the next time.
            Err(KeyFileError::Changing) => {}
            Err(fault) => {
                if self.fault().as_ref() != Some(&fault) {
                    tracing::error!(
                        keys.file = %self.path.display(),
                        error = %fault,
                        "our keys cannot be read; those from before stay in use"
                    );
                }
                // What was seen and could not be read is tried again at the next look.
                *seen = match (&fault, stamp) {
                    (KeyFileError::Read(_), Ok(_)) => Err(fault.clone()),
                    (_, stamp) => stamp,
                };
                self.set_fault(Some(fault));
            }
        }
    }
}

impl std::fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyFile({})", self.path.display())
    }
}

impl Stamp {
    #[cfg(unix)]
    fn is_exposed(&self) -> bool {
        self.mode & 0o066 != 0
    }

    #[cfg(not(unix))]
    fn is_exposed(&self) -> bool {
        false
    }
}

fn look(path: &Path) -> Result<Stamp, KeyFileError> {
    let metadata = fs::metadata(path).map_err(|error| KeyFileError::Read(error.kind()))?;
    if !metadata.is_file() || metadata.len() > LONGEST {
        return Err(KeyFileError::Kind);
    }
    Ok(Stamp {
        modified: metadata.modified().ok(),
        length: metadata.len(),
        #[cfg(unix)]
        mode: std::os::unix::fs::MetadataExt::mode(&metadata),
        #[cfg(unix)]
        inode: {
            use std::os::unix::fs::MetadataExt as _;
            (metadata.dev(), metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
        },
    })
}

fn read(path: &Path) -> Result<(Stamp, OwnKeys), KeyFileError> {
    let (stamp, json) = read_whole(path)?;
    Ok((stamp, OwnKeys::read(&json)?))
}

/// Reads the file whole: what changed meanwhile is read another time.
pub(crate) fn read_whole(path: &Path) -> Result<(Stamp, Zeroizing<Vec<u8>>), KeyFileError> {
    let cannot = |error: io::Error| KeyFileError::Read(error.kind());
    let before = look(path)?;
    let mut json =
        Zeroizing::new(Vec::with_capacity(usize::try_from(before.length).unwrap_or(0) + 1));
    File::open(path).map_err(cannot)?.take(LONGEST + 1).read_to_end(&mut json).map_err(cannot)?;
    if look(path)? != before || json.len() as u64 != before.length {
        return Err(KeyFileError::Changing);
    }
    Ok((before, json))
}

/// The keys of a file as it is now.
pub fn load(path: &Path) -> Result<OwnKeys, KeyFileError> {
    read(path).map(|(_, keys)| keys)
}

#[cfg(test)]
mod tests;
