//! A file of keys: whether it changed, and what is in it.

use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::path::Path;
use std::time::SystemTime;

use super::{KeyError, worth_having};
use crate::KeySet;

/// What a file looks like from outside; why it cannot be seen, where it cannot.
pub(super) type Seen = Result<Stamp, io::ErrorKind>;

/// When two of these are the same, the file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    identity: Identity,
}

/// Device, inode, and the time at which the inode changed: a file that was put in another's place may
/// be as long and as old.
type Identity = (u64, u64, i64, i64);

#[cfg(unix)]
fn identity(metadata: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> Identity {
    (0, 0, 0, 0)
}

/// Looks at the file a path leads to, through links.
pub(super) fn look(path: &Path) -> Seen {
    let metadata = fs::metadata(path).map_err(|error| error.kind())?;
    Ok(Stamp {
        modified: metadata.modified().ok(),
        length: metadata.len(),
        identity: identity(&metadata),
    })
}

/// A set of keys has fewer bytes.
const LONGEST: usize = 1024 * 1024;

/// Reads the keys. What is no plain file is not opened: a pipe would not come to an end.
pub(super) fn read(path: &Path) -> Result<KeySet, KeyError> {
    let cannot = |error: io::Error| KeyError::File(error.kind());
    if !fs::metadata(path).map_err(cannot)?.is_file() {
        return Err(KeyError::Malformed("is not a plain file"));
    }
    let mut json = Vec::new();
    let limit = LONGEST as u64 + 1;
    File::open(path).map_err(cannot)?.take(limit).read_to_end(&mut json).map_err(cannot)?;
    if json.len() > LONGEST {
        return Err(KeyError::TooLarge(LONGEST));
    }
    worth_having(KeySet::from_jwks(&json))
}
